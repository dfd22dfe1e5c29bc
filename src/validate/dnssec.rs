//! What is believed where this server validates DNSSEC itself (RFC 4035): from which keys, and what its resolver's library
//! leaves to be looked at here.

#![allow(clippy::wildcard_enum_match_arm, reason = "record types are an open set, few of them ours")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_machine::dnssec::{TrustAnchor, TrustAnchors};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::rdata::DNSSECRData;
use hickory_resolver::proto::dnssec::{self, Algorithm, PublicKeyBuf};
use hickory_resolver::proto::rr::{LowerName, Name, RData};

use super::lookup_error::LookupError;

/// The anchors as the resolver's library has them.
pub(super) fn keys(anchors: &TrustAnchors) -> Result<dnssec::TrustAnchors, LookupError> {
    if anchors.0.is_empty() {
        return Ok(dnssec::TrustAnchors::default());
    }
    let mut all = dnssec::TrustAnchors::empty();
    for anchor in &anchors.0 {
        let bad = |_| LookupError::NoResolver(format!("{anchor} is no trust anchor"));
        let key = STANDARD.decode(anchor.key()).map_err(|error| bad(error.to_string()))?;
        let zone = zone(anchor).ok_or_else(|| bad(String::new()))?;
        let key = PublicKeyBuf::new(key, Algorithm::from_u8(anchor.algorithm()));
        all.insert_with_name(&key, LowerName::from(zone));
    }
    Ok(all)
}

/// The zones of the anchors; that of the root where none are named.
pub(super) fn zones(anchors: &TrustAnchors) -> Vec<Name> {
    if anchors.0.is_empty() { vec![Name::root()] } else { anchors.0.iter().filter_map(zone).collect() }
}

/// Whether a name lies above one of these zones and in none: no key speaks for it (RFC 4033 section 5, indeterminate).
pub(super) fn is_above(zones: &[Name], name: &Name) -> bool {
    zones.iter().any(|zone| name.zone_of(zone)) && !zones.iter().any(|zone| zone.zone_of(name))
}

/// Whether nothing is there, where the resolver's library says so: a signed record denies it, or the zone is proven to be
/// unsigned. The library believes unsigned authority records of whatever unsigned zone, so it is looked here whether they are
/// of one in which the name lies. What an alias leads to is not absent by this: nothing tells whether the alias was signed.
/// Every other failure is one however it came.
pub(super) fn absence_is_proven(asked: &Name, error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return true };
    if none.query.name() != asked {
        return false;
    }
    let authorities = none.authorities.iter().flat_map(|records| records.iter());
    authorities.into_iter().any(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(_) | DNSSECRData::NSEC3(_)) => record.proof.is_secure(),
        RData::SOA(_) => record.proof.is_insecure() && record.name.zone_of(asked),
        _ => false,
    })
}

/// Whether an answer is signed and what stands beside it is all of unsigned zones: then the library has not looked whether a
/// wildcard may have been put in the place of a name that there is.
pub(super) fn spliced(lookup: &Lookup) -> bool {
    let beside = lookup.authorities();
    lookup.answers().iter().any(|record| record.proof.is_secure())
        && !beside.is_empty()
        && beside.iter().all(|record| record.proof.is_insecure())
}

fn zone(anchor: &TrustAnchor) -> Option<Name> {
    let zone = anchor.zone().map_or_else(String::new, ToString::to_string);
    Name::from_ascii(format!("{zone}.")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_above_an_anchor_is_in_none_of_the_zones() {
        let key = "DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
        let anchors = |zones: &[&str]| {
            TrustAnchors(zones.iter().map(|zone| format!("{zone} {key}").parse().expect("an anchor")).collect())
        };
        let above = |own: &[&str]| {
            let zones = zones(&anchors(own));
            ["internal.", "corp.internal.", "a.corp.internal.", "other.internal.", "example."]
                .map(|name| is_above(&zones, &Name::from_ascii(name).expect("a name")))
        };
        assert_eq!(above(&["corp.internal."]), [true, false, false, false, false]);
        assert_eq!(above(&["a.corp.internal."]), [true, true, false, false, false]);
        assert_eq!(above(&["a.corp.internal.", "corp.internal."]), [true, false, false, false, false]);
        // Whatever there is lies in the root.
        assert_eq!(above(&["corp.internal.", "."]), [false; 5]);
        assert_eq!(above(&[]), [false; 5]);
    }
}
