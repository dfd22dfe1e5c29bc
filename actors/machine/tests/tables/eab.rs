//! RFC 8555 section 7.3.4, and what operators may limit of it.

use std::collections::BTreeSet;

use chancery_machine::eab::{BindingRefused, EabCredential, EabEvent, EabScope, EabStatus};
use chancery_machine::machine::Machine;
use chancery_machine::rejection::Rejection;
use chancery_machine::time::Timestamp;

use crate::sample::{AFTER, BEFORE, EXPIRES, NOW, credential, name, pattern, subject};
use crate::table::{attempt, check};

/// A credential binds accounts within its scope, as many as it may; its accounts place orders, as many as they may.
/// Revoking is final for binding, and leaves the accounts that are bound to go on.
const IN_FORCE: &str = "
                   | valid              | full               | spent              | unlimited         | lapsed             | revoked
bound              | 2 and 1            | refused: accounts  | 2 and 2            | 2 and 1           | refused: expired   | refused: revoked
bound to other     | refused: elsewhere | refused: elsewhere | refused: elsewhere | 2 and 1           | refused: expired   | refused: revoked
bound under other  | refused: elsewhere | refused: elsewhere | refused: elsewhere | 2 and 1           | refused: expired   | refused: revoked
order placed       | 1 and 2            | 2 and 2            | refused: orders    | 1 and 2           | 1 and 2            | 1 and 2 revoked
not revised        | stale              | stale              | stale              | stale             | stale              | refused: revoked
revised            | 1 and 1 revised    | 2 and 1 revised    | 1 and 2 revised    | 1 and 1 revised   | 1 and 1 revised    | refused: revoked
revoked            | 1 and 1 revoked    | 2 and 1 revoked    | 1 and 2 revoked    | 1 and 1 revoked   | 1 and 1 revoked    | stale
";

/// Past `expires` nothing is bound any more; all else is as before.
const LAPSED: &str = "
                   | valid              | full               | spent              | unlimited         | lapsed             | revoked
bound              | refused: expired   | refused: expired   | refused: expired   | 2 and 1           | refused: expired   | refused: revoked
bound to other     | refused: expired   | refused: expired   | refused: expired   | 2 and 1           | refused: expired   | refused: revoked
bound under other  | refused: expired   | refused: expired   | refused: expired   | 2 and 1           | refused: expired   | refused: revoked
order placed       | 1 and 2            | 2 and 2            | refused: orders    | 1 and 2           | 1 and 2            | 1 and 2 revoked
not revised        | stale              | stale              | stale              | stale             | stale              | refused: revoked
revised            | 1 and 1 revised    | 2 and 1 revised    | 1 and 2 revised    | 1 and 1 revised   | 1 and 1 revised    | refused: revoked
revoked            | 1 and 1 revoked    | 2 and 1 revoked    | 1 and 2 revoked    | 1 and 1 revoked   | 1 and 1 revoked    | stale
";

#[test]
fn every_state_with_every_event() {
    for (table, moments) in [(IN_FORCE, [NOW, BEFORE]), (LAPSED, [EXPIRES, AFTER])] {
        for now in moments {
            // Every state is revised to what it is already only by its own scope, so that row has an event for each.
            for state in states() {
                let column = column(table, state.0);
                check(&column, std::slice::from_ref(&state), &events(&state.1), now, |next| describe(next, now));
            }
        }
    }
}

#[test]
fn the_tables_have_a_column_for_each_state_and_a_row_for_each_event() {
    let names: Vec<_> = states().iter().map(|(name, _)| *name).collect();
    for table in [IN_FORCE, LAPSED] {
        let mut lines = table.lines().filter(|line| !line.is_empty());
        let head = lines.next().expect("a table has a head");
        assert_eq!(head.split('|').skip(1).map(str::trim).collect::<Vec<_>>(), names);
    }
    // A new event does not compile until it has a number, and then wants a row.
    let kind = |event: &EabEvent| match event {
        EabEvent::AccountBound { .. } => 0,
        EabEvent::OrderPlaced => 1,
        EabEvent::Revised { .. } => 2,
        EabEvent::Revoked => 3,
    };
    let kinds: BTreeSet<_> = events(&credential()).iter().map(|(_, event)| kind(event)).collect();
    assert_eq!(kinds, (0..=3).collect());
}

#[test]
fn a_credential_owes_nothing() {
    assert!(states().iter().all(|(_, credential)| credential.owed().is_empty()));
}

