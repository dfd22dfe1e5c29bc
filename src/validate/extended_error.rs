//! What a resolver adds to a SERVFAIL: extended DNS errors (RFC 8914). The resolver's library does not pass them on, so the
//! question is asked once more: for the sake of whoever has to mend the zone, and since a resolver that has found a forgery is
//! not overruled by one that does not look.

#![allow(clippy::wildcard_enum_match_arm, reason = "EDNS options are an open set, of which one is ours")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::rand;
use chancery_machine::transcript::excerpt;
use hickory_resolver::proto::op::{Edns, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

/// EDE in the registry of EDNS options.
const OPTION: u16 = 15;

/// How long the answer may take: the resolver has just given the same.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is asked: a datagram that was lost is not to let the next resolver overrule this one.
const TRIES: usize = 2;

/// The codes of RFC 8914 section 4, and those that were registered since, in their order.
const MEANINGS: &[&str] = &[
    "other error",
    "unsupported DNSKEY algorithm",
    "unsupported DS digest type",
    "stale answer",
    "forged answer",
    "DNSSEC indeterminate",
    "DNSSEC bogus",
    "signature expired",
    "signature not yet valid",
    "DNSKEY missing",
    "RRSIGs missing",
    "no zone key bit set",
    "NSEC missing",
    "cached error",
    "not ready",
    "blocked",
    "censored",
    "filtered",
    "prohibited",
    "stale NXDOMAIN answer",
    "not authoritative",
    "not supported",
    "no reachable authority",
    "network error",
    "invalid data",
    "signature expired before valid",
    "too early",
    "unsupported NSEC3 iterations value",
];

/// The codes of a resolver that validates and has not found the answer secure, nor proven to be unsigned: RFC 8914 section 4,
/// and two that were registered since (27 is of RFC 9276 section 3.2).
const OF_DNSSEC: &[u16] = &[1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 25, 27];

/// An extended error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ExtendedError {
    code: u16,
    /// The resolver's own words, for operators.
    text: String,
}

impl ExtendedError {
    /// What the code means, in words that are not the resolver's.
    pub(super) fn meaning(&self) -> String {
        let meaning = MEANINGS.get(usize::from(self.code)).copied().unwrap_or("unknown");
        format!("extended error {}, {meaning}", self.code)
    }

    /// Whether it says that DNSSEC is why there is no answer.
    pub(super) fn is_of_dnssec(&self) -> bool {
        OF_DNSSEC.contains(&self.code)
    }

    /// All of it.
    pub(super) fn full(&self) -> String {
        if self.text.is_empty() { self.meaning() } else { format!("{}: {}", self.meaning(), self.text) }
    }
}

/// Asks a resolver why; `None` where it says nothing, or not in time.
pub(super) async fn ask(resolver: SocketAddr, name: &Name, kind: RecordType) -> Option<ExtendedError> {
    for _ in 0..TRIES {
        if let Ok(answer) = timeout(PATIENCE, question(resolver, name, kind)).await {
            return answer;
        }
    }
    None
}

async fn question(resolver: SocketAddr, name: &Name, kind: RecordType) -> Option<ExtendedError> {
    let any: IpAddr = if resolver.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(resolver).await.ok()?;
    let mut id = [0; 2];
    rand::fill(&mut id).ok()?;
    let mut message = Message::query();
    message.metadata.id = u16::from_be_bytes(id);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(1232).set_dnssec_ok(true);
    message.set_edns(edns);
    socket.send(&message.to_vec().ok()?).await.ok()?;
    let mut buffer = [0; 1232];
    loop {
        let length = socket.recv(&mut buffer).await.ok()?;
        let Ok(answer) = Message::from_vec(buffer.get(..length)?) else { continue };
        if answer.metadata.id == message.metadata.id {
            return read(&answer);
        }
    }
}

/// RFC 8914 section 2: a code, and text that may be empty. Of several errors the one that is of DNSSEC counts: what else a
/// resolver met on the way takes nothing of that away.
fn read(answer: &Message) -> Option<ExtendedError> {
    // Another answer than before is not the one that is to be explained.
    if answer.metadata.response_code != ResponseCode::ServFail {
        return None;
    }
    let options = answer.edns.as_ref()?.options().get_all(EdnsCode::Unknown(OPTION));
    let errors: Vec<_> = options.into_iter().filter_map(error).collect();
    errors.iter().find(|error| error.is_of_dnssec()).or(errors.first()).cloned()
}

fn error(option: &EdnsOption) -> Option<ExtendedError> {
    match option {
        EdnsOption::Unknown(_, data) => {
            let (code, text) = data.split_first_chunk::<2>()?;
            Some(ExtendedError { code: u16::from_be_bytes(*code), text: excerpt(&String::from_utf8_lossy(text)) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::op::OpCode;

    #[test]
    fn the_error_of_dnssec_counts_and_only_with_the_failure_that_it_explains() {
        let code = |response_code, errors: &[u16]| {
            let mut answer = Message::response(1, OpCode::Query);
            answer.metadata.response_code = response_code;
            let mut edns = Edns::new();
            for error in errors {
                edns.options_mut().insert(EdnsOption::Unknown(OPTION, error.to_be_bytes().to_vec()));
            }
            answer.set_edns(edns);
            read(&answer).map(|error| error.code)
        };
        assert_eq!(code(ResponseCode::ServFail, &[22, 9, 6]), Some(9));
        assert_eq!(code(ResponseCode::ServFail, &[22, 23]), Some(22));
        assert_eq!(code(ResponseCode::ServFail, &[]), None);
        assert_eq!(code(ResponseCode::NoError, &[6]), None);
    }
}
