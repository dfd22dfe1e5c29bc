//! How the server does, at a glance: what waits, what was issued, what fails and why, and whether all that it needs answers.
//!
//! Everything is counted from the indexes when somebody looks, and no further than a limit, so that a look costs the same
//! on a large store as on a small one. An overview counts for some seconds: however many look, the store is asked once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chancery_actors::listing::{CertificateQuery, CertificateSort, Count, Direction, OrderQuery};
use chancery_actors::ports::{Kind, StoreError};
use chancery_machine::certificate::CertificateStatus;
use chancery_machine::network::NetworkRules;
use chancery_machine::order::{Order, OrderStatus};
use chancery_machine::time::Timestamp;
use futures::future::join_all;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::Admin;
use super::accounts::OrderCount;
use super::error::AdminError;
use super::objects::unlisted;
use super::operator::{Operator, Role};
use super::time::rfc3339;

/// How long an overview counts.
const FRESH: Duration = Duration::from_secs(5);

/// How far anything is counted.
const COUNTED: usize = 5_000;

/// How many orders are looked at for the last day.
const ORDERS: usize = 5_000;

/// How many orders are read at a time.
const PAGE: usize = 1_000;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// How many hours the trend has.
const HOURS: u64 = 24;

/// How many days certificates are looked at that end.
const DAYS: u32 = 30;

/// How long a resolver may take to be called healthy.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many sets of resolvers are asked.
const RESOLVERS: usize = 8;

/// What surrounds the engine.
#[async_trait]
pub trait Surroundings: Send + Sync {
    /// Whether the resolvers of these rules answer.
    ///
    /// # Errors
    /// Why not, for a person.
    async fn resolves(&self, rules: &NetworkRules) -> Result<(), String>;
}

/// The overview that was made last.
#[derive(Default)]
pub struct LastOverview(Mutex<Option<(Instant, Arc<OverviewView>)>>);

/// How the server does.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Overview)]
pub struct OverviewView {
    /// When this was so (RFC 3339).
    pub at: String,
    /// What waits.
    pub waiting: WaitingView,
    /// The orders that were placed in each of the last 24 hours, the oldest first.
    pub trend: Vec<HourView>,
    /// Whether more orders were placed in the last day than are counted here: those are the newest.
    pub trend_cut: bool,
    /// Why orders failed that were placed in the last day, the most frequent first.
    pub failures: Vec<FailureView>,
    /// Certificates.
    pub certificates: CertificatesView,
    /// Whether what the server needs answers.
    pub health: Vec<HealthView>,
}

/// What waits.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Waiting)]
pub struct WaitingView {
    /// Orders that wait for their authorizations.
    pub pending: OrderCount,
    /// Orders that wait for their CSR.
    pub ready: OrderCount,
    /// Orders that wait for their signature.
    pub processing: OrderCount,
    /// How many objects are in memory, as somebody speaks to them or they owe something.
    pub in_memory: u64,
}

/// The orders that were placed in an hour, by what has become of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = OverviewHour)]
pub struct HourView {
    /// Its beginning (RFC 3339).
    pub from: String,
    /// Those that are valid, or were canceled after they had been.
    pub valid: u64,
    /// Those that failed.
    pub invalid: u64,
    /// Those that are under way.
    pub open: u64,
}

/// How often orders failed for one cause.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewFailure)]
pub struct FailureView {
    /// The type of the order's error, as in `connection`.
    pub cause: String,
    /// Of those that were placed in the last hour.
    pub last_hour: u64,
    /// Of those that were placed in the last day.
    pub last_day: u64,
    /// What one of them was told.
    pub example: String,
}

/// Certificates, counted.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OverviewCertificates)]
pub struct CertificatesView {
    /// Issued in the last hour.
    pub issued_last_hour: OrderCount,
    /// Issued in the last day.
    pub issued_last_day: OrderCount,
    /// Valid ones whose life ends within a day, and that no order replaces (RFC 9773).
    pub expiring_in_a_day: OrderCount,
    /// The same within a week.
    pub expiring_in_a_week: OrderCount,
    /// The same within thirty days.
    pub expiring_in_a_month: OrderCount,
    /// The same for each of the next thirty times 24 hours.
    pub expiring_by_day: Vec<u64>,
}

