//! Ten thousand accounts and a hundred thousand orders on a disk: listed, filtered and paged, and never held in memory.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use chancery::store::RedbStore;
use chancery_actors::Engine;
use chancery_actors::listing::{AccountQuery, Count, Cursor, Direction, LIMIT, OrderCounts, OrderQuery};
use chancery_actors::ports::{Clock, Commit, Store, Write};
use chancery_machine::account::{Account, AccountState, AccountStatus};
use chancery_machine::id::{AccountId, AuthorizationId, Id};
use chancery_machine::order::{Order, OrderState, OrderStatus, OrderTerms, ProfileRef};
use chancery_machine::problem::{Problem, ProblemType};
use chancery_machine::profile::ProfileRevision;
use chancery_machine::time::Timestamp;
use tempfile::TempDir;

use super::filters::Asked;
use super::population::{Dice, account_write, order_write, subject};
use crate::lab::{Lab, endpoint, key, name, run};

const ACCOUNTS: u32 = 10_000;

/// Of each account.
const ORDERS: u32 = 10;

/// How much of the file the store may hold.
const CACHE: usize = 8 << 20;

/// How much memory listing everything may take: a small part of what everything would.
const GROWTH: usize = 32 << 20;

/// In a process of its own: memory is measured, and other tests would count.
#[test]
fn a_hundred_thousand_orders_are_listed_filtered_and_paged_without_being_held_in_memory() {
    let this = std::env::current_exe().expect("the test's own program");
    let child = Command::new(this).args(["--exact", "listing::large::list_them_all", "--ignored"]).output();
    let output = child.expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "the child process of the test above"]
fn list_them_all() {
    let directory = TempDir::new().expect("a temporary directory");
    let store = Arc::new(RedbStore::open(directory.path(), CACHE).expect("opens"));
    run(async {
        let lab = Lab::on(store);
        let accounts = fill(&lab).await;
        let started = lab.start().await;
        let engine = &started.engine;
        let orders = u64::from(ACCOUNTS * ORDERS);

        // Once before it counts, so that cache and allocator have what they keep.
        assert_eq!(walk(engine, &OrderQuery::default(), 2).await.1, 2 * LIMIT as u64);
        let before = resident();
        let (pages, found) = walk(engine, &OrderQuery::default(), usize::MAX).await;
        assert_eq!((pages, found), (ACCOUNTS as usize * ORDERS as usize / LIMIT, orders));
        let newest = OrderQuery { direction: Direction::Descending, ..OrderQuery::default() };
        assert_eq!(walk(engine, &newest, usize::MAX).await.1, orders);
        assert_eq!(walk(engine, &AccountQuery::default(), usize::MAX).await.1, u64::from(ACCOUNTS));
        let status = |status| OrderQuery { status: Some(status), ..OrderQuery::default() };
        let ready = OrderQuery { account: Some(accounts[77]), ..status(OrderStatus::Ready) };
        assert_eq!(walk(engine, &ready, usize::MAX).await, (1, 1));
        // One of ten is stored as pending, and every second of those has lapsed; eight of ten are invalid for another reason.
        assert_eq!(walk(engine, &status(OrderStatus::Pending), usize::MAX).await.1, orders / 20);
        assert_eq!(walk(engine, &status(OrderStatus::Invalid), usize::MAX).await.1, orders / 20 + orders * 8 / 10);
        let named = OrderQuery { name: Some(subject("host-7.example.org")), ..OrderQuery::default() };
        assert_eq!(walk(engine, &named, usize::MAX).await, (1, 100));
        let named = OrderQuery { account: Some(accounts[7]), ..named };
        assert_eq!(walk(engine, &named, usize::MAX).await, (1, 1));
        let closed = AccountQuery { status: Some(AccountStatus::Revoked), ..AccountQuery::default() };
        assert_eq!(walk(engine, &closed, usize::MAX).await.1, u64::from(ACCOUNTS) / 100);
        let grown = resident().saturating_sub(before);
        assert!(grown < GROWTH, "listing took {grown} bytes of memory, {before} were there before");

        let counts = engine.count_orders(accounts[1]).await.expect("counts");
        let of = |number| Count { number, capped: false };
        assert_eq!(counts, OrderCounts { ready: of(1), invalid: of(9), ..OrderCounts::default() });
        let here = AccountQuery { acme_profile: Some(name("default")), ..AccountQuery::default() };
        assert_eq!(engine.count_accounts(&here, 500).await, Ok(Count { number: 500, capped: true }));
        started.stop();
    });
}

