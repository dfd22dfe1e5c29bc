//! Finalizing: from a CSR to a stored intent, and, within a deadline, to a certificate.

use std::sync::Arc;
use std::time::Duration;

use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::id::CertificateId;
use chancery_machine::identifier::Subject;
use chancery_machine::order::{Draft, Intent, Order, OrderEvent, OrderStatus, OrderTerms};
use chancery_machine::problem::Problem;
use chancery_machine::profile::{ProfileName, RaProfile};
use chancery_machine::rejection::Rejection;
use chancery_machine::time::Timestamp;
use thiserror::Error;
use tracing::{error, info};

use crate::caa::NotPermitted;
use crate::engine::Engine;
use crate::error::{LoadError, TurnError};
use crate::ports::{DraftError, DraftRequest, KeySource, Kind, ObjectId, Revision};
use crate::profiles::EndpointError;
use crate::resident::{Versioned, load};
use crate::terms::{self, sha256};
use crate::world::World;

/// How often the authorizations are looked at again that changed meanwhile. Many orders may share one, and each of them
/// changes it twice when it joins; those are at most a hundred, so waiting a little longer each time outlasts them.
const ATTEMPTS: u32 = 16;

/// By how much each pause is longer than the one before it; there is none before the second attempt.
const PAUSE: Duration = Duration::from_millis(10);

/// Why an order was not finalized. It stands as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FinalizeError {
    /// The CSR is at fault (RFC 8555 section 7.4: badCSR).
    #[error("{0}")]
    BadCsr(String),
    /// The order or the server is at fault.
    #[error(transparent)]
    Turn(#[from] TurnError),
    /// The order's profiles do not exist any more.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The RA Profile that the order names is not offered any more (draft-ietf-acme-profiles).
    #[error("the profile {0} that the order names is not offered here any more; place a new order")]
    ProfileWithdrawn(ProfileName),
    /// CAA records do not allow the certificate, or could not be had: for each identifier a problem that the client may read.
    #[error("the CAA records of {} identifiers do not allow it, or cannot be had", .0.len())]
    Caa(Vec<(Subject, Problem)>),
    /// The profile allows no sound certificate; the reason is in the log.
    #[error("the server's settings do not allow this certificate")]
    Refused,
}

impl From<NotPermitted> for FinalizeError {
    fn from(error: NotPermitted) -> Self {
        match error {
            NotPermitted::Caa(refused) => Self::Caa(refused),
            NotPermitted::Endpoint(error) => error.into(),
            NotPermitted::Turn(error) => error.into(),
        }
    }
}

