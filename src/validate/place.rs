//! Where a connection goes, and how a client is told of that.

use std::fmt;
use std::net::IpAddr;

use chancery_machine::identifier::{DnsName, Identifier};

/// What is contacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A name, whose addresses the DNS knows.
    Name(DnsName),
    /// An address: an identifier (RFC 8738), or what a redirect states.
    Address(IpAddr),
}

/// A host, its port, and what led here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: Host,
    pub(super) port: u16,
    /// How many redirects led here.
    pub(super) redirects: u32,
}

impl Place {
    /// Where control of an identifier is proven: an address is contacted itself (RFC 8738 section 4).
    pub(super) fn of(identifier: &Identifier, port: u16) -> Self {
        let host = match identifier {
            Identifier::Dns(name) => Host::Name(name.clone()),
            Identifier::Ip(address) => Host::Address(*address),
        };
        Self { host, port, redirects: 0 }
    }

    /// How a client is told of this host: a redirect comes from inside the network, and where it leads is not told.
    pub(super) fn told(&self) -> String {
        match self.redirects {
            0 => self.host.to_string(),
            number => format!("the target of redirect {number}"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name}"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}
