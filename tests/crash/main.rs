//! The real binary is killed amid a hundred concurrent orders, again and again, and started again on what it left:
//! every order that a client was told of is still there, goes on, and ends with one certificate.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery::store::redb::RedbStore;
use chancery_actors::ports::{Kind, Store};
use chancery_machine::certificate::Certificate;
use chancery_machine::snapshot;
use dns::DnsServer;
use futures::future::join_all;
use hickory_proto::rr::RecordType;
use instant_acme::{
    Account, AuthorizationStatus, ChallengeStatus, ChallengeType, Error, Identifier, NewAccount, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use support::server::{Options, Server};
use support::web::WebRoot;
use tokio::sync::Notify;

#[path = "../support/dns.rs"]
mod dns;
#[path = "../support/mod.rs"]
mod support;

/// Orders in flight when the server dies.
const ORDERS: usize = 100;

/// How often it dies. Each time at another point of the orders' way.
const ROUNDS: usize = 10;

/// What a client notices of one order: its URL, its challenges posted, ready, finalized, the certificate.
const STEPS: usize = 5;

/// Patient, since debug builds on busy machines are slow.
const PATIENCE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(100)).backoff(1.2).timeout(Duration::from_secs(120));

#[tokio::test]
async fn every_order_that_a_client_was_told_of_survives_kill_9_and_ends_with_one_certificate() {
    let house = House::new();
    let mut server = house.start(0);
    let port = server.port();
    let credentials = register(&server).await;

    // Every order of every round, with its certificate.
    let mut issued: HashMap<String, String> = HashMap::new();
    // Orders by the state in which they were found after the kill.
    let mut found: HashMap<String, usize> = HashMap::new();
    for round in 0..ROUNDS {
        let account = log_in(&server, &credentials).await;
        let seen = Arc::new(Seen::default());
        let clients = join_all((0..ORDERS).map(|number| {
            let (account, seen, challenges) = (account.clone(), Arc::clone(&seen), house.web.challenges());
            async move {
                // The server dies under it, so most end with an error; what counts is what they have seen until then.
                drop(begin(&account, &format!("r{round}-n{number}.crash.test"), &challenges, &seen).await);
            }
        }));
        let threshold = (2 * round + 1) * ORDERS * STEPS / (2 * ROUNDS);
        tokio::select! {
            _ = clients => {}
            () = seen.reaches(threshold) => {}
        }
        server.kill();

        server = house.start(port);
        let told = seen.told.lock().expect("no client panics with it").clone();
        assert!(!told.is_empty(), "round {round} saw orders");
        let account = log_in(&server, &credentials).await;
        let resumed = join_all(told.iter().map(|(url, before)| {
            let (account, challenges, seen) = (account.clone(), house.web.challenges(), Arc::new(Seen::default()));
            async move {
                let order = account.order(url.clone()).await;
                let mut order = order.unwrap_or_else(|error| panic!("round {round}: {url} is lost: {error}"));
                let state = format!("{:?}", order.state().status);
                let certificate = carry_on(&mut order, &challenges, &seen).await;
                let certificate = certificate.unwrap_or_else(|error| panic!("round {round}: {url}: {error}"));
                if let Some(before) = before {
                    assert_eq!(*before, certificate, "{url} had another certificate before the crash");
                }
                (url.clone(), certificate, state)
            }
        }));
        for (url, certificate, state) in resumed.await {
            issued.insert(url, certificate);
            *found.entry(state).or_default() += 1;
        }
    }
    for state in ["Pending", "Ready", "Valid"] {
        assert!(found.contains_key(state), "the kills came at every part of the way: {found:?}");
    }

    // Once more, and nothing of it has changed.
    server.kill();
    let server = house.start(port);
    let account = log_in(&server, &credentials).await;
    for (url, certificate) in &issued {
        let mut order = account.order(url.clone()).await.unwrap_or_else(|error| panic!("{url} is lost: {error}"));
        assert_eq!(order.state().status, OrderStatus::Valid, "{url}");
        let again = order.certificate().await.expect("a valid order has a certificate").expect("at once");
        assert_eq!(again, *certificate, "{url} has one certificate");
    }
    let distinct: HashSet<&String> = issued.values().collect();
    assert_eq!(distinct.len(), issued.len(), "no two orders share a certificate");
    assert!(server.stop().success(), "SIGTERM is a clean shutdown");

    let mut kept = house.certificates_by_order().await;
    let before = kept.len();
    kept.sort();
    kept.dedup();
    assert_eq!(kept.len(), before, "the store keeps one certificate for an order, seen or not");
    assert!(kept.len() >= issued.len(), "{} certificates of {} orders are kept", kept.len(), issued.len());
}

