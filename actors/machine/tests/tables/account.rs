//! RFC 8555 sections 7.1.6, 7.3.2, 7.3.5 and 7.3.6.

use chancery_machine::account::{Account, AccountEffect, AccountEvent, AccountState, AccountStatus};
use chancery_machine::machine::Machine;
use chancery_machine::time::Timestamp;

use crate::sample::{AFTER, BEFORE, EXPIRES, NOW, account, accounts, key};
use crate::table::check;

/// Section 7.3.6: once deactivated, the server refuses every request of the account; a revoked one is no better off
/// (section 7.1.6). Section 7.1.6 has no arrow from one of the two to the other.
const TABLE: &str = "
               | valid          | deactivated         | deactivated-settled | revoked         | revoked-settled
same contacts  | stale          | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked
new contacts   | valid contacts | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked
same key       | stale          | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked
new key        | valid key      | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked
deactivated    | deactivated    | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked
revoked        | revoked        | stale               | stale               | stale           | stale
work ended     | stale          | deactivated-settled | stale               | revoked-settled | stale
";

#[test]
fn every_state_with_every_event() {
    let old = account(AccountState::Valid);
    let events = [
        ("same contacts", AccountEvent::ContactsUpdated(old.contacts.clone())),
        ("new contacts", AccountEvent::ContactsUpdated(vec![])),
        ("same key", AccountEvent::KeyChanged(key(1))),
        ("new key", AccountEvent::KeyChanged(key(2))),
        ("deactivated", AccountEvent::Deactivated),
        ("revoked", AccountEvent::Revoked),
        ("work ended", AccountEvent::WorkEnded),
    ];
    for now in [NOW, BEFORE, EXPIRES, AFTER] {
        check(TABLE, &accounts(), &events, now, |next| describe(next, now));
    }
}

#[test]
fn a_closed_account_owes_the_end_of_its_work_until_that_is_done() {
    for (name, account) in accounts() {
        let owes = ["deactivated", "revoked"].contains(&name);
        assert_eq!(account.owed(), if owes { vec![AccountEffect::EndWork] } else { vec![] }, "{name}");
    }
}

#[test]
fn the_status_is_that_of_the_wire() {
    use AccountStatus::{Deactivated, Revoked, Valid};
    let found: Vec<_> = accounts().iter().map(|(_, account)| account.status()).collect();
    assert_eq!(found, [Valid, Deactivated, Deactivated, Revoked, Revoked]);
    assert_eq!([Valid, Deactivated, Revoked].map(AccountStatus::token), ["valid", "deactivated", "revoked"]);
}

fn describe(next: &Account, now: Timestamp) -> String {
    let old = account(next.state.clone());
    match next.state {
        AccountState::Valid => {
            let changed = (next.contacts != old.contacts, next.key != old.key);
            format!("valid{}{}", if changed.0 { " contacts" } else { "" }, if changed.1 { " key" } else { "" })
        }
        AccountState::Deactivated { at, settled } | AccountState::Revoked { at, settled } => {
            assert_eq!(at, if settled { NOW } else { now }, "the moment of closing stays");
            assert_eq!(*next, old, "closing changes nothing else");
            format!("{}{}", next.status().token(), if settled { "-settled" } else { "" })
        }
    }
}
