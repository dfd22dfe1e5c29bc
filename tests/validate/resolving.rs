//! Resolvers that fail, fall silent, or take turns.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use chancery::validate::{Limits, Validators};
use chancery_actors::ports::Validate as _;
use chancery_machine::challenge::ChallengeType;
use chancery_machine::problem::ProblemType;
use chancery_machine::transcript::Happening;

use crate::dns::{DnsServer, Trouble};
use crate::{Now, attempt, dns01, failed, happened, patient, rules, run};

const HOST: &str = "_acme-challenge.www.example.test";

fn short() -> Limits {
    Limits { dns_try: Duration::from_millis(500), dns_lookup: Duration::from_secs(1), ..patient() }
}

#[tokio::test]
async fn a_failing_zone_is_told_from_a_missing_record() {
    for (trouble, word) in [(Trouble::ServFail, "SERVFAIL"), (Trouble::Refused, "REFUSED")] {
        let dns = DnsServer::start();
        dns.zone().add_txt(HOST, &dns01::digest());
        dns.zone().set_trouble(HOST, Some(trouble));
        let verdict = run(patient(), attempt(ChallengeType::Dns01, "www.example.test", rules(&dns, 80))).await;
        failed(&verdict, ProblemType::Dns, &[HOST, word]);
        assert!(happened(&verdict.transcript, |what| matches!(
            what,
            Happening::Resolved { answer: Err(answer), .. } if answer.contains(word)
        )));
    }
}

/// What a resolver finds forged (DNSSEC) it answers with SERVFAIL: nothing is proven by that, and operators read why
/// (RFC 8914). Its own words are not for clients.
#[tokio::test]
async fn what_the_resolver_finds_forged_proves_nothing() {
    let dns = DnsServer::start();
    dns.zone().add_txt(HOST, &dns01::digest());
    dns.zone().set_trouble(HOST, Some(Trouble::Extended(&[6])));
    let verdict = run(patient(), attempt(ChallengeType::Dns01, "www.example.test", rules(&dns, 80))).await;
    let problem = failed(&verdict, ProblemType::Dns, &[HOST, "SERVFAIL", "extended error 6, DNSSEC bogus"]);
    assert!(!problem.detail.contains("no DS for this key"), "{problem}");
    assert!(happened(&verdict.transcript, |what| matches!(
        what,
        Happening::Resolved { answer: Err(answer), .. } if answer.contains("DNSSEC bogus: no DS for this key")
    )));
}

#[tokio::test]
async fn silence_ends_with_the_limit() {
    let dns = DnsServer::start();
    dns.zone().set_trouble(HOST, Some(Trouble::Silence));
    let verdict = run(short(), attempt(ChallengeType::Dns01, "www.example.test", rules(&dns, 80))).await;
    failed(&verdict, ProblemType::Dns, &[HOST, "no resolver answered"]);
}

#[tokio::test]
async fn the_next_resolver_is_asked_when_one_is_of_no_use() {
    for trouble in [Trouble::ServFail, Trouble::Refused, Trouble::Silence] {
        let (first, second) = (DnsServer::start(), DnsServer::start());
        first.zone().set_trouble(HOST, Some(trouble));
        second.zone().add_txt(HOST, &dns01::digest());
        let mut rules = rules(&first, 80);
        rules.resolvers.push(second.address());
        let limits = Limits { dns_try: Duration::from_secs(2), ..patient() };
        let verdict = run(limits, attempt(ChallengeType::Dns01, "www.example.test", rules)).await;
        assert_eq!(verdict.outcome, Ok(()), "{trouble:?} {:#?}", verdict.transcript);
        let asked = verdict.transcript.steps.iter().filter_map(|step| {
            let Happening::Resolved { resolver, answer, .. } = &step.what else { return None };
            Some((resolver.clone(), answer.is_ok()))
        });
        let expected = [(first.address().to_string(), false), (second.address().to_string(), true)];
        assert_eq!(asked.collect::<Vec<_>>(), expected);
    }
}

/// RFC 8914 section 4, and the codes that were registered since: of one that validates, that this is why it does not answer.
const OF_DNSSEC: [&[u16]; 14] =
    [&[1], &[2], &[5], &[6], &[7], &[8], &[9], &[10], &[11], &[12], &[25], &[27], &[22, 6], &[9, 22]];

/// Those that are of something else, and what nobody knows.
const OF_OTHERS: [&[u16]; 10] = [&[], &[0], &[3], &[4], &[13], &[14], &[22], &[23], &[22, 23], &[65_535]];

#[tokio::test]
async fn what_a_resolver_finds_forged_is_not_asked_of_the_next_one() {
    for errors in OF_DNSSEC {
        let (first, second) = (DnsServer::start(), DnsServer::start());
        first.zone().set_trouble(HOST, Some(Trouble::Extended(errors)));
        second.zone().add_txt(HOST, &dns01::digest());
        let mut rules = rules(&first, 80);
        rules.resolvers.push(second.address());
        let verdict = run(patient(), attempt(ChallengeType::Dns01, "www.example.test", rules)).await;
        failed(&verdict, ProblemType::Dns, &[HOST, "SERVFAIL (extended error"]);
        assert_eq!(second.zone().questions(), [], "{errors:?}");
    }
}

