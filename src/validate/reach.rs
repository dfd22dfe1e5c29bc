//! Reaching a host: its addresses, checked, and a connection to one of those very addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{Happening, excerpt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Errand;
use super::place::{Host, Place};

/// The addresses of the place that the profile lets us contact: at least one, in the order in which to try them.
pub(super) async fn addresses(errand: &Errand<'_>, place: &Place) -> Result<Vec<IpAddr>, Problem> {
    let mut found = match &place.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => {
            let answer = errand.resolvers.addresses(&errand.attempt.network, name, errand.notes).await;
            answer.map_err(|error| error.problem(&place.told(), "A or AAAA", "for its server"))?
        }
    };
    let mut refusals = Vec::new();
    found.retain(|&address| match errand.attempt.network.check(address) {
        Ok(()) => true,
        Err(rule) => {
            // A name can have thousands of addresses; a few tell the story.
            if refusals.len() < errand.limits.addresses {
                refusals.push((address, rule));
                errand.notes.note(Happening::AddressRefused { address: address.to_string(), rule: rule.into() });
            }
            false
        }
    });
    found.truncate(errand.limits.addresses);
    if found.is_empty() { Err(refused(place, &refusals)) } else { Ok(found) }
}

/// A connection to the first of the addresses that accepts one. The name is not resolved again, so what was checked is
/// what is contacted (RFC 8555 section 10.4).
pub(super) async fn connect(
    errand: &Errand<'_>,
    place: &Place,
    addresses: &[IpAddr],
) -> Result<(SocketAddr, TcpStream), Problem> {
    let mut failures = Vec::new();
    for &address in addresses {
        let to = SocketAddr::new(address, place.port);
        let failure = match timeout(errand.limits.connect, TcpStream::connect(to)).await {
            Ok(Ok(stream)) => {
                errand.notes.note(Happening::Connected { to: to.to_string(), error: None });
                return Ok((to, stream));
            }
            Ok(Err(error)) => {
                let full = excerpt(&error.to_string());
                errand.notes.note(Happening::Connected { to: to.to_string(), error: Some(full) });
                short(&error).to_owned()
            }
            Err(_) => {
                let failure = format!("no answer within {:?}", errand.limits.connect);
                errand.notes.note(Happening::Connected { to: to.to_string(), error: Some(failure.clone()) });
                failure
            }
        };
        failures.push(format!("{to}: {failure}"));
    }
    let tried = if place.redirects == 0 { failures.join("; ") } else { "none of its addresses does".into() };
    Err(Problem::new(
        ProblemType::Connection,
        format!(
            "{} accepts no connection on port {} ({tried}); check that its server runs and that no firewall is \
             between it and this one",
            place.told(),
            place.port
        ),
    ))
}

fn refused(place: &Place, refusals: &[(IpAddr, &'static str)]) -> Problem {
    let reasons = match place.redirects {
        0 => refusals.iter().map(|(address, rule)| format!("{address} is {rule}")).collect::<Vec<_>>().join(", "),
        _ => "it is a special address or network".into(),
    };
    let remedy = match place.host {
        Host::Name(_) => "correct its A and AAAA records, or ask",
        Host::Address(_) => "ask",
    };
    Problem::new(
        ProblemType::Connection,
        format!(
            "{} has no address that this server may contact: {reasons}; {remedy} the operator of this server to allow \
             that network in the profile",
            place.told()
        ),
    )
}

/// The kind of failure, in words that are ours.
fn short(error: &io::Error) -> &'static str {
    #[allow(clippy::wildcard_enum_match_arm, reason = "the enum of std grows, and the rest is one case to a client")]
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::HostUnreachable => "host unreachable",
        io::ErrorKind::NetworkUnreachable => "network unreachable",
        io::ErrorKind::TimedOut => "timed out",
        _ => "connection failed",
    }
}
