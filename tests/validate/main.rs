//! Validation against real servers on loopback: the challenges, CAA, and DNSSEC.

#[path = "../support/dns.rs"]
mod dns;
#[path = "../support/dns_control.rs"]
mod dns_control;

mod addresses;
mod caa;
mod control;
mod dns01;
mod dns_account01;
mod dns_persist01;
mod dnssec;
mod dnssec_vectors;
mod http01;
mod resolving;
#[path = "../support/responder.rs"]
mod responder;
#[path = "../support/signed_dns.rs"]
mod signed_dns;
mod tls_alpn01;
#[path = "../support/scripted_web.rs"]
mod web;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chancery::validate::{Limits, Validators};
use chancery_actors::ports::{AccountUri, Attempt, Clock, Validate as _, Verdict};
use chancery_machine::challenge::{ChallengeType, Token};
use chancery_machine::identifier::{DnsName, Identifier};
use chancery_machine::network::NetworkRules;
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::{Happening, Transcript};

use dns::DnsServer;

struct Now;

impl Clock for Now {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
        Timestamp::EPOCH.plus(since)
    }
}

/// Rules that allow loopback and ask this server.
fn rules(dns: &DnsServer, http_port: u16) -> NetworkRules {
    NetworkRules {
        resolvers: vec![dns.address()],
        allowed: ["127.0.0.0/8", "::1/128"].map(|text| text.parse().expect("a network")).to_vec(),
        http_port,
        ..NetworkRules::default()
    }
}

fn attempt(kind: ChallengeType, name: &str, network: NetworkRules) -> Attempt {
    let token = Token::new(&[7; 32]);
    Attempt {
        kind,
        identifier: Identifier::Dns(DnsName::parse(name).expect("a name")),
        wildcard: false,
        subdomains: false,
        account_url: "https://ca.test/acme/default/acct/1".into(),
        issuers: Vec::new(),
        key_authorization: token.key_authorization(&[9; 32]),
        token,
        account_uri: AccountUri::Url,
        network: Arc::new(network),
        perspectives: Arc::default(),
        // Of what is proven, so that only questions about that are counted; `caa.rs` asks for more.
        ignores_caa: true,
    }
}

fn key_authorization() -> String {
    Token::new(&[7; 32]).key_authorization(&[9; 32])
}

/// Limits of a machine that has other things to do: only what a test wants to run out is short.
fn patient() -> Limits {
    let long = Duration::from_secs(60);
    Limits { attempt: long, dns_try: long, dns_lookup: long, connect: long, request: long, ..Limits::default() }
}

async fn run(limits: Limits, attempt: Attempt) -> Verdict {
    Validators::new(Arc::new(Now), limits).attempt(attempt).await
}

/// The problem of a failed attempt, which has this type and these words in its detail.
fn failed<'a>(verdict: &'a Verdict, kind: ProblemType, words: &[&str]) -> &'a Problem {
    let problem = verdict.outcome.as_ref().expect_err("the attempt fails");
    assert_eq!(problem.kind, kind, "{problem} {:#?}", verdict.transcript);
    for word in words {
        assert!(problem.detail.contains(word), "{word:?} is missing in: {problem}");
    }
    problem
}

fn happened(transcript: &Transcript, what: impl Fn(&Happening) -> bool) -> bool {
    transcript.steps.iter().any(|step| what(&step.what))
}
