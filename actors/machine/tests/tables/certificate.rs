//! RFC 8555 section 7.6, and RFC 5280 section 4.1.2.5: the period of validity includes notAfter.

use chancery_machine::certificate::{
    Certificate, CertificateEffect, CertificateEvent, CertificateState, CertificateStatus, RevocationReason,
};
use chancery_machine::machine::Machine;
use chancery_machine::rejection::Rejection;
use chancery_machine::renewal::RenewalCall;
use chancery_machine::time::Timestamp;

use crate::sample::{AFTER, BEFORE, EXPIRES, NOW, P, Q, certificate, certificates};
use crate::table::check;

const CALL: RenewalCall = RenewalCall { at: NOW, until: EXPIRES };

/// Section 7.6: revoked once, and alreadyRevoked from then on.
const IN_FORCE: &str = "
                | valid                | revoked         | published
revoked         | revoked -            | already revoked | already revoked
key compromised | revoked keyCompromise | already revoked | already revoked
in CRL 7        | stale                | published 7     | stale
in CRL 8        | stale                | published 8     | stale
renewed         | replaced             | replaced        | replaced
renewed instead | already replaced     | already replaced | already replaced
called          | called               | called          | called
not called      | stale                | stale           | stale
";

/// What has run out cannot be revoked any more, but what was revoked before is still published.
const EXPIRED: &str = "
                | valid               | revoked         | published
revoked         | certificate expired | already revoked | already revoked
key compromised | certificate expired | already revoked | already revoked
in CRL 7        | stale               | published 7     | stale
in CRL 8        | stale               | published 8     | stale
renewed         | replaced            | replaced        | replaced
renewed instead | already replaced    | already replaced | already replaced
called          | called              | called          | called
not called      | stale               | stale           | stale
";

#[test]
fn every_state_with_every_event() {
    let events = [
        ("revoked", CertificateEvent::Revoked(None)),
        ("key compromised", CertificateEvent::Revoked(Some(RevocationReason::KeyCompromise))),
        ("in CRL 7", CertificateEvent::RevocationPublished(7)),
        ("in CRL 8", CertificateEvent::RevocationPublished(8)),
        ("renewed", CertificateEvent::Replaced { by: P, instead_of: None }),
        ("renewed instead", CertificateEvent::Replaced { by: P, instead_of: Some(Q) }),
        ("called", CertificateEvent::RenewalCalled(Some(CALL))),
        ("not called", CertificateEvent::RenewalCalled(None)),
    ];
    for now in [NOW, BEFORE, EXPIRES] {
        check(IN_FORCE, &states(), &events, now, |next| describe(next, now));
    }
    for now in [AFTER, Timestamp::from_millis(u64::MAX)] {
        check(EXPIRED, &states(), &events, now, |next| describe(next, now));
    }
}

/// RFC 9773 section 5: one order that is not invalid replaces it.
#[test]
fn another_order_replaces_it_only_instead_of_the_one_before() {
    let one = Certificate { replaced: Some(P), ..certificate(CertificateState::Valid) };
    let with = |by, instead_of| one.apply(CertificateEvent::Replaced { by, instead_of }, NOW).map(|step| step.next);
    assert_eq!(with(P, None), Err(Rejection::Stale));
    assert_eq!(with(P, Some(P)), Err(Rejection::Stale));
    assert_eq!(with(Q, None), Err(Rejection::AlreadyReplaced));
    assert_eq!(with(Q, Some(Q)), Err(Rejection::AlreadyReplaced));
    assert_eq!(with(Q, Some(P)), Ok(Certificate { replaced: Some(Q), ..one.clone() }));
}

#[test]
fn an_operators_call_can_be_taken_back() {
    let one = Certificate { call: Some(CALL), ..certificate(CertificateState::Valid) };
    let with = |call| one.apply(CertificateEvent::RenewalCalled(call), NOW).map(|step| step.next);
    assert_eq!(with(Some(CALL)), Err(Rejection::Stale));
    assert_eq!(with(None), Ok(certificate(CertificateState::Valid)));
}

#[test]
fn a_revocation_is_owed_until_a_crl_lists_it() {
    for (name, certificate) in certificates() {
        let expected = if name == "revoked" { vec![CertificateEffect::PublishRevocation] } else { vec![] };
        assert_eq!(certificate.owed(), expected, "{name}");
    }
}

#[test]
fn a_revoked_certificate_never_expires() {
    use CertificateStatus::{Expired, Revoked, Valid};
    let at = |now| states().iter().map(|(_, certificate)| certificate.status(now)).collect::<Vec<_>>();
    for now in [NOW, BEFORE, EXPIRES] {
        assert_eq!(at(now), [Valid, Revoked, Revoked]);
    }
    assert_eq!(at(AFTER), [Expired, Revoked, Revoked]);
}

/// RFC 5280 section 5.3.1.
#[test]
fn reasons_have_the_codes_of_the_rfc() {
    let listed: Vec<_> = RevocationReason::ALL.iter().map(|reason| (reason.code(), reason.name())).collect();
    assert_eq!(
        listed,
        [
            (0, "unspecified"),
            (1, "keyCompromise"),
            (3, "affiliationChanged"),
            (4, "superseded"),
            (5, "cessationOfOperation")
        ]
    );
    for code in [2, 6, 7, 8, 9, 10, 11, 256, u64::MAX] {
        assert_eq!(RevocationReason::from_code(code), None);
    }
}

fn states() -> Vec<(&'static str, Certificate)> {
    let revoked = |published| certificate(CertificateState::Revoked { at: NOW, reason: None, published });
    vec![("valid", certificate(CertificateState::Valid)), ("revoked", revoked(None)), ("published", revoked(Some(1)))]
}

fn describe(next: &Certificate, now: Timestamp) -> String {
    assert_eq!(next.record, certificate(CertificateState::Valid).record, "what was issued never changes");
    if next.replaced.is_some() {
        assert_eq!((next.replaced, next.call), (Some(P), None));
        return "replaced".to_owned();
    }
    if next.call.is_some() {
        assert_eq!((next.replaced, next.call), (None, Some(CALL)));
        return "called".to_owned();
    }
    match &next.state {
        CertificateState::Valid => "valid".to_owned(),
        CertificateState::Revoked { at, reason, published: None } => {
            assert_eq!(*at, now);
            format!("revoked {}", reason.map_or("-", RevocationReason::name))
        }
        CertificateState::Revoked { at, published: Some(number), .. } => {
            assert_eq!(*at, NOW, "the moment of revocation stays");
            format!("published {number}")
        }
    }
}