/// Whether something that the server needs does what it should.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Health)]
pub struct HealthView {
    /// What: `store`, `issuer` or `resolver`.
    pub kind: String,
    /// Which, as in the name of an authority or of an ACME Profile.
    pub name: String,
    /// Whether all is well.
    pub well: bool,
    /// What is known of it.
    pub detail: String,
}

impl Admin {
    /// How the server does: as it was a few seconds ago at the most.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn overview(&self, operator: &Operator) -> Result<Arc<OverviewView>, AdminError> {
        operator.may(Role::Auditor)?;
        // Whoever comes meanwhile waits for this one.
        let mut last = self.overview.0.lock().await;
        if let Some((_, overview)) = last.as_ref().filter(|(made, _)| made.elapsed() < FRESH) {
            return Ok(Arc::clone(overview));
        }
        let overview = Arc::new(self.look_over().await?);
        *last = Some((Instant::now(), Arc::clone(&overview)));
        Ok(overview)
    }

    async fn look_over(&self) -> Result<OverviewView, AdminError> {
        let now = self.engine.now();
        let waiting = self.waiting().await?;
        let (orders, trend_cut) = self.orders_of_a_day(now).await?;
        Ok(OverviewView {
            at: rfc3339(now),
            waiting,
            trend: trend(&orders, now),
            trend_cut,
            failures: failures(&orders, now),
            certificates: self.certificates_now(now).await?,
            health: self.health(now).await,
        })
    }

    async fn waiting(&self) -> Result<WaitingView, StoreError> {
        let count = async |status| {
            let query = OrderQuery { status: Some(status), ..OrderQuery::default() };
            self.engine.count_orders_that(&query, COUNTED).await.map(counted)
        };
        Ok(WaitingView {
            pending: count(OrderStatus::Pending).await?,
            ready: count(OrderStatus::Ready).await?,
            processing: count(OrderStatus::Processing).await?,
            in_memory: u64::try_from(self.engine.residents()).unwrap_or(u64::MAX),
        })
    }

    /// The orders of the last day, the newest first, and whether there were more.
    async fn orders_of_a_day(&self, now: Timestamp) -> Result<(Vec<Seen>, bool), StoreError> {
        let created_from = Some(beginning(now));
        let query = OrderQuery { created_from, direction: Direction::Descending, ..OrderQuery::default() };
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = self.engine.list_orders(&query, after.as_ref(), PAGE).await.map_err(unlisted)?;
            seen.extend(page.items.iter().map(|order| Seen::of(&order.state, now)));
            after = page.next;
            if after.is_none() || seen.len() >= ORDERS {
                return Ok((seen, after.is_some()));
            }
        }
    }

    async fn certificates_now(&self, now: Timestamp) -> Result<CertificatesView, StoreError> {
        let issued = async |span| {
            let query = CertificateQuery {
                created_from: Some(now.minus(span)),
                direction: Direction::Descending,
                ..CertificateQuery::default()
            };
            self.engine.count_certificates(&query, COUNTED).await.map(counted)
        };
        let (ends, cut) = self.expiring(now).await?;
        let within = |days: u32| {
            let until = now.plus(DAY * days);
            let number = ends.iter().filter(|end| **end < until).count();
            // What was not counted comes after all that was.
            counted(Count { number, capped: cut && number == ends.len() })
        };
        Ok(CertificatesView {
            issued_last_hour: issued(HOUR).await?,
            issued_last_day: issued(DAY).await?,
            expiring_in_a_day: within(1),
            expiring_in_a_week: within(7),
            expiring_in_a_month: within(DAYS),
            expiring_by_day: by_day(&ends, now),
        })
    }

    /// When those certificates end that end soon and that no order replaces, the next one first; and whether there are more.
    async fn expiring(&self, now: Timestamp) -> Result<(Vec<Timestamp>, bool), StoreError> {
        let query = CertificateQuery {
            status: Some(CertificateStatus::Valid),
            expires_from: Some(now),
            expires_to: Some(now.plus(DAY * DAYS)),
            replaced: Some(false),
            sort: CertificateSort::Expiry,
            ..CertificateQuery::default()
        };
        let (mut ends, mut after) = (Vec::new(), None);
        loop {
            let page = self.engine.list_certificates(&query, after.as_ref(), PAGE).await.map_err(unlisted)?;
            ends.extend(page.items.iter().map(|certificate| certificate.state.record.not_after));
            after = page.next;
            if after.is_none() || ends.len() >= COUNTED {
                return Ok((ends, after.is_some()));
            }
        }
    }

    async fn health(&self, now: Timestamp) -> Vec<HealthView> {
        let began = Instant::now();
        let read = self.store.scan(Kind::AuditHead, None, 1).await;
        let took = began.elapsed();
        let (well, detail) = match read {
            Ok(_) => (true, format!("it answers within {took:.1?}")),
            Err(error) => (false, error.to_string()),
        };
        let mut health = vec![HealthView { kind: "store".into(), name: "store".into(), well, detail }];
        health.extend(self.issuers_health(now).await);
        health.extend(self.resolvers_health().await);
        health
    }

    async fn issuers_health(&self, now: Timestamp) -> Vec<HealthView> {
        let of = |name: String, well, detail| HealthView { kind: "issuer".into(), name, well, detail };
        let all = match self.authorities.all().await {
            Ok(all) => all,
            Err(error) => return vec![of("authorities".into(), false, error.to_string())],
        };
        let mut health = Vec::with_capacity(all.len());
        for authority in all {
            let (well, detail) = if authority.not_after <= now {
                (false, format!("it expired on {}", rfc3339(authority.not_after)))
            } else {
                match self.engine.crl(authority.id).await {
                    Ok(Some(crl)) if crl.next_update <= now => {
                        (false, format!("its CRL is out of date since {}", rfc3339(crl.next_update)))
                    }
                    Ok(Some(crl)) => (true, format!("its CRL counts until {}", rfc3339(crl.next_update))),
                    Ok(None) => (false, "it has no CRL yet".to_owned()),
                    Err(error) => (false, error.to_string()),
                }
            };
            let detail = if authority.disabled.is_some() { format!("disabled; {detail}") } else { detail };
            health.push(of(authority.name, well, detail));
        }
        health
    }

    /// Each set of resolvers once, named by the first profile that has it.
    async fn resolvers_health(&self) -> Vec<HealthView> {
        let profiles = self.engine.profiles();
        let mut sets: BTreeMap<Vec<std::net::SocketAddr>, (String, NetworkRules)> = BTreeMap::new();
        for profile in profiles.acme.values().filter(|profile| profile.enabled) {
            let resolvers = profile.network.resolvers.clone();
            sets.entry(resolvers).or_insert_with(|| (profile.name.to_string(), profile.network.clone()));
        }
        let asked = sets.into_iter().take(RESOLVERS).map(|(addresses, (profile, rules))| async move {
            let said = timeout(PATIENCE, self.surroundings.resolves(&rules)).await;
            let said = said.unwrap_or_else(|_| Err(format!("no answer within {PATIENCE:?}")));
            let which: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let which = if which.is_empty() { "the system's".to_owned() } else { which.join(", ") };
            HealthView {
                kind: "resolver".into(),
                name: format!("{which} (ACME Profile {profile})"),
                well: said.is_ok(),
                detail: said.err().unwrap_or_else(|| "it answers".to_owned()),
            }
        });
        join_all(asked).await
    }
}

