//! Anti-replay nonces (RFC 8555 section 6.5) that cost no storage: each is its own sealed receipt.
//!
//! A nonce is a number and the time of its issue, encrypted and authenticated under a key that only this process has.
//! What has to be remembered is one bit for each number issued of late, in a window of fixed size.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use chancery_actors::ports::Entropy;
use chancery_machine::time::Timestamp;
use thiserror::Error;
use zeroize::Zeroizing;

use super::base64url;

/// How many nonces can be outstanding, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NonceSettings {
    /// How long a nonce is good.
    pub lifetime: Duration,
    /// How many nonces are good at the same time; one more makes the oldest expire. Costs one bit each; rounded up to a
    /// multiple of 64.
    pub window: u32,
}

impl Default for NonceSettings {
    /// An hour, and about a million nonces in 128 KiB.
    fn default() -> Self {
        Self { lifetime: Duration::from_secs(3600), window: 1 << 20 }
    }
}

/// Issues nonces and takes each of them back once.
pub struct Nonces {
    key: LessSafeKey,
    lifetime: Duration,
    window: Mutex<Window>,
}

/// Why a nonce is refused (RFC 8555 section 6.5): but for the first, the client tries again with a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NonceError {
    /// RFC 8555 section 6.5.2: the request is malformed.
    #[error("the nonce is not base64url; send it exactly as the Replay-Nonce header had it")]
    Malformed,
    /// Never issued, or issued before the server's last start.
    #[error("the nonce was not issued by this server since its last start; use the fresh one in Replay-Nonce")]
    Unknown,
    /// Redeemed before.
    #[error("the nonce has been used before; use the fresh one in Replay-Nonce")]
    Used,
    /// Issued too long ago, or too many others were issued since.
    #[error("the nonce has expired; use the fresh one in Replay-Nonce")]
    Expired,
}

/// Number and time of issue, and the tag of AES-GCM-SIV.
const SEALED: usize = 16 + 16;

