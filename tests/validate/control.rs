//! The HTTP endpoint that clients' hooks use.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use chancery_machine::challenge::ChallengeType;
use chancery_machine::problem::ProblemType;

use crate::dns::DnsServer;
use crate::dns_control::DnsControl;
use crate::{attempt, dns01, failed, patient, rules, run};

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

fn post(to: SocketAddr, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(to).expect("the endpoint listens");
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer is text");
    answer
}
