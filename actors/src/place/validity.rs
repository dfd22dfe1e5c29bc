//! The validity that an order asks for.

use chancery_machine::time::Timestamp;

use super::PlaceError;
use crate::profiles::Pair;

/// RFC 8555 section 7.4: what cannot be issued as asked is refused, never changed.
pub(super) fn accept(
    pair: &Pair,
    (authority_begins, authority_ends): (Timestamp, Timestamp),
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), PlaceError> {
    let refuse = |why: String| Err(PlaceError::Validity(why));
    let earliest = now.minus(pair.ra.validity.backdate.into()).max(authority_begins);
    if not_before.is_some_and(|not_before| not_before < earliest) {
        return refuse(format!(
            "notBefore may lie at most {} s in the past, and not before the authority's own life",
            pair.ra.validity.backdate.0
        ));
    }
    if not_after.is_some_and(|not_after| not_after > authority_ends) {
        return refuse("notAfter lies past the end of the authority's own life; ask for an earlier one".into());
    }
    if not_after.is_some_and(|not_after| not_after <= now) {
        return refuse("notAfter lies in the past".into());
    }
    if not_before.is_some_and(|not_before| not_before >= authority_ends) {
        return refuse("notBefore lies past the end of the authority's own life".into());
    }
    let begin = not_before.unwrap_or(earliest);
    let longest = pair.ra.validity.longest;
    match not_after {
        Some(not_after) if not_after <= begin => refuse("notAfter must be later than notBefore".into()),
        // Both ends count (RFC 5280 section 4.1.2.5).
        Some(not_after) if not_after.since(begin) >= longest.into() => {
            refuse(format!("certificates are valid for at most {} s here; ask for an earlier notAfter", longest.0))
        }
        None if not_before.is_some_and(|not_before| not_before.since(now) > longest.into()) => {
            refuse(format!("notBefore may lie at most {} s in the future", longest.0))
        }
        Some(_) | None => Ok(()),
    }
}