impl Nonces {
    /// Starts with a fresh key, so that no nonce of an earlier process is accepted.
    #[must_use]
    pub fn new(settings: NonceSettings, entropy: &dyn Entropy) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key);
        let key = UnboundKey::new(&AES_256_GCM_SIV, &*key).expect("the key has the 32 bytes of AES-256");
        Self {
            key: LessSafeKey::new(key),
            lifetime: settings.lifetime,
            window: Mutex::new(Window::new(settings.window)),
        }
    }

    /// Makes a nonce: 43 letters of base64url.
    #[must_use]
    pub fn issue(&self, now: Timestamp) -> String {
        let number = self.window().issue();
        let mut sealed = [0; SEALED];
        let (plain, tag) = sealed.split_at_mut(16);
        plain[..8].copy_from_slice(&number.to_be_bytes());
        plain[8..].copy_from_slice(&now.millis().to_be_bytes());
        let made = self.key.seal_in_place_separate_tag(one_nonce(), Aad::empty(), plain);
        tag.copy_from_slice(made.expect("sealing sixteen bytes under a sound key cannot fail").as_ref());
        base64url::encode(sealed)
    }

    /// Takes a nonce back. Of any number of calls with the same nonce, at any time, at most one succeeds.
    ///
    /// # Errors
    /// [`NonceError`].
    pub fn redeem(&self, nonce: &str, now: Timestamp) -> Result<(), NonceError> {
        let sealed = base64url::decode_exactly::<SEALED>(nonce).map_err(|_| NonceError::Malformed)?;
        let mut sealed = sealed.ok_or(NonceError::Unknown)?;
        let plain = self.key.open_in_place(one_nonce(), Aad::empty(), &mut sealed).map_err(|_| NonceError::Unknown)?;
        let (number, issued) = plain.split_first_chunk().ok_or(NonceError::Unknown)?;
        let issued = issued.try_into().map_err(|_| NonceError::Unknown)?;
        // A clock that was set back makes the age zero, never the nonce immortal: the window ends its life too.
        if now.since(Timestamp::from_millis(u64::from_be_bytes(issued))) > self.lifetime {
            return Err(NonceError::Expired);
        }
        self.window().redeem(u64::from_be_bytes(*number))
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Nothing inside panics half-way, so a poisoned window is still whole.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonces").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Always the same: AES-GCM-SIV allows it where every plaintext is another (RFC 8452 section 9), and each has its number.
fn one_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// Which of the numbers `next - size .. next` have been used.
struct Window {
    next: u64,
    used: Box<[u64]>,
}

impl Window {
    fn new(size: u32) -> Self {
        Self { next: 0, used: vec![0; size.div_ceil(64).max(1) as usize].into() }
    }

    /// Numbers the next nonce; what had the same place in the window before falls out of it.
    fn issue(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        let (word, bit) = self.place(number);
        self.used[word] &= !bit;
        number
    }

    fn redeem(&mut self, number: u64) -> Result<(), NonceError> {
        if number >= self.next {
            return Err(NonceError::Unknown);
        }
        if self.next - number > self.used.len() as u64 * 64 {
            return Err(NonceError::Expired);
        }
        let (word, bit) = self.place(number);
        if self.used[word] & bit != 0 {
            return Err(NonceError::Used);
        }
        self.used[word] |= bit;
        Ok(())
    }

    fn place(&self, number: u64) -> (usize, u64) {
        // The remainder is below the number of words, which is a usize.
        let word = (number / 64 % self.used.len() as u64) as usize;
        (word, 1 << (number % 64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    struct Random;

    impl Entropy for Random {
        fn fill(&self, buffer: &mut [u8]) {
            aws_lc_rs::rand::fill(buffer).expect("the system has randomness");
        }
    }

    fn nonces(window: u32, lifetime: u64) -> Nonces {
        Nonces::new(NonceSettings { lifetime: Duration::from_secs(lifetime), window }, &Random)
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    #[test]
    fn a_nonce_is_good_once() {
        let nonces = nonces(64, 60);
        let nonce = nonces.issue(NOW);
        assert_eq!(nonce.len(), 43);
        assert_eq!(nonces.redeem(&nonce, NOW), Ok(()));
        assert_eq!(nonces.redeem(&nonce, NOW), Err(NonceError::Used));
    }

    #[test]
    fn a_nonce_expires_with_time_and_with_the_window() {
        let nonces = nonces(64, 60);
        let old = nonces.issue(NOW);
        let late = NOW.plus(Duration::from_secs(60));
        assert_eq!(nonces.redeem(&old, late.plus(Duration::from_millis(1))), Err(NonceError::Expired));
        assert_eq!(nonces.redeem(&old, late), Ok(()));

        let pushed = nonces.issue(NOW);
        let kept = nonces.issue(NOW);
        (0..63).for_each(|_| drop(nonces.issue(NOW)));
        assert_eq!(nonces.redeem(&pushed, NOW), Err(NonceError::Expired));
        assert_eq!(nonces.redeem(&kept, NOW), Ok(()));
    }

    #[test]
    fn a_clock_set_back_does_no_harm() {
        let nonces = nonces(64, 60);
        let nonce = nonces.issue(NOW);
        assert_eq!(nonces.redeem(&nonce, NOW.minus(Duration::from_secs(86_400))), Ok(()));
        assert_eq!(nonces.redeem(&nonce, NOW), Err(NonceError::Used));
    }

    #[test]
    fn what_was_not_issued_is_refused() {
        let ours = nonces(64, 60);
        for forged in ["", "AAAA", &"A".repeat(43), &nonces(64, 60).issue(NOW), &base64url::encode([7; 64])] {
            assert_eq!(ours.redeem(forged, NOW), Err(NonceError::Unknown), "{forged:?}");
        }
        for malformed in ["!", "AAA=", "a b", &"=".repeat(43), &format!("{}B", "A".repeat(42)), "ä"] {
            assert_eq!(ours.redeem(malformed, NOW), Err(NonceError::Malformed), "{malformed:?}");
        }
    }

    #[test]
    fn nonces_do_not_show_their_order() {
        let nonces = nonces(1 << 12, 60);
        let issued: Vec<_> = (0..1000).map(|_| nonces.issue(NOW)).collect();
        assert_eq!(issued.iter().collect::<HashSet<_>>().len(), issued.len());
        // Neighbours that share a long beginning would show that something of the plaintext shines through.
        let mut heads: Vec<_> = issued.iter().map(|nonce| &nonce[..8]).collect();
        heads.sort_unstable();
        heads.dedup();
        assert_eq!(heads.len(), issued.len());
    }

    #[test]
    fn of_eight_threads_one_redeems_each() {
        // Room for the 2000 of the race and for the 16000 that the threads issue meanwhile.
        let nonces = nonces(1 << 15, 60);
        let issued: Vec<_> = (0..2000).map(|_| nonces.issue(NOW)).collect();
        let redeemed = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (nonces, issued, redeemed) = (&nonces, &issued, &redeemed);
                scope.spawn(move || {
                    for nonce in issued.iter().cycle().skip(thread * 250).take(issued.len()) {
                        match nonces.redeem(nonce, NOW) {
                            Ok(()) => _ = redeemed.fetch_add(1, Ordering::Relaxed),
                            Err(refused) => assert_eq!(refused, NonceError::Used),
                        }
                        let own = nonces.issue(NOW);
                        if thread == 0 {
                            assert_eq!(nonces.redeem(&own, NOW), Ok(()));
                        }
                    }
                });
            }
        });
        assert_eq!(redeemed.load(Ordering::Relaxed), issued.len());
    }

    #[derive(Clone, Debug)]
    enum Act {
        Issue,
        Redeem(prop::sample::Index),
        Tamper(prop::sample::Index, usize),
        Wait(u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => Just(Act::Issue),
            6 => any::<prop::sample::Index>().prop_map(Act::Redeem),
            1 => (any::<prop::sample::Index>(), 0..42_usize).prop_map(|(which, letter)| Act::Tamper(which, letter)),
            1 => (0..40_u64).prop_map(Act::Wait),
        ]
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_list(acts in prop::collection::vec(act(), 0..400)) {
            let nonces = nonces(64, 100);
            let mut now = NOW;
            // The naive model: every nonce ever issued, when, and whether it was used.
            let mut issued: Vec<(String, Timestamp, bool)> = Vec::new();
            for act in acts {
                match act {
                    Act::Issue => issued.push((nonces.issue(now), now, false)),
                    Act::Wait(seconds) => now = now.plus(Duration::from_secs(seconds)),
                    Act::Redeem(which) if !issued.is_empty() => {
                        let place = which.index(issued.len());
                        let age = issued.len() - place;
                        let (nonce, born, used) = &mut issued[place];
                        let expected = if now.since(*born) > Duration::from_secs(100) || age > 64 {
                            Err(NonceError::Expired)
                        } else if *used {
                            Err(NonceError::Used)
                        } else {
                            Ok(())
                        };
                        *used |= expected.is_ok();
                        prop_assert_eq!(nonces.redeem(nonce, now), expected);
                    }
                    Act::Tamper(which, letter) if !issued.is_empty() => {
                        let mut forged = issued[which.index(issued.len())].0.clone().into_bytes();
                        forged[letter] = if forged[letter] == b'A' { b'B' } else { b'A' };
                        let forged = String::from_utf8(forged).expect("letters stay letters");
                        prop_assert_eq!(nonces.redeem(&forged, now), Err(NonceError::Unknown));
                    }
                    Act::Redeem(_) | Act::Tamper(..) => {}
                }
            }
        }

        #[test]
        fn any_text_is_answered(text: String) {
            prop_assert!(nonces(64, 60).redeem(&text, NOW).is_err());
        }
    }
}
