//! What keeps the next certificate of an order from being issued, or ends them all: CAA records, what was disabled while the
//! intent waited, an operator's revocation, the limit of an account. And that engines at one store leave it to each other.

use std::sync::atomic::Ordering;
use std::time::Duration;

use chancery_actors::error::{LoadError, TurnError};
use chancery_actors::place::{NewAutoRenewal, NewOrder, PlaceError};
use chancery_actors::ports::CaaQuestion;
use chancery_actors::{Engine, Versioned};
use chancery_machine::account::{Account, AccountEvent};
use chancery_machine::certificate::{CertificateEvent, RevocationReason};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::id::{CertificateId, OrderId};
use chancery_machine::order::{Order, OrderState, OrderStatus, Setback};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::profile::{AcmeProfile, AutoRenewalRules, RaProfile, Seconds};
use chancery_machine::rejection::Rejection;

use super::audit::deed;
use super::auto_renewal::{issued, lab, series_of};
use super::lab::{
    DAY, Lab, Started, account_id, authorizations, certificate_of, declare, finalize, new_order, order_until, pair,
    place, profiles_with, register, respond, run, until,
};

const HOUR: u64 = 3600;

fn rules(acme: &mut AcmeProfile) {
    let (min_lifetime, max_duration) = (Seconds(HOUR), Seconds(365 * DAY));
    acme.auto_renewal = Some(AutoRenewalRules { min_lifetime, max_duration, certificate_get: false });
}

/// An engine whose endpoint renews, and is like this besides.
async fn start(lab: &Lab, change: impl FnOnce(&mut AcmeProfile, &mut RaProfile)) -> Started {
    let started = lab.start().await;
    offer(&started.engine, change).await;
    started
}

async fn offer(engine: &Engine, change: impl FnOnce(&mut AcmeProfile, &mut RaProfile)) {
    let set = profiles_with(|acme, ra| {
        rules(acme);
        change(acme, ra);
    });
    declare(engine, set).await;
}

fn named(acme: &mut AcmeProfile, _: &mut RaProfile) {
    acme.caa_identities = vec!["ca.test".into()];
}

fn as_it_is(_: &mut AcmeProfile, _: &mut RaProfile) {}

async fn attempt(
    engine: &Engine,
    account: &Versioned<Account>,
    lifetime: u64,
    days: u64,
) -> Result<Versioned<Order>, PlaceError> {
    let auto_renewal = Some(NewAutoRenewal {
        start: None,
        end: engine.now().plus(Duration::from_secs(days * DAY)),
        lifetime: Seconds(lifetime),
        adjust: Seconds(0),
        certificate_get: false,
    });
    let new = NewOrder { auto_renewal, ..new_order(&["star.example.org"]) };
    engine.place_order(account, &pair(engine), new).await
}

/// An order whose first certificate is issued.
async fn renewing(engine: &Engine, account: &Versioned<Account>, lifetime: u64, days: u64) -> Versioned<Order> {
    let order = attempt(engine, account, lifetime, days).await.expect("places");
    respond(engine, account, &order).await;
    let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
    finalize(engine, account, &order).await.expect("finalizes")
}

/// Why the next certificate is late.
async fn setback(engine: &Engine, order: &Versioned<Order>) -> Setback {
    until("a setback", async || {
        let order = engine.order(OrderId(order.id)).await.ok()?;
        let OrderState::Renewing { setback, due: Some(due), series } = order.state.state else { return None };
        assert_eq!(series.issued, 1, "it was issued after all");
        setback.filter(|_| due > engine.now())
    })
    .await
}

/// Waits until the next certificate of an order is decided, and signing it does not succeed.
async fn waits_for_its_signature(engine: &Engine, order: &Versioned<Order>) -> Vec<u8> {
    until("the intent", async || {
        let order = engine.order(OrderId(order.id)).await.ok()?;
        if let OrderState::Reissuing { intent, .. } = order.state.state { Some(intent.draft.tbs) } else { None }
    })
    .await
}

fn forbidden(question: &CaaQuestion) -> Result<(), Problem> {
    Err(Problem::new(ProblemType::Caa, format!("not for {}", question.name)))
}

#[test]
fn caa_records_are_asked_again_for_each_certificate_that_is_renewed() {
    run(async {
        let lab = lab();
        let started = start(&lab, named).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 4 * DAY, 100).await;
        assert!(lab.validator.questions().is_empty(), "the attempt has asked");
        lab.validator.caa(forbidden);
        lab.clock.advance(2 * DAY);
        let late = setback(engine, &order).await;
        assert!(late.reason.contains("CAA") && late.reason.contains("not for star.example.org"), "{late:?}");
        let question = lab.validator.questions().pop().expect("was asked");
        assert_eq!((question.method, question.wildcard), (Some(ChallengeType::Http01), false));
        assert_eq!(question.issuers, ["ca.test"]);
        lab.validator.caa(|_| Ok(()));
        lab.clock.advance(HOUR);
        let order = issued(engine, &order, 2).await;
        assert!(matches!(order.state.state, OrderState::Renewing { setback: None, .. }), "{order:?}");
        started.stop();
    });
}

