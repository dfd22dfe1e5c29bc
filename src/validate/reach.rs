//! Reaching a host: its addresses, checked, and a connection to one of those very addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};

use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{Happening, excerpt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Errand;
use super::target::{Host, Target};

/// The addresses of the target that the profile lets us contact: at least one, in the order in which to try them.
pub(super) async fn addresses(errand: &Errand<'_>, target: &Target) -> Result<Vec<IpAddr>, Problem> {
    let mut found = match &target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => {
            let subject = if target.redirects == 0 { name.to_string() } else { target.told() };
            let answer = errand.resolvers.addresses(&errand.attempt.network, name, errand.notes).await;
            answer.map_err(|error| error.problem(&subject, "A or AAAA", "for its web server"))?
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
    if found.is_empty() { Err(refused(target, &refusals)) } else { Ok(found) }
}

/// A connection to the first of the addresses that accepts one. The name is not resolved again, so what was checked is
/// what is contacted (RFC 8555 section 10.4).
pub(super) async fn connect(
    errand: &Errand<'_>,
    target: &Target,
    addresses: &[IpAddr],
) -> Result<(SocketAddr, TcpStream), Problem> {
    let mut failures = Vec::new();
    for &address in addresses {
        let to = SocketAddr::new(address, target.port);
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
    let tried = if target.redirects == 0 { failures.join("; ") } else { "none of its addresses does".into() };
    Err(Problem::new(
        ProblemType::Connection,
        format!(
            "{} accepts no connection on port {} ({tried}); check that the web server runs and that no firewall is \
             between it and this server",
            host(target),
            target.port
        ),
    ))
}

fn refused(target: &Target, refusals: &[(IpAddr, &'static str)]) -> Problem {
    let reasons = match target.redirects {
        0 => refusals.iter().map(|(address, rule)| format!("{address} is {rule}")).collect::<Vec<_>>().join(", "),
        _ => "it is a special address or network".into(),
    };
    Problem::new(
        ProblemType::Connection,
        format!(
            "{} has no address that this server may contact: {reasons}; correct its A and AAAA records, or ask the \
             operator of this server to allow that network in the profile",
            host(target)
        ),
    )
}

fn host(target: &Target) -> String {
    if target.redirects == 0 { target.host.to_string() } else { target.told() }
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
