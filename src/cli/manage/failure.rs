//! Why a server did not do what was asked, in words that say what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use rustls::CertificateError;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::set::kebab_case;

/// Why a request came to nothing.
#[derive(Debug, Error)]
pub(super) enum RequestError {
    /// Nobody took the connection.
    #[error("{server} cannot be reached: {reason}\nIs it running there? --server or CHANCERY_URL says where it is")]
    Unreachable { server: String, reason: String },
    /// The server's certificate leads to nobody who is trusted.
    #[error(
        "the certificate of {server} comes from an issuer that is not trusted ({trusted})\n\
         Say --ca FILE or CHANCERY_CA: the server's root.pem, which lies in its data directory"
    )]
    UnknownIssuer { server: String, trusted: String },
    /// The server's certificate is not good for another reason.
    #[error("the certificate of {server} cannot be relied on: {reason}")]
    Certificate { server: String, reason: String },
    /// The connection broke.
    #[error("{server} gave no answer: {reason}")]
    Broken { server: String, reason: String },
    /// The server said no.
    #[error(transparent)]
    Refused(Box<Problem>),
    /// Something else answers there.
    #[error("{server} answered {status} with what is no answer of the management API; is that a Chancery server?")]
    Foreign { server: String, status: u16 },
    /// What cannot stand in a URL.
    #[error("{0:?} cannot be the name or id of anything")]
    Name(String),
}

/// A problem document (RFC 9457) as the API sends it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, Error)]
#[serde(default)]
pub(super) struct Problem {
    /// `urn:chancery:problem:` and a word.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// The HTTP status.
    pub(super) status: u16,
    /// In words.
    pub(super) title: String,
    /// What is wrong with this very request.
    pub(super) detail: String,
    /// The fields at fault.
    pub(super) errors: Vec<FieldError>,
    /// What depends on the thing that was to be removed.
    pub(super) dependents: Vec<String>,
}

/// A field that is not what it has to be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct FieldError {
    /// Its path.
    pub(super) field: String,
    /// What was expected, and what came.
    pub(super) detail: String,
}

impl RequestError {
    /// What an error of the transport means. `trusted` says whose certificates are.
    pub(super) fn of(error: &reqwest::Error, server: &str, trusted: &str) -> Self {
        let server = server.to_owned();
        let reason = causes(error);
        match certificate_error(error) {
            Some(CertificateError::UnknownIssuer) => Self::UnknownIssuer { server, trusted: trusted.to_owned() },
            Some(other) => Self::Certificate { server, reason: other.to_string() },
            // The verifiers of operating systems have errors of their own.
            None if reason.contains("UnknownIssuer") => Self::UnknownIssuer { server, trusted: trusted.to_owned() },
            None if error.is_connect() => Self::Unreachable { server, reason },
            None => Self::Broken { server, reason },
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            412 => write!(f, "somebody else changed it meanwhile: {}", self.detail),
            401 => write!(
                f,
                "{}\nGive a token by --token-file FILE or CHANCERY_TOKEN, or a client certificate by --client-cert and \
                 --client-key",
                self.detail
            ),
            _ if !self.errors.is_empty() => {
                f.write_str(&self.title)?;
                for FieldError { field, detail } in &self.errors {
                    match field.as_str() {
                        "" => write!(f, "\n  {detail}")?,
                        // Paths have names of profiles in them, which stay as they are.
                        field if field.contains('.') => write!(f, "\n  {field}: {detail}")?,
                        field => write!(f, "\n  {}: {detail}", kebab_case(field))?,
                    }
                }
                Ok(())
            }
            _ => {
                f.write_str(if self.detail.is_empty() { &self.title } else { &self.detail })?;
                self.dependents.iter().try_for_each(|dependent| write!(f, "\n  {dependent}"))
            }
        }
    }
}

/// What is wrong with the server's certificate, if that is what is wrong.
fn certificate_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a CertificateError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(bad)) = error.downcast_ref() {
            return Some(bad);
        }
        next = cause(error);
    }
    None
}

/// The innermost cause says most.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut last = error;
    while let Some(deeper) = cause(last) {
        last = deeper;
    }
    last.to_string()
}

/// `io::Error` passes over what it wraps when it is asked for its source.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_at_fault_has_a_line() {
        let problem: Problem = serde_json::from_value(serde_json::json!({
            "status": 422, "title": "Fields are wrong", "detail": "x",
            "errors": [{"field": "httpPort", "detail": "a"}, {"field": "", "detail": "b"}],
        }))
        .expect("a problem");
        assert_eq!(problem.to_string(), "Fields are wrong\n  http-port: a\n  b");
    }

    #[test]
    fn what_depends_on_a_thing_is_listed() {
        let problem = Problem {
            status: 409,
            detail: "it is in use".into(),
            dependents: vec!["raProfile/web".into()],
            ..Problem::default()
        };
        assert_eq!(problem.to_string(), "it is in use\n  raProfile/web");
    }
}
