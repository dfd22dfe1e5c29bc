//! http-01 (RFC 8555 section 8.3): the host answers a request for the token with the key authorization.

use chancery_actors::ports::Attempt;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{Happening, excerpt};
use rustls::pki_types::ServerName;
use tokio::time::timeout;

use super::fetch::{Answer, FetchError, get};
use super::place::Host;
use super::target::{Scheme, Target};
use super::{Errand, reach, unverified};

/// Requests the token, follows redirects, and compares what comes.
pub(super) async fn prove(errand: &Errand<'_>) -> Result<(), Problem> {
    let Attempt { identifier, network: rules, token, .. } = errand.attempt;
    let mut target = Target::challenge(identifier, rules.http_port, token);
    loop {
        let answer = visit(errand, &target).await?;
        match answer.status {
            200..=299 => return compare(errand, &target, &answer),
            // Neither 303 nor the others: the CA/Browser Forum's Baseline Requirements section 3.2.2.4.19 names these.
            301 | 302 | 307 | 308 if target.place.redirects >= errand.limits.redirects => {
                return Err(Problem::new(
                    ProblemType::IncorrectResponse,
                    format!(
                        "{} redirects again; at most {} redirects are followed, so let it answer with the key \
                         authorization itself",
                        target.told(),
                        errand.limits.redirects
                    ),
                ));
            }
            301 | 302 | 307 | 308 => {
                target = target.redirect(answer.location.as_deref(), rules).map_err(|error| {
                    errand.notes.note(Happening::GaveUp { reason: format!("redirect refused: {error}") });
                    Problem::new(
                        ProblemType::IncorrectResponse,
                        format!("{} redirects to where it may not: {error}; correct the redirect", target.told()),
                    )
                })?;
            }
            // Section 6.7: what came does not match what the challenge requires. Nothing that the host said was about
            // the account, so it is not `unauthorized`.
            status => {
                return Err(Problem::new(
                    ProblemType::IncorrectResponse,
                    format!(
                        "{} answered with status {status}; expected status 200 with the key authorization as body, \
                         so check that the web server serves that path",
                        target.told()
                    ),
                ));
            }
        }
    }
}

/// One request, over the first address that accepts a connection.
async fn visit(errand: &Errand<'_>, target: &Target) -> Result<Answer, Problem> {
    let addresses = reach::addresses(errand, &target.place).await?;
    let visited = async {
        let (peer, stream) = reach::connect(errand, &target.place, &addresses).await?;
        let fetched = match target.scheme {
            Scheme::Http => get(errand, target, stream).await,
            Scheme::Https => {
                let session = unverified::connector().connect(server_name(&target.place.host)?, stream).await;
                let session = session.map_err(|error| {
                    let reason = format!("{peer}: the TLS handshake failed: {error}");
                    errand.notes.note(Happening::GaveUp { reason: excerpt(&reason) });
                    Problem::new(
                        ProblemType::Tls,
                        format!(
                            "the TLS handshake with {} failed; check that its port {} speaks TLS 1.2 or 1.3 (any \
                             certificate is good enough), or do not redirect to https",
                            target.told(),
                            target.place.port
                        ),
                    )
                })?;
                get(errand, target, session).await
            }
        };
        fetched.map_err(|error| {
            errand.notes.note(Happening::GaveUp { reason: excerpt(&format!("{peer}: {error}")) });
            unanswered(target, &error)
        })
    };
    match timeout(errand.limits.request, visited).await {
        Ok(visited) => visited,
        Err(_) => {
            let limit = errand.limits.request;
            errand.notes.note(Happening::GaveUp { reason: format!("no complete answer within {limit:?}") });
            Err(Problem::new(
                ProblemType::Connection,
                format!(
                    "{} gave no complete answer within {limit:?}; check that the web server is not overloaded and \
                     ends its response",
                    target.told()
                ),
            ))
        }
    }
}

fn unanswered(target: &Target, error: &FetchError) -> Problem {
    let (kind, what) = match error {
        FetchError::NotHttp(_) => (
            ProblemType::IncorrectResponse,
            "answered with something that is no HTTP/1 response, or has too many or too long header fields",
        ),
        FetchError::Broken(_) => (ProblemType::Connection, "closed the connection before its answer was complete"),
    };
    let told = target.told();
    Problem::new(kind, format!("{told} {what}; check that a web server listens on port {}", target.place.port))
}

/// Looks whether the body is the key authorization; white space at its end does not count.
fn compare(errand: &Errand<'_>, target: &Target, answer: &Answer) -> Result<(), Problem> {
    let (expected, token) = (&errand.attempt.key_authorization, errand.attempt.token.as_str());
    errand.notes.note(Happening::Compared {
        expected: excerpt(expected),
        found: excerpt(&String::from_utf8_lossy(&answer.body)),
    });
    let told = target.told();
    if answer.cut {
        let most = errand.limits.body;
        return Err(Problem::new(
            ProblemType::IncorrectResponse,
            format!(
                "{told} answered with more than {most} bytes, of which the rest was not read; expected the {} bytes \
                 of the key authorization",
                expected.len()
            ),
        ));
    }
    let found = answer.body.trim_ascii_end();
    if found == expected.as_bytes() {
        return Ok(());
    }
    // The host answers as the challenge asks and does not vouch for this account's key: `unauthorized`.
    let hint = match found.strip_prefix(token.as_bytes()) {
        Some([b'.', ..]) => "it has the right token but not the thumbprint of this account's key",
        Some(_) | None => "so check that this host serves what the ACME client wrote",
    };
    Err(Problem::new(
        ProblemType::Unauthorized,
        format!(
            "{told} answered with {} bytes that are not the key authorization; expected {} bytes that begin with \
             {token}; {hint}",
            found.len(),
            expected.len()
        ),
    ))
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Problem> {
    match host {
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(name.to_string())
            .map_err(|_| Problem::new(ProblemType::Tls, "a redirect leads to a host that TLS cannot name")),
    }
}