/// Why there is no draft of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Undrafted {
    /// The key or the profile is at fault.
    #[error(transparent)]
    Request(#[from] DraftError),
    /// The order's RA Profile does not issue.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// It may be had later.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

impl World {
    /// Drafts a certificate for an order, by the revision of its RA Profile.
    pub(crate) async fn draft(
        &self,
        terms: &OrderTerms,
        key: KeySource,
        (not_before, not_after): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Draft, Undrafted> {
        let profile = match self.ra_profile_at(&terms.ra_profile).await {
            Ok(profile) => profile,
            Err(LoadError::Absent) => return Err(EndpointError::NoRaProfile(terms.ra_profile.name.clone()).into()),
            Err(LoadError::Store(error)) => return Err(TurnError::from(error).into()),
        };
        self.draft_under(profile, terms.subjects.clone(), key, (not_before, not_after)).await
    }

    /// Drafts a certificate for these subjects, by an RA Profile.
    pub(crate) async fn draft_under(
        &self,
        profile: Arc<RaProfile>,
        subjects: Vec<Subject>,
        key: KeySource,
        (not_before, not_after): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Draft, Undrafted> {
        if !self.ports.issue.issues(profile.authority) {
            return Err(EndpointError::AuthorityDisabled(profile.name.clone()).into());
        }
        let mut serial_entropy = [0; 16];
        self.ports.entropy.fill(&mut serial_entropy);
        let request =
            DraftRequest { profile, key, subjects, serial_entropy, not_before, not_after, now: self.ports.clock.now() };
        let stopping = |_| TurnError::Unavailable("the server is stopping".into());
        Ok(self.issuer.draft(request).await.map_err(stopping)??)
    }
}

impl Engine {
    /// Finalizes an order, and waits at most `patience` for the certificate. The order is then processing, valid or
    /// invalid. An account among the guards may change, as long as it may go on working.
    ///
    /// # Errors
    /// [`FinalizeError`].
    pub async fn finalize(
        &self,
        order: &Versioned<Order>,
        csr: Vec<u8>,
        guards: &[(ObjectId, Revision)],
        patience: Duration,
    ) -> Result<Versioned<Order>, FinalizeError> {
        let status = order.state.status(self.now());
        if status != OrderStatus::Ready {
            return Err(TurnError::Rejected(Rejection::OrderNotReady(status)).into());
        }
        self.still_offered(&order.state)?;
        let intent = Box::new(self.intend(&order.state, csr).await?);
        self.world.permitted(&order.state, &intent.methods).await?;
        let mut guards = guards.to_vec();
        for attempt in 0..ATTEMPTS {
            let all = [guards.clone(), self.proofs(order).await?].concat();
            match self.world.send::<Order>(order.id, OrderEvent::Finalized(intent.clone()), &all).await {
                Ok(finalized) => return Ok(self.settled(finalized, patience).await),
                // An authorization was written meanwhile, most often to note that the order has been told: look again.
                Err(TurnError::GuardChanged(object)) if object.kind == Kind::Authorization => {
                    tokio::time::sleep(PAUSE * attempt).await;
                }
                Err(TurnError::GuardChanged(changed)) => self.guard_anew(&mut guards, changed).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(TurnError::Conflict.into())
    }

    /// The order's authorizations, each valid at this revision: news of a loss may still be on its way to the order, so
    /// the intent is stored only if none of them has changed.
    async fn proofs(&self, order: &Versioned<Order>) -> Result<Vec<(ObjectId, Revision)>, TurnError> {
        let now = self.now();
        let mut proofs = Vec::new();
        for id in order.state.terms.distinct_authorizations() {
            let authorization = load::<Authorization>(&self.world, id.0).await?;
            if authorization.state.status(now) != AuthorizationStatus::Valid {
                let error = authorization.state.loss(now);
                let lost = OrderEvent::AuthorizationLost { authorization: id, error };
                let order = self.world.send::<Order>(order.id, lost, &[]).await?;
                return Err(TurnError::Rejected(Rejection::OrderNotReady(order.state.status(now))));
            }
            proofs.push((ObjectId { kind: Kind::Authorization, id: id.0 }, authorization.revision));
        }
        Ok(proofs)
    }

    async fn intend(&self, order: &Order, csr: Vec<u8>) -> Result<Intent, FinalizeError> {
        let terms = &order.terms;
        let validity = match &terms.auto_renewal {
            None => (terms.not_before, terms.not_after),
            Some(renewal) => {
                let (not_before, not_after) = renewal.validity(renewal.first(self.now()), 0);
                (Some(not_before), Some(not_after))
            }
        };
        let draft = match self.world.draft(terms, KeySource::Csr(csr), validity).await {
            Ok(draft) => draft,
            Err(Undrafted::Request(DraftError::BadCsr(reason))) => {
                info!(account = %terms.account, reason, "a CSR was refused");
                return Err(FinalizeError::BadCsr(reason));
            }
            Err(Undrafted::Request(DraftError::Refused(reason))) => {
                error!(ra_profile = %terms.ra_profile.name, reason, "no certificate can be drafted under this RA Profile");
                return Err(FinalizeError::Refused);
            }
            Err(Undrafted::Endpoint(error)) => return Err(error.into()),
            Err(Undrafted::Turn(error)) => return Err(error.into()),
        };
        // RFC 8555 section 11.1: whoever holds the certificate's key could otherwise act for the account.
        let same_key = self.world.ports.store.list(&terms::key(&sha256(&draft.public_key)), None, 1).await;
        if !same_key.map_err(TurnError::from)?.is_empty() {
            let advice = "the CSR's key is the key of an ACME account; make a key for the certificate alone";
            return Err(FinalizeError::BadCsr(advice.into()));
        }
        let methods = match &terms.auto_renewal {
            Some(_) => self.world.methods(terms).await?,
            None => Vec::new(),
        };
        Ok(Intent { certificate: CertificateId(self.world.new_id()), draft, methods })
    }

    /// Waits until an order is processing no more, at most for `patience`.
    async fn settled(&self, mut order: Versioned<Order>, patience: Duration) -> Versioned<Order> {
        let deadline = tokio::time::Instant::now() + patience;
        while order.state.status(self.now()) == OrderStatus::Processing {
            match tokio::time::timeout_at(deadline, self.world.watch::<Order>(order.id, order.revision)).await {
                Ok(Some(changed)) => order = changed,
                // It goes on without us; the client polls (RFC 8555 section 7.4).
                Ok(None) | Err(_) => break,
            }
        }
        order
    }
}
