//! dns-01 (RFC 8555 section 8.4).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest as hash};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::ports::Attempt;
use chancery_machine::challenge::ChallengeType;
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::ProblemType;
use chancery_machine::transcript::Happening;

use crate::dns::{DnsServer, Transport, Trouble};
use crate::{attempt, failed, happened, key_authorization, patient, rules, run};

const HOST: &str = "_acme-challenge.www.example.test";

/// The value that the tests' challenge asks for.
pub(crate) fn digest() -> String {
    URL_SAFE_NO_PAD.encode(hash(&SHA256, key_authorization().as_bytes()))
}

async fn validate(dns: &DnsServer) -> chancery_actors::ports::Verdict {
    run(patient(), attempt(ChallengeType::Dns01, "www.example.test", rules(dns, 80))).await
}

#[tokio::test]
async fn one_right_record_among_others_proves_control() {
    let dns = DnsServer::start();
    dns.zone().add_txt(HOST, "something else");
    dns.zone().add_txt(HOST, &digest());
    dns.zone().add_txt(HOST, "");
    let verdict = validate(&dns).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    assert!(happened(&verdict.transcript, |what| matches!(
        what,
        Happening::Resolved { resolver, name, record, answer: Ok(found) }
            if *resolver == dns.address().to_string() && name == HOST && record == "TXT" && found.len() == 3
    )));
}

#[tokio::test]
async fn the_strings_of_a_record_are_one_value() {
    let dns = DnsServer::start();
    let digest = digest();
    let (front, back) = digest.split_at(10);
    dns.zone().add_txt_strings(HOST, &[front, "", back]);
    assert_eq!(validate(&dns).await.outcome, Ok(()));
}

#[tokio::test]
async fn aliases_are_followed_in_one_answer_and_in_several() {
    for trouble in [None, Some(Trouble::LoneAlias)] {
        let dns = DnsServer::start();
        dns.zone().set_cname(HOST, "first.elsewhere.test");
        dns.zone().set_cname("first.elsewhere.test", "second.elsewhere.test");
        dns.zone().add_txt("second.elsewhere.test", &digest());
        dns.zone().set_trouble(HOST, trouble);
        dns.zone().set_trouble("first.elsewhere.test", trouble);
        let verdict = validate(&dns).await;
        assert_eq!(verdict.outcome, Ok(()), "{trouble:?} {:#?}", verdict.transcript);
    }
}

#[tokio::test]
async fn aliases_that_lead_in_a_circle_end() {
    for trouble in [None, Some(Trouble::LoneAlias)] {
        let dns = DnsServer::start();
        dns.zone().set_cname(HOST, "circle.test");
        dns.zone().set_cname("circle.test", HOST);
        dns.zone().set_trouble(HOST, trouble);
        dns.zone().set_trouble("circle.test", trouble);
        failed(&validate(&dns).await, ProblemType::Dns, &[HOST, "no TXT record"]);
    }
}

#[tokio::test]
async fn other_values_are_unauthorized_and_stay_in_the_transcript() {
    let dns = DnsServer::start();
    dns.zone().add_txt(HOST, "found-value-one");
    dns.zone().add_txt(HOST, &digest().to_lowercase());
    let verdict = validate(&dns).await;
    let problem = failed(&verdict, ProblemType::Unauthorized, &[HOST, "2 TXT records", &digest()]);
    assert!(!problem.detail.contains("found-value-one"));
    assert!(happened(&verdict.transcript, |what| matches!(
        what,
        Happening::Compared { expected, found } if *expected == digest() && found.contains("found-value-one")
    )));
}

#[tokio::test]
async fn no_record_is_a_dns_problem_that_says_what_to_publish() {
    let dns = DnsServer::start();
    failed(&validate(&dns).await, ProblemType::Dns, &[HOST, "NXDOMAIN", &digest()]);
    dns.zone().add_address(HOST, "192.0.2.1".parse().expect("an address"));
    failed(&validate(&dns).await, ProblemType::Dns, &[HOST, "has no TXT record", &digest()]);
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let dns = DnsServer::start();
    dns.zone().add_txt(HOST, &digest());
    dns.zone().set_trouble(HOST, Some(Trouble::Truncation));
    assert_eq!(validate(&dns).await.outcome, Ok(()));
    assert!(dns.zone().questions().iter().any(|(_, _, transport)| *transport == Transport::Tcp));

    let dns = DnsServer::start();
    (0..40).for_each(|number| dns.zone().add_txt(HOST, &format!("{number}{}", "x".repeat(200))));
    dns.zone().add_txt(HOST, &digest());
    let verdict = validate(&dns).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    assert!(dns.zone().questions().iter().any(|(_, _, transport)| *transport == Transport::Tcp));
}

#[tokio::test]
async fn a_name_that_the_dns_cannot_carry_is_refused() {
    let dns = DnsServer::start();
    let name = [&"a".repeat(63)[..], &"b".repeat(63), &"c".repeat(63), &"d".repeat(61)].join(".");
    let verdict = run(patient(), attempt(ChallengeType::Dns01, &name, rules(&dns, 80))).await;
    failed(&verdict, ProblemType::Dns, &["255 octets"]);
    assert_eq!(dns.zone().questions(), []);
}

#[tokio::test]
async fn s8_1_leading_zero_octets_of_digests_are_kept() {
    let asked = attempt(ChallengeType::Dns01, "example.test", NetworkRules::default());
    // One key authorization in 256 has such a digest.
    let digested = |thumbprint: u16| {
        let [high, low] = thumbprint.to_be_bytes();
        let mut octets = [high; 32];
        octets[31] = low;
        let key_authorization = asked.token.key_authorization(&octets);
        let digest = hash(&SHA256, key_authorization.as_bytes());
        (key_authorization, digest)
    };
    let (key_authorization, digest) =
        (0..u16::MAX).map(digested).find(|(_, digest)| digest.as_ref()[0] == 0).expect("one in 256");
    let dns = DnsServer::start();
    let network = Arc::new(rules(&dns, 80));
    let asked = Attempt { key_authorization, network, ..asked };
    let value = URL_SAFE_NO_PAD.encode(digest);
    dns.zone().add_txt("_acme-challenge.example.test", value.trim_start_matches('A'));
    failed(&run(patient(), asked.clone()).await, ProblemType::Unauthorized, &[&value]);
    dns.zone().add_txt("_acme-challenge.example.test", &value);
    assert_eq!(run(patient(), asked).await.outcome, Ok(()));
}
