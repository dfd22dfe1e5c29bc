//! News that an order has not had yet.
//!
//! An authorization owes its orders the news of what became of it, and that takes a commit or two. A client that has just
//! seen its authorization valid may finalize in the same millisecond (acme-tiny does), and must not find the order pending.
//! So whoever asks for an order first brings it up to date; the debt is then settled without another step.

use chancery_machine::authorization::{Authorization, Outcome};
use chancery_machine::order::{Order, OrderEvent, OrderState, OrderStatus};

use crate::resident::{Versioned, load};
use crate::world::World;

/// The order as it stands once it knows of its authorizations; as it was where that cannot be found out now.
pub(crate) async fn informed(world: &World, order: Versioned<Order>) -> Versioned<Order> {
    let now = world.ports.clock.now();
    let outstanding = match (&order.state.state, order.state.status(now)) {
        (_, OrderStatus::Processing | OrderStatus::Valid | OrderStatus::Invalid | OrderStatus::Canceled) => {
            return order;
        }
        (OrderState::Pending { outstanding }, _) => outstanding.clone(),
        (_, OrderStatus::Pending | OrderStatus::Ready) => Vec::new(),
    };
    let mut latest = None;
    for id in order.state.terms.distinct_authorizations() {
        let Ok(authorization) = load::<Authorization>(world, id.0).await else { continue };
        let event = match authorization.state.status(now).outcome() {
            Some(Outcome::Valid) if outstanding.contains(&id) => OrderEvent::AuthorizationValid(id),
            Some(Outcome::Lost) => {
                OrderEvent::AuthorizationLost { authorization: id, error: authorization.state.loss(now) }
            }
            Some(Outcome::Valid) | None => continue,
        };
        match world.send::<Order>(order.id, event, &[]).await {
            Ok(changed) => latest = Some(changed),
            Err(_) => break,
        }
    }
    latest.unwrap_or(order)
}
