//! Which addresses a validation may contact, and through which resolvers and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use minicbor::{Decode, Encode};
use thiserror::Error;

use crate::dnssec::TrustAnchors;

/// A block of addresses, as in `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Network {
    #[n(0)]
    base: IpAddr,
    #[n(1)]
    prefix: u8,
}

/// Why a text is no block of addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no network; write an address and the length of its prefix, as in 10.0.0.0/8 or fd00::/8")]
pub struct BadNetwork(pub String);

impl Network {
    /// Whether the address is in the block; an IPv4 address mapped into IPv6 counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        // A damaged snapshot may say anything: no prefix is longer than the address.
        let shift = |bits: u32| bits.saturating_sub(u32::from(self.prefix));
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let shift = shift(32);
                shift == 32 || u32::from(base) >> shift == u32::from(address) >> shift
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let shift = shift(128);
                shift == 128 || u128::from(base) >> shift == u128::from(address) >> shift
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (base, prefix) = text.split_once('/').ok_or_else(bad)?;
        let base: IpAddr = base.parse().map_err(|_| bad())?;
        let prefix: u8 = prefix.parse().map_err(|_| bad())?;
        let longest = if base.is_ipv4() { 32 } else { 128 };
        // A mapped block would contain nothing, as a mapped address counts as the IPv4 address that it is.
        (prefix <= longest && base.to_canonical() == base).then_some(Self { base, prefix }).ok_or_else(bad)
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

/// How the validators of a profile meet the network.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NetworkRules {
    /// The resolvers to ask; those of the system if empty.
    #[n(0)]
    pub resolvers: Vec<SocketAddr>,
    /// Blocks that may be contacted although [`refused`] would refuse them.
    #[n(1)]
    pub allowed: Vec<Network>,
    /// The port of http-01: 80 unless a test says otherwise (RFC 8555 section 8.3).
    #[n(2)]
    pub http_port: u16,
    /// The port of tls-alpn-01: 443 unless a test says otherwise (RFC 8737 section 3).
    #[n(3)]
    pub tls_port: u16,
    /// If there are any, the only blocks that may be contacted.
    #[cbor(n(4), default)]
    pub only: Vec<Network>,
    /// From where DNSSEC is validated here; `None` leaves that to the resolvers.
    #[cbor(n(5), default)]
    pub dnssec: Option<TrustAnchors>,
    /// What the host that validates lets be contacted, whatever the profile says. It is that host's own, so it is neither
    /// stored nor sent.
    #[cbor(skip)]
    pub site: SiteRules,
}

/// What the host that validates lets be contacted; it can only take away from what a profile allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteRules {
    /// Blocks that are never contacted.
    pub refused: Vec<Network>,
    /// If there is a list: the only special blocks that a profile can allow.
    pub allowed: Option<Vec<Network>>,
}

impl SiteRules {
    fn lifts(&self, address: IpAddr) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.iter().any(|network| network.contains(address)))
    }
}

impl Default for NetworkRules {
    fn default() -> Self {
        Self {
            resolvers: Vec::new(),
            allowed: Vec::new(),
            http_port: 80,
            tls_port: 443,
            only: Vec::new(),
            site: SiteRules::default(),
            dnssec: None,
        }
    }
}

impl NetworkRules {
    /// Whether the address may be contacted.
    ///
    /// # Errors
    /// The name of the rule that refuses it.
    pub fn check(&self, address: IpAddr) -> Result<(), &'static str> {
        if !self.only.is_empty() && !self.only.iter().any(|network| network.contains(address)) {
            return Err("outside of the networks that the profile names");
        }
        if self.site.refused.iter().any(|network| network.contains(address)) {
            return Err("in a network that the host which validates refuses");
        }
        let lifted = || self.allowed.iter().any(|network| network.contains(address)) && self.site.lifts(address);
        match refused(address) {
            Some(rule) if !lifted() => Err(rule),
            Some(_) | None => Ok(()),
        }
    }
}

/// The kind of special address that this is, if it is one that no validation has business with unless its profile
/// allows it: a client must not use us to reach what only this host can reach (RFC 8555 section 10.4).
///
/// Private networks (RFC 1918, RFC 4193) are not refused: the hosts of a private authority live there.
#[must_use]
pub fn refused(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => refused_v4(address),
        IpAddr::V6(address) => refused_v6(address),
    }
}

fn refused_v4(address: Ipv4Addr) -> Option<&'static str> {
    let octets = address.octets();
    if octets[0] == 0 {
        Some("this network (0.0.0.0/8)")
    } else if address.is_loopback() {
        Some("loopback (127.0.0.0/8)")
    } else if address.is_link_local() {
        Some("link-local and cloud metadata (169.254.0.0/16)")
    } else if address == Ipv4Addr::new(100, 100, 100, 200) || address == Ipv4Addr::new(192, 0, 0, 192) {
        Some("cloud metadata")
    } else if address.is_multicast() {
        Some("multicast (224.0.0.0/4)")
    } else if octets[0] >= 240 {
        Some("reserved or broadcast (240.0.0.0/4)")
    } else {
        None
    }
}

