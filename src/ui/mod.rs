//! The web interface, `/ui`: pages made on the server from the same use cases as the REST API, and embedded in the binary
//! with all they need.
//!
//! Each room has its handlers here and its templates in a folder of the same name. A page works without any script;
//! htmx makes it smoother, and shows an order while it runs. `guard` stands before every page: it finds out who asks, and
//! refuses every write that does not come from one of our own forms.

mod accounts;
mod assets;
mod audit;
mod authorities;
mod certificates;
mod eab;
mod fields;
mod filter;
mod form;
mod frame;
mod guard;
mod life;
mod list;
mod orders;
mod overview;
mod profiles;
mod reply;
mod sign_in;
mod tokens;
mod visitor;
mod words;

use actix_web::guard::{GuardContext, fn_guard};
use actix_web::http::header::ACCEPT;
use actix_web::{HttpResponse, middleware, web};

use self::guard::guard;
use self::visitor::Visitor;
use crate::admin::error::AdminError;

/// A room: its routes.
type Room = fn(&mut web::ServiceConfig);

/// Every room that asks who comes.
const ROOMS: &[Room] = &[
    overview::configure,
    profiles::configure,
    accounts::configure,
    orders::configure,
    certificates::configure,
    authorities::configure,
    eab::configure,
    tokens::configure,
    audit::configure,
    sign_in::configure,
];

/// Adds the interface. The application data has to hold an [`Admin`](crate::admin::Admin).
pub fn configure(config: &mut web::ServiceConfig) {
    // Whoever looks with a browser; ACME clients are told that there is nothing.
    let browser = |context: &GuardContext<'_>| {
        let accept = context.head().headers().get(ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.contains("text/html"))
    };
    config.service(web::resource("/").guard(fn_guard(browser)).get(home));
    let mut pages = web::scope("/ui");
    for room in ROOMS {
        pages = pages.configure(room);
    }
    config
        .service(pages.configure(assets::configure).default_service(web::to(nothing)).wrap(middleware::from_fn(guard)));
}

async fn home() -> HttpResponse {
    reply::see("/ui")
}

async fn nothing(_: Visitor, request: actix_web::HttpRequest) -> Result<HttpResponse, AdminError> {
    Err(AdminError::Absent(format!("page {}; the menu shows what there is", request.path())))
}
