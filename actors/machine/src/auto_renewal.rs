//! Automatic renewal (RFC 8739): what an order asks for, and from when until when which of its certificates is valid.

use minicbor::{Decode, Encode};

use crate::challenge::ChallengeType;
use crate::id::CertificateId;
use crate::profile::Seconds;
use crate::time::Timestamp;

/// The `auto-renewal` of an order (RFC 8739 section 3.1.1), with the values that hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AutoRenewal {
    /// `start-date`: the earliest beginning of the first certificate; as soon as it is issued if `None`. Whole seconds.
    #[n(0)]
    pub start: Option<Timestamp>,
    /// `end-date`: the latest end of the last certificate. Whole seconds.
    #[n(1)]
    pub end: Timestamp,
    /// `lifetime`: how long each certificate is valid, apart from its pre-dating; at least two seconds.
    #[n(2)]
    pub lifetime: Seconds,
    /// `lifetime-adjust`: by how much each certificate after the first is pre-dated, as [`AutoRenewal::adjusted`] has it.
    #[n(3)]
    pub adjust: Seconds,
    /// `allow-certificate-get`: whether the current certificate is given to whoever has its URL.
    #[n(4)]
    pub certificate_get: bool,
}

/// The certificates of an order so far.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Series {
    /// The first nominal renewal date: when the first certificate was due.
    #[n(0)]
    pub first: Timestamp,
    /// Which period the current certificate is for, counted from 0.
    #[n(1)]
    pub period: u64,
    /// The current certificate.
    #[n(2)]
    pub current: CertificateId,
    /// When its life ends.
    #[n(3)]
    pub not_after: Timestamp,
    /// How many were issued.
    #[n(4)]
    pub issued: u64,
    /// DER of the SubjectPublicKeyInfo, which all of them have from the one CSR.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub public_key: Vec<u8>,
    /// How control of each of the order's subjects was proven, in their order: CAA records may speak of it (RFC 8657) when
    /// the authorizations have long been forgotten. Empty in orders of before.
    #[cbor(n(6), default)]
    pub methods: Vec<Option<ChallengeType>>,
}

impl AutoRenewal {
    /// By how much certificates are pre-dated where a client asks for `asked` (RFC 8739 section 3.5): never by more than
    /// a lifetime, and by half of one at the least, since the next certificate is published half a lifetime before the one
    /// before it ends, and is valid by then.
    #[must_use]
    pub fn adjusted(lifetime: Seconds, asked: Seconds) -> Seconds {
        Seconds(asked.0.min(lifetime.0).max(lifetime.0.div_ceil(2)))
    }

    /// The first nominal renewal date of an order whose first certificate is made at this moment.
    #[must_use]
    pub fn first(&self, now: Timestamp) -> Timestamp {
        let whole = Timestamp::from_seconds(now.seconds());
        self.start.map_or(whole, |start| start.max(whole))
    }

    /// notBefore and notAfter of the certificate of a period (RFC 8739 section 3.5).
    #[must_use]
    pub fn validity(&self, first: Timestamp, period: u64) -> (Timestamp, Timestamp) {
        let nominal = self.nominal(first, period);
        let predated = nominal.minus(self.adjust.into());
        // The first one does not begin before the start date, and where there is none, it starts now.
        let not_before = if period == 0 { predated.max(self.start.unwrap_or(first)) } else { predated };
        (not_before, nominal.plus(self.lifetime.into()).min(self.end))
    }

    /// When the certificate of a later period is made and published: when its life begins. None if that period is beyond
    /// the end date.
    #[must_use]
    pub fn due(&self, first: Timestamp, period: u64) -> Option<Timestamp> {
        (self.nominal(first, period) < self.end).then(|| self.validity(first, period).0)
    }

    /// The period whose certificate is the one to have at this moment; none from the end date on.
    #[must_use]
    pub fn period_at(&self, first: Timestamp, now: Timestamp) -> Option<u64> {
        if now >= self.end {
            return None;
        }
        let lifetime = self.lifetime.0.max(1);
        let begun = now.plus(self.adjust.into()).since(first).as_secs() / lifetime;
        // The last one begins before the end date.
        let last = self.end.since(first).as_secs().saturating_sub(1) / lifetime;
        Some(begun.min(last))
    }

    /// How long to wait after a renewal failed: so short that it is tried several times before the certificate of before
    /// ends, and so long that many such orders of one broken authority cost little.
    #[must_use]
    pub fn pause(&self) -> Seconds {
        Seconds((self.lifetime.0 / 16).clamp(1, 3600))
    }

    fn nominal(&self, first: Timestamp, period: u64) -> Timestamp {
        first.plus(Seconds(self.lifetime.0.saturating_mul(period)).into())
    }
}
