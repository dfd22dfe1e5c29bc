//! An ACME client that hides nothing: every request is made by hand, every response is judged by what RFC 8555 asks of
//! all of them, and the rest is the test's.

#![allow(dead_code, reason = "each test target uses its part")]

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::jws::{Request, Signer};
use crate::support::https::Https;
pub(crate) use crate::support::https::Response;
use crate::support::process::eventually;

/// The media type of every POST (RFC 8555 section 6.2).
pub(crate) const JOSE: &str = "application/jose+json";

/// The prefix of every error type (RFC 8555 section 6.7).
const URN: &str = "urn:ietf:params:acme:error:";

/// Every error type that is registered (RFC 8555 section 6.7, and the extensions that are spoken here): the prefix is
/// for no others.
const REGISTERED: [&str; 30] = [
    "accountDoesNotExist",
    "alreadyReplaced",
    "alreadyRevoked",
    "autoRenewalCanceled",
    "autoRenewalCancellationInvalid",
    "autoRenewalExpired",
    "autoRenewalRevocationNotSupported",
    "badCSR",
    "badNonce",
    "badPublicKey",
    "badRevocationReason",
    "badSignatureAlgorithm",
    "caa",
    "compound",
    "connection",
    "dns",
    "externalAccountRequired",
    "incorrectResponse",
    "invalidContact",
    "invalidProfile",
    "malformed",
    "orderNotReady",
    "rateLimited",
    "rejectedIdentifier",
    "serverInternal",
    "tls",
    "unauthorized",
    "unsupportedContact",
    "unsupportedIdentifier",
    "userActionRequired",
];

/// How long anything that the server does beside a request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One ACME endpoint, as its directory describes it.
pub(crate) struct Endpoint {
    https: Https,
    directory_url: String,
    directory: Value,
    nonces: Mutex<Vec<String>>,
}

/// An account with its key.
pub(crate) struct Account<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) signer: Signer,
    pub(crate) kid: String,
}

impl Endpoint {
    /// Reads the directory, trusting only this root.
    pub(crate) fn open(directory: &str, root: &Path) -> Self {
        let mut endpoint = Self::unread(directory, root);
        let response = endpoint.send("GET", directory, &[], b"");
        assert_eq!(response.status, 200, "{directory}");
        endpoint.directory = response.json();
        endpoint
    }

    /// An endpoint whose directory nobody has read: it may refuse that.
    pub(crate) fn unread(directory: &str, root: &Path) -> Self {
        Self {
            https: Https::new(directory, root),
            directory_url: directory.to_owned(),
            directory: Value::Null,
            nonces: Mutex::default(),
        }
    }

    /// The directory object.
    pub(crate) fn directory(&self) -> &Value {
        &self.directory
    }

    /// Where the directory lies.
    pub(crate) fn directory_url(&self) -> &str {
        &self.directory_url
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        self.https.origin()
    }

    /// The URL of a resource that the directory names.
    pub(crate) fn url(&self, name: &str) -> &str {
        self.directory[name].as_str().unwrap_or_else(|| panic!("the directory has no {name}: {}", self.directory))
    }

    /// A nonce that nobody has used.
    pub(crate) fn nonce(&self) -> String {
        let kept = self.nonces.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_else(|| {
            let response = self.send("HEAD", self.url("newNonce"), &[], b"");
            response.header("Replay-Nonce").expect("newNonce answers with a nonce").to_owned()
        })
    }

    /// Signs the request, with a fresh nonce, and sends it to this URL.
    pub(crate) fn post(&self, url: &str, request: Request<'_>) -> Response {
        self.post_body(url, &request.nonce(&self.nonce()).body())
    }

    /// Sends a body that is made already, and keeps the nonce of the response for later.
    pub(crate) fn post_body(&self, url: &str, body: &[u8]) -> Response {
        let response = self.post_keeping_nothing(url, body);
        let nonce = response.header("Replay-Nonce").expect("every response to a POST has a nonce").to_owned();
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).push(nonce);
        response
    }

    /// The same, for who wants to do something else with the nonce.
    pub(crate) fn post_keeping_nothing(&self, url: &str, body: &[u8]) -> Response {
        self.send("POST", url, &[("Content-Type", JOSE)], body)
    }

    /// A request as it is.
    pub(crate) fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let response = self.https.send(method, url, headers, body);
        self.judge(method, url, &response);
        response
    }

    /// A POST that promises `promised` bytes, sends these, and then nothing more.
    pub(crate) fn post_partly(&self, url: &str, promised: usize, body: &[u8]) -> Response {
        let response = self.https.send_partly("POST", url, &[("Content-Type", JOSE)], promised, body);
        self.judge("POST", url, &response);
        response
    }

    /// Registers an account with a new key of this algorithm.
    pub(crate) fn register(&self, algorithm: &str) -> Account<'_> {
        self.register_with(Signer::new(algorithm))
    }

    /// Registers an account with this key.
    pub(crate) fn register_with(&self, signer: Signer) -> Account<'_> {
        let payload = json!({"termsOfServiceAgreed": true, "contact": ["mailto:operator@acme.test"]});
        let url = self.url("newAccount");
        let response = self.post(url, signer.with_jwk(url).payload(&payload)).expect(201);
        let kid = response.location().to_owned();
        Account { endpoint: self, signer, kid }
    }

    /// What holds for every response of an endpoint, whatever was asked.
    fn judge(&self, method: &str, url: &str, response: &Response) {
        let base = self.directory_url.trim_end_matches("directory");
        if !url.starts_with(base) {
            return;
        }
        let told = || format!("{method} {url}: {response:?}");
        // Section 6.1.
        assert_eq!(response.header("Access-Control-Allow-Origin"), Some("*"), "{}", told());
        // Section 6.5: on every success, and on errors too, so that a client need not ask for another.
        if method == "POST" {
            let nonces = response.all("Replay-Nonce");
            let [nonce] = nonces.as_slice() else { panic!("one nonce: {}", told()) };
            assert!(URL_SAFE_NO_PAD.decode(nonce).is_ok_and(|nonce| nonce.len() >= 16), "{}", told());
            assert!(response.header("Cache-Control").is_some_and(|value| value.contains("no-store")), "{}", told());
        }
        // Section 7.1.
        let index: &[&str] = if url == self.directory_url { &[] } else { &[&self.directory_url] };
        assert_eq!(response.links("index"), index, "{}", told());
        if response.status >= 400 && method != "HEAD" {
            response.judge_problem(&told());
        }
    }
}

