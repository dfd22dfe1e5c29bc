//! `/api/v1/acmeProfiles`.

use actix_web::{HttpResponse, guard, web};
use chancery_machine::profile::{AcmeProfile, ProfileName};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::bulk::{BulkResult, BulkResults};
use super::problem::Problems;
use super::profiles::{self, ByName, ProfileBulk, operations};
use super::request::{Body, BothParams, Caller, IfMatch, MaybeMatch, Page, PageQuery, Removal};
use crate::admin::error::AdminError;
use crate::admin::settings::AcmeProfileSettings;
use crate::admin::view::{AcmeProfileView, NewAcmeProfile};

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    configure_common(config);
}

/// Which ACME Profiles.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct Filter {
    /// By name, from the first or, with a hyphen, from the last on; `name` if left out.
    #[param(inline)]
    sort: Option<ByName>,
    /// Only those that are enabled, or that are not.
    enabled: Option<bool>,
    /// Only those with this default RA Profile.
    default_ra_profile: Option<String>,
}

impl Filter {
    fn wants(&self, profile: &AcmeProfile) -> bool {
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
    also()
}
