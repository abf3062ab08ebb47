//! The live snapshot: the views as of the last complete tick, in memory, ahead of the store by at most an epoch.
//!
//! In: the changes of complete ticks. Out: rows by view and time, for whoever waits for an answer: each read sees
//! whole ticks. State: every row of every view, in order of bucket and key; sums of work by day.

use crate::sums::{WorkSum, WorkSums};
use gemba_schemas::column::KeyPart;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::{RwLock, RwLockReadGuard};

type Place = (EventTime, Vec<KeyPart>);

/// The rows of one tick.
#[derive(Debug, Default)]
pub struct Snapshot {
    tick: Tick,
    views: BTreeMap<ViewKind, BTreeMap<Place, ViewRow>>,
    work: WorkSums,
}

impl Snapshot {
    /// The tick that it is of.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The rows of a view whose bucket lies in `[from, to)`, in order of bucket and key.
    pub fn rows(&self, view: ViewKind, from: EventTime, to: EventTime) -> impl DoubleEndedIterator<Item = &ViewRow> {
        let range = (Bound::Included((from, Vec::new())), Bound::Excluded((to, Vec::new())));
        // An empty range would panic where it is turned around.
        let rows = self.views.get(&view).filter(|_| from < to);
        rows.into_iter().flat_map(move |rows| rows.range(range.clone()).map(|(_, row)| row))
    }

    /// The sums over the hours of workers, or of stations, that begin in `[from, to)`, by name.
    pub fn work(&self, view: ViewKind, from: EventTime, to: EventTime) -> BTreeMap<&'static str, WorkSum> {
        self.work.of(view, (from, to), |from, to| self.rows(view, from, to))
    }

    /// The number of rows of a view.
    pub fn count(&self, view: ViewKind) -> usize {
        self.views.get(&view).map_or(0, BTreeMap::len)
    }
}

/// The snapshot, shared by the one who writes and those who read.
#[derive(Debug, Default)]
pub struct Live(RwLock<Snapshot>);

impl Live {
    /// Moves to a tick: `changes` are net, each −1 or +1.
    pub fn advance(&self, tick: Tick, changes: &[(ViewRow, i64)]) {
        let mut snapshot = self.0.write().unwrap_or_else(|e| e.into_inner());
        let Snapshot { views, work, .. } = &mut *snapshot;
        // What comes takes the place of what leaves under its key, and that is then gone already.
        for (row, _) in changes.iter().filter(|(_, diff)| *diff > 0) {
            work.change(row, 1);
            views.entry(row.kind()).or_default().insert((row.bucket(), row.key()), row.clone());
        }
        for (row, _) in changes.iter().filter(|(_, diff)| *diff < 0) {
            work.change(row, -1);
            if let Some(rows) = views.get_mut(&row.kind())
                && let Entry::Occupied(entry) = rows.entry((row.bucket(), row.key()))
                && entry.get() == row
            {
                entry.remove();
            }
        }
        snapshot.tick = tick;
    }

    /// The rows as they are now; nothing moves while this is held, so hold it shortly.
    pub fn read(&self) -> RwLockReadGuard<'_, Snapshot> {
        self.0.read().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::row;

    #[test]
    fn a_row_that_replaces_another_of_its_key_stays() {
        let live = Live::default();
        let (old, new) = (row(ViewKind::ZoneVisit, 1, 1), row(ViewKind::ZoneVisit, 1, 2));
        live.advance(1, &[(old.clone(), 1), (row(ViewKind::ZoneVisit, 2, 1), 1)]);
        live.advance(2, &[(new.clone(), 1), (old, -1)]);
        let snapshot = live.read();
        let rows: Vec<_> = snapshot.rows(ViewKind::ZoneVisit, EventTime::MIN, EventTime::MAX).collect();
        assert_eq!((snapshot.tick(), rows.len(), snapshot.count(ViewKind::ZoneVisit)), (2, 2, 2));
        assert!(rows.contains(&&new) && rows.is_sorted_by_key(|r| r.bucket()));
        let bucket = new.bucket();
        assert_eq!(snapshot.rows(ViewKind::ZoneVisit, bucket, bucket).count(), 0);
        assert_eq!(snapshot.rows(ViewKind::ZoneVisit, EventTime::MAX, EventTime::MIN).count(), 0);
    }
}
