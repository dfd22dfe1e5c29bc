//! Nothing is kept for ever, and nothing leaves early.

use std::time::Duration;

use chancery_actors::error::LoadError;
use chancery_actors::ports::Kind;
use chancery_machine::id::OrderId;

use super::lab::{DAY, Lab, account_id, certificate_of, obtain, place, register, run, until};

#[test]
fn what_is_over_is_forgotten_with_every_word_that_found_it_and_not_before() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.retention = Duration::from_secs(30 * DAY);
        let started = lab.start().await;
        let account = register(&started.engine, 1).await;
        let open = place(&started.engine, &account, &["open.example.org"]).await;
        let done = obtain(&started.engine, &account, &["done.example.org"]).await;
        let certificate = started.engine.certificate(certificate_of(&done)).await.expect("stands").state.record.der;
        lab.settled().await;
        started.stop();

        // The open order expired after 7 days, and is kept for 30; one second is missing.
        lab.clock.advance(37 * DAY - 1);
        let started = lab.start().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(lab.all(Kind::Order).await.len(), 2);
        assert_eq!(lab.all(Kind::Authorization).await.len(), 2);
        started.stop();

        lab.clock.advance(1);
        let started = lab.start().await;
        until("the open order is gone", async || {
            matches!(started.engine.order(OrderId(open.id)).await, Err(LoadError::Absent)).then_some(())
        })
        .await;
        let listed = started.engine.orders_of(account_id(&account), None, 10).await.expect("lists");
        assert_eq!(listed, [OrderId(done.id)]);
        until("its authorization too", async || (lab.all(Kind::Authorization).await.len() == 1).then_some(())).await;
        assert!(started.engine.certificate_of(&certificate).await.is_ok());
        started.stop();

        // The certificate was valid for 90 days.
        lab.clock.advance(83 * DAY);
        let started = lab.start().await;
        until("everything is gone", async || {
            let left =
                [Kind::Order, Kind::Authorization, Kind::Certificate].map(async |kind| lab.all(kind).await.len());
            let mut sum = 0;
            for count in left {
                sum += count.await;
            }
            (sum == 0).then_some(())
        })
        .await;
        assert!(matches!(started.engine.certificate_of(&certificate).await, Err(LoadError::Absent)));
        assert!(started.engine.orders_of(account_id(&account), None, 10).await.expect("lists").is_empty());
        assert!(started.engine.account(account_id(&account)).await.is_ok(), "accounts stay");
        assert!(started.engine.crl(super::doubles::AUTHORITY).await.expect("loads").is_some(), "and CRLs");
        started.stop();
    });
}

#[test]
fn an_object_in_memory_that_was_forgotten_is_absent() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        let id = order.state.terms.authorizations[0];
        engine.respond(id, 0, &[]).await.expect("responds");
        lab.settled().await;
        lab.clock.advance(100 * DAY);
        // A second engine sweeps it away under the first.
        let other = lab.start().await;
        until("forgotten", async || lab.all(Kind::Authorization).await.is_empty().then_some(())).await;
        let answer = engine.respond(id, 0, &[]).await;
        assert_eq!(answer.map(|found| found.id), Err(chancery_actors::error::TurnError::Absent));
        other.stop();
        started.stop();
    });
}