/// The question why is asked again if its answer is lost.
#[tokio::test]
async fn a_lost_datagram_does_not_let_the_next_resolver_overrule() {
    let (first, second) = (DnsServer::start(), DnsServer::start());
    first.zone().set_trouble(HOST, Some(Trouble::Lossy));
    second.zone().add_txt(HOST, &dns01::digest());
    let mut rules = rules(&first, 80);
    rules.resolvers.push(second.address());
    let verdict = run(patient(), attempt(ChallengeType::Dns01, "www.example.test", rules)).await;
    failed(&verdict, ProblemType::Dns, &[HOST, "extended error 6"]);
    assert_eq!(second.zone().questions(), []);
}

#[tokio::test]
async fn a_failure_that_is_not_of_dnssec_lets_the_next_resolver_answer() {
    for errors in OF_OTHERS {
        let (first, second) = (DnsServer::start(), DnsServer::start());
        first.zone().set_trouble(HOST, Some(Trouble::Extended(errors)));
        second.zone().add_txt(HOST, &dns01::digest());
        let mut rules = rules(&first, 80);
        rules.resolvers.push(second.address());
        let verdict = run(patient(), attempt(ChallengeType::Dns01, "www.example.test", rules)).await;
        assert_eq!(verdict.outcome, Ok(()), "{errors:?} {:#?}", verdict.transcript);
    }
}

#[tokio::test]
async fn a_resolver_that_says_no_is_believed() {
    let (first, second) = (DnsServer::start(), DnsServer::start());
    second.zone().add_txt(HOST, &dns01::digest());
    let mut rules = rules(&first, 80);
    rules.resolvers.push(second.address());
    let verdict = run(patient(), attempt(ChallengeType::Dns01, "www.example.test", rules)).await;
    failed(&verdict, ProblemType::Dns, &["NXDOMAIN"]);
    assert_eq!(second.zone().questions(), []);
}

#[tokio::test]
async fn a_resolver_that_does_not_run_is_named_as_the_fault() {
    let dns = DnsServer::start();
    let mut rules = rules(&dns, 80);
    // Bound, so that no other test gets the port, and never read.
    let dead = UdpSocket::bind("127.0.0.1:0").expect("a free UDP port");
    rules.resolvers = vec![dead.local_addr().expect("a bound socket has an address")];
    let verdict = run(short(), attempt(ChallengeType::Dns01, "www.example.test", rules)).await;
    failed(&verdict, ProblemType::Dns, &["no resolver answered"]);
}

#[tokio::test]
async fn no_answer_is_kept_for_the_next_attempt() {
    let dns = DnsServer::start();
    let validators = Validators::new(Arc::new(Now), patient());
    let asked = attempt(ChallengeType::Dns01, "www.example.test", rules(&dns, 80));
    failed(&validators.attempt(asked.clone()).await, ProblemType::Dns, &["NXDOMAIN"]);
    dns.zone().add_txt(HOST, &dns01::digest());
    assert_eq!(validators.attempt(asked.clone()).await.outcome, Ok(()));
    dns.zone().clear_txt(HOST);
    failed(&validators.attempt(asked).await, ProblemType::Dns, &["NXDOMAIN"]);
}

#[tokio::test]
async fn the_case_of_questions_is_random() {
    let dns = DnsServer::start();
    // Of 2^69 ways to write this question, one has no capital letter.
    let name = format!("{}.example.test", "a".repeat(45));
    failed(&run(patient(), attempt(ChallengeType::Dns01, &name, rules(&dns, 80))).await, ProblemType::Dns, &[]);
    assert!(dns.zone().capitals());
}

#[test]
fn clients_outlive_the_runtime_that_used_them_first() {
    let dns = DnsServer::start();
    dns.zone().add_txt(HOST, &dns01::digest());
    let truncated = "_acme-challenge.long.example.test";
    dns.zone().add_txt(truncated, &dns01::digest());
    dns.zone().set_trouble(truncated, Some(Trouble::Truncation));
    let validators = Validators::new(Arc::new(Now), patient());
    // Each arbiter of the engine is a runtime of its own, and may end before the others.
    for round in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for name in ["www.example.test", "long.example.test"] {
            let asked = attempt(ChallengeType::Dns01, name, rules(&dns, 80));
            let verdict = runtime.block_on(validators.attempt(asked));
            assert_eq!(verdict.outcome, Ok(()), "{round} {name} {:#?}", verdict.transcript);
        }
    }
}

#[tokio::test]
async fn many_attempts_at_once_share_a_resolver() {
    let dns = DnsServer::start();
    let validators = Validators::new(Arc::new(Now), patient());
    let attempts = (0..500).map(|number| {
        let name = format!("host{number}.example.test");
        let host = format!("_acme-challenge.{name}");
        dns.zone().add_txt(&host, &dns01::digest());
        if number % 2 == 0 {
            dns.zone().set_trouble(&host, Some(Trouble::Truncation));
        }
        validators.attempt(attempt(ChallengeType::Dns01, &name, rules(&dns, 80)))
    });
    for verdict in futures::future::join_all(attempts).await {
        assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    }
}
