//! When something was born, which its id says.

use chancery_machine::id::{ID_ENTROPY, Id};
use chancery_machine::time::Timestamp;

use crate::ports::Direction;

/// From one moment on, until before another.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Period {
    pub(super) from: Option<Timestamp>,
    pub(super) to: Option<Timestamp>,
}

impl Period {
    /// Whether this moment lies in it.
    pub(super) fn covers(&self, moment: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.to.is_none_or(|to| moment < to)
    }

    /// Whether what has this id was born in it.
    pub(super) fn contains(&self, id: Id) -> bool {
        self.covers(id.born())
    }

    /// Its first and its last millisecond; the last comes before the first where there is none.
    pub(super) fn ends(&self) -> (Timestamp, Timestamp) {
        let first = self.from.unwrap_or(Timestamp::EPOCH);
        let last = self.to.map_or(u64::MAX, |to| to.millis().saturating_sub(1));
        (first, Timestamp::from_millis(last))
    }

    /// Past which id a walk begins in this direction.
    pub(super) fn begin(&self, direction: Direction) -> Option<Id> {
        match direction {
            // Only what is past it counts: so one before the first of that moment.
            Direction::Ascending => {
                let first = u128::from_be_bytes(first_of(self.from?).bytes());
                first.checked_sub(1).map(|before| Id::from_bytes(before.to_be_bytes()))
            }
            // Ids have no words for later moments, so nothing was born then.
            Direction::Descending => self.to.filter(|&to| to <= LATEST).map(first_of),
        }
    }

    /// Whether a walk in this direction has left it behind at this id.
    pub(super) fn is_behind(&self, id: Id, direction: Direction) -> bool {
        match direction {
            Direction::Ascending => self.to.is_some_and(|to| id.born() >= to),
            Direction::Descending => self.from.is_some_and(|from| id.born() < from),
        }
    }
}

/// The last moment that ids can state.
const LATEST: Timestamp = Timestamp::from_millis((1 << 48) - 1);

fn first_of(moment: Timestamp) -> Id {
    Id::new(moment.min(LATEST), [0; ID_ENTROPY])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    proptest! {
        /// The walk begins and ends exactly where the period does.
        #[test]
        fn its_ends_on_a_walk_are_its_ends(
            from in option::of(0_u64..4), to in option::of(0_u64..4), born in 0_u64..4, random in prop::sample::select(vec![0, 1, 255_u8]),
        ) {
            let period = Period { from: from.map(Timestamp::from_millis), to: to.map(Timestamp::from_millis) };
            let id = Id::new(Timestamp::from_millis(born), [random; ID_ENTROPY]);
            let up = Direction::Ascending;
            let down = Direction::Descending;
            let within = period.begin(up).is_none_or(|begin| id > begin) && !period.is_behind(id, up);
            prop_assert_eq!(within, period.contains(id));
            let within = period.begin(down).is_none_or(|begin| id < begin) && !period.is_behind(id, down);
            prop_assert_eq!(within, period.contains(id));
        }
    }

    #[test]
    fn moments_beyond_what_ids_can_state_are_far_away_and_not_near() {
        let (id, far) = (Id::new(Timestamp::from_seconds(1), [0; ID_ENTROPY]), Timestamp::from_millis(1 << 48));
        let until = Period { from: None, to: Some(far) };
        assert!(until.contains(id) && until.begin(Direction::Descending).is_none());
        let since = Period { from: Some(far), to: None };
        assert!(!since.contains(id) && since.begin(Direction::Ascending).is_some_and(|begin| begin > id));
    }
}
