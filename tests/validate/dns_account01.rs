//! dns-account-01 (draft-ietf-acme-dns-account-label), with the draft's own example.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery_actors::ports::Attempt;
use chancery_machine::challenge::ChallengeType;
use chancery_machine::problem::ProblemType;

use super::dns::DnsServer;
use super::{attempt, failed, key_authorization, patient, rules, run};

const AT: &str = "_ujmmovf2vn55tgye._acme-challenge.www.example.org";

fn example(dns: &DnsServer) -> Attempt {
    let account_url = "https://example.com/acme/acct/ExampleAccount".into();
    Attempt { account_url, ..attempt(ChallengeType::DnsAccount01, "www.example.org", rules(dns, 80)) }
}

fn value() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, key_authorization().as_bytes()))
}

#[tokio::test]
async fn the_record_of_the_draft_proves_control() {
    let dns = DnsServer::start();
    dns.zone().add_txt(AT, &value());
    let verdict = run(patient(), example(&dns)).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    // The wildcard's record is at the same place.
    let verdict = run(patient(), Attempt { wildcard: true, ..example(&dns) }).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
}

#[tokio::test]
async fn records_of_dns_01_and_of_other_accounts_prove_nothing() {
    let dns = DnsServer::start();
    dns.zone().add_txt("_acme-challenge.www.example.org", &value());
    dns.zone().add_txt("_ujmmovf2vn55tgyf._acme-challenge.www.example.org", &value());
    failed(&run(patient(), example(&dns)).await, ProblemType::Dns, &[AT, &value()]);
    dns.zone().add_txt(AT, "something else");
    failed(&run(patient(), example(&dns)).await, ProblemType::Unauthorized, &[AT, &value()]);
}
