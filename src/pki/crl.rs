//! Certificate revocation lists (RFC 5280 section 5), written as DER in one pass over the sorted entries.

use chancery_actors::ports::{CrlEntry, CrlRequest, SignError};
use chancery_machine::time::Timestamp;
use const_oid::db::rfc5280;
use der::asn1::{OctetString, Uint, UintRef};
use der::{Encode, Header, Length, Tag, TagNumber};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use super::authority::Opened;
use super::certificate::{enveloped, extension, time};

/// Version 2 is encoded as 1 (RFC 5280 section 5.1.2.1).
const V2: u8 = 1;

/// What the `reasonCode` of an entry may be (RFC 5280 section 5.3.1): 7 is not used, and removeFromCRL (8) is for
/// delta CRLs only.
const REASONS: [u8; 9] = [0, 1, 2, 3, 4, 5, 6, 9, 10];

/// Makes and signs a full CRL of everything that the authority has issued.
///
/// Entries are sorted by serial number, so that the same request gives the same bytes. Of two for one certificate the
/// earlier counts. A revocation cannot lie in the CRL's future: clocks of several nodes differ, the CRL's counts.
pub(super) fn crl(authority: &Opened, request: &CrlRequest) -> Result<Vec<u8>, SignError> {
    lint(authority, request)?;
    let issuer = authority.issuer();
    let tbs = tbs(authority, request).map_err(|error| SignError::Refused(error.to_string()))?;
    let unavailable = |reason: String| SignError::Unavailable(reason);
    let signature = authority.key().sign(&tbs).map_err(|error| unavailable(error.to_string()))?;
    issuer
        .public_key
        .verify(&issuer.algorithm, &tbs, &signature)
        .map_err(|fault| unavailable(format!("its key and its certificate do not fit: {fault}")))?;
    enveloped(&tbs, &issuer.algorithm, &signature).map_err(|error| unavailable(error.to_string()))
}

/// What RFC 5280 forbids and the request can ask for.
fn lint(authority: &Opened, request: &CrlRequest) -> Result<(), SignError> {
    let refused = |sentence: String| Err(SignError::Refused(sentence));
    if request.authority != authority.id() {
        return refused(format!("the CRL is for {}, not for {}", request.authority, authority.id()));
    }
    if request.next_update.seconds() <= request.this_update.seconds() {
        return refused("nextUpdate is not after thisUpdate (RFC 5280 section 5.1.2.5)".to_owned());
    }
    let issuer = authority.issuer();
    if request.this_update < issuer.not_before || request.this_update > issuer.not_after {
        return refused("thisUpdate is outside of the authority's own validity".to_owned());
    }
    for entry in &request.entries {
        let serial = significant(&entry.serial);
        let octets = serial.len() + usize::from(serial.first().is_some_and(|first| first & 0x80 != 0));
        if !(1..=20).contains(&octets) {
            return refused(format!("{:02x?} is no serial number (RFC 5280 section 4.1.2.2)", entry.serial));
        }
        if let Some(reason) = entry.reason.filter(|reason| !REASONS.contains(reason)) {
            return refused(format!("{reason} is no reason for a full CRL (RFC 5280 section 5.3.1)"));
        }
    }
    Ok(())
}

fn tbs(authority: &Opened, request: &CrlRequest) -> Result<Vec<u8>, der::Error> {
    let issuer = authority.issuer();
    let mut entries: Vec<&CrlEntry> = request.entries.iter().collect();
    entries.sort_unstable_by_key(|entry| {
        let serial = significant(&entry.serial);
        (serial.len(), serial, entry.revoked_at, entry.reason)
    });
    entries.dedup_by(|later, earlier| significant(&later.serial) == significant(&earlier.serial));
    let list = entries.iter().try_fold(Length::ZERO, |sum, entry| sum + sequence(entry_len(entry, request)?)?)?;

    let (this_update, next_update) = (time(request.this_update)?, time(request.next_update)?);
    let extensions = extensions(&issuer.key_identifier, request.number)?;
    let tagged = extensions.encoded_len()?;
    let explicit = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
    let listed = if entries.is_empty() { Length::ZERO } else { sequence(list)? };
    let length = (V2.encoded_len()?
        + issuer.algorithm.encoded_len()?
        + issuer.name.encoded_len()?
        + this_update.encoded_len()?
        + next_update.encoded_len()?
        + listed
        + Header::new(explicit, tagged).encoded_len()?
        + tagged)?;

    let mut out = Vec::with_capacity(usize::try_from(sequence(length)?)?);
    Header::new(Tag::Sequence, length).encode(&mut out)?;
    V2.encode(&mut out)?;
    issuer.algorithm.encode(&mut out)?;
    issuer.name.encode(&mut out)?;
    this_update.encode(&mut out)?;
    next_update.encode(&mut out)?;
    // Absent where nothing is revoked (RFC 5280 section 5.1.2.6).
    if !entries.is_empty() {
        Header::new(Tag::Sequence, list).encode(&mut out)?;
        for entry in entries {
            write_entry(entry, request, &mut out)?;
        }
    }
    Header::new(explicit, tagged).encode(&mut out)?;
    extensions.encode(&mut out)?;
    Ok(out)
}

fn write_entry(entry: &CrlEntry, request: &CrlRequest, out: &mut Vec<u8>) -> Result<(), der::Error> {
    Header::new(Tag::Sequence, entry_len(entry, request)?).encode(out)?;
    UintRef::new(&entry.serial)?.encode(out)?;
    time(revoked_at(entry, request))?.encode(out)?;
    if let Some(reason) = stated(entry) {
        out.extend_from_slice(&reason_code(reason));
    }
    Ok(())
}

fn entry_len(entry: &CrlEntry, request: &CrlRequest) -> Result<Length, der::Error> {
    let reason = if stated(entry).is_some() { Length::new(14) } else { Length::ZERO };
    UintRef::new(&entry.serial)?.encoded_len()? + time(revoked_at(entry, request))?.encoded_len()? + reason
}

/// The extensions of an entry that has a reason: a SEQUENCE of the one extension 2.5.29.21, whose value is an
/// ENUMERATED. Always 14 octets.
const fn reason_code(reason: u8) -> [u8; 14] {
    [0x30, 12, 0x30, 10, 0x06, 3, 0x55, 0x1d, 0x15, 0x04, 3, 0x0a, 1, reason]
}

/// The reason, if it says anything: unspecified is left out (RFC 5280 section 5.3.1).
fn stated(entry: &CrlEntry) -> Option<u8> {
    entry.reason.filter(|&reason| reason != 0)
}

fn revoked_at(entry: &CrlEntry, request: &CrlRequest) -> Timestamp {
    entry.revoked_at.min(request.this_update)
}

/// Both MUST be there (RFC 5280 sections 5.2.1 and 5.2.3).
fn extensions(key_identifier: &[u8], number: u64) -> Result<Vec<Extension>, der::Error> {
    let key_identifier = Some(OctetString::new(key_identifier)?);
    let extn_value = OctetString::new(Uint::new(&number.to_be_bytes())?.to_der()?)?;
    let number = Extension { extn_id: rfc5280::ID_CE_CRL_NUMBER, critical: false, extn_value };
    Ok(vec![extension(false, &AuthorityKeyIdentifier { key_identifier, ..Default::default() })?, number])
}

fn sequence(content: Length) -> Result<Length, der::Error> {
    Header::new(Tag::Sequence, content).encoded_len()? + content
}

fn significant(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|&&octet| octet == 0).count();
    &serial[zeros..]
}
