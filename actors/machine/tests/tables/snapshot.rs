//! Snapshots: those of format 1 stay readable for ever, and no bytes whatever make the reader panic.

use std::fmt::{Debug, Write};
use std::fs;
use std::path::{Path, PathBuf};

use chancery_machine::account::Account;
use chancery_machine::audit::{AuditEntry, AuditHead};
use chancery_machine::authorization::Authorization;
use chancery_machine::certificate::Certificate;
use chancery_machine::crl::Crl;
use chancery_machine::eab::EabCredential;
use chancery_machine::order::Order;
use chancery_machine::profile::{AcmeProfile, RaProfile};
use chancery_machine::snapshot::{Snapshot, Unreadable, decode, encode};
use proptest::prelude::*;

use crate::sample::{
    accounts, accounts_2, accounts_keys, acme_profiles, acme_profiles_2, acme_profiles_authorizing, acme_profiles_caa,
    acme_profiles_dns, acme_profiles_limited, acme_profiles_renewing, audit_entries, audit_heads, authorizations,
    authorizations_2, authorizations_3, authorizations_reliance, certificates, certificates_2, certificates_3,
    certificates_renewed, credentials, crls, orders, orders_2, orders_ancestors, orders_passed, orders_proven,
    orders_renewing, ra_profiles, ra_profiles_2,
};
use crate::table::reads_back;

/// Runs a check on the samples of every kind of snapshot. A kind with a number or a word has the fields that came after
/// those of the kind without: older snapshots read as if they were `None`, or false.
macro_rules! for_every_kind {
    ($check:ident) => {
        $check("account", &accounts());
        $check("order", &orders());
        $check("authorization", &authorizations());
        $check("certificate", &certificates());
        $check("crl", &crls());
        $check("account-2", &accounts_2());
        $check("authorization-2", &authorizations_2());
        $check("certificate-2", &certificates_2());
        $check("certificate-3", &certificates_3());
        $check("order-2", &orders_2());
        $check("authorization-3", &authorizations_3());
        $check("order-ancestors", &orders_ancestors());
        $check("acme-profile-authorizing", &acme_profiles_authorizing());
        $check("acme-profile-caa", &acme_profiles_caa());
        $check("order-auto-renewal", &orders_renewing());
        $check("certificate-auto-renewal", &certificates_renewed());
        $check("acme-profile-auto-renewal", &acme_profiles_renewing());
        $check("acme-profile", &acme_profiles());
        $check("account-keys", &accounts_keys());
        $check("authorization-reliance", &authorizations_reliance());
        $check("acme-profile-dns", &acme_profiles_dns());
        $check("order-auto-renewal-proven", &orders_proven());
        $check("order-passed", &orders_passed());
        $check("acme-profile-limited", &acme_profiles_limited());
        $check("ra-profile", &ra_profiles());
        $check("acme-profile-2", &acme_profiles_2());
        $check("ra-profile-2", &ra_profiles_2());
        $check("eab-credential", &credentials());
        $check("audit-entry", &audit_entries());
        $check("audit-head", &audit_heads());
    };
}

#[test]
fn snapshots_of_format_1_stay_readable() {
    fn check<T: Snapshot + PartialEq + Debug>(kind: &str, samples: &[(&str, T)]) {
        let path = fixture(kind);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines: Vec<_> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        assert_eq!(lines.len(), samples.len(), "{kind}: one line for each state");
        for ((name, hex), (expected_name, expected)) in lines.iter().zip(samples) {
            assert_eq!(name, expected_name);
            let bytes = bytes(hex);
            assert_eq!(bytes[0], 1);
            assert_eq!(decode::<T>(&bytes).as_ref(), Ok(expected), "{kind} {name}");
        }
    }
    for_every_kind!(check);
}

#[test]
fn every_state_reads_back_equal() {
    fn check<T: Snapshot + PartialEq + Debug>(_: &str, samples: &[(&str, T)]) {
        for (_, sample) in samples {
            reads_back(sample);
        }
    }
    for_every_kind!(check);
}

