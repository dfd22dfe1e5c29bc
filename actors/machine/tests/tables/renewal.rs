//! RFC 9773 section 4.2: the suggested window, and what moves it.

use std::collections::BTreeMap;

use chancery_machine::certificate::{Certificate, CertificateRecord, CertificateState};
use chancery_machine::id::{CertificateId, Id};
use chancery_machine::profile::Seconds;
use chancery_machine::renewal::{IssuerStanding, RenewalCall, RenewalRules, Window};
use chancery_machine::time::Timestamp;
use proptest::option;
use proptest::prelude::*;

use crate::sample;

const DAY: u64 = 86_400;
const ISSUED: u64 = 1_000_000;
/// The last moment that a certificate can state: 9999-12-31T23:59:59Z.
const LATE: Timestamp = Timestamp::from_seconds(253_402_300_799);

const fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// An id whose last eight bytes, which are random in truth, are these.
fn id(random: u64) -> CertificateId {
    let mut bytes = [7; 16];
    bytes[8..].copy_from_slice(&random.to_be_bytes());
    CertificateId(Id::from_bytes(bytes))
}

/// Issued at `ISSUED`, back-dated by an hour, and valid for that long from then on.
fn certificate(seconds: u64, state: CertificateState) -> Certificate {
    let record = CertificateRecord {
        not_before: at(ISSUED - 3_600),
        issued: at(ISSUED),
        not_after: at(ISSUED + seconds),
        ..sample::certificate(CertificateState::Valid).record
    };
    Certificate { state, ..Certificate::issued(record) }
}

fn issuer() -> IssuerStanding {
    IssuerStanding { disabled: None, not_after: LATE, call: None }
}

fn window(certificate: &Certificate, issuer: &IssuerStanding, called: Option<RenewalCall>) -> Window {
    RenewalRules::default().window((id(u64::MAX / 2), certificate), Some(issuer), called)
}

fn revoked(when: u64) -> CertificateState {
    CertificateState::Revoked { at: at(when), reason: None, published: None }
}

/// The usual window lies in the tenth of a certificate's life that begins at 66 hundredths.
fn usual(window: Window, life: u64) -> bool {
    window.start >= at(ISSUED + life * 66 / 100) && window.end <= at(ISSUED + life * 76 / 100 + 1)
}

#[test]
fn windows_lie_where_the_rules_say_for_lives_of_any_length() {
    for life in [1, 60, 3_600, DAY, 6 * DAY, 90 * DAY, 3_650 * DAY] {
        let found = window(&certificate(life, CertificateState::Valid), &issuer(), None);
        assert!(usual(found, life), "{life}: {found:?}");
        assert!(found.start < found.end, "section 4.2: {found:?}");
    }
    let rules = RenewalRules { begin: 50, length: 0, ..RenewalRules::default() };
    let point = rules.window((id(3), &certificate(100, CertificateState::Valid)), None, None);
    assert_eq!(point, Window { start: at(ISSUED + 50), end: at(ISSUED + 51) });
}

#[test]
fn fifty_thousand_hosts_of_one_minute_do_not_renew_in_one() {
    let one = certificate(90 * DAY, CertificateState::Valid);
    let mut minutes: BTreeMap<u64, usize> = BTreeMap::new();
    for host in 0..50_000_u64 {
        // Spread over all bits, as the entropy of ids is.
        let random = host.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let found = RenewalRules::default().window((id(random), &one), None, None);
        assert!(usual(found, 90 * DAY));
        *minutes.entry(found.start.seconds() / 60).or_default() += 1;
    }
    // Three quarters of nine days have 9,720 minutes.
    assert!(minutes.len() > 9_000, "only {} minutes", minutes.len());
    assert!(minutes.values().all(|hosts| *hosts <= 20), "{:?}", minutes.values().max());
}

#[test]
fn what_is_revoked_or_has_no_issuer_any_more_is_renewed_at_once() {
    let now = ISSUED + DAY;
    let past = Window { start: at(now - DAY), end: at(now) };
    let valid = certificate(90 * DAY, CertificateState::Valid);
    assert_eq!(window(&certificate(90 * DAY, revoked(now)), &issuer(), None), past);
    assert_eq!(window(&valid, &IssuerStanding { disabled: Some(at(now)), ..issuer() }, None), past);
    // The end of the issuer's life is the end of what it has signed.
    let ends = IssuerStanding { not_after: at(ISSUED + 9 * DAY), ..issuer() };
    assert!(usual(window(&valid, &ends, None), 9 * DAY));
    let over = IssuerStanding { not_after: at(ISSUED - 1), ..issuer() };
    assert!(window(&valid, &over, None).end <= at(ISSUED + 1));
}

