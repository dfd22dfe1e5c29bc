//! The bytes of rows and keys. They are a released format: a change wants a new version beside the old one, and a
//! fixture in `tests/store/fixtures`.
//!
//! ```text
//! row     = version:u8 revision:u64 flags:u8 [forget_at:u64] terms-length:u32 unique-length:u32 terms unique snapshot
//! flags   = 1: owes effects | 2: forget_at is there
//! terms   = words, sorted, each once; so is unique
//! word    = length:u8 bytes
//!
//! objects : object            -> row          object = kind:u8 id:16 bytes
//! terms   : word object       -> nothing
//! unique  : bytes of the term -> object
//! owing   : object            -> nothing
//! forget  : forget_at:u64 object -> nothing
//! ```
//!
//! Numbers are big-endian, so that keys sort as what they stand for. The length before a term keeps it from being found
//! by a shorter term that it begins with.

use std::collections::BTreeSet;

use chancery_actors::ports::{Body, Found, ObjectId, Revision, Term};
use chancery_machine::time::Timestamp;
use thiserror::Error;

/// How many bytes an object takes in a key.
pub(super) const OBJECT_LENGTH: usize = 17;

/// A row as it lies in the file. The words of both lists are looked at only where somebody needs them: loading does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) revision: Revision,
    pub(super) owes: bool,
    pub(super) forget_at: Option<Timestamp>,
    terms: &'a [u8],
    unique: &'a [u8],
    pub(super) snapshot: &'a [u8],
}

/// What the indexes say of one revision of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Indexed {
    pub(super) owes: bool,
    pub(super) forget_at: Option<Timestamp>,
    pub(super) terms: BTreeSet<Vec<u8>>,
    pub(super) unique: BTreeSet<Vec<u8>>,
}

/// Why bytes are no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum RowError {
    #[error("its row has version {0}, and this build reads version {VERSION}: a newer build has written it")]
    Version(u8),
    #[error("its row carries flags that this build does not know: {0:#010b}")]
    Flags(u8),
    #[error("its row ends too early")]
    Short,
}

impl<'a> Row<'a> {
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, RowError> {
        let mut rest = bytes;
        let [version] = take(&mut rest)?;
        if version != VERSION {
            return Err(RowError::Version(version));
        }
        let revision = Revision(u64::from_be_bytes(take(&mut rest)?));
        let [flags] = take(&mut rest)?;
        if flags & !(OWES | FORGET_AT) != 0 {
            return Err(RowError::Flags(flags));
        }
        let forget_at = match flags & FORGET_AT {
            0 => None,
            _ => Some(Timestamp::from_millis(u64::from_be_bytes(take(&mut rest)?))),
        };
        let (terms, unique) = (length(&mut rest)?, length(&mut rest)?);
        let (terms, rest) = rest.split_at_checked(terms).ok_or(RowError::Short)?;
        let (unique, snapshot) = rest.split_at_checked(unique).ok_or(RowError::Short)?;
        Ok(Self { revision, owes: flags & OWES != 0, forget_at, terms, unique, snapshot })
    }

    pub(super) fn indexed(&self) -> Result<Indexed, RowError> {
        Ok(Indexed {
            owes: self.owes,
            forget_at: self.forget_at,
            terms: words(self.terms)?,
            unique: words(self.unique)?,
        })
    }
}

impl Indexed {
    pub(super) fn of(body: &Body) -> Self {
        let words = |terms: &[Term]| terms.iter().map(|term| term.0.clone()).collect();
        Self { owes: body.owes, forget_at: body.forget_at, terms: words(&body.terms), unique: words(&body.unique) }
    }

    /// The row of an object that stands so in the indexes. The check of the commit has seen that every word fits.
    pub(super) fn row(&self, revision: Revision, snapshot: &[u8]) -> Vec<u8> {
        let (terms, unique) = (list(&self.terms), list(&self.unique));
        let mut row = Vec::with_capacity(HEADER_LIMIT + terms.len() + unique.len() + snapshot.len());
        row.push(VERSION);
        row.extend(revision.0.to_be_bytes());
        row.push(if self.owes { OWES } else { 0 } | if self.forget_at.is_some() { FORGET_AT } else { 0 });
        row.extend(self.forget_at.iter().flat_map(|forget_at| forget_at.millis().to_be_bytes()));
        for list in [&terms, &unique] {
            row.extend(u32::try_from(list.len()).expect("at most 65536 words of 129 bytes").to_be_bytes());
        }
        for part in [&terms, &unique, snapshot] {
            row.extend_from_slice(part);
        }
        row
    }
}

/// What stands before every object under this term, or `None` for a word that is no term: nothing is found under it.
pub(super) fn term_prefix(term: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(term.len()).ok().filter(|_| term.len() <= Term::LIMIT)?;
    let mut key = Vec::with_capacity(1 + term.len() + OBJECT_LENGTH);
    key.push(length);
    key.extend_from_slice(term);
    Some(key)
}

