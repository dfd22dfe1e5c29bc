//! An order while it runs: its state is sent again whenever something has changed (server-sent events).
//!
//! It is looked for in the store, since another node may be working on the order. Nothing is kept of who looks on: a
//! connection that breaks begins anew, and says what it has seen.
//!
//! Browsers open few connections to a host. So one page of a browser holds a stream, and its others ask for brief ones:
//! what has changed, and the end.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use askama::Template;
use chancery_actors::error::TurnError;
use futures::stream;
use secrecy::SecretString;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{State, can_end, from};
use crate::admin::error::AdminError;
use crate::ui::form::Form;
use crate::ui::guard::secret;
use crate::ui::visitor::Visitor;

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_millis(500);

/// After how many looks without a change something is sent all the same, and it is looked whether the session goes on.
const REST: u32 = 8;

/// After how many looks the browser has to come again.
const LONGEST: u32 = 1_200;

/// After how many milliseconds a browser comes again whose stream has ended.
const RETURN: u32 = 1_000;

/// The same for a brief stream.
const BRIEF_RETURN: u32 = 3_000;

/// How many may look on at once on a node.
const WATCHERS: usize = 256;

static PLACES: std::sync::LazyLock<Arc<Semaphore>> = std::sync::LazyLock::new(|| Arc::new(Semaphore::new(WATCHERS)));

/// What changes of the page, in one event.
#[derive(Template)]
#[template(path = "orders/event.html")]
struct Parts<'a> {
    state: &'a State,
}

/// Why nothing more will come.
#[derive(Clone, Copy)]
enum Gone {
    /// The session is over.
    Session,
    /// The order is not there any more.
    Order,
}

/// Whoever looks on.
struct Watch {
    visitor: Visitor,
    secret: SecretString,
    id: String,
    from: usize,
    /// What the browser has.
    seen: String,
    looks: u32,
    /// Whether it is not waited for changes.
    brief: bool,
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
    let query = Form::parse(request.query_string().as_bytes());
    // A browser that comes again says so by the header.
    let last = request.headers().get("Last-Event-ID").and_then(|value| value.to_str().ok());
    let watch = Watch {
        visitor,
        secret: secret(&request).unwrap_or_default(),
        id: id.into_inner(),
        from: from(request.query_string()),
        seen: last.unwrap_or(query.text("seen")).to_owned(),
        looks: 0,
        brief: query.ticked("brief"),
        over: false,
        _place: place,
    };
    let first = format!("retry: {}\n\n", if watch.brief { BRIEF_RETURN } else { RETURN });
    let events = stream::unfold((watch, Some(first)), |(mut watch, first)| async move {
        let event = match first {
            Some(first) => first,
            None => watch.next().await?,
        };
        Some((Ok::<_, std::io::Error>(Bytes::from(event)), (watch, None)))
    });
    Ok(opened().streaming(Box::pin(events)))
}

/// The answer to somebody whose session is over: browsers show scripts no more of an event stream than its events.
pub(in crate::ui) fn closed() -> HttpResponse {
    opened().body(gone(Gone::Session))
}

fn opened() -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_ENCODING, "identity"));
    response
}

impl Watch {
    /// The next event; none once there will be no more on this connection.
    async fn next(&mut self) -> Option<String> {
        let mut rest = 0;
        while !self.over && self.looks < LONGEST {
            if self.looks > 0 {
                if self.brief {
                    return None;
                }
                tokio::time::sleep(LOOK).await;
            }
            self.looks += 1;
            rest += 1;
            let state = match State::of(&self.visitor, &self.id, self.from).await {
                Ok(state) => state,
                Err(AdminError::Absent(_)) => return Some(self.end(Gone::Order)),
                // It comes again, and is told then.
                Err(_) => return None,
            };
            let seen = state.seen();
            let (changed, last) = (seen != self.seen, !state.runs());
            if !changed && !last && !self.brief && rest < REST {
                continue;
            }
            // Before anything is sent, since the session may have ended meanwhile.
            match self.visitor.admin.session_at_rest(&self.secret).await {
                Ok(session) => self.visitor.session = session,
                Err(AdminError::Unauthenticated(_)) => return Some(self.end(Gone::Session)),
                Err(_) => return None,
            }
            self.over = last;
            let text = if changed { Parts { state: &state }.render().ok()? } else { String::new() };
            self.seen = seen;
            return Some(event(&self.seen, &text, last));
        }
        None
    }

    fn end(&mut self, why: Gone) -> String {
        self.over = true;
        gone(why)
    }
}

/// Parts of a page as an event, and that nothing more will come if it is the last one.
fn event(seen: &str, text: &str, last: bool) -> String {
    let mut event = String::with_capacity(text.len() + 128);
    if text.is_empty() {
        // A comment would keep the connection; only of an event does the page hear.
        event.push_str("event: still\ndata: there\n\n");
    } else {
        event.push_str("event: state\nid: ");
        event.push_str(seen);
        event.push('\n');
        for line in text.lines() {
            event.push_str("data: ");
            event.push_str(line);
            event.push('\n');
        }
        event.push('\n');
    }
    if last {
        event.push_str("event: over\ndata: over\n\n");
    }
    event
}

fn gone(why: Gone) -> String {
    let what = match why {
        Gone::Session => "session",
        Gone::Order => "order",
    };
    format!("event: gone\ndata: {what}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_part_is_one_of_its_event() {
        assert_eq!(event("7-1", "<p>\n</p>", false), "event: state\nid: 7-1\ndata: <p>\ndata: </p>\n\n");
        assert!(event("7", "x", true).ends_with("\n\nevent: over\ndata: over\n\n"));
        assert_eq!(event("7", "", true), "event: still\ndata: there\n\nevent: over\ndata: over\n\n");
    }
}
