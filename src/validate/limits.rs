//! How long and how much: the bounds of one attempt.

use std::time::Duration;

/// The bounds of one attempt. The defaults are what the table in [the module](super) tells operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A whole attempt.
    pub attempt: Duration,
    /// One question to one resolver.
    pub dns_try: Duration,
    /// One question to all resolvers, one after the other.
    pub dns_lookup: Duration,
    /// A connection to one address.
    pub connect: Duration,
    /// A request with its connection, TLS handshake, status and body.
    pub request: Duration,
    /// How many addresses of one name are tried.
    pub addresses: usize,
    /// How many redirects are followed in a row.
    pub redirects: u32,
    /// Bytes of a response before its body; less than 8192 counts as 8192.
    pub head: usize,
    /// Fields of a response's head.
    pub fields: usize,
    /// Bytes of a body.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(30),
            dns_try: Duration::from_secs(5),
            dns_lookup: Duration::from_secs(15),
            connect: Duration::from_secs(4),
            request: Duration::from_secs(10),
            addresses: 8,
            redirects: 10,
            head: 16 * 1024,
            fields: 64,
            body: 8 * 1024,
        }
    }
}
