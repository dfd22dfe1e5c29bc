//! Every filter, alone and with others, against looking at everything.

use std::time::Duration;

use chancery_actors::Engine;
use chancery_actors::listing::{
    AccountQuery, AuditQuery, AuthorizationQuery, CertificateQuery, CertificateSort, Cursor, Direction, EabQuery,
    ListError, OrderQuery, Page,
};
use chancery_actors::ports::Kind;
use chancery_machine::account::{Account, AccountStatus};
use chancery_machine::audit::AuditEntry;
use chancery_machine::authorization::{Authorization, AuthorizationStatus};
use chancery_machine::certificate::{Certificate, CertificateStatus};
use chancery_machine::eab::{EabCredential, EabStatus};
use chancery_machine::id::Id;
use chancery_machine::identifier::Subject;
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::profile::{Endpoint, ProfileName};
use chancery_machine::snapshot::Snapshot;
use chancery_machine::time::Timestamp;
use proptest::prelude::*;

use super::population::{CONTACTS, Dice, NAMES, PROFILES, Population, RETIRED, everything, moment, populate, subject};
use crate::doubles::AUTHORITY;
use crate::lab::{Lab, key, name, run};

/// A query that can be asked, and what it is told by.
pub(crate) trait Asked: Clone + Default + std::fmt::Debug {
    type State: Snapshot;
    const KIND: Kind;

    async fn page(&self, engine: &Engine, after: Option<&Cursor>, limit: usize) -> Result<Page<Id>, ListError>;

    fn turn(&mut self, direction: Direction);

    /// By what it sorts, before the id.
    fn rank(&self, _: &Self::State) -> Timestamp {
        Timestamp::EPOCH
    }
}

macro_rules! asked {
    ($($query:ident: $state:ident, $kind:ident by $method:ident, $id:expr $(, $rank:item)?);* $(;)?) => {$(
        impl Asked for $query {
            type State = $state;
            const KIND: Kind = Kind::$kind;

            async fn page(&self, engine: &Engine, after: Option<&Cursor>, limit: usize) -> Result<Page<Id>, ListError> {
                Ok(engine.$method(self, after, limit).await?.map($id))
            }

            fn turn(&mut self, direction: Direction) {
                self.direction = direction;
            }

            $($rank)?
        }
    )*};
}

asked! {
    AccountQuery: Account, Account by list_accounts, |found| found.id;
    OrderQuery: Order, Order by list_orders, |found| found.id;
    AuthorizationQuery: Authorization, Authorization by list_authorizations, |found| found.id;
    EabQuery: EabCredential, EabCredential by list_eab_credentials, |found| found.id;
    AuditQuery: AuditEntry, AuditEntry by list_audit, |entry| Id::from_bytes(u128::from(entry.number).to_be_bytes());
    CertificateQuery: Certificate, Certificate by list_certificates, |found| found.id,
        fn rank(&self, certificate: &Certificate) -> Timestamp {
            match self.sort {
                CertificateSort::Created => Timestamp::EPOCH,
                CertificateSort::Expiry => certificate.record.not_after,
            }
        };
}

/// One value of one filter: how it is set, and what it means.
struct Filter<Q: Asked> {
    field: &'static str,
    set: Box<dyn Fn(&mut Q)>,
    passes: Box<Passes<Q::State>>,
}

type Passes<T> = dyn Fn(&T, Timestamp) -> bool;

impl<Q: Asked> Filter<Q> {
    fn new(
        field: &'static str,
        set: impl Fn(&mut Q) + 'static,
        passes: impl Fn(&Q::State, Timestamp) -> bool + 'static,
    ) -> Self {
        Self { field, set: Box::new(set), passes: Box::new(passes) }
    }
}

/// The filter on a field, once for each of its values.
macro_rules! filters {
    ($into:ident: $query:ident, $field:ident in $values:expr, |$wanted:ident, $state:ident, $now:ident| $passes:expr) => {
        for value in $values {
            let $wanted = value.clone();
            $into.push(Filter::<$query>::new(
                stringify!($field),
                move |query| query.$field = Some(value.clone().into()),
                move |$state, $now| $passes,
            ));
        }
    };
}

