//! Validation: one attempt in, one verdict out (RFC 8555 section 8).
//!
//! [`Validators`] tries http-01 (section 8.3), dns-01 (section 8.4), tls-alpn-01 (RFC 8737), dns-account-01 and
//! dns-persist-01, and asks for CAA records (RFC 8659) once control is proven. It meets the network under the rules of the
//! profile ([`NetworkRules`]): the profile's resolvers are asked, or the system's if it names none; every address is checked
//! after every resolution and connected to as it was checked, so that neither a redirect nor a changing DNS answer leads to
//! where only this host may go (sections 10.2 to 10.4).
//! Names below `localhost` are loopback without asking anybody (RFC 6761 section 6.3); the profile decides whether
//! loopback may be contacted. They have no other records, so no challenge by DNS can prove them, and no CAA record forbids them:
//! nobody is asked for any.
//!
//! What a resolver refuses to answer, because it is forged (DNSSEC) or for any other reason, proves nothing and permits nothing.
//! Where the profile names trust anchors, answers are validated here too (RFC 4035).
//!
//! # What an operator should know: the limits
//!
//! | what | limit | past it |
//! |---|---|---|
//! | an attempt, from its first question to its verdict, CAA included | 30 s | it fails: `connection` for http-01 and tls-alpn-01, `dns` for challenges by DNS |
//! | one question to one resolver, UDP repeats and TCP included | 5 s; 15 s where we validate DNSSEC | the next resolver is asked |
//! | the search for CAA records at finalize | 30 s | it fails: `dns` |
//! | one question to all resolvers | 15 s | it fails: `dns` |
//! | CNAMEs from a name on | 16 (8 where each comes alone, except where we validate DNSSEC or look for CAA) | it fails: `dns` |
//! | addresses of a name that are tried, IPv6 and IPv4 in turn | 8 | the others are left out |
//! | a connection to one address | 4 s | the next address is tried |
//! | a request: connection, TLS, status and body; for tls-alpn-01 connection and TLS | 10 s | it fails: `connection` |
//! | a message of a TLS handshake, such as all its certificates | 64 KiB | it fails: `tls` |
//! | redirects (301, 302, 307, 308) in a row | 10 | it fails: `incorrectResponse` |
//! | the head of a response | 16 KiB, 64 fields | it fails: `incorrectResponse` |
//! | the body of a response | 8 KiB | the rest is not read; it fails: `incorrectResponse` |
//! | steps in the transcript; characters of each text in it | 64; 256 | the rest is left out |
//!
//! Redirects lead to http on port 80 or the profile's http-01 port, and to https on port 443 or the profile's
//! tls-alpn-01 port, nowhere else. A key authorization is about 90 bytes long.
//!
//! What the network sends stands in the transcript, which is for operators. A client's problem tells the name that it
//! asked for, the addresses of that name, a status and lengths; never a body, a header, or where a redirect led.

pub mod caa;
mod certificate;
mod dns01;
mod dns_account01;
mod dns_persist01;
mod dnssec;
mod extended_error;
mod fetch;
mod http01;
pub mod issue_value;
mod limits;
mod lookup_error;
mod notes;
mod place;
mod possession;
mod reach;
mod resolver;
mod target;
mod tls_alpn01;
mod unverified;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use chancery_actors::ports::{Attempt, CaaQuestion, Clock, Validate, Verdict};
use chancery_machine::challenge::{ChallengeType, Reliance};
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::Happening;
use futures::{FutureExt as _, TryFutureExt as _};
use tokio::time::timeout;

pub use limits::Limits;

use notes::Notes;
use resolver::Resolvers;

/// Tries challenges over the network of this host.
pub struct Validators {
    clock: Arc<dyn Clock>,
    limits: Limits,
    resolvers: Resolvers,
}

impl Validators {
    /// Validators that write times of this clock into their transcripts and keep to these limits.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self { clock, resolvers: Resolvers::new(&limits), limits }
    }
}

