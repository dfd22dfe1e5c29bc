//! RFC 8739: sections 2.2 and 2.3 (what happens to an order that renews), 3.1.2 (canceling) and 3.5 (validity).

use chancery_machine::auto_renewal::{AutoRenewal, Series};
use chancery_machine::id::{CertificateId, Id};
use chancery_machine::order::{Intent, Order, OrderEffect, OrderEvent, OrderState, OrderStatus, OrderTerms, Setback};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::profile::Seconds;
use chancery_machine::time::Timestamp;

use crate::sample::{A, AFTER, intent, order, problem};
use crate::table::{attempt, check};

const DAY: u64 = 86_400;

/// 2016-01-10T00:00:00Z, the start date of the example.
const START: u64 = 1_452_384_000;

const fn january(day: u64) -> Timestamp {
    Timestamp::from_seconds(START + day * DAY - 10 * DAY)
}

/// The example of section 3.5: four days, of which the client wants three before the nominal renewal date.
const fn example() -> AutoRenewal {
    AutoRenewal {
        start: Some(january(10)),
        end: january(20),
        lifetime: Seconds(4 * DAY),
        adjust: Seconds(3 * DAY),
        certificate_get: false,
    }
}

#[test]
fn the_example_of_section_3_5() {
    let terms = example();
    assert_eq!(AutoRenewal::adjusted(Seconds(345_600), Seconds(259_200)), Seconds(3 * DAY));
    let first = terms.first(january(9));
    assert_eq!(first, january(10), "section 3.5: not prior to the start date");
    let published = [(january(10), january(14)), (january(11), january(18)), (january(15), january(20))];
    for (period, validity) in (0..).zip(published) {
        assert_eq!(terms.validity(first, period), validity, "certificate {period}");
    }
    assert_eq!(terms.due(first, 1), Some(january(11)), "the notBefore is also when it is expected to be there");
    assert_eq!(terms.due(first, 2), Some(january(15)));
    assert_eq!(terms.due(first, 3), None, "section 3.3: none beyond the end date");
}

#[test]
fn the_adjustment_is_the_greater_of_the_clients_and_the_servers() {
    for (lifetime, asked, adjusted) in [(100, 0, 50), (100, 50, 50), (100, 51, 51), (100, 200, 100), (5, 0, 3)] {
        assert_eq!(AutoRenewal::adjusted(Seconds(lifetime), Seconds(asked)), Seconds(adjusted), "{lifetime} {asked}");
    }
}

#[test]
fn without_a_start_date_the_first_certificate_begins_when_it_is_made() {
    let terms = AutoRenewal { start: None, ..example() };
    let now = january(12).plus(std::time::Duration::from_millis(999));
    let first = terms.first(now);
    assert_eq!(first, january(12), "whole seconds, and never in the future");
    assert_eq!(terms.validity(first, 0), (january(12), january(16)));
    assert_eq!(terms.validity(first, 1), (january(13), january(20)), "3 days before the 16th");
    assert_eq!(terms.due(first, 2), None, "it would begin on the end date");
}

/// A client whose users' clocks are behind asks for an earlier beginning: the start date bounds the pre-dating.
#[test]
fn a_start_date_that_is_past_lets_the_first_certificate_be_predated_as_far() {
    let first = example().first(january(11));
    assert_eq!((first, example().validity(first, 0)), (january(11), (january(10), january(15))));
}

