//! Which path leads where, and the description of it all.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_swagger_ui::SwaggerUi;

use super::acme_profiles;
use super::problem::{FieldError, Problem};
use crate::admin::error::AdminError;

/// The API as OpenAPI 3.1 has it.
#[derive(OpenApi)]
#[openapi(
    info(title = "Chancery", description = "Manages the ACME certificate authority: profiles, accounts and what they do."),
    components(schemas(Problem, FieldError)),
    security(("token" = [])),
    modifiers(&Security)
)]
struct Api;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The description of every operation.
#[must_use]
pub fn description() -> utoipa::openapi::OpenApi {
    let mut api = Api::openapi();
    let rooms = vec![acme_profiles::Description::openapi()];
    for room in rooms {
        api.merge(room);
    }
    api
}

/// Adds the API, its description at `/api/v1/openapi.json`, and a page to try it at `/api/v1/docs/`.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(SwaggerUi::new("/api/v1/docs/{_:.*}").url("/api/v1/openapi.json", description()));
    config.service(web::scope("/api/v1").configure(acme_profiles::configure).default_service(web::to(nothing)));
}

async fn nothing(request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let what = format!("operation {} {}; /api/v1/docs/ shows what there is", method(request.method()), request.path());
    Err(AdminError::Absent(what))
}

fn method(method: &Method) -> &str {
    method.as_str()
}
