//! Just enough reading of Rust to find which modules of its own crate a file names.

/// The text with comments, strings and character literals blanked out, so that words in them count for nothing.
pub(crate) fn without_comments_and_strings(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| raw_string(rest)).or_else(|| quoted(rest));
        if let Some(length) = skipped {
            out.push(' ');
            rest = &rest[length..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// The top modules of its own crate that the text names, through `crate::…`, `crate::{…}`, or a `super::` chain that
/// climbs all the way out of a file at this depth. The text has no comments and strings any more.
pub(crate) fn crate_names(text: &str, depth: usize) -> Vec<String> {
    let mut names = names_after(text, "crate::");
    names.extend(names_after(text, &"super::".repeat(depth)));
    names.sort();
    names.dedup();
    names
}

/// What the text names right below this path, sorted.
pub(crate) fn names_after(text: &str, path: &str) -> Vec<String> {
    let mut names: Vec<String> = text
        .match_indices(path)
        .filter(|(at, _)| !continues_a_word(text, *at))
        .flat_map(|(at, _)| first_segments(&text[at + path.len()..]))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Whether the text has this as a word or path of its own.
pub(crate) fn has_word(text: &str, wanted: &str) -> bool {
    text.match_indices(wanted).any(|(at, _)| {
        let before = text[..at].chars().next_back().is_none_or(|character| !is_word(character));
        let after = text[at + wanted.len()..].chars().next().is_none_or(|character| !is_word(character));
        before && after
    })
}

/// The first segments of what a path or a braced list of paths begins with.
fn first_segments(path: &str) -> Vec<String> {
    let Some(list) = path.trim_start().strip_prefix('{') else {
        return word(path).into_iter().collect();
    };
    let mut names = Vec::new();
    let mut depth = 0_usize;
    let mut expecting = true;
    for (at, character) in list.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => expecting = true,
            _ if expecting && !character.is_whitespace() => {
                names.extend(word(&list[at..]));
                expecting = false;
            }
            _ => {}
        }
    }
    names
}

fn word(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|character: char| !is_word(character)).unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

fn continues_a_word(text: &str, at: usize) -> bool {
    text[..at].chars().next_back().is_some_and(|before| is_word(before) || before == ':')
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The length of the comment that the text begins with. Block comments nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    text.strip_prefix("/*")?;
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    Some(text.len())
}

/// The length of the raw string that the text begins with.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.strip_prefix('r')?;
    let count = hashes.len() - hashes.trim_start_matches('#').len();
    let body = hashes[count..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(count));
    let end = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(text.len() - body.len() + end)
}

/// The length of the string or character literal that the text begins with; a lifetime is none.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    if quote == '\'' {
        let mut inner = text[1..].chars();
        let first = inner.next()?;
        if first != '\\' && inner.next() != Some('\'') {
            return None;
        }
    }
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(at + character.len_utf8()),
            _ => {}
        }
    }
    Some(text.len())
}

#[test]
fn comments_and_strings_count_for_nothing() {
    let text = "use a; // crate::store\n/* crate::pki /* nested */ crate::ui */ let s = \"crate::acme\\\" crate::cli\";\n\
                let r = r#\"crate::x \" crate::y\"#; let c = '\"'; fn f<'a>(_: &'a str) { crate::real::f() }";
    assert_eq!(crate_names(&without_comments_and_strings(text), 1), ["real"]);
}

#[test]
fn words_are_whole() {
    assert!(has_word("let now = Instant::now();", "Instant"));
    assert!(!has_word("Instantiated, NoInstant", "Instant"));
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    assert_eq!(crate_names("use crate::store::redb::Redb;", 2), ["store"]);
    assert_eq!(
        crate_names("use crate::{pki::{csr, key}, store as s,\n    validate};", 2),
        ["pki", "store", "validate"]
    );
    assert_eq!(crate_names("let x = crate::acme::problem();", 2), ["acme"]);
    assert_eq!(crate_names("pub(in crate::ui) fn f() {}", 2), ["ui"]);
    assert_eq!(crate_names("use super::super::store;", 2), ["store"]);
    assert_eq!(crate_names("use super::{csr, key};", 2), Vec::<String>::new());
    assert_eq!(crate_names("use super::{store, pki};", 1), ["pki", "store"]);
    assert_eq!(crate_names("use other_crate::store; use $crate::store;", 2), ["store"]);
}
