//! Profiles as a file declares them: what differs is created and changed, all of it or nothing.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::audit::{Act, ActError};
use chancery_actors::catalog::{Catalog, MOST_PROFILES};
use chancery_actors::ports::StoreError;
use chancery_machine::id::{AuthorityId, Id};
use chancery_machine::profile::{AcmeProfile, ProfileName, RaProfile};
use chancery_machine::time::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;
use utoipa::ToSchema;

use super::Admin;
use super::authorities::Authorities;
use super::profiles::{Managed, deed, dependents, object};
use super::settings::{Fault, changed};

/// A declared set of profiles. What a profile leaves out has its default, whatever it was before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Declared {
    /// ACME Profiles, by name.
    pub acme_profiles: BTreeMap<String, Map<String, Value>>,
    /// RA Profiles, by name.
    pub ra_profiles: BTreeMap<String, Map<String, Value>>,
}

impl Declared {
    /// Whether nothing is declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.acme_profiles.is_empty() && self.ra_profiles.is_empty()
    }

    /// Reads every profile, as far as that can be done without a server.
    ///
    /// # Errors
    /// [`ApplyError::Fault`] names the first fault.
    pub fn check(&self, now: Timestamp) -> Result<(), ApplyError> {
        Target::of(now, &Anything, self, &Catalog::default()).map(drop)
    }

    /// The same for a server that has no profiles yet: what a profile names has to be declared too.
    ///
    /// # Errors
    /// [`ApplyError::Fault`] names the first fault.
    pub fn check_alone(&self, now: Timestamp) -> Result<(), ApplyError> {
        let nothing = Catalog::default();
        Target::of(now, &Anything, self, &nothing)?.check_references(&nothing, false)
    }
}

/// Takes any authority for granted: whether it exists is known only with a server.
struct Anything;

impl Authorities for Anything {
    fn resolve(&self, _: Option<&str>) -> Result<AuthorityId, String> {
        Ok(AuthorityId(Id::from_bytes([0; 16])))
    }
}

/// How a set is applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Remove the profiles that are not declared. What is left then names nothing that is gone, or nothing is done; but
    /// accounts that are registered at such a profile, and external accounts' credentials that are for it, speak against it.
    pub prune: bool,
    /// Remove them all the same.
    pub force: bool,
    /// The `basis` of a dry run: nothing is done if a profile has changed since.
    pub basis: Option<String>,
}

/// What applying came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    /// One for each profile that is declared or removed.
    pub changes: Vec<Change>,
    /// Names the profiles that the changes were made of, each with its revision.
    pub basis: String,
}

/// What is done to one profile.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Change {
    /// `create`, `update`, `delete` or `unchanged`.
    #[schema(value_type = String)]
    pub action: &'static str,
    /// `acmeProfile/{name}` or `raProfile/{name}`.
    pub object: String,
    /// How it was; `null` if it is new.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// How it is then; `null` if it is gone.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

/// Why a set cannot be applied. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// A profile is not sound.
    #[error("{object}: {fault}")]
    Fault {
        /// `acmeProfile/{name}` or `raProfile/{name}`.
        object: String,
        /// What is wrong with it.
        fault: Fault,
    },
    /// Something depends on a profile that would be removed.
    #[error("{object} is not declared, but in use: {}", dependents.join(", "))]
    InUse {
        /// `acmeProfile/{name}` or `raProfile/{name}`.
        object: String,
        /// What depends on it.
        dependents: Vec<String>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another operator has changed a profile since the dry run.
    #[error("the profiles have changed since the dry run; look at the difference again")]
    Changed,
}

impl Admin {
    /// Makes the profiles as they are declared, in one commit, and says what that was. Who may do that is for the caller to
    /// say: the server itself does it at its start.
    ///
    /// # Errors
    /// [`ApplyError`] for what is declared, [`ActError::Turn`] where it could not be stored.
    pub async fn apply(
        &self,
        who: &str,
        declared: &Declared,
        options: Options,
    ) -> Result<Applied, ActError<ApplyError>> {
        let plan = async || {
            let plan = self.plan(declared, &options).await?;
            Ok(if options.dry_run { Act::nothing(plan.outcome) } else { plan })
        };
        self.engine.administer(who, plan).await
    }

    async fn plan(&self, declared: &Declared, options: &Options) -> Result<Act<Applied>, ApplyError> {
        let catalog = self.engine.catalog().await?;
        let basis = basis(&catalog);
        let target = Target::of(self.engine.now(), &*self.authorities, declared, &catalog)?;
        // What cannot be understood is at fault whatever has changed.
        if options.basis.as_ref().is_some_and(|seen| *seen != basis) {
            return Err(ApplyError::Changed);
        }
        target.check_references(&catalog, options.prune)?;
        let mut act = Act::nothing(Vec::new());
        self.make(&mut act, &catalog, &target.ra).await?;
        self.make(&mut act, &catalog, &target.acme).await?;
        if options.prune {
            self.prune(&mut act, &catalog, &target.acme, options.force).await?;
            self.prune(&mut act, &catalog, &target.ra, options.force).await?;
        }
        let Act { guards, writes, deeds, outcome: changes } = act;
        Ok(Act { guards, writes, deeds, outcome: Applied { changes, basis } })
    }

