//! An operator's client of the management API: JSON requests with a token.

use serde_json::Value;

use super::https::{Https, Response};
use super::server::Server;

/// Where the API is.
const BASE: &str = "/api/v1";

/// The prefix of every problem type of the API.
const URN: &str = "urn:chancery:problem:";

/// The API of one server, as whoever has the token sees it. Paths are those below `/api/v1`, as in `/acmeProfiles`.
pub(crate) struct Admin {
    https: Https,
    token: String,
}

impl Admin {
    /// As the administrator whose token the server showed when it was started first.
    pub(crate) fn of(server: &Server) -> Self {
        Self::with_token(server, &server.token())
    }

    /// As whoever has this token.
    pub(crate) fn with_token(server: &Server, token: &str) -> Self {
        Self { https: Https::new(server.directory(), &server.root()), token: token.to_owned() }
    }

    /// Reads.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], None)
    }

    /// Creates, or acts.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.send("POST", path, &[], Some(body))
    }

    /// Changes what still has this ETag; `*` stands for any.
    pub(crate) fn patch(&self, path: &str, etag: &str, body: &Value) -> Response {
        self.send("PATCH", path, &[("If-Match", etag)], Some(body))
    }

    /// Removes what still has this ETag; `*` stands for any.
    pub(crate) fn delete(&self, path: &str, etag: &str) -> Response {
        self.send("DELETE", path, &[("If-Match", etag)], None)
    }

    /// A request with these header fields besides.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Response {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", authorization.as_str())];
        all.extend_from_slice(headers);
        if body.is_some() {
            all.push(("Content-Type", "application/json"));
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let url = format!("{}{BASE}{path}", self.https.origin());
        let response = self.https.send(method, &url, &all, body.as_bytes());
        if response.status >= 400 {
            // RFC 9457, whatever went wrong.
            assert_eq!(
                response.header("Content-Type"),
                Some("application/problem+json"),
                "{method} {path}: {response:?}"
            );
            assert!(response.kind().starts_with(URN), "{method} {path}: {response:?}");
        }
        response
    }
}

impl Response {
    /// Fails the test unless it is this problem of the API with this status.
    #[track_caller]
    pub(crate) fn expect_refusal(self, status: u16, word: &str) -> Self {
        assert_eq!((self.status, self.kind()), (status, format!("{URN}{word}")), "{}", self.said());
        self
    }

    /// The ETag.
    #[track_caller]
    pub(crate) fn etag(&self) -> &str {
        self.header("ETag").unwrap_or_else(|| panic!("no ETag in {self:?}"))
    }
}
