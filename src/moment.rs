//! Moments as people and programs write them: RFC 3339.

use chancery_machine::time::Timestamp;
use jiff::Timestamp as Instant;

/// RFC 3339, in UTC, with whole seconds.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let instant = i64::try_from(at.seconds()).ok().and_then(|seconds| Instant::from_second(seconds).ok());
    // What cannot be written lies past the year 9999.
    instant.unwrap_or(Instant::MAX).to_string()
}

/// Reads RFC 3339, to the second.
#[must_use]
pub fn read_rfc3339(text: &str) -> Option<Timestamp> {
    let instant: Instant = text.parse().ok()?;
    u64::try_from(instant.as_second()).ok().map(Timestamp::from_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_as_rfc_3339() {
        let at = Timestamp::from_millis(1_760_000_000_999);
        assert_eq!(rfc3339(at), "2025-10-09T08:53:20Z");
        assert!(rfc3339(Timestamp::from_millis(u64::MAX)).starts_with("9999-12-"));
        assert_eq!(read_rfc3339("2025-10-09T08:53:20Z"), Some(Timestamp::from_seconds(1_760_000_000)));
        assert_eq!(read_rfc3339("2025-10-09T10:53:20.5+02:00"), Some(Timestamp::from_seconds(1_760_000_000)));
        for bad in ["", "2025-10-09", "yesterday", "1969-12-31T23:59:59Z"] {
            assert_eq!(read_rfc3339(bad), None, "{bad}");
        }
    }
}
