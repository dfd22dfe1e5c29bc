//! DNSSEC (RFC 4033 to 4035), validated by ourselves from a trust anchor of the profile, against a zone that is really signed.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::validate::Validators;
use chancery_actors::ports::{CaaQuestion, Validate as _, Verdict};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::dnssec::TrustAnchors;
use chancery_machine::identifier::DnsName;
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::ProblemType;
use chancery_machine::transcript::Happening;

use super::dns::{DnsServer, Trouble};
use super::signed_dns::{SignedDns, SignedZone, ZONE, alias, issue, txt};
use super::{Now, attempt, failed, happened, key_authorization, patient, run};

const HOUR: Duration = Duration::from_secs(3600);

fn value() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, key_authorization().as_bytes()))
}

fn host(label: &str) -> String {
    format!("{label}.{ZONE}")
}

/// The record that proves control of `www` in the signed zone.
fn proof() -> (String, String) {
    (format!("_acme-challenge.{}", host("www")), value())
}

fn zone(lasts: Duration) -> SignedZone {
    let (at, value) = proof();
    SignedZone::new(&[(&at, txt(&value))], Some(&host("plain")), lasts)
}

fn anchored(dns: &SignedDns, anchor: &str) -> NetworkRules {
    let dnssec = Some(TrustAnchors(vec![anchor.parse().expect("an anchor")]));
    NetworkRules { resolvers: vec![dns.address()], dnssec, ..NetworkRules::default() }
}

async fn validate(name: &str, network: NetworkRules) -> Verdict {
    Validators::new(Arc::new(Now), patient()).attempt(attempt(ChallengeType::Dns01, name, network)).await
}

async fn permits(name: &str, network: NetworkRules) -> Verdict {
    let question = CaaQuestion {
        name: DnsName::parse(name).expect("a name"),
        wildcard: false,
        account_url: "https://ca.test/acme/default/acct/1".into(),
        issuers: vec!["ca.test".into()],
        method: Some(ChallengeType::Dns01),
        network: Arc::new(network),
        perspectives: Arc::default(),
    };
    Validators::new(Arc::new(Now), patient()).permits(question).await
}

fn believed_absent(verdict: &Verdict, asked: &str) -> bool {
    happened(
        &verdict.transcript,
        |step| matches!(step, Happening::Resolved { name, answer: Err(answer), .. } if name == asked && ["no such record", "NXDOMAIN"].contains(&answer.as_str())),
    )
}

fn noted(verdict: &Verdict, word: &str) -> bool {
    happened(&verdict.transcript, |step| matches!(step, Happening::Resolved { record, .. } if record.contains(word)))
}

#[tokio::test]
async fn what_is_signed_up_to_the_anchor_is_secure() {
    let dns = zone(HOUR).serve();
    let verdict = validate(&host("www"), anchored(&dns, dns.anchor())).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    assert!(noted(&verdict, "TXT, secure by DNSSEC"), "{:#?}", verdict.transcript);
}

/// That there is none is proven too, so no CAA record can be kept from us.
#[tokio::test]
async fn what_is_not_there_is_proven_not_to_be_there() {
    let dns = zone(HOUR).serve();
    failed(&validate(ZONE, anchored(&dns, dns.anchor())).await, ProblemType::Dns, &["NXDOMAIN"]);
    let (front, network) = below_test(&dns);
    let verdict = permits(&host("nothing"), network).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    for name in [&host("nothing"), ZONE] {
        assert!(believed_absent(&verdict, name), "{:#?}", verdict.transcript);
    }
    drop(front);
}

/// A private zone whose parent nobody signs: the search for CAA records climbs there and takes what comes, as without DNSSEC.
/// What is in the zone stays proven, and control is proven nowhere else.
#[tokio::test]
async fn above_an_anchor_of_ones_own_the_search_takes_what_comes() {
    let signed = zone(HOUR).serve();
    let (front, network) = below_test(&signed);
    let verdict = permits(ZONE, network.clone()).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    front.zone().add_caa("test", 0, "issue", "other.example");
    let verdict = permits(ZONE, network.clone()).await;
    failed(&verdict, ProblemType::Caa, &["test CAA 0 issue \"other.example\""]);
    assert!(noted(&verdict, "CAA, unsigned by DNSSEC"), "{:#?}", verdict.transcript);
    front.zone().set_trouble("test", Some(Trouble::ServFail));
    failed(&permits(ZONE, network.clone()).await, ProblemType::Dns, &["CAA", "test", "SERVFAIL"]);
    front.zone().set_trouble("test", None);
    // What lies beside the zone is not above it, and no challenge is believed above it.
    front.zone().add_caa("beside.test", 0, "issue", "ca.test");
    failed(&permits("beside.test", network.clone()).await, ProblemType::Dns, &["DNSSEC", "beside.test"]);
    front.zone().add_txt("_acme-challenge.test", &value());
    failed(&validate("test", network.clone()).await, ProblemType::Dns, &["DNSSEC"]);
    front.zone().add_address("test", [127, 0, 0, 1].into());
    let by_web = attempt(ChallengeType::Http01, "test", network);
    failed(&run(patient(), by_web).await, ProblemType::Dns, &["DNSSEC"]);
}

