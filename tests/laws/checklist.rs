//! `tests/CHECKLIST.md` is true: every duty names tests that show it, and each of them is there.

use std::collections::BTreeSet;

use super::source::without_comments_and_strings;
use super::{read, root, sources};

/// How many lines the checklist of RFC 8555 has.
const LINES: usize = 42;

/// What has a row beside RFC 8555.
const EXTENSIONS: &[&str] = &[
    "CAA (RFC 8659, RFC 8657)",
    "DNSSEC",
    "RFC 8737",
    "RFC 8738",
    "RFC 8739",
    "RFC 9444",
    "RFC 9773",
    "RFC 9881, RFC 9964",
    "draft-ietf-acme-dns-account-label",
    "draft-ietf-acme-dns-persist",
    "draft-ietf-acme-profiles",
    "perspectives",
];

/// A row of the page: its first cell, how tests of the sections in its second are named, and the tests in its last.
pub(crate) struct Row {
    pub(crate) duty: String,
    sections: Vec<String>,
    pub(crate) tests: Vec<String>,
}

#[test]
fn every_duty_has_tests_and_every_test_that_is_named_is_there() {
    let rows = rows();
    let duties: Vec<&str> = rows.iter().map(|row| row.duty.as_str()).collect();
    let lines: Vec<String> = (1..=LINES).map(|line| line.to_string()).collect();
    let expected: Vec<&str> = lines.iter().map(String::as_str).chain(EXTENSIONS.iter().copied()).collect();
    assert_eq!(duties, expected, "each line of the checklist and each extension has one row, in this order");

    let tests = tests();
    for Row { duty, sections, tests: named } in &rows {
        assert!(!named.is_empty(), "no test shows {duty}");
        if duty.parse::<usize>().is_ok() {
            let by_section = |name: &String| sections.iter().any(|section| name.starts_with(section.as_str()));
            assert!(named.iter().any(by_section), "no test of line {duty} is named by its section: {sections:?}");
        }
        for name in named {
            assert!(tests.contains(name), "{duty}: there is no test {name} any more; name what shows this now");
        }
    }
}

pub(crate) fn rows() -> Vec<Row> {
    let page = read(&root().join("tests/CHECKLIST.md"));
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.contains("| tests |"));
    rows.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [duty, what, tests] = cells.as_slice() else { panic!("three cells: {line}") };
        // As s7_4_2_ for §7.4.2.
        let number = |text: &str| {
            text.split(|letter: char| !(letter.is_ascii_digit() || letter == '.')).next().map(str::to_owned)
        };
        let sections =
            what.split('§').skip(1).filter_map(number).map(|number| format!("s{}_", number.replace('.', "_")));
        // What stands between back-ticks: every other piece.
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Row { duty: (*duty).to_owned(), sections: sections.collect(), tests }
    })
    .collect()
}

/// The names of all test functions.
fn tests() -> BTreeSet<String> {
    let rooms = ["tests", "src", "actors"];
    let mut names = BTreeSet::new();
    for file in rooms.iter().flat_map(|room| sources(&root(), room)) {
        let text = without_comments_and_strings(&read(&file));
        for attribute in ["#[test]", "#[tokio::test]"] {
            for (at, _) in text.match_indices(attribute) {
                let name = text[at..].split_once("fn ").map(|(_, rest)| rest.split('(').next().unwrap_or_default());
                names.extend(name.map(str::to_owned));
            }
        }
    }
    names
}
