//! What operators do with profiles: the same with ACME Profiles and RA Profiles.

mod acme;
mod bulk;
mod managed;
mod ra;
mod removal;

use std::sync::Arc;

use chancery_actors::audit::{Act, Deed};
use chancery_actors::catalog::MOST_PROFILES;
use chancery_actors::ports::{Direction, Kind, ObjectId, StoreError};
use chancery_actors::profiles::EndpointError;
use chancery_machine::perspective::PerspectiveName;
use chancery_machine::profile::ProfileName;
use serde_json::{Map, Value};

pub use self::bulk::BulkAction;
pub use self::managed::Managed;
pub(super) use self::removal::dependents;
use super::Admin;
use super::error::AdminError;
use super::idempotency::{Created, IdempotencyKey};
use super::operator::{Operator, Role};
use super::precondition::Precondition;
use super::settings::{Fault, changed};

impl Admin {
    /// A page of the profiles, by name: those past `after` in that direction that are wanted.
    ///
    /// # Errors
    /// [`AdminError::Forbidden`].
    pub fn list_profiles<P: Managed>(
        &self,
        operator: &Operator,
        wanted: impl Fn(&P) -> bool,
        direction: Direction,
        after: Option<&ProfileName>,
        limit: usize,
    ) -> Result<Vec<Arc<P>>, AdminError> {
        operator.may(Role::Auditor)?;
        let set = self.engine.profiles();
        let past = |name: &ProfileName| match direction {
            Direction::Ascending => after.is_none_or(|after| name > after),
            Direction::Descending => after.is_none_or(|after| name < after),
        };
        let found = P::in_set(&set).iter().filter(|(name, profile)| past(name) && wanted(profile));
        let found = found.map(|(_, profile)| Arc::clone(profile));
        Ok(match direction {
            Direction::Ascending => found.take(limit).collect(),
            Direction::Descending => found.rev().take(limit).collect(),
        })
    }

    /// One profile.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn read_profile<P: Managed>(&self, operator: &Operator, name: &str) -> Result<Arc<P>, AdminError> {
        operator.may(Role::Auditor)?;
        let set = self.engine.profiles();
        P::in_set(&set).get(&path_name::<P>(name)?).cloned().ok_or_else(|| absent::<P>(name))
    }

    /// Why the endpoint of a profile does not answer, if it does not.
    ///
    /// # Errors
    /// [`AdminError::Forbidden`].
    pub fn unanswered<P: Managed>(
        &self,
        operator: &Operator,
        name: &ProfileName,
    ) -> Result<Option<EndpointError>, AdminError> {
        operator.may(Role::Auditor)?;
        Ok(self.engine.profiles().resolve(&P::endpoint(name.clone())).err())
    }

    /// Creates a profile, and answers how it is shown; what is left out has its default.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_profile<P: Managed>(
        &self,
        operator: &Operator,
        members: Map<String, Value>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Created, AdminError> {
        operator.may(Role::Operator)?;
        let (name, members) = named(members)?;
        let settings: P::Settings = changed(&P::Settings::default(), &members)?;
        let plan = async || {
            let catalog = self.engine.catalog().await?;
            let all = P::in_catalog(&catalog);
            if all.contains_key(&name) {
                return Err(AdminError::Exists(format!("{} {:?}", P::TITLE, name.as_str())));
            }
            if all.len() >= MOST_PROFILES {
                return Err(AdminError::Refused(format!("there are {MOST_PROFILES} of them, which is the most")));
            }
            let profile = P::made(&settings, name.clone(), None, self.engine.now(), &*self.authorities)?;
            profile.check_references(&catalog)?;
            self.check_perspectives(None, &profile)?;
            self.check_authority(&profile).await??;
            let (writes, profile) = self.engine.profile_writes(None, profile).await?;
            let view = profile.shown(&self.origin);
            let deed = deed::<P>("create", &name, None, Some(&view));
            Ok(Act { guards: Vec::new(), writes, deeds: vec![deed], outcome: view })
        };
        self.create_once(&operator.who, key, plan).await
    }

    /// Changes a profile; what is left out stays as it was.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn update_profile<P: Managed>(
        &self,
        operator: &Operator,
        name: &str,
        members: Map<String, Value>,
        precondition: Precondition,
    ) -> Result<P, AdminError> {
        operator.may(Role::Operator)?;
        let members = update(name, members)?;
        self.alter_profile("update", operator, name, &members, precondition).await
    }

    /// Has its endpoints answer, or not.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn enable_profile<P: Managed>(
        &self,
        operator: &Operator,
        name: &str,
        enabled: bool,
        precondition: Precondition,
    ) -> Result<P, AdminError> {
        operator.may(Role::Operator)?;
        let members = Map::from_iter([("enabled".to_owned(), Value::Bool(enabled))]);
        let action = if enabled { "enable" } else { "disable" };
        self.alter_profile(action, operator, name, &members, precondition).await
    }

    /// Changes these members, and logs it as that action.
    async fn alter_profile<P: Managed>(
        &self,
        action: &'static str,
        operator: &Operator,
        name: &str,
        members: &Map<String, Value>,
        precondition: Precondition,
    ) -> Result<P, AdminError> {
        let make = |before: &P| {
            let settings = changed(&before.settings(), members)?;
            P::made(&settings, before.name().clone(), Some(before), self.engine.now(), &*self.authorities)
        };
        self.revise_profile(action, operator, name, precondition, make).await
    }

    /// Makes of a profile what `make` makes of it, and logs it as that action.
    async fn revise_profile<P: Managed>(
        &self,
        action: &'static str,
        operator: &Operator,
        name: &str,
        precondition: Precondition,
        make: impl Fn(&P) -> Result<P, Fault>,
    ) -> Result<P, AdminError> {
        let name = path_name::<P>(name)?;
        let act = async || {
            let catalog = self.engine.catalog().await?;
            let kept = P::in_catalog(&catalog).get(&name).ok_or_else(|| absent::<P>(name.as_str()))?;
            precondition.check(kept.state.revision().0)?;
            let profile = make(&kept.state)?;
            profile.check_references(&catalog)?;
            self.check_perspectives(Some(&*kept.state), &profile)?;
            self.check_authority(&profile).await??;
            let (writes, profile) = self.engine.profile_writes(Some(kept), profile).await?;
            if writes.is_empty() {
                return Ok(Act::nothing(profile));
            }
            let (before, after) = (kept.state.shown(&self.origin), profile.shown(&self.origin));
            let deed = deed::<P>(action, &name, Some(&before), Some(&after));
            Ok(Act { guards: Vec::new(), writes, deeds: vec![deed], outcome: profile })
        };
        Ok(self.engine.administer(&operator.who, act).await?)
    }

    /// The perspectives that a profile begins to name have to be in this server's configuration: elsewise it would ask nobody,
    /// and no client would prove anything. What it named `before` may stay, so that a perspective can be taken out of the
    /// configuration first, and the rest of the profile changed meanwhile.
    pub(super) fn check_perspectives<P: Managed>(&self, before: Option<&P>, profile: &P) -> Result<(), Fault> {
        let before = before.map(Managed::perspectives).unwrap_or_default();
        let unknown = |name: &PerspectiveName| !self.perspectives.contains(name) && !before.contains(name);
        let Some(place) = profile.perspectives().iter().position(unknown) else { return Ok(()) };
        let known = match &self.perspectives[..] {
            [] => "none".to_owned(),
            known => known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        let name = &profile.perspectives()[place];
        let detail = format!(
            "the configuration of this server has no section [perspectives.{name}]: add it, restart the server, and name \
             it then; those that it has: {known}"
        );
        Err(Fault::new(format!("perspectives[{place}]"), detail))
    }

    /// What signs for a profile has to be in the store: that it was deleted, this node may notice only after the commit that
    /// moved the log on, and which this plan stands upon.
    pub(super) async fn check_authority<P: Managed>(&self, profile: &P) -> Result<Result<(), Fault>, StoreError> {
        let Some(authority) = profile.authority() else { return Ok(Ok(())) };
        let kept = self.store.load(ObjectId { kind: Kind::Authority, id: authority.0 }).await?;
        let gone = || Fault::new("authority", format!("the authority {authority} does not exist any more"));
        Ok(kept.map(drop).ok_or_else(gone))
    }
}

