//! What an order is told by whoever asks for it, though no debt brings it the news.

use chancery_actors::ports::Store;
use chancery_machine::authorization::{Authorization, AuthorizationState, Outcome};
use chancery_machine::id::{AuthorizationId, OrderId};
use chancery_machine::order::OrderStatus;
use chancery_machine::snapshot;

use super::lab::{DAY, Lab, authorization_object, finalize, place, register, run};

#[test]
fn whoever_asks_for_an_order_finds_it_up_to_date_with_its_authorizations() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let status = async |id| engine.order(id).await.expect("stands").state.status(engine.now());

        let order = place(engine, &account, &["a.example.org", "b.example.org"]).await;
        let (id, authorizations) = (OrderId(order.id), &order.state.terms.authorizations);
        let valid = AuthorizationState::Valid {
            since: engine.now(),
            expires: engine.now().plus(std::time::Duration::from_secs(30 * DAY)),
        };
        decide(&lab, authorizations[0], valid.clone(), Outcome::Valid).await;
        assert_eq!(status(id).await, OrderStatus::Pending);
        decide(&lab, authorizations[1], valid.clone(), Outcome::Valid).await;
        assert_eq!(status(id).await, OrderStatus::Ready);

        // What was seen ready is not finalized on that word.
        let seen = engine.order(id).await.expect("stands");
        decide(&lab, authorizations[1], AuthorizationState::Deactivated { at: engine.now() }, Outcome::Lost).await;
        finalize(engine, &account, &seen).await.expect_err("one of its authorizations is lost");
        assert_eq!(status(id).await, OrderStatus::Invalid);
        started.stop();
    });
}

/// Writes an authorization that was decided and that has told its orders so, as far as it knows: nothing is owed.
async fn decide(lab: &Lab, id: AuthorizationId, state: AuthorizationState, outcome: Outcome) {
    let object = authorization_object(id);
    let stored = lab.store.load(object).await.expect("loads").expect("stands");
    let mut authorization: Authorization = snapshot::decode(&stored.bytes).expect("is read");
    authorization.state = state;
    for dependent in &mut authorization.dependents {
        dependent.told = Some(outcome);
    }
    lab.store.tamper(object, |_| Some(snapshot::encode(&authorization))).await;
}
