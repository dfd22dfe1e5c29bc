//! An account that is closed while it is busy.

use chancery_actors::Versioned;
use chancery_actors::error::TurnError;
use chancery_actors::place::PlaceError;
use chancery_actors::ports::{Body, Commit, Kind, ObjectId, Store, Term, Write};
use chancery_machine::account::{Account, AccountEvent, AccountStatus};
use chancery_machine::authorization::AuthorizationStatus;
use chancery_machine::id::{AuthorizationId, OrderId};
use chancery_machine::order::{Order, OrderState, OrderStatus};
use chancery_machine::rejection::Rejection;
use futures::future::join_all;

use super::lab::{Lab, account_id, finalize, new_order, pair, place, register, run, until};

#[test]
fn nothing_stays_open_behind_an_account_that_closes_in_the_middle_of_its_work() {
    for event in [AccountEvent::Deactivated, AccountEvent::Revoked { certificates: None }] {
        run(closed_by(event));
    }
}

async fn closed_by(event: AccountEvent) {
    let lab = Lab::new();
    let started = lab.start().await;
    let engine = &started.engine;
    let account = &register(engine, 1).await;
    // Half of the challenges never end by themselves.
    let never = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    lab.validator.follow(move |_, nth| {
        if nth % 2 == 0 { super::doubles::Act::Pass } else { super::doubles::Act::Wait(never.clone()) }
    });
    let work = (0..60).map(|nth| async move {
        for round in 0..1000 {
            let name = format!("n{nth}-{round}.example.org");
            let order = match engine.place_order(account, &pair(engine), new_order(&[&name])).await {
                Ok(order) => order,
                Err(error) => {
                    let PlaceError::Turn(TurnError::Rejected(Rejection::AccountClosed(_))) = error else {
                        panic!("{error:?}");
                    };
                    return round;
                }
            };
            let id = order.state.terms.authorizations[0];
            if engine.respond(id, 0, &[account.guard()]).await.is_err() {
                continue;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            let order = engine.order(OrderId(order.id)).await.expect("stands");
            if order.state.status(engine.now()) == OrderStatus::Ready {
                // Closed or not: the order says afterwards.
                let _ = finalize(engine, account, &order).await;
            }
        }
        panic!("the account was never closed");
    });
    let close = async {
        until("some work", async || (lab.all(Kind::Order).await.len() > 100).then_some(())).await;
        engine.change_account(account_id(account), event).await.expect("closes")
    };
    let (placed, closed) = tokio::join!(join_all(work), close);
    assert_ne!(closed.state.status(), AccountStatus::Valid);
    lab.settled().await;
    let orders = lab.all(Kind::Order).await;
    assert_eq!(orders.len(), placed.iter().sum::<usize>());
    for order in orders {
        let order = engine.order(OrderId(order.id)).await.expect("stands");
        assert!(order.state.status(engine.now()).is_final(), "{order:?}");
    }
    for authorization in lab.all(Kind::Authorization).await {
        let authorization = engine.authorization(AuthorizationId(authorization.id)).await.expect("stands");
        assert_eq!(authorization.state.status(engine.now()), AuthorizationStatus::Deactivated);
    }
    let account = engine.account(account_id(account)).await.expect("stands");
    let late = engine.place_order(&account, &pair(engine), new_order(&["late.example.org"])).await;
    let closed = TurnError::Rejected(Rejection::AccountClosed(account.state.status()));
    assert_eq!(late.map(|order| order.id), Err(closed.into()));
    lab.books_balance(engine).await;
    until("every attempt was given up", async || (lab.validator.running() == 0).then_some(())).await;
    started.stop();
}

/// As builds before the index by their end stored open orders.
async fn as_stored_before(lab: &Lab, account: &Versioned<Account>, order: &Versioned<Order>) {
    let object = ObjectId { kind: Kind::Order, id: order.id };
    let stored = lab.store.load(object).await.expect("loads").expect("is there");
    let terms = vec![Term([b"open-of/", &account.id.bytes()[..]].concat())];
    let write = Write { object, expected: stored.revision, body: Some(Body { terms, ..Body::plain(stored.bytes) }) };
    assert_eq!(lab.store.commit(vec![Commit { guards: Vec::new(), writes: vec![write] }]).await, [Ok(())]);
}

#[test]
fn orders_end_with_their_account_and_say_so_also_those_that_an_older_build_stored() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let orders =
            [place(engine, &account, &["a.example.org"]).await, place(engine, &account, &["b.example.org"]).await];
        as_stored_before(&lab, &account, &orders[1]).await;
        engine.change_account(account_id(&account), AccountEvent::Deactivated).await.expect("closes");
        lab.settled().await;
        for order in orders {
            let order = engine.order(OrderId(order.id)).await.expect("stands");
            let OrderState::Invalid { error, .. } = &order.state.state else { panic!("{order:?}") };
            assert_eq!(error.detail, "the account was closed before the order was finalized");
        }
        started.stop();
    });
}
