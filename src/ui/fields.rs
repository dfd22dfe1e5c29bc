//! The attributes of profiles as forms and pages show them: a table for each kind, and one place that writes settings into
//! fields, reads fields into settings, and says settings in words.
//!
//! The line that explains an attribute is its description in the OpenAPI description, which is made from the comments of the
//! settings: so the API, its page and this interface say the same.

mod acme;
mod describe;
mod ra;
mod read;
mod say;
mod show;
#[cfg(test)]
mod tests;

pub(super) use self::acme::ACME;
pub(super) use self::ra::RA;
pub(super) use self::read::{read, written};
pub(super) use self::say::{Fact, facts};
pub(super) use self::show::{Control, Options, Section, sections};

/// Attributes that belong together.
pub(super) struct Group {
    pub(super) title: &'static str,
    /// What they are about, in a sentence.
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
}

/// An attribute.
pub(super) struct Field {
    /// Its member of the settings.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// What one might write; empty where the choices show it.
    pub(super) example: &'static str,
    pub(super) widget: Widget,
}

/// Values and their words.
pub(super) type Words = &'static [(&'static str, &'static str)];

/// How an attribute is entered.
pub(super) enum Widget {
    /// A line.
    Text,
    /// A URL.
    Url,
    /// A whole number.
    Number,
    /// A span of time, as in `90d`.
    Span,
    /// Spans of time with commas between them.
    Spans,
    /// A box to tick.
    Tick,
    /// One of these.
    Choice(Words),
    /// Any of these.
    Ticks(Words),
    /// One on each line.
    Lines,
    /// A profile of the other kind, or none.
    Other,
    /// Any profiles of the other kind.
    Others,
    /// What signs.
    Authority,
    /// From a number to a number.
    Pair,
    /// Rules about names for which nothing has to be proven, one on each line.
    Exemptions,
    /// An object of its own, or none: with this schema.
    Nested(&'static str, &'static [Field]),
}

/// An attribute of a table.
const fn field(name: &'static str, label: &'static str, example: &'static str, widget: Widget) -> Field {
    Field { name, label, example, widget }
}
