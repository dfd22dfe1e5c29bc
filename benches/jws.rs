//! What every request costs before anything is done for it: parsing and verifying its JWS, a nonce back and a nonce out.
#![allow(missing_docs, reason = "criterion's macros make the entry points")]

use std::hint::black_box;

use chancery::acme::jwk::PublicKey;
use chancery::acme::jws::Jws;
use chancery::acme::nonce::{NonceSettings, Nonces};
use chancery_actors::ports::Entropy;
use chancery_machine::time::Timestamp;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::json;

#[path = "../tests/support/jws.rs"]
mod signer;

use signer::{ALGORITHMS, Signer};

const URL: &str = "https://ca.example/acme/default/new-order";
const KID: &str = "https://ca.example/acme/default/account/AAAAAAAAAAAAAAAAAAAAAA";

struct Random;

impl Entropy for Random {
    fn fill(&self, buffer: &mut [u8]) {
        aws_lc_rs::rand::fill(buffer).expect("the system has randomness");
    }
}

fn requests(c: &mut Criterion) {
    let order = json!({"identifiers": [{"type": "dns", "value": "www.example.org"}]});
    let mut by_kid = c.benchmark_group("jws/kid");
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let key = PublicKey::from_jwk(signer.jwk().to_string().as_bytes()).expect("the key is good");
        let body = signer.with_kid(KID, URL).nonce("oFvnlFP1wIhRlYS2jTaXbA").payload(&order).body();
        by_kid.bench_function(BenchmarkId::from_parameter(algorithm), |b| {
            b.iter(|| Jws::parse(black_box(&body)).and_then(|jws| jws.verify(&key)).expect("it verifies"));
        });
    }
    by_kid.finish();

    let mut by_jwk = c.benchmark_group("jws/jwk");
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm);
        let body = signer.with_jwk(URL).nonce("oFvnlFP1wIhRlYS2jTaXbA").payload(&order).body();
        by_jwk.bench_function(BenchmarkId::from_parameter(algorithm), |b| {
            b.iter(|| Jws::parse(black_box(&body)).and_then(Jws::verify_embedded).expect("it verifies"));
        });
    }
    by_jwk.finish();
}

fn nonces(c: &mut Criterion) {
    let now = Timestamp::from_seconds(1_800_000_000);
    let nonces = Nonces::new(NonceSettings::default(), &Random);
    c.bench_function("nonce/issue and redeem", |b| {
        b.iter(|| nonces.redeem(&nonces.issue(black_box(now)), now).expect("it is good"));
    });
}

criterion_group!(benches, requests, nonces);
criterion_main!(benches);
