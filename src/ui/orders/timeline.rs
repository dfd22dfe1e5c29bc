//! What happened to an order, in the order in which it happened: its own passages, and every attempt to validate for it.

use crate::admin::authorizations::{AuthorizationDetail, ChallengeView, StandingView, StepView, TranscriptView};
use crate::admin::objects::AcmeProblemView;
use crate::admin::orders::{OrderView, PassageView};
use crate::admin::words::{ChallengeStatus, OrderStatus};

/// Something that happened.
pub(super) struct Moment {
    /// When (RFC 3339).
    pub(super) at: String,
    /// The colour of what it means.
    pub(super) class: &'static str,
    pub(super) what: String,
    /// Why, if that is to be said.
    pub(super) why: Option<String>,
    /// What tells its attempt from the others: the challenge.
    pub(super) key: String,
    /// What an attempt met, step by step.
    pub(super) steps: Vec<Step>,
    /// What each perspective met.
    pub(super) perspectives: Vec<Perspective>,
}

/// A step of an attempt.
pub(super) struct Step {
    pub(super) what: String,
    /// Whether this is where it went wrong.
    pub(super) bad: bool,
}

/// What a perspective met.
pub(super) struct Perspective {
    pub(super) name: String,
    pub(super) standing: &'static str,
    pub(super) why: Option<String>,
    pub(super) steps: Vec<Step>,
}

/// Everything that is known of an order and these of its authorizations.
pub(super) fn of(order: &OrderView, authorizations: &[AuthorizationDetail]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = order.history.iter().map(passed).collect();
    if order.history.is_empty() {
        moments.push(Moment::of(&order.created, "calm", "The client placed the order.".to_owned()));
    }
    for detail in authorizations {
        let name = &detail.authorization.identifier.value;
        if let Some(rule) = &detail.authorization.exemption {
            let what = format!("Nothing had to be proven for {name}: the RA Profile exempts {rule}.");
            moments.push(Moment::of(&detail.authorization.created, "good", what));
        }
        for challenge in &detail.challenges {
            let key = format!("{}-{}", detail.authorization.id, challenge.kind);
            moments.extend(attempted(name, key, challenge));
        }
    }
    // All have milliseconds, so they sort as text.
    moments.sort_by(|one, other| one.at.cmp(&other.at));
    moments
}

impl Moment {
    fn of(at: &str, class: &'static str, what: String) -> Self {
        Self {
            at: at.to_owned(),
            class,
            what,
            why: None,
            key: String::new(),
            steps: Vec::new(),
            perspectives: Vec::new(),
        }
    }
}

fn passed(passage: &PassageView) -> Moment {
    let (class, what) = match (passage.cause.as_str(), passage.status) {
        ("placed", OrderStatus::Ready) => {
            ("good", "The client placed the order; everything was proven already, so it is ready to be finalized.")
        }
        ("placed", _) => ("calm", "The client placed the order; it waits for its authorizations."),
        ("authorized", _) => ("good", "All authorizations are valid: the order is ready to be finalized."),
        ("authorizationLost", _) => ("bad", "An authorization was lost, so the order is invalid."),
        ("finalized", _) => {
            ("calm", "The client sent its CSR; the certificate was decided and waits for its signature.")
        }
        ("issued", _) => ("good", "The certificate was issued."),
        ("issuanceFailed", _) => ("bad", "The certificate could not be signed."),
        ("accountClosed", _) => ("bad", "The account was closed, and its open orders with it."),
        ("cancelled", _) => ("bad", "An operator canceled the order."),
        ("expired", _) => ("bad", "The order's time was over before it was finalized."),
        ("renewalCanceled", _) => ("warn", "The client ended the automatic renewal."),
        (_, _) => ("calm", "The order changed."),
    };
    // Why it ended stands above all this.
    Moment::of(&passage.at, class, what.to_owned())
}

/// The last attempt at a challenge, if there was any.
fn attempted(name: &str, key: String, challenge: &ChallengeView) -> Option<Moment> {
    let transcript = challenge.transcript.as_ref()?;
    let kind = &challenge.kind;
    let (class, what) = match challenge.status {
        ChallengeStatus::Valid => ("good", format!("{kind} proved control of {name}.")),
        ChallengeStatus::Invalid => ("bad", format!("{kind} did not prove control of {name}.")),
        ChallengeStatus::Pending | ChallengeStatus::Processing => match &challenge.next_attempt {
            Some(next) => {
                let next = crate::ui::words::moment(next);
                (
                    "warn",
                    format!(
                        "{kind} did not prove control of {name} yet; attempt {} follows at {next}.",
                        challenge.attempts + 1
                    ),
                )
            }
            None => ("calm", format!("{kind} for {name} is being tried.")),
        },
    };
    let why = challenge.error.as_ref().map(said);
    let steps = steps(&transcript.steps);
    Some(Moment {
        why,
        key,
        steps,
        perspectives: perspectives(transcript),
        ..Moment::of(&transcript.ended, class, what)
    })
}

/// A problem with its type, without what all types begin with.
pub(super) fn said(problem: &AcmeProblemView) -> String {
    let kind = problem.kind.rsplit(':').next().unwrap_or(&problem.kind);
    format!("{kind}: {}", problem.detail)
}

fn perspectives(transcript: &TranscriptView) -> Vec<Perspective> {
    let seen = transcript.perspectives.iter().map(|perspective| Perspective {
        name: perspective.name.clone(),
        standing: match perspective.standing {
            StandingView::Agreed => "agreed",
            StandingView::Disagreed => "disagreed",
            StandingView::Unreachable => "could not be asked",
            StandingView::NotAwaited => "was not waited for",
        },
        why: perspective.error.as_ref().map(said).or_else(|| perspective.reason.clone()),
        steps: steps(&perspective.steps),
    });
    seen.collect()
}

fn steps(all: &[StepView]) -> Vec<Step> {
    all.iter().map(step).collect()
}

/// A step in words.
fn step(step: &StepView) -> Step {
    let (what, bad) = match step {
        StepView::Resolved { resolver, name, record, answers, error, .. } => match error {
            Some(error) => (format!("{resolver} answered {error} for {record} of {name}"), true),
            None if answers.is_empty() => (format!("{resolver} has no {record} for {name}"), false),
            None => (format!("{resolver} answered {record} of {name}: {}", answers.join(", ")), false),
        },
        StepView::AddressRefused { address, rule, .. } => (format!("{address} is not contacted: {rule}"), true),
        StepView::Connected { to, error: None, .. } => (format!("connected to {to}"), false),
        StepView::Connected { to, error: Some(error), .. } => (format!("could not connect to {to}: {error}"), true),
        StepView::Answered { url, status, location, .. } => match location {
            Some(location) => (format!("{url} answered {status} and leads to {location}"), false),
            None => (format!("{url} answered {status}"), !(200..300).contains(status)),
        },
        StepView::Compared { expected, found, .. } if expected == found => {
            (format!("found what was expected: {found}"), false)
        }
        StepView::Compared { expected, found, .. } => {
            (format!("expected {expected:?} and found {found:?}"), expected != found)
        }
        StepView::GaveUp { reason, .. } => (format!("gave up: {reason}"), true),
        StepView::Presented { from, version, protocol, names, .. } => {
            let protocol = protocol.as_deref().unwrap_or("no protocol");
            (
                format!(
                    "{from} spoke {version}, chose {protocol}, and presented a certificate for {}",
                    names.join(", ")
                ),
                false,
            )
        }
    };
    Step { what, bad }
}
