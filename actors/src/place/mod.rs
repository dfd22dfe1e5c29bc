//! Placing an order: the order and its authorizations come into being in one commit. Also what a client may ask for before
//! it orders, under the same rules: an authorization by itself.

mod auto_renewal;
mod choice;
mod limits;
mod policy;
mod pre_authorize;
mod proof;
mod replacing;
mod reuse;
mod trial;
mod validity;

use std::collections::BTreeMap;
use std::time::Duration;

use chancery_machine::account::Account;
use chancery_machine::auto_renewal::AutoRenewal;
use chancery_machine::eab::{BindingRefused, EabCredential, EabEvent};
use chancery_machine::id::{AccountId, AuthorizationId, EabId, OrderId};
use chancery_machine::identifier::{DnsName, Subject};
use chancery_machine::order::{Order, OrderTerms, Predecessor, ProfileRef};
use chancery_machine::profile::{Limits, ProfileName};
use chancery_machine::time::Timestamp;
use futures::future::try_join_all;
use thiserror::Error;
use tracing::debug;

pub use self::auto_renewal::NewAutoRenewal;
use self::limits::Quota;
pub(crate) use self::limits::Turns;
pub use self::policy::NotIssued;
pub use self::pre_authorize::NewAuthorization;
use self::proof::Request;
pub use self::replacing::ReplaceError;
pub use self::trial::Required;
use crate::account::standing;
use crate::engine::Engine;
use crate::error::TurnError;
use crate::ports::{Commit, Revision, Write};
use crate::profiles::{EndpointError, Pair};
use crate::renewal::CertificateName;
use crate::resident::{Companions, Versioned, creation};

/// How often an order is committed again because its account changed meanwhile, or another order of it was placed.
const ATTEMPTS: usize = 16;

/// What a client asks for, already understood.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// For what: repeated ones count once.
    pub subjects: Vec<Subject>,
    /// For some of them a name above that the client controls as well (RFC 9444 section 4.3).
    pub ancestors: BTreeMap<Subject, DnsName>,
    /// The certificate's notBefore, if the client wants a certain one.
    pub not_before: Option<Timestamp>,
    /// The certificate's notAfter, if the client wants a certain one.
    pub not_after: Option<Timestamp>,
    /// The RA Profile, if the client wants a certain one.
    pub profile: Option<String>,
    /// The certificate that it replaces, if it does.
    pub replaces: Option<CertificateName>,
    /// How its certificate is renewed automatically, if the client wants that; then it wants no certain notBefore and
    /// notAfter.
    pub auto_renewal: Option<NewAutoRenewal>,
}

