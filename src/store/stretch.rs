//! The part of a sorted range that a walk has yet to go.

use std::ops::Bound;

use chancery_actors::ports::Direction;

/// What is left of the places from `low` to `high`, both counted, past `after` in this direction; `None` if nothing is.
pub(super) fn left<T: Ord>(low: T, high: T, direction: Direction, after: Option<T>) -> Option<(Bound<T>, Bound<T>)> {
    use Bound::{Excluded, Included};
    if low > high {
        return None;
    }
    match (direction, after) {
        (Direction::Ascending, Some(after)) if after >= high => None,
        (Direction::Descending, Some(after)) if after <= low => None,
        (Direction::Ascending, Some(after)) if after >= low => Some((Excluded(after), Included(high))),
        (Direction::Descending, Some(after)) if after <= high => Some((Included(low), Excluded(after))),
        (Direction::Ascending | Direction::Descending, _) => Some((Included(low), Included(high))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_left_is_what_is_in_the_range_and_past(low in 0..9, high in 0..9, after in proptest::option::of(0..9)) {
            let places: BTreeSet<i32> = (0..9).collect();
            for direction in [Direction::Ascending, Direction::Descending] {
                let past = |place: &i32| after.is_none_or(|after| match direction {
                    Direction::Ascending => *place > after,
                    Direction::Descending => *place < after,
                });
                let expected: Vec<_> = (low..=high).filter(past).collect();
                // A range that begins after its end would panic here.
                let found = left(low, high, direction, after).map(|bounds| places.range(bounds).copied().collect());
                prop_assert_eq!(found.unwrap_or_else(Vec::new), expected);
            }
        }
    }
}