/// What an overview needs of an order.
struct Seen {
    created: Timestamp,
    status: OrderStatus,
    /// The type of its error and what its client was told.
    error: Option<(String, String)>,
}

impl Seen {
    fn of(order: &Order, now: Timestamp) -> Self {
        let error = order.error(now).map(|error| (error.kind.to_string(), error.detail));
        Self { created: order.terms.created, status: order.status(now), error }
    }
}

/// The beginning of the first hour of the trend: hours are those of the clock, so that bars do not creep.
fn beginning(now: Timestamp) -> Timestamp {
    let hour = now.seconds() / HOUR.as_secs();
    Timestamp::from_seconds((hour + 1).saturating_sub(HOURS) * HOUR.as_secs())
}

fn trend(orders: &[Seen], now: Timestamp) -> Vec<HourView> {
    let first = beginning(now);
    let mut hours: Vec<HourView> = (0..HOURS)
        .map(|nth| HourView {
            from: rfc3339(first.plus(HOUR * u32::try_from(nth).unwrap_or(0))),
            ..HourView::default()
        })
        .collect();
    for order in orders.iter().filter(|order| order.created >= first) {
        let nth = usize::try_from(order.created.since(first).as_secs() / HOUR.as_secs()).unwrap_or(usize::MAX);
        let Some(hour) = hours.get_mut(nth) else { continue };
        match order.status {
            OrderStatus::Valid | OrderStatus::Canceled => hour.valid += 1,
            OrderStatus::Invalid => hour.invalid += 1,
            OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing => hour.open += 1,
        }
    }
    hours
}

