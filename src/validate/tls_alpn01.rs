//! tls-alpn-01 (RFC 8737): the host answers a TLS handshake with a certificate that carries the digest of the key
//! authorization.

use std::io;
use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use chancery_actors::ports::Attempt;
use chancery_machine::identifier::Identifier;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::transcript::{Happening, excerpt};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::certificate;
use super::place::Place;
use super::possession::{PROTOCOL, connector};
use super::{Errand, reach};

/// Makes a handshake, and judges the certificate that comes.
pub(super) async fn prove(errand: &Errand<'_>) -> Result<(), Problem> {
    let Attempt { identifier, network, key_authorization, .. } = errand.attempt;
    let place = Place::of(identifier, network.tls_port);
    let certificate = visit(errand, &place).await?;
    let found = certificate::digest(&certificate, identifier).map_err(|bad| {
        errand.notes.note(Happening::GaveUp { reason: format!("the certificate is refused: {bad}") });
        Problem::new(
            ProblemType::IncorrectResponse,
            format!(
                "the certificate that {} shows for acme-tls/1 does not answer the challenge: {bad}; let the ACME client \
                 make the certificate, and let no other server answer on port {}",
                place.told(),
                place.port
            ),
        )
    })?;
    let expected = digest(&SHA256, key_authorization.as_bytes());
    errand.notes.note(Happening::Compared { expected: hex(expected.as_ref()), found: hex(&found) });
    // The host answers as the challenge asks and does not vouch for this account's key: `unauthorized`.
    verify_slices_are_equal(expected.as_ref(), &found).map_err(|_| {
        Problem::new(
            ProblemType::Unauthorized,
            format!(
                "the certificate that {} shows for acme-tls/1 carries another digest than that of this challenge's key \
                 authorization; check that it was made for this token and with this account's key",
                place.told()
            ),
        )
    })
}

/// One handshake with the first address that accepts a connection: the certificate that was shown. Nothing is sent after
/// it, not even that the connection ends (RFC 8737 section 4).
async fn visit(errand: &Errand<'_>, place: &Place) -> Result<Vec<u8>, Problem> {
    let name = server_name(&errand.attempt.identifier)?;
    let addresses = reach::addresses(errand, place).await?;
    let visited = async {
        let (peer, stream) = reach::connect(errand, place, &addresses).await?;
        let session = connector().connect(name, stream).await.map_err(|error| {
            let reason = format!("{peer}: the TLS handshake failed: {error}");
            errand.notes.note(Happening::GaveUp { reason: excerpt(&reason) });
            failed(place, &error)
        })?;
        let (_, connection): (TcpStream, _) = session.into_inner();
        let certificate = connection.peer_certificates().and_then(|chain| chain.first()).map(|first| first.to_vec());
        let (certificate, protocol) = (certificate.unwrap_or_default(), connection.alpn_protocol());
        errand.notes.note(Happening::Presented {
            from: peer.to_string(),
            version: connection.protocol_version().map_or_else(String::new, |version| format!("{version:?}")),
            protocol: protocol.map(|protocol| excerpt(&String::from_utf8_lossy(protocol))),
            names: certificate::names(&certificate),
        });
        // rustls takes no protocol that was not offered; a server may still choose none.
        if protocol == Some(PROTOCOL) { Ok(certificate) } else { Err(no_protocol(place)) }
    };
    match timeout(errand.limits.request, visited).await {
        Ok(visited) => visited,
        Err(_) => {
            let limit = errand.limits.request;
            errand.notes.note(Happening::GaveUp { reason: format!("no complete handshake within {limit:?}") });
            Err(Problem::new(
                ProblemType::Connection,
                format!(
                    "{} did not complete a TLS handshake on port {} within {limit:?}; check that its server is not \
                     overloaded and speaks TLS there",
                    place.told(),
                    place.port
                ),
            ))
        }
    }
}

fn no_protocol(place: &Place) -> Problem {
    Problem::new(
        ProblemType::IncorrectResponse,
        format!(
            "{} completed a TLS handshake on port {} without choosing the protocol acme-tls/1; check that the server \
             there is the one that answers tls-alpn-01 challenges, and that no proxy before it ends TLS",
            place.told(),
            place.port
        ),
    )
}

/// What the client is told of a handshake that failed: which kind of failure, never what a library or the peer says of it.
fn failed(place: &Place, error: &io::Error) -> Problem {
    let (kind, what) = match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        None => (ProblemType::Connection, "it closed the connection before the handshake was complete"),
        Some(Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
            (ProblemType::Tls, "its server does not know the protocol acme-tls/1")
        }
        Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => {
            (ProblemType::Tls, "its server knows of no challenge for that name")
        }
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_)) => {
            (ProblemType::Tls, "its server and this one have no version or cipher of TLS in common")
        }
        Some(Error::InvalidCertificate(CertificateError::BadSignature)) => {
            (ProblemType::Tls, "its handshake is not signed with the key of its certificate")
        }
        Some(Error::InvalidMessage(_)) => (ProblemType::Tls, "what it sends is not TLS"),
        Some(_) => (ProblemType::Tls, "it ended the handshake, or made it as TLS does not allow"),
    };
    Problem::new(
        kind,
        format!(
            "the TLS handshake with {} on port {} failed: {what}; check that the server there answers tls-alpn-01 \
             challenges with TLS 1.2 or 1.3",
            place.told(),
            place.port
        ),
    )
}

/// What stands in server_name: the name itself, or the reverse-mapping name of an address, as addresses may not stand there
/// (RFC 8738 section 6).
fn server_name(identifier: &Identifier) -> Result<ServerName<'static>, Problem> {
    let name = match identifier {
        Identifier::Dns(name) => name.to_string(),
        Identifier::Ip(address) => reverse(*address),
    };
    ServerName::try_from(name)
        .map_err(|_| Problem::new(ProblemType::Tls, format!("{identifier} is a name that TLS cannot ask for")))
}

/// The name below which the DNS has what belongs to an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let octets = address.octets();
            let nibbles = octets.iter().rev().flat_map(|octet| [octet & 0xf, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_reverse_mapping_names() {
        for (address, name) in [
            ("10.2.0.52", "52.0.2.10.in-addr.arpa"),
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            // RFC 3596 section 2.5.
            ("4321:0:1:2:3:4:567:89ab", "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ] {
            assert_eq!(reverse(address.parse().expect("an address")), name);
        }
    }
}
