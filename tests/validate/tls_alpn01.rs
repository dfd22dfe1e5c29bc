//! tls-alpn-01 (RFC 8737), each rule by its section, against a server that speaks real TLS.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use chancery::validate::Limits;
use chancery_actors::ports::Verdict;
use chancery_machine::challenge::ChallengeType;
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::ProblemType;
use chancery_machine::transcript::Happening;
use rcgen::{CustomExtension, KeyPair, SanType};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::dns::DnsServer;
use crate::responder::{ACME_TLS, Answer, Hello, Manner, Responder, Shown};
use crate::{attempt, failed, happened, key_authorization, patient, rules, run};

const NAME: &str = "www.example.test";

pub(crate) fn dns_name(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

/// As the RFC wants it.
fn answer() -> Answer {
    Answer::new(dns_name(NAME), &key_authorization())
}

async fn validate(port: u16) -> Verdict {
    validate_within(patient(), port).await
}

async fn validate_within(limits: Limits, port: u16) -> Verdict {
    let dns = DnsServer::start();
    dns.zone().add_address(NAME, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let rules = NetworkRules { tls_port: port, ..rules(&dns, 80) };
    run(limits, attempt(ChallengeType::TlsAlpn01, NAME, rules)).await
}

/// The only hello of a server, once its connection is over.
pub(crate) async fn hello(responder: &Responder) -> Hello {
    loop {
        if let [hello] = responder.hellos().as_slice()
            && hello.after.is_some()
        {
            return hello.clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A server that sends these bytes to whoever has sent something, and then waits, or closes.
async fn scripted(bytes: &'static [u8], wait: bool) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free TCP port");
    let port = listener.local_addr().expect("an address").port();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
            if wait {
                drain(&mut stream).await;
            }
        }
    });
    (port, task)
}

/// Until the other side is gone.
async fn drain(stream: &mut TcpStream) {
    while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {}
}

#[tokio::test]
async fn s8737_3_the_certificate_proves_control() {
    for version in [&TLS12, &TLS13] {
        let manner = Manner { versions: vec![version], ..Manner::default() };
        let responder = Responder::start_at("127.0.0.1:0", answer().self_signed(), manner).await;
        let verdict = validate(responder.port()).await;
        assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
        let hello = hello(&responder).await;
        assert_eq!(hello.server_name.as_deref(), Some(NAME));
        assert_eq!(hello.protocols, [ACME_TLS], "a single protocol");
        // Section 4: nothing is sent after the handshake, so the connection ends without a word about it.
        assert!(
            matches!(hello.after, Some(Err(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset))),
            "{version:?} {hello:?}"
        );
        let steps = verdict.transcript.steps.iter().map(|step| &step.what).collect::<Vec<_>>();
        let at = format!("127.0.0.1:{}", responder.port());
        assert!(
            matches!(
                steps.as_slice(),
                [
                    Happening::Resolved { .. },
                    Happening::Resolved { .. },
                    Happening::Connected { to, error: None },
                    Happening::Presented { from, version: told, protocol: Some(protocol), names },
                    Happening::Compared { expected, found },
                ] if *to == at && *from == at && *told == format!("{:?}", version.version)
                    && protocol == "acme-tls/1" && *names == [NAME] && expected == found && expected.len() == 64
            ),
            "{steps:#?}"
        );
    }
}

#[tokio::test]
async fn s8737_3_keys_of_every_kind_prove_control() {
    for version in [&TLS12, &TLS13] {
        for algorithm in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ECDSA_P521_SHA512,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            let manner = Manner { versions: vec![version], ..Manner::default() };
            let shown = Answer { algorithm, ..answer() }.self_signed();
            let responder = Responder::start_at("127.0.0.1:0", shown, manner).await;
            let verdict = validate(responder.port()).await;
            assert_eq!(verdict.outcome, Ok(()), "{algorithm:?} {version:?} {:#?}", verdict.transcript);
        }
    }
}

#[tokio::test]
async fn s8737_3_names_are_compared_without_regard_to_case() {
    let responder =
        Responder::start(Answer::new(dns_name("WWW.Example.TEST"), &key_authorization()).self_signed()).await;
    assert_eq!(validate(responder.port()).await.outcome, Ok(()));
}

#[tokio::test]
async fn s8737_3_the_certificate_names_the_identifier_and_nothing_else() {
    let named = |names: &[SanType]| Answer { names: names.to_vec(), ..answer() };
    let address = SanType::IpAddress(Ipv4Addr::LOCALHOST.into());
    let mail = SanType::Rfc822Name("admin@www.example.test".try_into().expect("ASCII"));
    // A second extension of the same kind, with the right name too.
    let twice = CustomExtension::from_oid_content(&[2, 5, 29, 17], [&[0x30, 18, 0x82, 16], NAME.as_bytes()].concat());
    for (answer, words) in [
        (named(&[]), "0 names"),
        (named(&[dns_name(NAME), dns_name("other.test")]), "2 names"),
        (named(&[dns_name(NAME), dns_name(NAME)]), "2 names"),
        (named(&[dns_name(NAME), address.clone()]), "2 names"),
        (named(&[dns_name(NAME), mail.clone()]), "2 names"),
        (named(&[dns_name("other.test")]), "not the identifier"),
        (named(&[dns_name("*.example.test")]), "not the identifier"),
        (named(&[dns_name("www.example.test.")]), "not the identifier"),
        (named(&[address]), "not the identifier"),
        (named(&[mail]), "not the identifier"),
        (Answer { more: vec![twice], ..answer() }, "more than one extension"),
    ] {
        let responder = Responder::start(answer.self_signed()).await;
        failed(&validate(responder.port()).await, ProblemType::IncorrectResponse, &[NAME, "acme-tls/1", words]);
    }
}

#[tokio::test]
async fn s8737_3_the_acme_identifier_is_critical_and_an_octet_string_of_32() {
    let right = answer().identifier.expect("it has one").0;
    let with = |value: &[u8], critical| Answer { identifier: Some((value.to_vec(), critical)), ..answer() };
    let twice = CustomExtension::from_oid_content(crate::responder::ACME_IDENTIFIER, right.clone());
    // An early draft of the challenge had this one; it is another extension.
    let draft = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 30, 1], right.clone());
    for (answer, words) in [
        (Answer { identifier: None, ..answer() }, "no acmeIdentifier"),
        (Answer { identifier: None, more: vec![draft], ..answer() }, "no acmeIdentifier"),
        (with(&right, false), "not critical"),
        // The digest without the OCTET STRING around it; cut short; too long; with something behind it; as another type.
        (with(&right[2..], true), "not an OCTET STRING"),
        (with(&[&[0x04, 0x1f], &right[3..]].concat(), true), "not an OCTET STRING"),
        (with(&[&[0x04, 0x21, 0], &right[2..]].concat(), true), "not an OCTET STRING"),
        (with(&[right.as_slice(), &[0]].concat(), true), "not an OCTET STRING"),
        (with(&[&[0x0c, 0x20], &right[2..]].concat(), true), "not an OCTET STRING"),
        (with(&[], true), "not an OCTET STRING"),
        (Answer { more: vec![twice], ..answer() }, "more than one extension"),
    ] {
        let responder = Responder::start(answer.self_signed()).await;
        failed(&validate(responder.port()).await, ProblemType::IncorrectResponse, &[NAME, words]);
    }
}

