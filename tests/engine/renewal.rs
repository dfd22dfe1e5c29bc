//! Orders that replace certificates (RFC 9773 section 5), and what asking when to renew costs.

use std::sync::Arc;
use std::time::Duration;

use chancery_actors::error::{LoadError, TurnError};
use chancery_actors::place::{NewOrder, PlaceError};
use chancery_actors::ports::Kind;
use chancery_actors::renewal::CertificateName;
use chancery_actors::{Engine, Versioned};
use chancery_machine::account::Account;
use chancery_machine::certificate::Certificate;
use chancery_machine::id::OrderId;
use chancery_machine::order::{Order, OrderEvent, OrderStatus};
use chancery_machine::profile::Seconds;
use chancery_machine::rejection::Rejection;
use chancery_machine::renewal::RenewalRules;
use futures::future::join_all;

use super::audit::deed;
use super::doubles::KEY_IDENTIFIER;
use super::faults::for_each_commit;
use super::lab::{
    DAY, Lab, certificate_of, declare, finalize, new_order, obtain, order_until, pair, passing, profiles_with,
    register, respond, run, until,
};
use super::store::Fault;

const NAMES: &[&str] = &["a.example.org"];

/// How clients name the certificate of a valid order.
async fn name_of(engine: &Engine, order: &Versioned<Order>) -> CertificateName {
    let certificate = engine.certificate(certificate_of(order)).await.expect("stands").state;
    let serial = certificate.record.serial;
    CertificateName { key_identifier: KEY_IDENTIFIER.to_vec(), serial, text: "a name".into() }
}

fn renewal(name: &CertificateName) -> NewOrder {
    NewOrder { replaces: Some(name.clone()), ..new_order(NAMES) }
}

async fn replace(
    engine: &Engine,
    account: &Versioned<Account>,
    name: &CertificateName,
) -> Result<Versioned<Order>, PlaceError> {
    engine.place_order(account, &pair(engine), renewal(name)).await
}

fn replaced_before(outcome: &Result<Versioned<Order>, PlaceError>) -> bool {
    matches!(outcome, Err(PlaceError::Turn(TurnError::Rejected(Rejection::AlreadyReplaced))))
}

async fn predecessor(engine: &Engine, name: &CertificateName) -> Versioned<Certificate> {
    engine.certificate_named(name).await.expect("stands")
}

#[test]
fn of_many_orders_at_two_nodes_one_replaces() {
    run(async {
        let lab = &Lab::new();
        let twins = [lab.start().await, lab.start().await];
        let account = &register(&twins[0].engine, 1).await;
        for _ in 0..10 {
            let first = obtain(&twins[0].engine, account, NAMES).await;
            let name = &name_of(&twins[0].engine, &first).await;
            let orders = (0..8).map(|nth| replace(&twins[nth % 2].engine, account, name));
            let outcomes = join_all(orders).await;
            let placed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
            let [one] = placed.as_slice() else { panic!("{outcomes:?}") };
            assert!(outcomes.iter().all(|outcome| outcome.is_ok() || replaced_before(outcome)), "{outcomes:?}");
            for twin in &twins {
                assert_eq!(predecessor(&twin.engine, name).await.state.replaced, Some(OrderId(one.id)));
            }
        }
        // The certificate's own actor notices that it was written beside it.
        let first = obtain(&twins[0].engine, account, NAMES).await;
        let (id, name) = (certificate_of(&first), name_of(&twins[0].engine, &first).await);
        twins[1].engine.revoke(id, None).await.expect("revokes");
        replace(&twins[0].engine, account, &name).await.expect("what is revoked is renewed too");
        lab.settled().await;
        let stands = predecessor(&twins[1].engine, &name).await.state;
        assert!(stands.replaced.is_some(), "{stands:?}");
        twins.into_iter().for_each(super::lab::Started::stop);
    });
}

#[test]
fn an_order_that_failed_gives_the_certificate_free() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let name = name_of(engine, &obtain(engine, &account, NAMES).await).await;
        let first = replace(engine, &account, &name).await.expect("places");
        assert!(replaced_before(&replace(engine, &account, &name).await));
        // By an operator.
        let deed = |_: &Order, _: &Order| deed("cancel");
        engine.administer_order("tests", OrderId(first.id), OrderEvent::Cancelled, None, deed).await.expect("cancels");
        replace(engine, &account, &name).await.expect("places");
        assert!(replaced_before(&replace(engine, &account, &name).await));
        // By the clock alone, which nobody has told the order.
        lab.clock.advance(7 * DAY);
        let last = replace(engine, &account, &name).await.expect("places");
        respond(engine, &account, &last).await;
        let last = order_until(engine, OrderId(last.id), OrderStatus::Ready).await;
        finalize(engine, &account, &last).await.expect("finalizes");
        assert!(replaced_before(&replace(engine, &account, &name).await), "now it is replaced for good");
        started.stop();
    });
}

