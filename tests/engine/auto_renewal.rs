//! RFC 8739 section 2.2: certificates follow each other without their client. The clock stands until it is moved, so that
//! what is renewed was woken for it: an order that sleeps for a day is in nobody's memory.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chancery_actors::error::TurnError;
use chancery_actors::place::{NewAutoRenewal, NewOrder};
use chancery_actors::{Engine, Versioned};
use chancery_machine::account::{Account, AccountEvent};
use chancery_machine::certificate::Certificate;
use chancery_machine::id::{CertificateId, OrderId};
use chancery_machine::order::{Order, OrderState, OrderStatus};
use chancery_machine::profile::{AutoRenewalRules, Seconds};
use chancery_machine::rejection::Rejection;
use chancery_machine::time::Timestamp;
use futures::future::join_all;

use super::faults::for_each_commit;
use super::lab::{
    DAY, Lab, Started, account_id, declare, finalize, new_order, order_until, pair, place, profiles_with, ready,
    register, respond, run, until,
};
use super::store::Fault;

/// Four days, of which the next certificate is there after two.
const LIFETIME: u64 = 4 * DAY;

pub(crate) fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.settings.idle = Duration::from_millis(20);
    lab.settings.wake = Duration::from_millis(60);
    lab.settings.retention = Duration::from_secs(1000 * DAY);
    lab
}

async fn start(lab: &Lab) -> Started {
    let started = lab.start().await;
    offer(&started.engine, true).await;
    started
}

/// Lets the endpoint answer, or not, with automatic renewal.
async fn offer(engine: &Engine, enabled: bool) {
    let set = profiles_with(|acme, _| {
        let (min_lifetime, max_duration) = (Seconds(DAY), Seconds(365 * DAY));
        acme.auto_renewal = Some(AutoRenewalRules { min_lifetime, max_duration, certificate_get: false });
        acme.enabled = enabled;
    });
    declare(engine, set).await;
}

/// An order whose first certificate is issued, and that ends so many days later.
async fn renewing(engine: &Engine, account: &Versioned<Account>, days: u64) -> Versioned<Order> {
    let order = place_renewing(engine, account, days).await;
    let order = finalize(engine, account, &order).await.expect("finalizes");
    assert_eq!(order.state.status(engine.now()), OrderStatus::Valid);
    order
}

async fn place_renewing(engine: &Engine, account: &Versioned<Account>, days: u64) -> Versioned<Order> {
    let auto_renewal = Some(NewAutoRenewal {
        start: None,
        end: engine.now().plus(Duration::from_secs(days * DAY)),
        lifetime: Seconds(LIFETIME),
        adjust: Seconds(0),
        certificate_get: false,
    });
    let new = NewOrder { auto_renewal, ..new_order(&["star.example.org"]) };
    let order = engine.place_order(account, &pair(engine), new).await.expect("places");
    respond(engine, account, &order).await;
    order_until(engine, OrderId(order.id), OrderStatus::Ready).await
}

/// Waits until so many certificates of the order are issued.
pub(crate) async fn issued(engine: &Engine, order: &Versioned<Order>, count: u64) -> Versioned<Order> {
    until(&format!("certificate {count}"), async || {
        let order = engine.order(OrderId(order.id)).await.ok()?;
        let OrderState::Renewing { series, .. } = &order.state.state else { return None };
        (series.issued >= count).then(|| order.clone())
    })
    .await
}

/// The certificates, by period: of each period one, each valid as section 3.5 says, and the order has the last.
async fn sound(lab: &Lab, engine: &Engine, order: &Versioned<Order>) -> Vec<Versioned<Certificate>> {
    let mut found = lab.certificates(engine).await;
    found.sort_by_key(|certificate| certificate.state.record.period);
    let order = engine.order(OrderId(order.id)).await.expect("stands");
    let terms = order.state.terms.auto_renewal.expect("renewed");
    let first = found[0].state.record.not_before;
    let mut periods: Vec<_> = Vec::new();
    for certificate in &found {
        let record = &certificate.state.record;
        let period = record.period.expect("of a period");
        assert_eq!((record.not_before, record.not_after), terms.validity(first, period));
        periods.push(period);
    }
    let count = periods.len();
    periods.dedup();
    assert_eq!(periods.len(), count, "two certificates for one period: {periods:?}");
    assert_eq!(order.state.certificate(), found.last().map(|last| CertificateId(last.id)));
    found
}

