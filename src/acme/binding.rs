//! Bindings to external accounts (RFC 8555 section 7.3.4): a JWS with a MAC, inside of a new-account request.

use aws_lc_rs::hmac;
use thiserror::Error;

use super::envelope::Envelope;
use super::json::Excerpt;
use super::jwk::{BadKey, PublicKey};
use super::jws::{JwsError, protected};

/// How large a binding may be, in bytes: one of an ML-DSA-87 key, the largest that there is, fits well. It is kept with the account.
const MAX_BYTES: usize = 8 * 1024;

/// A binding that says what it has to say, and whose MAC nobody has verified yet.
#[derive(Debug)]
pub(super) struct Binding {
    kid: String,
    algorithm: hmac::Algorithm,
    envelope: Envelope,
}

/// Why a binding is refused before its MAC is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BindingError {
    /// It is too long to be kept.
    #[error("\"externalAccountBinding\" has {0} bytes; at most {MAX_BYTES} are accepted")]
    TooLarge(usize),
    /// It is no JWS as ACME has them.
    #[error("\"externalAccountBinding\": {0}")]
    Jws(#[from] JwsError),
    /// The algorithm makes no MAC.
    #[error("\"externalAccountBinding\" says \"alg\" {0:?}; a binding is made with HS256, HS384 or HS512")]
    Algorithm(Excerpt),
    /// It names its key twice.
    #[error("\"externalAccountBinding\" has a \"jwk\" in its protected header; a MAC key is named by \"kid\"")]
    Jwk,
    /// It has a nonce.
    #[error("\"externalAccountBinding\" has a \"nonce\"; only the request itself may have one")]
    Nonce,
    /// It was made for another request.
    #[error(
        "\"externalAccountBinding\" is for the URL {found:?}; its \"url\" has to be that of the request, {expected:?}"
    )]
    Url {
        /// What it says.
        found: Excerpt,
        /// Where the request came to.
        expected: Excerpt,
    },
    /// Its payload is no key.
    #[error("the payload of \"externalAccountBinding\" has to be the \"jwk\" of the request: {0}")]
    Payload(BadKey),
    /// Its payload is some other key.
    #[error("the payload of \"externalAccountBinding\" is another key than the \"jwk\" of the request")]
    OtherKey,
}

impl Binding {
    /// Reads the `externalAccountBinding` of a request to this URL, signed by this key.
    ///
    /// # Errors
    /// [`BindingError`] says what the client has to change.
    pub(super) fn parse(json: &str, url: &str, key: &PublicKey) -> Result<Self, BindingError> {
        if json.len() > MAX_BYTES {
            return Err(BindingError::TooLarge(json.len()));
        }
        let envelope = Envelope::parse(json.as_bytes())?;
        let header = protected(&envelope.protected)?;
        let text = |name| header.required_text(name).map_err(JwsError::Header);
        let (name, kid, found) = (text("alg")?, text("kid")?, text("url")?);
        let algorithm = algorithm(&name).ok_or_else(|| BindingError::Algorithm(Excerpt::new(&name)))?;
        if header.raw("jwk").is_some() {
            return Err(BindingError::Jwk);
        }
        if header.raw("nonce").is_some() {
            return Err(BindingError::Nonce);
        }
        if found != url {
            return Err(BindingError::Url { found: Excerpt::new(&found), expected: Excerpt::new(url) });
        }
        // Compared as keys: how a JWK is written says nothing.
        if PublicKey::from_jwk(&envelope.payload).map_err(BindingError::Payload)? != *key {
            return Err(BindingError::OtherKey);
        }
        Ok(Self { kid, algorithm, envelope })
    }

    /// The key identifier.
    pub(super) fn kid(&self) -> &str {
        &self.kid
    }

    /// Whether the MAC is that of this key; takes as long for one that is not.
    pub(super) fn verifies(&self, key: &[u8]) -> bool {
        let key = hmac::Key::new(self.algorithm, key);
        hmac::verify(&key, &self.envelope.signing_input, &self.envelope.signature).is_ok()
    }
}

