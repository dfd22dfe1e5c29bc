//! Two engines on one store, as with a store that several nodes share: neither knows what the other has in memory, and
//! only revisions keep them from doing harm.

use std::sync::Arc;

use chancery_actors::Engine;
use chancery_actors::error::TurnError;
use chancery_actors::finalize::FinalizeError;
use chancery_machine::account::AccountEvent;
use chancery_machine::id::OrderId;
use chancery_machine::order::OrderStatus;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::doubles::Act;
use super::lab::{
    Lab, PATIENCE, account_id, certificate_of, csr, finalize, obtain, order_until, place, ready, register, respond,
    run, until,
};

#[test]
fn both_drive_the_same_orders_and_each_gets_one_certificate() {
    run(async {
        let lab = &Lab::new();
        let twins = [lab.start().await, lab.start().await];
        let [one, two] = [&twins[0].engine, &twins[1].engine];
        let account = &register(one, 1).await;
        join_all((0..40).map(|nth| async move {
            let order = place(one, account, &[&format!("a{nth}.example.org"), &format!("b{nth}.example.org")]).await;
            tokio::join!(drive(one, OrderId(order.id)), drive(two, OrderId(order.id)));
        }))
        .await;
        lab.books_balance(one).await;
        assert_eq!(lab.certificates(two).await.len(), 40);
        let mut signed = lab.issuer.signed();
        signed.sort();
        signed.dedup();
        assert_eq!(signed.len(), 40, "signed twice is the same twice");
        twins.into_iter().for_each(super::lab::Started::stop);
    });
}

/// As a client whose requests come to this engine.
async fn drive(engine: &Engine, id: OrderId) {
    until("the certificate", async || {
        let order = engine.order(id).await.expect("stands");
        match order.state.status(engine.now()) {
            OrderStatus::Pending => {
                for authorization in &order.state.terms.authorizations {
                    let answer = engine.respond(*authorization, 0, &[]).await;
                    assert!(
                        matches!(answer, Ok(_) | Err(TurnError::Conflict | TurnError::Unavailable(_))),
                        "{answer:?}"
                    );
                }
                None
            }
            OrderStatus::Ready => {
                let answer = engine.finalize(&order, csr(&order), &[], PATIENCE).await;
                assert!(!matches!(answer, Err(FinalizeError::BadCsr(_) | FinalizeError::Refused)), "{answer:?}");
                None
            }
            OrderStatus::Processing => None,
            OrderStatus::Valid => Some(()),
            OrderStatus::Invalid | OrderStatus::Canceled => panic!("{order:?}"),
        }
    })
    .await;
}

#[test]
fn an_engine_whose_memory_is_behind_notices_before_it_refuses() {
    run(async {
        let lab = &Lab::new();
        let twins = [lab.start().await, lab.start().await];
        let [one, two] = [&twins[0].engine, &twins[1].engine];
        let account = register(one, 1).await;
        let order = place(one, &account, &["a.example.org", "b.example.org"]).await;
        let [a, b] = order.state.terms.authorizations[..] else { panic!("two") };
        // The first engine has the order in memory since it told it of one authorization; the second does the rest.
        one.respond(a, 0, &[]).await.expect("responds");
        until("one is left", async || {
            let seen = one.order(OrderId(order.id)).await.expect("stands");
            (seen.revision > order.revision).then_some(())
        })
        .await;
        two.respond(b, 0, &[]).await.expect("responds");
        let order = order_until(one, OrderId(order.id), OrderStatus::Ready).await;
        finalize(one, &account, &order).await.expect("is ready, whatever memory says");

        // The same with an account, of which a guard is held against memory.
        let contacts = |text: &str| AccountEvent::ContactsUpdated(vec![text.into()]);
        one.change_account(account_id(&account), contacts("mailto:1@example.org")).await.expect("changes");
        let seen = two.change_account(account_id(&account), contacts("mailto:2@example.org")).await.expect("changes");
        let seen = one.change_account_as_seen(&seen, contacts("mailto:3@example.org")).await.expect("as it stands");
        // What it says already, it says in the store and not only in memory.
        two.change_account(account_id(&account), contacts("mailto:4@example.org")).await.expect("changes");
        let back = one.change_account(account_id(&account), contacts("mailto:3@example.org")).await.expect("changes");
        assert!(back.revision > seen.revision);
        let certificate = certificate_of(&order_until(one, OrderId(order.id), OrderStatus::Valid).await);
        one.revoke(certificate, None).await.expect("revokes");
        lab.books_balance(one).await;
        twins.into_iter().for_each(super::lab::Started::stop);
    });
}

#[test]
fn what_a_lost_engine_owed_is_paid_by_the_one_that_it_had_overtaken() {
    run(async {
        let lab = Lab::new();
        let other = lab.neighbour();
        let [first, second] = [lab.start().await, other.start().await];
        let account = register(&first.engine, 1).await;
        let order = place(&first.engine, &account, &["a.example.org"]).await;
        let id = order.state.terms.authorizations[0];
        let [gate, never] = [Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0))];
        let waits = Arc::clone(&gate);
        lab.validator.follow(move |_, nth| if nth == 0 { Act::Wait(Arc::clone(&waits)) } else { Act::Pass });
        other.validator.follow(move |_, _| Act::Wait(Arc::clone(&never)));
        // The first tries one challenge, the second both; then the second one's machine is lost.
        first.engine.respond(id, 0, &[]).await.expect("responds");
        until("an attempt", async || (lab.validator.running() == 1).then_some(())).await;
        second.engine.respond(id, 1, &[]).await.expect("responds");
        until("two attempts", async || (other.validator.running() == 2).then_some(())).await;
        second.stop();
        // The first comes with an outcome of which the store knows better, and nobody says another word.
        gate.close();
        let order = order_until(&first.engine, OrderId(order.id), OrderStatus::Ready).await;
        finalize(&first.engine, &account, &order).await.expect("finalizes");
        lab.books_balance(&first.engine).await;
        first.stop();
    });
}

#[test]
fn one_crl_grows_though_two_publish() {
    run(async {
        let lab = &Lab::new();
        let twins = [lab.start().await, lab.start().await];
        let engines = [&twins[0].engine, &twins[1].engine];
        let account = &register(engines[0], 1).await;
        let orders = join_all(
            (0..20).map(|nth| async move { obtain(engines[0], account, &[&format!("n{nth}.example.org")]).await }),
        )
        .await;
        let revocations =
            orders.iter().enumerate().map(|(nth, order)| engines[nth % 2].revoke(certificate_of(order), None));
        assert!(join_all(revocations).await.iter().all(Result::is_ok));
        lab.books_balance(engines[0]).await;
        let crl = engines[1].crl(super::doubles::AUTHORITY).await.expect("loads").expect("was made");
        // Two may sign under one number; the store kept one of them, and that one counts.
        let full = lab.issuer.crls().into_iter().any(|made| made.number == crl.number && made.entries.len() == 20);
        assert!(full);
        let order = ready(engines[1], account, &["last.example.org"]).await;
        respond(engines[0], account, &order).await;
        twins.into_iter().for_each(super::lab::Started::stop);
    });
}
