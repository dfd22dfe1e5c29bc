//! What the engine itself stores is found by every word that it has.

use chancery_actors::engine::NewAccount;
use chancery_actors::listing::{
    AccountQuery, AuthorizationQuery, CertificateQuery, CertificateSort, Count, Direction, OrderCounts, OrderQuery,
};
use chancery_actors::ports::Kind;
use chancery_machine::account::{AccountEvent, AccountStatus};
use chancery_machine::authorization::AuthorizationStatus;
use chancery_machine::certificate::{CertificateStatus, RevocationReason};
use chancery_machine::id::OrderId;
use chancery_machine::order::OrderStatus;
use chancery_machine::profile::Endpoint;

use super::filters::listed;
use super::population::subject;
use crate::doubles::AUTHORITY;
use crate::lab::{
    DAY, Lab, account_id, certificate_of, key, name, new_account, obtain, pair, place, ready, register, run,
};

fn of(number: usize) -> Count {
    Count { number, capped: false }
}

#[test]
fn an_account_is_found_by_what_it_is_and_no_more_by_what_it_was() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let here = register(engine, 1).await;
        // Within a millisecond, ids have no order.
        lab.clock.advance(1);
        let there = NewAccount {
            endpoint: Endpoint::RaProfile(name("servers")),
            acme_profile: Some(name("default")),
            contacts: vec!["mailto:Ops@example.org".into()],
            ..new_account(2)
        };
        let there = engine.create_account(there, &pair(engine)).await.expect("registers").0;
        let ask = async |query: AccountQuery| listed(engine, &query, 10).await;
        let contact = |url: &str| AccountQuery { contact: Some(url.into()), ..AccountQuery::default() };
        let status = |status| AccountQuery { status: Some(status), ..AccountQuery::default() };
        let thumbprint = |number| AccountQuery { thumbprint: Some(key(number).thumbprint), ..AccountQuery::default() };
        let acme = AccountQuery { acme_profile: Some(name("default")), ..AccountQuery::default() };
        let ra = AccountQuery { ra_profile: Some(name("servers")), ..AccountQuery::default() };
        assert_eq!(ask(acme.clone()).await, [here.id, there.id]);
        assert_eq!(ask(ra).await, [there.id]);
        assert_eq!(ask(contact("MAILTO:ops@example.org")).await, [there.id]);
        assert_eq!(ask(thumbprint(1)).await, [here.id]);
        assert_eq!(engine.count_accounts(&acme, 10).await, Ok(of(2)));
        assert_eq!(engine.count_accounts(&acme, 2).await, Ok(of(2)));
        assert_eq!(engine.count_accounts(&acme, 1).await, Ok(Count { number: 1, capped: true }));

        let change = async |event| engine.change_account(account_id(&there), event).await.expect("changes");
        change(AccountEvent::ContactsUpdated(vec!["mailto:dev@example.org".into()])).await;
        change(AccountEvent::KeyChanged(key(3))).await;
        change(AccountEvent::Disabled).await;
        assert_eq!(ask(contact("mailto:ops@example.org")).await, []);
        assert_eq!(ask(contact("mailto:dev@example.org")).await, [there.id]);
        assert_eq!((ask(thumbprint(2)).await, ask(thumbprint(3)).await), (vec![], vec![there.id]));
        let enabled = |enabled| AccountQuery { enabled: Some(enabled), ..AccountQuery::default() };
        assert_eq!((ask(enabled(true)).await, ask(enabled(false)).await), (vec![here.id], vec![there.id]));
        assert_eq!(ask(status(AccountStatus::Valid)).await, [here.id, there.id]);
        change(AccountEvent::Revoked { certificates: None }).await;
        assert_eq!(ask(status(AccountStatus::Valid)).await, [here.id]);
        assert_eq!(ask(status(AccountStatus::Revoked)).await, [there.id]);
        started.stop();
    });
}