fn refused_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    if address.is_unspecified() {
        Some("unspecified (::)")
    } else if address.is_loopback() {
        Some("loopback (::1)")
    } else if segments[0] & 0xffc0 == 0xfe80 {
        Some("link-local (fe80::/10)")
    } else if address.is_multicast() {
        Some("multicast (ff00::/8)")
    } else if segments == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] {
        Some("cloud metadata")
    } else if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        // NAT64 (RFC 6052) reaches the IPv4 address in its last 32 bits.
        refused_v4(Ipv4Addr::from((u32::from(segments[6]) << 16) | u32::from(segments[7])))
    } else if segments[0] == 0x2002 {
        // 6to4 (RFC 3056) carries an IPv4 address in its second and third segment.
        refused_v4(Ipv4Addr::from((u32::from(segments[1]) << 16) | u32::from(segments[2])))
    } else if segments[..6] == [0; 6] {
        // The deprecated IPv4-compatible form (RFC 4291 section 2.5.5.1).
        Some("IPv4-compatible (::/96)")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(addresses: &[&str]) -> Vec<bool> {
        addresses.iter().map(|text| refused(text.parse().expect("an address")).is_some()).collect()
    }

    #[test]
    fn special_addresses_are_refused_in_every_disguise() {
        let special = [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "::7f00:1",
        ];
        assert_eq!(refusals(&special), vec![true; special.len()]);
        let ordinary =
            ["10.0.0.1", "192.168.1.1", "172.16.0.1", "192.0.2.1", "fd00::1", "2001:db8::1", "64:ff9b::a00:1"];
        assert_eq!(refusals(&ordinary), vec![false; ordinary.len()]);
    }

    #[test]
    fn an_allowed_network_lifts_the_refusal_for_itself_only() {
        let rules =
            NetworkRules { allowed: vec!["127.0.0.0/8".parse().expect("a network")], ..NetworkRules::default() };
        for (address, allowed) in
            [("127.0.0.1", true), ("::ffff:127.0.0.1", true), ("::1", false), ("169.254.0.1", false)]
        {
            assert_eq!(rules.check(address.parse().expect("an address")).is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn a_profile_can_name_the_only_networks() {
        let rules = NetworkRules { only: vec!["10.0.0.0/8".parse().expect("a network")], ..NetworkRules::default() };
        for (address, allowed) in [("10.1.2.3", true), ("192.168.1.1", false), ("::1", false), ("127.0.0.1", false)] {
            assert_eq!(rules.check(address.parse().expect("an address")).is_ok(), allowed, "{address}");
        }
    }

    #[test]
    fn the_host_that_validates_can_only_take_away() {
        let network = |text: &str| text.parse::<Network>().expect("a network");
        let profile = NetworkRules { allowed: vec![network("127.0.0.0/8")], ..NetworkRules::default() };
        let addresses = ["127.0.0.1", "127.0.0.2", "169.254.0.1", "10.0.0.1", "192.0.2.1"];
        let found = |refused: &[&str], allowed: Option<&[&str]>| {
            let list = |texts: &[&str]| texts.iter().map(|text| network(text)).collect::<Vec<_>>();
            let site = SiteRules { refused: list(refused), allowed: allowed.map(list) };
            let rules = NetworkRules { site, ..profile.clone() };
            addresses.map(|text| rules.check(text.parse().expect("an address")).is_ok())
        };
        assert_eq!(found(&[], None), [true, true, false, true, true]);
        assert_eq!(found(&["10.0.0.0/8", "127.0.0.2/32"], None), [true, false, false, false, true]);
        assert_eq!(found(&[], Some(&[])), [false, false, false, true, true]);
        // What the profile does not allow stays refused.
        assert_eq!(found(&[], Some(&["127.0.0.2/32", "169.254.0.0/16"])), [false, true, false, true, true]);
    }

    #[test]
    fn networks_are_read_and_compared_by_prefix() {
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "::/129", "a/8", "10.0.0.0/-1", "::ffff:10.0.0.0/104"] {
            assert_eq!(bad.parse::<Network>(), Err(BadNetwork(bad.into())));
        }
        let everything: Network = "0.0.0.0/0".parse().expect("a network");
        assert!(everything.contains("203.0.113.9".parse().expect("an address")));
        let one: Network = "2001:db8::1/128".parse().expect("a network");
        assert!(one.contains("2001:db8::1".parse().expect("an address")));
        assert!(!one.contains("2001:db8::2".parse().expect("an address")));
    }

    #[test]
    fn a_damaged_prefix_is_the_whole_address() {
        let damaged = Network { base: "10.0.0.1".parse().expect("an address"), prefix: 200 };
        assert!(damaged.contains("10.0.0.1".parse().expect("an address")));
        assert!(!damaged.contains("10.0.0.2".parse().expect("an address")));
    }
}
