//! How the API shows things.

use chancery_machine::profile::{AcmeProfile, RaProfile};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

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
    /// How it behaves.
    #[serde(flatten)]
    pub settings: AcmeProfileSettings,
}

/// A new ACME Profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
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
    /// How it issues.
    #[serde(flatten)]
    pub settings: RaProfileSettings,
}

impl AcmeProfileView {
    /// The view of a profile.
    #[must_use]
    pub fn of(profile: &AcmeProfile) -> Self {
        Self {
            name: profile.name.to_string(),
            revision: profile.revision.0,
            terms_changed_at: profile.terms.changed.map(rfc3339),
            settings: AcmeProfileSettings::of(profile),
        }
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json(self)
    }
}

impl RaProfileView {
    /// The view of a profile.
    #[must_use]
    pub fn of(profile: &RaProfile) -> Self {
        Self { name: profile.name.to_string(), revision: profile.revision.0, settings: RaProfileSettings::of(profile) }
    }

    /// The same as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        json(self)
    }
}

/// Views are objects of plain members: writing them cannot fail.
fn json(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