#[async_trait]
impl Validate for Validators {
    async fn attempt(&self, attempt: Attempt) -> Verdict {
        let notes = Notes::begin(Arc::clone(&self.clock));
        let errand = Errand { attempt: &attempt, notes: &notes, limits: &self.limits, resolvers: &self.resolvers };
        let tried = async {
            let reliance = match attempt.kind {
                ChallengeType::Http01 => http01::prove(&errand).await.map(|()| Reliance::default()),
                ChallengeType::Dns01 => dns01::prove(&errand).await.map(|()| Reliance::default()),
                ChallengeType::TlsAlpn01 => tls_alpn01::prove(&errand).await.map(|()| Reliance::default()),
                ChallengeType::DnsAccount01 => dns_account01::prove(&errand).await.map(|()| Reliance::default()),
                ChallengeType::DnsPersist01 => dns_persist01::prove(&errand).await,
            }?;
            if let Some(question) = attempt.caa() {
                caa::permits(&question, &self.resolvers, &notes).await?;
            }
            Ok(reliance)
        };
        let late = match attempt.kind {
            ChallengeType::Http01 | ChallengeType::TlsAlpn01 => ProblemType::Connection,
            ChallengeType::Dns01 | ChallengeType::DnsAccount01 | ChallengeType::DnsPersist01 => ProblemType::Dns,
        };
        let what = format!("the {} validation of {}", attempt.kind, attempt.identifier);
        let outcome = self.conduct(&notes, late, &what, tried).await;
        verdict(outcome, notes)
    }

    async fn permits(&self, question: CaaQuestion) -> Verdict {
        let notes = Notes::begin(Arc::clone(&self.clock));
        let asked = caa::permits(&question, &self.resolvers, &notes).map_ok(|()| Reliance::default());
        let what = format!("the look-up of CAA records for {}", question.name);
        let outcome = self.conduct(&notes, ProblemType::Dns, &what, asked).await;
        verdict(outcome, notes)
    }
}

impl Validators {
    /// Whether the resolvers of these rules answer: they are asked for the name servers of the root, and any answer will do.
    ///
    /// # Errors
    /// Why there is none, for a person.
    pub async fn resolves(&self, rules: &NetworkRules) -> Result<(), String> {
        let notes = Notes::begin(Arc::clone(&self.clock));
        self.resolvers.answers(rules, &notes).await.map_err(|error| error.to_string())
    }

    /// Has something come to its end in time. Nothing here panics on what the network sends, and much code that is not ours
    /// reads it too: an attempt that never ended would leave its order waiting for ever.
    async fn conduct(
        &self,
        notes: &Notes,
        late: ProblemType,
        what: &str,
        tried: impl Future<Output = Result<Reliance, Problem>>,
    ) -> Result<Reliance, Problem> {
        let limit = self.limits.attempt;
        match timeout(limit, AssertUnwindSafe(tried).catch_unwind()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => {
                notes.note(Happening::GaveUp { reason: "the validator panicked; the log says where".into() });
                let detail = "the validation failed by a fault of this server; try again, and tell its operator";
                Err(Problem::new(ProblemType::ServerInternal, detail))
            }
            Err(_) => {
                notes.note(Happening::GaveUp { reason: format!("the attempt took longer than {limit:?}") });
                let detail =
                    format!("{what} did not end within {limit:?}; make its servers answer faster and try again");
                Err(Problem::new(late, detail))
            }
        }
    }
}

fn verdict(outcome: Result<Reliance, Problem>, notes: Notes) -> Verdict {
    let reliance = outcome.as_ref().copied().unwrap_or_default();
    Verdict { outcome: outcome.map(|_| ()), reliance, transcript: notes.end() }
}

/// What every way of validating works with: the attempt, and where it may write, how long it may take, whom it may ask.
struct Errand<'a> {
    attempt: &'a Attempt,
    notes: &'a Notes,
    limits: &'a Limits,
    resolvers: &'a Resolvers,
}
