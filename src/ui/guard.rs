//! What stands before every page: who asks is made out first, a write has to come from one of our own forms, and whatever
//! goes wrong behind it becomes a page that says so.

use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, ResponseError, web};
use secrecy::SecretString;
use tokio::time::timeout;

use super::form::Form;
use super::frame::Frame;
use super::orders::live;
use super::reply;
use super::visitor::Visitor;
use crate::admin::Admin;
use crate::admin::error::AdminError;
use crate::admin::rest::request::from_elsewhere;

/// The cookie of a session. The prefix has browsers take it over HTTPS only, from this host alone, for all of it.
pub(super) const COOKIE: &str = "__Host-chancery";

/// The member of every form that shows where it comes from.
pub(super) const FORM_KEY: &str = "formKey";

/// How long a form may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The largest form: a profile with thousands of patterns.
const MOST_BYTES: usize = 1 << 20;

/// Pages run our own files and nothing else, send forms nowhere else, and stand in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Goes around the whole interface.
pub(super) async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut response = match admit(&mut request).await {
        Ok(None) => shown(next.call(request).await?.map_into_boxed_body()),
        Ok(Some(instead)) => request.into_response(instead),
        Err(error) => {
            let page = failure(request.request(), &error);
            request.into_response(page)
        }
    };
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    Ok(response)
}

/// Lets a request in, or answers in its stead.
async fn admit(request: &mut ServiceRequest) -> Result<Option<HttpResponse>, AdminError> {
    let writes = ![Method::GET, Method::HEAD].contains(request.method());
    if writes && from_elsewhere(request.request()) {
        let why =
            "this form was sent by a page of another site; nothing was done. Open the page here and send it again";
        return Err(AdminError::Malformed(why.to_owned()));
    }
    // Who asks comes before what they send: nobody has us read a form who has not signed in.
    let mut session = None;
    if !public(request.path()) {
        match visitor(request).await? {
            Ok(visitor) => session = Some(visitor),
            Err(instead) => return Ok(Some(instead)),
        }
    }
    if let Some(visitor) = &session {
        request.extensions_mut().insert(visitor.clone());
    }
    if !writes {
        // A page without its body is asked for like the page; that it goes without is the connection's business.
        request.head_mut().method = Method::GET;
        return Ok(None);
    }
    if request.method() != Method::POST {
        return Err(AdminError::Method { method: request.method().to_string(), allowed: "GET, POST".to_owned() });
    }
    let form = read(request).await?;
    if session.is_some_and(|visitor| !visitor.session.sent(form.text(FORM_KEY))) {
        let why = "this form does not belong to your session, so nothing was done. Open its page again and send it from there";
        return Err(AdminError::Malformed(why.to_owned()));
    }
    request.extensions_mut().insert(form);
    Ok(None)
}

/// Whoever has signed in, or what they are answered who have not.
async fn visitor(request: &ServiceRequest) -> Result<Result<Visitor, HttpResponse>, AdminError> {
    let watched = watched(request.path());
    let Some(secret) = secret(request.request()) else {
        return Ok(Err(if watched { live::closed() } else { sign_in(request, "first") }));
    };
    let admin = request.app_data::<web::Data<Admin>>().cloned().ok_or_else(unset)?;
    let session = if watched { admin.session_at_rest(&secret).await } else { admin.session(&secret).await };
    match session {
        Ok(session) => Ok(Ok(Visitor { admin, session })),
        Err(AdminError::Unauthenticated(_)) if watched => Ok(Err(live::closed())),
        Err(AdminError::Unauthenticated(_)) => Ok(Err(sign_in(request, "over"))),
        Err(error) => Err(error),
    }
}

/// What a page asks for by itself, while nobody may be before it: an order that is followed.
fn watched(path: &str) -> bool {
    path.starts_with("/ui/orders/") && path.ends_with("/live")
}

/// What nobody has to sign in for: signing in, and what that page is made of.
fn public(path: &str) -> bool {
    path == "/ui/sign-in" || path.starts_with("/ui/assets/")
}

/// The page where people sign in, which leads back to where they were. A write is not repeated: it was not done.
fn sign_in(request: &ServiceRequest, why: &str) -> HttpResponse {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("why", why);
    if request.method() == Method::GET && request.path() != "/ui" {
        let asked = request.uri().path_and_query().map_or("/ui", |asked| asked.as_str());
        query.append_pair("next", asked);
    }
    reply::leave(request.request(), &format!("/ui/sign-in?{}", query.finish()))
}

/// The secret of the session's cookie, if it came.
pub(super) fn secret(request: &HttpRequest) -> Option<SecretString> {
    request.cookie(COOKIE).map(|cookie| SecretString::from(cookie.value().to_owned()))
}

async fn read(request: &mut ServiceRequest) -> Result<Form, AdminError> {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.starts_with("application/x-www-form-urlencoded") {
        return Err(AdminError::MediaType("pages send forms: application/x-www-form-urlencoded".to_owned()));
    }
    let payload = std::mem::replace(request.parts_mut().1, Payload::None);
    let body: BoxBody = actix_web::body::BodyStream::new(payload).boxed();
    let late = |_| AdminError::Malformed(format!("the form did not come within {PATIENCE:?}"));
    match timeout(PATIENCE, actix_web::body::to_bytes_limited(body, MOST_BYTES)).await.map_err(late)? {
        Ok(Ok(bytes)) => Ok(Form::parse(&bytes)),
        Ok(Err(_)) => Err(AdminError::Malformed("the form broke off before its end".to_owned())),
        Err(_) => {
            Err(AdminError::TooLarge("the form is larger than 1 MiB; use the API or `chancery apply`".to_owned()))
        }
    }
}

/// What a handler refused, as a page.
fn shown(response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let page = response
        .response()
        .error()
        .and_then(|error| error.as_error::<AdminError>())
        .map(|error| failure(response.request(), error));
    match page {
        Some(page) => response.into_response(page),
        // Whoever reloads the page of a form that was refused, or leads a browser back to one, wants to see the thing.
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED && response.request().method() == Method::GET => {
            let page = reply::see(&reply::owner(response.request().path()));
            response.into_response(page)
        }
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let method = response.request().method().to_string();
            let page = failure(response.request(), &AdminError::Method { method, allowed: "GET".to_owned() });
            response.into_response(page)
        }
        None => response,
    }
}

/// An error as a page, with the menu where somebody has signed in.
fn failure(request: &HttpRequest, error: &AdminError) -> HttpResponse {
    let visitor = request.extensions().get::<Visitor>().cloned();
    let frame = visitor.as_ref().map(|visitor| (Frame::of(visitor, "", "Something went wrong"), request.path()));
    let mut page = reply::failure(frame, error, error.status_code());
    if let AdminError::Method { allowed, .. } = error
        && let Ok(allowed) = HeaderValue::try_from(allowed)
    {
        page.headers_mut().insert(header::ALLOW, allowed);
    }
    page
}

fn unset() -> AdminError {
    let why = "the application was configured without its use cases".to_owned();
    chancery_actors::error::TurnError::Unavailable(why).into()
}
