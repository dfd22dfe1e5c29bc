//! Orders keep the profiles that they were placed under.

use std::time::Duration;

use chancery_actors::audit::Act as Deeds;
use chancery_actors::ports::StoreError;
use chancery_actors::{Engine, Versioned};
use chancery_machine::certificate::CertificateRecord;
use chancery_machine::id::OrderId;
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::profile::{ProfileRevision, Seconds};

use super::doubles::Act;
use super::lab::{
    DAY, Lab, certificate_of, declare, finalize, order_until, place, profiles_with, ready, register, respond, run,
};

async fn record(engine: &Engine, order: &Versioned<Order>) -> CertificateRecord {
    engine.certificate(certificate_of(order)).await.expect("stands").state.record
}

async fn remove_profiles(engine: &Engine) {
    let removed = engine.administer::<(), StoreError>("operator", async || {
        let catalog = engine.catalog().await?;
        let mut act = Deeds::nothing(());
        act.writes.extend(catalog.ra.values().flat_map(|kept| engine.profile_removal(kept)));
        act.writes.extend(catalog.acme.values().flat_map(|kept| engine.profile_removal(kept)));
        Ok(act)
    });
    removed.await.expect("removes");
}

#[test]
fn an_order_is_finalized_by_the_rules_of_its_revision_whatever_became_of_the_profile() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let with_days = |days: u64| {
            profiles_with(move |_, ra| {
                ra.validity.default = Seconds(days * DAY);
                ra.validity.longest = Seconds(days * DAY);
            })
        };
        declare(engine, with_days(10)).await;
        let account = register(engine, 1).await;
        let [first, second] =
            [ready(engine, &account, &["a.example.org"]).await, ready(engine, &account, &["b.example.org"]).await];
        declare(engine, with_days(20)).await;
        let third = ready(engine, &account, &["c.example.org"]).await;
        assert_ne!(first.state.terms.ra_profile.revision, third.state.terms.ra_profile.revision);

        let first = finalize(engine, &account, &first).await.expect("finalizes");
        remove_profiles(engine).await;
        assert!(engine.profiles().ra.is_empty());
        let second = finalize(engine, &account, &second).await.expect("finalizes");
        let third = finalize(engine, &account, &third).await.expect("finalizes");
        for (order, days) in [(first, 10), (second, 10), (third, 20)] {
            let record = record(engine, &order).await;
            assert_eq!(record.not_after.since(record.not_before), Duration::from_secs(days * DAY));
            // And says which they were.
            let (acme, ra) = record.profiles.expect("by profiles");
            assert_eq!((&acme, &ra), (&order.state.terms.acme_profile, &order.state.terms.ra_profile));
        }
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn an_order_is_validated_by_the_rules_of_its_revision() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let on_port = |port| profiles_with(move |acme, _| acme.network.http_port = port);
        declare(engine, on_port(8080)).await;
        let account = register(engine, 1).await;
        let first = place(engine, &account, &["a.example.org"]).await;
        declare(engine, on_port(9090)).await;
        let second = place(engine, &account, &["b.example.org"]).await;
        lab.validator.follow(|attempt, _| {
            let expected = if attempt.identifier.value() == "a.example.org" { 8080 } else { 9090 };
            if attempt.network.http_port == expected { Act::Pass } else { Act::Fail }
        });
        let validated = async |order: Versioned<Order>| {
            respond(engine, &account, &order).await;
            order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        };
        // While another revision is in force, and when none is any more.
        validated(first).await;
        remove_profiles(engine).await;
        validated(second).await;
        started.stop();
    });
}

#[test]
fn a_profile_that_comes_back_under_its_name_is_another_revision() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        let ProfileRevision(before) = order.state.terms.ra_profile.revision;
        remove_profiles(engine).await;
        declare(engine, profiles_with(|_, ra| ra.validity.default = Seconds(DAY))).await;
        let after = place(engine, &account, &["b.example.org"]).await;
        assert!(after.state.terms.ra_profile.revision > ProfileRevision(before));
        // The old order is validated and finalized by what is kept of the old ones.
        respond(engine, &account, &order).await;
        let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        let order = finalize(engine, &account, &order).await.expect("finalizes");
        let record = record(engine, &order).await;
        assert_eq!(record.not_after.since(record.not_before), Duration::from_secs(90 * DAY));
        started.stop();
    });
}
