//! When a certificate is to be renewed (RFC 9773): the window that a server suggests.
//!
//! A window is computed from what is stored, never stored itself, and every node computes the same: what spreads
//! certificates that were issued together is their ids, which end in random bits.

use std::time::Duration;

use minicbor::{Decode, Encode};

use crate::certificate::{Certificate, CertificateState};
use crate::id::CertificateId;
use crate::profile::Seconds;
use crate::time::Timestamp;

/// How far back a window begins that says "at once": a clock that is behind by less sees it in the past too (RFC 9773
/// section 6).
const PAST: Duration = Duration::from_secs(86_400);

/// Which part of the time in which windows lie one of them takes.
const SLICE: u64 = 4;

/// In how many parts of its life at least a client looks again: one that is short has to hear of news in time.
const LOOKS: u64 = 24;

/// What clients take shorter intervals for (RFC 9773 section 4.3.2).
const SHORTEST: Seconds = Seconds(60);

/// Whether and how an endpoint says when certificates are to be renewed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RenewalRules {
    /// Whether it does.
    #[n(0)]
    pub offered: bool,
    /// After how many hundredths of a certificate's life the time begins in which windows lie.
    #[n(1)]
    pub begin: u8,
    /// For how many hundredths of its life that time lasts.
    #[n(2)]
    pub length: u8,
    /// After how long clients look again (RFC 9773 section 4.3.1).
    #[n(3)]
    pub interval: Seconds,
    /// `explanationURL`.
    #[n(4)]
    pub explanation_url: Option<String>,
}

impl Default for RenewalRules {
    /// From two thirds of a certificate's life on, and every six hours.
    fn default() -> Self {
        Self { offered: true, begin: 66, length: 10, interval: Seconds(21_600), explanation_url: None }
    }
}

/// An operator's call: what was issued up to a moment is to be renewed until another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RenewalCall {
    /// When the operator called. What is issued later is not meant.
    #[n(0)]
    pub at: Timestamp,
    /// By when all is to be renewed: at once if that is no later.
    #[n(1)]
    pub until: Timestamp,
}

/// What is known of the authority that signed a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerStanding {
    /// Since when an operator lets it issue nothing.
    pub disabled: Option<Timestamp>,
    /// When its life ends.
    pub not_after: Timestamp,
    /// An operator's call to renew what it has signed.
    pub call: Option<RenewalCall>,
}

/// `suggestedWindow`, in whole seconds; its end is always later than its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opens.
    pub start: Timestamp,
    /// When it closes.
    pub end: Timestamp,
}

impl Window {
    /// At once: over at that moment.
    fn past(at: Timestamp) -> Self {
        let end = at.seconds().max(1);
        Self::of(end.saturating_sub(PAST.as_secs()), end)
    }

    /// The slice of this time that falls to the certificate of this name.
    fn within(begin: u64, end: u64, certificate: CertificateId) -> Self {
        let all = end.saturating_sub(begin);
        let width = (all / SLICE).max(1);
        let [.., a, b, c, d, e, f, g, h] = certificate.0.bytes();
        let share = u128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        // Less than what is left, so it fits.
        let offset = u64::try_from((u128::from(all.saturating_sub(width)) * share) >> 64).unwrap_or(0);
        Self::of(begin.saturating_add(offset), begin.saturating_add(offset).saturating_add(width))
    }

    const fn of(start: u64, end: u64) -> Self {
        Self { start: Timestamp::from_seconds(start), end: Timestamp::from_seconds(end) }
    }

    /// Whether the window is open at that moment, or was: a client that renews now does as it is told.
    #[must_use]
    pub fn opened(&self, now: Timestamp) -> bool {
        now >= self.start
    }
}

impl RenewalRules {
    /// When the certificate of this name is to be renewed. `called` is the call for what its RA Profile has issued.
    #[must_use]
    pub fn window(
        &self,
        (id, certificate): (CertificateId, &Certificate),
        issuer: Option<&IssuerStanding>,
        called: Option<RenewalCall>,
    ) -> Window {
        let (begin, end) = life(certificate, issuer);
        let hundredth = |part: u64| begin.saturating_add((end - begin).saturating_mul(part.min(100)) / 100);
        let (opens, lasts) = (u64::from(self.begin), u64::from(self.length));
        let usual = Window::within(hundredth(opens), hundredth(opens + lasts), id);
        let revoked = match certificate.state {
            CertificateState::Valid => None,
            CertificateState::Revoked { at, .. } => Some(at),
        };
        let at_once = revoked.into_iter().chain(issuer.and_then(|issuer| issuer.disabled)).map(Window::past);
        let calls = certificate.call.into_iter().chain(called).chain(issuer.and_then(|issuer| issuer.call));
        let called = calls.filter(|call| certificate.record.issued <= call.at).map(|call| {
            if call.until <= call.at {
                Window::past(call.at)
            } else {
                Window::within(call.at.seconds(), call.until.seconds(), id)
            }
        });
        // What has to be done by the earliest moment counts.
        at_once.chain(called).fold(usual, |first, other| if other.end < first.end { other } else { first })
    }

    /// After how long a client looks again at this certificate.
    #[must_use]
    pub fn look_again(&self, certificate: &Certificate, issuer: Option<&IssuerStanding>) -> Seconds {
        let (begin, end) = life(certificate, issuer);
        self.interval.min(Seconds((end - begin) / LOOKS).max(SHORTEST))
    }
}

/// From when on and until when a certificate is of use, in whole seconds: not before it was issued, whatever it says, and
/// not longer than what signed it.
fn life(certificate: &Certificate, issuer: Option<&IssuerStanding>) -> (u64, u64) {
    let record = &certificate.record;
    let begin = record.not_before.max(record.issued).seconds();
    let end = issuer.map_or(record.not_after, |issuer| record.not_after.min(issuer.not_after)).seconds();
    (begin, end.max(begin))
}
