//! What a validation attempt met on its way: every question, answer, address and redirect, in order.

use std::net::SocketAddr;

use minicbor::{Decode, Encode};

use crate::perspective::PerspectiveName;
use crate::problem::Problem;
use crate::time::Timestamp;

/// The longest text that a transcript keeps of anything that came from the network, in characters.
pub const EXCERPT: usize = 256;

/// How many steps a transcript keeps.
pub const STEPS: usize = 64;

/// How many of the steps of each perspective are kept.
pub const PERSPECTIVE_STEPS: usize = 32;

/// One attempt, step by step; for operators, never for clients.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Transcript {
    /// When the attempt began.
    #[n(0)]
    pub began: Timestamp,
    /// When it ended.
    #[n(1)]
    pub ended: Timestamp,
    /// What happened, at most [`STEPS`].
    #[n(2)]
    pub steps: Vec<TranscriptStep>,
    /// What the perspectives met that were asked too, in the profile's order.
    #[cbor(n(3), default)]
    pub perspectives: Vec<PerspectiveTranscript>,
}

/// The attempt of one perspective. Not a transcript within a transcript: nothing here goes deeper than this.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PerspectiveTranscript {
    /// Which.
    #[n(0)]
    pub name: PerspectiveName,
    /// What it said.
    #[n(1)]
    pub standing: Standing,
    /// When its attempt began, by the server's clock.
    #[n(2)]
    pub began: Timestamp,
    /// When its attempt was over, by the server's clock.
    #[n(3)]
    pub ended: Timestamp,
    /// What happened there, at most [`PERSPECTIVE_STEPS`], by the perspective's clock.
    #[n(4)]
    pub steps: Vec<TranscriptStep>,
}

/// What a perspective said.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Standing {
    /// It saw what the server saw.
    #[n(0)]
    Agreed,
    /// It saw something else; the problem as the client would read it.
    #[n(1)]
    Disagreed(#[n(0)] Problem),
    /// It could not be asked, or gave no answer that counts; why, for operators.
    #[n(2)]
    Unreachable(#[n(0)] String),
    /// It was asked, and the outcome was sure before it answered.
    #[n(3)]
    NotAwaited,
}

/// A step, and when it was over.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TranscriptStep {
    /// When it was over.
    #[n(0)]
    pub at: Timestamp,
    /// What it was.
    #[n(1)]
    pub what: Happening,
}

/// What can happen in an attempt. Texts are cut at [`EXCERPT`] and have no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Happening {
    /// A resolver was asked and answered.
    #[n(0)]
    Resolved {
        /// The resolver.
        #[n(0)]
        resolver: String,
        /// The name that was asked for.
        #[n(1)]
        name: String,
        /// The record type, such as `TXT`.
        #[n(2)]
        record: String,
        /// The answers, or the response code.
        #[n(3)]
        answer: Result<Vec<String>, String>,
    },
    /// An address is one that the profile does not let us contact.
    #[n(1)]
    AddressRefused {
        /// The address.
        #[n(0)]
        address: String,
        /// Which rule refuses it.
        #[n(1)]
        rule: String,
    },
    /// A connection was tried.
    #[n(2)]
    Connected {
        /// The address and port.
        #[n(0)]
        to: String,
        /// The error, if it failed.
        #[n(1)]
        error: Option<String>,
    },
    /// A request was answered.
    #[n(3)]
    Answered {
        /// What was asked for.
        #[n(0)]
        url: String,
        /// The HTTP status.
        #[n(1)]
        status: u16,
        /// Where a redirect leads.
        #[n(2)]
        location: Option<String>,
    },
    /// What came was compared with what was expected.
    #[n(4)]
    Compared {
        /// What was expected.
        #[n(0)]
        expected: String,
        /// An excerpt of what came.
        #[n(1)]
        found: String,
    },
    /// It ended without an answer.
    #[n(5)]
    GaveUp {
        /// Why.
        #[n(0)]
        reason: String,
    },
    /// A TLS handshake is over, and this is how the server presented itself.
    #[n(6)]
    Presented {
        /// The address and port.
        #[n(0)]
        from: String,
        /// The version of TLS.
        #[n(1)]
        version: String,
        /// The application protocol that it chose, if any (RFC 7301).
        #[n(2)]
        protocol: Option<String>,
        /// The names of its certificate, or the first of them.
        #[n(3)]
        names: Vec<String>,
    },
}

impl Transcript {
    /// A transcript in which nothing has happened yet.
    #[must_use]
    pub const fn begin(now: Timestamp) -> Self {
        Self { began: now, ended: now, steps: Vec::new(), perspectives: Vec::new() }
    }

    /// Adds a step; past [`STEPS`] only the time moves on.
    pub fn note(&mut self, at: Timestamp, what: Happening) {
        self.ended = at;
        if self.steps.len() < STEPS {
            self.steps.push(TranscriptStep { at, what });
        }
    }

    /// Adds a connection that was tried.
    pub fn connected(&mut self, at: Timestamp, to: SocketAddr, error: Option<&str>) {
        self.note(at, Happening::Connected { to: to.to_string(), error: error.map(excerpt) });
    }
}

/// The first [`EXCERPT`] characters of a text from the network, control characters replaced.
#[must_use]
pub fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT).map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}
