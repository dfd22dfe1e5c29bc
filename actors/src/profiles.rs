//! The profile registry: what every request reads, as the store has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use chancery_machine::profile::{AcmeProfile, Endpoint, ProfileName, RaProfile};
use thiserror::Error;
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

use crate::audit;
use crate::catalog::{Catalog, Kept};
use crate::engine::Engine;
use crate::error::TurnError;
use crate::ports::{Revision, StoreError};
use crate::world::World;

/// How often it is looked whether another node has changed a profile.
const LOOK: Duration = Duration::from_secs(1);

/// Every profile, as it is at a moment. Readers keep what they took; nothing in it changes under them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileSet {
    /// By name.
    pub acme: BTreeMap<ProfileName, Arc<AcmeProfile>>,
    /// By name.
    pub ra: BTreeMap<ProfileName, Arc<RaProfile>>,
}

/// The two profiles that an endpoint works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// How the endpoint behaves.
    pub acme: Arc<AcmeProfile>,
    /// How certificates are issued.
    pub ra: Arc<RaProfile>,
}

/// Why there is nothing at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EndpointError {
    /// No profile has this name.
    #[error("there is no ACME Profile {0}")]
    NoAcmeProfile(ProfileName),
    /// An operator has disabled it.
    #[error("ACME Profile {0} is disabled")]
    AcmeProfileDisabled(ProfileName),
    /// The ACME Profile has no default RA Profile.
    #[error("ACME Profile {0} has no default RA Profile, so it serves only below /acme/raProfile/")]
    NoDefault(ProfileName),
    /// The ACME Profile's default RA Profile does not exist.
    #[error("the default RA Profile of ACME Profile {acme}, {ra}, does not exist")]
    DefaultMissing {
        /// The ACME Profile.
        acme: ProfileName,
        /// What it names.
        ra: ProfileName,
    },
    /// The ACME Profile's default RA Profile is disabled.
    #[error("the default RA Profile of ACME Profile {acme}, {ra}, is disabled")]
    DefaultDisabled {
        /// The ACME Profile.
        acme: ProfileName,
        /// What it names.
        ra: ProfileName,
    },
    /// No profile has this name.
    #[error("there is no RA Profile {0}")]
    NoRaProfile(ProfileName),
    /// An operator has disabled it.
    #[error("RA Profile {0} is disabled")]
    RaProfileDisabled(ProfileName),
    /// An operator has disabled what signs for it.
    #[error("the authority of RA Profile {0} is disabled, so it issues nothing until the server's operator enables it")]
    AuthorityDisabled(ProfileName),
    /// The RA Profile has no ACME Profile.
    #[error("no ACME Profile is activated on RA Profile {0}")]
    NotActivated(ProfileName),
    /// The activated ACME Profile does not exist.
    #[error("the ACME Profile that is activated on RA Profile {ra}, {acme}, does not exist")]
    ActivatedMissing {
        /// The RA Profile.
        ra: ProfileName,
        /// What is activated on it.
        acme: ProfileName,
    },
    /// The activated ACME Profile is disabled.
    #[error("the ACME Profile that is activated on RA Profile {ra}, {acme}, is disabled")]
    ActivatedDisabled {
        /// The RA Profile.
        ra: ProfileName,
        /// What is activated on it.
        acme: ProfileName,
    },
}

impl ProfileSet {
    /// The profiles of an endpoint: `/acme/{acmeProfile}/…` needs that ACME Profile and its default RA Profile,
    /// `/acme/raProfile/{raProfile}/…` that RA Profile and the ACME Profile that is activated on it, all enabled.
    ///
    /// # Errors
    /// [`EndpointError`] says what is missing.
    pub fn resolve(&self, endpoint: &Endpoint) -> Result<Pair, EndpointError> {
        match endpoint {
            Endpoint::AcmeProfile(name) => self.by_acme_profile(name),
            Endpoint::RaProfile(name) => self.by_ra_profile(name),
        }
    }

    /// The RA Profiles that orders at an endpoint may name (draft-ietf-acme-profiles), all enabled: none where its ACME
    /// Profile offers none. The one that issues where an order names none is always among them; below
    /// `/acme/raProfile/…`, which an operator has bound to it, it is the only one.
    #[must_use]
    pub fn choices(&self, endpoint: &Endpoint, pair: &Pair) -> BTreeMap<ProfileName, Arc<RaProfile>> {
        let mut choices = BTreeMap::new();
        if pair.acme.offers.is_empty() {
            return choices;
        }
        choices.insert(pair.ra.name.clone(), Arc::clone(&pair.ra));
        match endpoint {
            Endpoint::AcmeProfile(_) => {
                let offered = pair.acme.offers.iter().filter_map(|name| self.ra.get(name));
                let enabled = offered.filter(|profile| profile.enabled);
                choices.extend(enabled.map(|profile| (profile.name.clone(), Arc::clone(profile))));
            }
            Endpoint::RaProfile(_) => {}
        }
        choices
    }

