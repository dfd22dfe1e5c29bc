//! The automatic renewal that an order asks for (RFC 8739 section 3.1.1).

use chancery_machine::auto_renewal::AutoRenewal;
use chancery_machine::profile::Seconds;
use chancery_machine::time::Timestamp;

use super::PlaceError;
use crate::profiles::Pair;

/// How far ahead a first certificate may begin: revisions of profiles are kept for so long, and the renewal after it.
const AHEAD: Seconds = Seconds(30 * 86_400);

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAutoRenewal {
    /// `start-date`.
    pub start: Option<Timestamp>,
    /// `end-date`.
    pub end: Timestamp,
    /// `lifetime`.
    pub lifetime: Seconds,
    /// `lifetime-adjust`.
    pub adjust: Seconds,
    /// `allow-certificate-get`.
    pub certificate_get: bool,
}

/// What is granted: what was asked for, or nothing. The RFC lets a server adjust it at will; clients are better served by
/// a sentence. Only `lifetime-adjust` grows to what section 3.5 needs.
pub(super) fn accept(
    pair: &Pair,
    (authority_begins, authority_ends): (Timestamp, Timestamp),
    stated: Option<Timestamp>,
    asked: &NewAutoRenewal,
    now: Timestamp,
) -> Result<AutoRenewal, PlaceError> {
    let refuse = |why: String| Err(PlaceError::Validity(why));
    let Some(rules) = pair.acme.auto_renewal else {
        return refuse(
            "certificates are not renewed automatically here, as the directory says; leave \"auto-renewal\" out".into(),
        );
    };
    if stated.is_some() {
        return refuse(
            "notBefore and notAfter cannot stand beside \"auto-renewal\"; it has start-date and end-date".into(),
        );
    }
    let &NewAutoRenewal { start, end, lifetime, adjust, certificate_get } = asked;
    if lifetime < rules.min_lifetime {
        return refuse(format!("lifetime is {} s; {} s is the least here", lifetime.0, rules.min_lifetime.0));
    }
    if certificate_get && !rules.certificate_get {
        return refuse(
            "certificates are not given to unauthenticated GET here; leave allow-certificate-get out".into(),
        );
    }
    let adjust = AutoRenewal::adjusted(lifetime, adjust);
    let longest = pair.ra.validity.longest;
    // Both ends count (RFC 5280 section 4.1.2.5).
    if lifetime.0.saturating_add(adjust.0) >= longest.0 {
        return refuse(format!(
            "a certificate would be valid for lifetime and lifetime-adjust together, {} s and {} s, and certificates are \
             valid for less than {} s here",
            lifetime.0, adjust.0, longest.0
        ));
    }
    let earliest = now.minus(pair.ra.validity.backdate.into()).max(authority_begins);
    if start.is_some_and(|start| start < Timestamp::from_seconds(earliest.seconds())) {
        return refuse(format!(
            "start-date may lie at most {} s in the past, and not before the authority's own life",
            pair.ra.validity.backdate.0
        ));
    }
    if start.is_some_and(|start| start > now.plus(AHEAD.into())) {
        return refuse(format!("start-date may lie at most {} s in the future", AHEAD.0));
    }
    if end <= now || start.is_some_and(|start| end <= start) {
        return refuse("end-date has to be later than start-date, and in the future".into());
    }
    if end.since(start.unwrap_or(now)) > rules.max_duration.into() {
        return refuse(format!("end-date may lie at most {} s after start-date here", rules.max_duration.0));
    }
    if end > authority_ends {
        return refuse("end-date lies past the end of the authority's own life; ask for an earlier one".into());
    }
    Ok(AutoRenewal { start, end, lifetime, adjust, certificate_get })
}
