//! How many orders an account may have.

use std::sync::Arc;
use std::time::Duration;

use chancery::store::{MemoryStore, RedbStore};
use chancery_actors::place::PlaceError;
use chancery_actors::ports::{Kind, Store};
use chancery_actors::{Engine, Versioned};
use chancery_machine::account::Account;
use chancery_machine::id::OrderId;
use chancery_machine::order::{Order, OrderEvent, OrderStatus};
use chancery_machine::profile::{AcmeProfile, Limits, RaProfile};
use futures::future::join_all;
use tempfile::TempDir;

use super::audit::deed;
use super::faults::for_each_commit;
use super::lab::{
    DAY, Lab, Started, declare, new_order, obtain, pair, passing, place, profiles_with, ready, register, run, until,
};
use super::store::Fault;

fn limited(limits: Limits) -> impl FnOnce(&mut AcmeProfile, &mut RaProfile) {
    move |acme, _| acme.limits = limits
}

fn per_hour(most: u32) -> Limits {
    Limits { orders_per_hour: Some(most), ..Limits::default() }
}

fn open(most: u32) -> Limits {
    Limits { open_orders_per_account: Some(most), ..Limits::default() }
}

/// An engine with these limits, and an account.
async fn begin(lab: &Lab, limits: Limits) -> (Started, Versioned<Account>) {
    let started = lab.start().await;
    declare(&started.engine, profiles_with(limited(limits))).await;
    let account = register(&started.engine, 1).await;
    (started, account)
}

async fn cancel(engine: &Engine, order: &Versioned<Order>) {
    let cancelled = OrderEvent::Cancelled;
    let deed = |_: &Order, _: &Order| deed("cancel");
    engine.administer_order("operator", OrderId(order.id), cancelled, None, deed).await.expect("cancels");
}

async fn attempt(engine: &Engine, account: &Versioned<Account>) -> Result<Versioned<Order>, PlaceError> {
    engine.place_order(account, &pair(engine), new_order(&["a.example.org"])).await
}

/// When the client is asked to come back.
async fn refused(engine: &Engine, account: &Versioned<Account>) -> Duration {
    match attempt(engine, account).await {
        Err(PlaceError::RateLimited { retry_after, .. }) => retry_after,
        other => panic!("{other:?}"),
    }
}

#[test]
fn so_many_orders_in_an_hour_and_no_more() {
    run(async {
        let lab = Lab::new();
        let (started, account) = begin(&lab, per_hour(3)).await;
        let engine = &started.engine;
        // Whatever becomes of them, they were placed.
        obtain(engine, &account, &["a.example.org"]).await;
        lab.clock.advance(600);
        cancel(engine, &place(engine, &account, &["a.example.org"]).await).await;
        lab.clock.advance(600);
        place(engine, &account, &["a.example.org"]).await;
        assert_eq!(refused(engine, &account).await, Duration::from_secs(2400));
        lab.clock.advance(2399);
        assert_eq!(refused(engine, &account).await, Duration::from_secs(1));
        place(engine, &register(engine, 2).await, &["a.example.org"]).await;
        lab.clock.advance(1);
        place(engine, &account, &["a.example.org"]).await;
        assert_eq!(refused(engine, &account).await, Duration::from_secs(600));
        // An operator who lowers the limit lowers it for what was placed already.
        declare(engine, profiles_with(limited(per_hour(1)))).await;
        assert_eq!(refused(engine, &account).await, Duration::from_secs(3600));
        declare(engine, profiles_with(limited(per_hour(0)))).await;
        lab.clock.advance(DAY);
        refused(engine, &account).await;
        lab.settled().await;
        started.stop();
    });
}

