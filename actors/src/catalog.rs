//! The profiles in the store: read, written, and kept as they were for orders that were placed under them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chancery_machine::id::Id;
use chancery_machine::order::ProfileRef;
use chancery_machine::profile::{AcmeProfile, ProfileName, ProfileRevision, RaProfile};
use chancery_machine::snapshot::{self, Snapshot};

use crate::engine::Engine;
use crate::error::LoadError;
use crate::ports::{Body, Kind, ObjectId, Revision, Store, StoreError, Term, Write};
use crate::resident::{Versioned, read};
use crate::terms;
use crate::world::World;

/// How long a revision is kept that is no longer in force: longer than any order may be worked on, and then be renewed
/// automatically.
const KEPT: Duration = Duration::from_secs(500 * 86_400);

/// How many profiles of each kind there may be.
pub const MOST_PROFILES: usize = 10_000;

/// How many objects are looked up at a time.
const PAGE: usize = 256;

/// Every profile as the store has it.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By name.
    pub acme: BTreeMap<ProfileName, Kept<AcmeProfile>>,
    /// By name.
    pub ra: BTreeMap<ProfileName, Kept<RaProfile>>,
}

/// A profile as the store has it.
#[derive(Clone, Debug)]
pub struct Kept<P> {
    /// Its place in the store.
    id: Id,
    /// How often it was written.
    stored: Revision,
    /// The profile.
    pub state: Arc<P>,
}

/// What both kinds of profile have in common.
pub trait Profile: Snapshot + Clone + PartialEq {
    /// Where they are kept.
    const KIND: Kind;
    /// Where they are kept as they were.
    const PAST: Kind;

    /// Its name.
    fn name(&self) -> &ProfileName;

    /// Its revision.
    fn revision(&self) -> ProfileRevision;

    /// The same with another revision.
    #[must_use]
    fn with_revision(self, revision: ProfileRevision) -> Self;

    /// The word under which the profile of a name is found.
    fn term(name: &ProfileName) -> Term;
}

macro_rules! profiles {
    ($($profile:ident, $past:ident, $term:ident);*) => {$(
        impl Profile for $profile {
            const KIND: Kind = Kind::$profile;
            const PAST: Kind = Kind::$past;

            fn name(&self) -> &ProfileName {
                &self.name
            }

            fn revision(&self) -> ProfileRevision {
                self.revision
            }

            fn with_revision(self, revision: ProfileRevision) -> Self {
                Self { revision, ..self }
            }

            fn term(name: &ProfileName) -> Term {
                terms::$term(name)
            }
        }
    )*};
}

profiles!(AcmeProfile, AcmeProfileRevision, acme_profile; RaProfile, RaProfileRevision, ra_profile);

impl Catalog {
    /// Reads every profile.
    pub(crate) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self { acme: all(store).await?, ra: all(store).await? })
    }
}

