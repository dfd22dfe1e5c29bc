//! dns-persist-01 (draft-ietf-acme-dns-persist), revisions -01 and -02, against a real DNS. The records are those of the
//! drafts' own examples wherever there are some.

use chancery::validate::Validators;
use chancery_actors::ports::{AccountUri, Attempt, Validate as _, Verdict};
use chancery_machine::challenge::{ChallengeType, Reliance};
use chancery_machine::problem::ProblemType;
use chancery_machine::time::Timestamp;
use std::sync::Arc;

use super::dns::{DnsServer, Trouble};
use super::{Now, attempt, failed, patient, rules};
use chancery_actors::ports::Clock as _;

/// The account, its key and the authority of the examples.
const ACCOUNT: &str = "https://ca.example/acct/123";
const THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
const PREFIX: &str = "https://ca.example/account-hash/";
const HASHED: &str = "https://ca.example/account-hash/sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw";
const HASHED_ANY: &str = "https://ca.example/account-hash/sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug";
const AT: &str = "_validation-persist.example.com";

fn draft_01(dns: &DnsServer) -> Attempt {
    Attempt {
        account_url: ACCOUNT.into(),
        issuers: vec!["authority.example".into(), "ca.example.net".into()],
        ignores_caa: false,
        ..attempt(ChallengeType::DnsPersist01, "example.com", rules(dns, 80))
    }
}

fn draft_02(dns: &DnsServer) -> Attempt {
    let thumbprints = vec![THUMBPRINT.into()];
    Attempt { account_uri: AccountUri::Hashed { prefix: PREFIX.into(), thumbprints }, ..draft_01(dns) }
}

async fn validate(attempt: Attempt) -> Verdict {
    // CAA is another matter.
    Validators::new(Arc::new(Now), patient()).attempt(attempt).await
}

/// What a zone with these records comes to.
async fn with(make: fn(&DnsServer) -> Attempt, records: &[&str]) -> Verdict {
    let dns = DnsServer::start();
    for record in records {
        dns.zone().add_txt(AT, record);
    }
    validate(make(&dns)).await
}

fn seconds(from_now: i64) -> u64 {
    Now.now().seconds().saturating_add_signed(from_now)
}

#[tokio::test]
async fn draft_01_the_examples() {
    let mine = format!("authority.example; accounturi={ACCOUNT}");
    for record in [
        mine.clone(),
        format!("ca.example.net; accounturi={ACCOUNT}"),
        format!("AUTHORITY.example;accounturi = {ACCOUNT}"),
        format!("{mine}; policy=wildcard"),
        format!("{mine}; policy=something-else"),
        format!("{mine}; persistUntil={}", seconds(3600)),
        format!("{mine}; policy=wildcard; persistUntil={}", seconds(3600)),
        // Parameters that nobody knows yet do not count.
        format!("{mine}; future=1; future=2"),
    ] {
        let verdict = with(draft_01, &[&record]).await;
        assert_eq!(verdict.outcome, Ok(()), "{record} {:#?}", verdict.transcript);
    }
}

#[tokio::test]
async fn draft_01_what_cannot_be_understood_is_malformed() {
    let mine = format!("authority.example; accounturi={ACCOUNT}");
    for (record, word) in [
        ("authority.example".to_owned(), "accounturi"),
        ("authority.example;".to_owned(), "accounturi"),
        (format!("{mine}; accounturi={ACCOUNT}"), "twice"),
        (format!("{mine}; policy=wildcard; policy=wildcard"), "twice"),
        (format!("{mine}; persistUntil=9999999999; persistUntil=9999999999"), "twice"),
        (format!("{mine}; persistUntil=tomorrow"), "persistUntil"),
        (format!("{mine}; persistUntil="), "persistUntil"),
        (format!("{mine}; persistUntil=-1"), "persistUntil"),
        (format!("authority.example accounturi={ACCOUNT}"), "issue-value"),
        (format!("{mine};"), "issue-value"),
    ] {
        let verdict = with(draft_01, &[&record]).await;
        failed(&verdict, ProblemType::Malformed, &[AT, word, &format!("\"{mine}\"")]);
    }
}

