//! `tests/breakages` holds: every duty of the checklist is broken by one of its entries at least, and none of them has come
//! loose from the sources. Whether the tests notice is for `tests/breakages/run.py` to try, which takes its time.

use std::fs;

use serde::Deserialize;

use super::checklist::{Row, rows};
use super::{read, root};

/// A file of entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    breakage: Vec<Breakage>,
}

/// How a duty is broken, and which tests have to notice.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Breakage {
    /// The first cell of its row in `tests/CHECKLIST.md`.
    line: String,
    duty: String,
    file: String,
    find: String,
    part: Option<String>,
    #[serde(rename = "replace")]
    _replace: String,
    #[serde(default, rename = "alone")]
    _alone: bool,
    tests: Vec<String>,
}

#[test]
fn every_duty_is_broken_once_and_no_entry_has_come_loose() {
    let (rows, breakages) = (rows(), breakages());
    for Row { duty, .. } in &rows {
        assert!(breakages.iter().any(|breakage| breakage.line == *duty), "tests/breakages has no entry for {duty}");
    }
    let mut loose = Vec::new();
    for Breakage { line, duty, file, find, part, tests, .. } in &breakages {
        let mut wrong = |what: String| loose.push(format!("{line}, {duty}: {what}"));
        let Some(row) = rows.iter().find(|row| row.duty == *line) else {
            wrong("the checklist has no such line".to_owned());
            continue;
        };
        let found = fs::read_to_string(root().join(file)).unwrap_or_default().matches(find.as_str()).count();
        if found != 1 {
            wrong(format!("{find:?} stands {found} times in {file}, and has to stand there once"));
        }
        if let Some(part) = part
            && find.matches(part.as_str()).count() != 1
        {
            wrong(format!("{part:?} has to stand once in {find:?}"));
        }
        if tests.is_empty() {
            wrong("it names no test".to_owned());
        }
        for test in tests.iter().filter(|test| !row.tests.contains(test)) {
            wrong(format!("{test} does not stand in the row of {line} in tests/CHECKLIST.md"));
        }
    }
    assert!(loose.is_empty(), "entries of tests/breakages have come loose:\n{}", loose.join("\n"));
}

fn breakages() -> Vec<Breakage> {
    let folder = fs::read_dir(root().join("tests/breakages")).expect("the folder is there");
    let paths = folder.map(|entry| entry.expect("the folder can be read to its end").path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let read = |path: &std::path::PathBuf| -> Page {
        toml::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    pages.flat_map(|path| read(&path).breakage).collect()
}
