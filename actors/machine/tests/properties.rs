//! Named invariants over random scripts of a whole world; see `simulation`.

mod simulation;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_script_keeps_every_invariant(script in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Err(violation) = simulation::run(&script) {
            return Err(TestCaseError::fail(violation.to_string()));
        }
    }
}

/// A change of the script's letters would leave the fuzzer with seeds that go nowhere.
#[test]
fn the_seeds_of_the_fuzzer_do_what_their_names_say() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/order");
    let reached = |name: &str| {
        let script = fs::read(seeds.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        simulation::run(&script).unwrap_or_else(|violation| panic!("{name}: {violation}"))
    };
    let expected = [
        ("issue-and-revoke", &["order valid", "certificate revoked"][..]),
        ("shared-retry-and-restart", &["order valid", "certificate valid"]),
        ("expiry-under-a-ready-order", &["order ready", "authorization expired", "order invalid"]),
        ("closed-halfway", &["account deactivated", "order invalid", "authorization deactivated"]),
        ("revoked-while-signing", &["account revoked", "order valid", "certificate revoked"]),
        ("disabled-exempt-cancelled", &["account disabled", "authorization exempt", "order valid", "order cancelled"]),
    ];
    for (name, statuses) in expected {
        let reached = reached(name);
        for status in statuses {
            assert!(reached.contains(*status), "{name} has no {status}: {reached:?}");
        }
    }
}

/// A simulation that never gets anywhere would keep every invariant.
#[test]
fn scripts_reach_every_status() {
    let mut reached = BTreeSet::new();
    for seed in 0..200 {
        let script = noise(seed, 600);
        reached.extend(simulation::run(&script).unwrap_or_else(|violation| panic!("script {seed}: {violation}")));
    }
    let expected = [
        ("account", &["valid", "disabled", "deactivated", "revoked"][..]),
        ("order", &["pending", "ready", "processing", "valid", "invalid", "cancelled", "renewed", "canceled"]),
        (
            "authorization",
            &["pending", "valid", "valid below", "exempt", "invalid", "deactivated", "expired", "revoked"],
        ),
        ("pre-authorization", &["used"]),
        ("challenge", &["pending", "processing", "valid", "invalid"]),
        ("certificate", &["valid", "revoked", "expired"]),
    ];
    for (machine, statuses) in expected {
        for status in statuses {
            assert!(reached.contains(&format!("{machine} {status}")), "no {machine} was ever {status}");
        }
    }
}

/// The same bytes for the same seed, everywhere (the generator of Knuth's MMIX).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