#[tokio::test]
async fn draft_01_what_is_for_somebody_else_is_unauthorized() {
    let mine = format!("authority.example; accounturi={ACCOUNT}");
    for (record, word) in [
        ("authority.example; accounturi=https://ca.example/acct/124".to_owned(), "another account"),
        ("authority.example; accounturi=https://CA.example/acct/123".to_owned(), "another account"),
        (format!("authority.example; accounturi={HASHED}"), "another account"),
        (format!("other.example; accounturi={ACCOUNT}"), "another authority"),
        (format!("; accounturi={ACCOUNT}"), "another authority"),
        (format!("{mine}; persistUntil={}", seconds(-2)), "passed"),
        (format!("{mine}; persistUntil=1721952000"), "passed"),
    ] {
        failed(&with(draft_01, &[&record]).await, ProblemType::Unauthorized, &[AT, word]);
    }
}

#[tokio::test]
async fn wildcards_and_subdomains_need_a_policy() {
    let wildcard = |dns: &DnsServer| Attempt { wildcard: true, ..draft_01(dns) };
    let subdomains = |dns: &DnsServer| Attempt { subdomains: true, ..draft_01(dns) };
    let mine = format!("authority.example; accounturi={ACCOUNT}");
    for make in [wildcard as fn(&DnsServer) -> Attempt, subdomains] {
        for policy in ["wildcard", "WILDCARD", "Wildcard"] {
            let verdict = with(make, &[&format!("{mine}; policy={policy}")]).await;
            assert_eq!(verdict.outcome, Ok(()), "{policy} {:#?}", verdict.transcript);
        }
        for record in [mine.clone(), format!("{mine}; policy=wild"), format!("{mine}; policy=")] {
            let verdict = with(make, &[&record]).await;
            failed(&verdict, ProblemType::Unauthorized, &["policy=wildcard", &format!("{mine}; policy=wildcard")]);
        }
    }
}

/// Records are independent of each other, and any one suffices; what is said is of the one that came closest.
#[tokio::test]
async fn one_record_that_fits_is_enough() {
    let mine = format!("authority.example; accounturi={ACCOUNT}");
    let others =
        ["ca2.example; accounturi=https://ca2.example/acct/67890; persistUntil=1767225600", "v=spf1 -all", "%%%"];
    let verdict = with(draft_01, &[others[0], others[1], others[2], &mine]).await;
    assert_eq!(verdict.outcome, Ok(()), "{:#?}", verdict.transcript);
    failed(&with(draft_01, &others).await, ProblemType::Malformed, &["none of the TXT records"]);
    failed(&with(draft_01, &others[..1]).await, ProblemType::Unauthorized, &["another authority"]);
    let expired = format!("{mine}; persistUntil=1");
    failed(&with(draft_01, &[others[2], &expired, "authority.example"]).await, ProblemType::Unauthorized, &["passed"]);
}

#[tokio::test]
async fn no_record_and_a_failing_zone_are_dns_problems() {
    failed(&with(draft_01, &[]).await, ProblemType::Dns, &[AT, "authority.example; accounturi="]);
    let dns = DnsServer::start();
    dns.zone().set_trouble(AT, Some(Trouble::ServFail));
    failed(&validate(draft_01(&dns)).await, ProblemType::Dns, &["SERVFAIL"]);
}

/// A long value comes in several strings, and aliases are followed.
#[tokio::test]
async fn the_strings_of_a_record_are_one_value() {
    let dns = DnsServer::start();
    dns.zone().set_cname(AT, "records.elsewhere.example");
    dns.zone().add_txt_strings(
        "records.elsewhere.example",
        &["authority.example;", " accounturi=https://ca.", "example/acct/123"],
    );
    assert_eq!(validate(draft_01(&dns)).await.outcome, Ok(()));
}

