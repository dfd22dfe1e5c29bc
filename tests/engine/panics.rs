//! What panics or cannot be read harms itself alone, and is tried again.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_actors::error::TurnError;
use chancery_machine::id::{AuthorizationId, OrderId};
use chancery_machine::order::OrderStatus;

use super::doubles::{Act, locked};
use super::lab::{
    Lab, authorization_object, obtain, order_object, order_until, place, ready, register, respond, run, until,
};

#[test]
fn a_validator_that_panics_is_asked_again() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let account = register(&started.engine, 1).await;
        lab.validator.follow(|_, nth| if nth < 3 { Act::Panic } else { Act::Pass });
        obtain(&started.engine, &account, &["a.example.org"]).await;
        assert_eq!(lab.validator.calls().len(), 4);
        assert_eq!(lab.validator.running(), 0);
        started.stop();
    });
}

#[test]
fn an_unreadable_object_is_left_alone_for_a_while_and_others_do_not_notice() {
    let log = Log::default();
    let for_log = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || for_log.clone()).finish();
    // The actors live on threads of their own, so it has to be everybody's; no other test reads the log.
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    run(async {
        let mut lab = Lab::new();
        lab.settings.quarantine = Duration::from_secs(1);
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["sick.example.org"]).await;
        let sick = order.state.terms.authorizations[0];
        let other = place(engine, &account, &["well.example.org"]).await;
        // It owes a validation, which fails, so that it is in memory no more; and then it cannot be read.
        lab.store.corrupt(authorization_object(sick), true);
        until("quarantine", async || match engine.respond(sick, 0, &[]).await {
            Err(TurnError::Unavailable(why)) => why.contains("quarantine").then_some(()),
            answer => panic!("{answer:?}"),
        })
        .await;
        assert!(log.text().contains("put in quarantine"), "{}", log.text());
        assert!(log.text().contains(&sick.to_string()));
        respond(engine, &account, &other).await;
        order_until(engine, OrderId(other.id), OrderStatus::Ready).await;

        lab.store.corrupt(authorization_object(sick), false);
        until("the end of the quarantine", async || engine.respond(sick, 0, &[]).await.ok()).await;
        order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        lab.settled().await;
        started.stop();
    });
}

#[test]
fn what_is_owed_survives_a_quarantine() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.quarantine = Duration::from_millis(500);
        let started = lab.start().await;
        let account = register(&started.engine, 1).await;
        lab.validator.follow(|_, _| Act::Panic);
        let order = place(&started.engine, &account, &["a.example.org"]).await;
        respond(&started.engine, &account, &order).await;
        started.stop();
        // The next engine finds it unreadable, and nobody but the sweep speaks of it.
        let sick: AuthorizationId = order.state.terms.authorizations[0];
        lab.store.explosive(authorization_object(sick), true);
        lab.validator.follow(|_, _| Act::Pass);
        let started = lab.start().await;
        let loads = lab.store.loads();
        until("six lives", async || (lab.store.loads() >= loads + 6).then_some(())).await;
        lab.store.explosive(authorization_object(sick), false);
        order_until(&started.engine, OrderId(order.id), OrderStatus::Ready).await;
        lab.settled().await;
        started.stop();
    });
}

#[test]
fn a_store_that_is_gone_for_a_while_quarantines_nobody() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = ready(engine, &account, &["a.example.org"]).await;
        lab.store.set_dead(true);
        for _ in 0..20 {
            let refused = engine.respond(order.state.terms.authorizations[0], 0, &[]).await;
            assert!(matches!(refused, Err(TurnError::Unavailable(_))), "{refused:?}");
        }
        lab.store.set_dead(false);
        super::lab::finalize(engine, &account, &order).await.expect("at once");
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn an_effect_that_panics_is_performed_again() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        // Validating reads the account, and telling the order loads the order: each panics at first.
        let account_object = account.guard().0;
        lab.store.explosive(account_object, true);
        let loads = lab.store.loads();
        engine.respond(order.state.terms.authorizations[0], 0, &[]).await.expect("responds");
        until("a second attempt", async || (lab.store.loads() >= loads + 3).then_some(())).await;
        lab.store.explosive(order_object(&order), true);
        lab.store.explosive(account_object, false);
        until("validation", async || (lab.validator.calls().len() == 1).then_some(())).await;
        lab.store.explosive(order_object(&order), false);
        order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        lab.settled().await;
        started.stop();
    });
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&locked(&self.0)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