fn account_filters(of: &Population, now: Timestamp) -> Vec<Filter<AccountQuery>> {
    let mut all = Vec::new();
    let statuses = [AccountStatus::Valid, AccountStatus::Deactivated, AccountStatus::Revoked];
    filters!(all: AccountQuery, status in statuses, |wanted, account, _now| account.status() == wanted);
    filters!(all: AccountQuery, enabled in [true, false], |wanted, account, _now| account.disabled.is_none() == wanted);
    filters!(all: AccountQuery, acme_profile in names(), |wanted, account, _now| match &account.endpoint {
        Endpoint::AcmeProfile(name) => *name == wanted,
        Endpoint::RaProfile(_) => account.acme_profile.as_ref() == Some(&wanted),
    });
    filters!(all: AccountQuery, ra_profile in [name("servers"), name("default")], |wanted, account, _now| {
        account.endpoint == Endpoint::RaProfile(wanted.clone())
    });
    filters!(all: AccountQuery, credential in first(&of.credentials, 4), |wanted, account, _now| {
        account.binding.as_ref().is_some_and(|binding| binding.credential == wanted)
    });
    filters!(all: AccountQuery, contact in [CONTACTS[0], CONTACTS[1], "mailto:dev@example"], |wanted, account, _now| {
        account.contacts.iter().any(|contact| contact.eq_ignore_ascii_case(wanted))
    });
    filters!(all: AccountQuery, thumbprint in [key(3).thumbprint, key(99).thumbprint], |wanted, account, _now| {
        account.key.thumbprint == wanted
    });
    filters!(all: AccountQuery, created_from in [moment(now, 2), moment(now, 9)], |wanted, account, _now| account.created >= wanted);
    filters!(all: AccountQuery, created_to in [moment(now, 2), moment(now, 9)], |wanted, account, _now| account.created < wanted);
    all
}

fn order_filters(of: &Population, now: Timestamp) -> Vec<Filter<OrderQuery>> {
    let mut all = Vec::new();
    filters!(all: OrderQuery, account in first(&of.accounts, 4), |wanted, order, _now| order.terms.account == wanted);
    let statuses = [
        OrderStatus::Pending,
        OrderStatus::Ready,
        OrderStatus::Processing,
        OrderStatus::Valid,
        OrderStatus::Invalid,
        OrderStatus::Canceled,
    ];
    filters!(all: OrderQuery, status in statuses, |wanted, order, now| order.status(now) == wanted);
    filters!(all: OrderQuery, acme_profile in names(), |wanted, order, _now| order.terms.acme_profile.name == wanted);
    filters!(all: OrderQuery, ra_profile in names(), |wanted, order, _now| order.terms.ra_profile.name == wanted);
    filters!(all: OrderQuery, name in subjects(), |wanted, order, _now| order.terms.subjects.contains(&wanted));
    filters!(all: OrderQuery, created_from in [moment(now, 1), moment(now, 4)], |wanted, order, _now| order.terms.created >= wanted);
    filters!(all: OrderQuery, created_to in [moment(now, 1), moment(now, 4)], |wanted, order, _now| order.terms.created < wanted);
    all
}

fn authorization_filters(of: &Population, now: Timestamp) -> Vec<Filter<AuthorizationQuery>> {
    let mut all = Vec::new();
    filters!(all: AuthorizationQuery, account in first(&of.accounts, 4), |wanted, found, _now| found.terms.account == wanted);
    let statuses = [
        AuthorizationStatus::Pending,
        AuthorizationStatus::Valid,
        AuthorizationStatus::Invalid,
        AuthorizationStatus::Deactivated,
        AuthorizationStatus::Expired,
        AuthorizationStatus::Revoked,
    ];
    filters!(all: AuthorizationQuery, status in statuses, |wanted, found, now| found.status(now) == wanted);
    filters!(all: AuthorizationQuery, name in subjects(), |wanted, found, _now| {
        found.terms.identifier == wanted.identifier && found.terms.wildcard == wanted.wildcard
    });
    filters!(all: AuthorizationQuery, created_from in [moment(now, 1), moment(now, 4)], |wanted, found, _now| found.terms.created >= wanted);
    filters!(all: AuthorizationQuery, created_to in [moment(now, 1), moment(now, 4)], |wanted, found, _now| found.terms.created < wanted);
    all
}