#[tokio::test]
async fn s8737_3_another_digest_is_unauthorized() {
    let (token, thumbprint) =
        key_authorization().split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("two");
    for other in [format!("{token}.{}", thumbprint.to_lowercase()), token.clone(), format!("{token}.{thumbprint}\n")] {
        let responder = Responder::start(Answer::new(dns_name(NAME), &other).self_signed()).await;
        let verdict = validate(responder.port()).await;
        failed(&verdict, ProblemType::Unauthorized, &[NAME, "another digest"]);
        assert!(happened(
            &verdict.transcript,
            |what| matches!(what, Happening::Compared { expected, found } if expected != found)
        ));
    }
}

#[tokio::test]
async fn s8737_3_the_certificate_is_self_signed() {
    let mut broken = answer().self_signed();
    let mut bytes = broken.chain[0].to_vec();
    // Within the signature, which is the last thing in a certificate.
    let place = bytes.len() - 3;
    bytes[place] ^= 1;
    broken.chain = vec![bytes.into()];
    for shown in [answer().issued(), answer().forged(), answer().misnamed(), broken] {
        let responder = Responder::start(shown).await;
        let verdict = validate(responder.port()).await;
        failed(&verdict, ProblemType::IncorrectResponse, &[NAME, "not self-signed"]);
    }
}

#[tokio::test]
async fn s8737_3_the_handshake_is_signed_with_the_key_of_the_certificate() {
    // The certificate is public once it has been shown: whoever shows it again does not have its key.
    for version in [&TLS12, &TLS13] {
        let manner = Manner { versions: vec![version], ..Manner::default() };
        let stolen = Shown { key: KeyPair::generate().expect("a key"), ..answer().self_signed() };
        let responder = Responder::start_at("127.0.0.1:0", stolen, manner).await;
        failed(&validate(responder.port()).await, ProblemType::Tls, &[NAME, "not signed with the key"]);
    }
}

#[tokio::test]
async fn s8737_3_the_server_chooses_the_protocol() {
    let none = Manner { protocols: Vec::new(), ..Manner::default() };
    let responder = Responder::start_at("127.0.0.1:0", answer().self_signed(), none).await;
    let verdict = validate(responder.port()).await;
    failed(&verdict, ProblemType::IncorrectResponse, &[NAME, "without choosing the protocol acme-tls/1"]);
    assert!(happened(&verdict.transcript, |what| matches!(what, Happening::Presented { protocol: None, .. })));

    let others = Manner { protocols: vec![b"h2".to_vec(), b"http/1.1".to_vec()], ..Manner::default() };
    let responder = Responder::start_at("127.0.0.1:0", answer().self_signed(), others).await;
    failed(&validate(responder.port()).await, ProblemType::Tls, &[NAME, "does not know the protocol acme-tls/1"]);
}