#[test]
fn a_truncated_or_lengthened_snapshot_is_damaged() {
    fn check<T: Snapshot + PartialEq + Debug>(kind: &str, samples: &[(&str, T)]) {
        for (name, sample) in samples {
            let mut bytes = encode(sample);
            for length in 1..bytes.len() {
                let found = decode::<T>(&bytes[..length]);
                assert!(matches!(found, Err(Unreadable::Damaged(_))), "{kind} {name} cut at {length}: {found:?}");
            }
            bytes.push(0);
            let found = decode::<T>(&bytes);
            assert!(matches!(found, Err(Unreadable::Damaged(_))), "{kind} {name} with one byte more: {found:?}");
        }
    }
    for_every_kind!(check);
}

/// Every bit of every snapshot, flipped: something else or nothing, but no panic; and what is read can be written.
#[test]
fn a_flipped_bit_never_panics() {
    fn check<T: Snapshot + PartialEq + Debug>(_: &str, samples: &[(&str, T)]) {
        for (_, sample) in samples {
            let mut bytes = encode(sample);
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                if let Ok(read) = decode::<T>(&bytes) {
                    reads_back(&read);
                }
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
    for_every_kind!(check);
}

#[test]
fn an_unknown_format_is_named() {
    assert_eq!(decode::<Order>(&[]), Err(Unreadable::Empty));
    for found in [0, 2, 255] {
        assert_eq!(decode::<Order>(&[found, 0x80]), Err(Unreadable::Format { found, known: 1 }));
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(content: Vec<u8>) {
        let bytes = [vec![1], content].concat();
        let _ = (decode::<Account>(&bytes), decode::<Order>(&bytes), decode::<Authorization>(&bytes));
        let _ = (decode::<Certificate>(&bytes), decode::<Crl>(&bytes), decode::<EabCredential>(&bytes));
        let _ = (decode::<AcmeProfile>(&bytes), decode::<RaProfile>(&bytes));
        let _ = (decode::<AuditEntry>(&bytes), decode::<AuditHead>(&bytes));
    }

    #[test]
    fn overwritten_snapshots_never_panic(which: prop::sample::Index, at: prop::sample::Index, noise: [u8; 9]) {
        overwrite(&authorizations(), which, at, noise);
        overwrite(&accounts_2(), which, at, noise);
        overwrite(&orders_renewing(), which, at, noise);
        overwrite(&acme_profiles(), which, at, noise);
        overwrite(&ra_profiles(), which, at, noise);
        overwrite(&credentials(), which, at, noise);
    }
}

fn overwrite<T>(samples: &[(&str, T)], which: prop::sample::Index, at: prop::sample::Index, noise: [u8; 9])
where
    T: Snapshot + PartialEq + Debug,
{
    let (_, sample) = &samples[which.index(samples.len())];
    let mut bytes = encode(sample);
    let start = at.index(bytes.len());
    for (byte, noise) in bytes.iter_mut().skip(start.max(1)).zip(noise) {
        *byte = noise;
    }
    if let Ok(read) = decode::<T>(&bytes) {
        reads_back(&read);
    }
}

/// For a new format or a new state only: what is in a released fixture is never written again.
#[test]
#[ignore = "writes the fixtures of states that have none"]
fn write_fixtures_that_are_missing() {
    fn check<T: Snapshot + PartialEq + Debug>(kind: &str, samples: &[(&str, T)]) {
        let path = fixture(kind);
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        for (name, sample) in samples.iter().skip(text.lines().count()) {
            let mut hex = String::new();
            for byte in encode(sample) {
                write!(hex, "{byte:02x}").expect("a String takes everything");
            }
            text.push_str(&format!("{name} {hex}\n"));
        }
        fs::write(&path, text).expect("the fixtures can be written");
    }
    for_every_kind!(check);
}

fn fixture(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/format-1/{kind}.hex"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).expect("a hex digit")).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("two digits are a byte")).collect()
}
