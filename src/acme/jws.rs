//! Signed requests (RFC 8555 section 6.2): parsed strictly, verified once, and only then read.

use thiserror::Error;

use super::algorithm::Algorithm;
use super::base64url::{self, BadBase64Url};
use super::envelope::Envelope;
use super::json::{BadJson, Excerpt, Members};
use super::jwk::{BadKey, PublicKey};
use super::payload::Payload;

/// How large a JWS may be, in bytes: a finalize request with an ML-DSA-87 key and a hundred long names fits well, and so
/// does a change from one such key to another.
pub const MAX_BYTES: usize = 128 * 1024;

/// A JWS whose signature has not been verified: its header says which key to verify it with, its payload stays closed.
#[derive(Debug)]
pub struct Jws {
    header: Header,
    envelope: Envelope,
}

/// The protected header of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// The anti-replay nonce, base64url (RFC 8555 section 6.5.2). The inner JWS of a key change has none.
    pub nonce: Option<String>,
    /// Which URL the request is for; to be compared with the request's as text (RFC 8555 section 6.4).
    pub url: String,
    /// Whose request it is.
    pub key: KeyRef,
}

/// Says which key verifies a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRef {
    /// The key itself: newAccount, and revokeCert by the key of the certificate.
    Jwk(PublicKey),
    /// The URL of an account: everything else.
    Kid(String),
}

/// A request whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its protected header.
    pub header: Header,
    /// What it asks for.
    pub payload: Payload,
}

/// Why a JWS is refused. Each says what was expected and what came.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwsError {
    /// It is too long to be looked at.
    #[error("the request has {0} bytes; at most {max} are read", max = MAX_BYTES)]
    TooLarge(usize),
    /// It is no JWS in flattened JSON serialization.
    #[error("the request has to be a JWS in flattened JSON serialization, with protected, payload and signature: {0}")]
    Body(#[source] BadJson),
    /// A part is not base64url.
    #[error("\"{member}\" of the JWS is not base64url: {reason}")]
    Encoding {
        /// Which part.
        member: &'static str,
        /// What is wrong with it.
        reason: BadBase64Url,
    },
    /// RFC 8555 section 6.2: one signature.
    #[error("the JWS has \"signatures\"; ACME allows exactly one signature, in flattened JSON serialization")]
    SeveralSignatures,
    /// RFC 8555 section 6.2: everything is protected.
    #[error("the JWS has an unprotected \"header\"; ACME allows header parameters in \"protected\" only")]
    UnprotectedHeader,
    /// RFC 8555 section 6.2: the payload is part of the JWS.
    #[error("the JWS has no \"payload\"; ACME allows no detached content, and a POST-as-GET has the payload \"\"")]
    Detached,
    /// The protected header is not the object that it has to be.
    #[error("the protected header cannot be used: {0}")]
    Header(#[source] BadJson),
    /// RFC 7797: the payload would not be encoded (RFC 8555 section 6.2 forbids it).
    #[error("the protected header has \"b64\"; ACME allows only payloads in base64url, so leave it out")]
    UnencodedPayload,
    /// RFC 7515 section 4.1.11: extensions that must be understood, and none is.
    #[error("the protected header has \"crit\", but no critical extension is supported; leave it out")]
    Critical,
    /// RFC 8555 section 6.2: `none`, a MAC, or something unknown.
    #[error("the algorithm {0:?} is not supported; sign with one of {list}", list = Algorithm::list())]
    Algorithm(Excerpt),
    /// RFC 8555 section 6.5.2.
    #[error("the nonce in the protected header is not base64url ({0}); send it exactly as Replay-Nonce had it")]
    Nonce(BadBase64Url),
    /// RFC 8555 section 6.2: jwk and kid exclude each other.
    #[error("the protected header has both \"jwk\" and \"kid\"; send exactly one of them")]
    TwoKeys,
    /// RFC 8555 section 6.2: one of jwk and kid is needed.
    #[error(
        "the protected header has neither \"jwk\" nor \"kid\"; send the account URL as \"kid\", or for a new account the \
         key as \"jwk\""
    )]
    NoKey,
    /// Verification by the key in the header was asked for, and there is only a name of a key.
    #[error("the protected header has a \"kid\" where this request needs the public key itself, as \"jwk\"")]
    KidWithoutJwk,
    /// The key in the header is not acceptable.
    #[error(transparent)]
    PublicKey(#[from] BadKey),
    /// The algorithm is supported, but is not that of the key.
    #[error("the JWS says {claimed}, but a {key} key signs with {fitting}; set \"alg\" to {fitting}")]
    KeyMismatch {
        /// What the header says.
        claimed: Algorithm,
        /// What the key is.
        key: String,
        /// What fits the key.
        fitting: Algorithm,
    },
    /// The signature is not that of the key over this request.
    #[error(
        "the signature does not verify with the {key} key; sign protected.payload as sent, in the form that JOSE says for \
         {algorithm}"
    )]
    Signature {
        /// What the key is.
        key: String,
        /// Its algorithm.
        algorithm: Algorithm,
    },
}

