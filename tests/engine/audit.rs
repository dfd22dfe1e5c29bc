//! What operators do: with its entry in the log, or not at all.

use std::time::Duration;

use chancery_actors::audit::{Act, Broken, Deed};
use chancery_actors::error::TurnError;
use chancery_actors::ports::{Kind, ObjectId, Revision, StoreError};
use chancery_actors::{Engine, Versioned};
use chancery_machine::audit::AuditEntry;
use chancery_machine::authorization::{AuthorizationEvent, AuthorizationStatus};
use chancery_machine::id::{Id, OrderId};
use chancery_machine::order::{Order, OrderEvent, OrderStatus};
use chancery_machine::rejection::Rejection;
use chancery_machine::snapshot;
use futures::future::join_all;

use super::faults::for_each_commit;
use super::lab::{DAY, Lab, obtain, order_object, order_until, place, ready, register, run, until};
use super::store::Fault;

pub(crate) fn deed(action: &'static str) -> Deed {
    Deed { action, object: "something".into(), before: None, after: None }
}

async fn cancel(engine: &Engine, who: &str, order: OrderId) -> Result<Versioned<Order>, TurnError> {
    cancel_as_seen(engine, who, order, None).await
}

async fn cancel_as_seen(
    engine: &Engine,
    who: &str,
    order: OrderId,
    seen: Option<Revision>,
) -> Result<Versioned<Order>, TurnError> {
    engine
        .administer_order(who, order, OrderEvent::Cancelled, seen, move |before, after| Deed {
            action: "cancel",
            object: format!("order/{order}"),
            before: Some(format!("{:?}", before.stored_status())),
            after: Some(format!("{:?}", after.stored_status())),
        })
        .await
}

/// Notes something so many times.
async fn note(engine: &Engine, times: usize) {
    let noted = engine.administer::<(), StoreError>("operator", async || {
        Ok(Act { deeds: vec![deed("note"); times], ..Act::nothing(()) })
    });
    noted.await.expect("notes");
}

fn entry(number: u64) -> ObjectId {
    ObjectId { kind: Kind::AuditEntry, id: Id::from_bytes(u128::from(number).to_be_bytes()) }
}

#[test]
fn an_operator_ends_an_order_and_an_authorization_and_the_log_says_so() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        let id = OrderId(order.id);
        let cancelled = cancel(engine, "token:ann", id).await.expect("cancels");
        assert_eq!(cancelled.state.status(engine.now()), OrderStatus::Invalid);
        let entry = engine.audit_entry(1).await.expect("loads").expect("is there");
        assert_eq!((entry.who.as_str(), entry.action.as_str(), entry.at), ("token:ann", "cancel", engine.now()));
        assert_eq!(entry.object, format!("order/{id}"));
        assert_eq!((entry.before.as_deref(), entry.after.as_deref()), (Some("Pending"), Some("Invalid")));

        let order = ready(engine, &account, &["b.example.org"]).await;
        let authorization = order.state.terms.authorizations[0];
        let revoked = engine
            .administer_authorization("token:bob", authorization, AuthorizationEvent::Revoked, None, |_, _| {
                deed("revoke")
            })
            .await
            .expect("revokes");
        assert_eq!(revoked.state.status(engine.now()), AuthorizationStatus::Revoked);
        order_until(engine, OrderId(order.id), OrderStatus::Invalid).await;
        let entry = engine.audit_entry(2).await.expect("loads").expect("is there");
        assert_eq!((entry.who.as_str(), entry.action.as_str()), ("token:bob", "revoke"));
        assert_eq!(engine.audit_head().await.expect("loads").number, 2);
        assert_eq!(engine.verify_audit().await.expect("reads").broken, None);
        started.stop();
    });
}

