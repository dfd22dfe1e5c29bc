//! `/api/v1/acmeProfiles`.

use actix_web::{HttpResponse, guard, web};
use chancery_machine::profile::{AcmeProfile, ProfileName};
use utoipa::OpenApi;

use super::bulk::{BulkResult, BulkResults};
use super::filter::list_query;
use super::problem::Problems;
use super::profiles::{self, ByName, ProfileBulk, operations};
use super::request::{Body, Caller, IfMatch, MaybeMatch, Page, Params, Removal};
use crate::admin::error::AdminError;
use crate::admin::settings::AcmeProfileSettings;
use crate::admin::view::{AcmeProfileView, NewAcmeProfile};

/// Adds this room's routes.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    configure_common(config);
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