impl Jws {
    /// Reads a request body, or the payload that carries an inner JWS (RFC 8555 section 7.3.5).
    ///
    /// # Errors
    /// [`JwsError`] says what the client has to change.
    pub fn parse(body: &[u8]) -> Result<Self, JwsError> {
        let envelope = Envelope::parse(body)?;
        let header = Header::parse(&envelope.protected)?;
        if let KeyRef::Jwk(key) = &header.key {
            fits(header.algorithm, key)?;
        }
        Ok(Self { header, envelope })
    }

    /// The header, which nobody has vouched for yet.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Verifies the signature with the key of the account that the `kid` names.
    ///
    /// # Errors
    /// [`JwsError::KeyMismatch`], [`JwsError::Signature`]; the latter also where the header carries a `jwk` and it is
    /// another key.
    pub fn verify(self, key: &PublicKey) -> Result<Verified, JwsError> {
        fits(self.header.algorithm, key)?;
        let own = match &self.header.key {
            KeyRef::Jwk(embedded) => embedded == key,
            KeyRef::Kid(_) => true,
        };
        if !own || !key.verifies(&self.envelope.signing_input, &self.envelope.signature) {
            return Err(JwsError::Signature { key: key.to_string(), algorithm: key.algorithm() });
        }
        Ok(Verified { header: self.header, payload: self.envelope.payload.into() })
    }

    /// Verifies the signature with the `jwk` of the header, and answers that key too.
    ///
    /// # Errors
    /// [`JwsError::KidWithoutJwk`], [`JwsError::Signature`].
    pub fn verify_embedded(self) -> Result<(PublicKey, Verified), JwsError> {
        let key = match &self.header.key {
            KeyRef::Jwk(key) => key.clone(),
            KeyRef::Kid(_) => return Err(JwsError::KidWithoutJwk),
        };
        let verified = self.verify(&key)?;
        Ok((key, verified))
    }
}

impl Header {
    fn parse(json: &[u8]) -> Result<Self, JwsError> {
        let members = protected(json)?;
        let name = members.required_text("alg").map_err(JwsError::Header)?;
        let algorithm = Algorithm::from_name(&name).ok_or_else(|| JwsError::Algorithm(Excerpt::new(&name)))?;
        let nonce = members.text("nonce").map_err(JwsError::Header)?;
        if let Some(nonce) = &nonce {
            base64url::check(nonce).map_err(JwsError::Nonce)?;
        }
        let url = members.required_text("url").map_err(JwsError::Header)?;
        let key = match (members.raw("jwk"), members.text("kid").map_err(JwsError::Header)?) {
            (Some(_), Some(_)) => return Err(JwsError::TwoKeys),
            (None, None) => return Err(JwsError::NoKey),
            (Some(jwk), None) => KeyRef::Jwk(PublicKey::from_jwk(jwk.as_bytes())?),
            (None, Some(kid)) => KeyRef::Kid(kid),
        };
        Ok(Self { algorithm, nonce, url, key })
    }
}

/// Reads a protected header, and refuses what no JWS of ACME may have in it.
pub(super) fn protected(json: &[u8]) -> Result<Members<'_>, JwsError> {
    let members = Members::parse(json).map_err(JwsError::Header)?;
    if members.raw("b64").is_some() {
        return Err(JwsError::UnencodedPayload);
    }
    if members.raw("crit").is_some() {
        return Err(JwsError::Critical);
    }
    Ok(members)
}

/// RFC 7518 section 3.4, RFC 8037 section 3.1 and RFC 9964 section 3: the algorithm has to be that of the key, before anything is verified.
fn fits(claimed: Algorithm, key: &PublicKey) -> Result<(), JwsError> {
    let fitting = key.algorithm();
    if claimed == fitting { Ok(()) } else { Err(JwsError::KeyMismatch { claimed, key: key.to_string(), fitting }) }
}

#[cfg(test)]
#[path = "jws_tests.rs"]
mod tests;