/// Goes through the pages of a list and keeps none; answers how many they were, and how many items were on them.
async fn walk<Q: Asked>(engine: &Engine, query: &Q, most: usize) -> (usize, u64) {
    let (mut pages, mut items, mut after, mut last) = (0, 0, None::<Cursor>, None);
    while pages < most {
        let page = query.page(engine, after.as_ref(), LIMIT).await.expect("lists");
        pages += 1;
        items += page.items.len() as u64;
        assert!(!page.items.iter().any(|id| Some(*id) == last), "the item before the page is on it");
        last = page.items.last().copied();
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    (pages, items)
}

/// How much memory this process has, in bytes; where that is not known it never grows.
fn resident() -> usize {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return 0 };
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has memory");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kilobytes << 10
}

/// Each account orders for another host in the course of time.
async fn fill(lab: &Lab) -> Vec<AccountId> {
    let (now, mut dice) = (lab.clock.now(), Dice(9));
    let born = |number: u32| Timestamp::from_millis(now.millis() - 1_000_000 + u64::from(number));
    let accounts: Vec<_> = (0..ACCOUNTS).map(|number| AccountId(dice.id(born(number)))).collect();
    let writes = (0..).zip(&accounts).map(|(number, id)| account_write(id.0, &account(number, born(number))));
    commit(lab, writes).await;
    for nth in 0..ORDERS {
        let writes = (0..).zip(&accounts).map(|(number, account)| {
            let created = born((nth + 1) * ACCOUNTS + number);
            order_write(dice.id(created), &order(*account, number, nth, created, now))
        });
        commit(lab, writes.collect::<Vec<_>>()).await;
    }
    accounts
}

/// In few and large batches; as many writes in a commit as it has room for.
async fn commit(lab: &Lab, writes: impl IntoIterator<Item = Write>) {
    let commit = Commit { guards: Vec::new(), writes: writes.into_iter().collect() };
    assert_eq!(lab.store.commit(vec![commit]).await, [Ok(())]);
}

fn account(number: u32, created: Timestamp) -> Account {
    let revoked = AccountState::Revoked { at: created, settled: true, certificates: None };
    Account {
        endpoint: endpoint(),
        key: key(number),
        contacts: vec![format!("mailto:ops-{number}@example.org")],
        terms_agreed: None,
        created,
        state: if number.is_multiple_of(100) { revoked } else { AccountState::Valid },
        disabled: None,
        acme_profile: None,
        binding: None,
        former_keys: Vec::new(),
    }
}

fn order(account: AccountId, number: u32, nth: u32, created: Timestamp, now: Timestamp) -> Order {
    let profile = |text| ProfileRef { name: name(text), revision: ProfileRevision(1) };
    let hour = Duration::from_secs(3600);
    let authorization = AuthorizationId(Id::from_bytes([1; 16]));
    let terms = OrderTerms {
        account,
        endpoint: endpoint(),
        acme_profile: profile("default"),
        ra_profile: profile("servers"),
        subjects: vec![subject(&format!("host-{}.example.org", (number + nth) % 1000))],
        authorizations: vec![authorization],
        created,
        expires: if number.is_multiple_of(2) { now.plus(hour) } else { now.minus(hour) },
        not_before: None,
        not_after: None,
        profile: None,
        replaces: None,
        ancestors: BTreeMap::new(),
        auto_renewal: None,
    };
    let state = match nth {
        0 => OrderState::Pending { outstanding: vec![authorization] },
        1 => OrderState::Ready,
        _ => OrderState::Invalid { at: created, error: Problem::new(ProblemType::Dns, "the name was not found") },
    };
    // Who is ready stays so.
    let expires = if nth == 1 { now.plus(hour) } else { terms.expires };
    Order { terms: OrderTerms { expires, ..terms }, state, passed: Vec::new() }
}
