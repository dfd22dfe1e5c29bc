//! The real clock and the real randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use chancery_actors::ports::{Clock, Entropy};
use chancery_machine::time::Timestamp;

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // AWS-LC's generator fails only where the operating system gives no randomness at all, and then every id, token and
        // serial number of this server would be worthless: no answer is better than a guessable one.
        aws_lc_rs::rand::fill(buffer).expect("the operating system gives randomness");
    }
}
