//! Why the DNS has not answered, and what the client is told of it.

use std::time::Duration;

use chancery_machine::problem::{Problem, ProblemType};
use thiserror::Error;

use super::extended_error::ExtendedError;
use super::resolver::ALIASES;

/// Why there is no answer; for operators. Clients read [`LookupError::problem`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum LookupError {
    #[error("NXDOMAIN")]
    NoSuchName,
    #[error("no such record")]
    NoData,
    #[error("it answered SERVFAIL{}", .0.as_ref().map(|why| format!(" ({})", why.full())).unwrap_or_default())]
    ServFail(Option<ExtendedError>),
    #[error("{0}")]
    Failed(String),
    #[error("DNSSEC does not prove what the resolver answered")]
    Bogus,
    #[error("its aliases (CNAME) cannot be followed to their end")]
    Aliases,
    #[error("a record cannot be understood")]
    Malformed,
    #[error("the resolver cannot be reached: {0}")]
    Unreachable(String),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the name is longer than the DNS allows")]
    TooLong,
    #[error("this server has no resolver: {0}")]
    NoResolver(String),
}

impl LookupError {
    /// What the client is told: `subject` is what was asked for, `record` the types, and `wanted` completes "create
    /// the record …".
    pub(super) fn problem(&self, subject: &str, record: &str, wanted: &str) -> Problem {
        let detail = match self {
            Self::NoSuchName => format!(
                "{subject} does not exist in the DNS (NXDOMAIN); create the {record} record {wanted}, wait until all \
                 name servers of the zone answer with it, and try again"
            ),
            Self::NoData => format!(
                "{subject} has no {record} record; create the {record} record {wanted}, wait until all name servers \
                 of the zone answer with it, and try again"
            ),
            Self::ServFail(why) => format!(
                "the resolver could not find the {record} records of {subject}: it answered SERVFAIL{}; check that the \
                 zone's name servers answer and, if it is signed, that its signatures are valid",
                why.as_ref().map(|why| format!(" ({})", why.meaning())).unwrap_or_default()
            ),
            Self::Failed(code) => format!(
                "the resolver could not find the {record} records of {subject}: {code}; check that the zone's name \
                 servers answer and, if it is signed, that its signatures are valid"
            ),
            Self::Bogus => format!(
                "DNSSEC does not prove the {record} records of {subject}, nor that they are unsigned; check the \
                 signatures of the zone and the DS records above it"
            ),
            Self::Aliases => format!(
                "the aliases (CNAME) of {subject} do not lead to {record} records, nor to a name that has none: they \
                 contradict each other, or there are more than {ALIASES} of them or a circle; correct them and try again"
            ),
            Self::Malformed => format!(
                "a {record} record of {subject} cannot be understood, so nobody knows what it forbids; correct it and \
                 try again"
            ),
            Self::Unreachable(_) => format!(
                "this server cannot reach its DNS resolver to ask for the {record} records of {subject}; try again \
                 later, and tell its operator"
            ),
            Self::Timeout(limit) => format!(
                "no resolver answered for the {record} records of {subject} within {limit:?}; check that the zone's \
                 name servers can be reached, and try again"
            ),
            Self::TooLong => format!("{subject} is longer than the 255 octets that the DNS allows for a name"),
            Self::NoResolver(_) => {
                let detail = "this server has no DNS resolver; its operator has to name one in the profile";
                return Problem::new(ProblemType::ServerInternal, detail);
            }
        };
        Problem::new(ProblemType::Dns, detail)
    }
}