#[test]
fn orders_and_authorizations_are_found_as_they_stand_now() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let done = obtain(engine, &account, &["done.example.org"]).await;
        let open = ready(engine, &account, &["ready.example.org"]).await;
        let waiting = place(engine, &account, &["waiting.example.org", "*.waiting.example.org"]).await;
        let stranger = place(engine, &register(engine, 2).await, &["waiting.example.org"]).await;
        lab.settled().await;
        let ask = async |query: OrderQuery| listed(engine, &query, 10).await;
        let id = account_id(&account);
        let status = |status| OrderQuery { account: Some(id), status: Some(status), ..OrderQuery::default() };
        assert_eq!(ask(status(OrderStatus::Valid)).await, [done.id]);
        assert_eq!(ask(status(OrderStatus::Ready)).await, [open.id]);
        assert_eq!(ask(status(OrderStatus::Pending)).await, [waiting.id]);
        assert_eq!(ask(status(OrderStatus::Invalid)).await, []);
        let everywhere = OrderQuery { status: Some(OrderStatus::Pending), ..OrderQuery::default() };
        assert_eq!(ask(everywhere.clone()).await.len(), 2);
        let named = OrderQuery { name: Some(subject("waiting.example.org")), ..OrderQuery::default() };
        assert_eq!(ask(named.clone()).await.len(), 2);
        assert_eq!(ask(OrderQuery { account: Some(id), ..named }).await, [waiting.id]);
        let wildcard = OrderQuery { name: Some(subject("*.waiting.example.org")), ..OrderQuery::default() };
        assert_eq!(ask(wildcard).await, [waiting.id]);
        let by = OrderQuery { ra_profile: Some(name("servers")), ..OrderQuery::default() };
        assert_eq!(ask(by).await.len(), 4);
        let counts = engine.count_orders(id).await.expect("counts");
        assert_eq!(counts, OrderCounts { pending: of(1), ready: of(1), valid: of(1), ..OrderCounts::default() });

        let pending =
            AuthorizationQuery { status: Some(AuthorizationStatus::Pending), ..AuthorizationQuery::default() };
        assert_eq!(listed(engine, &pending, 2).await.len(), 3);
        let theirs = AuthorizationQuery { account: Some(id), ..pending.clone() };
        assert_eq!(listed(engine, &theirs, 1).await.len(), 2);
        let proven = AuthorizationQuery { name: Some(subject("done.example.org")), ..AuthorizationQuery::default() };
        let proven = engine.list_authorizations(&proven, None, 10).await.expect("lists").items;
        assert_eq!(proven[0].state.status(engine.now()), AuthorizationStatus::Valid);
        assert_eq!(proven.len(), 1);

        // Nobody touches them, and time alone ends what is open.
        lab.clock.advance(8 * DAY);
        for status in [OrderStatus::Pending, OrderStatus::Ready] {
            assert_eq!(ask(OrderQuery { status: Some(status), ..OrderQuery::default() }).await, []);
        }
        let mut lapsed = vec![open.id, waiting.id, stranger.id];
        lapsed.sort();
        assert_eq!(ask(OrderQuery { status: Some(OrderStatus::Invalid), ..OrderQuery::default() }).await, lapsed);
        lapsed.retain(|id| *id != stranger.id);
        lapsed.reverse();
        let backwards = OrderQuery { direction: Direction::Descending, ..status(OrderStatus::Invalid) };
        assert_eq!(ask(backwards).await, lapsed);
        let counts = engine.count_orders(id).await.expect("counts");
        assert_eq!(counts, OrderCounts { invalid: of(2), valid: of(1), ..OrderCounts::default() });
        assert_eq!(listed(engine, &pending, 10).await, []);
        started.stop();
    });
}

