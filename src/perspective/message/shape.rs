//! What stands on the wire, byte by byte: nothing of it changes without being seen here.

use chancery_machine::challenge::TOKEN_ENTROPY;
use chancery_machine::dnssec::TrustAnchors;
use chancery_machine::network::SiteRules;
use chancery_machine::problem::{ProblemType, Subproblem};
use chancery_machine::time::Timestamp;

use super::*;

/// Each message with every field that there is, none of them with its default, and its bytes.
///
/// If this fails, server and perspective of two builds may misread each other. A field that an older perspective may pass
/// over takes a new number; for one that it must not, and for every other change, the version is raised
/// ([`Snapshot::FORMAT`]), and perspectives are brought up to date first. Then the bytes here are written anew. While nothing
/// has been released, version 1 may still change.
const SHAPES: &str = include_str!("shapes.txt");

fn network() -> NetworkRules {
    // Every field by name: one that is added does not compile until it stands here.
    NetworkRules {
        resolvers: vec![([192, 0, 2, 53], 53).into()],
        allowed: vec!["10.0.0.0/8".parse().expect("a network")],
        http_port: 8080,
        tls_port: 8443,
        only: vec!["fd00::/8".parse().expect("a network")],
        dnssec: Some(TrustAnchors(vec!["corp.example. DNSKEY 257 3 15 AAAA".parse().expect("a key")])),
        site: SiteRules::default(),
    }
}

fn name() -> DnsName {
    DnsName::parse("www.example.org").expect("a name")
}

fn attempting(kind: ChallengeType, identifier: Identifier, account_uri: Uri) -> Question {
    let token = Token::new(&[7; TOKEN_ENTROPY]);
    Question::Attempt(Attempting {
        kind,
        identifier,
        wildcard: true,
        account_url: "https://ca.example/acme/default/acct/1".into(),
        issuers: vec!["ca.example".into()],
        key_authorization: token.key_authorization(&[9; 32]),
        token,
        network: network(),
        account_uri,
        subdomains: true,
        ignores_caa: true,
    })
}

fn questions() -> Vec<(&'static str, Question)> {
    let hashed = Uri::Hashed { prefix: "https://ca.example/".into(), thumbprints: vec!["a-b_c".into()] };
    let address = Identifier::Ip([192, 0, 2, 1].into());
    let permitting = Permitting {
        name: name(),
        wildcard: true,
        account_url: "https://ca.example/acme/default/acct/1".into(),
        issuers: vec!["ca.example".into()],
        method: Some(ChallengeType::TlsAlpn01),
        network: network(),
    };
    vec![
        ("attempt", attempting(ChallengeType::DnsPersist01, Identifier::Dns(name()), hashed)),
        ("attempt-at-address", attempting(ChallengeType::Http01, address, Uri::Url)),
        ("caa", Question::Caa(permitting)),
    ]
}

fn answers() -> Vec<(&'static str, Answer)> {
    let text = || "x".to_owned();
    let happenings = [
        Happening::Resolved { resolver: text(), name: text(), record: text(), answer: Ok(vec![text()]) },
        Happening::AddressRefused { address: text(), rule: text() },
        Happening::Connected { to: text(), error: Some(text()) },
        Happening::Answered { url: text(), status: 404, location: Some(text()) },
        Happening::Compared { expected: text(), found: text() },
        Happening::GaveUp { reason: text() },
        Happening::Presented { from: text(), version: text(), protocol: Some(text()), names: vec![text()] },
    ];
    let steps = happenings.map(|what| TranscriptStep { at: Timestamp::from_seconds(1_700_000_000), what }).to_vec();
    let moment = |seconds| Some(Timestamp::from_seconds(seconds));
    let reliance = Reliance { until: moment(1_800_000_000), reuse_until: moment(1_750_000_000) };
    let subproblem = Subproblem { kind: ProblemType::Caa, detail: text(), identifier: Some(Identifier::Dns(name())) };
    let problem = Problem { kind: ProblemType::Dns, detail: text(), subproblems: vec![subproblem] };
    vec![
        ("agreed", Answer { outcome: Ok(reliance), steps }),
        ("disagreed", Answer { outcome: Err(problem), steps: Vec::new() }),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |place| u8::from_str_radix(&hex[place..place + 2], 16).expect("hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

#[test]
fn what_stands_on_the_wire_is_that_of_its_version() {
    assert_eq!((Question::FORMAT, Answer::FORMAT), (1, 1), "both directions have one version; write the shapes anew");
    let encoded: String = questions()
        .into_iter()
        .map(|(name, question)| (name, question.encode()))
        .chain(answers().into_iter().map(|(name, answer)| (name, answer.encode())))
        .map(|(name, bytes)| format!("{name} {}\n", hex(&bytes)))
        .collect();
    assert_eq!(encoded, SHAPES, "the wire has changed: see the comment above");
    // And it is read as what was written, subproblems apart: clients get those of the server.
    let shape = |wanted: &str| {
        let line = SHAPES.lines().find_map(|line| line.strip_prefix(&format!("{wanted} "))).expect("a shape");
        bytes(line)
    };
    for (name, question) in questions() {
        assert_eq!(Question::decode(&shape(name)), Ok(question), "{name}");
    }
    let (_, agreed) = answers().swap_remove(0);
    assert_eq!(Answer::decode(&shape("agreed")), Ok(agreed));
    let disagreed = Answer::decode(&shape("disagreed")).expect("it is read");
    assert_eq!(disagreed.outcome, Err(Problem::new(ProblemType::Dns, "x")));
}