impl Response {
    /// Fails the test unless it is this problem with this status.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, kind: &str) -> Self {
        assert_eq!((self.status, self.problem()), (status, kind.to_owned()), "{}", self.said());
        self
    }

    /// The type of the problem without its prefix; empty if it is none.
    pub(crate) fn problem(&self) -> String {
        self.kind().strip_prefix(URN).unwrap_or_default().to_owned()
    }

    /// RFC 8555 section 6.7 and RFC 7807.
    fn judge_problem(&self, told: &str) {
        assert_eq!(self.header("Content-Type"), Some("application/problem+json"), "{told}");
        let problem = self.json();
        assert!(REGISTERED.contains(&self.problem().as_str()), "{told}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{told}");
        assert_eq!(problem["status"], self.status, "{told}");
        assert!(problem.get("identifier").is_none(), "identifiers stand in subproblems only: {told}");
    }
}

impl Account<'_> {
    /// A request of this account, not signed yet.
    pub(crate) fn request(&self, url: &str) -> Request<'_> {
        self.signer.with_kid(&self.kid, url)
    }

    /// A POST with this payload.
    pub(crate) fn post(&self, url: &str, payload: &Value) -> Response {
        self.endpoint.post(url, self.request(url).payload(payload))
    }

    /// A POST-as-GET.
    pub(crate) fn read(&self, url: &str) -> Response {
        self.endpoint.post(url, self.request(url))
    }

    /// A POST-as-GET that has to succeed, until the object satisfies.
    pub(crate) fn poll(&self, url: &str, satisfied: impl Fn(&Value) -> bool) -> Value {
        eventually(PATIENCE, || {
            let object = self.read(url).expect(200).json();
            if satisfied(&object) { Ok(object) } else { Err(format!("{url} is {object}")) }
        })
    }

    /// Until the object has left `pending` and `processing`.
    pub(crate) fn settle(&self, url: &str) -> Value {
        self.poll(url, |object| object["status"] != "pending" && object["status"] != "processing")
    }

    /// Until the object has this status.
    pub(crate) fn await_status(&self, url: &str, status: &str) -> Value {
        self.poll(url, |object| object["status"] == status)
    }

    /// Places an order for domain names, and answers its URL and the object.
    pub(crate) fn order(&self, names: &[&str]) -> (String, Value) {
        let identifiers: Vec<Value> = names.iter().map(|name| json!({"type": "dns", "value": name})).collect();
        let response = self.post(self.endpoint.url("newOrder"), &json!({"identifiers": identifiers})).expect(201);
        (response.location().to_owned(), response.json())
    }

    /// The inner JWS of a change to this key (RFC 8555 section 7.3.5), not signed yet.
    pub(crate) fn key_change<'b>(&self, new: &'b Signer) -> Request<'b> {
        let payload = json!({"account": self.kid, "oldKey": self.signer.jwk()});
        new.with_jwk(self.endpoint.url("keyChange")).payload(&payload)
    }

    /// Asks for an authorization before any order (RFC 8555 section 7.4.1).
    pub(crate) fn new_authz(&self, identifier: &Value) -> Response {
        self.post(self.endpoint.url("newAuthz"), &json!({"identifier": identifier}))
    }

    /// The key authorization of a challenge (RFC 8555 section 8.1).
    pub(crate) fn key_authorization(&self, challenge: &Value) -> String {
        format!("{}.{}", challenge["token"].as_str().expect("a challenge has a token"), self.signer.thumbprint())
    }
}

/// The challenge of this type in an authorization.
pub(crate) fn challenge(authorization: &Value, kind: &str) -> Value {
    let challenges = authorization["challenges"].as_array().expect("an authorization has challenges");
    let found = challenges.iter().find(|challenge| challenge["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {authorization}")).clone()
}

/// A member that is a string.
pub(crate) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_else(|| panic!("no {member} in {object}"))
}
