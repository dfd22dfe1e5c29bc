//! CAA by RFC 8659 and RFC 8657, asked of a real DNS: where the relevant records are, and what becomes of look-ups that fail.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chancery::validate::{Limits, Validators};
use chancery_actors::ports::{Attempt, CaaQuestion, Validate as _, Verdict};
use chancery_machine::challenge::ChallengeType;
use chancery_machine::identifier::{DnsName, Identifier};
use chancery_machine::problem::ProblemType;
use chancery_machine::transcript::Happening;
use hickory_proto::rr::RecordType;

use super::dns::{DnsServer, Trouble};
use super::{Now, attempt, failed, happened, patient, rules};

const ACCOUNT: &str = "https://ca.test/acme/default/acct/1";

fn question(dns: &DnsServer, name: &str) -> CaaQuestion {
    CaaQuestion {
        name: DnsName::parse(name).expect("a name"),
        wildcard: false,
        account_url: ACCOUNT.into(),
        issuers: vec!["ca.test".into()],
        method: Some(ChallengeType::Dns01),
        network: Arc::new(rules(dns, 80)),
        perspectives: Arc::default(),
    }
}

async fn permits(question: CaaQuestion) -> Verdict {
    permits_within(patient(), question).await
}

async fn permits_within(limits: Limits, question: CaaQuestion) -> Verdict {
    Validators::new(Arc::new(Now), limits).permits(question).await
}

fn asked(dns: &DnsServer) -> Vec<String> {
    let questions = dns.zone().questions().into_iter();
    questions.filter(|(_, kind, _)| *kind == RecordType::CAA).map(|(name, _, _)| name).collect()
}

/// An attempt of dns-01 that proves control.
fn proven(dns: &DnsServer, name: &str) -> Attempt {
    let attempt = Attempt {
        account_url: ACCOUNT.into(),
        issuers: vec!["ca.test".into()],
        ignores_caa: false,
        ..attempt(ChallengeType::Dns01, name, rules(dns, 80))
    };
    let value = URL_SAFE_NO_PAD.encode(digest(&SHA256, attempt.key_authorization.as_bytes()));
    dns.zone().add_txt(&format!("_acme-challenge.{name}"), &value);
    attempt
}

/// RFC 8659 section 3: from the name up to, and not including, the root.
#[tokio::test]
async fn s3_the_search_climbs_to_the_top_level_domain() {
    let dns = DnsServer::start();
    let verdict = permits(question(&dns, "x.y.z.test")).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    assert_eq!(asked(&dns), ["x.y.z.test.", "y.z.test.", "z.test.", "test."]);
}

#[tokio::test]
async fn s3_the_first_set_that_is_not_empty_is_the_relevant_one() {
    let dns = DnsServer::start();
    dns.zone().add_caa("test", 0, "issue", "other.test");
    dns.zone().add_caa("b.test", 0, "issue", "ca.test");
    dns.zone().add_caa("forbidden.b.test", 0, "issue", ";");
    dns.zone().add_caa("silent.b.test", 0, "iodef", "mailto:security@b.test");
    for (name, allowed) in [
        ("a.b.test", true),
        ("b.test", true),
        ("c.test", false),
        ("forbidden.b.test", false),
        ("a.forbidden.b.test", false),
        // A set that restricts nothing ends the search too.
        ("silent.b.test", true),
    ] {
        let verdict = permits(question(&dns, name)).await;
        assert_eq!(verdict.outcome.is_ok(), allowed, "{name} {:#?}", verdict.transcript);
        if !allowed {
            failed(&verdict, ProblemType::Caa, &["CAA", "ca.test", name]);
        }
    }
}

#[tokio::test]
async fn s3_aliases_are_followed_and_their_own_parents_are_not_climbed() {
    let dns = DnsServer::start();
    dns.zone().set_cname("www.a.test", "host.elsewhere.example");
    dns.zone().add_caa("host.elsewhere.example", 0, "issue", "other.test");
    failed(&permits(question(&dns, "www.a.test")).await, ProblemType::Caa, &["www.a.test"]);

    // What the alias leads to has none: the search goes on above the alias, not above its target.
    dns.zone().set_cname("web.a.test", "bare.elsewhere.example");
    dns.zone().add_caa("elsewhere.example", 0, "issue", "other.test");
    dns.zone().add_caa("a.test", 0, "issue", "ca.test");
    let verdict = permits(question(&dns, "web.a.test")).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
}

