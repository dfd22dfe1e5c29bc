//! Problem documents (RFC 8555 section 6.7, RFC 7807): the one place where what went wrong becomes an ACME error.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use chancery_machine::problem::{Problem, ProblemType, Subproblem};
use serde::Serialize;

use super::algorithm::Algorithm;
use super::json::Excerpt;
use super::jwk::BadKey;
use super::jws::JwsError;
use super::nonce::NonceError;
use super::payload::BadPayload;

/// The media type of every error (RFC 8555 section 6.7).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error as the client gets it: a problem, its HTTP status, and what else belongs to it in body and header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemDocument {
    problem: Problem,
    status: StatusCode,
    algorithms: bool,
    instance: Option<Box<str>>,
    headers: Vec<(&'static str, String)>,
    asked: Box<[(String, String)]>,
}

impl ProblemDocument {
    /// A problem of this type, with the status that belongs to it.
    #[must_use]
    pub fn new(kind: ProblemType, detail: impl Into<String>) -> Self {
        Problem::new(kind, detail).into()
    }

    /// There is nothing under the URL of the request.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Malformed, detail).status(StatusCode::NOT_FOUND)
    }

    /// RFC 8555 section 6.3: a GET where POST-as-GET is needed, and every other method that a resource does not have.
    #[must_use]
    pub fn method_not_allowed(found: &Method, allowed: &str) -> Self {
        let found = Excerpt::new(found.as_str());
        let how = if allowed.contains("POST") { "; to read it, send a POST-as-GET (RFC 8555 section 6.3)" } else { "" };
        let detail = format!("this resource does not answer {found}, only {allowed}{how}");
        Self::new(ProblemType::Malformed, detail).status(StatusCode::METHOD_NOT_ALLOWED).header("Allow", allowed)
    }

    /// RFC 8555 section 6.2: the body of every POST is `application/jose+json`.
    #[must_use]
    pub fn unsupported_media_type(found: Option<&str>) -> Self {
        let found = found.map_or("nothing".to_owned(), |found| format!("{:?}", Excerpt::new(found)));
        let detail = format!("the Content-Type has to be application/jose+json; the request says {found}");
        Self::new(ProblemType::Malformed, detail).status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    /// The account may do nothing any more (RFC 8555 section 7.3.6).
    #[must_use]
    pub fn account_closed(detail: impl Into<String>) -> Self {
        Self::new(ProblemType::Unauthorized, detail).status(StatusCode::UNAUTHORIZED)
    }

    /// The key belongs to another account already (RFC 8555 section 7.3.5): 409 with the URL of that account.
    #[must_use]
    pub fn key_in_use(account: impl Into<String>) -> Self {
        let detail = "the new key is the key of an account already, whose URL is in Location; use another key";
        Self::new(ProblemType::Malformed, detail).status(StatusCode::CONFLICT).header("Location", account)
    }

    /// The server cannot take the request now. This is no rate limit, as the client is not at fault.
    #[must_use]
    pub fn busy(retry_after: Duration) -> Self {
        let detail = "the server is busy and has not looked at the request; try again after the time in Retry-After";
        Self::new(ProblemType::ServerInternal, detail).status(StatusCode::SERVICE_UNAVAILABLE).retry_after(retry_after)
    }

    /// The terms have changed (RFC 8555 section 7.3.3): a person has to visit `instance`. The detail says it too, since
    /// there are clients that pass on nothing else of a problem.
    #[must_use]
    pub fn terms_changed(instance: impl Into<String>, terms: &str) -> Self {
        let instance = instance.into();
        let detail = format!("the terms of service have changed; visit {instance} and agree to them");
        Self::new(ProblemType::UserActionRequired, detail).instance(instance).link(terms, "terms-of-service")
    }

    /// The same problem with another HTTP status.
    #[must_use]
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same problem, and the connection is of no use any more.
    #[must_use]
    pub fn closing(self) -> Self {
        self.header("Connection", "close")
    }

    /// The same problem, to be tried again after this time, in whole seconds and at least one (RFC 8555 section 6.6).
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        self.header("Retry-After", seconds.to_string())
    }

    /// The same problem with a URL for a person to visit.
    #[must_use]
    pub fn instance(self, url: impl Into<String>) -> Self {
        Self { instance: Some(url.into().into()), ..self }
    }

    /// The same problem with a `Link`: `help` for limits (RFC 8555 section 6.6), `terms-of-service` for terms.
    #[must_use]
    pub fn link(self, url: &str, relation: &str) -> Self {
        self.header("Link", format!("<{url}>;rel=\"{relation}\""))
    }

    /// The same problem, whose subproblems are about these identifiers, type and value as the client wrote them, in the
    /// order of the subproblems: what is no identifier can still be named (RFC 8555 section 6.7.1).
    #[must_use]
    pub fn about(self, asked: Vec<(String, String)>) -> Self {
        Self { asked: asked.into(), ..self }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn http_status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong.
    #[must_use]
    pub const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Header fields that belong to this problem; names may repeat.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// The body, JSON.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = object(&self.problem);
        body.status = Some(self.status.as_u16());
        body.algorithms = self.algorithms.then(|| Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect());
        body.instance = self.instance.as_deref();
        for (part, (kind, value)) in body.subproblems.iter_mut().zip(self.asked.iter()) {
            part.identifier = Some(Identifier { kind: kind.clone(), value: value.clone() });
        }
        serde_json::to_vec(&body).expect("strings and numbers always have a JSON form")
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The problem as a member of another object, such as the `error` of a challenge (RFC 8555 section 8).
#[must_use]
pub fn embedded(problem: &Problem) -> impl Serialize + use<'_> {
    let mut body = object(problem);
    body.status = Some(default_status(problem.kind).as_u16());
    body
}

