//! Objects of every kind in every state, written straight into the store under the terms that lists find them by.

use std::collections::BTreeMap;
use std::sync::Arc;

use chancery_actors::Engine;
use chancery_actors::audit::{Act, Deed};
use chancery_actors::listing::{AccountQuery, AuthorizationQuery, CertificateQuery, OrderQuery};
use chancery_actors::ports::{Body, Commit, Kind, ObjectId, Revision, Store, StoreError, Term, Write};
use chancery_machine::account::{Account, AccountBinding, AccountState};
use chancery_machine::authorization::{Authorization, AuthorizationState, AuthorizationTerms};
use chancery_machine::auto_renewal::{AutoRenewal, Series};
use chancery_machine::certificate::{Certificate, CertificateRecord, CertificateState};
use chancery_machine::eab::{EabCredential, EabScope};
use chancery_machine::id::{AccountId, AuthorityId, AuthorizationId, CertificateId, EabId, ID_ENTROPY, Id, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::order::{Draft, Intent, Order, OrderState, OrderTerms, ProfileRef};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::profile::{Endpoint, ProfileRevision, RetryRules, Seconds};
use chancery_machine::snapshot::{self, Snapshot};
use chancery_machine::time::Timestamp;

use crate::doubles::AUTHORITY;
use crate::lab::{DAY, Lab, key, name};

/// An authority that signs no more.
pub(crate) const RETIRED: AuthorityId = AuthorityId(Id::from_bytes([8; 16]));

pub(crate) const NAMES: [&str; 4] = ["a.example.org", "b.example.org", "*.b.example.org", "c.example.org"];
pub(crate) const CONTACTS: [&str; 3] = ["mailto:ops@example.org", "mailto:Dev@Example.org", "mailto:dev@example.org"];
pub(crate) const PROFILES: [&str; 2] = ["default", "other"];

/// Draws, the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word >> 33) % sides as u64).expect("less than the sides")
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.roll(2) == 0
    }

    pub(crate) fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }

    /// Born at one of five moments, one second apart.
    fn born(&mut self, now: Timestamp) -> (Timestamp, Id) {
        let born = moment(now, self.roll(5));
        (born, self.id(born))
    }

    pub(crate) fn id(&mut self, born: Timestamp) -> Id {
        let entropy = [(); ID_ENTROPY].map(|()| u8::try_from(self.roll(256)).expect("a byte"));
        Id::new(born, entropy)
    }
}

/// The moments at which things are born.
pub(crate) fn moment(now: Timestamp, place: usize) -> Timestamp {
    Timestamp::from_millis(now.millis() - 10_000 + 1000 * place as u64)
}

pub(crate) fn subject(text: &str) -> Subject {
    Subject::dns(text).expect("a name")
}

/// What the filters are given, so that they meet something.
pub(crate) struct Population {
    /// What ends, ends around this moment.
    pub(crate) now: Timestamp,
    pub(crate) accounts: Vec<AccountId>,
    pub(crate) orders: Vec<OrderId>,
    pub(crate) credentials: Vec<EabId>,
    pub(crate) digests: Vec<[u8; 32]>,
}

/// Fills the lab's store, and the engine's audit log.
pub(crate) async fn populate(lab: &Lab, engine: &Engine, seed: u64) -> Population {
    let dice = &mut Dice(seed);
    keep_books(lab, engine, dice).await;
    let now = engine.now();
    let mut found =
        Population { now, accounts: Vec::new(), orders: Vec::new(), credentials: Vec::new(), digests: Vec::new() };
    let mut writes = vec![creation(Kind::Authority, RETIRED.0, vec![1], Vec::new(), Vec::new())];
    for _ in 0..8 {
        let (created, id) = dice.born(now);
        writes.push(state(Kind::EabCredential, id, &credential(dice, created, now), Vec::new(), Vec::new()));
        found.credentials.push(EabId(id));
    }
    for number in 0..24 {
        let (created, id) = dice.born(now);
        let account = account(dice, number, created, &found.credentials);
        writes.push(account_write(id, &account));
        found.accounts.push(AccountId(id));
    }
    for _ in 0..36 {
        let (created, id) = dice.born(now);
        let account = found.accounts[dice.roll(3)];
        let authorization = authorization(dice, account, created, now);
        writes.push(state(
            Kind::Authorization,
            id,
            &authorization,
            AuthorizationQuery::terms_of(&authorization),
            Vec::new(),
        ));
    }
    for number in 0..36 {
        let (created, id) = dice.born(now);
        let account = found.accounts[dice.roll(3)];
        let order = order(dice, account, created, now);
        if let Some(issued) = order.certificate() {
            let certificate = certificate(dice, number, Some((account, OrderId(id))), Some(&order.terms), now);
            writes.push(certificate_write(issued.0, &certificate));
            found.digests.push(Engine::key_digest(&certificate.record.der));
        }
        // Some certificates outlive their orders.
        if order.certificate().is_none() || dice.roll(4) > 0 {
            writes.push(order_write(id, &order));
        }
        found.orders.push(OrderId(id));
    }
    for number in 36..44 {
        let (_, id) = dice.born(now);
        writes.push(certificate_write(id, &certificate(dice, number, None, None, now)));
    }
    write(&*lab.store, writes).await;
    found
}

