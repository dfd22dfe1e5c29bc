//! http-01 (RFC 8555 section 8.3).

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chancery::validate::{Limits, Validators};
use chancery_actors::ports::{Clock, Validate as _, Verdict};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::ProblemType;
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::{Happening, Transcript};

use crate::dns::{DnsServer, Trouble};
use crate::web::{Reply, Web, ok, redirect, status};
use crate::{attempt, failed, happened, key_authorization, patient, rules, run};

const NAME: &str = "www.example.test";

/// A DNS server that has the name at 127.0.0.1.
fn dns() -> DnsServer {
    let dns = DnsServer::start();
    dns.zone().add_address(NAME, "127.0.0.1".parse().expect("an address"));
    dns
}

async fn validate(rules: NetworkRules) -> Verdict {
    validate_within(patient(), rules).await
}

async fn validate_within(limits: Limits, rules: NetworkRules) -> Verdict {
    run(limits, attempt(ChallengeType::Http01, NAME, rules)).await
}

fn path() -> String {
    let authorization = key_authorization();
    format!("/.well-known/acme-challenge/{}", authorization.split('.').next().expect("a token"))
}

#[tokio::test]
async fn the_key_authorization_proves_control() {
    let (dns, web) = (dns(), Web::start(|_| ok(&key_authorization())).await);
    let verdict = validate(rules(&dns, web.port())).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    let heads = web.seen();
    assert_eq!(heads.len(), 1);
    // Resolved once for each family, and never again between the check of the addresses and the connection.
    assert_eq!(dns.zone().questions().len(), 2);
    let head = heads[0].to_ascii_lowercase();
    assert!(heads[0].starts_with(&format!("GET {} HTTP/1.1\r\n", path())), "{head}");
    assert!(head.contains(&format!("\r\nhost: {NAME}:{}\r\n", web.port())), "{head}");
    assert!(head.contains("\r\nuser-agent: chancery/"), "{head}");
    let port = web.port();
    let steps = verdict.transcript.steps.iter().map(|step| &step.what).collect::<Vec<_>>();
    assert!(
        matches!(
            steps.as_slice(),
            [
                Happening::Resolved { .. },
                Happening::Resolved { .. },
                Happening::Connected { to, error: None },
                Happening::Answered { url, status: 200, location: None },
                Happening::Compared { .. },
            ] if *to == format!("127.0.0.1:{port}") && *url == format!("http://{NAME}:{port}{}", path())
        ),
        "{steps:#?}"
    );
}

#[tokio::test]
async fn white_space_after_the_key_authorization_does_not_count() {
    let (dns, web) = (dns(), Web::start(|_| ok(&format!("{} \t\r\n\n", key_authorization()))).await);
    assert_eq!(validate(rules(&dns, web.port())).await.outcome, Ok(()));
    let web = Web::start(|_| ok(&format!(" {}", key_authorization()))).await;
    failed(&validate(rules(&dns, web.port())).await, ProblemType::Unauthorized, &[]);
}

#[tokio::test]
async fn chunked_bodies_and_bodies_that_end_with_the_connection_are_read() {
    let dns = dns();
    let authorization = key_authorization();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{authorization}\r\n0\r\n\r\n",
        authorization.len()
    );
    for response in [chunked, format!("HTTP/1.0 200 OK\r\n\r\n{authorization}")] {
        let web = Web::start(move |_| Reply::Bytes(response.clone().into_bytes())).await;
        assert_eq!(validate(rules(&dns, web.port())).await.outcome, Ok(()));
    }
}

#[tokio::test]
async fn another_body_is_unauthorized_and_stays_in_the_transcript() {
    let (dns, web) = (dns(), Web::start(|_| status("200 OK", "X-Inside: hidden\r\n", "TOP\u{1}SECRET")).await);
    let verdict = validate(rules(&dns, web.port())).await;
    let problem = failed(&verdict, ProblemType::Unauthorized, &[NAME, "answered with 10 bytes", "expected 87 bytes"]);
    assert!(!problem.detail.contains("SECRET") && !problem.detail.contains("hidden"), "{problem}");
    assert!(happened(
        &verdict.transcript,
        |what| matches!(what, Happening::Compared { found, .. } if found == "TOP\u{fffd}SECRET")
    ));
}