impl Engine {
    /// Every profile as the store has it, for a plan that changes some of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn catalog(&self) -> Result<Catalog, StoreError> {
        Catalog::read(&*self.world.ports.store).await
    }

    /// The writes that make a profile so, and the profile with its revision: the next one of its name. What it was is
    /// kept for the orders that were placed under it. No writes if it is so already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn profile_writes<P: Profile>(
        &self,
        before: Option<&Kept<P>>,
        profile: P,
    ) -> Result<(Vec<Write>, P), StoreError> {
        let Some(before) = before else {
            let revision = ProfileRevision(last_revision::<P>(&self.world, profile.name()).await?.0 + 1);
            let profile = profile.with_revision(revision);
            let object = ObjectId { kind: P::KIND, id: self.world.new_id() };
            return Ok((vec![Write { object, expected: Revision::ABSENT, body: Some(body(&profile)) }], profile));
        };
        let profile = profile.with_revision(before.state.revision());
        if profile == *before.state {
            return Ok((Vec::new(), profile));
        }
        let profile = profile.with_revision(ProfileRevision(before.state.revision().0 + 1));
        let object = ObjectId { kind: P::KIND, id: before.id };
        let change = Write { object, expected: before.stored, body: Some(body(&profile)) };
        Ok((vec![change, self.archive(&*before.state)], profile))
    }

    /// The writes that remove a profile.
    pub fn profile_removal<P: Profile>(&self, profile: &Kept<P>) -> Vec<Write> {
        let object = ObjectId { kind: P::KIND, id: profile.id };
        vec![Write { object, expected: profile.stored, body: None }, self.archive(&*profile.state)]
    }

    /// An ACME Profile as it was at that revision.
    ///
    /// # Errors
    /// [`LoadError::Absent`] if it is not kept any more.
    pub async fn acme_profile_at(&self, profile: &ProfileRef) -> Result<Arc<AcmeProfile>, LoadError> {
        self.world.acme_profile_at(profile).await
    }

    /// An RA Profile as it was at that revision.
    ///
    /// # Errors
    /// [`LoadError::Absent`] if it is not kept any more.
    pub async fn ra_profile_at(&self, profile: &ProfileRef) -> Result<Arc<RaProfile>, LoadError> {
        self.world.ra_profile_at(profile).await
    }

    fn archive<P: Profile>(&self, profile: &P) -> Write {
        let term = P::term(profile.name());
        let body = Body {
            terms: vec![terms::past_of(&term)],
            unique: vec![terms::past(&term, profile.revision())],
            forget_at: Some(self.now().plus(KEPT)),
            ..Body::plain(snapshot::encode(profile))
        };
        let object = ObjectId { kind: P::PAST, id: self.world.new_id() };
        Write { object, expected: Revision::ABSENT, body: Some(body) }
    }
}

impl World {
    /// An ACME Profile as it was at that revision.
    pub(crate) async fn acme_profile_at(&self, profile: &ProfileRef) -> Result<Arc<AcmeProfile>, LoadError> {
        let set = self.profiles.now();
        match set.acme.get(&profile.name).filter(|current| current.revision == profile.revision) {
            Some(current) => Ok(Arc::clone(current)),
            None => at(self, profile).await,
        }
    }

    /// An RA Profile as it was at that revision.
    pub(crate) async fn ra_profile_at(&self, profile: &ProfileRef) -> Result<Arc<RaProfile>, LoadError> {
        let set = self.profiles.now();
        match set.ra.get(&profile.name).filter(|current| current.revision == profile.revision) {
            Some(current) => Ok(Arc::clone(current)),
            None => at(self, profile).await,
        }
    }
}

/// What this node has not read yet is current, or past.
async fn at<P: Profile>(world: &World, profile: &ProfileRef) -> Result<Arc<P>, LoadError> {
    let term = P::term(&profile.name);
    for term in [&term, &terms::past(&term, profile.revision)] {
        let Some(object) = world.ports.store.find(term).await? else { continue };
        let found = read::<P>(&*world.ports.store, object).await?;
        if let Some(found) = found.filter(|found| found.state.revision() == profile.revision) {
            return Ok(Arc::new(found.state));
        }
    }
    Err(LoadError::Absent)
}

fn body<P: Profile>(profile: &P) -> Body {
    Body { unique: vec![P::term(profile.name())], ..Body::plain(snapshot::encode(profile)) }
}

/// The greatest revision that a profile of this name ever had, as far as that is kept.
async fn last_revision<P: Profile>(world: &World, name: &ProfileName) -> Result<ProfileRevision, StoreError> {
    let term = terms::past_of(&P::term(name));
    let (mut last, mut after) = (ProfileRevision(0), None);
    loop {
        let page = world.ports.store.list(&term, after, PAGE).await?;
        for object in &page {
            if let Some(past) = read::<P>(&*world.ports.store, *object).await? {
                last = last.max(past.state.revision());
            }
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(last);
        }
    }
}

async fn all<P: Profile>(store: &dyn Store) -> Result<BTreeMap<ProfileName, Kept<P>>, StoreError> {
    let mut profiles = BTreeMap::new();
    let mut after = None;
    loop {
        let page = store.scan(P::KIND, after, PAGE).await?;
        for object in &page {
            let Some(Versioned { id, revision, state }) = read::<P>(store, *object).await? else { continue };
            let kept = Kept { id, stored: revision, state: Arc::new(state) };
            profiles.insert(kept.state.name().clone(), kept);
        }
        after = page.last().copied();
        if page.len() < PAGE {
            return Ok(profiles);
        }
    }
}