/// As at finalize.
#[test]
fn what_the_attempt_was_told_of_caa_counts_for_eight_hours_of_renewals() {
    run(async {
        let lab = lab();
        let started = start(&lab, named).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 4 * HOUR, 1).await;
        lab.validator.caa(forbidden);
        lab.clock.advance(2 * HOUR);
        issued(engine, &order, 2).await;
        assert!(lab.validator.questions().is_empty());
        started.stop();
    });
}

/// RFC 8657: records may name the method by which control was proven, long after the proof is forgotten.
#[test]
fn how_control_was_proven_is_remembered_for_as_long_as_the_order_is_renewed() {
    run(async {
        let mut lab = lab();
        lab.settings.retention = Duration::from_secs(DAY);
        let started = start(&lab, named).await;
        let account = register(&started.engine, 1).await;
        let order = renewing(&started.engine, &account, 4 * DAY, 300).await;
        let proof = authorizations(&started.engine, &order).await[0].id;
        started.stop();
        lab.clock.advance(60 * DAY);
        let started = start(&lab, named).await;
        let engine = &started.engine;
        until("the authorization forgotten", async || {
            let proof = engine.authorization(chancery_machine::id::AuthorizationId(proof)).await;
            (proof.err() == Some(LoadError::Absent)).then_some(())
        })
        .await;
        lab.clock.advance(4 * DAY);
        issued(engine, &order, 2).await;
        let questions = lab.validator.questions();
        assert!(!questions.is_empty());
        assert!(questions.iter().all(|question| question.method == Some(ChallengeType::Http01)), "{questions:?}");
        started.stop();
    });
}

/// The intent stands, and what was disabled meanwhile holds for its signature too.
#[test]
fn an_intent_is_not_signed_once_its_account_or_a_profile_is_disabled() {
    run(async {
        for (nth, said) in [(0, "its account is disabled"), (1, "ACME Profile default"), (2, "servers, is disabled")] {
            let lab = lab();
            let started = start(&lab, as_it_is).await;
            let engine = &started.engine;
            let account = register(engine, 1).await;
            let order = renewing(engine, &account, 4 * DAY, 100).await;
            lab.issuer.sign_failures.store(u32::MAX, Ordering::SeqCst);
            lab.clock.advance(2 * DAY);
            let intent = waits_for_its_signature(engine, &order).await;
            match nth {
                0 => {
                    let disabled = engine.change_account(account_id(&account), AccountEvent::Disabled).await;
                    disabled.map(drop).expect("disables");
                }
                1 => offer(engine, |acme, _| acme.enabled = false).await,
                _ => offer(engine, |_, ra| ra.enabled = false).await,
            }
            lab.issuer.sign_failures.store(0, Ordering::SeqCst);
            let late = setback(engine, &order).await;
            assert!(late.reason.contains(said), "{late:?}");
            if nth == 0 {
                engine.change_account(account_id(&account), AccountEvent::Enabled).await.expect("enables");
            } else {
                offer(engine, as_it_is).await;
            }
            lab.clock.advance(HOUR);
            issued(engine, &order, 2).await;
            assert!(!lab.issuer.signed().contains(&intent), "another was drafted");
            started.stop();
        }
    });
}

/// All certificates of the order have the same key and the same names: whatever one is revoked for holds for the next.
#[test]
fn an_operator_who_revokes_one_ends_the_renewal_in_the_same_commit() {
    run(async {
        let lab = lab();
        let started = start(&lab, as_it_is).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 4 * DAY, 100).await;
        let first = engine.certificate(certificate_of(&order)).await.expect("stands");
        let revoke = async |certificate| {
            let reason = Some(RevocationReason::KeyCompromise);
            let (revoked, canceled) = (|_: &_, _: &_| deed("revoke"), |_, _: &_, _: &_| deed("cancel"));
            engine.administer_revocation("olive", certificate, reason, None, revoked, canceled).await
        };
        // The one of before, while the next one is being signed.
        lab.issuer.hold(true);
        lab.clock.advance(2 * DAY);
        waits_for_its_signature(engine, &order).await;
        revoke(&first).await.expect("revokes");
        let canceled = engine.order(OrderId(order.id)).await.expect("stands");
        assert_eq!(canceled.state.status(engine.now()), OrderStatus::Canceled);
        assert!(canceled.state.error(engine.now()).is_some(), "the client did not ask for it");
        lab.issuer.hold(false);
        lab.settled().await;
        assert_eq!(lab.certificates(engine).await.len(), 1, "what was as good as signed is not issued");
        let head = engine.audit_head().await.expect("loads").number;
        let deeds = [engine.audit_entry(head - 1).await, engine.audit_entry(head).await];
        let deeds = deeds.map(|entry| entry.expect("loads").expect("stands"));
        assert_eq!(
            deeds.map(|entry| (entry.who, entry.action)),
            ["revoke", "cancel"].map(|action| ("olive".into(), action.into()))
        );
        let again = revoke(&first).await.expect_err("is revoked");
        assert_eq!(again, TurnError::Rejected(Rejection::AlreadyRevoked));
        lab.clock.advance(10 * DAY);
        assert_eq!(engine.renewing_orders(None, 10).await.expect("walks").0.len(), 0);
        started.stop();
    });
}

