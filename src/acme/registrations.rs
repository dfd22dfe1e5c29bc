//! How many accounts an address has made within the last hour.
//!
//! Counted in memory and by each server for itself: what a restart forgets is one hour of a limit that holds up floods, not
//! people. The address is that of the connection. Header fields such as X-Forwarded-For count for nothing, since anybody can
//! send them; behind a proxy that ends TLS, every client has the proxy's address, so the limit belongs there.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chancery_machine::profile::ProfileName;
use chancery_machine::time::Timestamp;

/// How many addresses are remembered. Where more make accounts within an hour, those that did so longest ago are forgotten.
const REMEMBERED: usize = 16_384;

/// How finely time is told apart.
const SLOT: Duration = Duration::from_secs(300);

/// Slots that have a part in the last hour: the one that began twelve ago may have ended less than an hour ago.
const SLOTS: usize = 13;

/// What is counted of each address, for each ACME Profile.
#[derive(Debug)]
pub struct Registrations {
    counted: Mutex<HashMap<(ProfileName, Prefix), Hour>>,
    capacity: usize,
}

/// An account that was counted, so that it can be uncounted if it was not made after all.
#[derive(Debug)]
pub(super) struct Counted {
    of: (ProfileName, Prefix),
    slot: u64,
}

/// Whose accounts are counted together: an IPv4 address, or the /64 that one host can use freely.
type Prefix = IpAddr;

/// The counts of the slots up to `latest`; that of a slot stands at its number modulo [`SLOTS`].
#[derive(Clone, Debug, Default)]
struct Hour {
    latest: u64,
    counts: [u32; SLOTS],
}

impl Default for Registrations {
    fn default() -> Self {
        Self { counted: Mutex::default(), capacity: REMEMBERED }
    }
}

impl Registrations {
    /// Counts an account that is about to be made.
    ///
    /// # Errors
    /// How long it takes until another one may be made, if `most` were made within an hour.
    pub(super) fn count(
        &self,
        profile: &ProfileName,
        address: Option<IpAddr>,
        most: u32,
        now: Timestamp,
    ) -> Result<Counted, Duration> {
        let of = (profile.clone(), prefix(address));
        let slot = slot(now);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= self.capacity && !counted.contains_key(&of) {
            make_room(&mut counted, self.capacity, slot);
        }
        let hour = counted.entry(of.clone()).or_default();
        hour.advance(slot);
        if hour.counts.iter().sum::<u32>() >= most {
            return Err(hour.until_below(most, now));
        }
        hour.counts[place(slot)] += 1;
        Ok(Counted { of, slot })
    }

    /// Takes back what was counted for an account that was not made.
    pub(super) fn uncount(&self, Counted { of, slot }: Counted) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hour) = counted.get_mut(&of)
            && hour.latest < slot + SLOTS as u64
        {
            let count = &mut hour.counts[place(slot)];
            *count = count.saturating_sub(1);
        }
    }
}

impl Hour {
    /// Forgets the slots that have left the hour. A clock that goes back changes nothing.
    fn advance(&mut self, slot: u64) {
        let passed = slot.saturating_sub(self.latest).min(SLOTS as u64);
        for ago in 0..passed {
            self.counts[place(slot - ago)] = 0;
        }
        self.latest = self.latest.max(slot);
    }

    /// How long it takes until enough slots have left the hour: each does when as many as an hour has have followed it.
    fn until_below(&self, most: u32, now: Timestamp) -> Duration {
        let mut left: u32 = self.counts.iter().sum();
        for ago in (0..SLOTS as u64).rev() {
            let slot = self.latest.saturating_sub(ago);
            left = left.saturating_sub(self.counts[place(slot)]);
            if left < most {
                return Timestamp::from_seconds((slot + SLOTS as u64) * SLOT.as_secs()).since(now);
            }
        }
        Duration::from_secs(3600)
    }
}

fn slot(now: Timestamp) -> u64 {
    now.seconds() / SLOT.as_secs()
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or_default()
}

