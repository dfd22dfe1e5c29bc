//! The description of the API, and a page to try it on. Both are public: they tell nothing that the source does not.

use std::sync::Arc;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::Config;

use super::routes::description;
use crate::admin::error::AdminError;

const DESCRIPTION: &str = "/api/v1/openapi.json";
const PAGE: &str = "/api/v1/docs/index.html";

/// The page runs its own scripts and none else, speaks to this server alone, and stands in no frame. It draws with inline
/// styles and images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Adds both.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    let description = web::Bytes::from(description().to_json().unwrap_or_default());
    let page = Arc::new(Config::from(DESCRIPTION));
    let show = move |file: web::Path<String>| {
        let page = Arc::clone(&page);
        async move { shown(&file, page) }
    };
    config
        .route(DESCRIPTION, web::get().to(move || std::future::ready(described(description.clone()))))
        .route("/api/v1/docs", web::get().to(redirect))
        .route("/api/v1/docs/", web::get().to(redirect))
        .route("/api/v1/docs/{file:.+}", web::get().to(show));
}

fn described(description: web::Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type("application/json")
        .body(description)
}

async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((LOCATION, PAGE)).finish()
}

fn shown(file: &str, page: Arc<Config<'static>>) -> Result<HttpResponse, AdminError> {
    let absent = || AdminError::Absent(format!("page {file:?} in the documentation; it begins at {PAGE}"));
    let file = utoipa_swagger_ui::serve(file, page).ok().flatten().ok_or_else(absent)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .content_type(file.content_type);
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(file.bytes.into_owned()))
}