/// Whatever was missed, one period counts at each moment, and its certificate is valid at that moment.
#[test]
fn each_moment_has_one_period_until_the_end() {
    for lifetime in 2..40 {
        for asked in [0, 1, lifetime / 2, lifetime - 1, lifetime, 2 * lifetime] {
            let (lifetime, adjust) = (Seconds(lifetime), AutoRenewal::adjusted(Seconds(lifetime), Seconds(asked)));
            let terms = AutoRenewal { start: None, end: january(10), lifetime, adjust, certificate_get: true };
            let first = Timestamp::from_seconds(START - 100);
            let mut before = 0;
            for second in START - 100..START {
                let now = Timestamp::from_seconds(second);
                let period = terms.period_at(first, now).expect("before the end");
                assert!(period >= before, "{terms:?} at {now}");
                let (not_before, not_after) = terms.validity(first, period);
                assert!(not_before <= now && now < not_after, "{terms:?} at {now}: {not_before} to {not_after}");
                assert!(not_after <= terms.end);
                // Section 3.3: the next is there at the latest halfway through the (nominal) life of this one.
                let next = terms.due(first, period + 1);
                assert!(next.is_none_or(|next| next > now), "{terms:?} at {now}");
                assert!(
                    next.is_none_or(|next| not_after.since(next) >= std::time::Duration::from_secs(lifetime.0 / 2))
                );
                before = period;
            }
            assert_eq!(terms.period_at(first, january(10)), None, "from the end date on");
        }
    }
}

/// Days of January: the order renews since the 10th.
const AFTER_FIRST: Timestamp = Timestamp::from_seconds(START + DAY + 1);
const AFTER_SECOND: Timestamp = Timestamp::from_seconds(START + 5 * DAY + 1);
const AFTER_END: Timestamp = Timestamp::from_seconds(START + 10 * DAY);

/// Sections 2.2 and 2.3, on the 11th: the second certificate is due, and until it is published nothing is lost by taking
/// it back. Section 3.1.2: whoever cancels stops it. Authorizations counted when the order was finalized.
const SECOND_DUE: &str = "
               | due                    | later                  | last                   | reissuing              | canceled
A lost         | stale                  | stale                  | stale                  | stale                  | stale
finalized      | not ready: valid       | not ready: valid       | not ready: valid       | not ready: valid       | not ready: canceled
first drafted  | stale                  | stale                  | stale                  | stale                  | stale
second drafted | reissuing 1            | reissuing 1            | reissuing 1            | stale                  | stale
third drafted  | stale                  | stale                  | stale                  | stale                  | stale
not drafted    | set back by an hour    | stale                  | stale                  | stale                  | stale
issued         | stale                  | stale                  | stale                  | renewing 1 of 2        | stale
other issued   | stale                  | stale                  | stale                  | stale                  | stale
failed         | stale                  | stale                  | stale                  | set back by an hour    | stale
passed         | stale                  | stale                  | stale                  | stale                  | stale
client cancels | canceled               | canceled               | canceled               | canceled               | not renewing: canceled
cancelled      | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | too late: canceled
closed         | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | stale
expired        | stale                  | stale                  | stale                  | stale                  | stale
";

/// On the 15th, the third certificate is due, and the second was never issued: it is not made up for.
const THIRD_DUE: &str = "
               | due                    | later                  | last                   | reissuing              | canceled
A lost         | stale                  | stale                  | stale                  | stale                  | stale
finalized      | not ready: valid       | not ready: valid       | not ready: valid       | not ready: valid       | not ready: canceled
first drafted  | stale                  | stale                  | stale                  | stale                  | stale
second drafted | stale                  | stale                  | stale                  | stale                  | stale
third drafted  | reissuing 2            | reissuing 2            | reissuing 2            | stale                  | stale
not drafted    | set back by an hour    | set back by an hour    | stale                  | stale                  | stale
issued         | stale                  | stale                  | stale                  | renewing 1 of 2        | stale
other issued   | stale                  | stale                  | stale                  | stale                  | stale
failed         | stale                  | stale                  | stale                  | set back by an hour    | stale
passed         | stale                  | stale                  | stale                  | renewing now           | stale
client cancels | canceled               | canceled               | canceled               | canceled               | not renewing: canceled
cancelled      | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | too late: canceled
closed         | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | stale
expired        | stale                  | stale                  | stale                  | stale                  | stale
";

/// Section 3.3: from the end date on nothing is issued, not even what is signed already.
const ENDED: &str = "
               | due                    | later                  | last                   | reissuing              | canceled
