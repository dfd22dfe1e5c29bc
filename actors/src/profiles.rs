//! The profile registry: the one writer of what every request reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use chancery_machine::profile::{AcmeProfile, Endpoint, ProfileName, ProfileRevision, RaProfile};
use thiserror::Error;
use tokio::sync::watch;
use tracing::info;

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
    /// The ACME Profile's RA Profile does not exist.
    #[error("ACME Profile {acme} names the RA Profile {ra}, which does not exist")]
    NoDefaultRaProfile {
        /// The ACME Profile.
        acme: ProfileName,
        /// What it names.
        ra: ProfileName,
    },
    /// No profile has this name.
    #[error("there is no RA Profile {0}")]
    NoRaProfile(ProfileName),
    /// The RA Profile has no ACME Profile.
    #[error("no ACME Profile is activated on RA Profile {0}")]
    NotActivated(ProfileName),
}

impl ProfileSet {
    /// The profiles of an endpoint.
    ///
    /// # Errors
    /// [`EndpointError`] says what is missing.
    pub fn resolve(&self, endpoint: &Endpoint) -> Result<Pair, EndpointError> {
        match endpoint {
            Endpoint::AcmeProfile(name) => {
                let acme = self.acme.get(name).ok_or_else(|| EndpointError::NoAcmeProfile(name.clone()))?;
                let ra = self.ra.get(&acme.ra_profile).ok_or_else(|| EndpointError::NoDefaultRaProfile {
                    acme: name.clone(),
                    ra: acme.ra_profile.clone(),
                })?;
                Ok(Pair { acme: Arc::clone(acme), ra: Arc::clone(ra) })
            }
            Endpoint::RaProfile(name) if self.ra.contains_key(name) => Err(EndpointError::NotActivated(name.clone())),
            Endpoint::RaProfile(name) => Err(EndpointError::NoRaProfile(name.clone())),
        }
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

/// The actor that holds the profiles.
pub struct ProfileRegistry {
    published: watch::Sender<Arc<ProfileSet>>,
}

impl ProfileRegistry {
    /// A registry without profiles, and how to read it.
    #[must_use]
    pub fn new() -> (Self, Profiles) {
        let (published, reader) = watch::channel(Arc::default());
        (Self { published }, Profiles(reader))
    }
}

impl Actor for ProfileRegistry {
    type Context = Context<Self>;
}

/// Makes these the profiles. One that differs from what stood under its name takes the next revision.
pub struct Declare(pub ProfileSet);

impl Message for Declare {
    type Result = ();
}

impl Handler<Declare> for ProfileRegistry {
    type Result = ();

    fn handle(&mut self, Declare(mut declared): Declare, _: &mut Self::Context) {
        let before = Arc::clone(&self.published.borrow());
        for (name, profile) in &mut declared.acme {
            let revision = before.acme.get(name).map_or(ProfileRevision(1), |old| {
                let same = AcmeProfile { revision: old.revision, ..(**profile).clone() } == **old;
                if same { old.revision } else { ProfileRevision(old.revision.0 + 1) }
            });
            Arc::make_mut(profile).revision = revision;
        }
        for (name, profile) in &mut declared.ra {
            let revision = before.ra.get(name).map_or(ProfileRevision(1), |old| {
                let same = RaProfile { revision: old.revision, ..(**profile).clone() } == **old;
                if same { old.revision } else { ProfileRevision(old.revision.0 + 1) }
            });
            Arc::make_mut(profile).revision = revision;
        }
        info!(acme_profiles = declared.acme.len(), ra_profiles = declared.ra.len(), "profiles declared");
        self.published.send_replace(Arc::new(declared));
    }
}
