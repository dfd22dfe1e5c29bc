//! `/api/v1/acmeProfiles`.

use actix_web::{HttpResponse, guard, web};
use chancery_machine::profile::{AcmeProfile, ProfileName};
use utoipa::OpenApi;

use super::bulk::{BulkResult, BulkResults};
use super::filter::list_query;
use super::problem::Problems;
use super::profiles::{self, ByName, ProfileBulk, operations};
use super::reply::ok;
use super::request::{Body, Caller, IfMatch, MaybeMatch, Page, Params, Removal};
use crate::admin::error::AdminError;
use crate::admin::settings::AcmeProfileSettings;
use crate::admin::trial::{Trial, TrialView};
use crate::admin::view::{AcmeProfileView, NewAcmeProfile};

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    configure_common(config);
    config.service(web::resource("/acmeProfiles/{name}/trial").get(try_out));
}

list_query! {
    /// Which ACME Profiles.
    Filter
    /// By name, from the first or, with a hyphen, from the last on; `name` if left out.
    by ByName {
        /// Only those that are enabled, or that are not.
        enabled: bool,
        /// Only those with this default RA Profile.
        default_ra_profile: String,
    }
}

impl Filter {
    /// How the list is sorted.
    pub(crate) const fn sort(&self) -> Option<ByName> {
        self.sort
    }

    /// Whether it leaves this one.
    pub(crate) fn wants(&self, profile: &AcmeProfile) -> bool {
        let default = profile.default_ra_profile.as_ref().map(ProfileName::as_str);
        self.enabled.is_none_or(|enabled| profile.enabled == enabled)
            && self.default_ra_profile.as_deref().is_none_or(|wanted| default == Some(wanted))
    }
}

operations! {
    AcmeProfile, AcmeProfileView, NewAcmeProfile, AcmeProfileSettings, Filter, tag: "ACME Profiles",
    "listAcmeProfiles": "/api/v1/acmeProfiles"; "createAcmeProfile"; "bulkAcmeProfiles": "/api/v1/acmeProfiles/bulk";
    "readAcmeProfile": "/api/v1/acmeProfiles/{name}"; "updateAcmeProfile"; "deleteAcmeProfile";
    "enableAcmeProfile": "/api/v1/acmeProfiles/{name}/enable";
    "disableAcmeProfile": "/api/v1/acmeProfiles/{name}/disable";
    also(try_out)
}

/// What would become of an order for this identifier with its default RA Profile, or with another: whether a certificate would
/// be issued and why, what has to be proven, and what the certificate would say. Nothing is stored.
#[utoipa::path(get, path = "/api/v1/acmeProfiles/{name}/trial", operation_id = "tryAcmeProfile", tag = "ACME Profiles",
    params(("name" = String, Path), Trial), responses((status = 200, body = TrialView), Problems))]
async fn try_out(
    caller: Caller,
    name: web::Path<String>,
    Params(trial): Params<Trial>,
) -> Result<HttpResponse, AdminError> {
    Ok(ok(&caller.admin.try_acme_profile(&caller.operator, &name, &trial).await?, None))
}
