//! Challenges (RFC 8555 section 8): one way each to prove control of an identifier.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::identifier::{Identifier, Subject};
use crate::problem::Problem;
use crate::time::Timestamp;
use crate::transcript::Transcript;

/// How many random bytes a token takes: 256 bits, where RFC 8555 section 11.3 asks for 128.
pub const TOKEN_ENTROPY: usize = 32;

/// The registered types that this server validates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum ChallengeType {
    /// RFC 8555 section 8.3.
    #[n(0)]
    Http01,
    /// RFC 8555 section 8.4.
    #[n(1)]
    Dns01,
    /// RFC 8737.
    #[n(2)]
    TlsAlpn01,
    /// draft-ietf-acme-dns-account-label: as dns-01, below a label that is the account's own.
    #[n(3)]
    DnsAccount01,
    /// draft-ietf-acme-dns-persist: a record that stays.
    #[n(4)]
    DnsPersist01,
}

impl ChallengeType {
    /// Every type.
    pub const ALL: &'static [Self] =
        &[Self::Http01, Self::Dns01, Self::TlsAlpn01, Self::DnsAccount01, Self::DnsPersist01];

    /// The `type` of the wire.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::DnsAccount01 => "dns-account-01",
            Self::DnsPersist01 => "dns-persist-01",
        }
    }

    /// The type that is called so on the wire and in settings.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.token() == text)
    }

    /// Whether it can prove control of such a subject: of a wildcard only by the DNS (RFC 8555 section 7.1.3, RFC 8737
    /// section 3), of an address never by the DNS (RFC 8738 section 7).
    #[must_use]
    pub const fn proves(self, subject: &Subject) -> bool {
        match (self, &subject.identifier) {
            (Self::Http01 | Self::TlsAlpn01, Identifier::Dns(_)) => !subject.wildcard,
            (Self::Http01 | Self::TlsAlpn01, Identifier::Ip(_)) => true,
            (Self::Dns01 | Self::DnsAccount01 | Self::DnsPersist01, Identifier::Dns(_)) => true,
            (Self::Dns01 | Self::DnsAccount01 | Self::DnsPersist01, Identifier::Ip(_)) => false,
        }
    }

    /// Whether it can prove control of a subject and of everything below it (RFC 9444 section 7.2 leaves that to the server):
    /// only by the DNS, since what answers at one host says nothing of the others.
    #[must_use]
    pub const fn proves_below(self, subject: &Subject) -> bool {
        match (self, &subject.identifier) {
            (Self::Dns01 | Self::DnsAccount01 | Self::DnsPersist01, Identifier::Dns(_)) => true,
            (Self::Http01 | Self::TlsAlpn01, Identifier::Dns(_) | Identifier::Ip(_))
            | (Self::Dns01 | Self::DnsAccount01 | Self::DnsPersist01, Identifier::Ip(_)) => false,
        }
    }
}

impl fmt::Display for ChallengeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

/// The token of a challenge: base64url text of [`TOKEN_ENTROPY`] random bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Token(String);

impl Token {
    /// Makes a token of randomness that the caller brings.
    #[must_use]
    pub fn new(entropy: &[u8; TOKEN_ENTROPY]) -> Self {
        Self(base64url(entropy))
    }

    /// The token as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key authorization of RFC 8555 section 8.1, for the SHA-256 JWK thumbprint (RFC 7638) of the account's key.
    #[must_use]
    pub fn key_authorization(&self, thumbprint: &[u8; 32]) -> String {
        format!("{}.{}", self.0, base64url(thumbprint))
    }
}

/// A challenge of an authorization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// How control is proven.
    #[n(0)]
    pub kind: ChallengeType,
    /// What the client has to show.
    #[n(1)]
    pub token: Token,
    /// Where it stands.
    #[n(2)]
    pub state: ChallengeState,
    /// What the last attempt met, for operators.
    #[n(3)]
    pub transcript: Option<Transcript>,
    /// How long the proof may be relied on, once there is one.
    #[cbor(n(4), default)]
    pub reliance: Reliance,
}