/// Does this and that in the course of some seconds.
async fn keep_books(lab: &Lab, engine: &Engine, dice: &mut Dice) {
    for _ in 0..20 {
        let deed = Deed {
            action: dice.one(&["create", "update"]),
            object: dice.one(&["acmeProfile/default", "raProfile/servers"]).to_owned(),
            before: None,
            after: None,
        };
        let who = dice.one(&["token:one", "system"]);
        let act = Act { deeds: vec![deed], ..Act::nothing(()) };
        engine.administer::<(), StoreError>(who, async || Ok(act.clone())).await.expect("logs");
        if dice.flip() {
            lab.clock.advance(1);
        }
    }
}

pub(crate) async fn write(store: &dyn Store, writes: Vec<Write>) {
    let batch = writes.into_iter().map(|write| Commit { guards: Vec::new(), writes: vec![write] }).collect();
    for answer in store.commit(batch).await {
        answer.expect("nothing stands against it");
    }
}

pub(crate) fn account_write(id: Id, account: &Account) -> Write {
    state(Kind::Account, id, account, AccountQuery::terms_of(account), Vec::new())
}

pub(crate) fn order_write(id: Id, order: &Order) -> Write {
    state(Kind::Order, id, order, OrderQuery::terms_of(order), Vec::new())
}

/// With the terms that certificates have for other reasons, and by which lists find them too.
pub(crate) fn certificate_write(id: Id, certificate: &Certificate) -> Write {
    let record = &certificate.record;
    let word = |parts: &[&[u8]]| Term::new(parts.concat()).expect("short");
    let authority = record.authority.0.bytes();
    let mut terms = CertificateQuery::terms_of(certificate);
    match certificate.state {
        CertificateState::Valid => {}
        CertificateState::Revoked { .. } => terms.push(word(&[b"revoked/", &authority])),
    }
    let unique = vec![
        word(&[b"serial/", &authority, &record.serial]),
        word(&[b"certificate/", &Engine::key_digest(&record.der)]),
    ];
    state(Kind::Certificate, id, certificate, terms, unique)
}

fn state<T: Snapshot>(kind: Kind, id: Id, state: &T, terms: Vec<Term>, unique: Vec<Term>) -> Write {
    creation(kind, id, snapshot::encode(state), terms, unique)
}

fn creation(kind: Kind, id: Id, bytes: Vec<u8>, terms: Vec<Term>, unique: Vec<Term>) -> Write {
    let body = Body { bytes, owes: false, terms, unique, forget_at: None };
    Write { object: ObjectId { kind, id }, expected: Revision::ABSENT, body: Some(body) }
}

fn profile(dice: &mut Dice) -> ProfileRef {
    ProfileRef { name: name(dice.one(&PROFILES)), revision: ProfileRevision(1) }
}

/// In the past, now, or in the future.
fn end(dice: &mut Dice, now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.millis() - 2000 + 1000 * dice.roll(5) as u64)
}

fn credential(dice: &mut Dice, created: Timestamp, now: Timestamp) -> EabCredential {
    let scope = EabScope { expires: dice.flip().then(|| end(dice, now)), ..EabScope::default() };
    let revoked = (dice.roll(3) == 0).then_some(now);
    let sealed_key = Vec::new();
    EabCredential { description: "for a test".into(), sealed_key, created, scope, accounts: 0, orders: 0, revoked }
}

fn account(dice: &mut Dice, number: u32, created: Timestamp, credentials: &[EabId]) -> Account {
    let profile = name(dice.one(&PROFILES));
    let (endpoint, acme_profile) = match dice.roll(3) {
        0 => (Endpoint::RaProfile(name(dice.one(&["servers", "default"]))), Some(profile)),
        _ => (Endpoint::AcmeProfile(profile), None),
    };
    let state = match dice.roll(4) {
        0 => AccountState::Deactivated { at: created, settled: true },
        1 => AccountState::Revoked { at: created, settled: true, certificates: None },
        _ => AccountState::Valid,
    };
    let contacts = CONTACTS.iter().filter(|_| dice.roll(3) == 0).map(|contact| (*contact).to_owned()).collect();
    let binding = dice.flip().then(|| AccountBinding { credential: credentials[dice.roll(3)], object: "{}".into() });
    Account {
        endpoint,
        // The same key at more than one endpoint.
        key: key(number / 2),
        contacts,
        terms_agreed: None,
        created,
        state,
        disabled: (dice.roll(3) == 0).then_some(created),
        acme_profile,
        binding,
        former_keys: Vec::new(),
    }
}

