//! The words under which objects are found. They are part of the store's format.

use chancery_machine::account::AccountStatus;
use chancery_machine::id::{AccountId, AuthorityId, EabId, Id, OrderId};
use chancery_machine::identifier::Subject;
use chancery_machine::order::OrderStatus;
use chancery_machine::profile::{Endpoint, ProfileName, ProfileRevision};
use chancery_machine::time::Timestamp;

use sha2::{Digest, Sha256};

use crate::ports::{Range, Term};

/// How many names above a subject are looked at for an authorization that is for all below it.
const ANCESTORS: usize = 10;

/// The digest by which keys and certificates are looked for.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn term(parts: &[&[u8]]) -> Term {
    Term(parts.concat())
}

/// Unique: the account with this key at this endpoint (RFC 8555 section 7.3.1), and under `/acme/raProfile/…` with this
/// ACME Profile: a digest, since two names are longer than a term may be.
pub(crate) fn account_key(endpoint: &Endpoint, activated: Option<&ProfileName>, thumbprint: &[u8; 32]) -> Term {
    let place = activated.map_or(endpoint.to_string(), |acme_profile| format!("{endpoint}/{acme_profile}"));
    if place.len() <= 84 {
        return term(&[b"account-key/", thumbprint, place.as_bytes()]);
    }
    term(&[b"account-key/", thumbprint, &sha256(place.as_bytes())])
}

/// Accounts with this key anywhere (RFC 8555 section 11.1).
pub(crate) fn key(spki_sha256: &[u8; 32]) -> Term {
    term(&[b"key/", spki_sha256])
}

/// The orders in an account's list (RFC 8555 section 7.1.2.1).
pub(crate) fn orders_of(account: AccountId) -> Term {
    term(&[b"orders-of/", &account.0.bytes()])
}

/// An account's orders in this state, whatever the clock says of them.
pub(crate) fn account_orders(account: AccountId, state: OrderStatus) -> Term {
    term(&[b"account-orders/", &account.0.bytes(), &[order_status(state)]])
}

/// The certificates that an account was issued.
pub(crate) fn certificates_of(account: AccountId) -> Term {
    term(&[b"certificates-of/", &account.0.bytes()])
}

/// An account's authorizations that end with it; builds before this one stored its open orders so too.
pub(crate) fn open_of(account: AccountId) -> Term {
    term(&[b"open-of/", &account.0.bytes()])
}

/// An account's order that can be worked on until this moment, or what counts as one: all have the same length, so that [`open_past`] finds those
/// that still can.
pub(crate) fn open_until(account: AccountId, expires: Timestamp) -> Term {
    term(&[b"open-until/", &account.0.bytes(), &expires.millis().to_be_bytes()])
}

/// What the account can work on beyond this moment, by its end.
pub(crate) fn open_past(account: AccountId, now: Timestamp) -> Range {
    let next = Timestamp::from_millis(now.millis().saturating_add(1));
    Range::Terms { low: open_until(account, next), high: open_until(account, Timestamp::from_millis(u64::MAX)) }
}

/// The moment that [`open_until`] or [`renewing_until`] states.
pub(crate) fn until_of(term: &[u8]) -> Option<Timestamp> {
    term.last_chunk().map(|millis| Timestamp::from_millis(u64::from_be_bytes(*millis)))
}

/// An account's orders that are renewed automatically.
pub(crate) fn renewing_of(account: AccountId) -> Term {
    term(&[b"renewing-of/", &account.0.bytes()])
}

/// An account's order that is renewed automatically until this moment, or can be finalized until then and is from there on:
/// all have the same length, so that [`renewing_past`] finds those for which certificates are still to come.
pub(crate) fn renewing_until(account: AccountId, end: Timestamp) -> Term {
    term(&[b"renewing-until/", &account.0.bytes(), &end.millis().to_be_bytes()])
}

/// The account's orders for which certificates are to come beyond this moment, by its end.
pub(crate) fn renewing_past(account: AccountId, now: Timestamp) -> Range {
    let next = Timestamp::from_millis(now.millis().saturating_add(1));
    Range::Terms { low: renewing_until(account, next), high: renewing_until(account, Timestamp::from_millis(u64::MAX)) }
}

