//! Profiles as a file declares them: what differs is created and changed, all of it or nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_actors::Engine;
use chancery_actors::audit::{Act, ActError, Deed};
use chancery_actors::catalog::{Catalog, MOST_PROFILES};
use chancery_actors::ports::StoreError;
use chancery_machine::id::{AuthorityId, Id};
use chancery_machine::profile::{AcmeProfile, ProfileName, RaProfile};
use chancery_machine::time::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use super::authorities::Authorities;
use super::settings::{AcmeProfileSettings, Fault, RaProfileSettings, changed};
use super::view::{AcmeProfileView, RaProfileView};

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only say what would be done.
    pub dry_run: bool,
    /// Remove the profiles that are not declared.
    pub prune: bool,
}

/// What is done to one profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `create`, `update`, `delete` or `unchanged`.
    pub action: &'static str,
    /// `acmeProfile/{name}` or `raProfile/{name}`.
    pub object: String,
    /// How it was.
    pub before: Option<Value>,
    /// How it is then.
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
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the profiles as they are declared, in one commit, and says what that was.
///
/// # Errors
/// [`ApplyError`] for what is declared, [`ActError::Turn`] where it could not be stored.
pub async fn apply(
    engine: &Engine,
    authorities: &dyn Authorities,
    who: &str,
    declared: &Declared,
    options: Options,
) -> Result<Vec<Change>, ActError<ApplyError>> {
    engine
        .administer(who, async || {
            let plan = plan(engine, authorities, declared, options).await?;
            Ok(if options.dry_run { Act::nothing(plan.outcome) } else { plan })
        })
        .await
}

async fn plan(
    engine: &Engine,
    authorities: &dyn Authorities,
    declared: &Declared,
    options: Options,
) -> Result<Act<Vec<Change>>, ApplyError> {
    let catalog = engine.catalog().await?;
    let target = Target::of(engine.now(), authorities, declared, &catalog)?;
    let mut act = Act::nothing(Vec::new());
    for (name, profile) in &target.ra {
        let before = catalog.ra.get(name);
        let (writes, profile) = engine.profile_writes(before, profile.clone()).await?;
        let after = RaProfileView::of(&profile).json();
        note(&mut act, "raProfile", name, before.map(|kept| RaProfileView::of(&kept.state).json()), Some(after));
        act.writes.extend(writes);
    }
    for (name, profile) in &target.acme {
        let before = catalog.acme.get(name);
        let (writes, profile) = engine.profile_writes(before, profile.clone()).await?;
        let after = AcmeProfileView::of(&profile).json();
        note(&mut act, "acmeProfile", name, before.map(|kept| AcmeProfileView::of(&kept.state).json()), Some(after));
        act.writes.extend(writes);
    }
    if options.prune {
        for (name, kept) in catalog.acme.iter().filter(|(name, _)| !target.acme.contains_key(*name)) {
            note(&mut act, "acmeProfile", name, Some(AcmeProfileView::of(&kept.state).json()), None);
            act.writes.extend(engine.profile_removal(kept));
        }
        for (name, kept) in catalog.ra.iter().filter(|(name, _)| !target.ra.contains_key(*name)) {
            note(&mut act, "raProfile", name, Some(RaProfileView::of(&kept.state).json()), None);
            act.writes.extend(engine.profile_removal(kept));
        }
    }
    target.check_references(&catalog, options.prune)?;
    Ok(act)
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
        let mut target = Self { acme: BTreeMap::new(), ra: BTreeMap::new() };
        for (text, members) in &declared.ra_profiles {
            let fault = |fault| ApplyError::Fault { object: format!("raProfile/{text}"), fault };
            let name = ProfileName::parse(text).map_err(|bad| fault(Fault::new("", bad.to_string())))?;
            let settings: RaProfileSettings = changed(&RaProfileSettings::default(), members).map_err(fault)?;
            // What signs stays as it is where nothing is said.
            let signing = catalog.ra.get(&name).map(|kept| kept.state.authority);
            let authority = |asked: Option<&str>| match (asked, signing) {
                (None, Some(signing)) => Ok(signing),
                (asked, _) => authorities.resolve(asked),
            };
            let profile = settings.profile(name.clone(), authority).map_err(fault)?;
            target.ra.insert(name, profile);
        }
        for (text, members) in &declared.acme_profiles {
            let fault = |fault| ApplyError::Fault { object: format!("acmeProfile/{text}"), fault };
            let name = ProfileName::parse(text).map_err(|bad| fault(Fault::new("", bad.to_string())))?;
            let settings: AcmeProfileSettings = changed(&AcmeProfileSettings::default(), members).map_err(fault)?;
            let before = catalog.acme.get(&name).map(|kept| Arc::clone(&kept.state));
            let profile = settings.profile(name.clone(), before.as_deref(), now).map_err(fault)?;
            target.acme.insert(name, profile);
        }
        for (kind, here, there) in
            [("acmeProfile", target.acme.len(), catalog.acme.len()), ("raProfile", target.ra.len(), catalog.ra.len())]
        {
            if here + there > MOST_PROFILES {
                let fault = Fault::new("", format!("there would be more than {MOST_PROFILES} of them"));
                return Err(ApplyError::Fault { object: kind.to_owned(), fault });
            }
        }
        Ok(target)
    }

    /// What a declared profile names has to exist once all is done.
    fn check_references(&self, catalog: &Catalog, prune: bool) -> Result<(), ApplyError> {
        let missing = |object: String, field: &str, kind: &str, name: &ProfileName| {
            let fault = Fault::new(field, format!("there is no {kind} {:?}", name.as_str()));
            Err(ApplyError::Fault { object, fault })
        };
        for (name, profile) in &self.acme {
            if let Some(ra) = &profile.default_ra_profile
                && !self.ra.contains_key(ra)
                && (prune || !catalog.ra.contains_key(ra))
            {
                return missing(format!("acmeProfile/{name}"), "defaultRaProfile", "RA Profile", ra);
            }
        }
        for (name, profile) in &self.ra {
            if let Some(acme) = &profile.acme_profile
                && !self.acme.contains_key(acme)
                && (prune || !catalog.acme.contains_key(acme))
            {
                return missing(format!("raProfile/{name}"), "acmeProfile", "ACME Profile", acme);
            }
        }
        Ok(())
    }
}

fn note(act: &mut Act<Vec<Change>>, kind: &str, name: &ProfileName, before: Option<Value>, after: Option<Value>) {
    let object = format!("{kind}/{name}");
    let action = match (&before, &after) {
        (None, _) => "create",
        (Some(_), None) => "delete",
        (before, after) if before == after => "unchanged",
        (Some(_), Some(_)) => "update",
    };
    if action != "unchanged" {
        let text = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
        act.deeds.push(Deed { action, object: object.clone(), before: text(&before), after: text(&after) });
    }
    act.outcome.push(Change { action, object, before, after });
}
