//! Which path leads where, and the description of it all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::{HttpRequest, HttpResponse, middleware, web};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::guard::guard;
use super::problem::{FieldError, Problem};
use super::schemas;
use super::{
    acme_accounts, acme_profiles, apply, audit, authorities, authorizations, certificates, docs, eab_credentials,
    orders, overview, ra_profiles, tokens, whoami,
};
use crate::admin::error::AdminError;

/// A room: its routes and their description.
type Room = (fn(&mut web::ServiceConfig), fn() -> utoipa::openapi::OpenApi);

/// Every room of the API.
const ROOMS: &[Room] = &[
    (acme_profiles::configure, acme_profiles::Description::openapi),
    (ra_profiles::configure, ra_profiles::Description::openapi),
    (apply::configure, apply::Description::openapi),
    (authorities::configure, authorities::Description::openapi),
    (acme_accounts::configure, acme_accounts::Description::openapi),
    (eab_credentials::configure, eab_credentials::Description::openapi),
    (orders::configure, orders::Description::openapi),
    (authorizations::configure, authorizations::Description::openapi),
    (certificates::configure, certificates::Description::openapi),
    (audit::configure, audit::Description::openapi),
    (overview::configure, overview::Description::openapi),
    (tokens::configure, tokens::Description::openapi),
    (whoami::configure, whoami::Description::openapi),
];

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
    for (_, described) in ROOMS {
        api.merge(described());
    }
    schemas::adapt(&mut api);
    api
}

/// Adds the API, its description at `/api/v1/openapi.json`, and a page to try it at `/api/v1/docs/`.
pub fn configure(config: &mut web::ServiceConfig) {
    docs::configure(config);
    let mut api = web::scope("/api/v1");
    for (configure, _) in ROOMS {
        api = api.configure(configure);
    }
    config.service(api.default_service(web::to(nothing)).wrap(middleware::from_fn(guard)));
}

/// The methods of a described path.
pub(super) fn methods(path: &str) -> Vec<&'static str> {
    static METHODS: LazyLock<BTreeMap<String, Vec<&'static str>>> = LazyLock::new(|| {
        let paths = description().paths.paths.into_iter();
        let named = paths.map(|(path, item)| {
            let operations = [
                ("GET", item.get.is_some()),
                ("POST", item.post.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            let there = operations.into_iter().filter(|(_, there)| *there).map(|(method, _)| method);
            (path, there.collect())
        });
        named.collect()
    });
    METHODS.get(path).cloned().unwrap_or_default()
}

async fn nothing(request: HttpRequest) -> Result<HttpResponse, AdminError> {
    let what = format!("operation {} {}; /api/v1/docs/ shows what there is", request.method(), request.path());
    Err(AdminError::Absent(what))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_has_a_name_of_its_own_and_says_what_it_answers_without_a_token() {
        let api = description();
        let mut names = BTreeSet::new();
        for (path, item) in api.paths.paths {
            let operations = [item.get, item.post, item.patch, item.delete, item.put, item.head, item.options];
            for operation in operations.into_iter().flatten() {
                let name = operation.operation_id.unwrap_or_else(|| panic!("{path} has an operation without a name"));
                assert!(names.insert(name.clone()), "{name} names two operations");
                let answers = &operation.responses.responses;
                for status in ["401", "403", "503"] {
                    assert!(answers.contains_key(status), "{name} does not say when it answers {status}");
                }
                assert!(answers.keys().any(|status| status.starts_with('2')), "{name} never succeeds");
                assert!(operation.tags.is_some_and(|tags| tags.len() == 1), "{name} stands under no heading");
            }
        }
        assert!(names.len() >= 20, "{names:?}");
    }

    #[test]
    fn a_path_knows_its_methods() {
        assert_eq!(methods("/api/v1/acmeProfiles"), ["GET", "POST"]);
        assert_eq!(methods("/api/v1/raProfiles/{name}"), ["GET", "PATCH", "DELETE"]);
        assert!(methods("/nowhere").is_empty());
    }
}
