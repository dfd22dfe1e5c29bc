//! Any bytes as a script for a world of machines: the simulation of `actors/machine/tests`, with its named invariants.
#![no_main]

#[path = "../../actors/machine/tests/simulation/mod.rs"]
mod simulation;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| {
    if let Err(violation) = simulation::run(script) {
        panic!("{violation}");
    }
});
