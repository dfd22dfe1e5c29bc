//! What is printed: tables and records for people, the API's JSON for programs. Data goes to standard output, words about
//! it to standard error; there is no colour.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde_json::Value;

use super::set::{SPANS, in_words, kebab_case};

/// The members that come first in a record, if they are there: what it is.
const FIRST: [&str; 7] = ["name", "id", "keyId", "number", "kind", "status", "enabled"];

/// In which form things are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// Tables.
    Table,
    /// JSON, as the API has it.
    Json,
}

/// A column of a list.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Column {
    pub(super) heading: &'static str,
    /// Where its value is, as a JSON pointer (RFC 6901).
    pub(super) pointer: &'static str,
}

/// A column whose value is there.
pub(super) const fn column(heading: &'static str, pointer: &'static str) -> Column {
    Column { heading, pointer }
}

/// Where and how things are printed.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Output {
    pub(super) format: Format,
}

/// A table that is printed page by page, so that a long list is never held as a whole.
pub(in crate::cli) struct Stream {
    columns: &'static [Column],
    widths: Vec<u16>,
    begun: bool,
}

impl Output {
    /// Whether programs read it.
    pub(super) fn json(self) -> bool {
        self.format == Format::Json
    }

    /// One thing.
    pub(super) fn record(self, value: &Value) -> io::Result<()> {
        if self.json() { pretty(value) } else { write(&record(value)) }
    }

    /// What was done: the words for people, the answer for programs.
    pub(super) fn done(self, words: &str, answer: &Value) -> io::Result<()> {
        if self.json() { pretty(answer) } else { write(&format!("{words}\n")) }
    }
}

impl Stream {
    /// A table with these columns.
    pub(super) const fn new(columns: &'static [Column]) -> Self {
        Self { columns, widths: Vec::new(), begun: false }
    }

    /// Prints some more rows; the headings before the first.
    pub(super) fn rows(&mut self, items: &[Value]) -> io::Result<()> {
        let mut table = bare();
        if !self.begun {
            table.set_header(self.columns.iter().map(|column| column.heading).collect::<Vec<_>>());
        }
        for item in items {
            let cell = |column: &Column| item.pointer(column.pointer).map_or("-".to_owned(), cell);
            table.add_row(self.columns.iter().map(cell).collect::<Vec<_>>());
        }
        // A later page is at least as wide as the ones before it.
        let found = table.column_max_content_widths();
        let widest =
            found.iter().enumerate().map(|(place, width)| self.widths.get(place).map_or(*width, |w| *w.max(width)));
        self.widths = widest.collect();
        for (column, width) in table.column_iter_mut().zip(&self.widths) {
            column.set_padding((0, 2));
            // Padding counts.
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width.saturating_add(2))));
        }
        if items.is_empty() && self.begun {
            return Ok(());
        }
        self.begun = true;
        write(&format!("{}\n", table.trim_fmt()))
    }
}

/// Writes to standard output.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Says something beside the data. That nobody listens is no reason to stop.
pub(super) fn remark(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints JSON for programs that people read too.
pub(super) fn pretty(value: &Value) -> io::Result<()> {
    write(&format!("{value:#}\n"))
}

/// Prints JSON in one line.
pub(super) fn line(value: &Value) -> io::Result<()> {
    write(&format!("{value}\n"))
}

/// A value in a line.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => clean(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(_) => clean(identifier(value).unwrap_or(&value.to_string())),
    }
}

/// A member of an object in a line; spans of time in words.
pub(super) fn member(name: &str, value: &Value) -> String {
    let seconds = |value: &Value| value.as_u64().filter(|_| SPANS.contains(&name)).map(in_words);
    let one = |value: &Value| seconds(value).unwrap_or_else(|| cell(value));
    match value.as_array() {
        Some(items) if !items.is_empty() => items.iter().map(one).collect::<Vec<_>>().join(", "),
        Some(_) | None => one(value),
    }
}

