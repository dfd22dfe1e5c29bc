//! `/api/v1/raProfiles`.

use actix_web::{HttpResponse, guard, web};
use chancery_machine::profile::{ProfileName, RaProfile};
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::bulk::{BulkResult, BulkResults};
use super::filter::list_query;
use super::problem::Problems;
use super::profiles::{self, ByName, ProfileBulk, operations};
use super::reply::ok;
use super::request::{Body, Caller, IfMatch, MaybeMatch, Page, Params, Removal, Told};
use crate::admin::error::AdminError;
use crate::admin::operator::Role;
use crate::admin::renewal::NewRenewalCall;
use crate::admin::settings::RaProfileSettings;
use crate::admin::trial::{Trial, TrialView};
use crate::admin::view::{NewRaProfile, RaProfileView};

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    configure_common(config);
    config
        .service(web::resource("/raProfiles/{name}/activate").post(activate))
        .service(web::resource("/raProfiles/{name}/deactivate").post(deactivate))
        .service(web::resource("/raProfiles/{name}/renew").post(renew))
        .service(web::resource("/raProfiles/{name}/trial").get(try_out));
}

list_query! {
    /// Which RA Profiles.
    Filter
    /// By name, from the first or, with a hyphen, from the last on; `name` if left out.
    by ByName {
        /// Only those that are enabled, or that are not.
        enabled: bool,
        /// Only those on which this ACME Profile is activated.
        acme_profile: String,
        /// Only those that the authority of this id signs for.
        authority: String,
    }
}

impl Filter {
    /// How the list is sorted.
    pub(crate) const fn sort(&self) -> Option<ByName> {
        self.sort
    }

    /// Whether it leaves this one.
    pub(crate) fn wants(&self, profile: &RaProfile) -> bool {
        let activated = profile.acme_profile.as_ref().map(ProfileName::as_str);
        self.enabled.is_none_or(|enabled| profile.enabled == enabled)
            && self.acme_profile.as_deref().is_none_or(|wanted| activated == Some(wanted))
            && self.authority.as_deref().is_none_or(|wanted| profile.authority.to_string() == wanted)
    }
}

operations! {
    RaProfile, RaProfileView, NewRaProfile, RaProfileSettings, Filter, tag: "RA Profiles",
    "listRaProfiles": "/api/v1/raProfiles"; "createRaProfile"; "bulkRaProfiles": "/api/v1/raProfiles/bulk";
    "readRaProfile": "/api/v1/raProfiles/{name}"; "updateRaProfile"; "deleteRaProfile";
    "enableRaProfile": "/api/v1/raProfiles/{name}/enable";
    "disableRaProfile": "/api/v1/raProfiles/{name}/disable";
    also(activate, deactivate, renew, try_out)
}

/// What is activated on an RA Profile.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"acmeProfile": "default"}))]
struct Activation {
    /// The name of the ACME Profile.
    acme_profile: String,
}

/// Activate an ACME Profile on it, in place of the one before: `/acme/raProfile/{name}/…` answers.
#[utoipa::path(post, path = "/api/v1/raProfiles/{name}/activate", operation_id = "activateRaProfile", tag = "RA Profiles",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = Activation,
    responses((status = 200, body = RaProfileView, headers(("ETag" = String))), Problems))]
async fn activate(
    caller: Caller,
    name: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    body: Body,
) -> Result<HttpResponse, AdminError> {
    caller.operator.may(Role::Operator)?;
    let Activation { acme_profile } = body.read()?;
    let profile = caller.admin.activate_ra_profile(&caller.operator, &name, &acme_profile, precondition).await?;
    Ok(profiles::shown(&caller, &profile))
}

/// Take its ACME Profile from it: `/acme/raProfile/{name}/…` refuses everything.
#[utoipa::path(post, path = "/api/v1/raProfiles/{name}/deactivate", operation_id = "deactivateRaProfile", tag = "RA Profiles",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    responses((status = 200, body = RaProfileView, headers(("ETag" = String))), Problems))]
async fn deactivate(
    caller: Caller,
    name: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
) -> Result<HttpResponse, AdminError> {
    let profile = caller.admin.deactivate_ra_profile(&caller.operator, &name, precondition).await?;
    Ok(profiles::shown(&caller, &profile))
}

/// Have clients renew early what it has issued so far (RFC 9773), or no longer.
#[utoipa::path(post, path = "/api/v1/raProfiles/{name}/renew", operation_id = "renewRaProfile", tag = "RA Profiles",
    params(("name" = String, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was read")),
    request_body = Option<NewRenewalCall>,
    responses((status = 200, body = RaProfileView, headers(("ETag" = String))), Problems))]
async fn renew(
    caller: Caller,
    name: web::Path<String>,
    MaybeMatch(precondition): MaybeMatch,
    Told(call): Told<NewRenewalCall>,
) -> Result<HttpResponse, AdminError> {
    let profile = caller.admin.renew_ra_profile(&caller.operator, &name, call, precondition).await?;
    Ok(profiles::shown(&caller, &profile))
}

/// What would become of an order for this identifier with the ACME Profile that is activated on it, or with another: whether
/// a certificate would be issued and why, what has to be proven, and what the certificate would say. Nothing is stored.
#[utoipa::path(get, path = "/api/v1/raProfiles/{name}/trial", operation_id = "tryRaProfile", tag = "RA Profiles",
    params(("name" = String, Path), Trial), responses((status = 200, body = TrialView), Problems))]
async fn try_out(
    caller: Caller,
    name: web::Path<String>,
    Params(trial): Params<Trial>,
) -> Result<HttpResponse, AdminError> {
    Ok(ok(&caller.admin.try_ra_profile(&caller.operator, &name, &trial).await?, None))
}
