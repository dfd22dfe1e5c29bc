//! Lists of what operators did.

use chancery_machine::audit::AuditEntry;
use chancery_machine::time::Timestamp;

use crate::listing::merge::Candidates;
use crate::listing::period::Period;
use crate::listing::{Query, wants};
use crate::ports::{Direction, Kind, Range, StoreError};
use crate::resident::Versioned;
use crate::terms;
use crate::world::World;

/// Which entries, and in which direction by number; with a time, and neither object nor operator, by time first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AuditQuery {
    /// Those about this object, as in `acmeProfile/default`.
    pub object: Option<String>,
    /// Those by this operator, as in `token:…` or `system`.
    pub who: Option<String>,
    /// Those of this action, as in `create`.
    pub action: Option<String>,
    /// Those of this moment or later.
    pub from: Option<Timestamp>,
    /// Those before this moment.
    pub to: Option<Timestamp>,
    /// Oldest or newest first.
    pub direction: Direction,
}

impl AuditQuery {
    const fn period(&self) -> Period {
        Period { from: self.from, to: self.to }
    }
}

impl Query for AuditQuery {
    const KIND: Kind = Kind::AuditEntry;
    type State = AuditEntry;

    fn direction(&self) -> Direction {
        self.direction
    }

    async fn candidates(&self, _: &World) -> Result<Candidates, StoreError> {
        Ok(if let Some(object) = &self.object {
            Candidates::under([terms::audit_object(object)])
        } else if let Some(who) = &self.who {
            Candidates::under([terms::audit_who(who)])
        } else if self.from.is_some() || self.to.is_some() {
            let (first, last) = self.period().ends();
            Candidates::ByTerm(Range::Terms { low: terms::audit_at(first), high: terms::audit_at(last) })
        } else {
            Candidates::ById(vec![Range::Kind(Self::KIND)])
        })
    }

    fn accepts(&self, found: &Versioned<AuditEntry>, _: Timestamp) -> bool {
        let entry = &found.state;
        wants(self.object.as_ref(), &entry.object)
            && wants(self.who.as_ref(), &entry.who)
            && wants(self.action.as_ref(), &entry.action)
            && self.period().covers(entry.at)
    }
}
