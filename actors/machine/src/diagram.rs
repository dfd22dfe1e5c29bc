//! The machines' transitions, found by trying every event on every state: the diagrams of RFC 8555 section 7.1.6 as the
//! code has them, so that they cannot drift from it.

mod samples;

use std::fmt;

use crate::authorization::Authorization;
use crate::auto_renewal::AutoRenewal;
use crate::machine::Machine;
use crate::time::Timestamp;

use samples::{LATE, NOW};

/// How a machine moves from status to status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagram {
    /// What moves.
    pub machine: &'static str,
    /// The statuses in which it can begin.
    pub begins: Vec<&'static str>,
    /// Every change, in the order of the states and events; none twice.
    pub transitions: Vec<Transition>,
}

/// A change that an event, or the clock, brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The status before.
    pub from: &'static str,
    /// What happened.
    pub event: &'static str,
    /// The status afterwards; the same as before where the event changes only what lies below the status.
    pub to: &'static str,
}

/// Every diagram.
#[must_use]
pub fn all() -> Vec<Diagram> {
    vec![account(), order(), auto_renewal_order(), authorization(), challenge(), certificate(), credential()]
}

/// The diagram of [`crate::account`].
#[must_use]
pub fn account() -> Diagram {
    Trial {
        machine: "account",
        clock: "",
        begins: samples::new_accounts(),
        states: samples::accounts(),
        events: samples::account_events(),
        status: |account, _| account.status().token(),
        changed: |before, after| before != after,
    }
    .diagram()
}

/// The diagram of [`crate::order`].
#[must_use]
pub fn order() -> Diagram {
    of_orders("order", None)
}

/// The diagram of [`crate::order`] with automatic renewal (RFC 8739).
#[must_use]
pub fn auto_renewal_order() -> Diagram {
    of_orders("auto-renewal order", Some(samples::auto_renewal()))
}

fn of_orders(machine: &'static str, auto_renewal: Option<AutoRenewal>) -> Diagram {
    Trial {
        machine,
        clock: "time after \"expires\"",
        begins: samples::new_orders(auto_renewal),
        states: samples::orders(auto_renewal),
        events: samples::order_events(),
        status: |order, now| order.status(now).token(),
        changed: |before, after| before != after,
    }
    .diagram()
}

/// The diagram of [`crate::authorization`].
#[must_use]
pub fn authorization() -> Diagram {
    Trial {
        machine: "authorization",
        clock: "time after \"expires\"",
        begins: [samples::new_authorizations(), samples::exempt_authorizations()].concat(),
        states: samples::authorizations(),
        events: samples::authorization_events(),
        status: |authorization, now| authorization.status(now).token(),
        changed: |before, after| before != after,
    }
    .diagram()
}

/// The diagram of [`crate::challenge`], which moves with its authorization.
#[must_use]
pub fn challenge() -> Diagram {
    Trial {
        machine: "challenge",
        clock: "",
        begins: samples::new_authorizations(),
        states: samples::authorizations(),
        events: samples::authorization_events(),
        status: |authorization, _| watched(authorization).map_or("", |challenge| challenge.status().token()),
        changed: |before, after| watched(before) != watched(after),
    }
    .diagram()
}

/// The diagram of [`crate::certificate`].
#[must_use]
pub fn certificate() -> Diagram {
    Trial {
        machine: "certificate",
        clock: "time after notAfter",
        begins: samples::new_certificates(),
        states: samples::certificates(),
        events: samples::certificate_events(),
        status: |certificate, now| certificate.status(now).token(),
        changed: |before, after| before != after,
    }
    .diagram()
}

/// The diagram of [`crate::eab`].
#[must_use]
pub fn credential() -> Diagram {
    Trial {
        machine: "external account credential",
        clock: "time after its end",
        begins: samples::new_credentials(),
        states: samples::credentials(),
        events: samples::credential_events(),
        status: |credential, now| credential.status(now).token(),
        changed: |before, after| before != after,
    }
    .diagram()
}

impl Diagram {
    /// The same as a `stateDiagram-v2` of Mermaid.
    #[must_use]
    pub fn mermaid(&self) -> String {
        let mut text = String::from("stateDiagram-v2\n");
        for begin in &self.begins {
            text.push_str(&format!("    [*] --> {begin}\n"));
        }
        for Transition { from, event, to } in &self.transitions {
            text.push_str(&format!("    {from} --> {to} : {event}\n"));
        }
        for last in self.last() {
            text.push_str(&format!("    {last} --> [*]\n"));
        }
        text
    }

    /// The statuses that are never left.
    #[must_use]
    pub fn last(&self) -> Vec<&'static str> {
        let mut last = Vec::new();
        for Transition { to, .. } in &self.transitions {
            if !last.contains(to) && !self.transitions.iter().any(|other| other.from == *to && other.to != *to) {
                last.push(*to);
            }
        }
        last
    }
}

impl fmt::Display for Diagram {
    /// One arrow a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = |text: fn(&Transition) -> &'static str| {
            self.transitions.iter().map(|transition| text(transition).chars().count()).max().unwrap_or(0)
        };
        let (from_width, event_width) = (longest(|transition| transition.from), longest(|transition| transition.event));
        writeln!(f, "{}: begins {}, ends {}", self.machine, self.begins.join(" or "), self.last().join(" or "))?;
        writeln!(f)?;
        for Transition { from, event, to } in &self.transitions {
            let line = "-".repeat(event_width - event.chars().count());
            writeln!(f, "{from:from_width$} -- {event} {line}-> {to}")?;
        }
        Ok(())
    }
}

/// A machine, and what to try on it.
struct Trial<M: Machine> {
    machine: &'static str,
    clock: &'static str,
    begins: Vec<M>,
    states: Vec<M>,
    events: Vec<(&'static str, M::Event)>,
    status: fn(&M, Timestamp) -> &'static str,
    changed: fn(&M, &M) -> bool,
}

impl<M: Machine> Trial<M> {
    fn diagram(&self) -> Diagram {
        let mut begins = Vec::new();
        for begin in &self.begins {
            note(&mut begins, (self.status)(begin, NOW));
        }
        let mut transitions = Vec::new();
        for state in &self.states {
            for (event, sample) in &self.events {
                self.attempt(state, event, sample, &mut transitions);
            }
            let (from, to) = ((self.status)(state, NOW), (self.status)(state, LATE));
            if from != to {
                note(&mut transitions, Transition { from, event: self.clock, to });
            }
        }
        Diagram { machine: self.machine, begins, transitions }
    }

    fn attempt(&self, state: &M, event: &'static str, sample: &M::Event, transitions: &mut Vec<Transition>) {
        let (from, lapsed) = ((self.status)(state, NOW), (self.status)(state, LATE));
        for now in [NOW, LATE] {
            let Ok(step) = state.apply(sample.clone(), now) else { continue };
            let to = (self.status)(&step.next, now);
            // Once the clock has decided, an event only makes that known, which is the clock's arrow and not its own.
            let clock_decided = now == LATE && lapsed != from && lapsed == to;
            if !clock_decided && (self.changed)(state, &step.next) {
                note(transitions, Transition { from, event, to });
            }
        }
    }
}

fn note<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// The challenge that the samples' events are about.
fn watched(authorization: &Authorization) -> Option<&crate::challenge::Challenge> {
    authorization.challenges.first()
}
