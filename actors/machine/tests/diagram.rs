//! The diagrams that are printed from the code, against those of RFC 8555 section 7.1.6 and against docs/machines.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use chancery_machine::diagram::{self, Diagram};

/// The arrows between different statuses.
fn arrows(diagram: &Diagram) -> BTreeSet<(&str, &str)> {
    let all = diagram.transitions.iter().map(|transition| (transition.from, transition.to));
    all.filter(|(from, to)| from != to).collect()
}

#[test]
fn an_account_has_the_arrows_of_the_rfc() {
    let account = diagram::account();
    assert_eq!(arrows(&account), BTreeSet::from([("valid", "deactivated"), ("valid", "revoked")]));
    assert_eq!(account.begins, ["valid"]);
}

#[test]
fn an_order_has_the_arrows_of_the_rfc() {
    let order = diagram::order();
    let expected = BTreeSet::from([
        ("pending", "ready"),
        ("ready", "processing"),
        ("processing", "valid"),
        ("pending", "invalid"),
        ("ready", "invalid"),
        ("processing", "invalid"),
    ]);
    assert_eq!(arrows(&order), expected);
    assert_eq!(order.last(), ["invalid", "valid"]);
}

/// RFC 8739 section 3.1.1: one status more, which nothing leaves.
#[test]
fn an_auto_renewal_order_may_be_canceled_while_it_is_valid() {
    let (order, renewed) = (diagram::order(), diagram::auto_renewal_order());
    let mut expected = arrows(&order);
    expected.insert(("valid", "canceled"));
    assert_eq!(arrows(&renewed), expected);
    assert_eq!(renewed.last(), ["invalid", "canceled"]);
    let cancels: BTreeSet<_> =
        renewed.transitions.iter().filter(|cancel| cancel.to == "canceled").map(|cancel| cancel.event).collect();
    assert_eq!(cancels, BTreeSet::from(["client cancels", "operator cancels", "account closed"]));
}

#[test]
fn an_authorization_has_the_arrows_of_the_rfc() {
    let authorization = diagram::authorization();
    let expected = BTreeSet::from([
        ("pending", "valid"),
        ("pending", "invalid"),
        ("pending", "revoked"),
        ("pending", "deactivated"),
        ("pending", "expired"),
        ("valid", "revoked"),
        ("valid", "deactivated"),
        ("valid", "expired"),
    ]);
    assert_eq!(arrows(&authorization), expected);
    assert_eq!(authorization.begins, ["pending", "valid"], "valid where nothing has to be proven");
}

#[test]
fn a_challenge_has_the_arrows_of_the_rfc() {
    let challenge = diagram::challenge();
    let expected = BTreeSet::from([("pending", "processing"), ("processing", "valid"), ("processing", "invalid")]);
    assert_eq!(arrows(&challenge), expected);
    let retries: Vec<_> = challenge.transitions.iter().filter(|retry| retry.from == retry.to).collect();
    assert_eq!(retries.iter().map(|retry| retry.from).collect::<BTreeSet<_>>(), BTreeSet::from(["processing"]));
    assert_eq!(
        retries.iter().map(|retry| retry.event).collect::<BTreeSet<_>>(),
        BTreeSet::from(["client responds", "validation failed"]),
        "server retry or client retry request"
    );
}

#[test]
fn a_certificate_runs_out_or_is_revoked_for_good() {
    let certificate = diagram::certificate();
    assert_eq!(arrows(&certificate), BTreeSet::from([("valid", "expired"), ("valid", "revoked")]));
}

/// An operator who moves its end revives what has run out, and nothing revives what was revoked.
#[test]
fn a_credential_runs_out_or_is_revoked_for_good() {
    let credential = diagram::credential();
    let expected =
        BTreeSet::from([("valid", "expired"), ("valid", "revoked"), ("expired", "valid"), ("expired", "revoked")]);
    assert_eq!(arrows(&credential), expected);
    assert_eq!(credential.last(), ["revoked"]);
}

#[test]
fn no_transition_is_told_twice() {
    for diagram in diagram::all() {
        for (place, transition) in diagram.transitions.iter().enumerate() {
            assert!(!diagram.transitions[..place].contains(transition), "{}: {transition:?}", diagram.machine);
        }
    }
}

/// `UPDATE_DOCS=1 cargo test -p chancery-machine --test diagram` writes the page anew.
#[test]
fn the_page_in_docs_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/machines.md");
    let expected = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).expect("docs/machines.md can be written");
    }
    let found = fs::read_to_string(&path).expect("docs/machines.md is there");
    assert_eq!(found, expected, "docs/machines.md is not what the code says; see the comment on this test");
}

fn page() -> String {
    let mut page = String::from(
        "# Machines\n\n\
         What moves in Chancery, and by what, printed from the code in `actors/machine` (a test compares; see\n\
         `actors/machine/tests/diagram.rs` for how to write this page anew). The statuses are those of RFC 8555\n\
         section 7.1.6. An arrow from a status to itself changes what lies below the status: whether an account is\n\
         disabled, which authorizations an order still waits for, which attempt of a challenge is next, which orders an\n\
         authorization has told.\n",
    );
    for diagram in diagram::all() {
        let (name, mermaid) = (diagram.machine, diagram.mermaid());
        page.push_str(&format!("\n## The {name}\n\n```text\n{diagram}```\n\n```mermaid\n{mermaid}```\n"));
    }
    page
}