fn by_day(ends: &[Timestamp], now: Timestamp) -> Vec<u64> {
    let mut days = vec![0; usize::try_from(DAYS).unwrap_or(0)];
    for end in ends {
        let nth = usize::try_from(end.since(now).as_secs() / DAY.as_secs()).unwrap_or(usize::MAX);
        if let Some(day) = days.get_mut(nth) {
            *day += 1;
        }
    }
    days
}

fn failures(orders: &[Seen], now: Timestamp) -> Vec<FailureView> {
    let (hour, day) = (now.minus(HOUR), now.minus(DAY));
    let mut causes: BTreeMap<&str, FailureView> = BTreeMap::new();
    let failed = orders.iter().filter(|order| order.status == OrderStatus::Invalid && order.created >= day);
    for order in failed {
        let Some((cause, example)) = &order.error else { continue };
        let new = || FailureView { cause: cause.clone(), last_hour: 0, last_day: 0, example: example.clone() };
        let failure = causes.entry(cause).or_insert_with(new);
        failure.last_day += 1;
        failure.last_hour += u64::from(order.created >= hour);
    }
    let mut failures: Vec<_> = causes.into_values().collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.last_day));
    failures
}

fn counted(count: Count) -> OrderCount {
    OrderCount { count: u64::try_from(count.number).unwrap_or(u64::MAX), or_more: count.capped }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(created: u64, status: OrderStatus, error: Option<&str>) -> Seen {
        let error = error.map(|kind| (kind.to_owned(), format!("{kind} went wrong")));
        Seen { created: Timestamp::from_seconds(created), status, error }
    }

    #[test]
    fn the_trend_has_the_hours_of_the_clock_and_leaves_nothing_out() {
        // 15:30 of some day.
        let now = Timestamp::from_seconds(1_800_000_000 / 86_400 * 86_400 + 15 * 3_600 + 1_800);
        let at = |before: u64| now.seconds() - before;
        let orders = [
            seen(at(0), OrderStatus::Pending, None),
            seen(at(1_800), OrderStatus::Valid, None),
            seen(at(1_801), OrderStatus::Invalid, Some("dns")),
            seen(at(23 * 3_600 + 1_800), OrderStatus::Valid, None),
            seen(at(23 * 3_600 + 1_801), OrderStatus::Valid, None),
        ];
        let trend = trend(&orders, now);
        assert_eq!(trend.len(), 24);
        assert!(trend[23].from.ends_with("T15:00:00Z") && trend[0].from.ends_with("T16:00:00Z"), "{trend:?}");
        assert_eq!((trend[23].open, trend[23].valid, trend[22].invalid, trend[0].valid), (1, 1, 1, 1));
    }

    #[test]
    fn certificates_are_counted_by_the_day_on_which_they_end() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let ends: Vec<_> = [0, 86_399, 86_400, 29 * 86_400].map(|after| now.plus(Duration::from_secs(after))).into();
        let days = by_day(&ends, now);
        assert_eq!((days.len(), days[0], days[1], days[29], days.iter().sum::<u64>()), (30, 2, 1, 1, 4));
    }

    #[test]
    fn failures_are_counted_by_cause_for_the_hour_and_the_day() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let at = |before: u64| now.seconds() - before;
        let orders = [
            seen(at(10), OrderStatus::Invalid, Some("dns")),
            seen(at(7_200), OrderStatus::Invalid, Some("dns")),
            seen(at(20), OrderStatus::Invalid, Some("caa")),
            seen(at(90_000), OrderStatus::Invalid, Some("caa")),
            seen(at(20), OrderStatus::Valid, None),
        ];
        let found = failures(&orders, now);
        let told: Vec<_> = found.iter().map(|one| (one.cause.as_str(), one.last_hour, one.last_day)).collect();
        assert_eq!(told, [("dns", 1, 2), ("caa", 1, 1)]);
    }
}
