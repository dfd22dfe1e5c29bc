//! Lists of external accounts' credentials.

use chancery_machine::eab::{EabCredential, EabStatus};
use chancery_machine::time::Timestamp;

use crate::listing::merge::Candidates;
use crate::listing::{Query, wants};
use crate::ports::{Direction, Kind, Range, StoreError};
use crate::resident::Versioned;
use crate::world::World;

/// Which credentials, and in which direction by birth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EabQuery {
    /// Those that have this status now. There is no index of it: they are as many as operators make.
    pub status: Option<EabStatus>,
    /// Oldest or newest first.
    pub direction: Direction,
}

impl Query for EabQuery {
    const KIND: Kind = Kind::EabCredential;
    type State = EabCredential;

    fn direction(&self) -> Direction {
        self.direction
    }

    async fn candidates(&self, _: &World) -> Result<Candidates, StoreError> {
        Ok(Candidates::ById(vec![Range::Kind(Self::KIND)]))
    }

    fn accepts(&self, found: &Versioned<EabCredential>, now: Timestamp) -> bool {
        wants(self.status.as_ref(), &found.state.status(now))
    }
}