A lost         | stale                  | stale                  | stale                  | stale                  | stale
finalized      | not ready: valid       | not ready: valid       | not ready: valid       | not ready: valid       | not ready: canceled
first drafted  | stale                  | stale                  | stale                  | stale                  | stale
second drafted | stale                  | stale                  | stale                  | stale                  | stale
third drafted  | stale                  | stale                  | stale                  | stale                  | stale
not drafted    | renewing no more       | renewing no more       | stale                  | stale                  | stale
issued         | stale                  | stale                  | stale                  | stale                  | stale
other issued   | stale                  | stale                  | stale                  | stale                  | stale
failed         | stale                  | stale                  | stale                  | renewing no more       | stale
passed         | renewing no more       | renewing no more       | stale                  | renewing no more       | stale
client cancels | canceled               | canceled               | canceled               | canceled               | not renewing: canceled
cancelled      | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | too late: canceled
closed         | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | canceled: unauthorized | stale
expired        | stale                  | stale                  | stale                  | stale                  | stale
";

#[test]
fn every_state_with_every_event() {
    check(SECOND_DUE, &states(), &events(), AFTER_FIRST, |next| describe(next, AFTER_FIRST));
    check(THIRD_DUE, &states(), &events(), AFTER_SECOND, |next| describe(next, AFTER_SECOND));
    for now in [AFTER_END, Timestamp::from_millis(u64::MAX)] {
        check(ENDED, &states(), &events(), now, |next| describe(next, now));
    }
}

#[test]
fn the_first_certificate_begins_the_renewal() {
    let draft = chancery_machine::order::Draft { not_after: january(14), ..intent().draft };
    let intent = Intent { draft, ..intent() };
    let processing = with(OrderState::Processing { intent: intent.clone() });
    let next = attempt(&processing, &OrderEvent::Issued(intent.certificate), january(10)).expect("is its own");
    let OrderState::Renewing { series, due: Some(due), setback: None } = next.state else { panic!("{next:?}") };
    assert_eq!((series.first, series.period, series.issued), (january(10), 0, 1));
    assert_eq!((series.current, series.not_after), (intent.certificate, january(14)));
    assert_eq!(series.public_key, intent.draft.public_key, "section 2.2: the same CSR, and so the same public key");
    assert_eq!(due, january(11));
    let other = attempt(&processing, &OrderEvent::RenewalCanceled, january(10)).expect_err("section 3.1.2");
    assert_eq!(other, chancery_machine::rejection::Rejection::NotRenewing(OrderStatus::Processing));
}

#[test]
fn only_the_next_certificate_is_owed_and_it_has_its_time() {
    let owed: Vec<_> = states().iter().map(|(_, order)| chancery_machine::machine::Machine::owed(order)).collect();
    let (due, later) = (OrderEffect::Renew { due: january(11) }, OrderEffect::Renew { due: january(15) });
    assert_eq!(owed, [vec![due], vec![later], vec![], vec![OrderEffect::Sign(intent().certificate)], vec![]]);
}

#[test]
fn the_status_stays_valid_beyond_the_end_date_and_after_canceling_it_is_canceled() {
    for now in [AFTER_FIRST, AFTER, AFTER_END] {
        let statuses: Vec<_> = states().iter().map(|(_, order)| order.status(now)).collect();
        assert_eq!(statuses, [[OrderStatus::Valid; 4].as_slice(), &[OrderStatus::Canceled]].concat());
        assert!(states().iter().all(|(_, order)| order.certificate() == Some(series().current)));
        assert!(states().iter().all(|(_, order)| order.error(now).is_none()));
    }
}

#[test]
fn a_setback_is_as_old_as_the_first_failure() {
    let failed = |reason: &str| OrderEvent::RenewalFailed(reason.to_owned());
    let (_, due) = states().swap_remove(0);
    let once = attempt(&due, &failed("one"), AFTER_FIRST).expect("is due");
    let later = AFTER_FIRST.plus(Seconds(DAY).into());
    let twice = attempt(&once, &failed("two"), later).expect("is due again");
    let OrderState::Renewing { setback: Some(setback), .. } = &twice.state else { panic!("{twice:?}") };
    assert_eq!(*setback, Setback { since: AFTER_FIRST, reason: "two".to_owned() });
}