/// The key under which a term leads to an object.
pub(super) fn term_key(term: &[u8], object: ObjectId) -> Vec<u8> {
    let mut key = term_prefix(term).expect("the check of the commit has refused longer terms");
    key.extend(object.bytes());
    key
}

/// The key under which an object waits for being forgotten.
pub(super) fn forget_key(forget_at: Timestamp, object: ObjectId) -> [u8; 8 + OBJECT_LENGTH] {
    let mut key = [0; 8 + OBJECT_LENGTH];
    key[..8].copy_from_slice(&forget_at.millis().to_be_bytes());
    key[8..].copy_from_slice(&object.bytes());
    key
}

/// The key behind all those of this moment and before.
pub(super) fn forget_end(now: Timestamp) -> [u8; 8 + OBJECT_LENGTH] {
    let mut key = [u8::MAX; 8 + OBJECT_LENGTH];
    key[..8].copy_from_slice(&now.millis().to_be_bytes());
    key
}

/// The object at the end of an index key.
pub(super) fn object_of(key: &[u8]) -> Option<ObjectId> {
    key.last_chunk::<OBJECT_LENGTH>().and_then(|object| ObjectId::from_bytes(object))
}

/// The place that a key of the objects or of the terms stands for.
pub(super) fn found_of(key: &[u8]) -> Option<Found> {
    let (before, object) = key.split_at_checked(key.len().checked_sub(OBJECT_LENGTH)?)?;
    let term = before.get(1..).unwrap_or_default().to_vec();
    Some(Found { term, object: ObjectId::from_bytes(object)? })
}

const VERSION: u8 = 1;
const OWES: u8 = 1;
const FORGET_AT: u8 = 2;
const HEADER_LIMIT: usize = 1 + 8 + 1 + 8 + 4 + 4;

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], RowError> {
    let (head, tail) = rest.split_first_chunk().ok_or(RowError::Short)?;
    *rest = tail;
    Ok(*head)
}

fn length(rest: &mut &[u8]) -> Result<usize, RowError> {
    usize::try_from(u32::from_be_bytes(take(rest)?)).map_err(|_| RowError::Short)
}

fn words(mut list: &[u8]) -> Result<BTreeSet<Vec<u8>>, RowError> {
    let mut words = BTreeSet::new();
    while let Some((&length, rest)) = list.split_first() {
        let (word, rest) = rest.split_at_checked(usize::from(length)).ok_or(RowError::Short)?;
        words.insert(word.to_vec());
        list = rest;
    }
    Ok(words)
}

fn list(words: &BTreeSet<Vec<u8>>) -> Vec<u8> {
    let word = |word| term_prefix(word).expect("the check of the commit has refused longer terms");
    words.iter().flat_map(|bytes| word(bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            revision: u64, owes: bool, forget_at: Option<u64>, snapshot: Vec<u8>,
            terms in btree_set(vec(any::<u8>(), 0..=128), 0..6), unique in btree_set(vec(any::<u8>(), 0..=128), 0..6),
        ) {
            let indexed = Indexed { owes, forget_at: forget_at.map(Timestamp::from_millis), terms, unique };
            let bytes = indexed.row(Revision(revision), &snapshot);
            let row = Row::decode(&bytes).expect("just encoded");
            prop_assert_eq!(row.revision, Revision(revision));
            prop_assert_eq!(row.snapshot, &snapshot[..]);
            prop_assert_eq!(row.indexed().expect("just encoded"), indexed);
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(mut bytes: Vec<u8>, known: bool) {
            if let Some(version) = bytes.first_mut().filter(|_| known) {
                *version = VERSION;
            }
            let _ = Row::decode(&bytes).and_then(|row| row.indexed());
        }
    }

    #[test]
    fn the_bytes_of_version_1_stay_as_they_are() {
        let indexed = Indexed {
            owes: true,
            forget_at: Some(Timestamp::from_millis(0x0102)),
            terms: [b"ab".to_vec(), b"c".to_vec()].into(),
            unique: [b"u".to_vec()].into(),
        };
        let mut expected = vec![1, 0, 0, 0, 0, 0, 0, 0, 7, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 5, 0, 0, 0, 2];
        expected.extend(b"\x02ab\x01c\x01usnapshot");
        assert_eq!(indexed.row(Revision(7), b"snapshot"), expected);
    }

    #[test]
    fn rows_of_a_newer_build_are_told_from_broken_ones() {
        let mut bytes = Indexed::default().row(Revision(1), b"");
        assert_eq!(Row::decode(&bytes[..bytes.len() - 1]), Err(RowError::Short));
        bytes[9] = 0b100;
        assert_eq!(Row::decode(&bytes), Err(RowError::Flags(0b100)));
        bytes[0] = 2;
        assert_eq!(Row::decode(&bytes), Err(RowError::Version(2)));
    }
}