/// Why an order was not placed. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// There is nothing to certify.
    #[error("the order has no identifiers")]
    Empty,
    /// More than the profile allows.
    #[error("the order has {found} identifiers; {most} are allowed")]
    TooMany {
        /// How many it has.
        found: usize,
        /// How many are allowed.
        most: usize,
    },
    /// What the profile does not issue for, each with the reason.
    #[error("the server does not issue for some of the identifiers")]
    Rejected(Vec<(Subject, NotIssued)>),
    /// The validity that was asked for cannot be had (RFC 8555 section 7.4).
    #[error("{0}")]
    Validity(String),
    /// The RA Profile that was asked for is not offered, or not for that (draft-ietf-acme-profiles).
    #[error("{0}")]
    Profile(String),
    /// It cannot replace that certificate (RFC 9773 section 5).
    #[error(transparent)]
    Replaces(#[from] ReplaceError),
    /// The profile does not offer it.
    #[error("authorizations before an order are not offered here; place an order, and it has those that it needs")]
    NotOffered,
    /// The account has to agree to the terms of service as they are now (RFC 8555 section 7.3.3).
    #[error("the terms of service have changed since the account agreed to them")]
    TermsChanged,
    /// The account has asked for too much (RFC 8555 section 6.6).
    #[error("{detail}")]
    RateLimited {
        /// What it has too many of, and how many are allowed.
        detail: String,
        /// When another try may be worth it.
        retry_after: Duration,
    },
    /// Nothing is issued here now.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The account or the server is at fault.
    #[error(transparent)]
    Turn(#[from] TurnError),
}

/// What a client asks for and may have.
struct Asked {
    subjects: Vec<Subject>,
    ancestors: BTreeMap<Subject, DnsName>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    profile: Option<ProfileName>,
    replaces: Option<Predecessor>,
    auto_renewal: Option<AutoRenewal>,
}

/// An order, and all that is stored with it.
struct Drawn {
    id: OrderId,
    order: Order,
    writes: Vec<Write>,
}

impl Engine {
    /// Places an order of an account. If everything that it needs is proven already, or needs no proof, it is ready at
    /// once.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub async fn place_order(
        &self,
        account: &Versioned<Account>,
        pair: &Pair,
        new: NewOrder,
    ) -> Result<Versioned<Order>, PlaceError> {
        let now = self.now();
        let id = AccountId(account.id);
        may_order(&account.state, pair)?;
        let (pair, profile) = &self.chosen(&account.state.endpoint, pair, new.profile.as_deref(), &new.subjects)?;
        let subjects = policy::accept(pair, new.subjects)?;
        let counted_by = self.credential(&account.state, pair, &subjects).await?;
        self.issuing(pair)?;
        let life = self.world.ports.issue.lifetime(pair.ra.authority);
        let life = life.map_err(|error| TurnError::Unavailable(error.to_string()))?;
        validity::accept(pair, life, new.not_before, new.not_after, now)?;
        let (renewal, stated) = (new.auto_renewal.as_ref(), new.not_before.or(new.not_after));
        let renewal = renewal.map(|asked| auto_renewal::accept(pair, life, stated, asked, now)).transpose()?;
        let order = OrderId(self.world.new_id());
        let replaced = match &new.replaces {
            Some(name) => Some(self.replaced((account, order), name, &subjects, &pair.acme).await?),
            None => None,
        };
        // RFC 9773 section 5: whoever renews when the server asks for it is not limited.
        let free = replaced.as_ref().is_some_and(|replaced| replaced.in_time);
        let limits = if free { Limits::default() } else { pair.acme.limits.clone() };
        // That one is about what the server does from then on, so it holds for those too; and for no other orders.
        let renewing = pair.acme.limits.renewing_orders_per_account.filter(|_| renewal.is_some());
        let limits = Limits { renewing_orders_per_account: renewing, ..limits };
        // Held until the order is stored; nothing waits for it where there is no limit.
        let _turn = self.world.turns.take(id, &limits).await;
        let quota = self.quota(id, &limits).await?;
        let asked = Asked {
            subjects,
            ancestors: new.ancestors,
            not_before: new.not_before,
            not_after: new.not_after,
            profile: profile.clone(),
            replaces: replaced.as_ref().map(|replaced| replaced.predecessor.clone()),
            auto_renewal: renewal,
        };
        let drawn = self.draw_up(order, account, pair, asked, now).await?;
        let subjects = &drawn.order.terms.subjects;
        // The certificate was revoked, or another order replaces it: whether that one will is to be seen.
        let again = async || match &new.replaces {
            Some(name) => Ok(Some(self.replaced((account, order), name, subjects, &pair.acme).await?.write)),
            None => Ok(None),
        };
        let replacing = replaced.map(|replaced| replaced.write);
        self.store_within(account, quota, counted_by, drawn.writes, (replacing, again)).await?;
        debug!(order = %drawn.id, account = %id, names = subjects.len(), "order placed");
        Ok(Versioned { id: drawn.id.0, revision: Revision::ABSENT.next(), state: drawn.order })
    }

    /// Whether anything is issued here now.
    fn issuing(&self, pair: &Pair) -> Result<(), EndpointError> {
        if self.world.ports.issue.issues(pair.ra.authority) {
            return Ok(());
        }
        Err(EndpointError::AuthorityDisabled(pair.ra.name.clone()))
    }

    /// Checks what is asked for against what the account's external account is for, and answers with the credential that
    /// counts an order, if one does. As it stands now: an operator who narrows it a moment later does not reach this.
    async fn credential(
        &self,
        account: &Account,
        pair: &Pair,
        subjects: &[Subject],
    ) -> Result<Option<EabId>, PlaceError> {
        let Some(binding) = &account.binding else { return Ok(None) };
        let credential = match self.eab_credential(binding.credential).await.map_err(TurnError::from) {
            Ok(credential) => credential.state,
            // What it was for is not known any more, and that is not everything.
            Err(TurnError::Absent) => return Err(deleted().into()),
            Err(error) => return Err(error.into()),
        };
        // Another default RA Profile takes accounts along, and not what they were given.
        if !credential.serves(&pair.acme.name, &pair.ra.name) {
            return Err(TurnError::Rejected(BindingRefused::Elsewhere.into()).into());
        }
        policy::within(&credential, subjects)?;
        Ok(credential.scope.orders.map(|_| binding.credential))
    }

    /// Stores what an account asked for, if it is still within its limits and may still ask; together with one object that
    /// others change too, which is looked at again when they have.
    async fn store_within(
        &self,
        account: &Versioned<Account>,
        mut quota: Quota<'_>,
        counted_by: Option<EabId>,
        writes: Vec<Write>,
        (mut shared, again): (Option<Write>, impl AsyncFn() -> Result<Option<Write>, PlaceError>),
    ) -> Result<(), PlaceError> {
        let about = |write: &Option<Write>, changed| write.as_ref().is_some_and(|write| write.object == changed);
        let mut guards = vec![account.guard()];
        for _ in 0..ATTEMPTS {
            let writes = writes.iter().chain(&quota.write).chain(&shared).cloned().collect();
            match self.store(counted_by, Commit { guards: guards.clone(), writes }).await {
                Ok(()) => return Ok(()),
                // Another node has stored something of this account: it may have been the last that was allowed.
                Err(TurnError::GuardChanged(changed)) if about(&quota.write, changed) => {
                    quota = self.quota(AccountId(account.id), quota.limits).await?;
                }
                Err(TurnError::GuardChanged(changed)) if about(&shared, changed) => shared = again().await?,
                // Agreeing to terms cannot be taken back, so only the account's standing is looked at again.
                Err(TurnError::GuardChanged(changed)) => self.guard_anew(&mut guards, changed).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(TurnError::Conflict.into())
    }

    /// Commits; where a credential counts an order, in the credential's own turn.
    async fn store(&self, counted_by: Option<EabId>, commit: Commit) -> Result<(), TurnError> {
        let Some(credential) = counted_by else {
            return Ok(self.world.journal.commit(commit).await?);
        };
        let Commit { guards, writes } = commit;
        let companions = || -> Companions<EabCredential> {
            let writes = writes.clone();
            Box::new(move |_, _| writes)
        };
        match self.world.send_with(credential.0, EabEvent::OrderPlaced, &guards, companions).await {
            Ok(_) => Ok(()),
            Err(TurnError::Absent) => Err(deleted()),
            Err(error) => Err(error),
        }
    }

    /// Makes the order and the authorizations that it needs. What was proven before knows of the order from here on, though
    /// it is not stored yet: an order that never comes does no harm, and a loss that comes before it is stored is found by
    /// whoever asks for it (see [`crate::news`]) and when it is finalized.
    async fn draw_up(
        &self,
        id: OrderId,
        account: &Versioned<Account>,
        pair: &Pair,
        asked: Asked,
        now: Timestamp,
    ) -> Result<Drawn, PlaceError> {
        let Asked { subjects, ancestors, not_before, not_after, profile, replaces, auto_renewal } = asked;
        let found = subjects.iter().map(|subject| self.proven(account, pair, subject, now));
        let found = try_join_all(found).await.map_err(TurnError::from)?;
        // An order never outlives what proves it: so nothing runs out between the order's being ready and its end.
        let life = pair.acme.order_validity.min(pair.acme.authorization_validity);
        let expires = found.iter().flatten().fold(now.plus(life.into()), |end, proven| end.min(proven.expires));
        // Nothing is left to issue from there on.
        let expires = auto_renewal.map_or(expires, |renewal| expires.min(renewal.end));
        let joined = self.rely_on(found, id, expires).await?;

        let mut writes = Vec::with_capacity(subjects.len() + 2);
        let (mut authorizations, mut outstanding) = (Vec::with_capacity(subjects.len()), Vec::new());
        let lacking = subjects.iter().zip(&joined).filter(|(_, joined)| joined.is_none()).map(|(subject, _)| subject);
        let proofs = proof::plan(pair, lacking, &ancestors);
        let mut made = BTreeMap::new();
        let request = Request { account, pair, now, expires, order: Some((id, expires)) };
        for (subject, joined) in subjects.iter().zip(joined) {
            if let Some(known) = joined.or_else(|| made.get(proofs.get(subject)?).copied()) {
                authorizations.push(known);
                continue;
            }
            let authorization_id = AuthorizationId(self.world.new_id());
            let authorization = request.exempt(subject).unwrap_or_else(|| {
                let proof = &proofs[subject];
                outstanding.push(authorization_id);
                made.insert(proof, authorization_id);
                self.pending(&request, proof)
            });
            writes.push(creation(&self.world, authorization_id.0, &authorization));
            authorizations.push(authorization_id);
        }
        let terms = OrderTerms {
            account: AccountId(account.id),
            endpoint: account.state.endpoint.clone(),
            acme_profile: ProfileRef { name: pair.acme.name.clone(), revision: pair.acme.revision },
            ra_profile: ProfileRef { name: pair.ra.name.clone(), revision: pair.ra.revision },
            subjects,
            authorizations,
            created: now,
            expires,
            not_before,
            not_after,
            profile,
            replaces,
            ancestors,
            auto_renewal,
        };
        let order = Order::placed(terms, outstanding);
        writes.push(creation(&self.world, id.0, &order));
        Ok(Drawn { id, order, writes })
    }
}

/// Whether the account may place orders at all. Its guard holds from here on: none slips in behind its end.
fn may_order(account: &Account, pair: &Pair) -> Result<(), PlaceError> {
    standing(account)?;
    if pair.acme.terms.bars(account.terms_agreed) {
        return Err(PlaceError::TermsChanged);
    }
    Ok(())
}

fn deleted() -> TurnError {
    TurnError::Rejected(BindingRefused::Deleted.into())
}