fn certificate_filters(of: &Population, now: Timestamp) -> Vec<Filter<CertificateQuery>> {
    let mut all = Vec::new();
    filters!(all: CertificateQuery, account in first(&of.accounts, 4), |wanted, found, _now| {
        found.record.order.is_some_and(|(account, _)| account == wanted)
    });
    filters!(all: CertificateQuery, order in first(&of.orders, 12), |wanted, found, _now| {
        found.record.order.is_some_and(|(_, order)| order == wanted)
    });
    let statuses = [CertificateStatus::Valid, CertificateStatus::Expired, CertificateStatus::Revoked];
    filters!(all: CertificateQuery, status in statuses, |wanted, found, now| found.status(now) == wanted);
    filters!(all: CertificateQuery, name in subjects(), |wanted, found, _now| found.record.subjects.contains(&wanted));
    filters!(all: CertificateQuery, serial in [vec![1, 40], vec![1, 41], vec![1; 200]], |wanted, found, _now| {
        found.record.serial == wanted
    });
    let digests: Vec<_> = first(&of.digests, 2).into_iter().chain([[9; 32]]).collect();
    filters!(all: CertificateQuery, fingerprint in digests, |wanted, found, _now| Engine::key_digest(&found.record.der) == wanted);
    filters!(all: CertificateQuery, ra_profile in names(), |wanted, found, _now| {
        found.record.profiles.as_ref().is_some_and(|(_, ra_profile)| ra_profile.name == wanted)
    });
    filters!(all: CertificateQuery, authority in [AUTHORITY, RETIRED], |wanted, found, _now| found.record.authority == wanted);
    filters!(all: CertificateQuery, expires_from in [now, Timestamp::from_millis(now.millis() + 1000)], |wanted, found, _now| {
        found.record.not_after >= wanted
    });
    filters!(all: CertificateQuery, expires_to in [now, Timestamp::from_millis(now.millis() + 1000)], |wanted, found, _now| {
        found.record.not_after < wanted
    });
    all.push(Filter::<CertificateQuery>::new("sort", |query| query.sort = CertificateSort::Expiry, |_, _| true));
    all
}

fn eab_filters(_: &Population, _: Timestamp) -> Vec<Filter<EabQuery>> {
    let mut all = Vec::new();
    let statuses = [EabStatus::Valid, EabStatus::Expired, EabStatus::Revoked];
    filters!(all: EabQuery, status in statuses, |wanted, found, now| found.status(now) == wanted);
    all
}

fn audit_filters(_: &Population, now: Timestamp) -> Vec<Filter<AuditQuery>> {
    let mut all = Vec::new();
    filters!(all: AuditQuery, object in ["acmeProfile/default", "raProfile/servers", "no"], |wanted, entry, _now| {
        entry.object == wanted
    });
    filters!(all: AuditQuery, who in ["token:one", "system"], |wanted, entry, _now| entry.who == wanted);
    filters!(all: AuditQuery, action in ["create", "update"], |wanted, entry, _now| entry.action == wanted);
    let (early, late) = (now.minus(Duration::from_secs(6)), now.minus(Duration::from_secs(2)));
    filters!(all: AuditQuery, from in [early, late], |wanted, entry, _now| entry.at >= wanted);
    filters!(all: AuditQuery, to in [early, late], |wanted, entry, _now| entry.at < wanted);
    all
}

fn first<T: Copy>(of: &[T], most: usize) -> Vec<T> {
    of.iter().copied().take(most).collect()
}

fn names() -> Vec<ProfileName> {
    PROFILES.iter().copied().chain(["absent"]).map(name).collect()
}

fn subjects() -> Vec<Subject> {
    NAMES.iter().map(|text| subject(text)).collect()
}

/// Every page of a list.
pub(crate) async fn listed<Q: Asked>(engine: &Engine, query: &Q, limit: usize) -> Vec<Id> {
    let (mut found, mut after) = (Vec::new(), None::<Cursor>);
    loop {
        let page = query.page(engine, after.as_ref(), limit).await.expect("lists");
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        let Some(next) = page.next else { return found };
        // As whoever is handed it gives it back.
        after = Some(Cursor::from_bytes(&next.to_bytes()).expect("was just made"));
    }
}