#[tokio::test]
async fn sigterm_is_a_clean_shutdown_and_the_account_is_still_there_afterwards() {
    let house = House::new();
    let server = house.start(0);
    let port = server.port();
    let credentials = register(&server).await;
    assert!(server.stop().success(), "SIGTERM is a clean shutdown");
    let server = house.start(port);
    let account = log_in(&server, &credentials).await;
    account.update_contacts(&["mailto:other@crash.test"]).await.expect("the account is still there");
}

/// What the server needs around it, the same for each of its lives.
struct House {
    dns: DnsServer,
    web: WebRoot,
    folder: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let dns = DnsServer::start();
        dns.zone().set_default_address(RecordType::A, Some(IpAddr::from([127, 0, 0, 1])));
        Self { dns, web: WebRoot::serve(&folder.path().join("www")), folder }
    }

    fn start(&self, port: u16) -> Server {
        Server::start(&Options {
            data: self.folder.path().join("chancery"),
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            // Beside a port that the system chose, the next one may be somebody else's.
            http_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            http_port: self.web.port(),
            resolver: self.dns.address(),
        })
    }
}

impl House {
    /// The order of every certificate in the store, once no server has it open.
    async fn certificates_by_order(&self) -> Vec<String> {
        let store = RedbStore::open(&self.folder.path().join("chancery"), 1 << 20).expect("the store is free");
        let mut orders = Vec::new();
        let mut after = None;
        loop {
            let page = store.scan(Kind::Certificate, after, 500).await.expect("the store is read");
            for object in &page {
                let stored = store.load(*object).await.expect("it is read").expect("it is there");
                let certificate: Certificate = snapshot::decode(&stored.bytes).expect("it is a snapshot");
                // Those without an order are the server's own.
                orders.extend(certificate.record.order.map(|(_, order)| order.to_string()));
            }
            after = page.last().copied();
            if page.len() < 500 {
                return orders;
            }
        }
    }
}

/// What the clients of one round have seen so far.
#[derive(Default)]
struct Seen {
    /// Every order that a client was told of, with its certificate if it came that far.
    told: Mutex<HashMap<String, Option<String>>>,
    steps: AtomicUsize,
    moved: Notify,
}

impl Seen {
    fn step(&self) {
        self.steps.fetch_add(1, Ordering::SeqCst);
        self.moved.notify_one();
    }

    fn tell(&self, url: &str, certificate: Option<String>) {
        self.told.lock().expect("no client panics with it").insert(url.to_owned(), certificate);
        self.step();
    }

    async fn reaches(&self, threshold: usize) {
        while self.steps.load(Ordering::SeqCst) < threshold {
            self.moved.notified().await;
        }
    }
}

async fn begin(account: &Account, name: &str, challenges: &Path, seen: &Seen) -> Result<String, Error> {
    let identifiers = [Identifier::Dns(name.to_owned())];
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    seen.tell(order.url(), None);
    carry_on(&mut order, challenges, seen).await
}

/// Brings an order to its end from wherever it stands.
async fn carry_on(order: &mut Order, challenges: &Path, seen: &Seen) -> Result<String, Error> {
    loop {
        match order.state().status {
            OrderStatus::Pending => {
                answer_challenges(order, challenges).await?;
                seen.step();
                order.poll_ready(&PATIENCE).await?;
                seen.step();
            }
            OrderStatus::Ready => {
                order.finalize().await?;
                seen.step();
            }
            OrderStatus::Processing | OrderStatus::Valid => {
                let certificate = order.poll_certificate(&PATIENCE).await?;
                seen.tell(order.url(), Some(certificate.clone()));
                return Ok(certificate);
            }
            OrderStatus::Invalid => {
                return Err(Error::Other(format!("the order is invalid: {:?}", order.state().error).into()));
            }
        }
    }
}

async fn answer_challenges(order: &mut Order, challenges: &Path) -> Result<(), Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let mut challenge = authorization.challenge(ChallengeType::Http01).ok_or(Error::Str("no http-01"))?;
        // One that is being tried already needs nothing more: the server goes on by itself.
        if challenge.status == ChallengeStatus::Pending {
            fs::write(challenges.join(&challenge.token), challenge.key_authorization().as_str())
                .expect("the challenge's file can be written");
            challenge.set_ready().await?;
        }
    }
    Ok(())
}

/// The account's credentials, as text that outlives the connection.
async fn register(server: &Server) -> String {
    let (_, credentials) = Account::builder_with_root(server.root())
        .expect("the root is a certificate")
        .create(
            &NewAccount {
                contact: &["mailto:operator@crash.test"],
                terms_of_service_agreed: true,
                only_return_existing: false,
            },
            server.directory().to_owned(),
            None,
        )
        .await
        .expect("the account is made");
    serde_json::to_string(&credentials).expect("credentials are JSON")
}

async fn log_in(server: &Server, credentials: &str) -> Account {
    Account::builder_with_root(server.root())
        .expect("the root is a certificate")
        .from_credentials(serde_json::from_str(credentials).expect("credentials are JSON"))
        .await
        .expect("the directory answers")
}