/// Neither an order that is canceled already nor one that is no series stands in the way.
#[test]
fn what_is_renewed_no_more_is_revoked_alone() {
    run(async {
        let lab = lab();
        let started = start(&lab, as_it_is).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let canceled = renewing(engine, &account, 4 * DAY, 100).await;
        engine.cancel_renewal(OrderId(canceled.id)).await.expect("cancels");
        let plain = super::lab::obtain(engine, &account, &["plain.example.org"]).await;
        for order in [canceled, plain] {
            let certificate = engine.certificate(certificate_of(&order)).await.expect("stands");
            let before = engine.order(OrderId(order.id)).await.expect("stands");
            let (revoked, other) = (|_: &_, _: &_| deed("revoke"), |_, _: &_, _: &_| panic!("nothing is canceled"));
            let revoking = engine.administer_revocation("olive", &certificate, None, None, revoked, other);
            revoking.await.expect("revokes");
            assert_eq!(engine.order(OrderId(order.id)).await.expect("stands").revision, before.revision);
            let id = CertificateId(certificate.id);
            let refused = engine.administer_certificate("olive", id, CertificateEvent::Revoked(None), None, revoked);
            assert_eq!(refused.await.map(drop), Err(TurnError::Rejected(Rejection::AlreadyRevoked)));
        }
        started.stop();
    });
}

#[test]
fn an_account_has_so_many_orders_renewed_and_no_more() {
    run(async {
        let lab = lab();
        let started = start(&lab, |acme, _| acme.limits.renewing_orders_per_account = Some(2)).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let refused = async || match attempt(engine, &account, 4 * DAY, 100).await {
            Err(PlaceError::RateLimited { detail, .. }) => {
                assert!(detail.contains("2 orders with automatic"), "{detail}");
            }
            other => panic!("{other:?}"),
        };
        let order = renewing(engine, &account, 4 * DAY, 20).await;
        // One that can still be finalized counts, for as long as it can.
        attempt(engine, &account, 4 * DAY, 100).await.expect("places");
        refused().await;
        place(engine, &account, &["plain.example.org"]).await;
        attempt(engine, &register(engine, 2).await, 4 * DAY, 100).await.expect("places");
        lab.clock.advance(7 * DAY);
        issued(engine, &order, 2).await;
        let second = renewing(engine, &account, 4 * DAY, 100).await;
        refused().await;
        engine.cancel_renewal(OrderId(second.id)).await.expect("cancels");
        renewing(engine, &account, 4 * DAY, 100).await;
        refused().await;
        // One whose last certificate is issued makes no more work.
        lab.clock.advance(7 * DAY);
        until("the last certificate", async || {
            let order = engine.order(OrderId(order.id)).await.ok()?;
            matches!(order.state.state, OrderState::Renewing { due: None, .. }).then_some(())
        })
        .await;
        attempt(engine, &account, 4 * DAY, 100).await.expect("places");
        refused().await;
        started.stop();
    });
}

/// The second one would wait for most of an hour: by then it knows that it has nothing to do.
#[test]
fn engines_at_one_store_leave_a_renewal_to_the_one_whose_turn_it_is() {
    run(async {
        let lab = lab();
        let mut other = lab.neighbour();
        other.settings.spread = Duration::from_secs(HOUR);
        let (started, patient) = (start(&lab, as_it_is).await, other.start().await);
        offer(&patient.engine, as_it_is).await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = renewing(engine, &account, 4 * DAY, 100).await;
        for count in 2..6 {
            lab.clock.advance(4 * DAY);
            issued(engine, &order, count).await;
            let seen = issued(&patient.engine, &order, count).await;
            assert_eq!(series_of(&seen).1, count);
        }
        assert_eq!(lab.issuer.drafts.load(Ordering::SeqCst), 5, "one draft for each certificate");
        // What the other one has in memory is out of date, and does no harm.
        patient.engine.cancel_renewal(OrderId(order.id)).await.expect("cancels");
        order_until(engine, OrderId(order.id), OrderStatus::Canceled).await;
        patient.stop();
        started.stop();
    });
}
