//! The tables inside of one write transaction, and one commit on them.

use chancery_actors::ports::{Commit, CommitError, ObjectId, Revision, StoreError, Term, Write};
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};

use super::row::{Indexed, Row, RowError, forget_key, term_key};
use super::store_error;
use crate::store::check::{View, check};

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

pub(super) const META: Definition = TableDefinition::new("meta");
pub(super) const OBJECTS: Definition = TableDefinition::new("objects");
pub(super) const TERMS: Definition = TableDefinition::new("terms");
pub(super) const UNIQUE: Definition = TableDefinition::new("unique");
pub(super) const OWING: Definition = TableDefinition::new("owing");
pub(super) const FORGET: Definition = TableDefinition::new("forget");

/// Every table that commits write.
pub(super) struct Tables<'txn> {
    objects: Bytes<'txn>,
    terms: Bytes<'txn>,
    unique: Bytes<'txn>,
    owing: Bytes<'txn>,
    forget: Bytes<'txn>,
}

/// How a commit ended inside of the transaction.
pub(super) enum Outcome {
    /// Its changes are in the transaction.
    Done,
    /// The transaction is as it was.
    Refused(CommitError),
}

impl<'txn> Tables<'txn> {
    /// Opens the tables, and makes those that are not there yet.
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, StoreError> {
        let open = |definition: Definition| transaction.open_table(definition).map_err(store_error);
        Ok(Self {
            objects: open(OBJECTS)?,
            terms: open(TERMS)?,
            unique: open(UNIQUE)?,
            owing: open(OWING)?,
            forget: open(FORGET)?,
        })
    }

    /// Does the commit whole, or refuses it and changes nothing. An error says that the transaction itself is broken:
    /// nothing in it may become durable any more.
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<Outcome, StoreError> {
        let before = match self.checked(commit) {
            Ok(before) => before,
            Err(CommitError::Store(error @ StoreError::Unavailable(_))) => return Err(error),
            Err(refusal) => return Ok(Outcome::Refused(refusal)),
        };
        let after: Vec<_> =
            commit.writes.iter().map(|write| write.body.as_ref().map(Indexed::of).unwrap_or_default()).collect();
        // Everything goes before anything comes: a unique term may change hands within the commit.
        for ((write, before), after) in commit.writes.iter().zip(&before).zip(&after) {
            self.remove(write, before, after)?;
        }
        for ((write, before), after) in commit.writes.iter().zip(&before).zip(&after) {
            self.insert(write, before, after)?;
        }
        Ok(Outcome::Done)
    }

    /// The check of the whole commit; answers what the indexes say of each written object before it.
    fn checked(&self, commit: &Commit) -> Result<Vec<Indexed>, CommitError> {
        check(commit, self)?;
        // Where a write makes something, the check has found nothing.
        let there = |write: &Write| write.expected != Revision::ABSENT;
        let indexed = |write: &Write| self.row(write.object, |row| row.indexed());
        Ok(commit
            .writes
            .iter()
            .map(|write| Ok(if there(write) { indexed(write)?.unwrap_or_default() } else { Indexed::default() }))
            .collect::<Result<_, StoreError>>()?)
    }

    fn remove(&mut self, write: &Write, before: &Indexed, after: &Indexed) -> Result<(), StoreError> {
        let object = write.object;
        for term in before.terms.difference(&after.terms) {
            delete(&mut self.terms, &term_key(term, object))?;
        }
        for term in before.unique.difference(&after.unique) {
            delete(&mut self.unique, term)?;
        }
        if before.owes && !after.owes {
            delete(&mut self.owing, &object.bytes())?;
        }
        if let Some(forget_at) = before.forget_at.filter(|_| before.forget_at != after.forget_at) {
            delete(&mut self.forget, &forget_key(forget_at, object))?;
        }
        if write.body.is_none() {
            delete(&mut self.objects, &object.bytes())?;
        }
        Ok(())
    }

    fn insert(&mut self, write: &Write, before: &Indexed, after: &Indexed) -> Result<(), StoreError> {
        let object = write.object;
        for term in after.terms.difference(&before.terms) {
            put(&mut self.terms, &term_key(term, object), &[])?;
        }
        for term in after.unique.difference(&before.unique) {
            put(&mut self.unique, term, &object.bytes())?;
        }
        if after.owes && !before.owes {
            put(&mut self.owing, &object.bytes(), &[])?;
        }
        if let Some(forget_at) = after.forget_at.filter(|_| before.forget_at != after.forget_at) {
            put(&mut self.forget, &forget_key(forget_at, object), &[])?;
        }
        if let Some(body) = &write.body {
            put(&mut self.objects, &object.bytes(), &after.row(write.expected.next(), &body.bytes))?;
        }
        Ok(())
    }

    fn row<T>(
        &self,
        object: ObjectId,
        read: impl FnOnce(Row<'_>) -> Result<T, RowError>,
    ) -> Result<Option<T>, StoreError> {
        let found = self.objects.get(object.bytes().as_slice()).map_err(store_error)?;
        found.map(|bytes| decoded(object, bytes.value(), read)).transpose()
    }
}

impl View for Tables<'_> {
    fn revision(&self, object: ObjectId) -> Result<Revision, StoreError> {
        Ok(self.row(object, |row| Ok(row.revision))?.unwrap_or(Revision::ABSENT))
    }

    fn holder(&self, unique: &Term) -> Result<Option<ObjectId>, StoreError> {
        let found = self.unique.get(unique.0.as_slice()).map_err(store_error)?;
        found.map(|holder| holder_of(holder.value())).transpose()
    }
}

/// Reads an object's row; what is wrong with it is said with the object's name.
pub(super) fn decoded<T>(
    object: ObjectId,
    bytes: &[u8],
    read: impl FnOnce(Row<'_>) -> Result<T, RowError>,
) -> Result<T, StoreError> {
    Row::decode(bytes).and_then(read).map_err(|error| StoreError::Corrupt(format!("{object}: {error}")))
}

/// The object that a unique term leads to.
pub(super) fn holder_of(bytes: &[u8]) -> Result<ObjectId, StoreError> {
    ObjectId::from_bytes(bytes).ok_or_else(|| StoreError::Corrupt("a unique term leads to no object".to_owned()))
}

type Bytes<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

fn put(table: &mut Bytes<'_>, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
    table.insert(key, value).map(drop).map_err(store_error)
}

fn delete(table: &mut Bytes<'_>, key: &[u8]) -> Result<(), StoreError> {
    table.remove(key).map(drop).map_err(store_error)
}
