//! External accounts (RFC 8555 section 7.3.4): what their credentials let accounts do, and how it is counted.

use std::sync::Arc;

use chancery_actors::audit::Act;
use chancery_actors::engine::NewAccount;
use chancery_actors::error::TurnError;
use chancery_actors::place::PlaceError;
use chancery_actors::ports::{Kind, ObjectId, StoreError};
use chancery_actors::{Engine, Versioned};
use chancery_machine::account::{Account, AccountBinding};
use chancery_machine::eab::{BindingRefused, EabCredential, EabEvent, EabScope};
use chancery_machine::id::{EabId, OrderId};
use chancery_machine::order::OrderStatus;
use chancery_machine::profile::IdentifierPattern;
use chancery_machine::rejection::Rejection;
use futures::future::join_all;

use super::audit::deed;
use super::faults::for_each_commit;
use super::lab::{
    Lab, account_id, declare, finalize, name, new_account, new_order, order_until, pair, place, profiles_with, respond,
    run, until,
};
use super::store::Fault;

/// As an operator makes one.
async fn credential(engine: &Engine, scope: EabScope) -> EabId {
    let id = EabId::new(engine.now(), [9; 10]);
    let state = EabCredential {
        description: "team A".into(),
        sealed_key: vec![1, 2, 3],
        created: engine.now(),
        scope,
        accounts: 0,
        orders: 0,
        revoked: None,
    };
    let made = engine.administer::<(), StoreError>("operator", async || {
        let writes = vec![engine.eab_creation(id, &state)];
        Ok(Act { writes, deeds: vec![deed("create")], ..Act::nothing(()) })
    });
    made.await.expect("makes");
    id
}

fn bound_account(number: u32, credential: EabId) -> NewAccount {
    let binding = AccountBinding { credential, object: "{}".into() };
    NewAccount { binding: Some(binding), ..new_account(number) }
}

async fn bind(engine: &Engine, number: u32, credential: EabId) -> Result<(Versioned<Account>, bool), TurnError> {
    engine.create_account(bound_account(number, credential), &pair(engine)).await
}

fn refused(reason: BindingRefused) -> TurnError {
    TurnError::Rejected(Rejection::Binding(reason))
}

fn outcome<T, E>(answer: Result<T, E>) -> Result<(), E> {
    answer.map(drop)
}

async fn counted(engine: &Engine, id: EabId) -> (u32, u64) {
    let credential = engine.eab_credential(id).await.expect("stands").state;
    (credential.accounts, credential.orders)
}

#[test]
fn an_account_is_bound_and_counted_in_one_go() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let id = credential(engine, EabScope { accounts: Some(2), ..EabScope::default() }).await;
        let (first, made) = bind(engine, 1, id).await.expect("binds");
        assert!(made);
        let binding = engine.account(account_id(&first)).await.expect("stands").state.binding.expect("bound");
        assert_eq!(binding.credential, id);
        // The same key once more is the same account, and costs no place.
        let (again, made) = bind(engine, 1, id).await.expect("answers");
        assert!(!made && again.id == first.id);
        assert_eq!(counted(engine, id).await, (1, 0));
        bind(engine, 2, id).await.expect("binds");
        assert_eq!(outcome(bind(engine, 3, id).await), Err(refused(BindingRefused::Accounts)));
        // Even when the last place is gone.
        let (again, made) = bind(engine, 2, id).await.expect("answers");
        assert!(!made && again.state.key == new_account(2).key);
        assert_eq!(lab.all(Kind::Account).await.len(), 2);
        // Without a limit to orders they are not counted.
        place(engine, &first, &["a.example.org"]).await;
        assert_eq!(counted(engine, id).await, (2, 0));
        started.stop();
    });
}