#[test]
fn what_is_refused_changes_nothing_or_was_seen_otherwise_is_not_logged() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let valid = obtain(engine, &account, &["a.example.org"]).await;
        let refused = cancel(engine, "operator", OrderId(valid.id)).await;
        let past = Rejection::OrderPastCancelling(OrderStatus::Valid);
        assert_eq!(refused.map(|order| order.id), Err(TurnError::Rejected(past)));
        let absent = cancel(engine, "operator", OrderId(Id::from_bytes([3; 16]))).await;
        assert_eq!(absent.map(|order| order.id), Err(TurnError::Absent));

        let open = place(engine, &account, &["b.example.org"]).await;
        let other = Revision(open.revision.0 + 1);
        let unseen = cancel_as_seen(engine, "operator", OrderId(open.id), Some(other)).await;
        assert_eq!(unseen.map(|order| order.id), Err(TurnError::GuardChanged(order_object(&open))));
        assert_eq!(engine.audit_head().await.expect("loads").number, 0);
        cancel_as_seen(engine, "operator", OrderId(open.id), Some(open.revision)).await.expect("cancels");

        let id = open.state.terms.authorizations[0];
        for _ in 0..2 {
            // The second time nothing is left to do.
            engine
                .administer_authorization("operator", id, AuthorizationEvent::Revoked, None, |_, _| deed("revoke"))
                .await
                .expect("revokes");
        }
        assert_eq!(engine.audit_head().await.expect("loads").number, 2);
        started.stop();
    });
}

#[test]
fn operators_who_act_at_once_on_two_nodes_all_get_their_entries() {
    /// More than a write is tried again: nobody loses every race.
    const MANY: u64 = 100;
    run(async {
        let lab = Lab::new();
        let twins = [lab.start().await, lab.start().await];
        let engine = &twins[0].engine;
        let account = register(engine, 1).await;
        let orders = join_all((0..MANY).map(|_| place(engine, &account, &["a.example.org"]))).await;
        let cancelling = orders.iter().enumerate().map(|(nth, order)| {
            let id = OrderId(order.id);
            let engine = &twins[nth % 2].engine;
            async move { cancel(engine, &format!("operator {nth}"), id).await }
        });
        for answer in join_all(cancelling).await {
            answer.expect("cancels");
        }
        let verified = twins[1].engine.verify_audit().await.expect("reads");
        assert_eq!((verified.first, verified.last, verified.broken), (1, MANY, None));
        let mut who = Vec::new();
        for number in 1..=MANY {
            who.push(engine.audit_entry(number).await.expect("loads").expect("is there").who);
        }
        who.sort();
        let mut expected: Vec<_> = (0..MANY).map(|nth| format!("operator {nth}")).collect();
        expected.sort();
        assert_eq!(who, expected);
        twins.into_iter().for_each(super::lab::Started::stop);
    });
}

/// Whatever fails, the order is cancelled and logged once, or neither.
fn with_fault(commit: usize, fault: Fault) -> bool {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let order = place(engine, &account, &["a.example.org"]).await;
        let id = OrderId(order.id);
        lab.store.fail(lab.store.commits() + commit, fault);
        until("the order is cancelled", async || match cancel(engine, "operator", id).await {
            Ok(_) => Some(()),
            // It landed unheard.
            Err(TurnError::Rejected(Rejection::OrderPastCancelling(OrderStatus::Invalid))) => Some(()),
            Err(error) => {
                assert!(matches!(error, TurnError::Unavailable(_)), "{error:?}");
                let status = engine.order(id).await.expect("stands").state.status(engine.now());
                let logged = engine.audit_head().await.expect("loads").number;
                assert_eq!(status == OrderStatus::Invalid, logged == 1);
                None
            }
        })
        .await;
        let verified = engine.verify_audit().await.expect("reads");
        assert_eq!((verified.last, verified.broken), (1, None));
        started.stop();
        lab.store.failed()
    })
}

#[test]
fn a_change_and_its_entry_land_together_whatever_fails() {
    for fault in [Fault::Lost, Fault::Landed, Fault::Panicked] {
        let commits = for_each_commit(move |commit| with_fault(commit, fault));
        assert!(commits >= 1, "no commit was tried");
    }
}