fn authorization(dice: &mut Dice, account: AccountId, created: Timestamp, now: Timestamp) -> Authorization {
    let Subject { identifier, wildcard } = subject(dice.one(&NAMES));
    let state = match dice.roll(8) {
        0 => AuthorizationState::Invalid { at: created, error: Problem::new(ProblemType::Dns, "no") },
        1 => AuthorizationState::Deactivated { at: created },
        2 => AuthorizationState::Expired { at: created },
        3 => AuthorizationState::Revoked { at: created },
        4 | 5 => AuthorizationState::Valid { since: created, expires: end(dice, now) },
        _ => AuthorizationState::Pending,
    };
    let terms = AuthorizationTerms {
        account,
        endpoint: Endpoint::AcmeProfile(name("default")),
        acme_profile: profile(dice),
        identifier,
        wildcard,
        created,
        expires: end(dice, now),
        valid_for: Seconds(DAY),
        retry: RetryRules { pauses: Vec::new(), interval: None },
        exemption: None,
        subdomains: false,
        pre_authorized: false,
    };
    Authorization { state, ..Authorization::new(terms, Vec::new(), None) }
}

pub(crate) fn order(dice: &mut Dice, account: AccountId, created: Timestamp, now: Timestamp) -> Order {
    let mut subjects: Vec<_> = NAMES.iter().filter(|_| dice.flip()).map(|text| subject(text)).collect();
    subjects.push(subject("always.example.org"));
    subjects.sort();
    let terms = OrderTerms {
        account,
        endpoint: Endpoint::AcmeProfile(name("default")),
        acme_profile: profile(dice),
        ra_profile: profile(dice),
        subjects,
        authorizations: Vec::new(),
        created,
        expires: end(dice, now),
        not_before: None,
        not_after: None,
        profile: None,
        replaces: None,
        ancestors: BTreeMap::new(),
        auto_renewal: None,
    };
    let certificate = CertificateId(dice.id(created));
    let state = match dice.roll(8) {
        0 | 1 => OrderState::Pending { outstanding: vec![AuthorizationId(dice.id(created))] },
        2 | 3 => OrderState::Ready,
        4 => OrderState::Processing { intent: intent(certificate, now) },
        5 => OrderState::Valid { certificate, not_after: now },
        6 => return canceled(terms, certificate, now),
        _ => OrderState::Invalid { at: created, error: Problem::new(ProblemType::Dns, "no") },
    };
    Order { terms, state, passed: Vec::new() }
}

/// An order that was renewed automatically.
fn canceled(terms: OrderTerms, current: CertificateId, now: Timestamp) -> Order {
    let (lifetime, adjust) = (Seconds(DAY), Seconds(DAY / 2));
    let renewal = AutoRenewal { start: None, end: now, lifetime, adjust, certificate_get: false };
    let series = Series {
        first: now,
        period: 0,
        current,
        not_after: now,
        issued: 1,
        public_key: Vec::new(),
        methods: Vec::new(),
    };
    let terms = OrderTerms { auto_renewal: Some(renewal), ..terms };
    Order { terms, state: OrderState::Canceled { series, at: now, error: None }, passed: Vec::new() }
}

fn intent(certificate: CertificateId, now: Timestamp) -> Intent {
    let (serial, public_key, tbs) = (vec![1], Vec::new(), Vec::new());
    let draft = Draft { authority: AUTHORITY, serial, not_before: now, not_after: now, public_key, tbs };
    Intent { certificate, draft, methods: Vec::new() }
}

fn certificate(
    dice: &mut Dice,
    number: u8,
    order: Option<(AccountId, OrderId)>,
    asked: Option<&OrderTerms>,
    now: Timestamp,
) -> Certificate {
    let state = match dice.roll(3) {
        0 => CertificateState::Revoked { at: now, reason: None, published: Some(1) },
        _ => CertificateState::Valid,
    };
    let record = CertificateRecord {
        order,
        authority: dice.one(&[AUTHORITY, RETIRED]),
        serial: vec![1, number],
        subjects: asked.map_or_else(|| vec![subject(NAMES[0])], |asked| asked.subjects.clone()),
        not_before: moment(now, 0),
        not_after: end(dice, now),
        issued: moment(now, 0),
        spki_sha256: [0; 32],
        der: vec![b'd', number],
        profiles: asked.map(|asked| (asked.acme_profile.clone(), asked.ra_profile.clone())),
        period: asked.and_then(|asked| asked.auto_renewal).map(|_| 0),
    };
    Certificate { state, ..Certificate::issued(record) }
}

/// Everything of a kind, straight out of the store.
pub(crate) async fn everything<T: Snapshot>(store: &Arc<impl Store>, kind: Kind) -> Vec<(Id, T)> {
    let mut found = Vec::new();
    for object in store.scan(kind, None, usize::MAX).await.expect("scans") {
        let stored = store.load(object).await.expect("loads").expect("is there");
        found.push((object.id, snapshot::decode(&stored.bytes).expect("is whole")));
    }
    found
}