#[test]
fn certificates_are_found_by_what_is_in_them_and_by_what_became_of_them() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let engine = &started.engine;
        let account = register(engine, 1).await;
        let first = obtain(engine, &account, &["a.example.org", "b.example.org"]).await;
        lab.clock.advance(DAY);
        let second = obtain(engine, &account, &["b.example.org"]).await;
        let (first_id, second_id) = (certificate_of(&first), certificate_of(&second));
        let kept = engine.certificate(first_id).await.expect("stands").state;
        let ask = async |query: CertificateQuery| listed(engine, &query, 1).await;
        let base = CertificateQuery::default;
        assert_eq!(ask(base()).await, [first_id.0, second_id.0]);
        let both = [
            CertificateQuery { account: Some(account_id(&account)), ..base() },
            CertificateQuery { name: Some(subject("b.example.org")), ..base() },
            CertificateQuery { ra_profile: Some(name("servers")), ..base() },
            CertificateQuery { authority: Some(AUTHORITY), ..base() },
            CertificateQuery { sort: CertificateSort::Expiry, ..base() },
            CertificateQuery { status: Some(CertificateStatus::Valid), ..base() },
        ];
        for query in both {
            assert_eq!(ask(query.clone()).await, [first_id.0, second_id.0], "{query:?}");
        }
        let only_first = [
            CertificateQuery { name: Some(subject("a.example.org")), ..base() },
            CertificateQuery { order: Some(OrderId(first.id)), ..base() },
            CertificateQuery { serial: Some(kept.record.serial.clone()), ..base() },
            CertificateQuery { fingerprint: Some(chancery_actors::Engine::key_digest(&kept.record.der)), ..base() },
            CertificateQuery {
                expires_to: Some(kept.record.not_after.plus(std::time::Duration::from_secs(1))),
                ..base()
            },
        ];
        for query in only_first {
            assert_eq!(ask(query.clone()).await, [first_id.0], "{query:?}");
            assert_eq!(ask(CertificateQuery { sort: CertificateSort::Expiry, ..query }).await, [first_id.0]);
        }
        let status = |status| CertificateQuery { status: Some(status), ..base() };
        engine.revoke(first_id, Some(RevocationReason::Superseded)).await.expect("revokes");
        lab.settled().await;
        assert_eq!(ask(status(CertificateStatus::Revoked)).await, [first_id.0]);
        let by = CertificateQuery { authority: Some(AUTHORITY), ..status(CertificateStatus::Revoked) };
        assert_eq!(ask(by).await, [first_id.0]);
        assert_eq!(ask(status(CertificateStatus::Valid)).await, [second_id.0]);
        lab.clock.advance(90 * DAY + 1);
        for sort in [CertificateSort::Created, CertificateSort::Expiry] {
            let expired = CertificateQuery { sort, ..status(CertificateStatus::Expired) };
            assert_eq!(ask(expired).await, [second_id.0]);
            assert_eq!(ask(CertificateQuery { sort, ..status(CertificateStatus::Valid) }).await, []);
        }
        started.stop();
    });
}

/// What the store has of every object, without any word by which it is found.
async fn forget_terms(lab: &Lab) {
    for kind in [Kind::Account, Kind::Order, Kind::Authorization, Kind::Certificate] {
        for object in lab.all(kind).await {
            lab.store.tamper(object, Some).await;
        }
    }
}

#[test]
fn what_an_older_build_stored_is_found_once_it_was_stored_anew() {
    run(async {
        let lab = Lab::new();
        let started = lab.start().await;
        let (account, order) = {
            let account = register(&started.engine, 1).await;
            let order = obtain(&started.engine, &account, &["a.example.org"]).await;
            (account, order)
        };
        lab.settled().await;
        started.stop();
        forget_terms(&lab).await;

        let started = lab.start().await;
        let engine = &started.engine;
        let here = AccountQuery { acme_profile: Some(name("default")), ..AccountQuery::default() };
        let key = key(1);
        assert_eq!(listed(engine, &here, 10).await, []);
        assert!(engine.account_of(&account.state.endpoint, None, &key).await.is_err());
        assert_eq!(engine.renew_terms().await, Ok(4));
        assert_eq!(listed(engine, &here, 10).await, [account.id]);
        assert_eq!(engine.account_of(&account.state.endpoint, None, &key).await.map(|found| found.id), Ok(account.id));
        assert_eq!(engine.renew_terms().await, Ok(0), "once");

        let revoked = AccountEvent::Revoked { certificates: Some(RevocationReason::Superseded) };
        engine.change_account(account_id(&account), revoked).await.expect("is revoked");
        lab.settled().await;
        let certificate = engine.certificate(certificate_of(&order)).await.expect("stands");
        assert_eq!(certificate.state.status(engine.now()), CertificateStatus::Revoked);
        started.stop();
    });
}
