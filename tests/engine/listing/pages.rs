//! Pages go on where they ended, whatever happens between them, and cost no more than they may.

use chancery_actors::listing::{
    AccountQuery, AuditQuery, AuthorizationQuery, CertificateQuery, CertificateSort, Cursor, CursorError, Direction,
    EXAMINED, EabQuery, LIMIT, ListError, OrderQuery,
};
use chancery_actors::ports::{Commit, Kind, ObjectId, Revision, Store, Write};
use chancery_machine::id::{AccountId, Id};
use chancery_machine::order::{Order, OrderState, OrderStatus};

use super::filters::{Asked, listed};
use super::population::{Dice, everything, moment, order, order_write, populate, write};
use crate::lab::{Lab, name, run};

/// Writes an order's next revision.
async fn change(lab: &Lab, id: Id, state: OrderState) {
    let object = ObjectId { kind: Kind::Order, id };
    let stored = lab.store.load(object).await.expect("loads").expect("is there");
    let mut order: Order = chancery_machine::snapshot::decode(&stored.bytes).expect("is whole");
    order.state = state;
    let next = Write { expected: stored.revision, ..order_write(id, &order) };
    let answers = lab.store.commit(vec![Commit { guards: Vec::new(), writes: vec![next] }]).await;
    assert_eq!(answers, [Ok(())]);
}

#[test]
fn what_is_there_all_the_time_is_listed_once_while_others_come_change_and_go() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let population = populate(&lab, engine, 3).await;
        let now = population.now;
        let account = population.accounts[0];
        let mut dice = Dice(5);
        for direction in [Direction::Ascending, Direction::Descending] {
            for query in [
                OrderQuery { direction, ..OrderQuery::default() },
                OrderQuery { account: Some(account), direction, ..OrderQuery::default() },
            ] {
                let all: Vec<(Id, Order)> = everything(&lab.store, Kind::Order).await;
                let mut there: Vec<Id> = all
                    .into_iter()
                    .filter(|(_, order)| query.account.is_none_or(|account| order.terms.account == account))
                    .map(|(id, _)| id)
                    .collect();
                let (mut found, mut after) = (Vec::new(), None::<Cursor>);
                loop {
                    let page = query.page(engine, after.as_ref(), 2).await.expect("lists");
                    // What the cursor stands on goes, and others come before and behind it.
                    let last = page.items.last().copied();
                    found.extend(page.items);
                    let Some(next) = page.next else { break };
                    after = Some(next);
                    if let Some(id) = last.filter(|_| dice.flip()) {
                        let object = ObjectId { kind: Kind::Order, id };
                        let revision = lab.store.load(object).await.expect("loads").expect("is there").revision;
                        let gone = Write { object, expected: revision, body: None };
                        write(&*lab.store, vec![gone]).await;
                    }
                    if found.len() < 40 {
                        let created = moment(now, dice.roll(5));
                        let newcomer = order(&mut dice, account, created, now);
                        write(&*lab.store, vec![order_write(dice.id(created), &newcomer)]).await;
                    }
                    let changed = there[dice.roll(there.len())];
                    if !found.contains(&changed) {
                        change(&lab, changed, OrderState::Ready).await;
                    }
                }
                let count = found.len();
                assert!(found.is_sorted_by(|one, other| match direction {
                    Direction::Ascending => one < other,
                    Direction::Descending => one > other,
                }));
                there.retain(|id| !found.contains(id));
                assert_eq!(there, [], "not listed, of {count}");
            }
        }
        started.stop();
    });
}

#[test]
fn what_moves_on_from_one_index_to_another_under_a_walk_is_listed_once() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let (now, mut dice) = (started.engine.now(), Dice(4));
        let ready = Order { state: OrderState::Ready, ..order(&mut dice, ACCOUNT, now, now) };
        let outstanding = ready.terms.authorizations.clone();
        let pending =
            Order { state: OrderState::Pending { outstanding }, terms: ready.terms.clone(), passed: Vec::new() };
        // As the walk meets it that has read one index before the change and the other after it.
        let id = dice.id(now);
        let mut both = order_write(id, &ready);
        both.body.as_mut().expect("is made").terms.extend(OrderQuery::terms_of(&pending));
        write(&*lab.store, vec![both]).await;
        for direction in [Direction::Ascending, Direction::Descending] {
            let query = OrderQuery { account: Some(ACCOUNT), direction, ..OrderQuery::default() };
            assert_eq!(listed(&started.engine, &query, 10).await, [id]);
        }
        started.stop();
    });
}

