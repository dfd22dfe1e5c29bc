//! Validation from several vantage points (the CA/Browser Forum's Baseline Requirements section 3.2.2.9): whoever can
//! deceive one place of the network, by its routes or its name servers, seldom deceives others at the same time.
//!
//! [`Corroborator`] stands around this server's own validators, and asks the perspectives that the profile names, all at
//! the same time as it looks itself. What follows is settled by [`Tally`]: the server must see the proof, and enough of the
//! others. [`server`] is the other side: `chancery perspective`.
//!
//! # What an operator should know: the limits
//!
//! | what | limit | past it |
//! |---|---|---|
//! | a connection to a perspective, TLS included | 5 s | it could not be reached |
//! | its answer | 40 s, 128 KiB | it could not be reached |
//! | after the outcome is sure, for the transcripts of the others | 1 s | they are not waited for |
//! | a perspective that could not be reached is left alone | 1 s, doubling up to 15 s | it is asked again |
//! | steps of its transcript | 32 | the rest is left out |
//! | questions that a perspective works on at once | 2048, unless it is told otherwise | it answers 503 |
//! | a question at the perspective | 256 KiB within 10 s | it answers 413 or 408 |

pub mod client;
pub mod message;
pub mod server;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chancery_actors::ports::{Attempt, CaaQuestion, Clock, Validate, Verdict};
use chancery_machine::challenge::Reliance;
use chancery_machine::perspective::{Corroboration, PerspectiveName, Perspectives, Tally};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{PerspectiveTranscript, Standing};
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use self::client::{Remote, Unreachable};
use self::message::{Answer, Question};

/// How long the others are waited for once the outcome is sure: their transcripts are worth a moment, not a client's time.
const GRACE: Duration = Duration::from_secs(1);

/// This server's validators, and the perspectives that it can ask.
pub struct Corroborator {
    primary: Arc<dyn Validate>,
    remotes: BTreeMap<PerspectiveName, Remote>,
    clock: Arc<dyn Clock>,
}

impl Corroborator {
    /// Validates here, and where profiles ask for it there.
    #[must_use]
    pub fn new(primary: Arc<dyn Validate>, remotes: BTreeMap<PerspectiveName, Remote>, clock: Arc<dyn Clock>) -> Self {
        Self { primary, remotes, clock }
    }

    /// Looks whether the perspectives would answer, for the log.
    pub async fn greet(&self) {
        join_all(self.remotes.values().map(Remote::greet)).await;
    }

    /// What the server sees, and the perspectives with it.
    async fn corroborate(
        &self,
        perspectives: &Perspectives,
        question: &Question,
        primary: impl Future<Output = Verdict> + Send,
    ) -> Verdict {
        let (began, question) = (self.clock.now(), question.encode());
        let mut tally = Tally::new(perspectives);
        let mut transcripts = BTreeMap::new();
        let asked = perspectives.names.iter().map(|name| async {
            let said = self.ask(name, question.clone()).await;
            let (reliance, standing, steps) = match said {
                Ok(Answer { outcome: Ok(reliance), steps }) => (reliance, Standing::Agreed, steps),
                Ok(Answer { outcome: Err(problem), steps }) => {
                    (Reliance::default(), Standing::Disagreed(problem), steps)
                }
                Err(Unreachable(reason)) => (Reliance::default(), Standing::Unreachable(reason), Vec::new()),
            };
            let ended = self.clock.now();
            (reliance, PerspectiveTranscript { name: name.clone(), standing, began, ended, steps })
        });
        let mut asked = asked.collect::<FuturesUnordered<_>>();
        let mut primary = pin!(primary);
        let (mut own, mut until, mut reliance) = (None, None, Reliance::default());
        while own.is_none() || !asked.is_empty() {
            tokio::select! {
                biased;
                verdict = &mut primary, if own.is_none() => {
                    let verdict: Verdict = verdict;
                    tally.primary(verdict.outcome.is_ok());
                    own = Some(verdict);
                }
                Some((relied, transcript)) = asked.next(), if !asked.is_empty() => {
                    let transcript: PerspectiveTranscript = transcript;
                    reliance = reliance.and(relied);
                    tally.remote(&transcript.name, transcript.standing == Standing::Agreed);
                    transcripts.insert(transcript.name.clone(), transcript);
                }
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => break,
            }
            if tally.outcome().is_some() && until.is_none() {
                until = Some(Instant::now() + GRACE);
            }
        }
        let ended = self.clock.now();
        let in_order = perspectives.names.iter().map(|name| {
            transcripts.remove(name).unwrap_or_else(|| PerspectiveTranscript {
                name: name.clone(),
                standing: Standing::NotAwaited,
                began,
                ended,
                steps: Vec::new(),
            })
        });
        let seen = in_order.collect::<Vec<_>>();
        // Neither can be missing: the loop ends once the server has looked and the outcome is sure, or all have spoken.
        let (Some(mut verdict), Some(outcome)) = (own, tally.outcome()) else {
            unreachable!("the outcome is sure once everybody has spoken")
        };
        match outcome {
            // What all of them saw is relied on for as long as each of them allows.
            Corroboration::Corroborated => verdict.reliance = verdict.reliance.and(reliance),
            Corroboration::Refused => {}
            Corroboration::Missed => verdict.outcome = Err(missed(&tally, &seen)),
        }
        verdict.transcript.perspectives = seen;
        verdict.transcript.ended = ended;
        verdict
    }

