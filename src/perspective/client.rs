//! The server's side: a perspective that can be asked, over mutual TLS.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use chancery_machine::perspective::PerspectiveName;
use chancery_machine::transcript::excerpt;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Identity, StatusCode};
use thiserror::Error;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use url::Url;
use zeroize::Zeroizing;

use super::message::{self, Answer};

/// How long a connection may take, its handshake included.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may take: longer than a whole attempt may take over there.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long a connection is kept without a question; the other side keeps it longer.
const IDLE: Duration = Duration::from_secs(30);

/// How long one that cannot be reached is left alone at first; each time twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How long at most: the proof of clients whose perspective is back must not wait much longer than the network did.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Where a perspective is, and who asks it.
pub struct Access {
    /// Its URL, as in `https://north.example:9443`; its certificate has to be for this host.
    pub url: String,
    /// The certificates of those who may have issued its certificate, PEM.
    pub issuers: Vec<u8>,
    /// The certificate with which this server comes, and its key, PEM.
    pub identity: Zeroizing<Vec<u8>>,
}

/// Tells of certificates and keys that have taken the place of those before: `None` while there are none. Asked before each
/// question, so it has to be quick.
pub type Renewed = Box<dyn Fn() -> Option<Result<Access, String>> + Send + Sync>;

/// Why a perspective cannot be set up.
#[derive(Debug, Error)]
pub enum BadAccess {
    /// The URL is none that can be used.
    #[error("url: {0:?} has to be scheme, host and port alone, as in https://north.example:9443")]
    Url(String),
    /// Nobody is trusted to have issued its certificate.
    #[error("ca: there is no certificate in PEM in it")]
    NoIssuer,
    /// Certificate and key of this server do not make an identity.
    #[error("certificate and key: they are not a certificate in PEM and its key: {0}")]
    Identity(String),
    /// The TLS library refuses something.
    #[error("it cannot be set up: {0}")]
    Setup(String),
}

/// Why there is no answer; for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable(pub String);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A perspective. Its connections are kept and shared.
pub struct Remote {
    name: PerspectiveName,
    url: Url,
    http: ArcSwap<reqwest::Client>,
    renewed: Renewed,
    health: Mutex<Health>,
}

/// How it went lately.
#[derive(Debug, Default)]
struct Health {
    /// How often in a row it could not be reached.
    failures: u32,
    /// Since the last answer that counted, there was one that did not.
    troubled: bool,
    /// Until when it is left alone, and why.
    pause: Option<(Instant, String)>,
}

/// What went wrong, and whether the perspective is to be left alone for a while.
struct Failure {
    reason: String,
    pause: bool,
}

impl Remote {
    /// Prepares to ask this perspective. Nothing is sent yet.
    ///
    /// # Errors
    /// [`BadAccess`] names the setting.
    pub fn new(name: PerspectiveName, access: &Access, renewed: Renewed) -> Result<Self, BadAccess> {
        let url = base(&access.url).ok_or_else(|| BadAccess::Url(access.url.clone()))?;
        let http = ArcSwap::from_pointee(Self::http(access)?);
        Ok(Self { name, url, http, renewed, health: Mutex::default() })
    }

