//! Names of objects: 128 bits, of which the first 48 are the time of birth and the other 80 are random.
//!
//! The random part makes the URLs that carry an id unguessable (RFC 8555 section 10.5); the time in front keeps
//! what was made together close together in every ordered index, so that a batch of new orders touches few pages.

use std::fmt;

use minicbor::{Decode, Encode};

use crate::time::Timestamp;

/// How many random bytes an id takes.
pub const ID_ENTROPY: usize = 10;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The bytes behind every kind of id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Id(#[cbor(with = "minicbor::bytes")] [u8; 16]);

impl Id {
    /// Makes an id of the time of birth and randomness that the caller brings.
    #[must_use]
    pub fn new(born: Timestamp, entropy: [u8; ID_ENTROPY]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&born.millis().to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&entropy);
        Self(bytes)
    }

    /// Takes back what [`Id::bytes`] gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The sixteen bytes, in the order in which stores sort them.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 16] {
        self.0
    }

    /// The time of birth.
    #[must_use]
    pub const fn born(&self) -> Timestamp {
        let [a, b, c, d, e, f, ..] = self.0;
        Timestamp::from_millis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// Reads the 22 characters of base64url that [`fmt::Display`] writes; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 22 {
            return None;
        }
        let mut value: u128 = 0;
        let mut spare = 0;
        for (place, byte) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|&symbol| symbol == byte)? as u128;
            if place == 21 {
                value = (value << 2) | (digit >> 4);
                spare = digit & 0b1111;
            } else {
                value = (value << 6) | digit;
            }
        }
        // One spelling for one id: the four bits that encode nothing are zero.
        (spare == 0).then(|| Self(value.to_be_bytes()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.0);
        let mut text = [0; 22];
        for (place, symbol) in text.iter_mut().enumerate() {
            let digit = if place == 21 { (value & 0b11) << 4 } else { (value >> (122 - 6 * place)) & 0b11_1111 };
            *symbol = ALPHABET[digit as usize];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        #[cbor(transparent)]
        pub struct $name(pub Id);

        impl $name {
            /// Makes an id of the time of birth and randomness that the caller brings.
            #[must_use]
            pub fn new(born: Timestamp, entropy: [u8; ID_ENTROPY]) -> Self {
                Self(Id::new(born, entropy))
            }

            /// Reads what [`fmt::Display`] writes; `None` for anything else.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Id::parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )*};
}

kinds! {
    /// Names an [`Account`](crate::account::Account).
    AccountId,
    /// Names an [`Order`](crate::order::Order).
    OrderId,
    /// Names an [`Authorization`](crate::authorization::Authorization).
    AuthorizationId,
    /// Names a [`Certificate`](crate::certificate::Certificate).
    CertificateId,
    /// Names an authority: an issuer key with its certificate chain.
    AuthorityId,
    /// Names an [`EabCredential`](crate::eab::EabCredential); it is the credential's key identifier.
    EabId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_display_writes_parse_reads(bytes: [u8; 16]) {
            let id = Id::from_bytes(bytes);
            prop_assert_eq!(Id::parse(&id.to_string()), Some(id));
        }

        #[test]
        fn a_text_names_at_most_one_id(text in "[A-Za-z0-9_-]{22}") {
            if let Some(id) = Id::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn ids_sort_by_birth() {
        let older = Id::new(Timestamp::from_seconds(1_000), [0xff; ID_ENTROPY]);
        let newer = Id::new(Timestamp::from_seconds(1_001), [0; ID_ENTROPY]);
        assert!(older < newer);
        assert_eq!((older.born(), newer.born()), (Timestamp::from_seconds(1_000), Timestamp::from_seconds(1_001)));
    }

    #[test]
    fn other_lengths_and_letters_are_refused() {
        for text in [
            "",
            "A",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAA=",
            "AAAAAAAAAAAAAAAAAAAAAB",
        ] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
