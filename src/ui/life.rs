//! How much of its life something has had, in words and as a bar.

use chancery_machine::time::Timestamp;

use crate::admin::time::read_rfc3339;

/// How much of its life something has had at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// Hundredths of it that have passed.
    pub(super) passed: u64,
    /// As in `expires in 5 days`.
    pub(super) words: String,
    /// The colour: good, warn in its last third, when clients renew, bad in its last tenth and past its end.
    pub(super) kind: &'static str,
}

impl Life {
    /// Between these moments of RFC 3339; nothing, where those are none.
    pub(super) fn of(not_before: &str, not_after: &str, now: Timestamp) -> Option<Self> {
        let [begin, end] = [not_before, not_after].map(|text| read_rfc3339("", text).ok().map(Timestamp::seconds));
        let (begin, end, now) = (begin?, end?, now.seconds());
        let (whole, left) = (end.saturating_sub(begin).max(1), end.saturating_sub(now));
        let passed = (now.saturating_sub(begin).saturating_mul(100) / whole).min(100);
        let (words, kind) = if now > end {
            (format!("expired {} ago", span(now - end)), "bad")
        } else if now < begin {
            (format!("begins in {}", span(begin - now)), "calm")
        } else {
            let kind = match left {
                left if left < whole / 10 => "bad",
                left if left < whole / 3 => "warn",
                _ => "good",
            };
            (format!("expires in {}", span(left)), kind)
        };
        Some(Self { passed, words, kind })
    }
}

/// A span in the largest unit of which there are two, or in seconds.
fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(365 * 86_400, "years"), (86_400, "days"), (3600, "hours"), (60, "minutes")];
    match UNITS.iter().find(|(size, _)| seconds >= 2 * size) {
        Some((size, unit)) => format!("{} {unit}", seconds / size),
        None if seconds == 1 => "1 second".to_owned(),
        None => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u64, second: u64) -> Life {
        let now = Timestamp::from_seconds(1_760_000_000 + day * 86_400 + second);
        // A hundred days.
        Life::of("2025-10-09T08:53:20Z", "2026-01-17T08:53:20Z", now).expect("two moments")
    }

    #[test]
    fn the_last_third_warns_and_the_last_tenth_alarms() {
        for (day, second, passed, words, kind) in [
            (0, 0, 0, "expires in 100 days", "good"),
            (60, 0, 60, "expires in 40 days", "good"),
            (67, 0, 67, "expires in 33 days", "warn"),
            (95, 0, 95, "expires in 5 days", "bad"),
            (98, 43_200, 98, "expires in 36 hours", "bad"),
            (99, 86_399, 99, "expires in 1 second", "bad"),
            (100, 0, 100, "expires in 0 seconds", "bad"),
            (103, 0, 100, "expired 3 days ago", "bad"),
            (100 + 800, 0, 100, "expired 2 years ago", "bad"),
        ] {
            assert_eq!(at(day, second), Life { passed, words: words.to_owned(), kind }, "{day}");
        }
        let early = Life::of("2025-10-09T08:53:20Z", "2026-01-17T08:53:20Z", Timestamp::from_seconds(1_759_999_000));
        assert_eq!(early.map(|life| (life.words, life.kind)), Some(("begins in 16 minutes".to_owned(), "calm")));
        assert_eq!(Life::of("", "soon", Timestamp::from_seconds(0)), None);
    }
}
