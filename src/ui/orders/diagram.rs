//! Where an order stands, drawn on the state diagram of RFC 8555 section 7.1.6.

use askama::Template;

use crate::admin::orders::OrderView;
use crate::admin::words::OrderStatus;

/// The diagram of one order.
#[derive(Template)]
#[template(path = "orders/diagram.html")]
pub(super) struct Diagram {
    states: Vec<State>,
    ways: Vec<Way>,
    /// The same in words.
    said: String,
}

struct State {
    name: &'static str,
    class: &'static str,
    x: u32,
    y: u32,
}

struct Way {
    path: &'static str,
    class: &'static str,
}

/// The states with their places.
const STATES: &[(OrderStatus, u32, u32)] = &[
    (OrderStatus::Pending, 2, 2),
    (OrderStatus::Ready, 182, 2),
    (OrderStatus::Processing, 362, 2),
    (OrderStatus::Valid, 542, 2),
    (OrderStatus::Invalid, 362, 112),
    (OrderStatus::Canceled, 542, 112),
];

/// The ways between them.
const WAYS: &[(OrderStatus, OrderStatus, &str)] = &[
    (OrderStatus::Pending, OrderStatus::Ready, "M122 24H174"),
    (OrderStatus::Ready, OrderStatus::Processing, "M302 24H354"),
    (OrderStatus::Processing, OrderStatus::Valid, "M482 24H534"),
    (OrderStatus::Pending, OrderStatus::Invalid, "M62 46V134H354"),
    (OrderStatus::Ready, OrderStatus::Invalid, "M242 46V134H354"),
    (OrderStatus::Processing, OrderStatus::Invalid, "M422 46V104"),
    (OrderStatus::Valid, OrderStatus::Canceled, "M602 46V104"),
];

impl Diagram {
    pub(super) fn of(order: &OrderView) -> Self {
        let been: Vec<OrderStatus> = order.history.iter().map(|passage| passage.status).collect();
        let failed = matches!(order.status, OrderStatus::Invalid | OrderStatus::Canceled);
        // RFC 8739: only those whose certificates are renewed automatically can be canceled.
        let shown = |status: OrderStatus| status != OrderStatus::Canceled || order.auto_renewal.is_some();
        let states = STATES.iter().filter(|(status, _, _)| shown(*status)).map(|&(status, x, y)| State {
            name: name(status),
            class: match (status == order.status, been.contains(&status)) {
                (true, _) if failed => "state here failed",
                (true, _) => "state here",
                (false, true) => "state passed",
                (false, false) => "state",
            },
            x,
            y,
        });
        let steps: Vec<_> = been.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))).collect();
        let ways = WAYS.iter().filter(|(from, to, _)| shown(*from) && shown(*to)).map(|&(from, to, path)| Way {
            path,
            class: match (steps.contains(&(from, to)), to) {
                (true, OrderStatus::Invalid | OrderStatus::Canceled) => "taken failed",
                (true, _) => "taken",
                (false, _) => "",
            },
        });
        // What was taken is drawn last, and so above.
        let mut ways: Vec<Way> = ways.collect();
        ways.sort_by_key(|way| !way.class.is_empty());
        let states = states.collect();
        let way: Vec<&str> = been.iter().map(|status| name(*status)).collect();
        let said = match way.as_slice() {
            [] | [_] => format!("The order is {}.", name(order.status)),
            way => format!("The order went from {}.", way.join(" to ")),
        };
        Self { states, ways, said }
    }
}

const fn name(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Pending => "pending",
        OrderStatus::Ready => "ready",
        OrderStatus::Processing => "processing",
        OrderStatus::Valid => "valid",
        OrderStatus::Invalid => "invalid",
        OrderStatus::Canceled => "canceled",
    }
}