    async fn ask(&self, name: &PerspectiveName, question: Vec<u8>) -> Result<Answer, Unreachable> {
        match self.remotes.get(name) {
            Some(remote) => remote.ask(question).await,
            None => {
                tracing::warn!(perspective = %name, "a profile names a perspective that this server's configuration does not");
                Err(Unreachable(format!("this server's configuration has no perspectives.{name}")))
            }
        }
    }
}

#[async_trait]
impl Validate for Corroborator {
    async fn attempt(&self, attempt: Attempt) -> Verdict {
        let perspectives = Arc::clone(&attempt.perspectives);
        if perspectives.names.is_empty() {
            return self.primary.attempt(attempt).await;
        }
        let question = Question::from(&attempt);
        self.corroborate(&perspectives, &question, self.primary.attempt(attempt)).await
    }

    async fn permits(&self, question: CaaQuestion) -> Verdict {
        let perspectives = Arc::clone(&question.perspectives);
        if perspectives.names.is_empty() {
            return self.primary.permits(question).await;
        }
        let asked = Question::from(&question);
        self.corroborate(&perspectives, &asked, self.primary.permits(question)).await
    }
}

/// What the client is told where the server saw what it was to see, and too few others did: how many, and what the first of
/// those that saw something else says. Names of perspectives are for clients too; where they are is not.
fn missed(tally: &Tally, seen: &[PerspectiveTranscript]) -> Problem {
    // The server is a vantage point too.
    let (saw, of, must) = (tally.agreed() + 1, seen.len() + 1, tally.required() + 1);
    let disagreeing = seen.iter().filter_map(|transcript| match &transcript.standing {
        Standing::Disagreed(problem) => Some((&transcript.name, problem)),
        Standing::Agreed | Standing::Unreachable(_) | Standing::NotAwaited => None,
    });
    let disagreeing = disagreeing.collect::<Vec<_>>();
    let unreachable = seen.iter().filter(|transcript| matches!(transcript.standing, Standing::Unreachable(_)));
    let unreachable = unreachable.map(|transcript| transcript.name.to_string()).collect::<Vec<_>>();
    let mut detail = format!("seen from {saw} of {of} vantage points, and {must} have to agree");
    let kind = match disagreeing.split_first() {
        Some(((name, problem), others)) => {
            detail.push_str(&format!("; perspective {name} says: {}", problem.detail));
            if !others.is_empty() {
                let names = others.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
                detail.push_str(&format!("; and so disagrees {}", names.join(", ")));
            }
            problem.kind
        }
        // Nothing that the client could mend.
        None => ProblemType::ServerInternal,
    };
    if !unreachable.is_empty() {
        let names = unreachable.join(", ");
        detail.push_str(&format!("; this server could not ask {names}: try again later, and tell its operator"));
    }
    Problem::new(kind, detail)
}