#[tokio::test]
async fn the_right_token_of_another_account_is_told_apart() {
    let dns = dns();
    let other = key_authorization().replace(".CQk", ".AAA");
    assert_ne!(other, key_authorization());
    let web = Web::start(move |_| ok(&other)).await;
    failed(&validate(rules(&dns, web.port())).await, ProblemType::Unauthorized, &["not the thumbprint"]);
}

#[tokio::test]
async fn s8_3_a_status_other_than_2xx_is_an_incorrect_response() {
    for code in ["404 Not Found", "500 Oops", "303 See Other", "304 Not Modified", "403 Forbidden"] {
        let (dns, web) = (dns(), Web::start(move |_| status(code, "Location: /x\r\n", &key_authorization())).await);
        let number = &code[..3];
        failed(&validate(rules(&dns, web.port())).await, ProblemType::IncorrectResponse, &[number, "expected status"]);
    }
}

#[tokio::test]
async fn s8_3_redirects_are_followed_by_path_and_to_other_names() {
    for code in [301, 302, 307, 308] {
        let dns = dns();
        dns.zone().add_address("other.test", "127.0.0.1".parse().expect("an address"));
        let there =
            Web::start(|path| if path == "/b?x=y" { ok(&key_authorization()) } else { redirect(302, "/b?x=y") });
        let there = there.await;
        // One listener has one port, and the profile has one http-01 port: both names live on the same server.
        let verdict = validate(rules(&dns, there.port())).await;
        assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);

        let port = Arc::new(OnceLock::new());
        let told = Arc::clone(&port);
        let web = Web::start(move |path| match path {
            "/there" => ok(&key_authorization()),
            _ => redirect(code, &format!("http://OTHER.test:{}/there#part", told.get().expect("set below"))),
        })
        .await;
        port.set(web.port()).expect("set once");
        let verdict = validate(rules(&dns, web.port())).await;
        assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
        assert!(web.seen()[1].to_ascii_lowercase().contains(&format!("host: other.test:{}\r\n", web.port())));
    }
}

#[tokio::test]
async fn s8_3_a_redirect_to_https_is_followed_whatever_the_certificate() {
    let dns = dns();
    let there = Web::start_tls(|_| ok(&key_authorization())).await;
    let tls_port = there.port();
    let web = Web::start(move |_| redirect(301, &format!("https://{NAME}:{tls_port}/x"))).await;
    let verdict = validate(NetworkRules { tls_port, ..rules(&dns, web.port()) }).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);

    let to_address = Web::start(move |_| redirect(301, &format!("https://127.0.0.1:{tls_port}/x"))).await;
    let verdict = validate(NetworkRules { tls_port, ..rules(&dns, to_address.port()) }).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
}

#[tokio::test]
async fn a_redirect_to_https_where_no_tls_is_spoken_is_a_tls_problem() {
    let dns = dns();
    let there = Web::start(|_| ok(&key_authorization())).await;
    // A ClientHello has no line end, so the plain server would wait for one: this one answers at once.
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free TCP port");
    let tls_port = plain.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let web = Web::start(move |_| redirect(301, &format!("https://{NAME}:{tls_port}/x"))).await;
    let verdict = validate(NetworkRules { tls_port, ..rules(&dns, web.port()) }).await;
    failed(&verdict, ProblemType::Tls, &["TLS handshake", "the target of redirect 1"]);
    assert_eq!(there.seen().len(), 0);
}

