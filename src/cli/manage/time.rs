//! Moments as they are written on a command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::span::Span;

/// A moment, RFC 3339 for the API: `2026-01-31T12:00:00Z`, or `2026-01-31` for the beginning of that day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Moment(Timestamp);

/// A moment to come: also a span of time from now, as in `90d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Later(Moment);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = |date: Date| date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp());
        let moment = text.parse::<Timestamp>().or_else(|_| text.parse().and_then(day));
        moment.map(Self).map_err(|_| "a time is written as in 2026-01-31T12:00:00Z or 2026-01-31".to_owned())
    }
}

impl FromStr for Later {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| "a time to come is written as in 90d, 2027-01-31 or 2027-01-31T12:00:00Z".to_owned();
        let Ok(span) = serde_json::from_value::<Span>(Value::from(text)) else {
            return text.parse().map(Self).map_err(wrong);
        };
        let moment = Timestamp::now().checked_add(Duration::from(span));
        moment.map(|moment| Self(Moment(moment))).map_err(|_| "that is too long".to_owned())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Timestamp::from_second(self.0.as_second()).unwrap_or(self.0))
    }
}

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Later> for Value {
    fn from(later: Later) -> Self {
        Self::from(later.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let read = |text: &str| text.parse::<Moment>().map(|moment| moment.to_string()).ok();
        assert_eq!(read("2026-01-31").as_deref(), Some("2026-01-31T00:00:00Z"));
        assert_eq!(read("2026-01-31T12:00:00+02:00").as_deref(), Some("2026-01-31T10:00:00Z"));
        assert_eq!((read("soon"), read("90d")), (None, None));
        let later: Later = "1d".parse().expect("a span");
        assert!(later.0.0 > Timestamp::now());
        assert_eq!("2027-01-31".parse::<Later>().map(|later| later.to_string()).as_deref(), Ok("2027-01-31T00:00:00Z"));
        "soon".parse::<Later>().expect_err("must be refused");
    }
}