/// RFC 4035 section 5: the alias is proven, and then by itself that there is nothing where it leads.
#[tokio::test]
async fn what_an_alias_leads_to_is_proven_not_to_be_there() {
    let (gone, bare, unsigned) = (host("gone"), host("ns"), format!("www.{}", host("plain")));
    let aliases = [("gone", gone.as_str()), ("bare", &bare), ("twice", &host("to-gone")), ("unsigned", &unsigned)];
    let named = aliases.map(|(label, target)| (host(&format!("to-{label}")), alias(target)));
    let records = named.each_ref().map(|(name, data)| (name.as_str(), data.clone()));
    let signed = SignedZone::new(&records, Some(&host("plain")), HOUR).serve();
    let (front, network) = below_test(&signed);
    front.zone().set_trouble(&unsigned, Some(Trouble::NoCaa(host("plain").leak())));
    for (name, _) in &named {
        let verdict = permits(name, network.clone()).await;
        assert_eq!(verdict.outcome, Ok(()), "{name} {:#?}", verdict.transcript);
        assert!(believed_absent(&verdict, name), "{:#?}", verdict.transcript);
    }
    // Of a name that is signed, an unsigned zone does not say that there is nothing.
    front.zone().set_trouble(&gone, Some(Trouble::NoCaa(host("plain").leak())));
    let verdict = permits(&host("to-gone"), network.clone()).await;
    failed(&verdict, ProblemType::Dns, &["CAA", "DNSSEC", "to-gone"]);
    // A signed alias to where no anchor reaches proves nothing of what is there.
    front.zone().add_caa("outside.example", 0, "issue", "ca.test");
    let leading = [("www.signed.test", alias("outside.example"))];
    let outside = SignedZone::new(&leading, None, HOUR).serve();
    front.zone().set_upstream(Some(outside.address()));
    let network = NetworkRules { dnssec: anchored(&outside, outside.anchor()).dnssec, ..network };
    failed(&permits(&host("www"), network).await, ProblemType::Dns, &["CAA", "DNSSEC"]);
}

/// Who leads a signed name elsewhere decides nothing there, neither by what is there nor by what is not.
#[tokio::test]
async fn an_alias_that_was_changed_after_it_was_signed_leads_nowhere() {
    let www = host("www");
    for target in ["gone", "allowed"] {
        let records = [(www.as_str(), alias(&host("forbidden"))), (&host("forbidden"), issue(";"))];
        let allowed = host("allowed");
        let mut forged = SignedZone::new(&[&records[..], &[(&allowed, issue("ca.test"))]].concat(), None, HOUR);
        forged.tamper(&www, alias(&host(target)));
        let signed = forged.serve();
        let (front, network) = below_test(&signed);
        failed(&permits(&www, network.clone()).await, ProblemType::Dns, &["CAA", "DNSSEC", &www]);
        let unasked = NetworkRules { dnssec: None, ..network };
        assert_eq!(permits(&www, unasked).await.outcome, Ok(()), "{target}");
        drop(front);
    }
}

/// The signed zone behind a server that knows nothing but that `test` has no CAA records, unsigned.
fn below_test(signed: &SignedDns) -> (DnsServer, NetworkRules) {
    let front = DnsServer::start();
    front.zone().add_txt("test", "exists");
    front.zone().set_upstream(Some(signed.address()));
    let network = NetworkRules { resolvers: vec![front.address()], ..anchored(signed, signed.anchor()) };
    (front, network)
}

