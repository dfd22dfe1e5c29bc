//! RFC 8555 sections 7.1.6 and 7.4.

use chancery_machine::machine::Machine;
use chancery_machine::order::{Order, OrderEffect, OrderEvent, OrderState, OrderStatus};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::time::Timestamp;

use crate::sample::{A, AFTER, B, BEFORE, C, EXPIRES, NOW, intent, order, orders, problem};
use crate::table::check;

/// Section 7.1.6: valid authorizations make it ready, finalize makes it processing, the certificate makes it valid, and an
/// authorization in any other final state makes it invalid. Section 7.4: finalize at any other time is orderNotReady.
/// What was decided once stays so, which makes every repetition stale. An operator cancels what no intent stands behind.
/// RFC 8739 section 3.1.2: what has no automatic renewal is not canceled by its client.
const IN_FORCE: &str = "
             | pending A B           | pending A             | ready                | processing               | valid               | invalid connection
A valid      | pending B             | ready                 | stale                | stale                    | stale               | stale
B valid      | pending A             | stale                 | stale                | stale                    | stale               | stale
C valid      | stale                 | stale                 | stale                | stale                    | stale               | stale
A lost       | invalid caa           | invalid caa           | invalid caa          | stale                    | stale               | stale
B lost       | invalid caa           | invalid caa           | invalid caa          | stale                    | stale               | stale
C lost       | stale                 | stale                 | stale                | stale                    | stale               | stale
finalized    | not ready: pending    | not ready: pending    | processing           | not ready: processing    | not ready: valid    | not ready: invalid
issued       | stale                 | stale                 | stale                | valid                    | stale               | stale
other issued | stale                 | stale                 | stale                | stale                    | stale               | stale
failed       | stale                 | stale                 | stale                | invalid badCSR           | stale               | stale
closed       | invalid unauthorized  | invalid unauthorized  | invalid unauthorized | stale                    | stale               | stale
cancelled    | invalid unauthorized  | invalid unauthorized  | invalid unauthorized | too late: processing     | too late: valid     | too late: invalid
expired      | stale                 | stale                 | stale                | stale                    | stale               | stale
drafted      | stale                 | stale                 | stale                | stale                    | stale               | stale
not drafted  | stale                 | stale                 | stale                | stale                    | stale               | stale
passed       | stale                 | stale                 | stale                | stale                    | stale               | stale
canceled     | not renewing: pending | not renewing: pending | not renewing: ready  | not renewing: processing | not renewing: valid | not renewing: invalid
";

/// Section 7.1.6: an order that expires before it is finalized is invalid, whatever happens then.
const LAPSED: &str = "
             | pending A B           | pending A             | ready                 | processing               | valid               | invalid connection
A valid      | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
B valid      | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
C valid      | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
A lost       | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
B lost       | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
C lost       | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
finalized    | not ready: invalid    | not ready: invalid    | not ready: invalid    | not ready: processing    | not ready: valid    | not ready: invalid
issued       | invalid malformed     | invalid malformed     | invalid malformed     | valid                    | stale               | stale
other issued | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
failed       | invalid malformed     | invalid malformed     | invalid malformed     | invalid badCSR           | stale               | stale
closed       | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
cancelled    | too late: invalid     | too late: invalid     | too late: invalid     | too late: processing     | too late: valid     | too late: invalid
expired      | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
drafted      | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
not drafted  | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
passed       | invalid malformed     | invalid malformed     | invalid malformed     | stale                    | stale               | stale
canceled     | not renewing: invalid | not renewing: invalid | not renewing: invalid | not renewing: processing | not renewing: valid | not renewing: invalid
";

#[test]
fn every_state_with_every_event() {
    for now in [NOW, BEFORE] {
        check(IN_FORCE, &states(), &events(), now, |next| describe(next, now));
    }
    for now in [EXPIRES, AFTER, Timestamp::from_millis(u64::MAX)] {
        check(LAPSED, &states(), &events(), now, |next| describe(next, now));
    }
}

#[test]
fn only_a_stored_intent_is_owed() {
    for (name, order) in orders() {
        let expected = if name == "processing" { vec![OrderEffect::Sign(intent().certificate)] } else { vec![] };
        assert_eq!(order.owed(), expected, "{name}");
    }
}