/// Every order that is renewed automatically, whosever it is.
pub(crate) fn renewing() -> Range {
    let whose = |byte| renewing_of(AccountId(Id::from_bytes([byte; 16])));
    Range::Terms { low: whose(0), high: whose(u8::MAX) }
}

/// What owes something at this moment and may leave memory until then: all have the same length, so they are walked
/// through in order.
pub(crate) fn due(at: Timestamp) -> Term {
    term(&[b"due/", &at.millis().to_be_bytes()])
}

/// What owes something by this moment.
pub(crate) fn due_by(moment: Timestamp) -> Range {
    Range::Terms { low: due(Timestamp::EPOCH), high: due(moment) }
}

/// An account's authorizations that were proven for this subject. A digest, since names are longer than terms may be.
pub(crate) fn proven(account: AccountId, subject: &Subject) -> Term {
    term(&[b"proven/", &account.0.bytes(), &name(subject)])
}

/// An account's authorizations that were proven for this subject and everything below it.
pub(crate) fn proven_below(account: AccountId, subject: &Subject) -> Term {
    term(&[b"proven-below/", &account.0.bytes(), &name(subject)])
}

/// Where authorizations stand that prove this subject for the account: its own, then those of the names above, the nearest
/// first, that are for all below them. Only so many are looked at, as a name may have more labels than any in use.
pub(crate) fn proofs(account: AccountId, subject: &Subject) -> Vec<Term> {
    let above = subject.identifier.ancestors().take(ANCESTORS);
    let above = above.map(|identifier| proven_below(account, &Subject { identifier, ..subject.clone() }));
    std::iter::once(proven(account, subject)).chain(above).collect()
}

/// What an account wanted to prove before it ordered, whatever became of it.
pub(crate) fn pre_authorized(account: AccountId) -> Term {
    term(&[b"pre-authorized/", &account.0.bytes()])
}

fn name(subject: &Subject) -> [u8; 32] {
    sha256(format!("{}:{subject}", subject.identifier.kind()).as_bytes())
}

/// Unique: the certificate with this serial number.
pub(crate) fn serial(authority: AuthorityId, serial: &[u8]) -> Term {
    term(&[b"serial/", &authority.0.bytes(), serial])
}

/// What an authority has revoked.
pub(crate) fn revoked(authority: AuthorityId) -> Term {
    term(&[b"revoked/", &authority.0.bytes()])
}

/// Unique: the certificate of exactly these bytes, by which a request to revoke it finds it without parsing it.
pub(crate) fn certificate(der: &[u8]) -> Term {
    fingerprint(&sha256(der))
}

/// The same, of bytes with this digest.
pub(crate) fn fingerprint(der_sha256: &[u8; 32]) -> Term {
    term(&[b"certificate/", der_sha256])
}

/// Unique: the ACME Profile of this name.
pub(crate) fn acme_profile(name: &ProfileName) -> Term {
    term(&[b"acme-profile/", name.as_str().as_bytes()])
}

/// Unique: the RA Profile of this name.
pub(crate) fn ra_profile(name: &ProfileName) -> Term {
    term(&[b"ra-profile/", name.as_str().as_bytes()])
}

/// Unique: what a profile was at this revision.
pub(crate) fn past(profile: &Term, revision: ProfileRevision) -> Term {
    term(&[&profile.0, b"@", &revision.0.to_be_bytes()])
}

/// Everything that a profile was.
pub(crate) fn past_of(profile: &Term) -> Term {
    term(&[b"past/", &profile.0])
}

/// Entries of the audit log about this object. A digest, since identifiers may be longer than terms.
pub(crate) fn audit_object(object: &str) -> Term {
    term(&[b"audit-object/", &sha256(object.as_bytes())])
}

/// Entries of the audit log by this operator.
pub(crate) fn audit_who(who: &str) -> Term {
    term(&[b"audit-who/", &sha256(who.as_bytes())])
}