/// How long a proof may be relied on, where what proves it says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Reliance {
    /// Nothing is issued on it from then on.
    #[n(0)]
    pub until: Option<Timestamp>,
    /// Orders that are placed from then on do not rely on it.
    #[n(1)]
    pub reuse_until: Option<Timestamp>,
}

impl Reliance {
    /// As long as both allow.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let earlier = |a: Option<Timestamp>, b: Option<Timestamp>| a.into_iter().chain(b).min();
        Self { until: earlier(self.until, other.until), reuse_until: earlier(self.reuse_until, other.reuse_until) }
    }
}

/// Where a challenge stands (RFC 8555 section 7.1.6).
///
/// ```text
///            pending
///               |
///               | Receive response
///               V
///           processing <-+
///               |   |    | Server retry or
///               |   |    | client retry request
///               |   +----+
///               |
///   Successful  |   Failed
///   validation  |   validation
///     +---------+---------+
///     |                   |
///     V                   V
///   valid              invalid
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ChallengeState {
    /// The client has not said yet that it is ready.
    #[n(0)]
    Pending,
    /// Being validated.
    #[n(1)]
    Processing {
        /// Which attempt is owed, counted from 1.
        #[n(0)]
        attempt: u32,
        /// Not before this moment.
        #[n(1)]
        due: Timestamp,
        /// Why the attempt before failed (RFC 8555 section 8.2).
        #[n(2)]
        error: Option<Problem>,
    },
    /// Control was proven.
    #[n(2)]
    Valid {
        /// When (the `validated` of the wire).
        #[n(0)]
        validated: Timestamp,
    },
    /// Control was not proven.
    #[n(3)]
    Invalid {
        /// When that was decided.
        #[n(0)]
        at: Timestamp,
        /// Why.
        #[n(1)]
        error: Problem,
    },
}

/// The `status` of a challenge on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of RFC 8555 section 7.1.6")]
pub enum ChallengeStatus {
    Pending,
    Processing,
    Valid,
    Invalid,
}

impl ChallengeStatus {
    /// The word of the wire.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }
}

impl Challenge {
    /// A challenge that waits for its client.
    #[must_use]
    pub const fn new(kind: ChallengeType, token: Token) -> Self {
        let reliance = Reliance { until: None, reuse_until: None };
        Self { kind, token, state: ChallengeState::Pending, transcript: None, reliance }
    }

    /// The status that follows from the state.
    #[must_use]
    pub const fn status(&self) -> ChallengeStatus {
        match self.state {
            ChallengeState::Pending => ChallengeStatus::Pending,
            ChallengeState::Processing { .. } => ChallengeStatus::Processing,
            ChallengeState::Valid { .. } => ChallengeStatus::Valid,
            ChallengeState::Invalid { .. } => ChallengeStatus::Invalid,
        }
    }
}

/// RFC 4648 section 5 without padding: a dozen lines that keep this crate free of dependencies.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let value = group.iter().fold(0_u32, |value, &byte| (value << 8) | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[(value >> (18 - 6 * place)) as usize & 0x3f]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_matches_the_vectors_of_rfc_4648() {
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64url(bytes.as_bytes()), text);
        }
        assert_eq!(base64url(&[0xfb, 0xff, 0xfe]), "-__-");
    }

    #[test]
    fn what_several_say_of_a_proof_all_holds() {
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let reliance = |until, reuse_until| Reliance { until, reuse_until };
        for (a, b, both) in [
            (reliance(None, None), reliance(None, None), reliance(None, None)),
            (reliance(at(1), None), reliance(None, at(2)), reliance(at(1), at(2))),
            (reliance(at(3), at(4)), reliance(at(2), at(5)), reliance(at(2), at(4))),
        ] {
            assert_eq!((a.and(b), b.and(a)), (both, both));
        }
    }

    #[test]
    fn leading_zero_octets_of_a_thumbprint_are_kept() {
        let token = Token::new(&[0; TOKEN_ENTROPY]);
        let mut thumbprint = [0; 32];
        thumbprint[31] = 1;
        assert_eq!(token.key_authorization(&thumbprint), format!("{}.{}E", "A".repeat(43), "A".repeat(42)));
    }
}