#[test]
fn the_chain_shows_what_was_changed_taken_away_or_cut() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        note(engine, 5).await;
        let intact = engine.verify_audit().await.expect("reads");
        assert_eq!((intact.first, intact.last, intact.broken), (1, 5, None));

        let other_hand = |bytes: Vec<u8>| {
            let mut entry: AuditEntry = snapshot::decode(&bytes).expect("an entry");
            entry.who = "somebody else".into();
            Some(snapshot::encode(&entry))
        };
        let broken = async || engine.verify_audit().await.expect("reads").broken;
        let original = bytes(&lab, entry(3)).await;
        lab.store.tamper(entry(3), other_hand).await;
        assert_eq!(broken().await, Some(Broken::Link(4)));
        lab.store
            .tamper(entry(3), |mut bytes| {
                bytes.truncate(bytes.len() / 2);
                Some(bytes)
            })
            .await;
        assert!(matches!(broken().await, Some(Broken::Unreadable(3, _))));
        lab.store.tamper(entry(3), |_| Some(original)).await;
        assert_eq!(broken().await, None);

        // The last one has no other that follows from it, but the head of the log does.
        lab.store.tamper(entry(5), other_hand).await;
        assert_eq!(broken().await, Some(Broken::Head(5)));
        lab.store.remove(entry(5)).await;
        assert_eq!(broken().await, Some(Broken::Missing(5)));
        lab.store.remove(entry(2)).await;
        assert_eq!(broken().await, Some(Broken::Missing(2)));
        lab.store.remove(entry(1)).await;
        assert_eq!(broken().await, Some(Broken::Missing(1)));
        started.stop();
    });
}

async fn bytes(lab: &Lab, object: ObjectId) -> Vec<u8> {
    use chancery_actors::ports::Store;
    lab.store.load(object).await.expect("loads").expect("is there").bytes
}

#[test]
fn entries_leave_after_their_retention_and_the_chain_still_holds() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.audit_retention = Duration::from_secs(100 * DAY);
        let started = lab.start().await;
        // More than are removed at a time.
        note(&started.engine, 600).await;
        lab.clock.advance(50 * DAY);
        note(&started.engine, 3).await;
        let digest = started.engine.verify_audit().await.expect("reads").digest;
        started.stop();

        lab.clock.advance(50 * DAY);
        let started = lab.start().await;
        let engine = &started.engine;
        let shortened = async |first| {
            until("the log is shortened", async || {
                let verified = engine.verify_audit().await.expect("reads");
                assert_eq!(verified.broken, None);
                (verified.first == first).then_some(verified)
            })
            .await
        };
        let verified = shortened(601).await;
        assert_eq!((verified.last, verified.digest), (603, digest));
        assert_eq!(lab.all(Kind::AuditEntry).await.len(), 3);
        assert_eq!(engine.audit_entry(600).await, Ok(None));
        note(engine, 1).await;
        assert_eq!(engine.verify_audit().await.expect("reads").last, 604);
        // What was removed cannot hide what was changed after it.
        lab.store.remove(entry(602)).await;
        assert_eq!(engine.verify_audit().await.expect("reads").broken, Some(Broken::Missing(602)));
        started.stop();
        lab.clock.advance(60 * DAY);
        let started = lab.start().await;
        until("what is before the gap is removed", async || {
            let verified = started.engine.verify_audit().await.expect("reads");
            assert_eq!(verified.broken, Some(Broken::Missing(602)));
            (verified.first == 602).then_some(())
        })
        .await;
        assert_eq!(lab.all(Kind::AuditEntry).await.len(), 2);
        started.stop();
    });
}

#[test]
fn a_log_that_is_all_too_old_is_empty_and_goes_on() {
    run(async {
        let mut lab = Lab::new();
        lab.settings.audit_retention = Duration::from_secs(DAY);
        let started = lab.start().await;
        note(&started.engine, 2).await;
        started.stop();
        lab.clock.advance(DAY);
        let started = lab.start().await;
        until("the log is empty", async || lab.all(Kind::AuditEntry).await.is_empty().then_some(())).await;
        let verified = started.engine.verify_audit().await.expect("reads");
        assert_eq!((verified.first, verified.last, verified.broken), (3, 2, None));
        note(&started.engine, 1).await;
        let verified = started.engine.verify_audit().await.expect("reads");
        assert_eq!((verified.first, verified.last, verified.broken), (3, 3, None));
        started.stop();
    });
}