#[test]
fn the_status_of_an_open_order_is_invalid_from_expires_on() {
    let at = |now| states().iter().map(|(_, order)| order.status(now)).collect::<Vec<_>>();
    let decided = [OrderStatus::Processing, OrderStatus::Valid, OrderStatus::Invalid];
    for now in [NOW, BEFORE] {
        let open = [OrderStatus::Pending, OrderStatus::Pending, OrderStatus::Ready];
        assert_eq!(at(now), [open, decided].concat());
    }
    for now in [EXPIRES, AFTER] {
        assert_eq!(at(now), [[OrderStatus::Invalid; 3], decided].concat());
    }
}

#[test]
fn an_invalid_order_says_why_and_no_other_does() {
    for (name, order) in states() {
        for now in [NOW, BEFORE, EXPIRES, AFTER] {
            assert_eq!(order.error(now).is_some(), order.status(now) == OrderStatus::Invalid, "{name} at {now}");
        }
    }
}

#[test]
fn only_a_valid_order_has_a_certificate() {
    for (name, order) in orders() {
        assert_eq!(order.certificate(), (name == "valid").then_some(intent().certificate), "{name}");
    }
}

#[test]
fn an_order_whose_authorizations_are_all_valid_is_placed_ready() {
    let terms = order(OrderState::Ready).terms;
    assert_eq!(Order::placed(terms.clone(), vec![]).status(NOW), OrderStatus::Ready);
    assert_eq!(Order::placed(terms, vec![A]).status(NOW), OrderStatus::Pending);
}

fn states() -> Vec<(&'static str, Order)> {
    let not_after = intent().draft.not_after;
    vec![
        ("pending A B", order(OrderState::Pending { outstanding: vec![A, B] })),
        ("pending A", order(OrderState::Pending { outstanding: vec![A] })),
        ("ready", order(OrderState::Ready)),
        ("processing", order(OrderState::Processing { intent: intent() })),
        ("valid", order(OrderState::Valid { certificate: intent().certificate, not_after })),
        ("invalid connection", order(OrderState::Invalid { at: NOW, error: problem() })),
    ]
}

fn events() -> Vec<(&'static str, OrderEvent)> {
    let lost =
        |authorization| OrderEvent::AuthorizationLost { authorization, error: Problem::new(ProblemType::Caa, "no") };
    let other = chancery_machine::id::CertificateId(C.0);
    vec![
        ("A valid", OrderEvent::AuthorizationValid(A)),
        ("B valid", OrderEvent::AuthorizationValid(B)),
        ("C valid", OrderEvent::AuthorizationValid(C)),
        ("A lost", lost(A)),
        ("B lost", lost(B)),
        ("C lost", lost(C)),
        ("finalized", OrderEvent::Finalized(Box::new(intent()))),
        ("issued", OrderEvent::Issued(intent().certificate)),
        ("other issued", OrderEvent::Issued(other)),
        ("failed", OrderEvent::IssuanceFailed(Problem::new(ProblemType::BadCsr, "no"))),
        ("closed", OrderEvent::AccountClosed),
        ("cancelled", OrderEvent::Cancelled),
        ("expired", OrderEvent::Expired),
        ("drafted", OrderEvent::RenewalDrafted { period: 1, intent: Box::new(intent()) }),
        ("not drafted", OrderEvent::RenewalFailed("no".to_owned())),
        ("passed", OrderEvent::PeriodPassed),
        ("canceled", OrderEvent::RenewalCanceled),
    ]
}

/// The state in the words of the tables; what the words leave out is asserted.
fn describe(next: &Order, now: Timestamp) -> String {
    assert_eq!(next.terms, order(OrderState::Ready).terms, "section 7.1.3: they never change");
    match &next.state {
        OrderState::Pending { outstanding } => {
            let names = outstanding.iter().map(|id| if *id == A { " A" } else { " B" });
            format!("pending{}", names.collect::<String>())
        }
        OrderState::Ready => "ready".to_owned(),
        OrderState::Processing { intent: stored } => {
            assert_eq!(*stored, intent());
            "processing".to_owned()
        }
        OrderState::Valid { certificate, not_after } => {
            assert_eq!((*certificate, *not_after), (intent().certificate, intent().draft.not_after));
            "valid".to_owned()
        }
        OrderState::Invalid { at, error } => {
            assert_eq!(*at, now);
            assert!(!error.detail.is_empty());
            format!("invalid {}", error.kind.token())
        }
        OrderState::Renewing { .. } | OrderState::Reissuing { .. } | OrderState::Canceled { .. } => {
            panic!("RFC 8739 section 3.1.1: only with auto-renewal, and {next:?} has none")
        }
    }
}
