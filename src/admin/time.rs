//! Moments as the API writes them.

use chancery_machine::time::Timestamp;

use super::settings::Fault;

/// RFC 3339, in UTC, with whole seconds.
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.seconds()).unwrap_or(i64::MAX);
    // A moment that jiff cannot write lies past the year 9999.
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// Reads RFC 3339.
///
/// # Errors
/// [`Fault`] of that field.
pub fn read_rfc3339(field: &str, text: &str) -> Result<Timestamp, Fault> {
    let moment = text.parse::<jiff::Timestamp>().ok().and_then(|moment| u64::try_from(moment.as_second()).ok());
    let wrong = || Fault::new(field, format!("{text:?} is no time of RFC 3339, as in 2026-01-31T12:00:00Z"));
    moment.map(Timestamp::from_seconds).ok_or_else(wrong)
}
