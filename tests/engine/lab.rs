//! Where engines are tried.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chancery::acme::AccountUrls;
use chancery::admin::settings::{AcmeProfileSettings, RaProfileSettings};
use chancery::span::Span;
use chancery::store::MemoryStore;
use chancery_actors::audit::{Act, ActError};
use chancery_actors::engine::{NewAccount, Running};
use chancery_actors::finalize::FinalizeError;
use chancery_actors::place::{NewOrder, PlaceError};
use chancery_actors::ports::{Kind, ObjectId, Store, StoreError};
use chancery_actors::profiles::{Pair, ProfileSet};
use chancery_actors::{Engine, Ports, Settings, Versioned};
use chancery_machine::account::{Account, AccountKey};
use chancery_machine::authorization::Authorization;
use chancery_machine::certificate::Certificate;
use chancery_machine::id::{AccountId, AuthorizationId, CertificateId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::machine::Machine;
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::profile::{AcmeProfile, Endpoint, ProfileName, RaProfile, Seconds};
use chancery_machine::time::Timestamp;

use super::doubles::{AUTHORITY, CountingEntropy, ScriptedIssuer, ScriptedValidator, StandingClock};
use super::store::FaultyStore;

/// How long anything may take. Generous: the machine may have other things to do.
const DEADLINE: Duration = Duration::from_secs(120);

/// How long a finalize waits for the certificate, where the test wants it to come.
pub(crate) const PATIENCE: Duration = DEADLINE;

pub(crate) const DAY: u64 = 86_400;

/// A store, and what stands around engines on it.
pub(crate) struct Lab {
    pub(crate) clock: Arc<StandingClock>,
    pub(crate) entropy: Arc<CountingEntropy>,
    pub(crate) validator: Arc<ScriptedValidator>,
    pub(crate) issuer: Arc<ScriptedIssuer>,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) settings: Settings,
}

/// An engine that runs.
pub(crate) struct Started {
    pub(crate) engine: Engine,
    running: Running,
}

/// Runs a test on an actix system of its own.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(async { tokio::time::timeout(2 * DEADLINE, test).await.expect("ends in time") })
}

/// Waits until there is an answer.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new()))
    }

    pub(crate) fn on(store: Arc<dyn Store>) -> Self {
        Self {
            clock: Arc::default(),
            entropy: Arc::default(),
            validator: Arc::default(),
            issuer: Arc::default(),
            store: Arc::new(FaultyStore::around(store)),
            // Enough issuers that a signature and the first CRL can both be held, and a draft still be made.
            settings: Settings { shards: 2, issuers: 4, ..Settings::default() },
        }
    }

    /// Another machine at the same store, with a validator of its own.
    pub(crate) fn neighbour(&self) -> Self {
        Self {
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            validator: Arc::default(),
            issuer: Arc::clone(&self.issuer),
            store: Arc::clone(&self.store),
            settings: self.settings.clone(),
        }
    }

    pub(crate) async fn start(&self) -> Started {
        let ports = Ports {
            store: self.store.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            validate: self.validator.clone(),
            issue: self.issuer.clone(),
            urls: Arc::new(AccountUrls { origin: "https://ca.test".into() }),
        };
        let (engine, running) = Engine::start(ports, self.settings.clone()).expect("starts");
        // The store may fail now as well as later; once it is dead there is nobody to declare anything to.
        until("the profiles", async || {
            (attempt(&engine, &profiles()).await.is_ok() || self.store.dead()).then_some(())
        })
        .await;
        Started { engine, running }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Timestamp {
        chancery_actors::ports::Clock::now(&*self.clock)
    }

    /// Everything of a kind that the store holds.
    pub(crate) async fn all(&self, kind: Kind) -> Vec<ObjectId> {
        self.store.scan(kind, None, 100_000).await.expect("scans")
    }

    /// Waits until nothing in the store owes anything.
    pub(crate) async fn settled(&self) {
        until("nothing owed", async || {
            self.store.owing(None, 1).await.is_ok_and(|owing| owing.is_empty()).then_some(())
        })
        .await;
    }

    /// Every certificate.
    pub(crate) async fn certificates(&self, engine: &Engine) -> Vec<Versioned<Certificate>> {
        let mut found = Vec::new();
        for object in self.all(Kind::Certificate).await {
            found.push(engine.certificate(CertificateId(object.id)).await.expect("loads"));
        }
        found
    }

    /// Every valid order has its certificate, every certificate its order, and no order two; nothing owes anything.
    pub(crate) async fn books_balance(&self, engine: &Engine) {
        self.settled().await;
        let mut certified = Vec::new();
        for certificate in self.certificates(engine).await {
            let (_, order) = certificate.state.record.order.expect("for an order");
            let order = engine.order(order).await.expect("its order stands");
            assert_eq!(order.state.certificate(), Some(CertificateId(certificate.id)));
            certified.push(order.id);
        }
        let count = certified.len();
        certified.sort();
        certified.dedup();
        assert_eq!(certified.len(), count, "an order has two certificates");
        for object in self.all(Kind::Order).await {
            let order = engine.order(OrderId(object.id)).await.expect("loads");
            assert_eq!(order.state.certificate().is_some(), certified.contains(&object.id), "{order:?}");
            assert_ne!(order.state.status(engine.now()), OrderStatus::Processing);
            assert!(order.state.owed().is_empty());
        }
    }
}

