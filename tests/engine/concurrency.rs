//! Much at once, of one account and on one object.

use chancery_actors::error::TurnError;
use chancery_actors::finalize::FinalizeError;
use chancery_machine::account::AccountEvent;
use chancery_machine::id::OrderId;
use chancery_machine::order::OrderStatus;
use chancery_machine::rejection::Rejection;
use futures::future::join_all;

use super::lab::{
    Lab, account_id, certificate_of, finalize, key, new_account, new_order, obtain, order_until, pair, place, ready,
    register, respond, run,
};

#[test]
fn two_hundred_orders_of_one_account() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = &register(engine, 1).await;
        let orders = (0..200).map(|nth| async move {
            let name = format!("n{nth}.example.org");
            obtain(engine, account, &[&name, "shared.example.org"]).await
        });
        let orders = join_all(orders).await;
        lab.books_balance(engine).await;
        assert_eq!(lab.certificates(engine).await.len(), 200);
        let mut listed = Vec::new();
        while let page = engine.orders_of(account_id(account), listed.last().copied(), 7).await.expect("lists")
            && !page.is_empty()
        {
            listed.extend(page);
        }
        let mut placed: Vec<_> = orders.iter().map(|order| OrderId(order.id)).collect();
        placed.sort();
        assert_eq!(listed, placed);
        started.stop();
    });
}

#[test]
fn of_many_finalizes_at_once_one_is_accepted() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = &register(engine, 1).await;
        for nth in 0..20 {
            let order = &ready(engine, account, &[&format!("n{nth}.example.org")]).await;
            let answers = join_all((0..5).map(|_| finalize(engine, account, order))).await;
            let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
            assert_eq!(accepted.len(), 1);
            for refusal in refused {
                let refused = matches!(
                    refusal,
                    Err(FinalizeError::Turn(TurnError::Rejected(Rejection::OrderNotReady(
                        OrderStatus::Processing | OrderStatus::Valid
                    ))))
                );
                assert!(refused, "{refusal:?}");
            }
        }
        lab.books_balance(engine).await;
        assert_eq!(lab.issuer.signed().len(), 20);
        started.stop();
    });
}

#[test]
fn one_key_makes_one_account() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let pair = &pair(engine);
        let answers = join_all((0..50).map(|_| engine.create_account(new_account(1), pair))).await;
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.expect("answers")).collect();
        assert_eq!(answers.iter().filter(|(_, made)| *made).count(), 1);
        assert!(answers.iter().all(|(account, _)| account.id == answers[0].0.id));
        started.stop();
    });
}

#[test]
fn two_accounts_cannot_change_to_one_key() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let accounts = [register(engine, 1).await, register(engine, 2).await];
        let changes =
            accounts.iter().map(|account| engine.change_account(account_id(account), AccountEvent::KeyChanged(key(3))));
        let changes = join_all(changes).await;
        assert_eq!(changes.iter().filter(|change| change.is_ok()).count(), 1);
        let winner = changes.iter().find_map(|change| change.as_ref().ok()).expect("one");
        assert!(
            changes.iter().any(|change| { matches!(change, Err(TurnError::Taken(holder)) if holder.id == winner.id) })
        );
        assert_eq!(engine.account_of(&super::lab::endpoint(), None, &key(3)).await.expect("found").id, winner.id);
        started.stop();
    });
}

#[test]
fn revoked_twice_at_once_is_revoked_once() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let id = certificate_of(&obtain(engine, &account, &["a.example.org"]).await);
        let answers = join_all([engine.revoke(id, None), engine.revoke(id, None)]).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(answers.iter().any(|answer| matches!(answer, Err(TurnError::Rejected(Rejection::AlreadyRevoked)))));
        lab.settled().await;
        started.stop();
    });
}

#[test]
fn work_goes_on_across_a_change_of_its_account_that_does_no_harm() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let seen = register(engine, 1).await;
        let order = ready(engine, &seen, &["a.example.org"]).await;
        let open = place(engine, &seen, &["b.example.org"]).await;
        let contacts = AccountEvent::ContactsUpdated(vec!["mailto:a@example.org".into()]);
        engine.change_account_as_seen(&seen, contacts.clone()).await.expect("changes");
        // All three have seen the account as it was.
        place(engine, &seen, &["c.example.org"]).await;
        respond(engine, &seen, &open).await;
        finalize(engine, &seen, &order).await.expect("finalizes");
        // A change of the account itself is made to what the client has seen, or not at all.
        let again = engine.change_account_as_seen(&seen, contacts).await;
        assert_eq!(again.map(|account| account.id), Err(TurnError::GuardChanged(seen.guard().0)));
        order_until(engine, OrderId(open.id), OrderStatus::Ready).await;
        lab.books_balance(engine).await;
        started.stop();
    });
}

#[test]
fn nothing_goes_on_once_its_account_is_disabled() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let seen = register(engine, 1).await;
        let order = ready(engine, &seen, &["a.example.org"]).await;
        let open = place(engine, &seen, &["b.example.org"]).await;
        let disabled = engine.change_account(account_id(&seen), AccountEvent::Disabled).await.expect("disables");
        let refused = TurnError::Rejected(Rejection::AccountDisabled);
        for account in [&seen, &disabled] {
            let placed = engine.place_order(account, &pair(engine), new_order(&["c.example.org"])).await;
            assert_eq!(placed.map(|order| order.id), Err(refused.clone().into()));
        }
        let responded = engine.respond(open.state.terms.authorizations[0], 0, &[seen.guard()]).await;
        assert_eq!(responded.map(|authorization| authorization.id), Err(refused.clone()));
        let finalized = finalize(engine, &seen, &order).await;
        assert_eq!(finalized.map(|order| order.id), Err(refused.into()));
        engine.change_account(account_id(&seen), AccountEvent::Enabled).await.expect("enables");
        respond(engine, &seen, &open).await;
        finalize(engine, &seen, &order).await.expect("finalizes");
        lab.books_balance(engine).await;
        started.stop();
    });
}
