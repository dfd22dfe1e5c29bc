//! The objects of the tables, and one of every state with every field set, as the fixtures of the snapshots have them.

use chancery_machine::account::{Account, AccountKey, AccountState};
use chancery_machine::authorization::{Authorization, AuthorizationState, AuthorizationTerms, Dependent, Outcome};
use chancery_machine::certificate::{Certificate, CertificateRecord, CertificateState, RevocationReason};
use chancery_machine::challenge::{Challenge, ChallengeState, ChallengeType, TOKEN_ENTROPY, Token};
use chancery_machine::crl::Crl;
use chancery_machine::id::{AccountId, AuthorityId, AuthorizationId, CertificateId, Id, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::order::{Draft, Intent, Order, OrderState, OrderTerms, ProfileRef};
use chancery_machine::problem::{Problem, ProblemType, Subproblem};
use chancery_machine::profile::{Endpoint, ProfileName, ProfileRevision, RetryRules, Seconds};
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::{Happening, Transcript};

/// While everything is in force.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_000_500);
/// When orders and authorizations run out, and the notAfter of certificates.
pub(crate) const EXPIRES: Timestamp = Timestamp::from_seconds(2_000);
/// The last moment before.
pub(crate) const BEFORE: Timestamp = Timestamp::from_millis(1_999_999);
/// The first moment after.
pub(crate) const AFTER: Timestamp = Timestamp::from_millis(2_000_001);

pub(crate) const A: AuthorizationId = AuthorizationId(Id::from_bytes([0xa; 16]));
pub(crate) const B: AuthorizationId = AuthorizationId(Id::from_bytes([0xb; 16]));
/// Not of the order.
pub(crate) const C: AuthorizationId = AuthorizationId(Id::from_bytes([0xc; 16]));
/// Depends on the authorization.
pub(crate) const P: OrderId = OrderId(Id::from_bytes([0x10; 16]));
/// Does not.
pub(crate) const Q: OrderId = OrderId(Id::from_bytes([0x11; 16]));

pub(crate) fn account(state: AccountState) -> Account {
    Account {
        endpoint: Endpoint::AcmeProfile(profile().name),
        key: key(1),
        contacts: vec!["mailto:old@example.org".to_owned()],
        terms_agreed: Some(NOW),
        created: NOW,
        state,
    }
}

pub(crate) fn key(byte: u8) -> AccountKey {
    AccountKey { jwk: r#"{"kty":"OKP"}"#.to_owned(), thumbprint: [byte; 32], spki_sha256: [byte + 1; 32] }
}

pub(crate) fn order(state: OrderState) -> Order {
    let terms = OrderTerms {
        account: account_id(),
        endpoint: Endpoint::RaProfile(profile().name),
        acme_profile: profile(),
        ra_profile: profile(),
        subjects: vec![subject("*.a.example"), subject("b.example")],
        authorizations: vec![A, B],
        created: NOW,
        expires: EXPIRES,
        not_before: Some(NOW),
        not_after: Some(EXPIRES),
    };
    Order { terms, state }
}

pub(crate) fn intent() -> Intent {
    let draft = Draft {
        authority: AuthorityId(Id::from_bytes([3; 16])),
        serial: vec![1, 2, 3],
        not_before: NOW,
        not_after: Timestamp::from_seconds(9_000),
        public_key: vec![4, 5],
        tbs: vec![6, 7, 8],
    };
    Intent { certificate: CertificateId(Id::from_bytes([9; 16])), draft }
}

/// Two challenges, of which the second is always pending; one order depends on it and was told `told`. Three attempts,
/// with pauses of 10 and 20 seconds.
pub(crate) fn authorization(state: AuthorizationState, http: ChallengeState, told: Option<Outcome>) -> Authorization {
    let terms = AuthorizationTerms {
        account: account_id(),
        endpoint: Endpoint::AcmeProfile(profile().name),
        acme_profile: profile(),
        identifier: subject("a.example").identifier,
        wildcard: true,
        created: NOW,
        expires: EXPIRES,
        valid_for: Seconds(5_000),
        retry: RetryRules { pauses: vec![Seconds(10), Seconds(20)] },
    };
    let http = Challenge {
        state: http,
        transcript: Some(transcript()),
        ..Challenge::new(ChallengeType::Http01, Token::new(&[1; TOKEN_ENTROPY]))
    };
    let dns = Challenge::new(ChallengeType::Dns01, Token::new(&[2; TOKEN_ENTROPY]));
    let dependents = vec![Dependent { order: P, until: EXPIRES, told }];
    Authorization { terms, challenges: vec![http, dns], dependents, state }
}

pub(crate) fn transcript() -> Transcript {
    let mut transcript = Transcript::begin(NOW);
    let (resolver, name) = ("192.0.2.53:53".to_owned(), "a.example".to_owned());
    let happenings = [
        Happening::Resolved { resolver, name, record: "A".to_owned(), answer: Ok(vec!["192.0.2.1".to_owned()]) },
        Happening::AddressRefused { address: "127.0.0.1".to_owned(), rule: "loopback".to_owned() },
        Happening::Connected { to: "192.0.2.1:80".to_owned(), error: Some("refused".to_owned()) },
        Happening::Answered { url: "http://a.example/".to_owned(), status: 302, location: Some("/b".to_owned()) },
        Happening::Compared { expected: "x".to_owned(), found: "y".to_owned() },
        Happening::GaveUp { reason: "too slow".to_owned() },
    ];
    for happening in happenings {
        transcript.note(EXPIRES, happening);
    }
    transcript
}

pub(crate) fn certificate(state: CertificateState) -> Certificate {
    let record = CertificateRecord {
        order: Some((account_id(), P)),
        authority: AuthorityId(Id::from_bytes([3; 16])),
        serial: vec![1, 2, 3],
        subjects: vec![subject("*.a.example")],
        not_before: NOW,
        not_after: EXPIRES,
        issued: NOW,
        spki_sha256: [7; 32],
        der: vec![0x30, 0],
    };
    Certificate { record, state }
}

pub(crate) fn problem() -> Problem {
    let identifier = Some(subject("a.example").identifier);
    let subproblem = Subproblem { kind: ProblemType::Dns, detail: "no such name".to_owned(), identifier };
    Problem { subproblems: vec![subproblem], ..Problem::new(ProblemType::Connection, "refused") }
}

pub(crate) fn accounts() -> Vec<(&'static str, Account)> {
    vec![
        ("valid", account(AccountState::Valid)),
        ("deactivated", account(AccountState::Deactivated { at: NOW, settled: false })),
        ("deactivated-settled", account(AccountState::Deactivated { at: NOW, settled: true })),
        ("revoked", account(AccountState::Revoked { at: NOW, settled: false })),
        ("revoked-settled", account(AccountState::Revoked { at: NOW, settled: true })),
    ]
}

pub(crate) fn orders() -> Vec<(&'static str, Order)> {
    let not_after = intent().draft.not_after;
    vec![
        ("pending", order(OrderState::Pending { outstanding: vec![A, B] })),
        ("ready", order(OrderState::Ready)),
        ("processing", order(OrderState::Processing { intent: intent() })),
        ("valid", order(OrderState::Valid { certificate: intent().certificate, not_after })),
        ("invalid", order(OrderState::Invalid { at: NOW, error: problem() })),
    ]
}

pub(crate) fn authorizations() -> Vec<(&'static str, Authorization)> {
    let (pending, processing) =
        (ChallengeState::Pending, ChallengeState::Processing { attempt: 1, due: NOW, error: None });
    let again = ChallengeState::Processing { attempt: 2, due: EXPIRES, error: Some(problem()) };
    let failed = ChallengeState::Invalid { at: NOW, error: problem() };
    let valid = AuthorizationState::Valid { since: NOW, expires: EXPIRES };
    let passed = ChallengeState::Valid { validated: NOW };
    let invalid = AuthorizationState::Invalid { at: NOW, error: problem() };
    vec![
        ("pending", authorization(AuthorizationState::Pending, pending.clone(), None)),
        ("processing", authorization(AuthorizationState::Pending, processing.clone(), None)),
        ("retrying", authorization(AuthorizationState::Pending, again, None)),
        ("valid", authorization(valid, passed, Some(Outcome::Valid))),
        ("invalid", authorization(invalid, failed, Some(Outcome::Lost))),
        ("deactivated", authorization(AuthorizationState::Deactivated { at: NOW }, processing, None)),
        ("expired", authorization(AuthorizationState::Expired { at: NOW }, pending.clone(), None)),
        ("revoked", authorization(AuthorizationState::Revoked { at: NOW }, pending, None)),
    ]
}

pub(crate) fn certificates() -> Vec<(&'static str, Certificate)> {
    let revoked = |reason, published| certificate(CertificateState::Revoked { at: NOW, reason, published });
    vec![
        ("valid", certificate(CertificateState::Valid)),
        ("revoked", revoked(None, None)),
        ("unspecified", revoked(Some(RevocationReason::Unspecified), Some(1))),
        ("key-compromise", revoked(Some(RevocationReason::KeyCompromise), Some(1))),
        ("affiliation-changed", revoked(Some(RevocationReason::AffiliationChanged), Some(1))),
        ("superseded", revoked(Some(RevocationReason::Superseded), Some(1))),
        ("cessation-of-operation", revoked(Some(RevocationReason::CessationOfOperation), Some(1))),
    ]
}

pub(crate) fn crls() -> Vec<(&'static str, Crl)> {
    vec![("signed", Crl { number: 7, this_update: NOW, next_update: EXPIRES, der: vec![0x30, 0] })]
}

fn account_id() -> AccountId {
    AccountId(Id::from_bytes([1; 16]))
}

fn profile() -> ProfileRef {
    ProfileRef { name: ProfileName::parse("default").expect("a name"), revision: ProfileRevision(4) }
}

fn subject(name: &str) -> Subject {
    Subject::dns(name).expect("a name")
}