#[test]
fn a_cursor_of_another_query_is_refused_and_so_is_rubbish() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let population = populate(&lab, engine, 2).await;
        let query = OrderQuery::default();
        let cursor = query.page(engine, None, 1).await.expect("lists").next.expect("there is more");
        assert!(query.page(engine, Some(&cursor), 5).await.is_ok(), "the limit may change");
        let other = || OrderQuery::default();
        let later = Some(engine.now());
        for changed in [
            OrderQuery { account: Some(population.accounts[0]), ..other() },
            OrderQuery { status: Some(OrderStatus::Ready), ..other() },
            OrderQuery { acme_profile: Some(name("default")), ..other() },
            OrderQuery { ra_profile: Some(name("default")), ..other() },
            OrderQuery { created_from: later, ..other() },
            OrderQuery { created_to: later, ..other() },
            OrderQuery { direction: Direction::Descending, ..other() },
        ] {
            let refused = changed.page(engine, Some(&cursor), 1).await.expect_err("another query");
            assert_eq!(refused, ListError::Cursor(CursorError::OtherQuery), "{changed:?}");
        }
        let refused = Err(ListError::Cursor(CursorError::OtherQuery));
        let plain = AccountQuery::default();
        assert_eq!(plain.page(engine, Some(&cursor), 1).await.map(|page| page.items), refused);
        let plain = AuditQuery::default();
        assert_eq!(plain.page(engine, Some(&cursor), 1).await.map(|page| page.items), refused);
        let by_birth = CertificateQuery::default();
        let cursor = by_birth.page(engine, None, 1).await.expect("lists").next.expect("there is more");
        let by_expiry = CertificateQuery { sort: CertificateSort::Expiry, ..by_birth };
        assert_eq!(by_expiry.page(engine, Some(&cursor), 1).await.map(|page| page.items), refused);
        for rubbish in [&b""[..], b"\0", b"cursor", &[2; 34], &[0xff; 64], &[1; 400]] {
            assert_eq!(Cursor::from_bytes(rubbish), Err(CursorError::Unreadable), "{rubbish:?}");
        }
        started.stop();
    });
}

#[test]
fn a_limit_is_one_at_least_and_a_thousand_at_most() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        fill(&lab, LIMIT + 1).await;
        let page = OrderQuery::default().page(&started.engine, None, usize::MAX).await.expect("lists");
        assert_eq!(page.items.len(), LIMIT);
        assert!(page.next.is_some());
        let page = OrderQuery::default().page(&started.engine, None, 0).await.expect("lists");
        assert_eq!(page.items.len(), 1);
        assert!(EabQuery::default().page(&started.engine, None, 0).await.expect("lists").next.is_none());
        started.stop();
    });
}

#[test]
fn a_request_looks_at_no_more_than_it_may_and_says_where_to_go_on() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let last = fill(&lab, 2 * EXAMINED + 100).await;
        // By the account there is an index; what is wanted of it there is not.
        let nothing = OrderQuery { ra_profile: Some(name("absent")), account: Some(ACCOUNT), ..OrderQuery::default() };
        let (mut pages, mut after) = (0, None::<Cursor>);
        loop {
            let before = lab.store.loads();
            let page = nothing.page(engine, after.as_ref(), 10).await.expect("lists");
            assert!(lab.store.loads() - before <= EXAMINED + OTHERS);
            assert!(page.items.is_empty());
            pages += 1;
            let Some(next) = page.next else { break };
            after = Some(next);
        }
        assert_eq!(pages, 3);
        // Where the index itself is empty, nothing is looked at.
        let before = lab.store.loads();
        let absent = OrderQuery { ra_profile: Some(name("absent")), ..OrderQuery::default() };
        assert_eq!(listed(engine, &absent, 10).await, []);
        // The walk begins where the period does.
        let recent = OrderQuery { created_from: Some(moment(engine.now(), 9)), ..OrderQuery::default() };
        assert_eq!(listed(engine, &recent, 10).await, [last]);
        let recent = OrderQuery { direction: Direction::Descending, ..recent };
        assert_eq!(listed(engine, &recent, 10).await, [last]);
        assert!(lab.store.loads() - before <= OTHERS);
        assert_eq!(listed(engine, &AuthorizationQuery::default(), 10).await, []);
        let counts = engine.count_orders(ACCOUNT).await.expect("counts");
        assert!(counts.ready.capped && counts.ready.number == 10_000 && counts.invalid.capped, "{counts:?}");
        started.stop();
    });
}

/// How many objects the engine may read meanwhile for itself.
const OTHERS: usize = 100;

const ACCOUNT: AccountId = AccountId(Id::from_bytes([3; 16]));

/// Orders that are ready, the last of them born five seconds after the others.
async fn fill(lab: &Lab, count: usize) -> Id {
    use chancery_actors::ports::Clock;
    let (now, mut dice) = (lab.clock.now(), Dice(1));
    let template = order(&mut dice, ACCOUNT, now, now);
    let mut template = Order { state: OrderState::Ready, ..template };
    template.terms.expires = now.plus(std::time::Duration::from_secs(3600));
    let mut last = None;
    let writes = (1..=count).map(|number| {
        let id = dice.id(moment(now, if number == count { 9 } else { 4 }));
        last = Some(id);
        order_write(id, &template)
    });
    let writes: Vec<_> = writes.collect();
    assert!(writes.iter().all(|write| write.expected == Revision::ABSENT));
    write(&*lab.store, writes).await;
    last.expect("at least one")
}
