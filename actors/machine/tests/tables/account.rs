//! RFC 8555 sections 7.1.6, 7.3.2, 7.3.3, 7.3.5 and 7.3.6.

use std::collections::BTreeSet;

use chancery_machine::account::{Account, AccountEffect, AccountEvent, AccountState, AccountStatus, FORMER_KEYS};
use chancery_machine::certificate::RevocationReason;
use chancery_machine::machine::Machine;
use chancery_machine::time::Timestamp;

use crate::sample::{AFTER, BEFORE, EXPIRES, NOW, account, accounts, accounts_2, key};
use crate::table::check;

/// Section 7.3.6: once deactivated, the server refuses every request of the account; a revoked one is no better off
/// (section 7.1.6). Section 7.1.6 has no arrow from one of the two to the other, and enabling revives neither. What a
/// disabled account's client asks for is refused; operators go on.
const TABLE: &str = "
                | valid           | disabled                 | deactivated         | deactivated-settled | revoked         | revoked-settled | revoked-all         | revoked-all-settled
same contacts   | stale           | account disabled         | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
new contacts    | valid contacts  | account disabled         | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
same key        | stale           | account disabled         | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
new key         | valid key       | account disabled         | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
deactivated     | deactivated     | account disabled         | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
revoked         | revoked         | revoked disabled         | stale               | stale               | stale           | stale           | stale               | stale
all revoked     | revoked-all     | revoked-all disabled     | stale               | stale               | stale           | stale           | stale               | stale
disabled        | valid disabled  | stale                    | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
enabled         | stale           | valid                    | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
terms agreed    | valid terms     | valid terms disabled     | closed: deactivated | closed: deactivated | closed: revoked | closed: revoked | closed: revoked     | closed: revoked
work ended      | stale           | stale                    | deactivated-settled | stale               | revoked-settled | stale           | revoked-all-settled | stale
";

#[test]
fn every_state_with_every_event() {
    for now in [NOW, BEFORE, EXPIRES, AFTER] {
        check(TABLE, &states(), &events(), now, |next| describe(next, now));
    }
}

/// Every kind of event stands in the table: a new one does not compile until it has a number, and then wants a row.
#[test]
fn the_table_knows_every_kind_of_event() {
    let kind = |event: &AccountEvent| match event {
        AccountEvent::ContactsUpdated(_) => 0,
        AccountEvent::KeyChanged(_) => 1,
        AccountEvent::Deactivated => 2,
        AccountEvent::Revoked { .. } => 3,
        AccountEvent::Disabled => 4,
        AccountEvent::Enabled => 5,
        AccountEvent::TermsAgreed => 6,
        AccountEvent::WorkEnded => 7,
    };
    let kinds: BTreeSet<_> = events().iter().map(|(_, event)| kind(event)).collect();
    assert_eq!(kinds, (0..=7).collect());
}

/// draft-ietf-acme-dns-persist-02 section 4.2: each key of the past once, the last one at the end; and not for ever.
#[test]
fn keys_of_the_past_are_kept() {
    let thumbprints = |account: &Account| account.former_keys.iter().map(|key| key[0]).collect::<Vec<_>>();
    let change =
        |account: &Account, byte| account.apply(AccountEvent::KeyChanged(key(byte)), NOW).expect("it is valid").next;
    let mut changed = account(AccountState::Valid);
    for byte in [2, 3] {
        changed = change(&changed, byte);
    }
    assert_eq!(thumbprints(&changed), [1, 2]);
    // Back to the first: it is the present one, and no key is known twice.
    changed = change(&changed, 1);
    assert_eq!(thumbprints(&changed), [2, 3]);
    for byte in 10..=200 {
        changed = change(&changed, byte);
    }
    let expected = (100..=199).collect::<Vec<_>>();
    assert_eq!(thumbprints(&changed), expected);
    assert_eq!(expected.len(), FORMER_KEYS);
}

