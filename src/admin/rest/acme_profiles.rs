//! `/api/v1/acmeProfiles`.

use actix_web::{HttpResponse, web};
use chancery_machine::profile::ProfileName;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::problem::Problems;
use super::reply::{created, gone, ok};
use super::request::{Body, Caller, IfMatch, MaybeMatch, Page, PageQuery, Params};
use crate::admin::error::AdminError;
use crate::admin::settings::AcmeProfileSettings;
use crate::admin::view::{AcmeProfileView, NewAcmeProfile};

/// The description of this room.
#[derive(OpenApi)]
#[openapi(
    paths(list, create, read, update, delete, enable, disable),
    components(schemas(AcmeProfileView, AcmeProfileSettings, NewAcmeProfile))
)]
pub(super) struct Description;

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/acmeProfiles").get(list).post(create))
        .service(web::resource("/acmeProfiles/{name}").get(read).patch(update).delete(delete))
        .service(web::resource("/acmeProfiles/{name}/enable").post(enable))
        .service(web::resource("/acmeProfiles/{name}/disable").post(disable));
}

/// Which ACME Profiles.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct Filter {
    /// Only those that are enabled, or that are not.
    enabled: Option<bool>,
    /// Only those with this default RA Profile.
    default_ra_profile: Option<String>,
}

/// ACME Profiles, by name.
#[utoipa::path(get, path = "/api/v1/acmeProfiles", operation_id = "listAcmeProfiles", tag = "ACME Profiles", params(PageQuery, Filter),
    responses((status = 200, body = Page<AcmeProfileView>), Problems))]
async fn list(
    caller: Caller,
    Params(page): Params<PageQuery>,
    Params(filter): Params<Filter>,
) -> Result<HttpResponse, AdminError> {
    let after = page.cursor()?.map(|bytes| {
        String::from_utf8(bytes).ok().and_then(|name| ProfileName::parse(&name).ok()).ok_or(AdminError::Cursor)
    });
    let limit = page.limit()?;
    let wanted = |profile: &chancery_machine::profile::AcmeProfile| {
        let default = profile.default_ra_profile.as_ref().map(ProfileName::as_str);
        filter.enabled.is_none_or(|enabled| profile.enabled == enabled)
            && filter.default_ra_profile.as_deref().is_none_or(|wanted| default == Some(wanted))
    };
    let mut items =
        caller.admin.list_acme_profiles(&caller.operator, wanted, after.transpose()?.as_ref(), limit + 1)?;
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|last| last.name.clone().into_bytes());
    Ok(ok(&Page::new(items, next), None))
}

/// Creates an ACME Profile; what is left out has its default.
#[utoipa::path(post, path = "/api/v1/acmeProfiles", operation_id = "createAcmeProfile", tag = "ACME Profiles", request_body = NewAcmeProfile,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and request again: the same answer, and nothing done")),
    responses((status = 201, body = AcmeProfileView, headers(("Location" = String), ("ETag" = String))), Problems))]
async fn create(caller: Caller, body: Body) -> Result<HttpResponse, AdminError> {
    let key = body.key(&caller.operator)?;
    let made = caller.admin.create_acme_profile(&caller.operator, body.members()?, key.as_ref()).await?;
    let name = made.view["name"].as_str().unwrap_or_default();
    let location = format!("{}/api/v1/acmeProfiles/{name}", caller.admin.origin);
    Ok(created(&location, &made.view, made.view["revision"].as_u64(), made.replayed))
}

/// One ACME Profile.
#[utoipa::path(get, path = "/api/v1/acmeProfiles/{name}", operation_id = "readAcmeProfile", tag = "ACME Profiles", params(("name" = String, Path)),
    responses((status = 200, body = AcmeProfileView, headers(("ETag" = String))), Problems))]
async fn read(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.read_acme_profile(&caller.operator, &name)?;
    Ok(ok(&view, Some(view.revision)))
}

/// Changes an ACME Profile (RFC 7396): what is left out stays as it was, and `null` goes back to the default.
#[utoipa::path(patch, path = "/api/v1/acmeProfiles/{name}", operation_id = "updateAcmeProfile", tag = "ACME Profiles",
    params(("name" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or *")),
    request_body = AcmeProfileSettings,
    responses((status = 200, body = AcmeProfileView, headers(("ETag" = String))), Problems))]
async fn update(
    caller: Caller,
    name: web::Path<String>,
    IfMatch(precondition): IfMatch,
    body: Body,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.update_acme_profile(&caller.operator, &name, body.members()?, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Whether what depends on a thing speaks against removing it.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Force {
    /// Remove it though something depends on it.
    #[serde(default)]
    force: bool,
}

/// Removes an ACME Profile. What depends on it speaks against that, unless it is forced.
#[utoipa::path(delete, path = "/api/v1/acmeProfiles/{name}", operation_id = "deleteAcmeProfile", tag = "ACME Profiles",
    params(("name" = String, Path), ("If-Match" = String, Header, description = "The ETag that was read, or *"), Force),
    responses((status = 204, description = "It is gone"), Problems))]
async fn delete(
    caller: Caller,
    name: web::Path<String>,
    IfMatch(precondition): IfMatch,
    Params(Force { force }): Params<Force>,
) -> Result<HttpResponse, AdminError> {
    caller.admin.delete_acme_profile(&caller.operator, &name, force, precondition).await?;
    Ok(gone())
}

/// Has its endpoints answer.
#[utoipa::path(post, path = "/api/v1/acmeProfiles/{name}/enable", operation_id = "enableAcmeProfile", tag = "ACME Profiles",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AcmeProfileView, headers(("ETag" = String))), Problems))]
async fn enable(
    caller: Caller,
    name: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.enable_acme_profile(&caller.operator, &name, true, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}

/// Has its endpoints refuse everything.
#[utoipa::path(post, path = "/api/v1/acmeProfiles/{name}/disable", operation_id = "disableAcmeProfile", tag = "ACME Profiles",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = AcmeProfileView, headers(("ETag" = String))), Problems))]
async fn disable(
    caller: Caller,
    name: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let view = caller.admin.enable_acme_profile(&caller.operator, &name, false, precondition).await?;
    Ok(ok(&view, Some(view.revision)))
}
