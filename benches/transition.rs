//! What one turn of a machine costs, and one snapshot: the floor under everything that the engine does.
#![allow(missing_docs, reason = "criterion's macros make the entry points")]

use std::collections::BTreeMap;
use std::hint::black_box;

use chancery_machine::authorization::{Authorization, AuthorizationEvent, AuthorizationState, AuthorizationTerms};
use chancery_machine::challenge::{Challenge, ChallengeType, Reliance, TOKEN_ENTROPY, Token};
use chancery_machine::id::{AccountId, AuthorityId, AuthorizationId, CertificateId, Id, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::machine::Machine;
use chancery_machine::order::{Draft, Intent, Order, OrderEvent, OrderState, OrderTerms, ProfileRef};
use chancery_machine::profile::{Endpoint, ProfileName, ProfileRevision, RetryRules, Seconds};
use chancery_machine::snapshot;
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::Transcript;
use criterion::{Criterion, criterion_group, criterion_main};

const NOW: Timestamp = Timestamp::from_seconds(1_000);
const EXPIRES: Timestamp = Timestamp::from_seconds(2_000);
const ID: Id = Id::from_bytes([7; 16]);

criterion_group!(benches, order, authorization, snapshots);
criterion_main!(benches);

fn order(c: &mut Criterion) {
    let [pending, ready, processing, _] = order_states();
    let mut group = c.benchmark_group("order");
    group.bench_function("pending to ready", |b| {
        b.iter(|| black_box(&pending).apply(OrderEvent::AuthorizationValid(AuthorizationId(ID)), NOW));
    });
    group.bench_function("ready to processing", |b| {
        b.iter(|| black_box(&ready).apply(OrderEvent::Finalized(Box::new(intent())), NOW));
    });
    group.bench_function("processing to valid", |b| {
        b.iter(|| black_box(&processing).apply(OrderEvent::Issued(CertificateId(ID)), NOW));
    });
    group.bench_function("pending to valid", |b| b.iter(order_states));
    group.bench_function("refused", |b| {
        b.iter(|| black_box(&pending).apply(OrderEvent::Issued(CertificateId(ID)), NOW));
    });
    group.finish();
}

fn authorization(c: &mut Criterion) {
    let [pending, processing, _] = authorization_states();
    let mut group = c.benchmark_group("authorization");
    group.bench_function("responded", |b| {
        b.iter(|| black_box(&pending).apply(AuthorizationEvent::Responded { challenge: 0 }, NOW));
    });
    group.bench_function("passed", |b| b.iter(|| black_box(&processing).apply(passed(), NOW)));
    group.finish();
}

fn snapshots(c: &mut Criterion) {
    let [_, _, order, _] = order_states();
    let [_, _, authorization] = authorization_states();
    let (order_bytes, authorization_bytes) = (snapshot::encode(&order), snapshot::encode(&authorization));
    let mut group = c.benchmark_group("snapshot");
    group.bench_function("order, written", |b| b.iter(|| snapshot::encode(black_box(&order))));
    group.bench_function("order, read", |b| b.iter(|| snapshot::decode::<Order>(black_box(&order_bytes))));
    group.bench_function("authorization, written", |b| b.iter(|| snapshot::encode(black_box(&authorization))));
    group.bench_function("authorization, read", |b| {
        b.iter(|| snapshot::decode::<Authorization>(black_box(&authorization_bytes)));
    });
    group.finish();
}

/// An order from pending to valid.
fn order_states() -> [Order; 4] {
    let terms = OrderTerms {
        account: AccountId(ID),
        endpoint: Endpoint::AcmeProfile(profile().name),
        acme_profile: profile(),
        ra_profile: profile(),
        subjects: vec![Subject::dns("host.example.org").expect("a name")],
        authorizations: vec![AuthorizationId(ID)],
        created: NOW,
        expires: EXPIRES,
        not_before: None,
        not_after: None,
        profile: None,
        replaces: None,
        ancestors: BTreeMap::new(),
        auto_renewal: None,
    };
    let pending = Order::placed(terms, vec![AuthorizationId(ID)]);
    let ready = step(&pending, OrderEvent::AuthorizationValid(AuthorizationId(ID)));
    let processing = step(&ready, OrderEvent::Finalized(Box::new(intent())));
    let valid = step(&processing, OrderEvent::Issued(CertificateId(ID)));
    assert!(matches!(valid.state, OrderState::Valid { .. }), "the bench goes all the way");
    [pending, ready, processing, valid]
}

/// An authorization from pending to valid.
fn authorization_states() -> [Authorization; 3] {
    let terms = AuthorizationTerms {
        account: AccountId(ID),
        endpoint: Endpoint::AcmeProfile(profile().name),
        acme_profile: profile(),
        identifier: Subject::dns("host.example.org").expect("a name").identifier,
        wildcard: false,
        created: NOW,
        expires: EXPIRES,
        valid_for: Seconds(3_600),
        retry: RetryRules { pauses: vec![Seconds(5); 3], interval: None },
        exemption: None,
        subdomains: false,
        pre_authorized: false,
    };
    let challenges = ChallengeType::ALL.iter().map(|kind| Challenge::new(*kind, Token::new(&[0; TOKEN_ENTROPY])));
    let pending = Authorization::new(terms, challenges.collect(), Some((OrderId(ID), EXPIRES)));
    let processing = step(&pending, AuthorizationEvent::Responded { challenge: 0 });
    let valid = step(&processing, passed());
    assert!(matches!(valid.state, AuthorizationState::Valid { .. }), "the bench goes all the way");
    [pending, processing, valid]
}

fn step<M: Machine>(state: &M, event: M::Event) -> M {
    state.apply(event, NOW).expect("the bench takes only steps that there are").next
}

fn passed() -> AuthorizationEvent {
    AuthorizationEvent::AttemptPassed {
        challenge: 0,
        attempt: 1,
        transcript: Transcript::begin(NOW),
        reliance: Reliance::default(),
    }
}

/// As large as a real one: a TBSCertificate with a P-256 key and one name.
fn intent() -> Intent {
    let draft = Draft {
        authority: AuthorityId(ID),
        serial: vec![1; 20],
        not_before: NOW,
        not_after: EXPIRES,
        public_key: vec![2; 91],
        tbs: vec![3; 450],
    };
    Intent { certificate: CertificateId(ID), draft, methods: Vec::new() }
}

fn profile() -> ProfileRef {
    ProfileRef { name: ProfileName::parse("default").expect("a name"), revision: ProfileRevision(1) }
}