fn with(state: OrderState) -> Order {
    let order = order(state);
    Order { terms: OrderTerms { auto_renewal: Some(example()), ..order.terms }, ..order }
}

fn series() -> Series {
    Series {
        first: january(10),
        period: 0,
        current: CertificateId(Id::from_bytes([8; 16])),
        not_after: january(14),
        issued: 1,
        public_key: vec![1],
        methods: Vec::new(),
    }
}

fn states() -> Vec<(&'static str, Order)> {
    let renewing = |due| with(OrderState::Renewing { series: series(), due, setback: None });
    vec![
        ("due", renewing(Some(january(11)))),
        ("later", renewing(Some(january(15)))),
        ("last", renewing(None)),
        ("reissuing", with(OrderState::Reissuing { series: series(), period: 1, intent: intent() })),
        ("canceled", with(OrderState::Canceled { series: series(), at: january(11), error: None })),
    ]
}

fn events() -> Vec<(&'static str, OrderEvent)> {
    let drafted = |period| OrderEvent::RenewalDrafted { period, intent: Box::new(intent()) };
    vec![
        ("A lost", OrderEvent::AuthorizationLost { authorization: A, error: problem() }),
        ("finalized", OrderEvent::Finalized(Box::new(intent()))),
        ("first drafted", drafted(0)),
        ("second drafted", drafted(1)),
        ("third drafted", drafted(2)),
        ("not drafted", OrderEvent::RenewalFailed("no".to_owned())),
        ("issued", OrderEvent::Issued(intent().certificate)),
        ("other issued", OrderEvent::Issued(series().current)),
        ("failed", OrderEvent::IssuanceFailed(Problem::new(ProblemType::ServerInternal, "no"))),
        ("passed", OrderEvent::PeriodPassed),
        ("client cancels", OrderEvent::RenewalCanceled),
        ("cancelled", OrderEvent::Cancelled),
        ("closed", OrderEvent::AccountClosed),
        ("expired", OrderEvent::Expired),
    ]
}

/// The state in the words of the tables; what the words leave out is asserted.
fn describe(next: &Order, now: Timestamp) -> String {
    assert_eq!(next.terms, with(OrderState::Ready).terms, "section 7.1.3 of RFC 8555: they never change");
    match &next.state {
        OrderState::Renewing { series: kept, due: Some(due), setback: Some(setback) } => {
            assert_eq!((kept, setback), (&series(), &Setback { since: now, reason: "no".to_owned() }));
            // A sixteenth of four days, and at most an hour.
            assert_eq!(*due, now.plus(Seconds(3600).into()));
            "set back by an hour".to_owned()
        }
        OrderState::Renewing { series: kept, due: Some(due), setback: None } if *kept == series() => {
            assert_eq!(*due, now);
            "renewing now".to_owned()
        }
        OrderState::Renewing { series: now_kept, due: Some(due), setback: None } => {
            let Intent { certificate, draft, .. } = intent();
            let expected =
                Series { period: 1, current: certificate, not_after: draft.not_after, issued: 2, ..series() };
            assert_eq!((now_kept, *due), (&expected, january(15)));
            format!("renewing {} of {}", now_kept.period, now_kept.issued)
        }
        OrderState::Renewing { series: kept, due: None, setback: None } => {
            assert_eq!(*kept, series());
            "renewing no more".to_owned()
        }
        OrderState::Reissuing { series: kept, period, intent: stored } => {
            assert_eq!((kept, stored), (&series(), &intent()));
            format!("reissuing {period}")
        }
        OrderState::Canceled { series: kept, at, error } => {
            assert_eq!((kept, *at), (&series(), now));
            error.as_ref().map_or("canceled".to_owned(), |error| format!("canceled: {}", error.kind.token()))
        }
        other @ (OrderState::Pending { .. }
        | OrderState::Ready
        | OrderState::Processing { .. }
        | OrderState::Valid { .. }
        | OrderState::Invalid { .. }
        | OrderState::Renewing { due: None, setback: Some(_), .. }) => panic!("{other:?}"),
    }
}