#[test]
fn a_crash_before_the_answer_leaves_one_order_that_replaces() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let account = register(&started.engine, 1).await;
        let name = name_of(&started.engine, &obtain(&started.engine, &account, NAMES).await).await;
        lab.settled().await;
        lab.store.fail(lab.store.commits(), Fault::DiedAfter);
        assert!(passing(&replace(&started.engine, &account, &name).await.expect_err("nobody answers")));
        started.stop();
        lab.store.set_dead(false);
        let started = lab.start().await;
        let engine = &started.engine;
        // Both landed together, and the client finds its order in its list.
        let by = predecessor(engine, &name).await.state.replaced.expect("it is replaced");
        let order = engine.order(by).await.expect("the order landed too");
        assert_eq!(order.state.terms.replaces.map(|predecessor| predecessor.named), Some("a name".into()));
        assert!(replaced_before(&replace(engine, &account, &name).await));
        started.stop();
    });
}

/// The client tries again until it is answered; an order that it never heard of is given up by an operator.
fn with_fault(commit: usize, fault: Fault) -> bool {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let name = name_of(engine, &obtain(engine, &account, NAMES).await).await;
        lab.settled().await;
        lab.store.fail(lab.store.commits() + commit, fault);
        let order = until("the order", async || match replace(engine, &account, &name).await {
            Ok(order) => Some(OrderId(order.id)),
            outcome if replaced_before(&outcome) => predecessor(engine, &name).await.state.replaced,
            Err(error) => {
                assert!(passing(&error), "{error}");
                None
            }
        })
        .await;
        until("ready", async || {
            let placed = engine.order(order).await.ok()?;
            if placed.state.status(engine.now()) == OrderStatus::Pending {
                for authorization in &placed.state.terms.authorizations {
                    let _ = engine.respond(*authorization, 0, &[]).await;
                }
                return None;
            }
            Some(())
        })
        .await;
        until("the certificate", async || {
            let placed = engine.order(order).await.ok()?;
            if placed.state.status(engine.now()) == OrderStatus::Ready {
                let _ = finalize(engine, &account, &placed).await;
            }
            placed.state.certificate()
        })
        .await;
        lab.books_balance(engine).await;
        assert_eq!(lab.all(Kind::Order).await.len(), 2, "one for each certificate");
        assert_eq!(predecessor(engine, &name).await.state.replaced, Some(order));
        started.stop();
        lab.store.failed()
    })
}

#[test]
fn every_commit_of_a_renewal_may_be_lost() {
    assert!(for_each_commit(|commit| with_fault(commit, Fault::Lost)) >= 4);
}

#[test]
fn every_commit_of_a_renewal_may_land_unheard() {
    assert!(for_each_commit(|commit| with_fault(commit, Fault::Landed)) >= 4);
}

#[test]
fn that_a_certificate_is_replaced_is_known_as_long_as_it_and_what_it_was_for_longer() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.retention = Duration::from_secs(10 * DAY);
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let long = name_of(engine, &obtain(engine, &account, NAMES).await).await;
        // What replaces it is valid for a day only.
        let mut short = profiles_with(|_, _| ());
        let ra = short.ra.values_mut().next().expect("one");
        Arc::make_mut(ra).validity.default = Seconds(DAY);
        declare(engine, short).await;
        let renew = async |name: &CertificateName| {
            let order = replace(engine, &account, name).await.expect("places");
            respond(engine, &account, &order).await;
            let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
            finalize(engine, &account, &order).await.expect("finalizes")
        };
        let successor = renew(&long).await;
        lab.settled().await;
        lab.clock.advance(50 * DAY);
        let sweeping = lab.start().await;
        until("the short one is gone", async || {
            matches!(engine.certificate(certificate_of(&successor)).await, Err(LoadError::Absent)).then_some(())
        })
        .await;
        assert!(replaced_before(&replace(engine, &account, &long).await), "its order is remembered");
        // The other way round: what it replaced is forgotten first.
        declare(engine, profiles_with(|_, _| ())).await;
        sweeping.stop();
        let order = engine.order(OrderId(successor.id)).await.expect("it stands");
        let first = order.state.terms.replaces.expect("it replaces").certificate;
        lab.clock.advance(51 * DAY);
        let sweeping = lab.start().await;
        until("both are gone", async || {
            let gone = matches!(engine.certificate(first).await, Err(LoadError::Absent));
            (gone && lab.all(Kind::Order).await.is_empty()).then_some(())
        })
        .await;
        assert!(matches!(
            replace(engine, &account, &long).await,
            Err(PlaceError::Replaces(chancery_actors::place::ReplaceError::Unknown))
        ));
        sweeping.stop();
        started.stop();
    });
}

#[test]
fn asking_when_to_renew_reads_one_object_and_writes_none() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let name = name_of(engine, &obtain(engine, &account, NAMES).await).await;
        lab.settled().await;
        let (loads, commits) = (lab.store.loads(), lab.store.commits());
        let found = engine.certificate_named(&name).await.expect("stands");
        let told = engine.renewal_info(&RenewalRules::default(), &found);
        assert!(told.window.start < told.window.end);
        assert_eq!((lab.store.loads() - loads, lab.store.commits() - commits), (1, 0));
        // Every node says the same.
        let other = lab.start().await;
        let there = other.engine.certificate_named(&name).await.expect("stands");
        assert_eq!(other.engine.renewal_info(&RenewalRules::default(), &there), told);
        let long = CertificateName { serial: vec![1; 64], ..name };
        assert!(matches!(engine.certificate_named(&long).await, Err(LoadError::Absent)), "no term is that long");
        other.stop();
        started.stop();
    });
}