    fn http(access: &Access) -> Result<reqwest::Client, BadAccess> {
        let issuers = Certificate::from_pem_bundle(&access.issuers).ok().filter(|found| !found.is_empty());
        let identity = Identity::from_pem(&access.identity).map_err(|error| BadAccess::Identity(chain(&error)))?;
        reqwest::Client::builder()
            .user_agent(concat!("chancery/", env!("CARGO_PKG_VERSION")))
            .tls_certs_only(issuers.ok_or(BadAccess::NoIssuer)?)
            .identity(identity)
            .https_only(true)
            .http1_only()
            // A proxy of the environment is for other things: the token of a challenge travels to the perspective alone.
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(PATIENCE)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| BadAccess::Setup(chain(&error)))
    }

    /// Takes up what has been renewed. Where that is not sound, as while one file of several is written, what was there
    /// before goes on, until something changes again.
    fn renew(&self) {
        let Some(renewed) = (self.renewed)() else { return };
        let http = renewed.and_then(|access| Self::http(&access).map_err(|bad| bad.to_string()));
        match http {
            Ok(http) => {
                self.http.store(Arc::new(http));
                // What it failed by may have been the old ones.
                self.health().pause = None;
                info!(perspective = %self.name, "certificates and keys were renewed: they count from now on");
            }
            Err(reason) => {
                let reason = excerpt(&reason);
                warn!(perspective = %self.name, reason, "certificates or keys have changed and cannot be used: those before go on");
            }
        }
    }

    /// Asks, and answers within less than a minute.
    ///
    /// # Errors
    /// [`Unreachable`] says why there is no answer that counts.
    pub async fn ask(&self, question: Vec<u8>) -> Result<Answer, Unreachable> {
        self.renew();
        if let Some((until, reason)) = &self.health().pause
            && Instant::now() < *until
        {
            return Err(Unreachable(excerpt(&format!("not asked again so soon after: {reason}"))));
        }
        match self.exchange(question).await {
            Ok(answer) => {
                self.recovered();
                Ok(answer)
            }
            Err(failure) => Err(self.failed(&failure)),
        }
    }

    /// Looks whether it would answer, and has the log say so: a fault is better seen at the start than by a client.
    pub async fn greet(&self) {
        match self.send(self.http.load().get(self.url.clone())).await {
            Ok(_) => info!(perspective = %self.name, "the perspective answers"),
            Err(failure) => drop(self.failed(&failure)),
        }
    }

    async fn exchange(&self, question: Vec<u8>) -> Result<Answer, Failure> {
        let request = self.http.load().post(self.url.clone()).body(question);
        let body = self.send(request.header(CONTENT_TYPE, HeaderValue::from_static(message::MEDIA_TYPE))).await?;
        Answer::decode(&body).map_err(|error| Failure { reason: format!("its answer: {error}"), pause: false })
    }

    /// The body of a successful response.
    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, Failure> {
        let lost = |error: reqwest::Error| Failure { reason: chain(&error.without_url()), pause: true };
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(lost)? {
            body.extend_from_slice(&bytes);
            if body.len() > message::ANSWER {
                let reason = format!("its answer is longer than {} bytes", message::ANSWER);
                return Err(Failure { reason, pause: false });
            }
        }
        if status != StatusCode::OK {
            let text = String::from_utf8_lossy(&body);
            return Err(Failure { reason: format!("it answers {}: {}", status.as_u16(), text.trim()), pause: false });
        }
        Ok(body)
    }

    fn failed(&self, failure: &Failure) -> Unreachable {
        let (name, reason) = (&self.name, excerpt(&failure.reason));
        let mut health = self.health();
        if failure.pause {
            // Many attempts fail together when it goes away: they count as one.
            if health.pause.as_ref().is_none_or(|(until, _)| *until <= Instant::now()) {
                let pause = FIRST_PAUSE.saturating_mul(1 << health.failures.min(8)).min(LONGEST_PAUSE);
                health.failures = health.failures.saturating_add(1);
                health.pause = Some((Instant::now() + pause, reason.clone()));
            }
        }
        if health.troubled {
            debug!(perspective = %name, reason, "the perspective gives no answer that counts");
        } else {
            health.troubled = true;
            warn!(perspective = %name, reason, "the perspective gives no answer that counts; it counts as disagreeing until it does");
        }
        Unreachable(reason)
    }

    fn recovered(&self) {
        let mut health = self.health();
        if health.troubled {
            info!(perspective = %self.name, "the perspective answers again");
        }
        *health = Health::default();
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        // Nothing in it can be half done.
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where questions are asked below a URL of scheme, host and port alone.
fn base(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    let alone = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if url.scheme() != "https" || !url.has_host() || !alone || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_path(message::PATH);
    Some(url)
}

/// An error with what lies below it, as the library does not show it by itself.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        below = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_scheme_host_and_port() {
        for (text, url) in [
            ("https://north.example:9443", Some("https://north.example:9443/question")),
            ("https://127.0.0.2/", Some("https://127.0.0.2/question")),
            ("https://[fd00::1]:9443", Some("https://[fd00::1]:9443/question")),
            ("http://north.example:9443", None),
            ("https://north.example/x", None),
            ("https://north.example/?x", None),
            ("https://me:word@north.example/", None),
            ("north.example:9443", None),
        ] {
            assert_eq!(base(text).map(|url| url.to_string()).as_deref(), url, "{text}");
        }
    }
}