impl Started {
    /// As SIGTERM does it.
    pub(crate) fn stop(self) {
        drop(self.engine);
        self.running.stop(DEADLINE).expect("stops");
    }
}

/// What one client does, without a fault in sight.
pub(crate) async fn register(engine: &Engine, number: u32) -> Versioned<Account> {
    let (account, made) = engine.create_account(new_account(number), &pair(engine)).await.expect("registers");
    assert!(made);
    account
}

pub(crate) async fn place(engine: &Engine, account: &Versioned<Account>, names: &[&str]) -> Versioned<Order> {
    engine.place_order(account, &pair(engine), new_order(names)).await.expect("places")
}

/// Responds to the first challenge of each authorization.
pub(crate) async fn respond(engine: &Engine, account: &Versioned<Account>, order: &Versioned<Order>) {
    for authorization in &order.state.terms.authorizations {
        engine.respond(*authorization, 0, &[account.guard()]).await.expect("responds");
    }
}

/// Polls an order until it has this status.
pub(crate) async fn order_until(engine: &Engine, id: OrderId, status: OrderStatus) -> Versioned<Order> {
    until(status.token(), async || {
        engine.order(id).await.ok().filter(|order| order.state.status(engine.now()) == status)
    })
    .await
}

pub(crate) async fn ready(engine: &Engine, account: &Versioned<Account>, names: &[&str]) -> Versioned<Order> {
    let order = place(engine, account, names).await;
    respond(engine, account, &order).await;
    order_until(engine, OrderId(order.id), OrderStatus::Ready).await
}

pub(crate) async fn finalize(
    engine: &Engine,
    account: &Versioned<Account>,
    order: &Versioned<Order>,
) -> Result<Versioned<Order>, FinalizeError> {
    engine.finalize(order, csr(order), &[account.guard()], PATIENCE).await
}

/// A whole certificate.
pub(crate) async fn obtain(engine: &Engine, account: &Versioned<Account>, names: &[&str]) -> Versioned<Order> {
    let order = ready(engine, account, names).await;
    let order = finalize(engine, account, &order).await.expect("finalizes");
    assert_eq!(order.state.status(engine.now()), OrderStatus::Valid);
    order
}

pub(crate) fn certificate_of(order: &Versioned<Order>) -> CertificateId {
    order.state.certificate().expect("valid")
}

pub(crate) async fn authorizations(engine: &Engine, order: &Versioned<Order>) -> Vec<Versioned<Authorization>> {
    let mut found = Vec::new();
    for id in &order.state.terms.authorizations {
        found.push(engine.authorization(*id).await.expect("loads"));
    }
    found
}

/// Bytes that stand for a CSR; the same for the same order.
pub(crate) fn csr(order: &Versioned<Order>) -> Vec<u8> {
    format!("csr of {}", order.id).into_bytes()
}

