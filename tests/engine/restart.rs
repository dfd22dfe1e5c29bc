//! The process dies at each commit of a client's way, before it is done and after. The next engine finishes what was
//! owed before any client says a word.

use std::sync::Arc;

use chancery::store::RedbStore;
use chancery_actors::ports::{Kind, Store};
use chancery_machine::challenge::ChallengeState;
use chancery_machine::id::{AuthorizationId, OrderId};
use chancery_machine::order::OrderStatus;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::doubles::Act;
use super::faults::{Client, for_each_commit};
use super::lab::{Lab, finalize, order_until, place, ready, register, respond, run, until};
use super::store::Fault;

fn with_death(lab: &Lab, commit: usize, death: Fault) -> bool {
    run(async {
        lab.store.fail(commit, death);
        let mut client = Client::default();
        let started = lab.start().await;
        let walked = client.walk(lab, &started.engine).await;
        if walked.is_ok() {
            // The last debts may be paid later than the last answer came.
            until("everything paid, or the death", async || {
                let paid = lab.store.owing(None, 1).await.is_ok_and(|owing| owing.is_empty());
                (paid || lab.store.dead()).then_some(())
            })
            .await;
        }
        started.stop();
        let died = lab.store.dead();
        lab.store.set_dead(false);
        lab.store.spare();

        let started = lab.start().await;
        lab.settled().await;
        client.walk(lab, &started.engine).await.expect("the server stays");
        client.check(lab, &started.engine).await;
        started.stop();
        died
    })
}

#[test]
fn a_death_before_any_commit_loses_nothing() {
    let commits = for_each_commit(|commit| with_death(&Lab::new(), commit, Fault::DiedBefore));
    assert!(commits >= 18, "only {commits} commits were tried");
}

#[test]
fn a_death_after_any_commit_loses_nothing() {
    let commits = for_each_commit(|commit| with_death(&Lab::new(), commit, Fault::DiedAfter));
    assert!(commits >= 18, "only {commits} commits were tried");
}

#[test]
fn a_death_after_any_commit_loses_nothing_on_disk() {
    for_each_commit(|commit| {
        let directory = TempDir::new().expect("a directory");
        let lab = Lab::on(Arc::new(RedbStore::open(directory.path(), 1 << 20).expect("opens")));
        with_death(&lab, commit, Fault::DiedAfter)
    });
}

#[test]
fn validation_and_signing_go_on_where_they_stood() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let waits = ready(engine, &account, &["signing.example.org"]).await;
        let never = Arc::new(Semaphore::new(0));
        let gate = Arc::clone(&never);
        lab.validator.follow(move |_, _| Act::Wait(Arc::clone(&gate)));
        let pending = place(engine, &account, &["validating.example.org"]).await;
        respond(engine, &account, &pending).await;
        until("validation begins", async || (lab.validator.running() == 1).then_some(())).await;
        lab.issuer.sign_failures.store(u32::MAX, std::sync::atomic::Ordering::SeqCst);
        let patience = std::time::Duration::ZERO;
        engine.finalize(&waits, super::lab::csr(&waits), &[], patience).await.expect("is accepted");
        started.stop();

        lab.issuer.sign_failures.store(0, std::sync::atomic::Ordering::SeqCst);
        lab.validator.follow(|_, _| Act::Pass);
        let started = lab.start().await;
        let engine = &started.engine;
        order_until(engine, OrderId(waits.id), OrderStatus::Valid).await;
        let pending = order_until(engine, OrderId(pending.id), OrderStatus::Ready).await;
        finalize(engine, &account, &pending).await.expect("finalizes");
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn a_thousand_debts_are_all_found() {
    run(async {
        let lab = Lab::new();
        lab.validator.follow(|_, _| Act::Wait(Arc::new(Semaphore::new(0))));
        let started = lab.start().await;
        let account = register(&started.engine, 1).await;
        let names: Vec<_> = (0..100).map(|nth| format!("n{nth}.example.org")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        for _ in 0..10 {
            let order = place(&started.engine, &account, &names).await;
            respond(&started.engine, &account, &order).await;
        }
        started.stop();
        lab.validator.follow(|_, _| Act::Pass);
        let started = lab.start().await;
        lab.settled().await;
        for object in lab.all(Kind::Order).await {
            order_until(&started.engine, OrderId(object.id), OrderStatus::Ready).await;
        }
        for object in lab.all(Kind::Authorization).await {
            let authorization = started.engine.authorization(AuthorizationId(object.id)).await.expect("stands");
            assert!(matches!(authorization.state.challenges[0].state, ChallengeState::Valid { .. }));
        }
        started.stop();
    });
}