struct Trial<Q: Asked> {
    all: Vec<(Id, Q::State)>,
    filters: Vec<Filter<Q>>,
}

impl<Q: Asked> Trial<Q> {
    async fn new(lab: &Lab, filters: Vec<Filter<Q>>) -> Self {
        let all = everything(&lab.store, Q::KIND).await;
        assert!(!all.is_empty());
        Self { all, filters }
    }

    /// Asks with these filters, both ways, and answers how many passed.
    async fn ask(&self, engine: &Engine, filters: &[&Filter<Q>], limit: usize) -> usize {
        let (mut query, now) = (Q::default(), engine.now());
        filters.iter().for_each(|filter| (filter.set)(&mut query));
        let passing = self.all.iter().filter(|(_, state)| filters.iter().all(|filter| (filter.passes)(state, now)));
        let mut expected: Vec<_> = passing.map(|(id, state)| (query.rank(state), *id)).collect();
        expected.sort();
        let mut expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
        assert_eq!(listed(engine, &query, limit).await, expected, "{query:?}");
        query.turn(Direction::Descending);
        expected.reverse();
        assert_eq!(listed(engine, &query, 1000).await, expected, "{query:?}");
        expected.len()
    }

    async fn alone_and_in_pairs(&self, engine: &Engine) {
        assert_eq!(self.ask(engine, &[], 7).await, self.all.len());
        let (mut asked, mut met) = (0, 0);
        for (place, one) in self.filters.iter().enumerate() {
            self.ask(engine, &[one], 7).await;
            for other in self.filters[place + 1..].iter().filter(|other| other.field != one.field) {
                asked += 1;
                met += usize::from(self.ask(engine, &[one, other], 3).await > 0);
            }
        }
        assert!(met * 4 >= asked, "only {met} of {asked} pairs found anything: the population is too poor");
    }

    /// Any number of filters, of each field one at most.
    async fn at_random(&self, engine: &Engine, dice: &mut Dice) {
        let mut chosen: Vec<&Filter<Q>> = Vec::new();
        for _ in 0..dice.roll(5) {
            let filter = &self.filters[dice.roll(self.filters.len())];
            if chosen.iter().all(|other| other.field != filter.field) {
                chosen.push(filter);
            }
        }
        self.ask(engine, &chosen, 1 + dice.roll(9)).await;
    }
}

macro_rules! pairs {
    ($($test:ident: $filters:ident;)*) => {$(
        #[test]
        fn $test() {
            run(async {
                let lab = Lab::new();
                let started = lab.start().await;
                let population = populate(&lab, &started.engine, 1).await;
                let now = population.now;
                let trial = Trial::new(&lab, $filters(&population, now)).await;
                trial.alone_and_in_pairs(&started.engine).await;
                started.stop();
            });
        }
    )*};
}

pairs! {
    accounts_are_found_by_every_filter_and_every_two: account_filters;
    orders_are_found_by_every_filter_and_every_two: order_filters;
    authorizations_are_found_by_every_filter_and_every_two: authorization_filters;
    certificates_are_found_by_every_filter_and_every_two: certificate_filters;
    credentials_are_found_by_every_filter: eab_filters;
    entries_of_the_audit_log_are_found_by_every_filter_and_every_two: audit_filters;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_filters_together_find_what_looking_at_everything_finds(seed: u64) {
        run(async {
            let lab = Lab::new();
            let started = lab.start().await;
            let engine = &started.engine;
            let population = populate(&lab, engine, seed).await;
            let now = population.now;
            let dice = &mut Dice(!seed);
            let accounts = Trial::new(&lab, account_filters(&population, now)).await;
            let orders = Trial::new(&lab, order_filters(&population, now)).await;
            let authorizations = Trial::new(&lab, authorization_filters(&population, now)).await;
            let certificates = Trial::new(&lab, certificate_filters(&population, now)).await;
            let audit = Trial::new(&lab, audit_filters(&population, now)).await;
            for _ in 0..20 {
                accounts.at_random(engine, dice).await;
                orders.at_random(engine, dice).await;
                authorizations.at_random(engine, dice).await;
                certificates.at_random(engine, dice).await;
                audit.at_random(engine, dice).await;
            }
            started.stop();
        });
    }
}