/// RFC 4035 section 5.4: that there is nothing is said by the zone in which the name lies, or not at all.
#[tokio::test]
async fn an_unsigned_zone_says_nothing_of_what_is_not_in_it() {
    let signed = zone(HOUR).serve();
    let dns = DnsServer::start();
    dns.zone().set_upstream(Some(signed.address()));
    let network = NetworkRules { resolvers: vec![dns.address()], ..anchored(&signed, signed.anchor()) };
    let (plain, below) = (host("plain"), format!("www.{}", host("plain")));
    let plain: &'static str = plain.leak();
    for name in [ZONE, &below] {
        dns.zone().set_trouble(name, Some(Trouble::NoCaa(plain)));
    }
    let verdict = permits(ZONE, network.clone()).await;
    failed(&verdict, ProblemType::Dns, &["CAA", ZONE, "DNSSEC"]);
    assert!(!believed_absent(&verdict, ZONE), "{:#?}", verdict.transcript);
    // Of what is in it, it may.
    let verdict = permits(&below, network).await;
    assert!(believed_absent(&verdict, &below), "{:#?}", verdict.transcript);
}

/// RFC 4035 section 5.3.4: what a wildcard gives is proven only with the proof that there is no such name.
#[tokio::test]
async fn a_wildcard_in_the_place_of_a_name_that_there_is_is_no_answer() {
    let (www, wildcard) = (host("www"), host("*"));
    let records = [(www.as_str(), issue(";")), (&wildcard, issue("ca.test"))];
    let signed = SignedZone::new(&records, Some(&host("plain")), HOUR).serve();
    let (front, network) = below_test(&signed);
    failed(&permits(&www, network.clone()).await, ProblemType::Caa, &[&www]);
    front.zone().set_trouble(&www, Some(Trouble::Spliced(host("plain").leak())));
    failed(&permits(&www, network.clone()).await, ProblemType::Dns, &["CAA", "DNSSEC", &www]);
    // Without validation it would have permitted.
    assert_eq!(permits(&www, NetworkRules { dnssec: None, ..network }).await.outcome, Ok(()));
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_no_answer() {
    let (at, value) = proof();
    let mut forged = SignedZone::new(&[(&at, txt("what the holder published"))], None, HOUR);
    forged.tamper(&at, txt(&value));
    let dns = forged.serve();
    failed(&validate(&host("www"), anchored(&dns, dns.anchor())).await, ProblemType::Dns, &["DNSSEC"]);
    // Without validation it would have proven control.
    let unasked = NetworkRules { dnssec: None, ..anchored(&dns, dns.anchor()) };
    assert_eq!(validate(&host("www"), unasked).await.outcome, Ok(()));
}

#[tokio::test]
async fn signatures_that_have_ended_are_no_answer() {
    let dns = zone(Duration::ZERO).serve();
    // A signature is good to the end of the second in which it ends.
    tokio::time::sleep(Duration::from_secs(2)).await;
    failed(&validate(&host("www"), anchored(&dns, dns.anchor())).await, ProblemType::Dns, &["DNSSEC"]);
}

#[tokio::test]
async fn another_key_than_the_anchor_proves_nothing() {
    let (dns, other) = (zone(HOUR).serve(), zone(HOUR).serve());
    failed(&validate(&host("www"), anchored(&dns, other.anchor())).await, ProblemType::Dns, &["DNSSEC"]);
}

/// A zone without signatures, and nobody who proves that it needs none.
#[tokio::test]
async fn an_unsigned_zone_at_the_anchor_is_no_answer() {
    let signed = zone(HOUR).serve();
    let dns = DnsServer::start();
    let (at, value) = proof();
    dns.zone().add_txt(&at, &value);
    let network = NetworkRules { resolvers: vec![dns.address()], ..anchored(&signed, signed.anchor()) };
    failed(&validate(&host("www"), network).await, ProblemType::Dns, &["DNSSEC"]);
}

/// The zone above proves that it has delegated the name without a key: whoever does not sign is served as ever.
#[tokio::test]
async fn what_is_proven_to_be_unsigned_is_believed_as_it_is() {
    let signed = zone(HOUR).serve();
    let dns = DnsServer::start();
    dns.zone().set_upstream(Some(signed.address()));
    dns.zone().add_txt(&format!("_acme-challenge.www.{}", host("plain")), &value());
    let network = NetworkRules { resolvers: vec![dns.address()], ..anchored(&signed, signed.anchor()) };
    let verdict = validate(&format!("www.{}", host("plain")), network).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    assert!(noted(&verdict, "TXT, unsigned by DNSSEC"), "{:#?}", verdict.transcript);
}
