//! What was proven once, and counts again.

use chancery_actors::{Engine, Versioned};
use chancery_machine::account::Account;
use chancery_machine::authorization::{AuthorizationEvent, ORDERS};
use chancery_machine::challenge::{ChallengeType, Reliance};
use chancery_machine::id::{AuthorizationId, OrderId};
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::profile::{AcmeProfile, ExemptName, Exemption, ExemptionScope, ProfileRevision, Seconds};
use futures::future::join_all;

use super::audit::deed;
use super::doubles::Act;
use super::lab::{
    DAY, Lab, Started, declare, finalize, name, obtain, order_until, pair, place, profiles, profiles_with, ready,
    register, run,
};

const NAME: &str = "a.example.org";

/// Proven control counts for nine days, and for new orders within five.
fn reusing(acme: &mut AcmeProfile) {
    acme.authorization_validity = Seconds(9 * DAY);
    acme.authorization_reuse = Some(Seconds(5 * DAY));
}

async fn start(lab: &Lab) -> (Started, Versioned<Account>) {
    let started = lab.start().await;
    declare(&started.engine, profiles_with(|acme, _| reusing(acme))).await;
    let account = register(&started.engine, 1).await;
    (started, account)
}

fn only(order: &Versioned<Order>) -> AuthorizationId {
    let [only] = order.state.terms.authorizations[..] else { panic!("one: {order:?}") };
    only
}

/// Whether a new order relies on that authorization.
async fn relies(engine: &Engine, account: &Versioned<Account>, proven: AuthorizationId) -> bool {
    let order = place(engine, account, &[NAME]).await;
    let reused = only(&order) == proven;
    let status = if reused { OrderStatus::Ready } else { OrderStatus::Pending };
    assert_eq!(order.state.status(engine.now()), status);
    reused
}

#[test]
fn what_an_account_has_proven_it_need_not_prove_again() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let first = obtain(engine, &account, &[NAME]).await;
        lab.clock.advance(4 * DAY);
        let order = place(engine, &account, &[NAME, "b.example.org"]).await;
        assert_eq!(order.state.terms.authorizations[0], only(&first));
        assert_eq!(order.state.status(engine.now()), OrderStatus::Pending);
        // It ends with what it relies on, not later.
        let proven = engine.authorization(only(&first)).await.expect("stands");
        assert_eq!(Some(order.state.terms.expires), proven.state.expires());
        assert_eq!(order.state.terms.expires, engine.now().plus(Seconds(5 * DAY).into()));
        engine.respond(order.state.terms.authorizations[1], 0, &[]).await.expect("responds");
        let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        finalize(engine, &account, &order).await.expect("finalizes");
        assert_eq!(lab.validator.calls(), [NAME, "b.example.org"]);
        // Both are ready at once now.
        let order = place(engine, &account, &[NAME, "b.example.org"]).await;
        assert_eq!(order.state.status(engine.now()), OrderStatus::Ready);
        finalize(engine, &account, &order).await.expect("finalizes");
        assert_eq!(lab.validator.calls().len(), 2);
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn it_counts_only_as_long_as_the_profile_says_and_never_in_its_last_minute() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let proven = only(&ready(engine, &account, &[NAME]).await);
        lab.clock.advance(5 * DAY - 1);
        assert!(relies(engine, &account, proven).await);
        lab.clock.advance(1);
        assert!(!relies(engine, &account, proven).await);

        declare(
            engine,
            profiles_with(|acme, _| {
                reusing(acme);
                acme.authorization_reuse = Some(Seconds(100 * DAY));
            }),
        )
        .await;
        lab.clock.advance(4 * DAY - 61);
        assert!(relies(engine, &account, proven).await);
        lab.clock.advance(1);
        assert!(!relies(engine, &account, proven).await);
        lab.clock.advance(60);
        assert!(!relies(engine, &account, proven).await);
        started.stop();
    });
}

/// The time to live of a record of dns-persist-01 (draft -01): the order itself goes on, those after it do not rely on it.
#[test]
fn a_proof_can_say_for_how_long_new_orders_rely_on_it() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let end = engine.now().plus(Seconds(300).into());
        lab.validator.follow(move |_, _| Act::PassFor(Reliance { until: None, reuse_until: Some(end) }));
        let first = ready(engine, &account, &[NAME]).await;
        lab.clock.advance(299);
        assert!(relies(engine, &account, only(&first)).await);
        lab.clock.advance(1);
        assert!(!relies(engine, &account, only(&first)).await);
        finalize(engine, &account, &first).await.expect("finalizes");
        started.stop();
    });
}