pub(crate) fn new_account(number: u32) -> NewAccount {
    NewAccount {
        endpoint: endpoint(),
        acme_profile: None,
        key: key(number),
        contacts: Vec::new(),
        terms_agreed: true,
        binding: None,
    }
}

pub(crate) fn key(number: u32) -> AccountKey {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&number.to_be_bytes());
    AccountKey { jwk: format!("{{\"number\":{number}}}"), thumbprint: digest, spki_sha256: digest }
}

pub(crate) fn new_order(names: &[&str]) -> NewOrder {
    let subjects = names.iter().map(|name| Subject::dns(name).expect("a name")).collect();
    NewOrder {
        subjects,
        ancestors: BTreeMap::new(),
        not_before: None,
        not_after: None,
        profile: None,
        replaces: None,
        auto_renewal: None,
    }
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::AcmeProfile(name("default"))
}

pub(crate) fn pair(engine: &Engine) -> Pair {
    engine.profiles().resolve(&endpoint()).expect("declared")
}

pub(crate) fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).expect("a name")
}

pub(crate) fn order_object(order: &Versioned<Order>) -> ObjectId {
    ObjectId { kind: Kind::Order, id: order.id }
}

pub(crate) fn authorization_object(id: AuthorizationId) -> ObjectId {
    ObjectId { kind: Kind::Authorization, id: id.0 }
}

pub(crate) fn account_id(account: &Versioned<Account>) -> AccountId {
    AccountId(account.id)
}

/// An endpoint that offers both challenges and retries once at once.
pub(crate) fn profiles() -> ProfileSet {
    let acme = AcmeProfileSettings {
        default_ra_profile: Some("servers".into()),
        order_validity: Span::days(7),
        retry_pauses: vec![Span(Seconds(0))],
        ..AcmeProfileSettings::default()
    };
    let acme = acme.profile(name("default"), None, Timestamp::EPOCH).expect("a sound profile");
    let ra = RaProfileSettings { backdate: Span(Seconds(0)), ..RaProfileSettings::default() };
    let ra = ra.profile(name("servers"), |_| Ok(AUTHORITY)).expect("a sound profile");
    let mut profiles = ProfileSet::default();
    profiles.acme.insert(acme.name.clone(), Arc::new(acme));
    profiles.ra.insert(ra.name.clone(), Arc::new(ra));
    profiles
}

/// The same, changed.
pub(crate) fn profiles_with(change: impl FnOnce(&mut AcmeProfile, &mut RaProfile)) -> ProfileSet {
    let mut set = profiles();
    let mut acme = (*set.acme[&name("default")]).clone();
    let mut ra = (*set.ra[&name("servers")]).clone();
    change(&mut acme, &mut ra);
    set.acme.insert(acme.name.clone(), Arc::new(acme));
    set.ra.insert(ra.name.clone(), Arc::new(ra));
    set
}

/// Makes these profiles so.
pub(crate) async fn declare(engine: &Engine, set: ProfileSet) {
    attempt(engine, &set).await.expect("declares");
}

pub(crate) async fn attempt(engine: &Engine, set: &ProfileSet) -> Result<(), ActError<StoreError>> {
    let declared = engine.administer("system", async || {
        let catalog = engine.catalog().await?;
        let mut act = Act::nothing(());
        for (name, profile) in &set.acme {
            act.writes.extend(engine.profile_writes(catalog.acme.get(name), (**profile).clone()).await?.0);
        }
        for (name, profile) in &set.ra {
            act.writes.extend(engine.profile_writes(catalog.ra.get(name), (**profile).clone()).await?.0);
        }
        Ok(act)
    });
    declared.await?;
    // What landed unheard is seen too.
    Ok(engine.refresh_profiles().await?)
}

/// Whether an operation met a fault that a client meets with another try.
pub(crate) fn passing(error: &PlaceError) -> bool {
    use chancery_actors::error::TurnError;
    matches!(error, PlaceError::Turn(TurnError::Unavailable(_) | TurnError::Busy))
}