#[tokio::test]
async fn s8_3_redirects_to_other_ports_schemes_and_users_are_refused() {
    let hidden = Web::start(|_| ok(&key_authorization())).await;
    let port = hidden.port();
    for location in [
        format!("http://{NAME}:{port}/x"),
        format!("https://{NAME}:{port}/x"),
        "gopher://www.example.test/".to_owned(),
        "http://user@www.example.test/".to_owned(),
        "http://".to_owned(),
    ] {
        let dns = dns();
        let sent = location.clone();
        let web = Web::start(move |_| redirect(302, &sent)).await;
        let verdict = validate(rules(&dns, web.port())).await;
        let problem = failed(&verdict, ProblemType::IncorrectResponse, &["redirects to where it may not"]);
        assert!(!problem.detail.contains(&port.to_string()), "{problem}");
        assert_eq!(web.seen().len(), 1);
    }
    let (dns, web) = (dns(), Web::start(|_| status("302 Found", "", "")).await);
    failed(&validate(rules(&dns, web.port())).await, ProblemType::IncorrectResponse, &["no Location"]);
    assert_eq!(hidden.seen().len(), 0);
}

#[tokio::test]
async fn s8_3_redirects_in_a_circle_end_with_the_limit() {
    let (dns, web) = (dns(), Web::start(|_| redirect(302, "/again")).await);
    let verdict = validate(rules(&dns, web.port())).await;
    failed(&verdict, ProblemType::IncorrectResponse, &["at most 10 redirects"]);
    assert_eq!(web.seen().len(), 11);
}

#[tokio::test]
async fn a_redirect_leads_out_of_the_only_networks_no_more_than_a_name_does() {
    let dns = dns();
    dns.zone().add_address("inside.test", "127.0.0.2".parse().expect("an address"));
    for location in ["http://127.0.0.2/", "http://inside.test/"] {
        let web = Web::start(move |_| redirect(302, location)).await;
        let mut rules = rules(&dns, web.port());
        // All of loopback may be contacted, were it not for this.
        rules.only = vec!["127.0.0.1/32".parse().expect("a network")];
        let verdict = validate(rules).await;
        let problem = failed(&verdict, ProblemType::Connection, &["the target of redirect 1"]);
        assert!(!problem.detail.contains("127.0.0.2") && !problem.detail.contains("inside"), "{problem}");
        not_contacted(&verdict.transcript, "127.0.0.2");
    }
}

#[tokio::test]
async fn s10_4_what_a_redirect_leads_to_is_checked_again() {
    let dns = dns();
    dns.zone().add_address("inside.test", "127.0.0.2".parse().expect("an address"));
    for (location, address) in [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://[::ffff:169.254.169.254]/", "::ffff:169.254.169.254"),
        ("http://inside.test/", "127.0.0.2"),
        ("http://2130706434/", "127.0.0.2"),
        ("http://[::1]/", "::1"),
    ] {
        let web = Web::start(move |_| redirect(302, location)).await;
        let mut rules = rules(&dns, web.port());
        rules.allowed = vec!["127.0.0.1/32".parse().expect("a network")];
        let verdict = validate(rules).await;
        let problem = failed(&verdict, ProblemType::Connection, &["the target of redirect 1"]);
        assert!(!problem.detail.contains(address) && !problem.detail.contains("inside"), "{problem}");
        not_contacted(&verdict.transcript, address);
    }
}

/// The address was looked at, refused, and left alone.
#[track_caller]
fn not_contacted(transcript: &Transcript, address: &str) {
    let refused =
        |what: &Happening| matches!(what, Happening::AddressRefused { address: refused, .. } if refused == address);
    let contacted = |what: &Happening| matches!(what, Happening::Connected { to, .. } if to.contains(address));
    assert!(happened(transcript, refused) && !happened(transcript, contacted), "{transcript:#?}");
}

#[tokio::test]
async fn addresses_that_are_not_allowed_are_not_contacted() {
    let (dns, web) = (dns(), Web::start(|_| ok(&key_authorization())).await);
    let mut none = rules(&dns, web.port());
    none.allowed.clear();
    let verdict = validate(none).await;
    failed(&verdict, ProblemType::Connection, &["127.0.0.1 is loopback", "ask the operator"]);
    assert_eq!(web.seen().len(), 0);

    dns.zone().add_address(NAME, "127.0.0.9".parse().expect("an address"));
    dns.zone().add_address(NAME, "169.254.169.254".parse().expect("an address"));
    dns.zone().add_address(NAME, "::1".parse().expect("an address"));
    let mut one = rules(&dns, web.port());
    one.allowed = vec!["127.0.0.1/32".parse().expect("a network")];
    let verdict = validate(one).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    let connected = verdict.transcript.steps.iter().filter(|step| matches!(step.what, Happening::Connected { .. }));
    assert_eq!(connected.count(), 1);
}

