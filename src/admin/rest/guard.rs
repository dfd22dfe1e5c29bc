//! What stands before every operation: who asks is made out before anything of the request is read, whoever may only read
//! changes nothing, and nothing of an answer is kept by caches.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, ResponseError};

use super::request::authenticate;
use super::routes::methods;
use crate::admin::error::AdminError;
use crate::admin::operator::Role;

/// Goes around the whole API.
pub(super) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut response = match admitted(&request).await {
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
        Err(refused) => request.into_response(refused.error_response()),
    };
    // The router's own answer has no body.
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        let method = response.request().method().to_string();
        let allowed = allowed(response.request());
        response = response.into_response(AdminError::Method { method, allowed }.error_response());
    }
    // What operators see changes, and some of it is shown once.
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// A name in a path may be a word of the API too: a profile can be called `bulk`.
fn allowed(request: &HttpRequest) -> String {
    let (path, pattern) = (request.path().to_owned(), request.match_pattern().unwrap_or_default());
    let mut allowed = methods(&path);
    for method in methods(&pattern) {
        if !allowed.contains(&method) {
            allowed.push(method);
        }
    }
    allowed.join(", ")
}

async fn admitted(request: &ServiceRequest) -> Result<(), AdminError> {
    // Where there is nothing, nobody has to say who asks: the description is public.
    if request.match_pattern().is_none() {
        return Ok(());
    }
    let operator = authenticate(request.request()).await?;
    operator.may(if request.method() == Method::GET { Role::Auditor } else { Role::Operator })?;
    request.extensions_mut().insert(operator);
    Ok(())
}