/// Forgets what counts no more, and if that is not enough, an eighth of the rest: so that the next ones find room too.
fn make_room(counted: &mut HashMap<(ProfileName, Prefix), Hour>, capacity: usize, slot: u64) {
    counted.retain(|_, hour| hour.latest + SLOTS as u64 > slot);
    if counted.len() < capacity {
        return;
    }
    let mut latest: Vec<u64> = counted.values().map(|hour| hour.latest).collect();
    let place = latest.len() / 8;
    let (_, &mut oldest, _) = latest.select_nth_unstable(place);
    let mut excess = place + 1;
    counted.retain(|_, hour| {
        let forgotten = excess > 0 && hour.latest <= oldest;
        excess -= usize::from(forgotten);
        !forgotten
    });
}

fn prefix(address: Option<IpAddr>) -> Prefix {
    match address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.into(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        // Connections without an address are counted as one.
        None => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).expect("a name")
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + seconds)
    }

    #[test]
    fn no_hour_has_more_than_the_limit() {
        let (registrations, profile) = (Registrations::default(), name("default"));
        let mut made: Vec<u64> = Vec::new();
        for second in (0..30_000).step_by(37) {
            match registrations.count(&profile, address("192.0.2.1"), 5, at(second)) {
                Ok(_) => made.push(second),
                Err(wait) => {
                    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(3900), "{wait:?}");
                    let then = at(second).plus(wait);
                    assert!(then.seconds() - at(made[made.len() - 5]).seconds() >= 3600, "too early: {wait:?}");
                }
            }
            let last_hour = made.iter().filter(|&&made| made + 3600 > second).count();
            assert!(last_hour <= 5, "{last_hour} at {second}");
        }
        assert!(made.len() >= 5 * 7, "{made:?}");
    }

    #[test]
    fn who_waits_as_told_is_let_in() {
        let (registrations, profile) = (Registrations::default(), name("default"));
        for second in [10, 400, 2000] {
            registrations.count(&profile, address("192.0.2.1"), 3, at(second)).expect("there is room");
        }
        let wait = registrations.count(&profile, address("192.0.2.1"), 3, at(2500)).expect_err("there is none");
        let then = at(2500).plus(wait);
        assert!(registrations.count(&profile, address("192.0.2.1"), 3, then).is_ok());
        assert!(registrations.count(&profile, address("192.0.2.1"), 3, then).is_err());
    }

    #[test]
    fn addresses_count_by_host_and_profile() {
        let registrations = Registrations::default();
        let count = |profile, text| registrations.count(&name(profile), address(text), 1, at(0)).is_ok();
        assert!(count("a", "192.0.2.1") && !count("a", "192.0.2.1"));
        assert!(count("b", "192.0.2.1") && count("a", "192.0.2.2"));
        assert!(!count("a", "::ffff:192.0.2.1"), "the same address, written as IPv6");
        assert!(count("a", "2001:db8::1") && !count("a", "2001:db8::ffff:2") && count("a", "2001:db8:0:1::1"));
    }

    #[test]
    fn what_was_not_made_does_not_count() {
        let (registrations, profile) = (Registrations::default(), name("default"));
        let counted = registrations.count(&profile, None, 1, at(0)).expect("there is room");
        assert!(registrations.count(&profile, None, 1, at(0)).is_err());
        registrations.uncount(counted);
        let late = registrations.count(&profile, None, 1, at(1)).expect("there is room again");
        registrations.count(&profile, None, 1, at(4000)).expect("it is another hour");
        registrations.uncount(late);
        assert!(registrations.count(&profile, None, 1, at(4000)).is_err());
    }

    #[test]
    fn the_oldest_make_room() {
        let registrations = Registrations { capacity: 16, ..Registrations::default() };
        let profile = name("default");
        let host = |number: u8| Some(IpAddr::from([192, 0, 2, number]));
        for number in 0..100 {
            let now = at(u64::from(number) * 300);
            registrations.count(&profile, host(number), 1, now).expect("there is room");
            assert!(registrations.counted.lock().expect("no test panics with it").len() <= 16);
        }
        for number in 100..200 {
            registrations.count(&profile, host(number), 1, at(100 * 300)).expect("there is room");
            assert!(registrations.counted.lock().expect("no test panics with it").len() <= 16);
        }
        assert!(registrations.count(&profile, host(199), 1, at(100 * 300)).is_err(), "the latest is remembered");
    }
}
