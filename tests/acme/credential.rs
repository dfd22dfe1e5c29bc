//! Credentials for external account binding (RFC 8555 section 7.3.4), as operators make them and clients use them.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::client::{Endpoint, Response, text};
use crate::house::house;
use crate::jws::{Signer, encode};

/// A credential as its holder was given it.
pub(crate) struct Credential {
    pub(crate) id: String,
    pub(crate) key: Vec<u8>,
}

impl Credential {
    pub(crate) fn new(settings: &Value) -> Self {
        let made = house().admin().post("/eabCredentials", settings).expect(201).json();
        assert_eq!(made["algorithm"], "HS256");
        let key = URL_SAFE_NO_PAD.decode(text(&made, "hmacKey")).expect("the key is base64url");
        assert!(key.len() >= 32, "as long as the hash (RFC 7518 section 3.2)");
        Self { id: text(&made, "keyId").to_owned(), key }
    }

    /// The binding of this account key for new accounts of this endpoint.
    pub(crate) fn bind(&self, endpoint: &Endpoint, signer: &Signer) -> Value {
        self.bind_with(&json!({"alg": "HS256", "kid": self.id, "url": endpoint.url("newAccount")}), &signer.jwk())
    }

    /// A binding with this protected header and this payload.
    pub(crate) fn bind_with(&self, header: &Value, payload: &Value) -> Value {
        let algorithm = match header["alg"].as_str() {
            Some("HS384") => hmac::HMAC_SHA384,
            Some("HS512") => hmac::HMAC_SHA512,
            Some(_) | None => hmac::HMAC_SHA256,
        };
        let (protected, payload) = (encode(header.to_string()), encode(payload.to_string()));
        let mac = hmac::sign(&hmac::Key::new(algorithm, &self.key), format!("{protected}.{payload}").as_bytes());
        json!({"protected": protected, "payload": payload, "signature": encode(mac)})
    }

    pub(crate) fn revoke(&self) {
        house().admin().post(&format!("/eabCredentials/{}/revoke", self.id), &json!({})).expect(200);
    }
}

/// A new account that agrees to the terms, with this binding.
pub(crate) fn new_account(endpoint: &Endpoint, signer: &Signer, binding: Option<&Value>) -> Response {
    let mut payload = json!({"termsOfServiceAgreed": true});
    if let Some(binding) = binding {
        payload["externalAccountBinding"] = binding.clone();
    }
    let url = endpoint.url("newAccount");
    endpoint.post(url, signer.with_jwk(url).payload(&payload))
}