pub(crate) fn series_of(order: &Versioned<Order>) -> (u64, u64) {
    let (OrderState::Renewing { series, .. }
    | OrderState::Reissuing { series, .. }
    | OrderState::Canceled { series, .. }) = &order.state.state
    else {
        panic!("{order:?}")
    };
    (series.period, series.issued)
}

#[test]
fn an_order_that_sleeps_is_woken_when_its_next_certificate_is_due_and_until_its_end() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 9).await;
        for (days, count) in [(2, 2), (4, 3)] {
            lab.clock.advance(days * DAY);
            let order = issued(engine, &order, count).await;
            assert_eq!(series_of(&order), (count - 1, count));
        }
        let found = sound(&lab, engine, &order).await;
        let keys: Vec<_> = found.iter().map(|certificate| certificate.state.record.spki_sha256).collect();
        assert_eq!(keys, [keys[0]; 3], "section 2.2: the same public key");
        assert_eq!(found[2].state.record.not_after, order.state.terms.auto_renewal.expect("renewed").end);
        let last = engine.order(OrderId(order.id)).await.expect("stands");
        assert!(matches!(last.state.state, OrderState::Renewing { due: None, .. }), "{last:?}");
        lab.settled().await;
        started.stop();
    });
}

/// Only the present period counts: nothing is made up for, and nothing comes in a flood.
#[test]
fn after_weeks_of_downtime_one_certificate_is_issued() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let account = register(&started.engine, 1).await;
        let order = renewing(&started.engine, &account, 300).await;
        started.stop();
        lab.clock.advance(50 * DAY);
        let started = start(&lab).await;
        let order = issued(&started.engine, &order, 2).await;
        assert_eq!(series_of(&order), (13, 2), "50 days and 2 of pre-dating are 13 periods of 4");
        let (begun, now) = (sound(&lab, &started.engine, &order).await[1].state.record.not_before, lab.now());
        assert!(begun <= now, "section 3.3: valid when it is published");
        lab.clock.advance(4 * DAY);
        issued(&started.engine, &order, 3).await;
        sound(&lab, &started.engine, &order).await;
        started.stop();
    });
}

/// Fifty thousand that sleep for a day would be too many to hold.
#[test]
fn orders_that_sleep_are_not_in_memory() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let orders: Vec<_> =
            join_all((0..40).map(|_| async { renewing(engine, &account, 100).await })).await.into_iter().collect();
        for count in 2..4 {
            until("nobody in memory", async || (engine.residents() == 0).then_some(())).await;
            lab.clock.advance(4 * DAY);
            for order in &orders {
                issued(engine, order, count).await;
            }
        }
        until("nobody in memory", async || (engine.residents() == 0).then_some(())).await;
        started.stop();
    });
}

#[test]
fn a_death_at_any_commit_gives_each_period_one_certificate() {
    for death in [Fault::DiedBefore, Fault::DiedAfter, Fault::Lost, Fault::Landed] {
        let commits = for_each_commit(move |commit| {
            run(async {
                let lab = lab();
                let mut started = start(&lab).await;
                let account = register(&started.engine, 1).await;
                let order = renewing(&started.engine, &account, 100).await;
                lab.settled().await;
                lab.store.fail(lab.store.commits() + commit, death);
                lab.clock.advance(2 * DAY);
                until("the death, or the certificate", async || {
                    let order = started.engine.order(OrderId(order.id)).await;
                    let renewed = order.is_ok_and(
                        |order| matches!(&order.state.state, OrderState::Renewing { series, .. } if series.issued == 2),
                    );
                    (renewed || lab.store.dead()).then_some(())
                })
                .await;
                let failed = lab.store.failed();
                if lab.store.dead() {
                    started.stop();
                    lab.store.set_dead(false);
                    started = lab.start().await;
                    offer(&started.engine, true).await;
                }
                lab.store.spare();
                let order = issued(&started.engine, &order, 2).await;
                assert_eq!(series_of(&order), (1, 2));
                assert_eq!(sound(&lab, &started.engine, &order).await.len(), 2);
                started.stop();
                failed
            })
        });
        assert!(commits >= 2, "the draft and the certificate, with {death:?}: {commits}");
    }
}

