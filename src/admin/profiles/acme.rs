//! ACME Profiles, as operators manage them.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_actors::catalog::{Catalog, Kept};
use chancery_actors::listing::AccountQuery;
use chancery_actors::profiles::ProfileSet;
use chancery_machine::eab::EabScope;
use chancery_machine::id::AuthorityId;
use chancery_machine::perspective::PerspectiveName;
use chancery_machine::profile::{AcmeProfile, Endpoint, ProfileName, RaProfile};
use chancery_machine::time::Timestamp;

use super::managed::Managed;
use crate::admin::authorities::Authorities;
use crate::admin::settings::{AcmeProfileSettings, Fault};
use crate::admin::view::AcmeProfileView;

impl Managed for AcmeProfile {
    type Settings = AcmeProfileSettings;
    type View = AcmeProfileView;
    type Other = RaProfile;

    const TITLE: &'static str = "ACME Profile";
    const WORD: &'static str = "acmeProfile";
    const LOSS: &'static str = "update";

    fn in_catalog(catalog: &Catalog) -> &BTreeMap<ProfileName, Kept<Self>> {
        &catalog.acme
    }

    fn in_set(set: &ProfileSet) -> &BTreeMap<ProfileName, Arc<Self>> {
        &set.acme
    }

    fn settings(&self) -> AcmeProfileSettings {
        AcmeProfileSettings::of(self)
    }

    fn made(
        settings: &AcmeProfileSettings,
        name: ProfileName,
        before: Option<&Self>,
        now: Timestamp,
        _: &dyn Authorities,
    ) -> Result<Self, Fault> {
        settings.profile(name, before, now)
    }

    fn names(&self) -> Vec<(String, &ProfileName)> {
        let default = self.default_ra_profile.iter().map(|name| ("defaultRaProfile".to_owned(), name));
        let offers = self.offers.iter().enumerate().map(|(place, name)| (format!("raProfiles[{place}]"), name));
        default.chain(offers).collect()
    }

    fn released(self, name: &ProfileName) -> Self {
        Self {
            default_ra_profile: self.default_ra_profile.filter(|default| default != name),
            offers: self.offers.into_iter().filter(|offered| offered != name).collect(),
            ..self
        }
    }

    fn scopes(scope: &EabScope, name: &ProfileName) -> bool {
        scope.acme_profiles.contains(name)
    }

    fn endpoint(name: ProfileName) -> Endpoint {
        Endpoint::AcmeProfile(name)
    }

    fn accounts(name: ProfileName) -> AccountQuery {
        AccountQuery { acme_profile: Some(name), ..AccountQuery::default() }
    }

    fn authority(&self) -> Option<AuthorityId> {
        None
    }

    fn perspectives(&self) -> &[PerspectiveName] {
        &self.perspectives.names
    }

    fn view(&self, origin: &str) -> AcmeProfileView {
        AcmeProfileView::of(self, origin)
    }
}