#[test]
fn revoked_comes_before_expired() {
    use EabStatus::{Expired, Revoked, Valid};
    let at = |now| states().iter().map(|(_, credential)| credential.status(now)).collect::<Vec<_>>();
    for now in [NOW, BEFORE] {
        assert_eq!(at(now), [Valid, Valid, Valid, Valid, Expired, Revoked]);
    }
    for now in [EXPIRES, AFTER] {
        assert_eq!(at(now), [Expired, Expired, Expired, Valid, Expired, Revoked]);
    }
    assert_eq!([Valid, Expired, Revoked].map(EabStatus::token), ["valid", "expired", "revoked"]);
}

#[test]
fn a_credential_covers_the_names_of_its_scope() {
    assert!(credential().covers(&subject("*.anything.example")), "no names limit nothing");
    let names = vec![pattern("**.corp.example"), pattern("corp.example")];
    let scoped = EabCredential { scope: EabScope { names, ..EabScope::default() }, ..credential() };
    for (name, covered) in
        [("corp.example", true), ("*.corp.example", true), ("a.b.corp.example", true), ("example.org", false)]
    {
        assert_eq!(scoped.covers(&subject(name)), covered, "{name}");
    }
}

/// The number of accounts and orders stands beside the most there may be, so both may change in any order.
#[test]
fn a_limit_below_what_was_used_ends_the_use() {
    let used = EabCredential { accounts: 7, orders: 9, ..credential() };
    let scope = EabScope { accounts: Some(3), orders: Some(4), ..EabScope::default() };
    let revised = attempt(&used, &EabEvent::Revised { description: String::new(), scope }, NOW).expect("it is valid");
    assert_eq!((revised.accounts, revised.orders), (7, 9));
    assert_eq!(attempt(&revised, &bound("here", "here"), NOW), Err(Rejection::Binding(BindingRefused::Accounts)));
    assert_eq!(attempt(&revised, &EabEvent::OrderPlaced, NOW), Err(Rejection::Binding(BindingRefused::Orders)));
    let most = EabCredential { accounts: u32::MAX, orders: u64::MAX, ..credential() };
    assert_eq!(attempt(&most, &bound("here", "here"), NOW).map(|next| next.accounts), Ok(u32::MAX));
    assert_eq!(attempt(&most, &EabEvent::OrderPlaced, NOW).map(|next| next.orders), Ok(u64::MAX));
}

fn states() -> Vec<(&'static str, EabCredential)> {
    let scope = EabScope {
        acme_profiles: vec![name("here")],
        ra_profiles: vec![name("here")],
        names: Vec::new(),
        accounts: Some(2),
        orders: Some(2),
        expires: Some(EXPIRES),
    };
    let spent = EabScope { accounts: Some(9), ..scope.clone() };
    let lapsed = EabScope { expires: Some(NOW), ..scope.clone() };
    let with = |scope: &EabScope| EabCredential { scope: scope.clone(), ..credential() };
    vec![
        ("valid", with(&scope)),
        ("full", EabCredential { accounts: 2, ..with(&scope) }),
        ("spent", EabCredential { orders: 2, ..with(&spent) }),
        ("unlimited", credential()),
        ("lapsed", with(&lapsed)),
        ("revoked", EabCredential { revoked: Some(NOW), ..with(&scope) }),
    ]
}

fn events(state: &EabCredential) -> Vec<(&'static str, EabEvent)> {
    let revised =
        |description: &str| EabEvent::Revised { description: description.to_owned(), scope: state.scope.clone() };
    vec![
        ("bound", bound("here", "here")),
        ("bound to other", bound("there", "here")),
        ("bound under other", bound("here", "there")),
        ("order placed", EabEvent::OrderPlaced),
        ("not revised", revised("")),
        ("revised", revised("for another team")),
        ("revoked", EabEvent::Revoked),
    ]
}

fn bound(acme_profile: &str, ra_profile: &str) -> EabEvent {
    EabEvent::AccountBound { acme_profile: name(acme_profile), ra_profile: name(ra_profile) }
}

/// The table with this column alone.
fn column(table: &str, state: &str) -> String {
    let lines = table.lines().filter(|line| !line.is_empty());
    let cells: Vec<Vec<&str>> = lines.map(|line| line.split('|').map(str::trim).collect()).collect();
    let place = cells[0].iter().position(|cell| *cell == state).expect("every state has a column");
    cells.iter().map(|row| format!("{} | {}\n", row[0], row[place])).collect()
}

fn describe(next: &EabCredential, now: Timestamp) -> String {
    assert_eq!((&next.sealed_key, next.created), (&credential().sealed_key, NOW), "they never change");
    if let Some(at) = next.revoked {
        assert!([NOW, now].contains(&at));
    }
    let revised = if next.description.is_empty() { "" } else { " revised" };
    let revoked = if next.revoked.is_some() { " revoked" } else { "" };
    format!("{} and {}{revised}{revoked}", next.accounts, next.orders)
}