/// The intent stands, and its period passes before anybody signs it.
#[test]
fn an_intent_whose_period_has_passed_is_never_signed() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let account = register(&started.engine, 1).await;
        let order = renewing(&started.engine, &account, 100).await;
        lab.issuer.sign_failures.store(u32::MAX, Ordering::SeqCst);
        lab.clock.advance(2 * DAY);
        let intent = until("the intent", async || {
            let order = started.engine.order(OrderId(order.id)).await.expect("stands");
            if let OrderState::Reissuing { intent, .. } = order.state.state { Some(intent.draft.tbs) } else { None }
        })
        .await;
        started.stop();
        lab.clock.advance(20 * DAY);
        lab.issuer.sign_failures.store(0, Ordering::SeqCst);
        let started = start(&lab).await;
        let order = issued(&started.engine, &order, 2).await;
        assert_eq!(series_of(&order), (6, 2));
        assert!(!lab.issuer.signed().contains(&intent));
        sound(&lab, &started.engine, &order).await;
        started.stop();
    });
}

#[test]
fn two_engines_on_one_store_renew_an_order_once() {
    run(async {
        let lab = lab();
        let twins = [start(&lab).await, lab.start().await];
        let [one, two] = [&twins[0].engine, &twins[1].engine];
        let account = register(one, 1).await;
        let order = renewing(one, &account, 100).await;
        for count in 2..6 {
            lab.clock.advance(4 * DAY);
            until("both know", async || {
                let [one, two] = [one.order(OrderId(order.id)).await, two.order(OrderId(order.id)).await];
                let there = |order: &Versioned<Order>| series_of(order).1 >= count;
                (there(one.as_ref().ok()?) && there(two.as_ref().ok()?)).then_some(())
            })
            .await;
            assert_eq!(sound(&lab, two, &order).await.len(), usize::try_from(count).expect("few"));
        }
        twins.into_iter().for_each(Started::stop);
    });
}

/// Section 3.1.2: none after it, also if it was as good as signed.
#[test]
fn canceling_ends_what_is_being_signed() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 100).await;
        let id = OrderId(order.id);
        lab.issuer.hold(true);
        lab.clock.advance(2 * DAY);
        until("the intent", async || {
            let order = engine.order(id).await.expect("stands");
            matches!(order.state.state, OrderState::Reissuing { .. }).then_some(())
        })
        .await;
        let canceled = engine.cancel_renewal(id).await.expect("cancels");
        assert_eq!(canceled.state.status(engine.now()), OrderStatus::Canceled);
        lab.issuer.hold(false);
        lab.clock.advance(10 * DAY);
        let other = ready(engine, &account, &["other.example.org"]).await;
        finalize(engine, &account, &other).await.expect("what comes after it is signed");
        lab.settled().await;
        let of_it = lab.certificates(engine).await;
        assert_eq!(of_it.iter().filter(|found| found.state.record.period.is_some()).count(), 1);
        let again = engine.cancel_renewal(id).await.expect_err("is canceled");
        assert_eq!(again, TurnError::Rejected(Rejection::NotRenewing(OrderStatus::Canceled)));
        started.stop();
    });
}

#[test]
fn a_closed_account_ends_its_renewals() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 100).await;
        engine.change_account(account_id(&account), AccountEvent::Deactivated).await.expect("closes");
        let canceled = order_until(engine, OrderId(order.id), OrderStatus::Canceled).await;
        assert!(canceled.state.error(engine.now()).is_some(), "the client did not ask for it");
        started.stop();
    });
}

/// Its first certificate is being signed while the account's work is ended, and none follows.
#[test]
fn an_account_that_closes_while_the_first_certificate_is_signed_gets_no_other() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place_renewing(engine, &account, 100).await;
        lab.issuer.hold(true);
        engine.finalize(&order, super::lab::csr(&order), &[account.guard()], Duration::ZERO).await.expect("accepted");
        engine.change_account(account_id(&account), AccountEvent::Deactivated).await.expect("closes");
        until("its work ended", async || {
            let account = engine.account(account_id(&account)).await.expect("stands");
            chancery_machine::machine::Machine::owed(&account.state).is_empty().then_some(())
        })
        .await;
        lab.issuer.hold(false);
        order_until(engine, OrderId(order.id), OrderStatus::Valid).await;
        lab.clock.advance(3 * DAY);
        order_until(engine, OrderId(order.id), OrderStatus::Canceled).await;
        assert_eq!(lab.certificates(engine).await.len(), 1);
        started.stop();
    });
}

