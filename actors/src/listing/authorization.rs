//! Lists of authorizations.

use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::id::AccountId;
use chancery_machine::identifier::Subject;
use chancery_machine::time::Timestamp;

use crate::listing::merge::Candidates;
use crate::listing::period::Period;
use crate::listing::{Query, wants};
use crate::ports::{Direction, Kind, Range, StoreError, Term};
use crate::resident::Versioned;
use crate::terms;
use crate::world::World;

/// Which authorizations, and in which direction by birth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuthorizationQuery {
    /// Those of this account.
    pub account: Option<AccountId>,
    /// Those that have this status now. There is no index of it: alone it looks at everything.
    pub status: Option<AuthorizationStatus>,
    /// Those for just this subject.
    pub name: Option<Subject>,
    /// Those that were made at this moment or later.
    pub created_from: Option<Timestamp>,
    /// Those that were made before this moment.
    pub created_to: Option<Timestamp>,
    /// Oldest or newest first.
    pub direction: Direction,
}

impl AuthorizationQuery {
    /// The terms under which lists find an authorization. They are part of the store's format.
    #[must_use]
    pub fn terms_of(authorization: &Authorization) -> Vec<Term> {
        let asked = &authorization.terms;
        vec![terms::authorizations_of(asked.account), terms::authorizations_for(&asked.subject())]
    }
}

impl Query for AuthorizationQuery {
    const KIND: Kind = Kind::Authorization;
    type State = Authorization;

    fn direction(&self) -> Direction {
        self.direction
    }

    fn created(&self) -> Period {
        Period { from: self.created_from, to: self.created_to }
    }

    async fn candidates(&self, _: &World) -> Result<Candidates, StoreError> {
        Ok(if let Some(name) = &self.name {
            Candidates::under([terms::authorizations_for(name)])
        } else if let Some(account) = self.account {
            Candidates::under([terms::authorizations_of(account)])
        } else {
            Candidates::ById(vec![Range::Kind(Self::KIND)])
        })
    }

    fn accepts(&self, found: &Versioned<Authorization>, now: Timestamp) -> bool {
        let asked = &found.state.terms;
        wants(self.account.as_ref(), &asked.account)
            && wants(self.status.as_ref(), &found.state.status(now))
            && self.name.as_ref().is_none_or(|name| *name == asked.subject())
    }
}