/// The time to live bounds for how long other orders rely on it; the record's own end does not.
#[tokio::test]
async fn draft_01_reuse_ends_with_the_time_to_live() {
    let end = seconds(3600);
    let before = Now.now();
    let verdict = with(draft_01, &[&format!("authority.example; accounturi={ACCOUNT}; persistUntil={end}")]).await;
    let Reliance { until, reuse_until } = verdict.reliance;
    // The test's DNS server gives every record one second.
    let second = std::time::Duration::from_secs(1);
    assert_eq!(until, None);
    assert!(
        reuse_until.is_some_and(|end| before.plus(second) <= end && end <= Now.now().plus(second)),
        "{reuse_until:?}"
    );
}

#[tokio::test]
async fn draft_02_the_examples() {
    for record in [
        format!("authority.example; accounturi={HASHED}"),
        format!("authority.example; accounturi={HASHED_ANY}"),
        format!("authority.example; accounturi={HASHED}; policy=wildcard"),
        format!("authority.example; accounturi={HASHED}; persistUntil={}", seconds(3600)),
    ] {
        let verdict = with(draft_02, &[&record]).await;
        assert_eq!(verdict.outcome, Ok(()), "{record} {:#?}", verdict.transcript);
        assert_eq!(verdict.reliance.reuse_until, None, "the time to live says nothing (section 7.9)");
    }
}

#[tokio::test]
async fn draft_02_only_digests_name_an_account() {
    for uri in [
        ACCOUNT.to_owned(),
        HASHED.replace("sha-256", "sha-512"),
        HASHED.replace("sha-256/", ""),
        HASHED.replace("ca.example", "CA.example"),
        HASHED[..HASHED.len() - 4].to_owned(),
    ] {
        let verdict = with(draft_02, &[&format!("authority.example; accounturi={uri}")]).await;
        failed(&verdict, ProblemType::Malformed, &["accountHashPrefix", HASHED]);
    }
    // Well-formed, and of another name or account.
    let other = "sha-256/wjZNvLpIgf7zrr9KQo7zCLaG2Ea67KS4o4cAwSepsls";
    let verdict = with(draft_02, &[&format!("authority.example; accounturi={PREFIX}{other}")]).await;
    failed(&verdict, ProblemType::Unauthorized, &["another account"]);
}

/// Section 4.2: what was made with a key that the account had before goes on to count.
#[tokio::test]
async fn draft_02_keys_of_the_past_count() {
    let rolled = |dns: &DnsServer| {
        let thumbprints = vec!["A".repeat(43), "B".repeat(43), THUMBPRINT.into()];
        Attempt { account_uri: AccountUri::Hashed { prefix: PREFIX.into(), thumbprints }, ..draft_01(dns) }
    };
    for uri in [HASHED, HASHED_ANY] {
        assert_eq!(with(rolled, &[&format!("authority.example; accounturi={uri}")]).await.outcome, Ok(()));
    }
}

/// Section 4.1, item 5: nothing is issued on it after the record's end.
#[tokio::test]
async fn draft_02_what_is_proven_ends_with_the_record() {
    let mine = format!("authority.example; accounturi={HASHED}");
    let at = |from_now| Timestamp::from_seconds(seconds(from_now));
    let (soon, later) = (at(600), at(3600));
    let until = |end: Timestamp| format!("{mine}; persistUntil={}", end.seconds());
    assert_eq!(with(draft_02, &[&until(soon)]).await.reliance.until, Some(soon));
    // Of several, the one that lasts longest.
    assert_eq!(with(draft_02, &[&until(soon), &until(later)]).await.reliance.until, Some(later));
    assert_eq!(with(draft_02, &[&until(soon), &mine, &until(later)]).await.reliance.until, None);
    failed(&with(draft_02, &[&until(at(-2))]).await, ProblemType::Unauthorized, &["passed"]);
}