#[tokio::test]
async fn s4_3_wildcards_have_records_of_their_own() {
    let dns = DnsServer::start();
    dns.zone().add_caa("a.test", 0, "issue", "ca.test");
    dns.zone().add_caa("a.test", 0, "issuewild", "other.test");
    assert_eq!(permits(question(&dns, "a.test")).await.outcome, Ok(()));
    let wildcard = CaaQuestion { wildcard: true, ..question(&dns, "a.test") };
    failed(&permits(wildcard).await, ProblemType::Caa, &["*.a.test", "issuewild"]);
}

#[tokio::test]
async fn s4_5_a_critical_property_that_is_not_known_forbids() {
    let dns = DnsServer::start();
    dns.zone().add_caa("a.test", 0, "issue", "ca.test");
    dns.zone().add_caa("a.test", 128, "tbs", "Unknown");
    failed(&permits(question(&dns, "a.test")).await, ProblemType::Caa, &["critical"]);
}

/// What fails may be a set that forbids: it is no permission, whichever step of the way it is.
#[tokio::test]
async fn what_cannot_be_looked_up_is_no_permission() {
    let dns = DnsServer::start();
    dns.zone().add_caa("a.test", 0, "issue", "ca.test");
    for trouble in [Trouble::ServFail, Trouble::Refused] {
        for broken in ["www.a.test", "sub.www.a.test"] {
            dns.zone().set_trouble(broken, Some(trouble));
            failed(&permits(question(&dns, "sub.www.a.test")).await, ProblemType::Dns, &["CAA", broken]);
            dns.zone().set_trouble(broken, None);
        }
    }
    assert_eq!(permits(question(&dns, "sub.www.a.test")).await.outcome, Ok(()));
    dns.zone().set_trouble("www.a.test", Some(Trouble::Silence));
    let soon = std::time::Duration::from_millis(300);
    let hasty = Limits { dns_try: soon, dns_lookup: soon, ..patient() };
    failed(&permits_within(hasty, question(&dns, "www.a.test")).await, ProblemType::Dns, &["CAA"]);
    let hasty = Limits { attempt: soon, ..patient() };
    failed(&permits_within(hasty, question(&dns, "www.a.test")).await, ProblemType::Dns, &["CAA", "did not end"]);
}

#[tokio::test]
async fn names_that_are_loopback_by_their_name_have_no_records() {
    let dns = DnsServer::start();
    for name in ["localhost", "a.localhost"] {
        let nameless = CaaQuestion { issuers: Vec::new(), ..question(&dns, name) };
        let verdict = permits(nameless).await;
        assert_eq!(verdict.outcome, Ok(()));
        let known =
            |step: &Happening| matches!(step, Happening::Resolved { resolver, .. } if resolver.starts_with("RFC 6761"));
        assert!(happened(&verdict.transcript, known), "{:#?}", verdict.transcript);
    }
    assert_eq!(dns.zone().questions(), []);
}

#[tokio::test]
async fn rfc8657_accounts_and_methods_are_told_apart() {
    let dns = DnsServer::start();
    let mine = format!("ca.test; accounturi={ACCOUNT}");
    dns.zone().add_caa("mine.test", 0, "issue", &mine);
    dns.zone().add_caa("theirs.test", 0, "issue", "ca.test; accounturi=https://ca.test/acme/default/acct/2");
    dns.zone().add_caa("twice.test", 0, "issue", &format!("{mine}; accounturi={ACCOUNT}"));
    dns.zone().add_caa("dns.test", 0, "issue", "ca.test; validationmethods=dns-01,dns-persist-01");
    dns.zone().add_caa("web.test", 0, "issue", "ca.test; validationmethods=http-01");
    for (name, allowed) in
        [("mine.test", true), ("theirs.test", false), ("twice.test", false), ("dns.test", true), ("web.test", false)]
    {
        let verdict = permits(question(&dns, name)).await;
        assert_eq!(verdict.outcome.is_ok(), allowed, "{name} {:#?}", verdict.transcript);
    }
    let exempt = CaaQuestion { method: None, ..question(&dns, "dns.test") };
    failed(&permits(exempt).await, ProblemType::Caa, &["without validation"]);
}

/// One attempt has one transcript: control first, then the CAA records.
#[tokio::test]
async fn an_attempt_asks_after_control_is_proven() {
    let dns = DnsServer::start();
    dns.zone().add_caa("a.test", 0, "issue", "other.test");
    let validators = Validators::new(Arc::new(Now), patient());

    let verdict = validators.attempt(proven(&dns, "a.test")).await;
    failed(&verdict, ProblemType::Caa, &["a.test"]);
    let steps = &verdict.transcript.steps;
    let place = |wanted: &str| {
        steps.iter().position(|step| matches!(&step.what, Happening::Resolved { record, .. } if record == wanted))
    };
    assert!(place("TXT").expect("the proof was asked for") < place("CAA").expect("CAA was asked for"), "{steps:#?}");
    assert!(happened(&verdict.transcript, |step| matches!(step, Happening::GaveUp { .. })));

    // Where control is not proven, nothing more is asked.
    let unproven =
        Attempt { identifier: Identifier::Dns(DnsName::parse("b.test").expect("a name")), ..proven(&dns, "a.test") };
    let before = asked(&dns).len();
    failed(&validators.attempt(unproven).await, ProblemType::Dns, &["_acme-challenge.b.test"]);
    assert_eq!(asked(&dns).len(), before);
}

