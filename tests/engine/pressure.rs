//! More than can be done at once: what is refused is refused plainly, and what was accepted is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chancery_actors::error::TurnError;
use chancery_machine::id::OrderId;
use chancery_machine::order::OrderStatus;
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::doubles::Act;
use super::lab::{
    Lab, PATIENCE, authorizations, csr, obtain, order_until, place, ready, register, respond, run, until,
};

#[test]
fn a_hundred_thousand_events_for_one_object_are_answered_or_refused() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        let id = order.state.terms.authorizations[0];
        let held = lab.store.hold().await;
        let refused = Arc::new(AtomicUsize::new(0));
        let flood = actix_rt::spawn({
            let (engine, refused) = (engine.clone(), Arc::clone(&refused));
            async move {
                let event = async || {
                    let answer = engine.respond(id, 0, &[]).await;
                    refused.fetch_add(usize::from(matches!(answer, Err(TurnError::Busy))), Ordering::SeqCst);
                    answer
                };
                join_all((0..100_000).map(|_| event())).await
            }
        });
        // While the first commit waits, hardly more than the mailbox's worth is accepted.
        until("refusals", async || (refused.load(Ordering::SeqCst) > 50_000).then_some(())).await;
        drop(held);
        let answers = flood.await.expect("no panic");
        let busy = answers.iter().filter(|answer| matches!(answer, Err(TurnError::Busy))).count();
        let done = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(busy + done, 100_000, "{:?}", answers.iter().find(|answer| answer.is_err()));
        assert!(done >= 1 && busy > 50_000, "{done} were answered, {busy} refused");
        order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        assert_eq!(lab.validator.calls().len(), 1);
        started.stop();
    });
}

#[test]
fn the_first_clients_are_not_turned_away() {
    run(async {
        let lab = Lab::new();
        let names: Vec<_> = (0..100).map(|nth| format!("n{nth}.example.org")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let first = lab.start().await;
        let account = register(&first.engine, 1).await;
        let order = place(&first.engine, &account, &names).await;
        first.stop();
        for _ in 0..10 {
            let started = lab.start().await;
            let answers = order.state.terms.authorizations.iter().map(|id| started.engine.respond(*id, 0, &[]));
            for answer in join_all(answers).await {
                answer.expect("there is room for a hundred");
            }
            started.stop();
        }
    });
}

#[test]
fn one_account_with_thousands_of_attempts_does_not_starve_another() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let gate = Arc::new(Semaphore::new(0));
        let waiting = Arc::clone(&gate);
        lab.validator.follow(move |_, _| Act::Wait(Arc::clone(&waiting)));
        let greedy = register(engine, 1).await;
        let modest = register(engine, 2).await;
        let names: Vec<_> = (0..100).map(|nth| format!("n{nth}.greedy.example")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        for _ in 0..50 {
            let order = place(engine, &greedy, &names).await;
            let responses = order.state.terms.authorizations.iter().map(|id| engine.respond(*id, 0, &[]));
            for answer in join_all(responses).await {
                answer.expect("responds");
            }
        }
        until("all places taken", async || (lab.validator.running() == 256).then_some(())).await;
        let order = place(engine, &modest, &["modest.example"]).await;
        respond(engine, &modest, &order).await;
        // It waits with the others, and then is the next, or the one after.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(lab.validator.calls().len(), 256);
        gate.add_permits(10);
        order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        let calls = lab.validator.calls();
        let place = calls.iter().position(|call| call == "modest.example").expect("was tried");
        assert!(place < 256 + 10, "it was number {place}");
        gate.add_permits(100_000);
        lab.settled().await;
        assert_eq!(lab.validator.most(), 256);
        assert_eq!(lab.validator.calls().len(), 5001);
        started.stop();
    });
}

#[test]
fn what_a_client_asked_for_is_done_though_it_hangs_up() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        let held = lab.store.hold().await;
        // One poll sends it; then the client is gone.
        assert!(engine.respond(order.state.terms.authorizations[0], 0, &[]).now_or_never().is_none());
        drop(held);
        let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        lab.issuer.hold(true);
        let mut finalizing = Box::pin(engine.finalize(&order, csr(&order), &[], PATIENCE));
        until("the intent", async || {
            assert!(finalizing.as_mut().now_or_never().is_none());
            let order = engine.order(OrderId(order.id)).await.expect("stands");
            (order.state.status(engine.now()) == OrderStatus::Processing).then_some(())
        })
        .await;
        drop(finalizing);
        lab.issuer.hold(false);
        order_until(engine, OrderId(order.id), OrderStatus::Valid).await;
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn idle_objects_leave_memory_and_come_back() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.idle = Duration::from_millis(20);
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        let id = order.state.terms.authorizations[0];
        engine.respond(id, 0, &[]).await.expect("responds");
        order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        lab.settled().await;
        // What is in memory loads nothing but to confirm a refusal: one load. What has left loads itself, too: two.
        until("a return", async || {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let loads = lab.store.loads();
            engine.respond(id, 0, &[]).await.expect("answers");
            (lab.store.loads() == loads + 2).then_some(())
        })
        .await;
        obtain(engine, &account, &["b.example.org"]).await;
        started.stop();
    });
}

#[test]
fn no_message_is_lost_to_a_retirement() {
    run(async {
        let mut lab = Lab::new();
        // Everything retires as fast as it can.
        lab.settings.idle = Duration::from_micros(50);
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = ready(engine, &account, &["a.example.org"]).await;
        let id = order.state.terms.authorizations[0];
        for nth in 0..2_000_u32 {
            engine.respond(id, 0, &[]).await.expect("answers");
            tokio::time::sleep(Duration::from_micros(u64::from(nth % 40) * 50)).await;
        }
        let found = authorizations(engine, &order).await;
        assert_eq!(found.len(), 1);
        for nth in 0..20 {
            obtain(engine, &account, &[&format!("n{nth}.example.org")]).await;
        }
        lab.books_balance(engine).await;
        started.stop();
    });
}