    fn by_acme_profile(&self, name: &ProfileName) -> Result<Pair, EndpointError> {
        let acme = self.acme.get(name).ok_or_else(|| EndpointError::NoAcmeProfile(name.clone()))?;
        if !acme.enabled {
            return Err(EndpointError::AcmeProfileDisabled(name.clone()));
        }
        let default = acme.default_ra_profile.as_ref().ok_or_else(|| EndpointError::NoDefault(name.clone()))?;
        match self.ra.get(default) {
            Some(ra) if ra.enabled => Ok(Pair { acme: Arc::clone(acme), ra: Arc::clone(ra) }),
            Some(_) => Err(EndpointError::DefaultDisabled { acme: name.clone(), ra: default.clone() }),
            None => Err(EndpointError::DefaultMissing { acme: name.clone(), ra: default.clone() }),
        }
    }

    fn by_ra_profile(&self, name: &ProfileName) -> Result<Pair, EndpointError> {
        let ra = self.ra.get(name).ok_or_else(|| EndpointError::NoRaProfile(name.clone()))?;
        if !ra.enabled {
            return Err(EndpointError::RaProfileDisabled(name.clone()));
        }
        let activated = ra.acme_profile.as_ref().ok_or_else(|| EndpointError::NotActivated(name.clone()))?;
        match self.acme.get(activated) {
            Some(acme) if acme.enabled => Ok(Pair { acme: Arc::clone(acme), ra: Arc::clone(ra) }),
            Some(_) => Err(EndpointError::ActivatedDisabled { ra: name.clone(), acme: activated.clone() }),
            None => Err(EndpointError::ActivatedMissing { ra: name.clone(), acme: activated.clone() }),
        }
    }
}

impl Engine {
    /// Reads the profiles anew from the store, and answers once every request sees them.
    ///
    /// # Errors
    /// [`TurnError::Unavailable`] if the store fails or the server is stopping.
    pub async fn refresh_profiles(&self) -> Result<(), TurnError> {
        let (done, outcome) = oneshot::channel();
        let stopping = || TurnError::Unavailable("the server is stopping".into());
        self.registry.try_send(Refresh { done: Some(done) }).map_err(|error| match error {
            SendError::Full(_) => TurnError::Busy,
            SendError::Closed(_) => stopping(),
        })?;
        Ok(outcome.await.map_err(|_| stopping())??)
    }
}

/// Reads the profiles without waiting.
#[derive(Clone)]
pub struct Profiles(watch::Receiver<Arc<ProfileSet>>);

impl Profiles {
    /// The profiles as they are now.
    #[must_use]
    pub fn now(&self) -> Arc<ProfileSet> {
        Arc::clone(&self.0.borrow())
    }
}

/// The actor that reads the profiles from the store, when they were changed here and, by looking, when they were changed
/// elsewhere.
pub(crate) struct ProfileRegistry {
    world: Arc<World>,
    published: watch::Sender<Arc<ProfileSet>>,
    /// The end of the audit log when they were read: nobody changes a profile without moving it on.
    read_at: Option<Revision>,
}

impl ProfileRegistry {
    pub(crate) fn new(world: Arc<World>, published: watch::Sender<Arc<ProfileSet>>) -> Self {
        Self { world, published, read_at: None }
    }

    /// Where it publishes, and how that is read.
    pub(crate) fn channel() -> (watch::Sender<Arc<ProfileSet>>, Profiles) {
        let (published, reader) = watch::channel(Arc::default());
        (published, Profiles(reader))
    }
}

impl Actor for ProfileRegistry {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1024);
        ctx.run_interval(LOOK, |_, ctx| ctx.notify(Refresh { done: None }));
    }
}

/// Reads the profiles, if anything may have changed, and says when they are there.
pub(crate) struct Refresh {
    done: Option<oneshot::Sender<Result<(), StoreError>>>,
}

impl Message for Refresh {
    type Result = ();
}

impl Handler<Refresh> for ProfileRegistry {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, Refresh { done }: Refresh, _: &mut Self::Context) -> Self::Result {
        let (world, read_at) = (Arc::clone(&self.world), self.read_at);
        let reading = async move { read(&world, read_at).await };
        AtomicResponse::new(Box::pin(reading.into_actor(self).map(|read, actor, _| {
            let outcome = match read {
                Ok(None) => Ok(()),
                Ok(Some((set, read_at))) => {
                    actor.read_at = Some(read_at);
                    actor.publish(set);
                    Ok(())
                }
                Err(error) => {
                    warn!(%error, "the profiles could not be read; those of before go on to count");
                    Err(error)
                }
            };
            if let Some(done) = done {
                let _ = done.send(outcome);
            }
        })))
    }
}

impl ProfileRegistry {
    fn publish(&self, set: ProfileSet) {
        let changed = **self.published.borrow() != set;
        if changed {
            info!(acme_profiles = set.acme.len(), ra_profiles = set.ra.len(), "profiles read");
            self.published.send_replace(Arc::new(set));
        }
    }
}

async fn read(world: &World, read_at: Option<Revision>) -> Result<Option<(ProfileSet, Revision)>, StoreError> {
    // Read before the profiles: what changes meanwhile is read once more.
    let now = audit::head(world).await?.revision;
    if read_at == Some(now) {
        return Ok(None);
    }
    let Catalog { acme, ra } = Catalog::read(&*world.ports.store).await?;
    let set = ProfileSet { acme: current(acme), ra: current(ra) };
    Ok(Some((set, now)))
}

fn current<P>(kept: BTreeMap<ProfileName, Kept<P>>) -> BTreeMap<ProfileName, Arc<P>> {
    kept.into_iter().map(|(name, kept)| (name, kept.state)).collect()
}