/// RFC 9444: which names below it there will be, only an order says; it is asked when that is finalized.
#[tokio::test]
async fn a_proof_for_all_below_a_name_is_not_asked_about() {
    let dns = DnsServer::start();
    dns.zone().add_caa("a.test", 0, "issue", ";");
    let below = Attempt { subdomains: true, ..proven(&dns, "a.test") };
    assert_eq!(Validators::new(Arc::new(Now), patient()).attempt(below).await.outcome, Ok(()));
    assert_eq!(asked(&dns), Vec::<String>::new());
}

/// Without a name it is one that no record can mean (RFC 8659 section 4.2): what restricts anybody, restricts it.
#[tokio::test]
async fn an_authority_without_a_name_is_named_by_no_record() {
    let dns = DnsServer::start();
    dns.zone().add_caa("nobody.test", 0, "issue", ";");
    dns.zone().add_caa("other.test", 0, "issue", "other.example");
    dns.zone().add_caa("wild.test", 0, "issuewild", "other.example");
    dns.zone().add_caa("critical.test", 128, "tbs", "Unknown");
    dns.zone().add_caa("reports.test", 0, "iodef", "mailto:security@reports.test");
    for (name, wildcard, forbidden) in [
        ("nobody.test", false, Some("nobody.test CAA 0 issue \";\"")),
        ("a.nobody.test", false, Some("nobody.test CAA 0 issue \";\"")),
        ("other.test", false, Some("other.test CAA 0 issue \"other.example\"")),
        ("other.test", true, Some("other.test CAA 0 issue \"other.example\"")),
        ("wild.test", false, None),
        ("wild.test", true, Some("wild.test CAA 0 issuewild \"other.example\"")),
        ("critical.test", false, Some("critical.test CAA 128 tbs \"Unknown\"")),
        ("reports.test", false, None),
        ("without.test", false, None),
    ] {
        let asked = CaaQuestion { issuers: Vec::new(), wildcard, ..question(&dns, name) };
        let verdict = permits(asked).await;
        match forbidden {
            None => assert_eq!(verdict.outcome, Ok(()), "{name} {:#?}", verdict.transcript),
            Some(record) => {
                let problem = failed(&verdict, ProblemType::Caa, &[name, record]);
                // Who could change that: the operator, or for a critical property nobody but the holder.
                assert_eq!(problem.detail.contains("caaIdentities"), name != "critical.test", "{problem}");
            }
        }
    }
    // An attempt asks all the same.
    let nameless = Attempt { issuers: Vec::new(), ..proven(&dns, "nobody.test") };
    let verdict = Validators::new(Arc::new(Now), patient()).attempt(nameless).await;
    failed(&verdict, ProblemType::Caa, &["nobody.test", "caaIdentities"]);
}

#[tokio::test]
async fn who_has_a_name_is_told_the_record_that_is_in_the_way() {
    let dns = DnsServer::start();
    dns.zone().add_caa("a.test", 0, "issue", "other.example");
    let verdict = permits(question(&dns, "www.a.test")).await;
    failed(&verdict, ProblemType::Caa, &["a.test CAA 0 issue \"other.example\"", "add a record", "\"ca.test\""]);
}

#[tokio::test]
async fn a_profile_that_ignores_caa_asks_nobody() {
    let dns = DnsServer::start();
    dns.zone().add_caa("a.test", 0, "issue", ";");
    let careless = Attempt { ignores_caa: true, ..proven(&dns, "a.test") };
    let verdict = Validators::new(Arc::new(Now), patient()).attempt(careless).await;
    assert_eq!(verdict.outcome, Ok(()));
    assert_eq!(asked(&dns), Vec::<String>::new());
}

/// Aliases that the resolver leaves to be followed, and such as it follows: so many of each.
fn chain(dns: &DnsServer, start: &str, length: usize, end: &str) {
    for place in 0..length {
        let host = |place| match place {
            0 => start.to_owned(),
            place if place == length => end.to_owned(),
            place => format!("alias-{place}.{start}"),
        };
        dns.zone().set_cname(&host(place), &host(place + 1));
    }
}

