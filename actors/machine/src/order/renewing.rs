//! How an order goes on whose certificates are renewed automatically (RFC 8739 sections 2.2 and 2.3).
//!
//! ```text
//!                 issued                        client or operator cancels,
//!  processing ----------> renewing <--+              account closed
//!                            |        |      renewing, reissuing ----------> canceled
//!                    drafted |        | issued, failed,
//!                            V        | or its period passed
//!                        reissuing ---+
//! ```
//!
//! The status is "valid" in both.

use super::{Intent, Order, OrderEvent, OrderState, OrderStatus, Setback, cancelled};
use crate::auto_renewal::{AutoRenewal, Series};
use crate::machine::Step;
use crate::problem::{Problem, ProblemType};
use crate::rejection::Rejection;
use crate::time::Timestamp;

/// The state once the first certificate is issued.
pub(super) fn begun(terms: &AutoRenewal, intent: &Intent) -> OrderState {
    let draft = &intent.draft;
    let series = Series {
        // Where the end date came earlier, no second period begins before it.
        first: draft.not_after.minus(terms.lifetime.into()),
        period: 0,
        current: intent.certificate,
        not_after: draft.not_after,
        issued: 1,
        public_key: draft.public_key.clone(),
        methods: intent.methods.clone(),
    };
    until_next(Some(terms), series)
}

/// Until the period after the current one.
fn until_next(terms: Option<&AutoRenewal>, series: Series) -> OrderState {
    let due = terms.and_then(|terms| terms.due(series.first, series.period.saturating_add(1)));
    OrderState::Renewing { series, due, setback: None }
}

impl Order {
    pub(super) fn apply_renewing(
        &self,
        series: &Series,
        setback: Option<&Setback>,
        event: OrderEvent,
        now: Timestamp,
    ) -> Result<Step<Self>, Rejection> {
        match event {
            // For the present period only: what was missed meanwhile is not made up for.
            OrderEvent::RenewalDrafted { period, intent }
                if period > series.period && self.period_at(series, now) == Some(period) =>
            {
                Ok(self.to(OrderState::Reissuing { series: series.clone(), period, intent: *intent }))
            }
            OrderEvent::RenewalFailed(reason) if self.is_due(now) => Ok(self.set_back(series, setback, reason, now)),
            OrderEvent::PeriodPassed if self.is_due(now) && self.period_at(series, now).is_none() => {
                Ok(self.ended(series))
            }
            OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed
            | OrderEvent::Issued(_)
            | OrderEvent::IssuanceFailed(_) => Err(Rejection::Stale),
            event @ (OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Finalized(_)
            | OrderEvent::AccountClosed
            | OrderEvent::Cancelled
            | OrderEvent::Expired
            | OrderEvent::RenewalCanceled) => self.end_renewal(series, &event, now),
        }
    }

    /// The intent is stored, and nobody has seen the certificate: what ends the renewal now ends it before that one.
    pub(super) fn apply_reissuing(
        &self,
        series: &Series,
        period: u64,
        intent: &Intent,
        event: OrderEvent,
        now: Timestamp,
    ) -> Result<Step<Self>, Rejection> {
        match event {
            // RFC 8739 section 3.3: none beyond the end date.
            OrderEvent::Issued(certificate)
                if certificate == intent.certificate && self.period_at(series, now).is_some() =>
            {
                let series = Series {
                    period,
                    current: certificate,
                    not_after: intent.draft.not_after,
                    issued: series.issued.saturating_add(1),
                    ..series.clone()
                };
                Ok(self.to(until_next(self.terms.auto_renewal.as_ref(), series)))
            }
            OrderEvent::IssuanceFailed(error) => Ok(self.set_back(series, None, error.detail, now)),
            OrderEvent::PeriodPassed => match self.period_at(series, now) {
                Some(present) if present > period => {
                    Ok(self.to(OrderState::Renewing { series: series.clone(), due: Some(now), setback: None }))
                }
                Some(_) => Err(Rejection::Stale),
                None => Ok(self.ended(series)),
            },
            OrderEvent::Issued(_) | OrderEvent::RenewalDrafted { .. } | OrderEvent::RenewalFailed(_) => {
                Err(Rejection::Stale)
            }
            event @ (OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Finalized(_)
            | OrderEvent::AccountClosed
            | OrderEvent::Cancelled
            | OrderEvent::Expired
            | OrderEvent::RenewalCanceled) => self.end_renewal(series, &event, now),
        }
    }