/// It is late, its operator sees why, and it goes on once the reason is gone.
#[test]
fn what_an_operator_has_disabled_is_renewed_once_it_is_enabled() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 100).await;
        let setback = async |before: Timestamp| {
            until("a setback", async || {
                let order = engine.order(OrderId(order.id)).await.expect("stands");
                let OrderState::Renewing { setback: Some(setback), due: Some(due), .. } = order.state.state else {
                    return None;
                };
                (due > before).then_some(setback)
            })
            .await
        };
        offer(engine, false).await;
        lab.clock.advance(2 * DAY);
        let first = setback(lab.now()).await;
        assert!(first.reason.contains("ACME Profile default is disabled"), "{first:?}");
        lab.clock.advance(3600);
        let again = setback(lab.now()).await;
        assert_eq!(again.since, first.since);
        offer(engine, true).await;
        let disabled = engine.change_account(account_id(&account), AccountEvent::Disabled).await.expect("disables");
        lab.clock.advance(3600);
        assert_eq!(setback(lab.now()).await.reason, "its account is disabled");
        engine.change_account(account_id(&disabled), AccountEvent::Enabled).await.expect("enables");
        lab.clock.advance(3600);
        issued(engine, &order, 2).await;
        sound(&lab, engine, &order).await;
        started.stop();
    });
}

/// By the revision of the RA Profile under which the order was placed, however often it changes.
#[test]
fn an_order_is_renewed_by_the_revision_of_its_profiles() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 100).await;
        let set = profiles_with(|_, ra| ra.authority = chancery_machine::id::AuthorityId(order.id));
        declare(engine, set).await;
        lab.clock.advance(2 * DAY);
        issued(engine, &order, 2).await;
        let found = sound(&lab, engine, &order).await;
        assert_eq!(found[1].state.record.authority, super::doubles::AUTHORITY);
        started.stop();
    });
}

/// What is asked for and cannot be had is refused, with the reason; and a plain order goes on to have no automatic renewal.
#[test]
fn nothing_is_adjusted_silently() {
    run(async {
        let lab = lab();
        let started = start(&lab).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let sound = |now: Timestamp| NewAutoRenewal {
            start: None,
            end: now.plus(Duration::from_secs(30 * DAY)),
            lifetime: Seconds(DAY),
            adjust: Seconds(0),
            certificate_get: false,
        };
        let now = engine.now();
        let days = |days: u64| now.plus(Duration::from_secs(days * DAY));
        for (wrong, said) in [
            (
                NewAutoRenewal { lifetime: Seconds(DAY - 1), ..sound(now) },
                "lifetime is 86399 s; 86400 s is the least here",
            ),
            (NewAutoRenewal { lifetime: Seconds(u64::MAX), ..sound(now) }, "lifetime and lifetime-adjust together"),
            (NewAutoRenewal { end: days(366), ..sound(now) }, "at most 31536000 s after start-date"),
            (NewAutoRenewal { end: now, ..sound(now) }, "end-date has to be later"),
            (NewAutoRenewal { start: Some(days(30)), ..sound(now) }, "end-date has to be later"),
            (NewAutoRenewal { start: Some(days(31)), end: days(40), ..sound(now) }, "start-date may lie at most"),
            (NewAutoRenewal { start: Some(Timestamp::EPOCH), ..sound(now) }, "in the past"),
            (NewAutoRenewal { certificate_get: true, ..sound(now) }, "allow-certificate-get"),
        ] {
            let new = NewOrder { auto_renewal: Some(wrong.clone()), ..new_order(&["a.example.org"]) };
            let refused = engine.place_order(&account, &pair(engine), new).await.expect_err("is refused").to_string();
            assert!(refused.contains(said), "{wrong:?}: {refused}");
        }
        let new =
            NewOrder { auto_renewal: Some(sound(now)), not_after: Some(days(3)), ..new_order(&["a.example.org"]) };
        let refused = engine.place_order(&account, &pair(engine), new).await.expect_err("is refused").to_string();
        assert!(refused.contains("cannot stand beside"), "{refused}");
        assert_eq!(place(engine, &account, &["a.example.org"]).await.state.terms.auto_renewal, None);
        started.stop();
    });
}