/// RFC 8659 section 3 has aliases followed: what stands at the end of a long way is not nothing.
#[tokio::test]
async fn s3_the_end_of_many_aliases_counts_and_too_many_are_no_permission() {
    for alone in [false, true] {
        let dns = DnsServer::start();
        dns.zone().add_caa("forbidden.example", 0, "issue", ";");
        dns.zone().add_txt("silent.example", "exists");
        let ways = [
            ("one.test", 1),
            ("eight.test", 8),
            ("nine.test", 9),
            ("sixteen.test", 16),
            ("seventeen.test", 17),
            ("forty.test", 40),
        ];
        for (name, length) in ways {
            for (name, end) in [(format!("f.{name}"), "forbidden.example"), (format!("s.{name}"), "silent.example")] {
                chain(&dns, &name, length, end);
                for place in 0..length {
                    let host = if place == 0 { name.clone() } else { format!("alias-{place}.{name}") };
                    dns.zone().set_trouble(&host, alone.then_some(Trouble::LoneAlias));
                }
                let verdict = permits(question(&dns, &name)).await;
                if length > 16 {
                    assert!(verdict.outcome.is_err(), "{name} {alone} {:#?}", verdict.transcript);
                    failed(&verdict, ProblemType::Dns, &["CAA", &name, "CNAME"]);
                } else if end == "forbidden.example" {
                    failed(&verdict, ProblemType::Caa, &[&name]);
                } else {
                    assert_eq!(verdict.outcome, Ok(()), "{name} {alone} {:#?}", verdict.transcript);
                }
            }
        }
        dns.zone().set_cname("a.circle.test", "b.circle.test");
        dns.zone().set_cname("b.circle.test", "a.circle.test");
        failed(&permits(question(&dns, "a.circle.test")).await, ProblemType::Dns, &["CAA", "circle"]);
    }
}

/// RFC 8659 section 4.1: what is no CAA record may be what was to forbid, also beside one that allows.
#[tokio::test]
async fn s4_1_records_that_cannot_be_understood_are_no_permission() {
    let dns = DnsServer::start();
    dns.zone().add_empty_caa("empty.test");
    dns.zone().add_empty_caa("beside-empty.test");
    dns.zone().add_caa("beside-empty.test", 0, "issue", "ca.test");
    for name in ["empty.test", "www.empty.test", "beside-empty.test"] {
        failed(&permits(question(&dns, name)).await, ProblemType::Dns, &["CAA", "empty.test"]);
    }
    dns.zone().add_tagless_caa("tagless.test");
    let soon = std::time::Duration::from_millis(300);
    let hasty = Limits { dns_try: soon, dns_lookup: soon, ..patient() };
    failed(&permits_within(hasty, question(&dns, "tagless.test")).await, ProblemType::Dns, &["CAA"]);
}

/// Another resolver of the profile may know what one could not find out; if none does, that is no permission.
#[tokio::test]
async fn s3_a_resolver_that_fails_lets_the_next_one_answer() {
    let (broken, dns) = (DnsServer::start(), DnsServer::start());
    broken.zone().set_trouble("a.test", Some(Trouble::ServFail));
    dns.zone().add_caa("a.test", 0, "issue", ";");
    let both = || {
        let mut network = rules(&broken, 80);
        network.resolvers.push(dns.address());
        CaaQuestion { network: Arc::new(network), ..question(&broken, "a.test") }
    };
    failed(&permits(both()).await, ProblemType::Caa, &["a.test"]);
    dns.zone().set_trouble("a.test", Some(Trouble::ServFail));
    failed(&permits(both()).await, ProblemType::Dns, &["a.test", "SERVFAIL"]);
}

/// The next resolver has no record that forbids, or keeps it from us.
#[tokio::test]
async fn what_a_resolver_finds_forged_is_no_permission_whatever_the_next_one_says() {
    for (errors, permitted) in [(&[6][..], false), (&[22, 9], false), (&[22], true), (&[23], true)] {
        let (validating, dns) = (DnsServer::start(), DnsServer::start());
        validating.zone().set_trouble("a.test", Some(Trouble::Extended(errors)));
        let mut network = rules(&validating, 80);
        network.resolvers.push(dns.address());
        let asked = CaaQuestion { network: Arc::new(network), ..question(&validating, "a.test") };
        let verdict = permits(asked).await;
        match permitted {
            true => assert_eq!(verdict.outcome, Ok(()), "{errors:?} {:#?}", verdict.transcript),
            false => drop(failed(&verdict, ProblemType::Dns, &["CAA", "a.test", "SERVFAIL (extended error"]).clone()),
        }
    }
}