/// The end of such a record (draft -02): nothing is issued on it any more.
#[test]
fn a_proof_can_say_when_it_ends() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let end = engine.now().plus(Seconds(300).into());
        lab.validator.follow(move |_, _| Act::PassFor(Reliance { until: Some(end), reuse_until: None }));
        let order = ready(engine, &account, &[NAME]).await;
        lab.clock.advance(300);
        finalize(engine, &account, &order).await.expect_err("the proof has ended");
        assert_eq!(order_until(engine, OrderId(order.id), OrderStatus::Invalid).await.state.certificate(), None);
        started.stop();
    });
}

#[test]
fn it_counts_for_this_account_this_subject_and_this_endpoint_alone() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let proven = only(&ready(engine, &account, &[NAME]).await);
        let other = register(engine, 2).await;
        assert!(!relies(engine, &other, proven).await);
        for name in ["*.a.example.org", "b.a.example.org", "example.org"] {
            let order = place(engine, &account, &[name]).await;
            assert_ne!(only(&order), proven);
            assert_eq!(order.state.status(engine.now()), OrderStatus::Pending);
        }
        // The same account with another ACME Profile, as if the endpoint had been given another.
        let mut elsewhere = pair(engine);
        let mut acme = (*elsewhere.acme).clone();
        (acme.name, acme.revision) = (name("elsewhere"), ProfileRevision(1));
        elsewhere.acme = acme.into();
        let order = engine.place_order(&account, &elsewhere, super::lab::new_order(&[NAME])).await.expect("places");
        assert_eq!(order.state.status(engine.now()), OrderStatus::Pending);
        assert!(relies(engine, &account, proven).await);
        declare(engine, profiles()).await;
        assert!(!relies(engine, &account, proven).await, "the profile reuses nothing any more");
        started.stop();
    });
}

#[test]
fn what_was_given_up_or_taken_back_counts_no_more() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let given_up = only(&ready(engine, &account, &[NAME]).await);
        engine.deactivate_authorization(given_up).await.expect("deactivates");
        assert!(!relies(engine, &account, given_up).await);

        let taken = only(&ready(engine, &account, &[NAME]).await);
        let relying = place(engine, &account, &[NAME]).await;
        assert_eq!(only(&relying), taken);
        engine
            .administer_authorization("operator", taken, AuthorizationEvent::Revoked, None, |_, _| deed("revoke"))
            .await
            .expect("revokes");
        assert!(!relies(engine, &account, taken).await);
        // The order that was ready by it is not any more.
        order_until(engine, OrderId(relying.id), OrderStatus::Invalid).await;
        assert!(finalize(engine, &account, &relying).await.is_err());
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn a_way_of_proving_that_is_closed_and_an_exemption_that_is_gone_prove_nothing() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let order = place(engine, &account, &[NAME]).await;
        let proven = only(&order);
        engine.respond(proven, 0, &[]).await.expect("responds");
        order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        let by = engine.authorization(proven).await.expect("stands").state.challenges[0].kind;
        assert!(relies(engine, &account, proven).await);
        let closed = |acme: &mut AcmeProfile| {
            reusing(acme);
            acme.challenges = ChallengeType::ALL.iter().copied().filter(|kind| *kind != by).collect();
        };
        declare(engine, profiles_with(|acme, _| closed(acme))).await;
        assert!(!relies(engine, &account, proven).await);

        let exempt = ExemptName::parse("b.example.org").expect("a name");
        let rule = Exemption { name: exempt, scope: ExemptionScope::Exact, wildcard: false };
        declare(
            engine,
            profiles_with(|acme, ra| {
                reusing(acme);
                ra.exemptions.rules = vec![rule];
            }),
        )
        .await;
        let order = place(engine, &account, &["b.example.org"]).await;
        assert_eq!(order.state.status(engine.now()), OrderStatus::Ready);
        declare(engine, profiles_with(|acme, _| reusing(acme))).await;
        let order = place(engine, &account, &["b.example.org"]).await;
        assert_eq!(order.state.status(engine.now()), OrderStatus::Pending);
        started.stop();
    });
}

#[test]
fn an_authorization_that_has_enough_orders_leaves_the_next_one_to_a_fresh_one() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let proven = only(&ready(engine, &account, &[NAME]).await);
        for _ in 1..ORDERS {
            assert!(relies(engine, &account, proven).await);
        }
        assert!(!relies(engine, &account, proven).await);
        started.stop();
    });
}

#[test]
fn many_orders_at_once_rely_on_one_authorization() {
    run(async {
        let lab = Lab::new();
        let (started, account) = start(&lab).await;
        let engine = &started.engine;
        let account = &account;
        let proven = only(&ready(engine, account, &[NAME]).await);
        let orders = (0..60).map(|_| async move {
            let order = place(engine, account, &[NAME]).await;
            assert_eq!(only(&order), proven);
            finalize(engine, account, &order).await.expect("finalizes")
        });
        assert_eq!(join_all(orders).await.len(), 60);
        assert_eq!(lab.validator.calls().len(), 1);
        lab.books_balance(engine).await;
        started.stop();
    });
}