#[tokio::test]
async fn s8737_4_nothing_below_tls_1_2_is_spoken() {
    // A ServerHello of TLS 1.1, and the alert of a server that knows nothing newer.
    const OLD: &[u8] = &[
        22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 0, 0xc0, 0x13, 0,
    ];
    for bytes in [OLD, &[21, 3, 1, 0, 2, 2, 70]] {
        let (port, server) = scripted(bytes, true).await;
        failed(&validate(port).await, ProblemType::Tls, &[NAME, "no version or cipher"]);
        server.abort();
    }
}

#[tokio::test]
async fn s8737_4_a_session_is_never_resumed() {
    let manner = Manner { versions: vec![&TLS12], ..Manner::default() };
    let responder = Responder::start_at("127.0.0.1:0", answer().self_signed(), manner).await;
    assert_eq!(validate(responder.port()).await.outcome, Ok(()));
    // The challenge is over, and its certificate gone: the next attempt has to see that.
    responder.show(&Answer::new(dns_name(NAME), "another").self_signed());
    failed(&validate(responder.port()).await, ProblemType::Unauthorized, &[NAME]);
}

#[tokio::test]
async fn s8555_6_7_each_failure_of_the_connection_has_its_type() {
    // A port of this test's that nobody listens on: loopback has a port for each of its addresses.
    let reserved = std::net::TcpListener::bind("127.0.0.3:0").expect("a free TCP port");
    let closed = reserved.local_addr().expect("an address").port();
    failed(&validate(closed).await, ProblemType::Connection, &[NAME, "accepts no connection", "refused"]);

    let (port, server) = scripted(b"", false).await;
    failed(&validate(port).await, ProblemType::Connection, &[NAME, "closed the connection before the handshake"]);
    server.abort();

    let (port, server) = scripted(b"HTTP/1.1 400 Bad Request\r\nX-Inside: hidden\r\n\r\n", true).await;
    let verdict = validate(port).await;
    let problem = failed(&verdict, ProblemType::Tls, &[NAME, "not TLS"]);
    assert!(!problem.detail.contains("hidden"), "{problem}");
    server.abort();

    // unrecognized_name (RFC 6066 section 3), and an alert that says nothing of the reason.
    for (alert, words) in [(112, "no challenge for that name"), (80, "ended the handshake")] {
        let bytes: &'static [u8] = if alert == 112 { &[21, 3, 3, 0, 2, 2, 112] } else { &[21, 3, 3, 0, 2, 2, 80] };
        let (port, server) = scripted(bytes, true).await;
        failed(&validate(port).await, ProblemType::Tls, &[NAME, words]);
        server.abort();
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let (port, server) = scripted(b"", true).await;
    let limits = Limits { request: Duration::from_millis(100), ..patient() };
    let verdict = validate_within(limits, port).await;
    failed(&verdict, ProblemType::Connection, &[NAME, "did not complete a TLS handshake", "100ms"]);
    let limits = Limits { attempt: Duration::from_millis(100), ..patient() };
    let verdict = validate_within(limits, port).await;
    failed(&verdict, ProblemType::Connection, &["tls-alpn-01", NAME, "did not end within 100ms"]);
    server.abort();
}

#[tokio::test]
async fn more_certificates_than_tls_may_bring_are_refused() {
    let mut shown = answer().self_signed();
    let filler = shown.chain[0].clone();
    shown.chain.extend((0..200).map(|_| filler.clone()));
    let responder = Responder::start(shown).await;
    failed(&validate(responder.port()).await, ProblemType::Tls, &[NAME]);
}

#[tokio::test]
async fn s8555_10_4_addresses_are_checked_before_anything_is_sent() {
    let responder = Responder::start(answer().self_signed()).await;
    let dns = DnsServer::start();
    dns.zone().add_address(NAME, IpAddr::V4(Ipv4Addr::LOCALHOST));
    let rules = NetworkRules { allowed: Vec::new(), tls_port: responder.port(), ..rules(&dns, 80) };
    let verdict = run(patient(), attempt(ChallengeType::TlsAlpn01, NAME, rules)).await;
    failed(&verdict, ProblemType::Connection, &[NAME, "127.0.0.1 is loopback"]);
    assert!(happened(&verdict.transcript, |what| matches!(what, Happening::AddressRefused { .. })));
    assert!(responder.hellos().is_empty());
}

#[tokio::test]
async fn s8737_3_the_name_is_resolved_as_it_is() {
    let dns = DnsServer::start();
    let rules = rules(&dns, 80);
    let verdict = run(patient(), attempt(ChallengeType::TlsAlpn01, NAME, rules)).await;
    failed(&verdict, ProblemType::Dns, &[NAME, "NXDOMAIN"]);
}
