//! Responses that several resources give.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, LINK, LOCATION, RETRY_AFTER};
use serde::Serialize;

/// When a client should look again at something that is being worked on right now.
pub(super) const WORKING: Duration = Duration::from_secs(1);

/// A JSON resource.
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
}

impl Reply {
    pub(super) const fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new() }
    }

    pub(super) const fn ok() -> Self {
        Self::new(StatusCode::OK)
    }

    pub(super) fn location(mut self, url: &str) -> Self {
        self.headers.push((LOCATION, url.to_owned()));
        self
    }

    pub(super) fn link(mut self, url: &str, relation: &str) -> Self {
        self.headers.push((LINK, format!("<{url}>;rel=\"{relation}\"")));
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn retry_after(mut self, wait: Option<Duration>) -> Self {
        if let Some(wait) = wait {
            self.headers.push((RETRY_AFTER, wait.as_millis().div_ceil(1000).max(1).to_string()));
        }
        self
    }

    pub(super) fn json(self, body: &impl Serialize) -> HttpResponse {
        self.builder().json(body)
    }

    pub(super) fn body(self, media: &str, body: impl Into<Vec<u8>>) -> HttpResponse {
        self.builder().content_type(media).body(body.into())
    }

    pub(super) fn empty(self) -> HttpResponse {
        self.builder().finish()
    }

    fn builder(self) -> actix_web::HttpResponseBuilder {
        let mut builder = HttpResponse::build(self.status);
        for (name, value) in self.headers {
            builder.append_header((name, value));
        }
        builder
    }
}