/// The HTTP status of a problem type where nothing more is known. The RFC fixes those that have a section beside them.
#[must_use]
pub const fn default_status(kind: ProblemType) -> StatusCode {
    match kind {
        ProblemType::AccountDoesNotExist // 7.3.1
        | ProblemType::AlreadyRevoked // 7.6
        | ProblemType::AutoRenewalCancellationInvalid // RFC 8739 section 3.1.2
        | ProblemType::BadCsr
        | ProblemType::BadNonce // 6.5
        | ProblemType::BadPublicKey // 6.2
        | ProblemType::BadRevocationReason
        | ProblemType::BadSignatureAlgorithm // 6.2
        | ProblemType::Compound
        | ProblemType::Connection
        | ProblemType::Dns
        | ProblemType::InvalidContact
        | ProblemType::InvalidProfile
        | ProblemType::Malformed
        | ProblemType::Tls
        | ProblemType::UnsupportedContact
        | ProblemType::UnsupportedIdentifier => StatusCode::BAD_REQUEST,
        ProblemType::AutoRenewalCanceled // RFC 8739 section 3.1.2
        | ProblemType::AutoRenewalExpired // RFC 8739 section 3.3
        | ProblemType::AutoRenewalRevocationNotSupported // RFC 8739 section 3.1.2
        | ProblemType::Caa
        | ProblemType::ExternalAccountRequired
        | ProblemType::IncorrectResponse
        | ProblemType::OrderNotReady // 7.4
        | ProblemType::RejectedIdentifier // 7.4.1
        | ProblemType::Unauthorized // 7.6
        | ProblemType::UserActionRequired /* 7.3.3 */ => StatusCode::FORBIDDEN,
        ProblemType::AlreadyReplaced => StatusCode::CONFLICT, // RFC 9773 section 5
        ProblemType::RateLimited => StatusCode::TOO_MANY_REQUESTS, // RFC 6585 section 4
        ProblemType::ServerInternal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<Problem> for ProblemDocument {
    fn from(problem: Problem) -> Self {
        let status = default_status(problem.kind);
        // RFC 8555 section 6.2: this problem always says which algorithms there are.
        let algorithms = problem.kind == ProblemType::BadSignatureAlgorithm;
        Self { problem, status, algorithms, instance: None, headers: Vec::new(), asked: Box::default() }
    }
}

impl From<JwsError> for ProblemDocument {
    fn from(error: JwsError) -> Self {
        let detail = error.to_string();
        match error {
            JwsError::PublicKey(bad) => bad.into(),
            JwsError::Algorithm(_) => Self::new(ProblemType::BadSignatureAlgorithm, detail),
            JwsError::TooLarge(_) => Self::new(ProblemType::Malformed, detail).status(StatusCode::PAYLOAD_TOO_LARGE),
            // The algorithm and the key are both supported: the request contradicts itself.
            JwsError::KeyMismatch { .. }
            | JwsError::Body(_)
            | JwsError::Encoding { .. }
            | JwsError::SeveralSignatures
            | JwsError::UnprotectedHeader
            | JwsError::Detached
            | JwsError::Header(_)
            | JwsError::UnencodedPayload
            | JwsError::Critical
            | JwsError::Nonce(_)
            | JwsError::TwoKeys
            | JwsError::NoKey
            | JwsError::KidWithoutJwk
            | JwsError::Signature { .. } => Self::new(ProblemType::Malformed, detail),
        }
    }
}

impl From<BadKey> for ProblemDocument {
    /// RFC 8555 section 6.2: a key that is understood and not accepted is a badPublicKey; one that cannot be read makes
    /// the request malformed.
    fn from(bad: BadKey) -> Self {
        let detail = bad.to_string();
        match bad {
            BadKey::Json(_) | BadKey::Encoding { .. } => Self::new(ProblemType::Malformed, detail),
            BadKey::Private(_)
            | BadKey::Symmetric
            | BadKey::Kind(_)
            | BadKey::Curve(_)
            | BadKey::CoordinateSize { .. }
            | BadKey::NotOnCurve(_)
            | BadKey::Ed25519
            | BadKey::AkpAlgorithm(_)
            | BadKey::MlDsaSize { .. }
            | BadKey::ModulusSize(_)
            | BadKey::EvenModulus
            | BadKey::Exponent
            | BadKey::LeadingZero(_)
            | BadKey::Spki(_) => Self::new(ProblemType::BadPublicKey, detail),
        }
    }
}

impl From<NonceError> for ProblemDocument {
    fn from(error: NonceError) -> Self {
        let kind = match error {
            NonceError::Malformed => ProblemType::Malformed,
            NonceError::Unknown | NonceError::Used | NonceError::Expired => ProblemType::BadNonce,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<BadPayload> for ProblemDocument {
    fn from(bad: BadPayload) -> Self {
        Self::new(ProblemType::Malformed, bad.to_string())
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: String,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<Identifier>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subproblems: Vec<Self>,
}

/// Only subproblems have one (RFC 8555 section 6.7.1).
#[derive(Serialize)]
struct Identifier {
    #[serde(rename = "type")]
    kind: String,
    value: String,
}

fn object(problem: &Problem) -> Body<'_> {
    let subproblems = problem.subproblems.iter().map(subproblem).collect();
    Body { subproblems, ..plain(problem.kind, &problem.detail) }
}

fn subproblem(part: &Subproblem) -> Body<'_> {
    let named = part.identifier.as_ref();
    let identifier =
        named.map(|identifier| Identifier { kind: identifier.kind().to_owned(), value: identifier.value() });
    Body { identifier, ..plain(part.kind, &part.detail) }
}

fn plain(kind: ProblemType, detail: &str) -> Body<'_> {
    Body {
        kind: format!("urn:ietf:params:acme:error:{kind}"),
        detail,
        status: None,
        instance: None,
        algorithms: None,
        identifier: None,
        subproblems: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use chancery_machine::identifier::Subject;
    use serde_json::{Value, json};

    use super::*;

    fn body(document: &ProblemDocument) -> Value {
        serde_json::from_slice(&document.body()).expect("the body is JSON")
    }

    #[test]
    fn a_problem_has_type_detail_and_status() {
        let document = ProblemDocument::from(NonceError::Used);
        assert_eq!(document.http_status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            body(&document),
            json!({
                "type": "urn:ietf:params:acme:error:badNonce",
                "detail": "the nonce has been used before; use the fresh one in Replay-Nonce",
                "status": 400,
            })
        );
        let malformed = ProblemDocument::from(NonceError::Malformed);
        assert_eq!(body(&malformed)["type"], "urn:ietf:params:acme:error:malformed");
    }

    #[test]
    fn a_bad_algorithm_lists_the_good_ones() {
        let document = ProblemDocument::from(JwsError::Algorithm(Excerpt::new("none")));
        assert_eq!(document.http_status(), StatusCode::BAD_REQUEST);
        assert_eq!(
            body(&document)["algorithms"],
            json!(["ES256", "ES384", "ES512", "EdDSA", "RS256", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
        );
        assert_eq!(body(&document)["type"], "urn:ietf:params:acme:error:badSignatureAlgorithm");
    }

    #[test]
    fn a_bad_key_is_told_from_an_unreadable_one() {
        let weak = ProblemDocument::from(JwsError::from(BadKey::ModulusSize(1024)));
        assert_eq!(weak.problem().kind, ProblemType::BadPublicKey);
        let unreadable = ProblemDocument::from(BadKey::Json(super::super::json::BadJson::Missing("kty")));
        assert_eq!(unreadable.problem().kind, ProblemType::Malformed);
    }

    #[test]
    fn subproblems_name_their_identifiers() {
        let identifier = Some(Subject::dns("example.org").expect("a name").identifier);
        let kind = ProblemType::RejectedIdentifier;
        let mut problem = Problem::new(ProblemType::Compound, "two names are refused");
        problem.subproblems = vec![
            Subproblem { kind, detail: "not ours".into(), identifier },
            Subproblem { kind, detail: "nor this".into(), identifier: None },
        ];
        assert_eq!(
            body(&problem.into())["subproblems"],
            json!([
                {
                    "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                    "detail": "not ours",
                    "identifier": { "type": "dns", "value": "example.org" },
                },
                { "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "nor this" },
            ])
        );
    }

    #[test]
    fn an_embedded_problem_is_the_same_object() {
        let problem = Problem::new(ProblemType::Dns, "no such name");
        let error = serde_json::to_value(embedded(&problem)).expect("it is JSON");
        assert_eq!(error, json!({"type": "urn:ietf:params:acme:error:dns", "detail": "no such name", "status": 400}));
    }

    #[test]
    fn what_belongs_into_header_fields_stands_there() {
        let document = ProblemDocument::terms_changed("https://ca.example/agree/1", "https://ca.example/terms");
        assert_eq!(document.http_status(), StatusCode::FORBIDDEN);
        assert_eq!(body(&document)["instance"], "https://ca.example/agree/1");
        assert_eq!(document.headers(), [("Link", "<https://ca.example/terms>;rel=\"terms-of-service\"".to_owned())]);

        let busy = ProblemDocument::busy(Duration::from_millis(1200));
        assert_eq!(busy.http_status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(busy.headers(), [("Retry-After", "2".to_owned())]);
        assert_eq!(ProblemDocument::busy(Duration::ZERO).headers(), [("Retry-After", "1".to_owned())]);

        let used = ProblemDocument::key_in_use("https://ca.example/acct/1");
        assert_eq!((used.http_status(), used.headers()[0].0), (StatusCode::CONFLICT, "Location"));
        let method = ProblemDocument::method_not_allowed(&Method::GET, "POST");
        assert_eq!((method.http_status(), method.headers()[0].1.as_str()), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
        let media = ProblemDocument::unsupported_media_type(Some("text/\r\nplain"));
        assert_eq!(media.http_status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(media.problem().detail.ends_with("the request says \"text/\\r\\nplain\""));
        assert_eq!(ProblemDocument::not_found("nothing").http_status(), StatusCode::NOT_FOUND);
        assert_eq!(ProblemDocument::account_closed("closed").http_status(), StatusCode::UNAUTHORIZED);
        assert_eq!(ProblemDocument::from(JwsError::TooLarge(1 << 20)).http_status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn s6_7_every_type_has_a_status_of_an_error() {
        for &kind in ProblemType::ALL {
            let status = default_status(kind);
            assert!(status.is_client_error() || status.is_server_error(), "{kind}");
        }
    }
}
