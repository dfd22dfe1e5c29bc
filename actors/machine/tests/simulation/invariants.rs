//! What holds whatever happens. Each invariant is a function, and its name is what a violation says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use chancery_machine::account::{Account, AccountKey, AccountState, AccountStatus};
use chancery_machine::authorization::{Authorization, AuthorizationState, AuthorizationStatus};
use chancery_machine::certificate::{Certificate, CertificateState, CertificateStatus};
use chancery_machine::challenge::{ChallengeState, ChallengeType};
use chancery_machine::id::{AuthorizationId, CertificateId, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::machine::{Machine, Step};
use chancery_machine::order::{Cause, Intent, Order, OrderState, OrderStatus, OrderTerms};
use chancery_machine::snapshot::{self, Snapshot};
use chancery_machine::time::Timestamp;

use super::errand::Errand;
use super::world::{PAUSES, World};
use super::{Violation, hold};

/// Which certificate was signed, and what it says.
type Signature = (CertificateId, Vec<u8>);

/// What an observer beside the machines has seen.
#[derive(Default)]
pub(crate) struct History {
    /// Every status that was met.
    pub(crate) statuses: BTreeSet<String>,
    /// The challenges that a client answered.
    pub(super) responded: BTreeSet<(AuthorizationId, u32)>,
    /// The attempts in which the validator saw control proven.
    pub(super) passed: BTreeSet<(AuthorizationId, u32, u32)>,
    /// The authorizations for which nothing had to be proven.
    pub(super) exempt: BTreeSet<AuthorizationId>,
    /// The authorizations that were valid at some time.
    pub(super) proven: BTreeSet<AuthorizationId>,
    /// How the authorizations of an order stood when it was finalized.
    pub(super) finalized: BTreeMap<OrderId, Vec<(AuthorizationId, AuthorizationStatus)>>,
    /// What the signer signed, by period of the automatic renewal; 0 without.
    pub(super) signed: BTreeMap<(OrderId, u64), BTreeSet<Signature>>,
    terms: BTreeMap<OrderId, OrderTerms>,
    intents: BTreeMap<OrderId, Intent>,
    /// What was to be signed by automatic renewal.
    renewals: BTreeSet<(OrderId, CertificateId)>,
    /// The certificates that an order had when its renewal was canceled.
    canceled: BTreeMap<OrderId, BTreeSet<CertificateId>>,
    /// The certificates that there were when the work of a closed account was ended.
    ended: Option<BTreeSet<CertificateId>>,
    attempts: BTreeMap<(AuthorizationId, u32), BTreeSet<u32>>,
    decided_orders: BTreeMap<OrderId, OrderStatus>,
    final_orders: BTreeMap<OrderId, Order>,
    decided_authorizations: BTreeMap<AuthorizationId, AuthorizationStatus>,
    closed_account: Option<Account>,
    disabled: Option<Disabled>,
    revoked: BTreeMap<CertificateId, CertificateState>,
    owed: Vec<Errand>,
    settled: Vec<Errand>,
    published: BTreeSet<CertificateId>,
}

/// How far the client of a disabled account had come when it was disabled.
#[derive(Clone, Debug, PartialEq)]
struct Disabled {
    contacts: Vec<String>,
    key: AccountKey,
    deactivated: bool,
    orders: BTreeSet<OrderId>,
    authorizations: BTreeSet<AuthorizationId>,
    finalized: BTreeSet<OrderId>,
    responded: BTreeSet<(AuthorizationId, u32)>,
}

impl Disabled {
    fn of(world: &World, history: &History) -> Self {
        Self {
            contacts: world.account.contacts.clone(),
            key: world.account.key.clone(),
            deactivated: world.account.status() == AccountStatus::Deactivated,
            orders: world.orders.keys().copied().collect(),
            authorizations: world.authorizations.keys().copied().collect(),
            finalized: history.finalized.keys().copied().collect(),
            responded: history.responded.clone(),
        }
    }
}

impl History {
    /// Remembers how the world stands, to hold what comes later against it.
    pub(super) fn record(&mut self, world: &World) {
        let before = std::mem::replace(&mut self.owed, world.owed());
        self.settled.extend(before.into_iter().filter(|errand| !self.owed.contains(errand)));
        self.statuses.insert(format!("account {}", world.account.status().token()));
        if world.account.disabled.is_none() {
            self.disabled = None;
        } else {
            self.statuses.insert("account disabled".to_owned());
            self.disabled = self.disabled.take().or_else(|| Some(Disabled::of(world, self)));
        }
        if world.account.status() != AccountStatus::Valid {
            self.closed_account.get_or_insert_with(|| world.account.clone());
        }
        for (id, order) in &world.orders {
            let status = order.status(world.now);
            self.statuses.insert(format!("order {}", status.token()));
            self.terms.entry(*id).or_insert_with(|| order.terms.clone());
            // RFC 8739 section 3.1.2: one that is valid may still be canceled.
            if status.is_final() && (order.terms.auto_renewal.is_none() || status != OrderStatus::Valid) {
                self.decided_orders.entry(*id).or_insert(status);
            }
            match &order.state {
                OrderState::Processing { intent } => {
                    self.intents.entry(*id).or_insert_with(|| intent.clone());
                }
                OrderState::Valid { .. } | OrderState::Invalid { .. } => {
                    self.final_orders.entry(*id).or_insert_with(|| order.clone());
                }
                OrderState::Canceled { .. } => {
                    self.final_orders.entry(*id).or_insert_with(|| order.clone());
                    self.canceled.entry(*id).or_insert_with(|| certificates_of(world, *id));
                }
                OrderState::Reissuing { intent, .. } => {
                    self.renewals.insert((*id, intent.certificate));
                }
                OrderState::Renewing { series, .. } => {
                    if series.issued > 1 {
                        self.statuses.insert("order renewed".to_owned());
                    }
                }
                OrderState::Pending { .. } | OrderState::Ready => (),
            }
        }
        if matches!(
            world.account.state,
            AccountState::Deactivated { settled: true, .. } | AccountState::Revoked { settled: true, .. }
        ) {
            self.ended.get_or_insert_with(|| world.certificates.keys().copied().collect());
        }
        for (id, authorization) in &world.authorizations {
            let status = authorization.status(world.now);
            self.statuses.insert(format!("authorization {}", status.token()));
            if matches!(authorization.state, AuthorizationState::Valid { .. }) {
                self.proven.insert(*id);
                if self.exempt.contains(id) {
                    self.statuses.insert("authorization exempt".to_owned());
                }
                if authorization.terms.subdomains {
                    self.statuses.insert("authorization valid below".to_owned());
                }
                if authorization.terms.pre_authorized && !authorization.dependents.is_empty() {
                    self.statuses.insert("pre-authorization used".to_owned());
                }
            }
            if status.is_final() {
                self.decided_authorizations.entry(*id).or_insert(status);
            }
            for (place, challenge) in (0..).zip(&authorization.challenges) {
                self.statuses.insert(format!("challenge {}", challenge.status().token()));
                if let ChallengeState::Processing { attempt, .. } = challenge.state {
                    self.attempts.entry((*id, place)).or_default().insert(attempt);
                }
            }
        }
        for (id, certificate) in &world.certificates {
            self.statuses.insert(format!("certificate {}", certificate.status(world.now).token()));
            if let CertificateState::Revoked { published, .. } = &certificate.state {
                self.revoked.entry(*id).or_insert_with(|| certificate.state.clone());
                if published.is_some() {
                    self.published.insert(*id);
                }
            }
        }
    }
}

/// A turn of any machine; nothing if the event is refused.
pub(super) fn turn<M>(before: &M, event: &M::Event, now: Timestamp) -> Result<Option<Step<M>>, Violation>
where
    M: Machine + Snapshot,
{
    let result = before.apply(event.clone(), now);
    let again = before.apply(event.clone(), now);
    hold("same_event_same_step", result == again, || format!("{result:?}, then {again:?}"))?;
    let Ok(step) = result else { return Ok(None) };
    let (already, owed) = (before.owed(), step.next.owed());
    let difference: Vec<_> = owed.iter().filter(|effect| !already.contains(effect)).cloned().collect();
    hold("effects_are_the_difference_of_debts", step.effects == difference, || {
        format!("{event:?} gave {:?} where the debts differ by {difference:?}", step.effects)
    })?;
    let twice = owed.iter().enumerate().find(|(place, effect)| owed[..*place].contains(effect));
    hold("every_debt_is_listed_once", twice.is_none(), || format!("{twice:?}"))?;
    snapshots_read_back_equal(&step.next)?;
    Ok(Some(step))
}

pub(super) fn nothing_expires_before_its_time(expires: Timestamp, now: Timestamp) -> Result<(), Violation> {
    hold("nothing_expires_before_its_time", now >= expires, || format!("expired at {now}, not at {expires}"))
}

/// Checks a list of invariants, each under its own name.
macro_rules! check_each {
    ($world:expr, $($invariant:ident),+ $(,)?) => {{
        $(if let Some(found) = $invariant($world) {
            return Err(Violation { invariant: stringify!($invariant), found });
        })+
        Ok(())
    }};
}

/// What holds after every turn.
pub(super) fn check(world: &World) -> Result<(), Violation> {
    check_each!(
        world,
        final_states_stay_final,
        a_revoked_account_stays_revoked,
        a_disabled_account_makes_no_client_progress,
        a_settled_debt_never_comes_back,
        a_settled_account_has_no_open_work,
        no_certificate_without_every_authorization_valid_at_finalization,
        no_certificate_without_every_authorization_proven_or_exempt,
        no_certificate_with_a_name_that_its_authorization_is_not_for,
        never_two_certificates_for_one_order_or_period,
        every_renewed_certificate_is_valid_as_its_period_says,
        nothing_is_issued_after_cancellation,
        nothing_is_renewed_for_an_account_that_was_closed,
        every_certificate_was_intended_and_signed,
        one_intent_per_order,
        an_authorization_is_never_valid_without_a_passed_attempt_or_an_exemption,
        an_order_is_never_ready_before_every_authorization_was_valid,
        challenge_attempts_never_exceed_the_retry_rules,
        no_validation_without_a_response,
        order_identifiers_and_authorizations_never_change,
        a_certificate_is_replaced_by_one_order_that_has_not_failed,
        an_order_knows_how_it_came_to_its_status,
    )
}

/// What holds once nothing is owed any more.
pub(super) fn check_at_rest(world: &World) -> Result<(), Violation> {
    check_each!(
        world,
        every_order_knows_that_its_authorizations_are_valid,
        no_order_remains_processing,
        every_order_knows_that_an_authorization_was_lost,
        a_closed_account_is_settled,
        no_certificate_outlives_an_account_revoked_with_them,
        every_revocation_is_published,
    )
}

fn snapshots_read_back_equal<T: Snapshot + PartialEq + Debug>(value: &T) -> Result<(), Violation> {
    let read = snapshot::decode::<T>(&snapshot::encode(value));
    hold("snapshots_read_back_equal", read.as_ref() == Ok(value), || format!("{value:?} came back as {read:?}"))
}

/// From its placing on, without a gap, and never back.
fn an_order_knows_how_it_came_to_its_status(world: &World) -> Option<String> {
    world.orders.iter().find_map(|(id, order)| {
        let passed = &order.passed;
        let begun = passed.first().is_some_and(|first| (first.at, first.cause) == (order.terms.created, Cause::Placed));
        let ended = passed.last().is_some_and(|last| last.status == order.stored_status());
        let onward = passed.windows(2).all(|pair| pair[0].at <= pair[1].at && pair[0].status != pair[1].status);
        let once: BTreeSet<_> = passed.iter().map(|passage| passage.status.token()).collect();
        let sound = begun && ended && onward && once.len() == passed.len();
        (!sound).then(|| format!("order {id} is {:?} after {passed:?}", order.stored_status()))
    })
}

/// Also what only the clock decided is decided.
fn final_states_stay_final(world: &World) -> Option<String> {
    let history = &world.history;
    for (id, order) in &world.orders {
        if let Some(decided) = history.decided_orders.get(id).filter(|decided| **decided != order.status(world.now)) {
            return Some(format!("order {id} was {decided:?} and is {:?}", order.status(world.now)));
        }
        if let Some(before) = history.final_orders.get(id).filter(|before| *before != order) {
            return Some(format!("order {id} was {before:?} and is {order:?}"));
        }
    }
    for (id, authorization) in &world.authorizations {
        let status = authorization.status(world.now);
        if let Some(decided) = history.decided_authorizations.get(id).filter(|decided| **decided != status) {
            return Some(format!("authorization {id} was {decided:?} and is {status:?}"));
        }
    }
    if let Some(closed) = &history.closed_account {
        let same = Account { state: AccountState::Valid, ..world.account.clone() }
            == Account { state: AccountState::Valid, ..closed.clone() };
        if closed.status() != world.account.status() || !same {
            return Some(format!("the account was {closed:?} and is {:?}", world.account));
        }
    }
    for (id, certificate) in &world.certificates {
        let Some(CertificateState::Revoked { at, reason, .. }) = history.revoked.get(id) else { continue };
        match &certificate.state {
            CertificateState::Revoked { at: now_at, reason: now_reason, published }
                if at == now_at && reason == now_reason && (published.is_some() || !history.published.contains(id)) => {
            }
            other @ (CertificateState::Valid | CertificateState::Revoked { .. }) => {
                return Some(format!("certificate {id} was revoked at {at} and is {other:?}"));
            }
        }
    }
    None
}

/// Neither enabling it nor anything else makes it another one, and what was to become of its certificates stays.
fn a_revoked_account_stays_revoked(world: &World) -> Option<String> {
    let closed = world.history.closed_account.as_ref()?;
    let AccountState::Revoked { at, certificates, .. } = closed.state else { return None };
    match world.account.state {
        AccountState::Revoked { at: now_at, certificates: now_certificates, .. }
            if (now_at, now_certificates) == (at, certificates) =>
        {
            None
        }
        AccountState::Valid | AccountState::Deactivated { .. } | AccountState::Revoked { .. } => {
            Some(format!("the account was {closed:?} and is {:?}", world.account))
        }
    }
}

fn a_disabled_account_makes_no_client_progress(world: &World) -> Option<String> {
    let before = world.history.disabled.as_ref().filter(|_| world.account.disabled.is_some())?;
    let found = Disabled::of(world, &world.history);
    (found != *before).then(|| format!("when it was disabled: {before:?}, now: {found:?}"))
}

fn a_settled_debt_never_comes_back(world: &World) -> Option<String> {
    let again = world.owed().into_iter().find(|errand| world.history.settled.contains(errand))?;
    Some(format!("{again:?} was settled and is owed again"))
}

/// RFC 8555 section 7.3.6. Only a certificate that is decided already may still come.
fn a_settled_account_has_no_open_work(world: &World) -> Option<String> {
    match world.account.state {
        AccountState::Deactivated { settled: true, .. } | AccountState::Revoked { settled: true, .. } => {
            let open = |order: &Order| matches!(order.status(world.now), OrderStatus::Pending | OrderStatus::Ready);
            let order = world.orders.iter().find(|(_, order)| open(order));
            let authorization = world.authorizations.iter().find(|(_, open)| !open.status(world.now).is_final());
            (order.is_some() || authorization.is_some()).then(|| format!("still open: {order:?}, {authorization:?}"))
        }
        AccountState::Valid | AccountState::Deactivated { .. } | AccountState::Revoked { .. } => None,
    }
}

fn no_certificate_without_every_authorization_valid_at_finalization(world: &World) -> Option<String> {
    for (id, authorizations) in &world.history.finalized {
        if authorizations.iter().any(|(_, status)| *status != AuthorizationStatus::Valid) {
            return Some(format!("order {id} was finalized while its authorizations were {authorizations:?}"));
        }
    }
    let never = |order: &OrderId| !world.history.finalized.contains_key(order);
    let orders = world.certificates.values().filter_map(|certificate| certificate.record.order);
    orders.map(|(_, order)| order).find(never).map(|order| format!("order {order} was never finalized"))
}

fn no_certificate_without_every_authorization_proven_or_exempt(world: &World) -> Option<String> {
    let history = &world.history;
    let sound = |id: &&AuthorizationId| {
        history.exempt.contains(id) || history.passed.iter().any(|(passed, _, _)| passed == *id)
    };
    world.certificates.iter().find_map(|(id, certificate)| {
        let (_, order) = certificate.record.order?;
        let missing = world.orders[&order].terms.authorizations.iter().find(|authorization| !sound(authorization))?;
        Some(format!("certificate {id} was issued without {missing}"))
    })
}

/// Told by the texts of the names, and not by the machine: RFC 8555 section 7.1.4, RFC 9444 section 4. What covers a whole
/// tree was proven by the DNS.
fn no_certificate_with_a_name_that_its_authorization_is_not_for(world: &World) -> Option<String> {
    world.certificates.iter().find_map(|(id, certificate)| {
        let (_, order) = certificate.record.order?;
        let terms = &world.orders[&order].terms;
        if certificate.record.subjects != terms.subjects || terms.subjects.len() != terms.authorizations.len() {
            return Some(format!("certificate {id} is for {:?}, and its order {terms:?}", certificate.record.subjects));
        }
        let sound = |(subject, id): &(&Subject, &AuthorizationId)| {
            let Authorization { terms, challenges, .. } = &world.authorizations[*id];
            let (name, proven) = (subject.identifier.value(), terms.identifier.value());
            let below = name.ends_with(&format!(".{proven}")) && terms.subdomains;
            let whole = challenges
                .iter()
                .filter(|challenge| matches!(challenge.state, ChallengeState::Valid { .. }))
                .all(|challenge| challenge.kind == ChallengeType::Dns01);
            subject.wildcard == terms.wildcard && (name == proven || (below && whole))
        };
        let (subject, authorization) = terms.subjects.iter().zip(&terms.authorizations).find(|proof| !sound(proof))?;
        Some(format!("certificate {id} has {subject} by {:?}", world.authorizations[authorization]))
    })
}

/// An order has one certificate, or with automatic renewal one for each period; and states the last.
fn never_two_certificates_for_one_order_or_period(world: &World) -> Option<String> {
    let mut by_order = BTreeMap::new();
    for (id, certificate) in &world.certificates {
        let Some((_, order)) = certificate.record.order else { continue };
        if let Some(other) = by_order.insert((order, certificate.record.period.unwrap_or(0)), *id) {
            return Some(format!("order {order} has {other} and {id}"));
        }
    }
    if let Some((order, signed)) = world.history.signed.iter().find(|(_, signed)| signed.len() > 1) {
        return Some(format!("for order {order:?} were signed {signed:?}"));
    }
    let last = |id: &OrderId| by_order.range((*id, 0)..=(*id, u64::MAX)).next_back().map(|(_, last)| *last);
    let (id, order) = world.orders.iter().find(|(id, order)| last(id) != order.certificate())?;
    Some(format!("order {id} states {:?} and has {:?}", order.certificate(), last(id)))
}

/// RFC 8739 sections 3.3 and 3.5: all periods follow from the first certificate, and none is issued before its time or
/// from the end date on.
fn every_renewed_certificate_is_valid_as_its_period_says(world: &World) -> Option<String> {
    world.certificates.iter().find_map(|(id, certificate)| {
        let (record, (_, order)) = (&certificate.record, certificate.record.order?);
        let (terms, period) = (world.orders[&order].terms.auto_renewal?, record.period?);
        let begun = world.certificates.values().map(|certificate| &certificate.record);
        let begun =
            begun.filter(|record| record.order.is_some_and(|(_, of)| of == order)).map(|record| record.not_before);
        let first = begun.min()?;
        let sound = (record.not_before, record.not_after) == terms.validity(first, period)
            && record.not_after <= terms.end
            && (period == 0 || (record.not_before <= record.issued && record.issued < terms.end));
        (!sound).then(|| format!("certificate {id} for period {period} of {terms:?} since {first}: {record:?}"))
    })
}

/// RFC 8739 section 3.1.2.
fn nothing_is_issued_after_cancellation(world: &World) -> Option<String> {
    let more = |(order, before): &(&OrderId, &BTreeSet<_>)| certificates_of(world, **order) != **before;
    let (order, before) = world.history.canceled.iter().find(more)?;
    Some(format!("order {order} was canceled with {before:?} and has {:?}", certificates_of(world, *order)))
}

/// Only a first certificate that was decided before may still come.
fn nothing_is_renewed_for_an_account_that_was_closed(world: &World) -> Option<String> {
    let before = world.history.ended.as_ref()?;
    let renewed = world.certificates.iter().filter(|(_, certificate)| certificate.record.period > Some(0));
    let (id, _) = renewed.into_iter().find(|(id, _)| !before.contains(id))?;
    Some(format!("certificate {id} was not among {before:?}"))
}

fn certificates_of(world: &World, order: OrderId) -> BTreeSet<CertificateId> {
    let of = |certificate: &Certificate| certificate.record.order.is_some_and(|(_, of)| of == order);
    world.certificates.iter().filter(|(_, certificate)| of(certificate)).map(|(id, _)| *id).collect()
}

fn every_certificate_was_intended_and_signed(world: &World) -> Option<String> {
    let history = &world.history;
    world.certificates.iter().find_map(|(id, certificate)| {
        let (_, order) = certificate.record.order?;
        let intended = history.intents.get(&order).is_some_and(|intent| intent.certificate == *id)
            || history.renewals.contains(&(order, *id));
        let signed = history.signed.get(&(order, certificate.record.period.unwrap_or(0)));
        let signed = signed.is_some_and(|signed| signed.iter().any(|(signed, _)| signed == id));
        (!intended || !signed).then(|| format!("certificate {id} of order {order}: {certificate:?}"))
    })
}

fn one_intent_per_order(world: &World) -> Option<String> {
    world.orders.iter().find_map(|(id, order)| {
        let (OrderState::Processing { intent }, Some(first)) = (&order.state, world.history.intents.get(id)) else {
            return None;
        };
        (intent != first).then(|| format!("order {id} had {first:?} and has {intent:?}"))
    })
}

fn an_authorization_is_never_valid_without_a_passed_attempt_or_an_exemption(world: &World) -> Option<String> {
    world.authorizations.iter().find_map(|(id, authorization)| {
        let passed = |place: u32| world.history.passed.iter().any(|passed| (passed.0, passed.1) == (*id, place));
        let mut challenges = (0..).zip(&authorization.challenges);
        let proven = challenges
            .any(|(place, challenge)| matches!(challenge.state, ChallengeState::Valid { .. }) && passed(place));
        let valid = matches!(authorization.state, AuthorizationState::Valid { .. });
        let sound = proven || world.history.exempt.contains(id);
        (valid && !sound).then(|| format!("authorization {id} is {authorization:?}"))
    })
}

fn an_order_is_never_ready_before_every_authorization_was_valid(world: &World) -> Option<String> {
    world.orders.iter().find_map(|(id, order)| match order.state {
        OrderState::Ready
        | OrderState::Processing { .. }
        | OrderState::Valid { .. }
        | OrderState::Renewing { .. }
        | OrderState::Reissuing { .. }
        | OrderState::Canceled { .. } => {
            let proven = |authorization: &AuthorizationId| {
                world.history.proven.contains(authorization)
                    || matches!(world.authorizations[authorization].state, AuthorizationState::Valid { .. })
            };
            let missing = order.terms.authorizations.iter().find(|authorization| !proven(authorization))?;
            Some(format!("order {id} is {} without {missing}", order.status(world.now).token()))
        }
        OrderState::Pending { .. } | OrderState::Invalid { .. } => None,
    })
}

fn challenge_attempts_never_exceed_the_retry_rules(world: &World) -> Option<String> {
    let most = u32::try_from(PAUSES.len()).expect("a few") + 1;
    let too_many = |attempts: &BTreeSet<u32>| attempts.iter().any(|attempt| !(1..=most).contains(attempt));
    let (challenge, attempts) = world.history.attempts.iter().find(|(_, attempts)| too_many(attempts))?;
    Some(format!("challenge {challenge:?} was tried {attempts:?}"))
}

fn no_validation_without_a_response(world: &World) -> Option<String> {
    let unasked = world.history.attempts.keys().find(|challenge| !world.history.responded.contains(challenge))?;
    Some(format!("challenge {unasked:?} is validated, and its client never said that it is ready"))
}

/// RFC 8555 section 7.1.3.
fn order_identifiers_and_authorizations_never_change(world: &World) -> Option<String> {
    world.orders.iter().find_map(|(id, order)| {
        let first = world.history.terms.get(id)?;
        (*first != order.terms).then(|| format!("order {id} had {first:?} and has {:?}", order.terms))
    })
}

fn every_order_knows_that_its_authorizations_are_valid(world: &World) -> Option<String> {
    world.orders.iter().find_map(|(id, order)| {
        let valid = |authorization| world.authorizations[authorization].status(world.now) == AuthorizationStatus::Valid;
        let stuck = order.status(world.now) == OrderStatus::Pending && order.terms.authorizations.iter().all(valid);
        stuck.then(|| format!("order {id} is {order:?}"))
    })
}

fn no_order_remains_processing(world: &World) -> Option<String> {
    let signs = |order: &Order| matches!(order.state, OrderState::Processing { .. } | OrderState::Reissuing { .. });
    let stuck = world.orders.iter().find(|(_, order)| signs(order))?;
    Some(format!("order {} is {:?}", stuck.0, stuck.1))
}

fn every_order_knows_that_an_authorization_was_lost(world: &World) -> Option<String> {
    world.orders.iter().find_map(|(id, order)| {
        let lost = |authorization: &&AuthorizationId| world.authorizations[authorization].status(world.now).is_final();
        let lost = order.terms.authorizations.iter().find(lost)?;
        (!order.status(world.now).is_final()).then(|| format!("order {id} is {order:?}, and {lost} is lost"))
    })
}

fn a_closed_account_is_settled(world: &World) -> Option<String> {
    let open = matches!(
        world.account.state,
        AccountState::Deactivated { settled: false, .. } | AccountState::Revoked { settled: false, .. }
    );
    open.then(|| format!("{:?}", world.account))
}

/// Also one that was being signed when the account was revoked.
fn no_certificate_outlives_an_account_revoked_with_them(world: &World) -> Option<String> {
    let AccountState::Revoked { certificates: Some(_), .. } = world.account.state else { return None };
    let (id, _) = world.certificates.iter().find(|(_, left)| left.status(world.now) == CertificateStatus::Valid)?;
    Some(format!("certificate {id} is still valid"))
}

/// RFC 9773 section 5.
fn a_certificate_is_replaced_by_one_order_that_has_not_failed(world: &World) -> Option<String> {
    let mut replaced = BTreeMap::new();
    for (id, order) in world.orders.iter().filter(|(_, order)| order.status(world.now) != OrderStatus::Invalid) {
        let Some(predecessor) = &order.terms.replaces else { continue };
        if let Some(other) = replaced.insert(predecessor.certificate, id) {
            return Some(format!("orders {other} and {id} both replace {}", predecessor.certificate));
        }
    }
    None
}

fn every_revocation_is_published(world: &World) -> Option<String> {
    world.certificates.iter().find_map(|(id, certificate)| {
        let unpublished = matches!(certificate.state, CertificateState::Revoked { published: None, .. });
        unpublished.then(|| format!("certificate {id} is {certificate:?}"))
    })
}
