//! What every resource has at hand, and what goes around every response.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, HeaderName, HeaderValue, LINK,
};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev, web};
use chancery_actors::Engine;
use chancery_actors::profiles::Pair;
use chancery_machine::profile::{Endpoint, ProfileName};

use super::nonce::Nonces;
use super::problem::ProblemDocument;
use super::registrations::Registrations;
use super::urls::{Resource, Urls};
use crate::vault::Vault;

/// What every resource has at hand.
pub struct Acme {
    /// The engine.
    pub engine: Engine,
    /// Issues and redeems nonces.
    pub nonces: Nonces,
    /// Scheme, host and port under which clients reach the server, such as `https://acme.corp.example`.
    pub origin: String,
    /// How many accounts each address has made.
    pub registrations: Registrations,
    /// Opens the MAC keys of external accounts.
    pub vault: Arc<Vault>,
    /// How long a finalize request waits for its certificate before it answers `processing`.
    pub finalize_patience: Duration,
}

pub(super) const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

/// The endpoint that the path of a request names, with its profiles and URLs.
pub(super) struct Site {
    /// What every resource has at hand.
    pub acme: Arc<Acme>,
    /// The form of URL.
    pub endpoint: Endpoint,
    /// The profiles.
    pub pair: Pair,
    /// Its URLs.
    pub urls: Urls,
}

impl Site {
    pub(super) fn find(request: &HttpRequest) -> Result<Self, ProblemDocument> {
        let acme = acme(request)?;
        let endpoint = endpoint(request)?;
        let pair = acme.engine.profiles().resolve(&endpoint)?;
        let urls = Urls::new(&acme.origin, &endpoint);
        Ok(Self { acme, endpoint, pair, urls })
    }

    /// Under `/acme/raProfile/…`: the ACME Profile that is activated. Accounts belong to both.
    pub(super) fn activated(&self) -> Option<&ProfileName> {
        match self.endpoint {
            Endpoint::AcmeProfile(_) => None,
            Endpoint::RaProfile(_) => Some(&self.pair.acme.name),
        }
    }
}

impl FromRequest for Site {
    type Error = ProblemDocument;
    type Future = std::future::Ready<Result<Self, ProblemDocument>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Self::find(request))
    }
}

fn acme(request: &HttpRequest) -> Result<Arc<Acme>, ProblemDocument> {
    let data = request.app_data::<web::Data<Acme>>().map(|data| Arc::clone(data));
    data.ok_or_else(|| ProblemDocument::internal("the application was configured without the engine"))
}

fn endpoint(request: &HttpRequest) -> Result<Endpoint, ProblemDocument> {
    let names = request.match_info();
    let (name, form): (_, fn(ProfileName) -> Endpoint) = match (names.get("acmeProfile"), names.get("raProfile")) {
        (Some(name), _) => (name, Endpoint::AcmeProfile),
        (None, Some(name)) => (name, Endpoint::RaProfile),
        (None, None) => return Err(ProblemDocument::not_found("the path names no profile")),
    };
    ProfileName::parse(name).map(form).map_err(|bad| ProblemDocument::not_found(bad.to_string()))
}

/// Goes around every resource of an endpoint: a fresh nonce on every response to a POST (RFC 8555 section 6.5), a link to
/// the directory (section 7.1), and CORS (section 6.1).
///
/// # Errors
/// None of its own.
pub(super) async fn around(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let post = *request.method() == Method::POST;
    let directory = request.path().ends_with("/directory");
    // Looked up now: a second handle on the request must not be alive while it is routed further.
    let acme = acme(request.request());
    let endpoint = endpoint(request.request());
    let mut response = if *request.method() == Method::OPTIONS {
        let answer = HttpResponse::build(StatusCode::NO_CONTENT)
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, OPTIONS"))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"))
            .insert_header((ACCESS_CONTROL_MAX_AGE, "86400"))
            .finish();
        request.into_response(answer).map_into_right_body()
    } else {
        // Errors of extractors and handlers are responses already.
        next.call(request).await?.map_into_boxed_body().map_into_left_body()
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = "Link, Replay-Nonce, Location, Retry-After, Cert-Not-Before, Cert-Not-After";
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    if let Ok(acme) = acme {
        if post && !headers.contains_key(&REPLAY_NONCE) {
            insert(headers, REPLAY_NONCE, &acme.nonces.issue(acme.engine.now()));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if !directory && let Ok(endpoint) = endpoint {
            let index = Urls::new(&acme.origin, &endpoint).resource(Resource::Directory);
            append(headers, LINK, &format!("<{index}>;rel=\"index\""));
        }
    }
    Ok(response)
}

fn insert(headers: &mut actix_web::http::header::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn append(headers: &mut actix_web::http::header::HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}
