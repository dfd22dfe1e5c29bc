//! Moments as the API writes them.

use chancery_machine::time::Timestamp;

/// RFC 3339, in UTC, with whole seconds.
#[must_use]
pub fn rfc3339(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.seconds()).unwrap_or(i64::MAX);
    // A moment that jiff cannot write lies past the year 9999.
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_string()
}
