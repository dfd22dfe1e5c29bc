//! How the API shows things.

use chancery_machine::profile::{AcmeProfile, Endpoint, ProfileName, RaProfile};
use serde::Serialize;
use utoipa::ToSchema;

use super::renewal::RenewalCallView;
use super::settings::{AcmeProfileSettings, RaProfileSettings};
use super::time::rfc3339;

/// An ACME Profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcmeProfileView {
    /// The segment of the URL; never changes.
    pub name: String,
    /// Counts changes; orders say under which revision they were placed.
    pub revision: u64,
    /// When the terms of service changed last (RFC 3339).
    pub terms_changed_at: Option<String>,
    /// The directory of its endpoint (RFC 8555 section 7.1.1), which answers once there is a default RA Profile.
    pub directory_url: String,
    /// How it behaves.
    #[serde(flatten)]
    pub settings: AcmeProfileSettings,
}

/// A new ACME Profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"name": "web", "challenges": ["http-01", "dns-01"], "orderValidity": "10h"}))]
pub struct NewAcmeProfile {
    /// The segment of the URL: 1 to 64 letters, digits and `-._~`; never changes.
    #[schema(pattern = "^[A-Za-z0-9._~-]{1,64}$")]
    pub name: String,
    /// How it behaves.
    #[serde(flatten)]
    pub settings: AcmeProfileSettings,
}

/// An RA Profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RaProfileView {
    /// Its name; never changes.
    pub name: String,
    /// Counts changes; orders say under which revision they were placed.
    pub revision: u64,
    /// The directory of its own endpoint (RFC 8555 section 7.1.1), if an ACME Profile is activated on it.
    pub directory_url: Option<String>,
    /// An operator's call to renew what it has issued (RFC 9773).
    pub renewal_call: Option<RenewalCallView>,
    /// How it issues.
    #[serde(flatten)]
    pub settings: RaProfileSettings,
}

/// A new RA Profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"name": "web", "allow": ["**.corp.example"], "validity": "90d"}))]
pub struct NewRaProfile {
    /// What names it: 1 to 64 letters, digits and `-._~`; never changes.
    #[schema(pattern = "^[A-Za-z0-9._~-]{1,64}$")]
    pub name: String,
    /// How it issues.
    #[serde(flatten)]
    pub settings: RaProfileSettings,
}

impl AcmeProfileView {
    /// The view of a profile of a server that clients reach at `origin`.
    #[must_use]
    pub fn of(profile: &AcmeProfile, origin: &str) -> Self {
        Self {
            name: profile.name.to_string(),
            revision: profile.revision.0,
            terms_changed_at: profile.terms.changed.map(rfc3339),
            directory_url: directory(origin, Endpoint::AcmeProfile, &profile.name),
            settings: AcmeProfileSettings::of(profile),
        }
    }
}

impl RaProfileView {
    /// The view of a profile of a server that clients reach at `origin`.
    #[must_use]
    pub fn of(profile: &RaProfile, origin: &str) -> Self {
        Self {
            name: profile.name.to_string(),
            revision: profile.revision.0,
            directory_url: profile
                .acme_profile
                .is_some()
                .then(|| directory(origin, Endpoint::RaProfile, &profile.name)),
            renewal_call: profile.call.map(Into::into),
            settings: RaProfileSettings::of(profile),
        }
    }
}

fn directory(origin: &str, form: impl FnOnce(ProfileName) -> Endpoint, name: &ProfileName) -> String {
    format!("{origin}/acme/{}/directory", form(name.clone()))
}
