//! When a commit may be done: the rules that every store shares.

use std::collections::BTreeMap;

use chancery_actors::ports::{Body, Commit, CommitError, ObjectId, Revision, StoreError, Term, Write};

/// What the check asks of a store, as the earlier commits of the batch have left it.
pub(super) trait View {
    /// The object's revision, [`Revision::ABSENT`] if there is no such object.
    fn revision(&self, object: ObjectId) -> Result<Revision, StoreError>;

    /// The object that has this unique term.
    fn holder(&self, unique: &Term) -> Result<Option<ObjectId>, StoreError>;
}

/// Says whether the whole commit may be done, before any of it is. Asks for guards first, then for the revisions that
/// the writes expect, then for unique terms, each in the commit's own order; the first that fails is the answer.
///
/// A unique term is free if nobody has it, or if its holder gives it up or goes away in the same commit.
///
/// An object that stands in a commit twice is a conflict with itself: what one write expects, the other has changed.
pub(super) fn check(commit: &Commit, view: &impl View) -> Result<(), CommitError> {
    for write in &commit.writes {
        write.body.as_ref().map_or(Ok(()), fits)?;
    }
    for &(object, expected) in &commit.guards {
        expect(object, expected, view)?;
    }
    let mut writes = BTreeMap::new();
    for write in &commit.writes {
        expect(write.object, write.expected, view)?;
        if writes.insert(write.object, write).is_some() {
            return Err(CommitError::Conflict(write.object));
        }
    }
    let mut claims = BTreeMap::new();
    for write in &commit.writes {
        for term in claimed(write) {
            let holder = match claims.insert(term, write.object) {
                Some(other) => Some(other),
                None => {
                    view.holder(term)?.filter(|holder| !writes.get(holder).is_some_and(|write| releases(write, term)))
                }
            };
            if let Some(holder) = holder.filter(|&holder| holder != write.object) {
                return Err(CommitError::Taken { term: term.clone(), holder });
            }
        }
    }
    Ok(())
}

/// The most bytes of one snapshot: the least of what the stores can hold (a `bytea` of PostgreSQL).
const SNAPSHOT_LIMIT: usize = 1 << 30;

/// The most terms of one object, so that no index is as large as what it indexes.
const TERMS_LIMIT: usize = 1 << 16;

/// Whether stores can hold the body. That it does not fit is a fault of the program, and would be one at every further
/// try: [`StoreError::Corrupt`] is what says so.
fn fits(body: &Body) -> Result<(), StoreError> {
    if let Some(term) = body.terms.iter().chain(&body.unique).find(|term| term.0.len() > Term::LIMIT) {
        let (length, limit) = (term.0.len(), Term::LIMIT);
        return Err(StoreError::Corrupt(format!("a term of {length} bytes, where {limit} are the most")));
    }
    let (terms, snapshot) = (body.terms.len().max(body.unique.len()), body.bytes.len());
    if terms > TERMS_LIMIT {
        return Err(StoreError::Corrupt(format!("an object with {terms} terms, where {TERMS_LIMIT} are the most")));
    }
    if snapshot > SNAPSHOT_LIMIT {
        return Err(StoreError::Corrupt(format!(
            "a snapshot of {snapshot} bytes, where {SNAPSHOT_LIMIT} are the most"
        )));
    }
    Ok(())
}

fn expect(object: ObjectId, expected: Revision, view: &impl View) -> Result<(), CommitError> {
    if view.revision(object)? == expected { Ok(()) } else { Err(CommitError::Conflict(object)) }
}

fn claimed(write: &Write) -> &[Term] {
    write.body.as_ref().map_or(&[], |body| &body.unique)
}

fn releases(write: &Write, term: &Term) -> bool {
    !claimed(write).contains(term)
}