#[test]
fn an_operators_call_is_for_what_was_issued_before_and_spread_over_the_time_that_it_names() {
    let now = ISSUED + DAY;
    let call = RenewalCall { at: at(now), until: at(now + 2 * DAY) };
    let valid = certificate(90 * DAY, CertificateState::Valid);
    let (mut first, mut last) = (LATE, Timestamp::EPOCH);
    for part in 0..=16_u64 {
        let id = id(part.saturating_mul(1 << 60));
        let found = RenewalRules::default().window((id, &valid), None, Some(call));
        assert!(found.start >= call.at && found.start < found.end && found.end <= call.until, "{found:?}");
        (first, last) = (first.min(found.start), last.max(found.end));
    }
    assert!(first == call.at && last >= at(now + 2 * DAY - 60), "the whole time is used: {first} to {last}");

    // The same for what an authority has signed, and for a single certificate.
    let by_issuer = window(&valid, &IssuerStanding { call: Some(call), ..issuer() }, None);
    assert_eq!(by_issuer, window(&valid, &issuer(), Some(call)));
    assert_eq!(by_issuer, window(&Certificate { call: Some(call), ..valid.clone() }, &issuer(), None));
    // At once.
    let urgent = RenewalCall { until: call.at, ..call };
    assert_eq!(window(&valid, &issuer(), Some(urgent)), Window { start: at(now - DAY), end: at(now) });
    // What was issued later is not meant, and what is due earlier stays so.
    let earlier = RenewalCall { at: at(ISSUED - 1), until: at(ISSUED - 1) };
    assert!(usual(window(&valid, &issuer(), Some(earlier)), 90 * DAY));
    let slow = RenewalCall { at: at(ISSUED), until: at(ISSUED + 900 * DAY) };
    assert!(usual(window(&valid, &issuer(), Some(slow)), 90 * DAY));
    let past = Window { start: at(now - DAY), end: at(now) };
    assert_eq!(window(&certificate(90 * DAY, revoked(now)), &issuer(), Some(call)), past);
}

#[test]
fn clients_look_again_often_enough_for_a_short_life() {
    let rules = RenewalRules::default();
    let after = |life| rules.look_again(&certificate(life, CertificateState::Valid), None);
    assert_eq!(after(90 * DAY), Seconds(21_600), "section 4.3.1: as it is set");
    assert_eq!(after(DAY), Seconds(3_600));
    assert_eq!(after(600), Seconds(60), "section 4.3.2: shorter intervals are taken for a minute");
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0..=LATE.millis()).prop_map(Timestamp::from_millis)
}

proptest! {
    /// RFC 9773 section 4.2: a window whose end does not come after its start is never served.
    #[test]
    fn a_window_ends_after_it_starts_whatever_is_stored(
        (not_before, issued, not_after) in (moment(), moment(), moment()),
        (begin, length) in any::<(u8, u8)>(),
        when in option::of(moment()),
        call in option::of((moment(), moment()).prop_map(|(at, until)| RenewalCall { at, until })),
        (disabled, ends) in (option::of(moment()), moment()),
        random: u64,
    ) {
        let record = CertificateRecord {
            not_before,
            issued,
            not_after,
            ..sample::certificate(CertificateState::Valid).record
        };
        let state = when.map_or(CertificateState::Valid, |at| {
            CertificateState::Revoked { at, reason: None, published: None }
        });
        let certificate = Certificate { state, call, ..Certificate::issued(record) };
        let issuer = IssuerStanding { disabled, not_after: ends, call };
        let rules = RenewalRules { begin, length, ..RenewalRules::default() };
        let found = rules.window((id(random), &certificate), Some(&issuer), call);
        prop_assert!(found.start.seconds() < found.end.seconds(), "{:?}", found);
        prop_assert!(rules.look_again(&certificate, Some(&issuer)) >= Seconds(60));
    }
}
