//! Where a list goes on, in a form that can be handed out.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::ports::{Found, Kind, ObjectId, Term};

/// Where a list goes on. It counts for the query that it came from, filters, sort and direction included, and for the
/// build that made it; it says nothing about its holder's rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    fingerprint: Fingerprint,
    /// The place that was looked at last.
    place: Found,
}

/// Why a list cannot go on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CursorError {
    /// It was damaged or made up.
    #[error("the cursor is none that this server has made; begin again without one")]
    Unreadable,
    /// Something in the query was changed on the way.
    #[error(
        "the cursor belongs to another list: filters, sort and direction must stay as they were; begin again without one"
    )]
    OtherQuery,
}

impl Cursor {
    /// The most bytes that a cursor has.
    pub const BYTES: usize = 1 + FINGERPRINT + OBJECT + Term::LIMIT;

    pub(super) const fn new(fingerprint: Fingerprint, place: Found) -> Self {
        Self { fingerprint, place }
    }

    /// The place, if the query is the same.
    pub(super) fn place(&self, fingerprint: &Fingerprint) -> Result<Found, CursorError> {
        if self.fingerprint == *fingerprint { Ok(self.place.clone()) } else { Err(CursorError::OtherQuery) }
    }

    /// The cursor as bytes: version, fingerprint of the query, object, term.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.fingerprint.0);
        bytes.extend(self.place.object.bytes());
        bytes.extend(&self.place.term);
        bytes
    }

    /// Takes back what [`Cursor::to_bytes`] gave.
    ///
    /// # Errors
    /// [`CursorError::Unreadable`] for everything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CursorError> {
        Self::read(bytes).ok_or(CursorError::Unreadable)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (&fingerprint, rest) = rest.split_first_chunk()?;
        let (object, term) = rest.split_first_chunk::<OBJECT>()?;
        let object = ObjectId::from_bytes(object)?;
        let term = Term::new(term).filter(|_| version == VERSION)?.0;
        Some(Self { fingerprint: Fingerprint(fingerprint), place: Found { term, object } })
    }
}

/// Tells queries apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; FINGERPRINT]);

impl Fingerprint {
    pub(super) fn of(kind: Kind, query: &impl Hash) -> Self {
        let mut hasher = Sha256Hasher(Sha256::new());
        kind.hash(&mut hasher);
        query.hash(&mut hasher);
        let digest: [u8; 32] = hasher.0.finalize().into();
        let mut fingerprint = [0; FINGERPRINT];
        fingerprint.copy_from_slice(&digest[..FINGERPRINT]);
        Self(fingerprint)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

const VERSION: u8 = 1;
const FINGERPRINT: usize = 16;
const OBJECT: usize = 17;

/// Feeds what a derived [`Hash`] writes to SHA-256: the same on every node that runs the same build.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chancery_machine::id::Id;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn cursor(query: u8, id: [u8; 16], term: Vec<u8>) -> Cursor {
        let object = ObjectId { kind: Kind::Order, id: Id::from_bytes(id) };
        Cursor::new(Fingerprint::of(Kind::Order, &query), Found { term, object })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(query: u8, id: [u8; 16], term in vec(any::<u8>(), 0..=Term::LIMIT)) {
            let cursor = cursor(query, id, term);
            let bytes = cursor.to_bytes();
            prop_assert!(bytes.len() <= Cursor::BYTES);
            prop_assert_eq!(Cursor::from_bytes(&bytes), Ok(cursor));
        }

        #[test]
        fn no_bytes_make_the_reader_panic_and_what_it_reads_is_written_alike(mut bytes: Vec<u8>, known: bool) {
            if let Some(version) = bytes.first_mut().filter(|_| known) {
                *version = VERSION;
            }
            if let Ok(cursor) = Cursor::from_bytes(&bytes) {
                prop_assert_eq!(cursor.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn other_versions_kinds_and_lengths_are_unreadable() {
        let good = cursor(1, [5; 16], vec![1, 2, 3]).to_bytes();
        let with = |place: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[place] = byte;
            bytes
        };
        let long = [good.as_slice(), &[0; Term::LIMIT]].concat();
        for bad in [Vec::new(), with(0, 0), with(0, 2), with(17, 0), with(17, 99), good[..33].to_vec(), long] {
            assert_eq!(Cursor::from_bytes(&bad), Err(CursorError::Unreadable), "{bad:?}");
        }
    }

    #[test]
    fn a_cursor_counts_for_its_own_query_only() {
        let cursor = cursor(1, [5; 16], Vec::new());
        assert!(cursor.place(&Fingerprint::of(Kind::Order, &1_u8)).is_ok());
        assert_eq!(cursor.place(&Fingerprint::of(Kind::Order, &2_u8)), Err(CursorError::OtherQuery));
        assert_eq!(cursor.place(&Fingerprint::of(Kind::Account, &1_u8)), Err(CursorError::OtherQuery));
    }
}
