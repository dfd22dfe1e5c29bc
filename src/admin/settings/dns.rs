//! What the settings of an ACME Profile say of the DNS: who validates DNSSEC, whether CAA records are asked for, by which names
//! records mean the authority, and how they name accounts.

use chancery_machine::challenge::ChallengeType;
use chancery_machine::dnssec::TrustAnchors;
use chancery_machine::identifier::DnsName;
use chancery_machine::profile::PersistDraft;

use super::{Fault, bounded};

/// How many names dns-persist-01 may show a client (draft-ietf-acme-dns-persist section 3.1).
const ISSUER_DOMAIN_NAMES: usize = 10;

/// What `dnssec` says of these anchors.
pub(super) const fn dnssec_word(anchors: Option<&TrustAnchors>) -> &'static str {
    match anchors {
        None => "resolver",
        Some(_) => "validate",
    }
}

pub(super) fn dnssec(word: &str, anchors: &[String]) -> Result<Option<TrustAnchors>, Fault> {
    bounded("trustAnchors", anchors.len(), 16)?;
    let anchors = anchors
        .iter()
        .enumerate()
        .map(|(place, text)| {
            text.parse().map_err(|bad| {
                let bad: chancery_machine::dnssec::BadAnchor = bad;
                Fault::new(format!("trustAnchors[{place}]"), bad.to_string())
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    match word {
        "validate" => Ok(Some(TrustAnchors(anchors))),
        "resolver" if anchors.is_empty() => Ok(None),
        "resolver" => {
            Err(Fault::new("trustAnchors", "they need dnssec to be \"validate\": nobody else would use them"))
        }
        other => Err(Fault::new("dnssec", format!("it is {other:?}, and has to be \"resolver\" or \"validate\""))),
    }
}

/// What `caa` says of that.
pub(super) const fn caa_word(ignored: bool) -> &'static str {
    if ignored { "off" } else { "on" }
}

pub(super) fn ignores_caa(word: &str) -> Result<bool, Fault> {
    match word {
        "on" => Ok(false),
        "off" => Ok(true),
        other => Err(Fault::new("caa", format!("it is {other:?}, and has to be \"on\" or \"off\""))),
    }
}

pub(super) fn caa_identities(names: &[String], challenges: &[ChallengeType]) -> Result<Vec<String>, Fault> {
    bounded("caaIdentities", names.len(), 100)?;
    if names.len() > ISSUER_DOMAIN_NAMES && challenges.contains(&ChallengeType::DnsPersist01) {
        let detail = format!(
            "there are {}, and dns-persist-01 may show clients {ISSUER_DOMAIN_NAMES} at the most; name fewer, or leave it \
             out of challenges",
            names.len()
        );
        return Err(Fault::new("caaIdentities", detail));
    }
    match names.iter().position(|text| DnsName::parse(text).is_err()) {
        Some(place) => {
            let detail = format!("{:?} is no domain name", names[place]);
            Err(Fault::new(format!("caaIdentities[{place}]"), detail))
        }
        None => Ok(names.to_vec()),
    }
}

pub(super) fn persist_draft(number: u8) -> Result<PersistDraft, Fault> {
    let detail = format!("it is {number}, and has to be 1 or 2: the drafts that are spoken here");
    PersistDraft::from_number(number).ok_or_else(|| Fault::new("dnsPersistDraft", detail))
}
