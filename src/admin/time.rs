//! Moments as the API writes them.

use chancery_machine::time::Timestamp;

use super::settings::Fault;
use crate::moment;
pub use crate::moment::rfc3339;

/// Reads RFC 3339.
///
/// # Errors
/// [`Fault`] of that field.
pub fn read_rfc3339(field: &str, text: &str) -> Result<Timestamp, Fault> {
    let wrong = || Fault::new(field, format!("{text:?} is no time of RFC 3339, as in 2026-01-31T12:00:00Z"));
    moment::read_rfc3339(text).ok_or_else(wrong)
}
