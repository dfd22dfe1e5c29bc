//! The perspective's side: a question comes from a server that is known, is tried here, and is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};
use chancery_actors::ports::Validate;
use chancery_machine::network::{NetworkRules, SiteRules};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::message::{self, Answer, Question};

/// How long a question may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);

/// What this perspective does with what it is asked.
pub struct Desk {
    validators: Arc<dyn Validate>,
    site: Site,
    clients: Vec<String>,
    places: Semaphore,
}

/// What is this site's own, and goes before what the profile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// Whom to ask for names.
    pub resolvers: Resolvers,
    /// What may be contacted: it can only take away.
    pub rules: SiteRules,
}

/// Whom a perspective asks for names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resolvers {
    /// Those of the profile; this host's where it has none.
    #[default]
    Profile,
    /// Those of this host, whatever the profile says.
    System,
    /// These, whatever the profile says.
    These(Vec<SocketAddr>),
}

/// The names in the certificate with which a connection came; put there by whoever accepts connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer(pub Vec<String>);

impl Site {
    /// The rules under which this site tries what a profile has tried.
    #[must_use]
    pub fn rules(&self, profile: NetworkRules) -> NetworkRules {
        let resolvers = match &self.resolvers {
            Resolvers::Profile => profile.resolvers,
            Resolvers::System => Vec::new(),
            Resolvers::These(own) => own.clone(),
        };
        NetworkRules { resolvers, site: self.rules.clone(), ..profile }
    }
}

impl Desk {
    /// A desk for clients whose certificates have one of these names. At most so many questions are worked on at once.
    #[must_use]
    pub fn new(validators: Arc<dyn Validate>, site: Site, clients: Vec<String>, concurrency: usize) -> Self {
        Self { validators, site, clients, places: Semaphore::new(concurrency) }
    }

    async fn answer(&self, question: Question) -> Answer {
        let rules = |profile| self.site.rules(profile);
        let verdict = match question {
            Question::Attempt(asked) => self.validators.attempt(asked.attempt(rules)).await,
            Question::Caa(asked) => self.validators.permits(asked.question(rules)).await,
        };
        verdict.into()
    }
}

/// Adds the one thing that there is: a server reads it to see that it would be answered, and asks there.
pub fn configure(config: &mut web::ServiceConfig) {
    config.service(web::resource(message::PATH).get(greet).post(question)).default_service(web::to(nothing));
}

async fn greet(desk: web::Data<Desk>, request: HttpRequest) -> HttpResponse {
    match turned_away(&desk, &request) {
        None => HttpResponse::Ok().body(concat!("a perspective, chancery ", env!("CARGO_PKG_VERSION"), "\n")),
        Some(refusal) => refusal,
    }
}

/// What whoever has come is told, if it is nobody who may ask.
fn turned_away(desk: &Desk, request: &HttpRequest) -> Option<HttpResponse> {
    let names = request.conn_data::<Peer>().map_or(&[][..], |Peer(names)| names);
    if !names.iter().any(|name| desk.clients.contains(name)) {
        let names = names.join(", ");
        warn!(names, "refused: the certificate is of the right issuer, and names nobody who may ask");
        let text =
            format!("this perspective is not asked by whoever has a certificate for {names:?}: see its `clients`");
        return Some(refusal(StatusCode::FORBIDDEN, &text));
    }
    None
}

async fn question(desk: web::Data<Desk>, request: HttpRequest, payload: web::Payload) -> HttpResponse {
    if let Some(refusal) = turned_away(&desk, &request) {
        return refusal;
    }
    let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if media != Some(message::MEDIA_TYPE) {
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a question comes as application/cbor");
    }
    let body = match timeout(ARRIVAL, payload.to_bytes_limited(message::QUESTION)).await {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(_))) => return refusal(StatusCode::BAD_REQUEST, "the question broke off"),
        Ok(Err(_)) => {
            let text = format!("a question has at most {} bytes", message::QUESTION);
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, &text);
        }
        Err(_) => return refusal(StatusCode::REQUEST_TIMEOUT, "the question did not arrive in time"),
    };
    let question = match Question::decode(&body) {
        Ok(question) => question,
        Err(error) => {
            warn!(%error, "a question could not be read");
            return refusal(StatusCode::BAD_REQUEST, &format!("the question cannot be read: {error}"));
        }
    };
    let Ok(_place) = desk.places.try_acquire() else {
        warn!("more questions at once than `concurrency` allows; one was turned away");
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many questions at once: see `concurrency`");
    };
    let answer = desk.answer(question).await;
    debug!(agrees = answer.outcome.is_ok(), "answered");
    HttpResponse::Ok().content_type(message::MEDIA_TYPE).body(answer.encode())
}

async fn nothing() -> HttpResponse {
    refusal(
        StatusCode::NOT_FOUND,
        "this is a perspective of a Chancery server, which has questions for it; nothing else is here",
    )
}

fn refusal(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sites_own_resolvers_go_before_the_profiles() {
        let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let profile = NetworkRules { resolvers: vec![address("192.0.2.1:53")], ..NetworkRules::default() };
        for (resolvers, found) in [
            (Resolvers::Profile, vec![address("192.0.2.1:53")]),
            (Resolvers::System, vec![]),
            (Resolvers::These(vec![address("192.0.2.2:53")]), vec![address("192.0.2.2:53")]),
        ] {
            let site = Site { resolvers, rules: SiteRules::default() };
            assert_eq!(site.rules(profile.clone()).resolvers, found);
        }
    }
}
