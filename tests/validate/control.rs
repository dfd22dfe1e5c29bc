//! The HTTP endpoint that clients' hooks use.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use chancery_machine::challenge::ChallengeType;
use chancery_machine::problem::ProblemType;

use crate::dns::DnsServer;
use crate::dns_control::DnsControl;
use crate::web::{Web, ok};
use crate::{attempt, dns01, failed, key_authorization, patient, rules, run};

#[tokio::test]
async fn hooks_publish_and_withdraw_records() {
    let dns = DnsServer::start();
    let control = DnsControl::start(dns.zone());
    let (host, value) = ("_acme-challenge.example.test.", dns01::digest());
    let set = format!("{{\"host\": \"{host}\", \"value\": \"{value}\"}}");
    assert!(post(control.address(), "/set-txt", &set).starts_with("HTTP/1.1 200"));
    let asked = attempt(ChallengeType::Dns01, "example.test", rules(&dns, 80));
    assert_eq!(run(patient(), asked.clone()).await.outcome, Ok(()));
    assert!(post(control.address(), "/clear-txt", &format!("{{\"host\": \"{host}\"}}")).starts_with("HTTP/1.1 200"));
    failed(&run(patient(), asked).await, ProblemType::Dns, &["NXDOMAIN"]);
    assert!(post(control.address(), "/unknown", "{}").starts_with("HTTP/1.1 404"));
    assert!(post(control.address(), "/set-txt", "no JSON").starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn addresses_of_all_names_are_set_at_once() {
    let dns = DnsServer::start();
    let control = DnsControl::start(dns.zone());
    let web = Web::start(|_| ok(&key_authorization())).await;
    for (path, body) in [
        ("/set-default-ipv6", r#"{"ip": "::1"}"#),
        ("/set-default-ipv4", r#"{"ip": "127.0.0.1"}"#),
        ("/set-default-ipv6", r#"{"ip": ""}"#),
        ("/add-a", r#"{"host": "own.test", "addresses": ["127.0.0.1"]}"#),
        ("/set-cname", r#"{"host": "alias.test", "target": "any.test"}"#),
        ("/set-servfail", r#"{"host": "broken.test"}"#),
    ] {
        assert!(post(control.address(), path, body).starts_with("HTTP/1.1 200"), "{path}");
    }
    for name in ["any.test", "own.test", "alias.test"] {
        let verdict = run(patient(), attempt(ChallengeType::Http01, name, rules(&dns, web.port()))).await;
        assert_eq!(verdict.outcome, Ok(()), "{name} {:#?}", verdict.transcript);
    }
    let verdict = run(patient(), attempt(ChallengeType::Http01, "broken.test", rules(&dns, web.port()))).await;
    failed(&verdict, ProblemType::Dns, &["SERVFAIL"]);
}

fn post(to: SocketAddr, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(to).expect("the endpoint listens");
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    answer
}
