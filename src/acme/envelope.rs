//! The flattened JSON serialization of a JWS (RFC 7515 section 7.2.2), taken apart but not judged.
//!
//! Requests ([`Jws`](super::jws::Jws)) and every other JWS that ACME nests in a payload come in this form.

use super::base64url;
use super::json::{BadJson, Members};
use super::jws::{JwsError, MAX_BYTES};

/// The three parts of a JWS, decoded.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The JSON of the protected header.
    pub(crate) protected: Vec<u8>,
    /// What was signed about the request.
    pub(crate) payload: Vec<u8>,
    /// The signature or MAC.
    pub(crate) signature: Vec<u8>,
    /// What the signature covers (RFC 7515 section 5.1 step 5).
    pub(crate) signing_input: Vec<u8>,
}

impl Envelope {
    /// Takes a JWS apart. Members that RFC 7515 does not define are ignored, as its section 7.2.1 demands; those that RFC
    /// 8555 section 6.2 forbids are refused.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, JwsError> {
        if json.len() > MAX_BYTES {
            return Err(JwsError::TooLarge(json.len()));
        }
        let members = Members::parse(json).map_err(JwsError::Body)?;
        if members.raw("signatures").is_some() {
            return Err(JwsError::SeveralSignatures);
        }
        if members.raw("header").is_some() {
            return Err(JwsError::UnprotectedHeader);
        }
        let (protected, protected_text) = part(&members, "protected")?;
        let (payload, payload_text) = match part(&members, "payload") {
            Err(JwsError::Body(BadJson::Missing(_))) => return Err(JwsError::Detached),
            other => other?,
        };
        let (signature, _) = part(&members, "signature")?;
        let signing_input = [protected_text.as_bytes(), b".", payload_text.as_bytes()].concat();
        Ok(Self { protected, payload, signature, signing_input })
    }
}

fn part(members: &Members<'_>, member: &'static str) -> Result<(Vec<u8>, String), JwsError> {
    let text = members.required_text(member).map_err(JwsError::Body)?;
    let bytes = base64url::decode(&text).map_err(|reason| JwsError::Encoding { member, reason })?;
    Ok((bytes, text))
}