    /// What comes from outside. Authorizations counted when the order was finalized; whoever loses one cancels the order
    /// (RFC 8739 section 2.2 knows no other end).
    fn end_renewal(&self, series: &Series, event: &OrderEvent, now: Timestamp) -> Result<Step<Self>, Rejection> {
        let canceled = |error| Ok(self.to(OrderState::Canceled { series: series.clone(), at: now, error }));
        match event {
            OrderEvent::RenewalCanceled => canceled(None),
            OrderEvent::Cancelled => canceled(Some(cancelled())),
            OrderEvent::AccountClosed => canceled(Some(account_closed())),
            OrderEvent::Finalized(_) => Err(Rejection::OrderNotReady(OrderStatus::Valid)),
            OrderEvent::AuthorizationValid(_)
            | OrderEvent::AuthorizationLost { .. }
            | OrderEvent::Issued(_)
            | OrderEvent::IssuanceFailed(_)
            | OrderEvent::Expired
            | OrderEvent::RenewalDrafted { .. }
            | OrderEvent::RenewalFailed(_)
            | OrderEvent::PeriodPassed => Err(Rejection::Stale),
        }
    }

    fn set_back(&self, series: &Series, before: Option<&Setback>, reason: String, now: Timestamp) -> Step<Self> {
        let Some(terms) = self.terms.auto_renewal.filter(|terms| now < terms.end) else { return self.ended(series) };
        self.to(OrderState::Renewing {
            series: series.clone(),
            due: Some(now.plus(terms.pause().into())),
            setback: Some(Setback { since: before.map_or(now, |before| before.since), reason }),
        })
    }

    fn ended(&self, series: &Series) -> Step<Self> {
        self.to(OrderState::Renewing { series: series.clone(), due: None, setback: None })
    }

    fn is_due(&self, now: Timestamp) -> bool {
        matches!(self.state, OrderState::Renewing { due: Some(due), .. } if due <= now)
    }

    /// The `expires` of the wire: until when it can be finalized, is renewed, or was before that was canceled.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        match (&self.state, self.terms.auto_renewal) {
            (OrderState::Renewing { .. } | OrderState::Reissuing { .. }, Some(terms)) => terms.end,
            (OrderState::Canceled { at, .. }, _) => *at,
            (
                OrderState::Pending { .. }
                | OrderState::Ready
                | OrderState::Processing { .. }
                | OrderState::Valid { .. }
                | OrderState::Invalid { .. }
                | OrderState::Renewing { .. }
                | OrderState::Reissuing { .. },
                _,
            ) => self.terms.expires,
        }
    }

    /// Until when certificates of automatic renewal are to come, or the order can still be finalized that has them come.
    #[must_use]
    pub fn renews_until(&self) -> Option<Timestamp> {
        let end = self.terms.auto_renewal?.end;
        match self.state {
            OrderState::Pending { .. } | OrderState::Ready => Some(self.terms.expires),
            OrderState::Processing { .. }
            | OrderState::Renewing { due: Some(_), .. }
            | OrderState::Reissuing { .. } => Some(end),
            OrderState::Renewing { due: None, .. }
            | OrderState::Valid { .. }
            | OrderState::Invalid { .. }
            | OrderState::Canceled { .. } => None,
        }
    }

    /// The period whose certificate is the one to have at this moment; none without automatic renewal, and from its end
    /// date on.
    #[must_use]
    pub fn period_at(&self, series: &Series, now: Timestamp) -> Option<u64> {
        self.terms.auto_renewal.and_then(|terms| terms.period_at(series.first, now))
    }
}

fn account_closed() -> Problem {
    Problem::new(ProblemType::Unauthorized, "the account was closed, and with it the automatic renewal ended")
}