#[tokio::test]
async fn a_name_with_very_many_addresses_costs_few_steps() {
    let dns = DnsServer::start();
    for number in 1..=200 {
        dns.zone().add_address(NAME, format!("169.254.0.{number}").parse().expect("an address"));
    }
    let verdict = validate(rules(&dns, 80)).await;
    let problem = failed(&verdict, ProblemType::Connection, &["link-local"]);
    assert!(problem.detail.len() < 1000, "{problem}");
    assert!(verdict.transcript.steps.len() < 12);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let (dns, web) = (DnsServer::start(), Web::start(|_| ok(&key_authorization())).await);
    for address in ["127.0.0.2", "::1", "127.0.0.1"] {
        dns.zone().add_address(NAME, address.parse().expect("an address"));
    }
    let verdict = validate(rules(&dns, web.port())).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    let tried = verdict.transcript.steps.iter().filter_map(|step| {
        let Happening::Connected { to, error } = &step.what else { return None };
        Some((to.clone(), error.is_some()))
    });
    let port = web.port();
    assert_eq!(
        tried.collect::<Vec<_>>(),
        [(format!("[::1]:{port}"), true), (format!("127.0.0.2:{port}"), true), (format!("127.0.0.1:{port}"), false)]
    );
}

#[tokio::test]
async fn a_refused_connection_is_a_connection_problem() {
    let dns = dns();
    // Bound but not listening on that address: connections are refused, and nobody else gets the port.
    let reserved = TcpListener::bind("127.0.0.3:0").expect("a free TCP port");
    let port = reserved.local_addr().expect("an address").port();
    let verdict = validate(rules(&dns, port)).await;
    failed(&verdict, ProblemType::Connection, &[NAME, &format!("127.0.0.1:{port}: connection refused")]);
}

#[tokio::test]
async fn a_name_without_addresses_is_a_dns_problem() {
    let dns = DnsServer::start();
    failed(&validate(rules(&dns, 80)).await, ProblemType::Dns, &[NAME, "NXDOMAIN", "A or AAAA"]);
    dns.zone().add_txt(NAME, "something");
    failed(&validate(rules(&dns, 80)).await, ProblemType::Dns, &[NAME, "has no A or AAAA record"]);
    dns.zone().set_trouble(NAME, Some(Trouble::ServFail));
    failed(&validate(rules(&dns, 80)).await, ProblemType::Dns, &[NAME, "SERVFAIL"]);
}

#[tokio::test]
async fn aliases_of_the_host_are_followed() {
    for trouble in [None, Some(Trouble::LoneAlias)] {
        let (dns, web) = (DnsServer::start(), Web::start(|_| ok(&key_authorization())).await);
        dns.zone().set_cname(NAME, "host.elsewhere.test");
        dns.zone().add_address("host.elsewhere.test", "127.0.0.1".parse().expect("an address"));
        dns.zone().set_trouble(NAME, trouble);
        let verdict = validate(rules(&dns, web.port())).await;
        assert_eq!(verdict.outcome, Ok(()), "{trouble:?} {:#?}", verdict.transcript);
    }
}

#[tokio::test]
async fn localhost_is_loopback_without_a_question() {
    let (dns, web) = (DnsServer::start(), Web::start(|_| ok(&key_authorization())).await);
    for name in ["localhost", "www.localhost"] {
        let verdict = run(patient(), attempt(ChallengeType::Http01, name, rules(&dns, web.port()))).await;
        assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
        let strict = NetworkRules { allowed: Vec::new(), ..rules(&dns, web.port()) };
        let verdict = run(patient(), attempt(ChallengeType::Http01, name, strict)).await;
        failed(&verdict, ProblemType::Connection, &["loopback"]);
    }
    assert_eq!(dns.zone().questions(), []);
}