#[test]
fn so_many_open_orders_and_no_more() {
    run(async {
        let lab = Lab::new();
        let (started, account) = begin(&lab, open(2)).await;
        let engine = &started.engine;
        for _ in 0..3 {
            // One that is valid is not open.
            obtain(engine, &account, &["a.example.org"]).await;
        }
        let [one, two] =
            [place(engine, &account, &["a.example.org"]).await, place(engine, &account, &["b.example.org"]).await];
        assert_eq!(refused(engine, &account).await, Duration::from_secs(3600));
        cancel(engine, &one).await;
        let three = place(engine, &account, &["c.example.org"]).await;
        refused(engine, &account).await;
        lab.clock.advance(7 * DAY - 60);
        assert_eq!(refused(engine, &account).await, Duration::from_secs(60));
        // What ran out is not open, though nobody has said so in the store.
        lab.clock.advance(60);
        for lapsed in [two, three] {
            let lapsed = engine.order(OrderId(lapsed.id)).await.expect("stands");
            assert_eq!(lapsed.state.status(engine.now()), OrderStatus::Invalid);
            assert_eq!(lapsed.state.stored_status(), OrderStatus::Pending);
        }
        attempt(engine, &account).await.expect("places");
        // One that is ready is as open as one that is pending.
        ready(engine, &account, &["d.example.org"]).await;
        refused(engine, &account).await;
        lab.settled().await;
        started.stop();
    });
}

#[test]
fn open_orders_are_counted_and_not_loaded() {
    const OPEN: u32 = 200;
    run(async {
        let lab = Lab::new();
        let (started, account) = begin(&lab, open(OPEN)).await;
        for _ in 0..OPEN {
            attempt(&started.engine, &account).await.expect("places");
        }
        let before = lab.store.loads();
        refused(&started.engine, &account).await;
        // The registry of profiles may look for news meanwhile.
        assert!(lab.store.loads() - before < 10, "{} loads", lab.store.loads() - before);
        started.stop();
    });
}

async fn last_place(store: Arc<dyn Store>, limits: Limits) {
    const MOST: usize = 5;
    let lab = &Lab::on(store);
    let twins = [lab.start().await, lab.start().await];
    declare(&twins[0].engine, profiles_with(limited(limits))).await;
    twins[1].engine.refresh_profiles().await.expect("reads");
    let account = &register(&twins[0].engine, 1).await;
    let attempts = (0..40).map(|nth| attempt(&twins[nth % 2].engine, account));
    let mut placed = 0;
    for outcome in join_all(attempts).await {
        match outcome {
            Ok(_) => placed += 1,
            Err(PlaceError::RateLimited { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(placed, MOST);
    assert_eq!(lab.all(Kind::Order).await.len(), MOST);
    twins.into_iter().for_each(Started::stop);
}

#[test]
fn of_many_that_come_at_once_to_two_nodes_none_takes_a_place_too_many() {
    for limits in [per_hour(5), open(5)] {
        run(last_place(Arc::new(MemoryStore::new()), limits.clone()));
        let directory = TempDir::new().expect("a directory");
        run(last_place(Arc::new(RedbStore::open(directory.path(), 1 << 20).expect("opens")), limits));
    }
}

/// A client that places orders until it is told to stop.
fn with_fault(commit: usize, fault: Fault) -> bool {
    run(async {
        let lab = Lab::new();
        let (started, account) = begin(&lab, per_hour(3)).await;
        let engine = &started.engine;
        lab.store.fail(lab.store.commits() + commit, fault);
        until("the last place is taken", async || match attempt(engine, &account).await {
            Ok(_) => None,
            Err(PlaceError::RateLimited { .. }) => Some(()),
            Err(error) => {
                assert!(passing(&error), "{error:?}");
                None
            }
        })
        .await;
        assert_eq!(lab.all(Kind::Order).await.len(), 3);
        lab.settled().await;
        started.stop();
        lab.store.failed()
    })
}

#[test]
fn an_order_that_landed_unheard_is_counted_and_one_that_was_lost_is_not() {
    for fault in [Fault::Lost, Fault::Landed, Fault::Panicked] {
        let commits = for_each_commit(move |commit| with_fault(commit, fault));
        assert!(commits >= 3, "only {commits} commits were tried");
    }
}

#[test]
fn an_hour_of_many_orders_is_counted_across_pages() {
    run(async {
        let lab = Lab::new();
        let (started, account) = begin(&lab, per_hour(300)).await;
        let engine = &started.engine;
        for _ in 0..300 {
            attempt(engine, &account).await.expect("places");
        }
        refused(engine, &account).await;
        declare(engine, profiles_with(limited(open(301)))).await;
        attempt(engine, &account).await.expect("places");
        refused(engine, &account).await;
        started.stop();
    });
}
