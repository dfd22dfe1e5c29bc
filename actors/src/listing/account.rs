//! Lists of accounts.

use chancery_machine::account::{Account, AccountStatus};
use chancery_machine::id::EabId;
use chancery_machine::profile::{Endpoint, ProfileName};
use chancery_machine::time::Timestamp;

use crate::engine::Engine;
use crate::listing::merge::Candidates;
use crate::listing::period::Period;
use crate::listing::{Count, Query, count, wants};
use crate::ports::{Direction, Kind, Range, StoreError, Term};
use crate::resident::Versioned;
use crate::terms;
use crate::world::World;

/// Which accounts, and in which direction by birth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AccountQuery {
    /// Those of this status.
    pub status: Option<AccountStatus>,
    /// Those that operators let work, or those that they do not.
    pub enabled: Option<bool>,
    /// Those that belong to this ACME Profile, under either form of URL.
    pub acme_profile: Option<ProfileName>,
    /// Those that registered under this RA Profile's own URL.
    pub ra_profile: Option<ProfileName>,
    /// Those that are bound with this credential.
    pub credential: Option<EabId>,
    /// Those with this contact URL, in whatever letters.
    pub contact: Option<String>,
    /// Those whose key has this SHA-256 thumbprint (RFC 7638), at any endpoint.
    pub thumbprint: Option<[u8; 32]>,
    /// Those that were made at this moment or later.
    pub created_from: Option<Timestamp>,
    /// Those that were made before this moment.
    pub created_to: Option<Timestamp>,
    /// Oldest or newest first.
    pub direction: Direction,
}

impl AccountQuery {
    /// The terms under which lists find an account. They are part of the store's format.
    #[must_use]
    pub fn terms_of(account: &Account) -> Vec<Term> {
        let mut terms = vec![
            terms::account_state(account.status(), account.disabled.is_some()),
            terms::account_at(&account.endpoint),
            terms::thumbprint(&account.key.thumbprint),
        ];
        // The same term as that of accounts under the ACME Profile's own URL: both belong to it.
        let activated = account.acme_profile.clone().map(Endpoint::AcmeProfile);
        terms.extend(activated.as_ref().map(terms::account_at));
        terms.extend(account.binding.as_ref().map(|binding| terms::bound_with(binding.credential)));
        terms.extend(account.contacts.iter().map(|contact| terms::contact(contact)));
        terms
    }

    /// Every combination that the filters on standing leave.
    fn states(&self) -> Vec<Term> {
        const STATUSES: &[AccountStatus] = &[AccountStatus::Valid, AccountStatus::Deactivated, AccountStatus::Revoked];
        let statuses = STATUSES.iter().filter(|status| wants(self.status.as_ref(), status));
        let combined = statuses.flat_map(|&status| [(status, false), (status, true)]);
        let left = combined.filter(|(_, disabled)| wants(self.enabled.as_ref(), &!disabled));
        left.map(|(status, disabled)| terms::account_state(status, disabled)).collect()
    }
}

impl Query for AccountQuery {
    const KIND: Kind = Kind::Account;
    type State = Account;

    fn direction(&self) -> Direction {
        self.direction
    }

    fn created(&self) -> Period {
        Period { from: self.created_from, to: self.created_to }
    }

    async fn candidates(&self, _: &World) -> Result<Candidates, StoreError> {
        let in_use = self.status.is_none_or(|status| status == AccountStatus::Valid) && self.enabled != Some(false);
        let term = if let Some(thumbprint) = &self.thumbprint {
            terms::thumbprint(thumbprint)
        } else if let Some(contact) = &self.contact {
            terms::contact(contact)
        } else if let Some(credential) = self.credential {
            terms::bound_with(credential)
        } else if !in_use {
            // Those are few.
            return Ok(Candidates::under(self.states()));
        } else if let Some(ra_profile) = &self.ra_profile {
            terms::account_at(&Endpoint::RaProfile(ra_profile.clone()))
        } else if let Some(acme_profile) = &self.acme_profile {
            terms::account_at(&Endpoint::AcmeProfile(acme_profile.clone()))
        } else if self.status.is_some() || self.enabled.is_some() {
            return Ok(Candidates::under(self.states()));
        } else {
            return Ok(Candidates::ById(vec![Range::Kind(Self::KIND)]));
        };
        Ok(Candidates::under([term]))
    }

    fn accepts(&self, found: &Versioned<Account>, _: Timestamp) -> bool {
        let account = &found.state;
        let (acme_profile, ra_profile) = match &account.endpoint {
            Endpoint::AcmeProfile(name) => (Some(name), None),
            Endpoint::RaProfile(name) => (account.acme_profile.as_ref(), Some(name)),
        };
        let is_same = |contact: &String| self.contact.as_ref().is_none_or(|wanted| same(wanted, contact));
        wants(self.status.as_ref(), &account.status())
            && wants(self.enabled.as_ref(), &account.disabled.is_none())
            && self.acme_profile.as_ref().is_none_or(|wanted| Some(wanted) == acme_profile)
            && self.ra_profile.as_ref().is_none_or(|wanted| Some(wanted) == ra_profile)
            && self.credential.is_none_or(|id| account.binding.as_ref().is_some_and(|binding| binding.credential == id))
            && (self.contact.is_none() || account.contacts.iter().any(is_same))
            && wants(self.thumbprint.as_ref(), &account.key.thumbprint)
    }
}

impl Engine {
    /// How many accounts pass: counted up to `cap`, and as far as one request goes ([`EXAMINED`](super::EXAMINED)).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_accounts(&self, query: &AccountQuery, cap: usize) -> Result<Count, StoreError> {
        count(&self.world, query, cap).await
    }
}

/// As the index compares them.
fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