/// Entries of the audit log of this moment: all have the same length, so they are walked through in order.
pub(crate) fn audit_at(at: Timestamp) -> Term {
    term(&[b"audit-at/", &at.millis().to_be_bytes()])
}

/// Accounts that stand so, disabled or not.
pub(crate) fn account_state(status: AccountStatus, disabled: bool) -> Term {
    let status = match status {
        AccountStatus::Valid => 0,
        AccountStatus::Deactivated => 1,
        AccountStatus::Revoked => 2,
    };
    term(&[b"account-state/", &[status, disabled.into()]])
}

/// Accounts that belong to this endpoint, or under `/acme/raProfile/…` to an ACME Profile as well.
pub(crate) fn account_at(endpoint: &Endpoint) -> Term {
    term(&[b"account-at/", endpoint.to_string().as_bytes()])
}

/// Accounts that are bound with this credential.
pub(crate) fn bound_with(credential: EabId) -> Term {
    term(&[b"bound-with/", &credential.0.bytes()])
}

/// Accounts with this contact, in whatever letters.
pub(crate) fn contact(url: &str) -> Term {
    term(&[b"contact/", &sha256(url.to_lowercase().as_bytes())])
}

/// Accounts whose key has this thumbprint (RFC 7638), at any endpoint.
pub(crate) fn thumbprint(thumbprint: &[u8; 32]) -> Term {
    term(&[b"thumbprint/", thumbprint])
}

/// Orders that are not over yet: one term from beginning to end, as each change of a term costs every order.
pub(crate) fn open_orders() -> Term {
    term(&[b"orders/open"])
}

/// Orders that failed.
pub(crate) fn invalid_orders() -> Term {
    term(&[b"orders/invalid"])
}

/// Orders whose automatic renewal was canceled.
pub(crate) fn canceled_orders() -> Term {
    term(&[b"orders/canceled"])
}

const fn order_status(status: OrderStatus) -> u8 {
    match status {
        OrderStatus::Pending => 0,
        OrderStatus::Ready => 1,
        OrderStatus::Processing => 2,
        OrderStatus::Valid => 3,
        OrderStatus::Invalid => 4,
        OrderStatus::Canceled => 5,
    }
}

/// Orders under this ACME Profile.
pub(crate) fn orders_at(acme_profile: &ProfileName) -> Term {
    term(&[b"orders-at/", acme_profile.as_str().as_bytes()])
}

/// Orders whose certificates this RA Profile issues.
pub(crate) fn orders_by(ra_profile: &ProfileName) -> Term {
    term(&[b"orders-by/", ra_profile.as_str().as_bytes()])
}

/// Orders for this subject, among others.
pub(crate) fn orders_for(subject: &Subject) -> Term {
    term(&[b"orders-for/", &name(subject)])
}

/// An account's authorizations.
pub(crate) fn authorizations_of(account: AccountId) -> Term {
    term(&[b"authorizations-of/", &account.0.bytes()])
}

/// Authorizations for this subject.
pub(crate) fn authorizations_for(subject: &Subject) -> Term {
    term(&[b"authorizations-for/", &name(subject)])
}

/// Certificates with this subject, among others.
pub(crate) fn certificates_for(subject: &Subject) -> Term {
    term(&[b"certificates-for/", &name(subject)])
}

/// The certificates of an order that is renewed automatically.
pub(crate) fn certificates_under(order: OrderId) -> Term {
    term(&[b"certificates-under/", &order.0.bytes()])
}

/// Certificates by this RA Profile.
pub(crate) fn certificates_by(ra_profile: &ProfileName) -> Term {
    term(&[b"certificates-by/", ra_profile.as_str().as_bytes()])
}

/// Certificates whose life ends at this moment: all have the same length, so they are walked through in order.
pub(crate) fn certificate_expiry(not_after: Timestamp) -> Term {
    term(&[b"certificate-expiry/", &not_after.millis().to_be_bytes()])
}

/// Every certificate that was revoked, whoever signed it.
pub(crate) fn certificates_revoked() -> Term {
    term(&[b"certificates-revoked"])
}