#[test]
fn of_many_accounts_at_once_as_many_are_bound_as_may_be() {
    run(async {
        let lab = Lab::new();
        let twins = [lab.start().await, lab.start().await];
        let id = credential(&twins[0].engine, EabScope { accounts: Some(4), ..EabScope::default() }).await;
        let binding = (0..24).map(|number| bind(&twins[number as usize % 2].engine, number, id));
        let mut made = 0;
        for answer in join_all(binding).await {
            match answer {
                Ok((_, true)) => made += 1,
                // Two nodes that write the same credential all the time may tell a client to come again.
                Err(TurnError::Conflict | TurnError::Unavailable(_)) => {}
                Err(error) => assert_eq!(error, refused(BindingRefused::Accounts)),
                Ok((_, false)) => panic!("nobody has that key"),
            }
        }
        assert!((1..=4).contains(&made));
        assert_eq!(lab.all(Kind::Account).await.len(), made);
        assert_eq!(counted(&twins[1].engine, id).await, (u32::try_from(made).expect("few"), 0));
        twins.into_iter().for_each(super::lab::Started::stop);
    });
}

#[test]
fn a_credential_that_is_over_or_for_others_binds_nobody() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let elsewhere = EabScope { ra_profiles: vec![name("others")], ..EabScope::default() };
        let id = credential(engine, elsewhere).await;
        assert_eq!(outcome(bind(engine, 1, id).await), Err(refused(BindingRefused::Elsewhere)));
        lab.clock.advance(1);
        let expires = Some(engine.now().plus(std::time::Duration::from_secs(5)));
        let id = credential(engine, EabScope { expires, ..EabScope::default() }).await;
        let (account, _) = bind(engine, 2, id).await.expect("binds");
        lab.clock.advance(5);
        assert_eq!(outcome(bind(engine, 1, id).await), Err(refused(BindingRefused::Expired)));
        let revoke = engine.administer_eab_credential("operator", id, EabEvent::Revoked, None, |_, _| deed("revoke"));
        revoke.await.expect("revokes");
        assert_eq!(outcome(bind(engine, 1, id).await), Err(refused(BindingRefused::Revoked)));
        // Whoever is bound stays so.
        place(engine, &account, &["a.example.org"]).await;

        lab.store.remove(ObjectId { kind: Kind::EabCredential, id: id.0 }).await;
        let place = engine.place_order(&account, &pair(engine), new_order(&["a.example.org"])).await;
        assert_eq!(outcome(place), Err(refused(BindingRefused::Deleted).into()));
        assert_eq!(outcome(bind(engine, 1, id).await), Err(refused(BindingRefused::Deleted)));
        assert_eq!(lab.all(Kind::Account).await.len(), 1);
        started.stop();
    });
}

#[test]
fn a_bound_account_orders_within_its_names() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let names = vec![IdentifierPattern::parse("**.a.example").expect("a pattern")];
        let id = credential(engine, EabScope { names, ..EabScope::default() }).await;
        let (account, _) = bind(engine, 1, id).await.expect("binds");
        let mixed = new_order(&["www.a.example", "a.example", "www.b.example"]);
        match engine.place_order(&account, &pair(engine), mixed).await {
            Err(PlaceError::Rejected(outside)) => {
                let outside: Vec<_> = outside.iter().map(|(subject, _)| subject.to_string()).collect();
                assert_eq!(outside, ["a.example", "www.b.example"]);
            }
            other => panic!("{other:?}"),
        }
        place(engine, &account, &["www.a.example"]).await;
        started.stop();
    });
}

#[test]
fn another_default_takes_the_account_along_and_not_what_its_credential_is_for() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let scope = EabScope { ra_profiles: vec![name("servers")], ..EabScope::default() };
        let id = credential(engine, scope).await;
        let (account, _) = bind(engine, 1, id).await.expect("binds");
        place(engine, &account, &["a.example"]).await;
        let mut elsewhere = pair(engine);
        Arc::make_mut(&mut elsewhere.ra).name = name("others");
        let refusal = engine.place_order(&account, &elsewhere, new_order(&["a.example"])).await;
        assert_eq!(outcome(refusal), Err(PlaceError::Turn(refused(BindingRefused::Elsewhere))));
        started.stop();
    });
}

