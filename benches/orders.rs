//! Whole orders through the engine: placed, responded to, validated, finalized and issued, so many at once. The store is
//! redb in a temporary directory, the issuer signs with P-384, and the validator says yes. The figure to read is elements
//! a second. A client here polls each millisecond, so alone it waits for its timer as well as for the disk.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_rt::SystemRunner;
use async_trait::async_trait;
use chancery::acme::AccountUrls;
use chancery::admin::settings::{AcmeProfileSettings, RaProfileSettings};
use chancery::pki::authorities::Authorities;
use chancery::pki::hierarchy::{HierarchyPlan, make_hierarchy};
use chancery::pki::name::AuthorityName;
use chancery::pki::sealed::SealCost;
use chancery::span::Span;
use chancery::store::RedbStore;
use chancery::store::redb::DEFAULT_CACHE_BYTES;
use chancery::system::{SystemClock, SystemEntropy};
use chancery_actors::audit::Act;
use chancery_actors::engine::{NewAccount, Running};
use chancery_actors::place::NewOrder;
use chancery_actors::ports::{Attempt, CaaQuestion, Clock, StoreError, Validate, Verdict};
use chancery_actors::profiles::{Pair, ProfileSet};
use chancery_actors::{Engine, Ports, Settings, Versioned};
use chancery_machine::account::{Account, AccountKey};
use chancery_machine::challenge::Reliance;
use chancery_machine::id::{AuthorityId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::order::OrderStatus;
use chancery_machine::profile::{Endpoint, ProfileName};
use chancery_machine::time::Timestamp;
use chancery_machine::transcript::Transcript;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::future::join_all;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use secrecy::SecretString;
use tempfile::TempDir;

criterion_group!(benches, orders);
criterion_main!(benches);

const NAME: &str = "www.example.org";

const PATIENCE: Duration = Duration::from_secs(60);

fn orders(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("whole orders at once");
    group.sample_size(10).throughput(Throughput::Elements(1));
    for clients in [1, 16, 64, 256] {
        let bench = Bench::start();
        group.bench_function(clients.to_string(), |bencher| bencher.iter_custom(|orders| bench.time(clients, orders)));
        bench.stop();
    }
    group.finish();
}

struct Bench {
    system: SystemRunner,
    engine: Engine,
    running: Running,
    account: Versioned<Account>,
    pair: Pair,
    csr: Vec<u8>,
    _directory: TempDir,
}

impl Bench {
    fn start() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let (authorities, authority) = authorities();
        let ports = Ports {
            store: Arc::new(RedbStore::open(directory.path(), DEFAULT_CACHE_BYTES).expect("opens")),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            validate: Arc::new(Yes),
            issue: Arc::new(authorities),
            urls: Arc::new(AccountUrls { origin: "https://localhost".into() }),
        };
        let system = actix_rt::System::new();
        let endpoint = Endpoint::AcmeProfile(name("default"));
        let (engine, running, account, pair) = system.block_on(async {
            let (engine, running) = Engine::start(ports, Settings::default()).expect("starts");
            declare(&engine, profiles(authority)).await;
            let key = AccountKey { jwk: "{}".into(), thumbprint: [1; 32], spki_sha256: [1; 32] };
            let new = NewAccount {
                endpoint: endpoint.clone(),
                acme_profile: None,
                key,
                contacts: Vec::new(),
                terms_agreed: true,
                binding: None,
            };
            let pair = engine.profiles().resolve(&endpoint).expect("declared");
            let (account, _) = engine.create_account(new, &pair).await.expect("registers");
            (engine, running, account, pair)
        });
        Self { system, engine, running, account, pair, csr: csr(), _directory: directory }
    }

    /// How long so many clients take for so many orders in all.
    fn time(&self, clients: usize, orders: u64) -> Duration {
        let left = AtomicU64::new(orders);
        let client = async || {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                self.order().await;
            }
        };
        let begun = Instant::now();
        self.system.block_on(async { join_all((0..clients).map(|_| client())).await });
        begun.elapsed()
    }

    async fn order(&self) {
        let subjects = vec![Subject::dns(NAME).expect("a name")];
        let new = NewOrder {
            subjects,
            ancestors: BTreeMap::new(),
            not_before: None,
            not_after: None,
            profile: None,
            replaces: None,
            auto_renewal: None,
        };
        let mut order = self.engine.place_order(&self.account, &self.pair, new).await.expect("places");
        let guards = [self.account.guard()];
        for authorization in &order.state.terms.authorizations {
            self.engine.respond(*authorization, 0, &guards).await.expect("responds");
        }
        while order.state.status(self.engine.now()) != OrderStatus::Ready {
            tokio::time::sleep(Duration::from_millis(1)).await;
            order = self.engine.order(OrderId(order.id)).await.expect("stands");
        }
        let order = self.engine.finalize(&order, self.csr.clone(), &guards, PATIENCE).await.expect("finalizes");
        assert_eq!(order.state.status(self.engine.now()), OrderStatus::Valid);
    }

    fn stop(self) {
        drop(self.engine);
        self.running.stop(PATIENCE).expect("stops");
    }
}

struct Yes;

#[async_trait]
impl Validate for Yes {
    async fn attempt(&self, _: Attempt) -> Verdict {
        yes()
    }

    async fn permits(&self, _: CaaQuestion) -> Verdict {
        yes()
    }
}

fn yes() -> Verdict {
    Verdict { outcome: Ok(()), reliance: Reliance::default(), transcript: Transcript::begin(Timestamp::EPOCH) }
}

fn authorities() -> (Authorities, AuthorityId) {
    let name = |text| AuthorityName::new(Some("Chancery"), text).expect("a name");
    let plan = HierarchyPlan::new(name("Bench Root"), name("Bench Issuing"));
    let passphrase = SecretString::from("a passphrase of benches");
    let hierarchy = make_hierarchy(&plan, SystemClock.now(), &passphrase, SealCost::WEAK).expect("a hierarchy");
    let authorities = Authorities::new(None);
    authorities.open(&hierarchy.intermediate, &passphrase).expect("opens");
    (authorities, hierarchy.intermediate.id)
}

fn csr() -> Vec<u8> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let parameters = CertificateParams::new([NAME.to_owned()]).expect("a name");
    parameters.serialize_request(&key).expect("encodes").der().to_vec()
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).expect("a name")
}

fn profiles(authority: AuthorityId) -> ProfileSet {
    let acme = AcmeProfileSettings {
        default_ra_profile: Some("servers".into()),
        order_validity: Span::days(7),
        retry_pauses: Vec::new(),
        ..AcmeProfileSettings::default()
    };
    let acme = acme.profile(name("default"), None, Timestamp::EPOCH).expect("a sound profile");
    let ra = RaProfileSettings::default().profile(name("servers"), |_| Ok(authority)).expect("a sound profile");
    let mut profiles = ProfileSet::default();
    profiles.acme.insert(acme.name.clone(), Arc::new(acme));
    profiles.ra.insert(ra.name.clone(), Arc::new(ra));
    profiles
}

async fn declare(engine: &Engine, set: ProfileSet) {
    let declared = engine.administer::<(), StoreError>("bench", async || {
        let mut act = Act::nothing(());
        for profile in set.acme.values() {
            act.writes.extend(engine.profile_writes(None, (**profile).clone()).await?.0);
        }
        for profile in set.ra.values() {
            act.writes.extend(engine.profile_writes(None, (**profile).clone()).await?.0);
        }
        Ok(act)
    });
    declared.await.expect("declares");
}