/// RFC 7518 section 3.2.
fn algorithm(name: &str) -> Option<hmac::Algorithm> {
    match name {
        "HS256" => Some(hmac::HMAC_SHA256),
        "HS384" => Some(hmac::HMAC_SHA384),
        "HS512" => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::acme::signer::{Signer, encode};

    const URL: &str = "https://ca.example/acme/default/new-account";
    const KEY: &[u8] = &[7; 32];

    fn key_of(signer: &Signer) -> PublicKey {
        PublicKey::from_jwk(signer.jwk().to_string().as_bytes()).expect("the key is good")
    }

    fn jws(algorithm: hmac::Algorithm, header: &Value, payload: &Value) -> Value {
        let (protected, payload) = (encode(header.to_string()), encode(payload.to_string()));
        let mac = hmac::sign(&hmac::Key::new(algorithm, KEY), format!("{protected}.{payload}").as_bytes());
        json!({"protected": protected, "payload": payload, "signature": encode(mac)})
    }

    #[test]
    fn every_mac_algorithm_verifies_and_only_with_its_key() {
        let signer = Signer::new("ES256");
        let key = key_of(&signer);
        for (name, algorithm) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            let good = jws(algorithm, &json!({"alg": name, "kid": "k", "url": URL}), &signer.jwk());
            let binding = Binding::parse(&good.to_string(), URL, &key).expect("it is sound");
            assert_eq!(binding.kid(), "k");
            assert!(binding.verifies(KEY) && !binding.verifies(&[8; 32]) && !binding.verifies(&[]), "{name}");
            // A MAC that is cut short is none.
            let mut cut = good.clone();
            cut["signature"] = encode([0; 0]).into();
            assert!(!Binding::parse(&cut.to_string(), URL, &key).expect("it is sound").verifies(KEY), "{name}");
            // Neither is one of another length.
            let other = if name == "HS256" { "HS512" } else { "HS256" };
            let swapped = jws(algorithm, &json!({"alg": other, "kid": "k", "url": URL}), &signer.jwk());
            assert!(!Binding::parse(&swapped.to_string(), URL, &key).expect("it is sound").verifies(KEY), "{name}");
        }
    }

    #[test]
    fn the_key_is_compared_as_a_key() {
        let signer = Signer::new("RS256");
        let mut jwk = signer.jwk();
        jwk["kid"] = "mine".into();
        let jws = jws(hmac::HMAC_SHA256, &json!({"alg": "HS256", "kid": "k", "url": URL}), &jwk);
        assert!(Binding::parse(&jws.to_string(), URL, &key_of(&signer)).is_ok());
    }

    #[test]
    fn what_section_7_3_4_demands_is_demanded() {
        let signer = Signer::new("ES256");
        let key = key_of(&signer);
        let refusal = |header: Value, payload: Value| {
            let jws = jws(hmac::HMAC_SHA256, &header, &payload);
            Binding::parse(&jws.to_string(), URL, &key).expect_err("must be refused")
        };
        let header = |member: &str, value: Value| {
            let mut header = json!({"alg": "HS256", "kid": "k", "url": URL});
            header[member] = value;
            header
        };
        for alg in ["ES256", "none", "HS1", "hs256"] {
            let refused = refusal(header("alg", alg.into()), signer.jwk());
            assert_eq!(refused, BindingError::Algorithm(Excerpt::new(alg)));
        }
        for wrong in ["alg", "kid", "url"] {
            let refused = refusal(header(wrong, json!(7)), signer.jwk());
            assert!(matches!(refused, BindingError::Jws(JwsError::Header(_))), "{refused}");
        }
        assert_eq!(refusal(header("jwk", signer.jwk()), signer.jwk()), BindingError::Jwk);
        assert_eq!(refusal(header("nonce", "AAAA".into()), signer.jwk()), BindingError::Nonce);
        assert_eq!(refusal(header("b64", false.into()), signer.jwk()), JwsError::UnencodedPayload.into());
        assert_eq!(refusal(header("crit", json!([])), signer.jwk()), JwsError::Critical.into());
        let refused = refusal(header("url", "https://ca.example/acme/other/new-account".into()), signer.jwk());
        assert!(matches!(refused, BindingError::Url { .. }), "{refused}");
        let other = Signer::new("ES256");
        assert_eq!(refusal(header("kid", "k".into()), other.jwk()), BindingError::OtherKey);
        let refused = refusal(header("kid", "k".into()), json!({"kty": "oct"}));
        assert_eq!(refused, BindingError::Payload(BadKey::Symmetric));
    }

    #[test]
    fn the_form_is_as_strict_as_that_of_requests() {
        let signer = Signer::new("ES256");
        let key = key_of(&signer);
        let good = jws(hmac::HMAC_SHA256, &json!({"alg": "HS256", "kid": "k", "url": URL}), &signer.jwk());
        let refusal = |json: &str| Binding::parse(json, URL, &key).expect_err("must be refused");
        let with = |member: &str, value: Value| {
            let mut jws = good.clone();
            jws[member] = value;
            jws.to_string()
        };
        assert_eq!(refusal(&with("header", json!({}))), JwsError::UnprotectedHeader.into());
        assert_eq!(refusal(&with("signatures", json!([]))), JwsError::SeveralSignatures.into());
        assert!(matches!(refusal(&with("signature", "AA==".into())), BindingError::Jws(JwsError::Encoding { .. })));
        for other in ["null", "[]", "\"a.b.c\"", "{}"] {
            assert!(matches!(refusal(other), BindingError::Jws(JwsError::Body(_))), "{other}");
        }
        let doubled = good.to_string().replacen('{', "{\"payload\":\"\",", 1);
        assert!(matches!(refusal(&doubled), BindingError::Jws(JwsError::Body(_))));
        let long = with("more", "x".repeat(MAX_BYTES).into());
        assert_eq!(refusal(&long), BindingError::TooLarge(long.len()));
    }
}
