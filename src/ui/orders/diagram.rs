//! Where an order stands, drawn on the state diagram of RFC 8555 section 7.1.6.

use askama::Template;

use crate::admin::orders::OrderView;
use crate::admin::words::OrderStatus;

/// The diagram of one order.
#[derive(Template)]
#[template(path = "orders/diagram.html")]
pub(super) struct Diagram {
    /// One for where there is room, and one for where there is none.
    drawings: [Drawing; 2],
    /// The same in words.
    said: String,
}

struct Drawing {
    class: &'static str,
    size: (u32, u32),
    states: Vec<State>,
    ways: Vec<Way>,
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

/// Where the states stand, and the ways between them.
struct Layout {
    class: &'static str,
    size: (u32, u32),
    states: &'static [(OrderStatus, u32, u32)],
    ways: &'static [(OrderStatus, OrderStatus, &'static str)],
}

const BROAD: Layout = Layout {
    class: "broad",
    size: (664, 158),
    states: &[
        (OrderStatus::Pending, 2, 2),
        (OrderStatus::Ready, 182, 2),
        (OrderStatus::Processing, 362, 2),
        (OrderStatus::Valid, 542, 2),
        (OrderStatus::Invalid, 362, 112),
        (OrderStatus::Canceled, 542, 112),
    ],
    ways: &[
        (OrderStatus::Pending, OrderStatus::Ready, "M122 24H174"),
        (OrderStatus::Ready, OrderStatus::Processing, "M302 24H354"),
        (OrderStatus::Processing, OrderStatus::Valid, "M482 24H534"),
        (OrderStatus::Pending, OrderStatus::Invalid, "M62 46V134H354"),
        (OrderStatus::Ready, OrderStatus::Invalid, "M242 46V134H354"),
        (OrderStatus::Processing, OrderStatus::Invalid, "M422 46V104"),
        (OrderStatus::Valid, OrderStatus::Canceled, "M602 46V104"),
    ],
};

const TALL: Layout = Layout {
    class: "tall",
    size: (304, 278),
    states: &[
        (OrderStatus::Pending, 2, 2),
        (OrderStatus::Ready, 2, 78),
        (OrderStatus::Processing, 2, 154),
        (OrderStatus::Valid, 2, 230),
        (OrderStatus::Invalid, 182, 154),
        (OrderStatus::Canceled, 182, 230),
    ],
    ways: &[
        (OrderStatus::Pending, OrderStatus::Ready, "M62 46V70"),
        (OrderStatus::Ready, OrderStatus::Processing, "M62 122V146"),
        (OrderStatus::Processing, OrderStatus::Valid, "M62 198V222"),
        (OrderStatus::Pending, OrderStatus::Invalid, "M122 24H242V146"),
        (OrderStatus::Ready, OrderStatus::Invalid, "M122 100H242V146"),
        (OrderStatus::Processing, OrderStatus::Invalid, "M122 176H174"),
        (OrderStatus::Valid, OrderStatus::Canceled, "M122 252H174"),
    ],
};

impl Diagram {
    pub(super) fn of(order: &OrderView) -> Self {
        let been: Vec<OrderStatus> = order.history.iter().map(|passage| passage.status).collect();
        let way: Vec<&str> = been.iter().map(|status| name(*status)).collect();
        let said = match way.as_slice() {
            [] | [_] => format!("The order is {}.", name(order.status)),
            way => format!("The order went from {}.", way.join(" to ")),
        };
        Self { drawings: [drawn(&BROAD, order, &been), drawn(&TALL, order, &been)], said }
    }
}

fn drawn(layout: &Layout, order: &OrderView, been: &[OrderStatus]) -> Drawing {
    let failed = matches!(order.status, OrderStatus::Invalid | OrderStatus::Canceled);
    // RFC 8739: only those whose certificates are renewed automatically can be canceled.
    let shown = |status: OrderStatus| status != OrderStatus::Canceled || order.auto_renewal.is_some();
    let states = layout.states.iter().filter(|(status, _, _)| shown(*status)).map(|&(status, x, y)| State {
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
    let ways = layout.ways.iter().filter(|(from, to, _)| shown(*from) && shown(*to)).map(|&(from, to, path)| Way {
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
    Drawing { class: layout.class, size: layout.size, states: states.collect(), ways }
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
