//! What a request says, once its signature is verified.

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::json::{self, BadJson};

/// The payload of a verified JWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Nothing at all: POST-as-GET (RFC 8555 section 6.3).
    Empty,
    /// Something: JSON where the client keeps to the protocol.
    Json(Vec<u8>),
}

/// Why a payload is not what the resource expects.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadPayload {
    /// Empty where something has to be said.
    #[error("the payload is empty, which is a POST-as-GET; this request needs a JSON object as its payload")]
    Empty,
    /// Something where nothing may be said.
    #[error("the payload has to be empty (\"\"), as this resource can only be read, by POST-as-GET")]
    NotEmpty,
    /// Not the object that was expected.
    #[error("the payload is not what this request needs: {0}")]
    Json(#[from] BadJson),
}

impl Payload {
    /// Reads the object that a resource expects. A name that stands twice in it is refused, and so is [`Payload::Empty`].
    ///
    /// # Errors
    /// [`BadPayload`] names the member at fault, what was expected of it and what came.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, BadPayload> {
        match self {
            Self::Empty => Err(BadPayload::Empty),
            Self::Json(json) => Ok(json::read(json)?),
        }
    }

    /// Insists on POST-as-GET.
    ///
    /// # Errors
    /// [`BadPayload::NotEmpty`].
    pub fn empty(&self) -> Result<(), BadPayload> {
        match self {
            Self::Empty => Ok(()),
            Self::Json(_) => Err(BadPayload::NotEmpty),
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Json(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, serde::Deserialize)]
    struct Finalize {
        csr: String,
    }

    #[test]
    fn nothing_is_not_an_empty_object() {
        assert_eq!(Payload::from(Vec::new()), Payload::Empty);
        assert_eq!(Payload::Empty.empty(), Ok(()));
        assert_eq!(Payload::Empty.json::<Finalize>(), Err(BadPayload::Empty));
        assert_eq!(Payload::from(b"{}".to_vec()).empty(), Err(BadPayload::NotEmpty));
    }

    #[test]
    fn the_object_is_read_or_its_fault_is_named() {
        let read = |json: &[u8]| Payload::from(json.to_vec()).json::<Finalize>();
        assert_eq!(read(br#"{"csr":"AA","more":[]}"#), Ok(Finalize { csr: "AA".into() }));
        for (json, said) in [
            (r#"{"csr":7}"#, "the member \"csr\" does not fit: invalid type: integer `7`, expected a string"),
            (r#"{"csr":"A","csr":"B"}"#, "\"csr\" stands in it twice"),
            (r#"{}"#, "missing field `csr`"),
            (r#"[1]"#, "expected an object"),
            ("\u{feff}{}", "it is no JSON object"),
        ] {
            let text = read(json.as_bytes()).expect_err("must be refused").to_string();
            assert!(text.contains(said), "{json}: {text}");
        }
    }
}