    async fn make<P: Managed>(
        &self,
        act: &mut Act<Vec<Change>>,
        catalog: &Catalog,
        target: &BTreeMap<ProfileName, P>,
    ) -> Result<(), ApplyError> {
        for (name, profile) in target {
            let before = P::in_catalog(catalog).get(name);
            let fault = |fault| ApplyError::Fault { object: object::<P>(name.as_str()), fault };
            self.check_perspectives(before.map(|kept| &*kept.state), profile).map_err(fault)?;
            self.check_authority(profile).await?.map_err(fault)?;
            let (writes, profile) = self.engine.profile_writes(before, profile.clone()).await?;
            let shown = before.map(|kept| kept.state.shown(&self.origin));
            note::<P>(act, name, shown, Some(profile.shown(&self.origin)));
            act.writes.extend(writes);
        }
        Ok(())
    }

    async fn prune<P: Managed>(
        &self,
        act: &mut Act<Vec<Change>>,
        catalog: &Catalog,
        target: &BTreeMap<ProfileName, P>,
        force: bool,
    ) -> Result<(), ApplyError> {
        for (name, kept) in P::in_catalog(catalog).iter().filter(|(name, _)| !target.contains_key(*name)) {
            let dependents = if force { Vec::new() } else { dependents::<P>(&self.engine, name).await? };
            if !dependents.is_empty() {
                return Err(ApplyError::InUse { object: object::<P>(name.as_str()), dependents });
            }
            note::<P>(act, name, Some(kept.state.shown(&self.origin)), None);
            act.writes.extend(self.engine.profile_removal(kept));
        }
        Ok(())
    }
}

/// A digest of every profile's name and revision.
fn basis(catalog: &Catalog) -> String {
    let acme = catalog.acme.values().map(|kept| format!("acmeProfile/{} {}\n", kept.state.name, kept.state.revision.0));
    let ra = catalog.ra.values().map(|kept| format!("raProfile/{} {}\n", kept.state.name, kept.state.revision.0));
    let all: String = acme.chain(ra).collect();
    URL_SAFE_NO_PAD.encode(digest(&SHA256, all.as_bytes()))
}

/// What is declared, understood.
struct Target {
    acme: BTreeMap<ProfileName, AcmeProfile>,
    ra: BTreeMap<ProfileName, RaProfile>,
}

impl Target {
    fn of(
        now: Timestamp,
        authorities: &dyn Authorities,
        declared: &Declared,
        catalog: &Catalog,
    ) -> Result<Self, ApplyError> {
        let ra = understood(&declared.ra_profiles, now, authorities, catalog)?;
        let acme = understood(&declared.acme_profiles, now, authorities, catalog)?;
        Ok(Self { acme, ra })
    }

    /// What a declared profile names has to exist once all is done.
    fn check_references(&self, catalog: &Catalog, prune: bool) -> Result<(), ApplyError> {
        check_references(&self.acme, &self.ra, catalog, prune)?;
        check_references(&self.ra, &self.acme, catalog, prune)
    }
}

fn understood<P: Managed>(
    declared: &BTreeMap<String, Map<String, Value>>,
    now: Timestamp,
    authorities: &dyn Authorities,
    catalog: &Catalog,
) -> Result<BTreeMap<ProfileName, P>, ApplyError> {
    let kept = P::in_catalog(catalog);
    let mut profiles = BTreeMap::new();
    for (text, members) in declared {
        let fault = |fault| ApplyError::Fault { object: object::<P>(text), fault };
        let name = ProfileName::parse(text).map_err(|bad| fault(Fault::new("", bad.to_string())))?;
        let settings = changed(&P::Settings::default(), members).map_err(fault)?;
        let before = kept.get(&name).map(|kept| &*kept.state);
        let profile = P::made(&settings, name.clone(), before, now, authorities).map_err(fault)?;
        profiles.insert(name, profile);
    }
    let new = profiles.keys().filter(|name| !kept.contains_key(*name)).count();
    if new + kept.len() > MOST_PROFILES {
        let fault = Fault::new("", format!("there would be more than {MOST_PROFILES} of them"));
        return Err(ApplyError::Fault { object: P::WORD.to_owned(), fault });
    }
    Ok(profiles)
}

fn check_references<P: Managed>(
    profiles: &BTreeMap<ProfileName, P>,
    others: &BTreeMap<ProfileName, P::Other>,
    catalog: &Catalog,
    prune: bool,
) -> Result<(), ApplyError> {
    let kept = P::Other::in_catalog(catalog);
    for (name, profile) in profiles {
        let there = |other: &ProfileName| others.contains_key(other) || (!prune && kept.contains_key(other));
        let checked = profile.check_names(there);
        checked.map_err(|fault| ApplyError::Fault { object: object::<P>(name.as_str()), fault })?;
    }
    Ok(())
}

fn note<P: Managed>(act: &mut Act<Vec<Change>>, name: &ProfileName, before: Option<Value>, after: Option<Value>) {
    let action = match (&before, &after) {
        (None, _) => "create",
        (Some(_), None) => "delete",
        (before, after) if before == after => "unchanged",
        (Some(_), Some(_)) => "update",
    };
    if action != "unchanged" {
        act.deeds.push(deed::<P>(action, name, before.as_ref(), after.as_ref()));
    }
    act.outcome.push(Change { action, object: object::<P>(name.as_str()), before, after });
}
