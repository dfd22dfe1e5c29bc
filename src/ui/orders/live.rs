//! An order while it runs: its state is sent again whenever something has changed (server-sent events).
//!
//! It is looked for in the store, since another node may be working on the order. Nothing is kept of who looks on: a
//! connection that breaks begins anew.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chancery_actors::error::TurnError;
use futures::stream;
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{State, from};
use crate::admin::error::AdminError;
use crate::ui::guard::secret;
use crate::ui::visitor::Visitor;

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_millis(500);

/// After how many looks without a change something is sent all the same, and it is looked whether the session goes on.
const REST: u32 = 20;

/// After how many looks the browser has to come again.
const LONGEST: u32 = 1_200;

/// How many may look on at once on a node.
const WATCHERS: usize = 256;

static PLACES: std::sync::LazyLock<Arc<Semaphore>> = std::sync::LazyLock::new(|| Arc::new(Semaphore::new(WATCHERS)));

/// Whoever looks on.
struct Watch {
    visitor: Visitor,
    secret: SecretString,
    id: String,
    from: usize,
    /// What was sent last.
    seen: Vec<u64>,
    looks: u32,
    over: bool,
    /// Their place, as long as they look on.
    _place: OwnedSemaphorePermit,
}

/// `GET /ui/orders/{id}/live`.
pub(super) async fn follow(
    visitor: Visitor,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, AdminError> {
    let place = Arc::clone(&PLACES).try_acquire_owned().map_err(|_| TurnError::Busy)?;
    let from = from(request.query_string());
    // It has to be there before anything is promised.
    State::of(&visitor, &id, from).await?;
    let secret = secret(&request).unwrap_or_default();
    let id = id.into_inner();
    let watch = Watch { visitor, secret, id, from, seen: Vec::new(), looks: 0, over: false, _place: place };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, std::io::Error>(Bytes::from(event)), watch))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_ENCODING, "identity"))
        .streaming(Box::pin(events)))
}

impl Watch {
    /// The next event; none once there will be no more.
    async fn next(&mut self) -> Option<String> {
        let mut rest = 0;
        while !self.over && self.looks < LONGEST {
            if self.looks > 0 {
                tokio::time::sleep(LOOK).await;
            }
            self.looks += 1;
            rest += 1;
            let state = State::of(&self.visitor, &self.id, self.from).await.ok()?;
            let (revisions, runs) = (state.revisions(), state.runs());
            if revisions != self.seen {
                self.seen = revisions;
                self.over = !runs;
                return Some(event(&state.render().ok()?, self.over));
            }
            if rest == REST {
                self.visitor.admin.session_at_rest(&self.secret).await.ok()?;
                return Some(": still there\n\n".to_owned());
            }
        }
        None
    }
}

/// A page's part as an event, and that nothing more will come if it is the last one.
fn event(text: &str, last: bool) -> String {
    let mut event = String::with_capacity(text.len() + 64);
    event.push_str("event: state\n");
    for line in text.lines() {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    if last {
        event.push_str("event: over\ndata: over\n\n");
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_part_is_one_of_its_event() {
        assert_eq!(event("<p>\n</p>", false), "event: state\ndata: <p>\ndata: </p>\n\n");
        assert!(event("x", true).ends_with("\n\nevent: over\ndata: over\n\n"));
    }
}