#[test]
fn the_accounts_of_a_credential_share_its_quota_of_orders() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let id = credential(engine, EabScope { orders: Some(7), ..EabScope::default() }).await;
        let accounts = [bind(engine, 1, id).await.expect("binds").0, bind(engine, 2, id).await.expect("binds").0];
        let pair = &pair(engine);
        let attempts = (0..30).map(|nth| engine.place_order(&accounts[nth % 2], pair, new_order(&["a.example.org"])));
        let mut placed = Vec::new();
        for answer in join_all(attempts).await {
            match answer {
                Ok(order) => placed.push(order),
                Err(error) => assert_eq!(error, refused(BindingRefused::Orders).into()),
            }
        }
        assert_eq!(placed.len(), 7);
        assert_eq!(lab.all(Kind::Order).await.len(), 7);
        assert_eq!(counted(engine, id).await, (2, 7));
        // They are orders like any other.
        let order = &placed[0];
        let account = accounts.iter().find(|account| account_id(account) == order.state.terms.account).expect("one");
        respond(engine, account, order).await;
        let order = order_until(engine, OrderId(order.id), OrderStatus::Ready).await;
        finalize(engine, account, &order).await.expect("finalizes");
        lab.books_balance(engine).await;
        // A fresh quota counts from what was counted.
        let more = EabEvent::Revised {
            description: "team A".into(),
            scope: EabScope { orders: Some(8), ..EabScope::default() },
        };
        let revised = engine.administer_eab_credential("operator", id, more, None, |_, _| deed("update"));
        revised.await.expect("revises");
        place(engine, &accounts[1], &["a.example.org"]).await;
        let answer = engine.place_order(&accounts[0], pair, new_order(&["a.example.org"])).await;
        assert_eq!(outcome(answer), Err(refused(BindingRefused::Orders).into()));
        started.stop();
    });
}

#[test]
fn an_order_that_the_profile_s_limits_refuse_costs_no_quota() {
    run(async {
        let lab = Lab::new();
        let twins = [lab.start().await, lab.start().await];
        declare(&twins[0].engine, profiles_with(|acme, _| acme.limits.orders_per_hour = Some(3))).await;
        twins[1].engine.refresh_profiles().await.expect("reads");
        let id = credential(&twins[0].engine, EabScope { orders: Some(10), ..EabScope::default() }).await;
        let (account, _) = bind(&twins[0].engine, 1, id).await.expect("binds");
        let limited = async |engine: &Engine| {
            let answer = engine.place_order(&account, &pair(engine), new_order(&["a.example.org"])).await;
            assert!(matches!(answer, Err(PlaceError::RateLimited { .. })), "{answer:?}");
        };
        for nth in 0..3 {
            place(&twins[nth % 2].engine, &account, &["a.example.org"]).await;
        }
        limited(&twins[0].engine).await;
        limited(&twins[1].engine).await;
        assert_eq!(counted(&twins[0].engine, id).await, (1, 3));
        lab.clock.advance(3600);
        place(&twins[1].engine, &account, &["a.example.org"]).await;
        assert_eq!(counted(&twins[0].engine, id).await, (1, 4));
        twins.into_iter().for_each(super::lab::Started::stop);
    });
}

/// Whatever fails, what the credential has counted is what there is.
fn with_fault(commit: usize, fault: Fault) -> bool {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let id = credential(engine, EabScope { orders: Some(100), accounts: Some(1), ..EabScope::default() }).await;
        lab.store.fail(lab.store.commits() + commit, fault);
        let account = until("the account", async || match bind(engine, 1, id).await {
            Ok((account, _)) => Some(account),
            Err(error) => {
                assert!(matches!(error, TurnError::Unavailable(_)), "{error:?}");
                None
            }
        })
        .await;
        let placed = until("the order", async || {
            let answer = engine.place_order(&account, &pair(engine), new_order(&["a.example.org"])).await;
            answer.inspect_err(|error| assert!(super::lab::passing(error), "{error:?}")).ok()
        })
        .await;
        until("the response", async || {
            engine.respond(placed.state.terms.authorizations[0], 0, &[account.guard()]).await.ok()
        })
        .await;
        order_until(engine, OrderId(placed.id), OrderStatus::Ready).await;
        lab.settled().await;
        let orders = lab.all(Kind::Order).await.len() as u64;
        assert_eq!(lab.all(Kind::Account).await.len(), 1);
        assert_eq!(counted(engine, id).await, (1, orders));
        started.stop();
        lab.store.failed()
    })
}

#[test]
fn every_commit_of_a_bound_account_may_fail() {
    for fault in [Fault::Lost, Fault::Landed, Fault::Panicked] {
        let commits = for_each_commit(move |commit| with_fault(commit, fault));
        assert!(commits >= 5, "only {commits} commits were tried");
    }
}
