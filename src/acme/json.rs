//! JSON objects from the network: every name once, every member of the type that its reader expects, and complaints
//! that a person can act on and that repeat no more of the input than a few letters.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// The beginning of a text that came from outside, with what could disturb a terminal or a log escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// How many characters of the text are kept.
    pub const LENGTH: usize = 60;

    /// Keeps the beginning of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self::of(text, Self::LENGTH)
    }

    fn of(text: &str, length: usize) -> Self {
        let mut kept = String::new();
        for letter in text.chars().take(length) {
            match letter {
                '"' | '\'' | '\\' => kept.push(letter),
                other => kept.extend(other.escape_debug()),
            }
        }
        if text.chars().nth(length).is_some() {
            kept.push('…');
        }
        Self(kept)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// Why bytes are not the JSON object that was expected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadJson {
    /// It is not JSON, or not an object, or a name stands in it twice.
    #[error("it is no JSON object with distinct names: {0}")]
    Object(Excerpt),
    /// A member that must be there is not.
    #[error("the member \"{0}\" is missing")]
    Missing(&'static str),
    /// A member is not a string.
    #[error("the member \"{0}\" has to be a string, not {1}")]
    NotText(&'static str, Excerpt),
    /// A member is not what its reader expects.
    #[error("the member \"{name}\" does not fit: {complaint}")]
    Member {
        /// The member's name.
        name: Excerpt,
        /// What was expected and what came.
        complaint: Excerpt,
    },
    /// The object is JSON, and still not what its reader expects: often a member is missing.
    #[error("{0}")]
    Shape(Excerpt),
}

/// The members of one object, not read further yet.
#[derive(Debug)]
pub struct Members<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Members<'a> {
    /// Reads an object; a name that stands in it twice is refused (RFC 7515 section 4, RFC 7517 section 4).
    ///
    /// # Errors
    /// [`BadJson::Object`].
    pub fn parse(json: &'a [u8]) -> Result<Self, BadJson> {
        serde_json::from_slice(json).map_err(|error| BadJson::Object(complaint(&error)))
    }

    /// The JSON of a member.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|raw| raw.get())
    }

    /// A member that is a string, if it is there.
    ///
    /// # Errors
    /// [`BadJson::NotText`].
    pub fn text(&self, name: &'static str) -> Result<Option<String>, BadJson> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        serde_json::from_str(raw).map(Some).map_err(|_| BadJson::NotText(name, Excerpt::new(raw)))
    }

    /// A member that is a string and must be there.
    ///
    /// # Errors
    /// [`BadJson::NotText`], [`BadJson::Missing`].
    pub fn required_text(&self, name: &'static str) -> Result<String, BadJson> {
        self.text(name)?.ok_or(BadJson::Missing(name))
    }
}

/// Reads an object of distinct names into the type that its reader expects.
///
/// # Errors
/// [`BadJson`], which names the member at fault where there is one.
pub fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, BadJson> {
    let members = Members::parse(json)?;
    serde_json::from_slice(json).map_err(|error| {
        let complaint = complaint(&error);
        let place = offset(json, &error);
        // Complaints about an object or an array come from just before its first bracket.
        match members.at(json, place).or_else(|| members.at(json, place + 1)) {
            Some(name) => BadJson::Member { name: Excerpt::new(name), complaint },
            None => BadJson::Shape(complaint),
        }
    })
}

impl Members<'_> {
    /// The member whose value covers this place of the JSON that the members were read from.
    fn at(&self, json: &[u8], place: usize) -> Option<&str> {
        let found = self.0.iter().find(|(_, raw)| {
            let start = (raw.get().as_ptr() as usize).wrapping_sub(json.as_ptr() as usize);
            (start..start.saturating_add(raw.get().len())).contains(&place)
        });
        // The closing brace of the object lies outside of every member: there the complaint is about the whole.
        found.map(|(name, _)| name.as_ref())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = BTreeMap<Cow<'de, str>, &'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some(Name(name)) = map.next_key()? {
                    let value = map.next_value()?;
                    if members.contains_key(&name) {
                        return Err(A::Error::custom(format_args!(
                            "\"{}\" stands in it twice",
                            Excerpt::of(&name, 20)
                        )));
                    }
                    members.insert(name, value);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Object).map(Self)
    }
}

/// A name, borrowed unless it is written with escapes. (`Cow` itself is always read as owned.)
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }

        deserializer.deserialize_str(Text).map(Self)
    }
}

/// What serde has to say, bounded: it may repeat a string of the input in full.
fn complaint(error: &serde_json::Error) -> Excerpt {
    Excerpt::of(&error.to_string(), 160)
}

/// Where the reader stood when it gave up, as an index into the JSON.
fn offset(json: &[u8], error: &serde_json::Error) -> usize {
    let line = json.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1));
    line.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Contact {
        #[allow(dead_code, reason = "only whether it can be read matters")]
        contact: Vec<String>,
        #[allow(dead_code, reason = "only whether it can be read matters")]
        agreed: Option<bool>,
    }

    fn complaint_of(json: &str) -> String {
        read::<Contact>(json.as_bytes()).expect_err("must be refused").to_string()
    }

    #[test]
    fn the_member_at_fault_is_named() {
        assert!(read::<Contact>(br#"{"contact":["mailto:a@example.org"],"more":1}"#).is_ok());
        for (json, name) in [
            (r#"{"contact":"mailto:a@example.org","agreed":true}"#, "contact"),
            (r#"{"contact":["a",5]}"#, "contact"),
            (r#"{"contact":null,"agreed":true}"#, "contact"),
            (r#"{"contact":[],"agreed":"yes"}"#, "agreed"),
            ("{\n \"contact\": [],\n \"agreed\":\n 7\n}", "agreed"),
            (r#"{"agreed":{},"contact":[]}"#, "agreed"),
            (r#"{"contact":[], "agreed": [true]}"#, "agreed"),
        ] {
            let text = complaint_of(json);
            assert!(text.starts_with(&format!("the member \"{name}\" does not fit: ")), "{json}: {text}");
        }
        let text = complaint_of(r#"{"agreed":true}"#);
        assert!(text.starts_with("missing field `contact`"), "{text}");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in ["", "5", "[]", "\"{}\"", "null", "{", "{}x", "{\"a\":}", "{\"a\":1,}", "{a:1}"] {
            assert!(matches!(Members::parse(json.as_bytes()), Err(BadJson::Object(_))), "{json}");
        }
        assert!(matches!(Members::parse(b"{\"a\":\"\xff\"}"), Err(BadJson::Object(_))));
    }

    #[test]
    fn a_name_stands_once_however_it_is_written() {
        for json in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            let text = Members::parse(json.as_bytes()).expect_err("must be refused").to_string();
            assert!(text.contains("\"a\" stands in it twice"), "{text}");
        }
    }

    #[test]
    fn a_complaint_is_short_and_printable() {
        let json = format!("{{\"contact\":\"\\u001b[31m{}\"}}", "x".repeat(100_000));
        let text = complaint_of(&json);
        assert!(text.len() < 400, "{}", text.len());
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn deep_nesting_does_not_overflow() {
        let json = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let _ = Members::parse(json.as_bytes());
        let _ = read::<serde_json::Value>(json.as_bytes());
    }
}