/// An identifier of RFC 8555 section 7.1.3 is known by its value.
fn identifier(value: &Value) -> Option<&str> {
    let members = value.as_object().filter(|members| members.len() == 2 && members.contains_key("type"))?;
    members.get("value")?.as_str()
}

/// A table without lines, from which nothing is cut.
fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Members, one a line; texts of several lines at the end.
fn record(value: &Value) -> String {
    let mut rows = Vec::new();
    let mut blocks = Vec::new();
    flatten("", "", value, &mut rows, &mut blocks);
    let mut table = bare();
    table.add_rows(rows.into_iter().map(|(name, text)| vec![name, text]));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = table.trim_fmt();
    text.push('\n');
    for block in blocks {
        text.push_str(&block);
        text.push_str(if block.ends_with('\n') { "" } else { "\n" });
    }
    text
}

fn flatten(path: &str, name: &str, value: &Value, rows: &mut Vec<(String, String)>, blocks: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| place(name));
            for (name, value) in members {
                let word = kebab_case(name);
                let path = if path.is_empty() { word } else { format!("{path}.{word}") };
                flatten(&path, name, value, rows, blocks);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() && identifier(item).is_none()) => {
            for (place, item) in items.iter().enumerate() {
                let path = format!("{path}[{place}]");
                match step(item) {
                    Some(line) => rows.push((path, line)),
                    None => flatten(&path, name, item, rows, blocks),
                }
            }
        }
        Value::String(text) if text.starts_with("-----BEGIN ") => {
            blocks.push(text.lines().map(clean).collect::<Vec<_>>().join("\n"));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            rows.push((path.to_owned(), member(name, value)));
        }
    }
}

/// Something that happened, as in the transcript of a validation: in one line.
fn step(item: &Value) -> Option<String> {
    let members = item.as_object()?;
    let (at, kind) = (members.get("at")?.as_str()?, members.get("kind")?.as_str()?);
    let others = members.iter().filter(|(name, value)| !["at", "kind"].contains(&name.as_str()) && !value.is_null());
    let words = others.map(|(name, value)| format!(" {}={}", kebab_case(name), cell(value)));
    Some(format!("{} {}{}", clean(at), kebab_case(kind), words.collect::<String>()))
}

/// What others wrote must not move the cursor of a terminal, nor break a row in two.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_written_for_people() {
        assert_eq!(cell(&json!(["a", "b"])), "a, b");
        assert_eq!(cell(&json!([{"type": "dns", "value": "a.example"}])), "a.example");
        assert_eq!((cell(&json!(null)), cell(&json!(true)), cell(&json!([]))), ("-".into(), "yes".into(), "-".into()));
        assert_eq!(member("orderValidity", &json!(36_000)), "10h");
        assert_eq!(member("retryPauses", &json!([2, 90])), "2s, 1m 30s");
        assert_eq!(member("httpPort", &json!(80)), "80");
        assert_eq!(cell(&json!("a\u{1b}[31m\nb")), "a [31m b");
    }

    #[test]
    fn what_happened_has_a_line() {
        let steps = json!([{"at": "2026-01-31T12:00:00.5Z", "kind": "addressRefused", "address": "::1", "rule": null}]);
        let text = record(&json!({"status": "invalid", "challenges": [{"transcript": {"steps": steps}}], "id": "x"}));
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let last = "challenges[0].transcript.steps[0] 2026-01-31T12:00:00.5Z address-refused address=::1";
        assert_eq!(lines, ["id x", "status invalid", last]);
    }

    #[test]
    fn a_record_has_a_line_for_each_member() {
        let text =
            record(&json!({"name": "web", "pem": "-----BEGIN X\nab\n-----END X-----\n", "scope": {"httpPort": 80}}));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines, ["name             web", "scope.http-port  80", "-----BEGIN X", "ab", "-----END X-----"]);
    }
}