#[tokio::test]
async fn s10_3_a_big_body_is_not_read_to_its_end() {
    let (dns, web) = (dns(), Web::start(|_| Reply::Flood(HEAD.into(), vec![b'x'; 4096])).await);
    let verdict = validate(rules(&dns, web.port())).await;
    failed(&verdict, ProblemType::IncorrectResponse, &["more than 8192 bytes"]);

    let padded = format!("{}{}", key_authorization(), " ".repeat(10_000));
    let web = Web::start(move |_| ok(&padded)).await;
    failed(&validate(rules(&dns, web.port())).await, ProblemType::IncorrectResponse, &["more than 8192 bytes"]);
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

#[tokio::test]
async fn s10_3_servers_that_never_end_are_left_at_the_limit() {
    let short = || Limits { request: Duration::from_millis(500), ..patient() };
    let dns = dns();
    let replies: [fn() -> Reply; 5] = [
        || Reply::Stall(Vec::new()),
        || Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\n".into()),
        || Reply::Drip(b"HTTP/1.1 200 OK\r\n\r\n".into(), b'x'),
        || Reply::Drip(b"HTTP/1.1 200 OK\r\nX: ".into(), b'x'),
        || Reply::Flood(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".into()),
    ];
    for reply in replies {
        let web = Web::start(move |_| reply()).await;
        let verdict = validate_within(short(), rules(&dns, web.port())).await;
        failed(&verdict, ProblemType::Connection, &["no complete answer within 500ms"]);
        assert!(happened(&verdict.transcript, |what| matches!(what, Happening::GaveUp { .. })));
    }
}

#[tokio::test]
async fn an_attempt_ends_with_its_own_limit_and_keeps_its_transcript() {
    let (dns, web) = (dns(), Web::start(|_| Reply::Stall(Vec::new())).await);
    let limits = Limits { attempt: Duration::from_secs(2), ..patient() };
    let verdict = validate_within(limits, rules(&dns, web.port())).await;
    failed(&verdict, ProblemType::Connection, &["http-01", NAME, "did not end within 2s"]);
    assert!(happened(&verdict.transcript, |what| matches!(what, Happening::Connected { error: None, .. })));
    assert!(matches!(verdict.transcript.steps.last().map(|step| &step.what), Some(Happening::GaveUp { .. })));
}

#[tokio::test]
async fn a_panic_is_a_fault_of_the_server_and_still_a_verdict() {
    struct Faulty(AtomicU32);
    impl Clock for Faulty {
        fn now(&self) -> Timestamp {
            // The first call begins the transcript; the second comes from the middle of the attempt.
            assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 1, "this panic is part of the test");
            Timestamp::EPOCH
        }
    }
    let dns = dns();
    let validators = Validators::new(Arc::new(Faulty(AtomicU32::new(0))), patient());
    let verdict = validators.attempt(attempt(ChallengeType::Http01, NAME, rules(&dns, 80))).await;
    failed(&verdict, ProblemType::ServerInternal, &["fault of this server"]);
}

#[tokio::test]
async fn what_is_no_http_is_an_incorrect_response() {
    let dns = dns();
    let many = (0..5000).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    let responses: [Vec<u8>; 5] = [
        b"SSH-2.0-OpenSSH_9.9\r\n".into(),
        b"<html>".repeat(10),
        vec![0; 64],
        format!("HTTP/1.1 200 OK\r\n{many}\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(100_000)).into_bytes(),
    ];
    for response in responses {
        let start = String::from_utf8_lossy(&response[..6]).into_owned();
        let web = Web::start(move |_| Reply::Bytes(response.clone())).await;
        let verdict = validate(rules(&dns, web.port())).await;
        let problem = failed(&verdict, ProblemType::IncorrectResponse, &["no HTTP/1 response"]);
        assert!(!problem.detail.contains("SSH"), "{start} {problem}");
    }
}

#[tokio::test]
async fn a_connection_that_closes_early_is_a_connection_problem() {
    let dns = dns();
    for response in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 87\r\n\r\nshort"] {
        let web = Web::start(move |_| Reply::Bytes(response.into())).await;
        let verdict = validate(rules(&dns, web.port())).await;
        failed(&verdict, ProblemType::Connection, &["closed the connection"]);
    }
}