#[test]
fn a_closed_account_owes_the_end_of_its_work_until_that_is_done() {
    for (name, account) in [accounts(), accounts_2()].concat() {
        let expected = match name {
            "deactivated" | "revoked" => vec![AccountEffect::EndWork],
            "revoked-with-certificates" => vec![AccountEffect::EndWorkAndRevoke(RevocationReason::KeyCompromise)],
            _ => vec![],
        };
        assert_eq!(account.owed(), expected, "{name}");
    }
}

#[test]
fn the_status_is_that_of_the_wire() {
    use AccountStatus::{Deactivated, Revoked, Valid};
    let found: Vec<_> = states().iter().map(|(_, account)| account.status()).collect();
    // Whether it is disabled is no status of RFC 8555.
    assert_eq!(found, [Valid, Valid, Deactivated, Deactivated, Revoked, Revoked, Revoked, Revoked]);
    assert_eq!([Valid, Deactivated, Revoked].map(AccountStatus::token), ["valid", "deactivated", "revoked"]);
}

/// None of them has agreed to anything, so that agreeing shows at every moment.
fn states() -> Vec<(&'static str, Account)> {
    let account = |state| Account { terms_agreed: None, ..account(state) };
    let revoked = |settled, certificates| account(AccountState::Revoked { at: NOW, settled, certificates });
    let all = Some(RevocationReason::Superseded);
    vec![
        ("valid", account(AccountState::Valid)),
        ("disabled", Account { disabled: Some(NOW), ..account(AccountState::Valid) }),
        ("deactivated", account(AccountState::Deactivated { at: NOW, settled: false })),
        ("deactivated-settled", account(AccountState::Deactivated { at: NOW, settled: true })),
        ("revoked", revoked(false, None)),
        ("revoked-settled", revoked(true, None)),
        ("revoked-all", revoked(false, all)),
        ("revoked-all-settled", revoked(true, all)),
    ]
}

fn events() -> Vec<(&'static str, AccountEvent)> {
    vec![
        ("same contacts", AccountEvent::ContactsUpdated(account(AccountState::Valid).contacts)),
        ("new contacts", AccountEvent::ContactsUpdated(vec![])),
        ("same key", AccountEvent::KeyChanged(key(1))),
        ("new key", AccountEvent::KeyChanged(key(2))),
        ("deactivated", AccountEvent::Deactivated),
        ("revoked", AccountEvent::Revoked { certificates: None }),
        ("all revoked", AccountEvent::Revoked { certificates: Some(RevocationReason::Superseded) }),
        ("disabled", AccountEvent::Disabled),
        ("enabled", AccountEvent::Enabled),
        ("terms agreed", AccountEvent::TermsAgreed),
        ("work ended", AccountEvent::WorkEnded),
    ]
}

/// The state in the words of the table; what the words leave out is asserted.
fn describe(next: &Account, now: Timestamp) -> String {
    let old = Account { terms_agreed: None, disabled: next.disabled, ..account(next.state.clone()) };
    let mut text = match &next.state {
        AccountState::Valid => {
            if next.terms_agreed.is_some() {
                assert_eq!(next.terms_agreed, Some(now));
            }
            let changes = [
                (next.contacts != old.contacts, " contacts"),
                (next.key != old.key, " key"),
                (next.terms_agreed != old.terms_agreed, " terms"),
            ];
            let words = changes.into_iter().filter(|(changed, _)| *changed).map(|(_, word)| word);
            format!("valid{}", words.collect::<String>())
        }
        AccountState::Deactivated { at, settled } | AccountState::Revoked { at, settled, .. } => {
            assert_eq!(*at, if *settled { NOW } else { now }, "the moment of closing stays");
            assert_eq!(*next, old, "closing changes nothing else");
            let all = match next.state {
                AccountState::Revoked { certificates: Some(reason), .. } => {
                    assert_eq!(reason, RevocationReason::Superseded);
                    "-all"
                }
                AccountState::Valid | AccountState::Deactivated { .. } | AccountState::Revoked { .. } => "",
            };
            format!("{}{all}{}", next.status().token(), if *settled { "-settled" } else { "" })
        }
    };
    if let Some(since) = next.disabled {
        assert!([NOW, now].contains(&since));
        text.push_str(" disabled");
    }
    text
}