/// What the log says of something that was done to a profile.
pub(super) fn deed<P: Managed>(
    action: &'static str,
    name: &ProfileName,
    before: Option<&Value>,
    after: Option<&Value>,
) -> Deed {
    let text = |value: Option<&Value>| value.map(ToString::to_string);
    Deed { action, object: object::<P>(name.as_str()), before: text(before), after: text(after) }
}

/// How the log and errors name a profile, as in `acmeProfile/web`.
pub(super) fn object<P: Managed>(name: &str) -> String {
    format!("{}/{name}", P::WORD)
}

/// The name of a new profile, and its settings without it.
fn named(mut members: Map<String, Value>) -> Result<(ProfileName, Map<String, Value>), Fault> {
    let name = match members.remove("name") {
        Some(Value::String(name)) => name,
        Some(other) => return Err(Fault::new("name", format!("a text is expected, and {other} came"))),
        None => return Err(Fault::new("name", "it is missing")),
    };
    let name = ProfileName::parse(&name).map_err(|bad| Fault::new("name", bad.to_string()))?;
    Ok((name, members))
}

/// The settings of an update: the name may stand there if it is the same, since it never changes.
fn update(name: &str, mut members: Map<String, Value>) -> Result<Map<String, Value>, Fault> {
    match members.remove("name") {
        Some(Value::String(same)) if same == name => {}
        None => {}
        Some(_) => return Err(Fault::new("name", "a name never changes; create another profile")),
    }
    // What an answer shows beside the settings may be sent back as it came.
    for shown in ["revision", "termsChangedAt", "directoryUrl", "renewalCall"] {
        members.remove(shown);
    }
    Ok(members)
}

fn absent<P: Managed>(name: &str) -> AdminError {
    AdminError::Absent(format!("{} {name:?}", P::TITLE))
}

/// A name from a path: what can be no name names nothing.
fn path_name<P: Managed>(text: &str) -> Result<ProfileName, AdminError> {
    ProfileName::parse(text).map_err(|_| absent::<P>(text))
}
