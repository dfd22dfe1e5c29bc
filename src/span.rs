//! Spans of time as people and programs write them.

use std::fmt;
use std::time::Duration;

use chancery_machine::profile::Seconds;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The members that are spans of time: the API answers in seconds, people read words.
pub const SPANS: &[&str] = &[
    "retryPauses",
    "retryInterval",
    "orderValidity",
    "authorizationValidity",
    "authorizationReuse",
    "validity",
    "longestValidity",
    "backdate",
    "renewalInterval",
    "minLifetime",
    "maxDuration",
];

/// A span of time: `"90d"`, `"36h"`, `"10h 30m"`, or a whole number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Seconds);

impl Span {
    /// That many days of 24 hours.
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self(Seconds(days * 86_400))
    }
}

impl fmt::Display for Span {
    /// In words that are read again as the same: `90d`, `1h 30m`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Seconds(mut rest)) = *self;
        let mut begun = false;
        for (seconds, unit) in [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")] {
            let count = rest / seconds;
            rest %= seconds;
            if count > 0 || (unit == "s" && !begun) {
                write!(f, "{}{count}{unit}", if begun { " " } else { "" })?;
                begun = true;
            }
        }
        Ok(())
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0.into()
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0.0)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span of time such as \"90d\", \"36h\" or \"10m\", or a whole number of seconds")
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Span, E> {
                Ok(Span(Seconds(seconds)))
            }

            fn visit_i64<E: serde::de::Error>(self, seconds: i64) -> Result<Span, E> {
                let value = serde::de::Unexpected::Signed(seconds);
                u64::try_from(seconds).map(|seconds| Span(Seconds(seconds))).map_err(|_| E::invalid_value(value, &self))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                let wrong = || E::invalid_value(serde::de::Unexpected::Str(text), &self);
                let span: jiff::Span = text.parse().map_err(|_| wrong())?;
                let days = jiff::SpanRelativeTo::days_are_24_hours();
                let seconds = span.to_duration(days).map_err(|_| wrong())?.as_secs();
                u64::try_from(seconds).map(|seconds| Span(Seconds(seconds))).map_err(|_| wrong())
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl PartialSchema for Span {
    fn schema() -> RefOr<Schema> {
        let seconds = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).minimum(Some(0));
        let words = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).examples(["90d", "36h", "10m"]);
        let description = "A span of time: whole seconds, or words such as 90d, 36h, 10m. Answers are in seconds.";
        OneOfBuilder::new().item(seconds).item(words).description(Some(description)).into()
    }
}

impl ToSchema for Span {}

/// `10h`, `1d 12h`, `90s`: a span of time as it can also be given.
#[must_use]
pub fn in_words(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let mut rest = seconds;
    let mut words = Vec::new();
    for (size, unit) in units {
        if rest >= size {
            words.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(seconds in prop_oneof![0_u64..200_000, 0_u64..36_525 * 86_400]) {
            let words = Span(Seconds(seconds)).to_string();
            let read = serde_json::from_value::<Span>(words.clone().into());
            prop_assert_eq!(read.ok(), Some(Span(Seconds(seconds))), "{}", words);
        }
    }

    #[test]
    fn spans_are_written_in_words() {
        for (seconds, words) in [(7_776_000, "90d"), (5_400, "1h 30m"), (90_061, "1d 1h 1m 1s"), (0, "0s"), (60, "1m")]
        {
            assert_eq!(Span(Seconds(seconds)).to_string(), words);
        }
    }

    #[test]
    fn spans_are_read_in_words_and_seconds() {
        let read = |text: &str| serde_json::from_str::<Span>(text).map(|span| span.0.0);
        for (text, seconds) in [("\"90d\"", 7_776_000), ("\"36h\"", 129_600), ("\"1h 30m\"", 5_400), ("45", 45)] {
            assert_eq!(read(text).ok(), Some(seconds), "{text}");
        }
        for wrong in ["\"\"", "\"soon\"", "-5", "\"-5m\"", "1.5", "\"3 months\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
