//! Several walks as one.

use std::collections::VecDeque;

use crate::listing::period::Period;
use crate::ports::{Direction, Found, Kind, ObjectId, Range, Store, StoreError, Term};

/// How many places of one range are read at a time.
const PAGE: usize = 256;

/// Where a list looks.
#[derive(Clone, Debug)]
pub(crate) enum Candidates {
    /// At these objects.
    Only(Vec<ObjectId>),
    /// At what is in any of these ranges, each of one term or of a kind: together by id.
    ById(Vec<Range>),
    /// At what is between two terms, by term.
    ByTerm(Range),
}

impl Candidates {
    /// What has any of these terms.
    pub(super) fn under(terms: impl IntoIterator<Item = Term>) -> Self {
        Self::ById(terms.into_iter().map(Range::of).collect())
    }
}

/// What a walk is after, and which way it goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Course {
    pub(super) kind: Kind,
    pub(super) direction: Direction,
    /// What is born outside of it ends a walk by id, or is passed by before it begins.
    pub(super) period: Period,
}

/// A walk through the union of sorted ranges, which holds no more of each than a page.
pub(super) struct Merge<'s> {
    store: &'s dyn Store,
    course: Course,
    page: usize,
    runs: Vec<Run>,
    by_id: bool,
}

/// One of the ranges.
struct Run {
    /// Where there may be more to read; `None` once everything was.
    rest: Option<Range>,
    /// The last place that was read.
    after: Option<Found>,
    /// What was read and not yet walked past.
    waiting: VecDeque<Found>,
}

impl<'s> Merge<'s> {
    /// Begins past `after`. Reads as far ahead as `limit` items need.
    pub(super) fn new(
        store: &'s dyn Store,
        candidates: Candidates,
        course: Course,
        after: Option<Found>,
        limit: usize,
    ) -> Self {
        let by_id = matches!(candidates, Candidates::ById(_));
        let runs = match candidates {
            Candidates::Only(objects) => {
                vec![Run { rest: None, after: None, waiting: course.in_order(objects, after.as_ref()) }]
            }
            Candidates::ById(ranges) => {
                let after = course.begin(after.as_ref());
                ranges.into_iter().map(|range| Run::new(after.map(|object| place(&range, object)), range)).collect()
            }
            Candidates::ByTerm(range) => vec![Run::new(after, range)],
        };
        Self { store, course, page: limit.saturating_add(1).min(PAGE), runs, by_id }
    }

    /// The next place; what lies in several ranges comes once.
    pub(super) async fn next(&mut self) -> Result<Option<Found>, StoreError> {
        let Course { direction, period, .. } = self.course;
        for run in &mut self.runs {
            run.read(self.store, direction, self.page).await?;
        }
        let heads = self.runs.iter().filter_map(|run| run.waiting.front().map(|found| found.object));
        let next = match direction {
            Direction::Ascending => heads.min(),
            Direction::Descending => heads.max(),
        };
        let Some(object) = next.filter(|object| !(self.by_id && period.is_behind(object.id, direction))) else {
            return Ok(None);
        };
        let mut place = None;
        for run in &mut self.runs {
            place = run.waiting.pop_front_if(|found| found.object == object).or(place);
        }
        // By id, the object says it all.
        Ok(if self.by_id { Some(Found { term: Vec::new(), object }) } else { place })
    }
}

impl Course {
    /// The object past which a walk by id begins: a place of this very walk lies within the period already.
    fn begin(&self, after: Option<&Found>) -> Option<ObjectId> {
        let born = || self.period.begin(self.direction).map(|id| ObjectId { kind: self.kind, id });
        after.map(|after| after.object).or_else(born)
    }

    fn in_order(&self, mut objects: Vec<ObjectId>, after: Option<&Found>) -> VecDeque<Found> {
        objects.sort();
        if self.direction == Direction::Descending {
            objects.reverse();
        }
        let past = |object: &ObjectId| match (after, self.direction) {
            (None, _) => true,
            (Some(after), Direction::Ascending) => *object > after.object,
            (Some(after), Direction::Descending) => *object < after.object,
        };
        objects.into_iter().filter(past).map(|object| Found { term: Vec::new(), object }).collect()
    }
}

impl Run {
    const fn new(after: Option<Found>, range: Range) -> Self {
        Self { rest: Some(range), after, waiting: VecDeque::new() }
    }

    async fn read(&mut self, store: &dyn Store, direction: Direction, page: usize) -> Result<(), StoreError> {
        let Some(range) = self.rest.as_ref().filter(|_| self.waiting.is_empty()) else { return Ok(()) };
        let found = store.walk(range, direction, self.after.as_ref(), page).await?;
        if found.len() < page {
            self.rest = None;
        }
        self.after = found.last().cloned();
        self.waiting = found.into();
        Ok(())
    }
}

/// The place of an object in the range of one term, or of a kind.
fn place(range: &Range, object: ObjectId) -> Found {
    let term = match range {
        Range::Kind(_) => Vec::new(),
        Range::Terms { low, .. } => low.0.clone(),
    };
    Found { term, object }
}
