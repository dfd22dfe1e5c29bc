//! What a kind of profile brings, so that operators can do the same with both.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_actors::catalog::{Catalog, Kept, Profile};
use chancery_actors::listing::AccountQuery;
use chancery_actors::profiles::ProfileSet;
use chancery_machine::eab::EabScope;
use chancery_machine::id::AuthorityId;
use chancery_machine::perspective::PerspectiveName;
use chancery_machine::profile::{Endpoint, ProfileName};
use chancery_machine::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::authorities::Authorities;
use crate::admin::settings::Fault;

/// A kind of profile that operators manage.
pub trait Managed: Profile {
    /// What operators say of it.
    type Settings: Serialize + DeserializeOwned + Default;
    /// How the API shows it.
    type View: Serialize;
    /// The other kind.
    type Other: Managed;

    /// Its name in messages.
    const TITLE: &'static str;
    /// Its name in the audit log; its collection in the API has an `s` more.
    const WORD: &'static str;
    /// What the log calls it when it loses its profile of the other kind.
    const LOSS: &'static str;

    /// Those of the store.
    fn in_catalog(catalog: &Catalog) -> &BTreeMap<ProfileName, Kept<Self>>;

    /// Those that requests see.
    fn in_set(set: &ProfileSet) -> &BTreeMap<ProfileName, Arc<Self>>;

    /// Its settings.
    fn settings(&self) -> Self::Settings;

    /// The profile that settings make of what it was `before`.
    ///
    /// # Errors
    /// [`Fault`] names the field at fault.
    fn made(
        settings: &Self::Settings,
        name: ProfileName,
        before: Option<&Self>,
        now: Timestamp,
        authorities: &dyn Authorities,
    ) -> Result<Self, Fault>;

    /// The profiles of the other kind that it names, each with the field in which it does.
    fn names(&self) -> Vec<(String, &ProfileName)>;

    /// The same without the profile of the other kind that has this name.
    #[must_use]
    fn released(self, name: &ProfileName) -> Self;

    /// Whether a credential is for profiles of this name, among others.
    fn scopes(scope: &EabScope, name: &ProfileName) -> bool;

    /// Where clients reach a profile of this name.
    fn endpoint(name: ProfileName) -> Endpoint;

    /// Which accounts are registered at a profile of this name.
    fn accounts(name: ProfileName) -> AccountQuery;

    /// What signs for it, if anything does.
    fn authority(&self) -> Option<AuthorityId>;

    /// The perspectives that it has asked.
    fn perspectives(&self) -> &[PerspectiveName] {
        &[]
    }

    /// How the API shows it; `origin` is where clients reach the server.
    fn view(&self, origin: &str) -> Self::View;

    /// The same as JSON.
    fn shown(&self, origin: &str) -> Value {
        // Views are objects of plain members: writing them cannot fail.
        serde_json::to_value(self.view(origin)).unwrap_or_default()
    }

    /// What it names has to exist.
    ///
    /// # Errors
    /// [`Fault`] of the field that names it.
    fn check_references(&self, catalog: &Catalog) -> Result<(), Fault> {
        self.check_names(|name| Self::Other::in_catalog(catalog).contains_key(name))
    }

    /// What it names has to be `there`.
    ///
    /// # Errors
    /// [`Fault`] of the field that names it.
    fn check_names(&self, there: impl Fn(&ProfileName) -> bool) -> Result<(), Fault> {
        match self.names().into_iter().find(|(_, name)| !there(name)) {
            Some((field, name)) => {
                Err(Fault::new(field, format!("there is no {} {:?}", Self::Other::TITLE, name.as_str())))
            }
            None => Ok(()),
        }
    }
}
