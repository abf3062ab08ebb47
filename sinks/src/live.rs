//! The live snapshot: the views as of the last complete tick, in memory, ahead of the store by at most an epoch.
//!
//! In: the changes of complete ticks. Out: rows by view and time, for whoever waits for an answer: each read sees
//! whole ticks. State: every row that may still change, in order of bucket and key; of every view the first and the last
//! bucket of the rows that left; sums of work by day, of rows that are here and of rows that left.
//!
//! Rows that are final (see [`Kept`]) leave when the store has committed them, so memory follows from the horizon and not
//! from history. Whoever asks for a range is handed both parts, the store's first: [`Live::rows`]. Invariants: a row is in
//! the store before it leaves; what left never changes, neither there nor here.

use crate::lake::Kept;
use crate::sums::{Cut, WorkByName, WorkSum, WorkSums};
use gemba_schemas::column::KeyPart;
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

type Place = (EventTime, Vec<KeyPart>);

/// The rows of a view whose bucket lies in `[from, to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRange {
    /// The view.
    pub view: ViewKind,
    /// The first bucket.
    pub from: EventTime,
    /// The end, which does not belong to it.
    pub to: EventTime,
}

impl RowRange {
    /// All rows of a view.
    pub fn all(view: ViewKind) -> Self {
        Self { view, from: EventTime::MIN, to: EventTime::MAX }
    }

    /// The rows that [`Live::work`] adds up one by one: those of a first and a last day that are cut.
    pub fn ends_of_work(views: &[ViewKind], (from, to): (EventTime, EventTime)) -> Vec<Self> {
        Cut::of(from, to).edges_of(views)
    }
}

/// The rows of one tick.
#[derive(Debug, Default)]
pub struct Snapshot {
    tick: Tick,
    views: BTreeMap<ViewKind, BTreeMap<Place, ViewRow>>,
    /// The first and the last bucket of the rows that left.
    left: BTreeMap<ViewKind, (EventTime, EventTime)>,
    work: WorkSums,
}

impl Snapshot {
    /// The tick that it is of.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The rows that are here of a view whose bucket lies in `[from, to)`, in order of bucket and key.
    pub fn rows(&self, view: ViewKind, from: EventTime, to: EventTime) -> impl DoubleEndedIterator<Item = &ViewRow> {
        let range = (Bound::Included((from, Vec::new())), Bound::Excluded((to, Vec::new())));
        // An empty range would panic where it is turned around.
        let rows = self.views.get(&view).filter(|_| from < to);
        rows.into_iter().flat_map(move |rows| rows.range(range.clone()).map(|(_, row)| row))
    }

    /// The part of a range whose rows are in the store alone. Only read it when the snapshot is not held any more.
    pub fn in_store(&self, range: &RowRange) -> Option<RowRange> {
        let &(first, last) = self.left.get(&range.view)?;
        let (from, to) = (range.from.max(first), range.to.min(EventTime(last.0.saturating_add(1))));
        (from < to).then_some(RowRange { from, to, ..*range })
    }

    /// The bucket of a view's last row, wherever that is.
    pub fn newest(&self, view: ViewKind) -> Option<EventTime> {
        let here = self.views.get(&view).and_then(|rows| rows.last_key_value()).map(|((bucket, _), _)| *bucket);
        here.or_else(|| self.left.get(&view).map(|(_, last)| *last))
    }

    /// The number of rows of a view that are here.
    pub fn count(&self, view: ViewKind) -> usize {
        self.views.get(&view).map_or(0, BTreeMap::len)
    }

    /// The number of rows that are here.
    pub fn rows_held(&self) -> usize {
        self.views.values().map(BTreeMap::len).sum()
    }

    fn has_left(&mut self, view: ViewKind, first: EventTime, last: EventTime) {
        let span = self.left.entry(view).or_insert((first, last));
        *span = (span.0.min(first), span.1.max(last));
    }
}

/// The snapshot, shared by the one who writes and those who read.
#[derive(Debug, Default)]
pub struct Live(RwLock<Snapshot>);

impl Live {
    /// Moves to a tick: `changes` are net, each −1 or +1, and none is of a row that left.
    pub fn advance(&self, tick: Tick, changes: &[(ViewRow, i64)]) {
        // Before anybody waits for the snapshot.
        let mut places: Vec<Place> = changes.iter().map(|(row, _)| (row.bucket(), row.key())).collect();
        // Nearly always the row that takes its place is the one beside it.
        let is_replaced = |at: usize| {
            let same = |by: usize| {
                let row = changes.get(by).filter(|(row, diff)| *diff > 0 && row.kind() == changes[at].0.kind());
                row.is_some() && places[by] == places[at]
            };
            same(at + 1) || at.checked_sub(1).is_some_and(same)
        };
        let leaving = (0..changes.len()).filter(|at| changes[*at].1 < 0 && !is_replaced(*at)).collect::<Vec<_>>();
        let mut snapshot = self.write();
        let Snapshot { views, work, .. } = &mut *snapshot;
        changes.iter().for_each(|(row, diff)| work.change(row, diff.signum()));
        // What comes takes the place of what leaves under its key, and that is then gone already.
        for ((row, _), place) in changes.iter().zip(&mut places).filter(|((_, diff), _)| *diff > 0) {
            views.entry(row.kind()).or_default().insert(std::mem::take(place), row.clone());
        }
        for at in leaving {
            let row = &changes[at].0;
            if let Some(rows) = views.get_mut(&row.kind())
                && let Entry::Occupied(entry) = rows.entry(std::mem::take(&mut places[at]))
                && entry.get() == row
            {
                entry.remove();
            }
        }
        snapshot.tick = tick;
    }

    /// Lets rows leave that are final. The store must have committed all of them.
    pub fn leave(&self, kept: &Kept) {
        // Freed when nobody waits for the snapshot any more.
        let mut gone = Vec::new();
        let mut snapshot = self.write();
        for &view in ViewKind::ALL {
            let (Some(before), Some(rows)) = (kept.before(view), snapshot.views.get_mut(&view)) else { continue };
            let stay = rows.split_off(&(before, Vec::new()));
            let old = std::mem::replace(rows, stay);
            if let (Some(((first, _), _)), Some(((last, _), _))) = (old.first_key_value(), old.last_key_value()) {
                snapshot.has_left(view, *first, *last);
            }
            gone.push(old);
        }
        drop(snapshot);
    }

    /// Counts rows that left before this run began. Nobody may read the store before it has them.
    pub fn recall<'a>(&self, rows: impl Iterator<Item = &'a ViewRow>) {
        let mut snapshot = self.write();
        for row in rows {
            snapshot.work.change(row, 1);
            snapshot.has_left(row.kind(), row.bucket(), row.bucket());
        }
    }

    /// The rows as they are now; nothing moves while this is held, so hold it shortly.
    pub fn read(&self) -> RwLockReadGuard<'_, Snapshot> {
        self.0.read().unwrap_or_else(|e| e.into_inner())
    }

    /// Hands every row of some ranges to `f`, each once and those of one range in order of their buckets, and returns the
    /// snapshot that they are of. `older` reads a range of the store, as of its last epoch or a later one, and is called while
    /// the snapshot is not held. Should rows leave meanwhile they are read from the store, too: they are there by then.
    ///
    /// # Errors
    /// Those of `older`.
    pub fn rows<E>(
        &self,
        ranges: &[RowRange],
        mut older: impl FnMut(&RowRange, &mut dyn FnMut(&ViewRow)) -> Result<(), E>,
        mut f: impl FnMut(&ViewRow),
    ) -> Result<RwLockReadGuard<'_, Snapshot>, E> {
        let mut rest = ranges.to_vec();
        loop {
            let snapshot = self.read();
            let parts: Vec<_> = rest.iter().map(|range| snapshot.in_store(range)).collect();
            if parts.iter().all(Option::is_none) {
                rest.iter().for_each(|range| snapshot.rows(range.view, range.from, range.to).for_each(&mut f));
                return Ok(snapshot);
            }
            drop(snapshot);
            for (range, part) in rest.iter_mut().zip(parts) {
                if let Some(part) = part {
                    older(&part, &mut f)?;
                    range.from = part.to;
                }
            }
        }
    }

    /// The sums over the hours of each of `views`, of workers or of stations, that begin in `[from, to)`, by name; and the
    /// tick that they are of. `older` as in [`Live::rows`]: it is asked for the range's first and last day at most.
    ///
    /// # Errors
    /// Those of `older`.
    pub fn work<E>(
        &self,
        views: &[ViewKind],
        (from, to): (EventTime, EventTime),
        older: impl FnMut(&RowRange, &mut dyn FnMut(&ViewRow)) -> Result<(), E>,
    ) -> Result<(Tick, Vec<WorkByName>), E> {
        let cut = Cut::of(from, to);
        let mut sums: Vec<HashMap<Name, WorkSum>> = vec![HashMap::new(); views.len()];
        let snapshot = self.rows(&cut.edges_of(views), older, |row| {
            let own = views.iter().position(|view| *view == row.kind());
            if let Some((sums, (name, sum))) = own.and_then(|i| sums.get_mut(i)).zip(WorkSum::of(row)) {
                sums.entry(name).or_default().add(&sum, 1);
            }
        })?;
        for (view, sums) in views.iter().zip(&mut sums) {
            snapshot.work.add_days(*view, &cut, sums);
        }
        let tick = snapshot.tick;
        drop(snapshot);
        Ok((tick, sums.into_iter().map(|sums| sums.into_iter().map(|(n, s)| (n.as_str(), s)).collect()).collect()))
    }

    fn write(&self) -> RwLockWriteGuard<'_, Snapshot> {
        self.0.write().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{DAY, row};
    use gemba_schemas::view::WorkerHour;
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::convert::Infallible;

    const VISITS: ViewKind = ViewKind::ZoneVisit;

    #[test]
    fn a_row_that_replaces_another_of_its_key_stays() {
        let live = Live::default();
        let (old, new) = (row(VISITS, 1, 1), row(VISITS, 1, 2));
        live.advance(1, &[(old.clone(), 1), (row(VISITS, 2, 1), 1)]);
        live.advance(2, &[(new.clone(), 1), (old, -1)]);
        let snapshot = live.read();
        let rows: Vec<_> = snapshot.rows(VISITS, EventTime::MIN, EventTime::MAX).collect();
        assert_eq!((snapshot.tick(), rows.len(), snapshot.count(VISITS)), (2, 2, 2));
        assert!(rows.contains(&&new) && rows.is_sorted_by_key(|r| r.bucket()));
        let bucket = new.bucket();
        assert_eq!(snapshot.rows(VISITS, bucket, bucket).count(), 0);
        assert_eq!(snapshot.rows(VISITS, EventTime::MAX, EventTime::MIN).count(), 0);
    }

    /// Rows of a view, of workers' hours and of a view without a time in its key, spread over three days.
    fn rows() -> Vec<ViewRow> {
        let of = |view| (0..60).map(move |key| row(view, key, key));
        // Sample rows are as large as they can be; these are added up.
        let hours = of(ViewKind::WorkerHour).map(|row| match row {
            ViewRow::WorkerHour(hour) => ViewRow::from(WorkerHour { units: 1, events: 2, ..hour }),
            other => other,
        });
        let mut all: Vec<_> = of(VISITS).chain(hours).chain(of(ViewKind::LateFact)).collect();
        all.sort_by_key(|row| (row.kind(), row.bucket()));
        all
    }

    fn of_range<'a>(all: &'a [ViewRow], range: &RowRange) -> impl Iterator<Item = &'a ViewRow> {
        all.iter().filter(move |r| r.kind() == range.view && (range.from..range.to).contains(&r.bucket()))
    }

    /// What is final leaves, and is read from where it is then: whatever the range, whatever leaves while it is read.
    #[test]
    fn every_row_is_read_once_wherever_it_is() {
        let all = rows();
        let days = [0, 1, 2, 3].map(|n| EventTime(DAY + n * 86_400_000_000));
        let half = EventTime(days[1].0 + 43_200_000_000);
        let bounds = [EventTime::MIN, days[0], half, days[2], all[7].bucket(), EventTime::MAX];
        // What left before it is read, and what leaves while it is.
        for (before, meanwhile) in [(0, 0), (1, 1), (0, 2), (1, 2), (2, 2), (3, 3), (1, 3)] {
            for (from, to) in bounds.into_iter().flat_map(|from| bounds.map(|to| (from, to))) {
                let live = Live::default();
                let (old, young): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|r| r.bucket() < days[0]);
                assert!(old.is_empty());
                live.advance(7, &young.into_iter().map(|r| (r, 1)).collect::<Vec<_>>());
                live.leave(&Kept::sealed(days[before]));
                let asked = RefCell::new(Vec::new());
                let store = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| {
                    of_range(&all, range).for_each(f);
                    asked.borrow_mut().push(*range);
                    live.leave(&Kept::sealed(days[meanwhile]));
                    Ok::<_, Infallible>(())
                };
                for view in [VISITS, ViewKind::WorkerHour, ViewKind::LateFact] {
                    let range = RowRange { view, from, to };
                    let mut read = Vec::new();
                    let snapshot = live.rows(&[range], store, |row| read.push(row.clone())).unwrap();
                    assert_eq!(snapshot.tick(), 7);
                    drop(snapshot);
                    assert!(read.is_sorted_by_key(|r| r.bucket()));
                    let expected: BTreeSet<_> = of_range(&all, &range).collect();
                    assert_eq!(read.len(), expected.len(), "{range:?}");
                    assert_eq!(read.iter().collect::<BTreeSet<_>>(), expected, "{range:?}");
                }
                let asked = asked.into_inner();
                assert!(asked.iter().all(|r| r.view != ViewKind::LateFact && r.from >= days[0] && r.to <= days[3]));
            }
        }
    }

    #[test]
    fn what_left_is_not_held_and_still_counted() {
        let all = rows();
        let live = Live::default();
        live.advance(1, &all.iter().map(|r| (r.clone(), 1)).collect::<Vec<_>>());
        let everything = (EventTime::MIN, EventTime::MAX);
        let none = |_: &RowRange, _: &mut dyn FnMut(&ViewRow)| Ok::<_, Infallible>(());
        let before = live.work(&[ViewKind::WorkerHour], everything, none).unwrap();
        let newest = live.read().newest(VISITS);
        let kept = Kept::sealed(EventTime(DAY + 3 * 86_400_000_000));
        live.leave(&kept);
        assert_eq!(live.read().rows_held(), 60, "late facts have no time in their key and stay");
        assert_eq!(live.work(&[ViewKind::WorkerHour], everything, none).unwrap(), before, "nothing of it is read");
        assert_eq!(live.read().newest(VISITS), newest);
        // A start that finds them in the store comes to the same.
        let again = Live::default();
        again.recall(all.iter().filter(|row| kept.holds(row)));
        again.advance(1, &all.iter().filter(|r| !kept.holds(r)).map(|r| (r.clone(), 1)).collect::<Vec<_>>());
        assert_eq!(again.work(&[ViewKind::WorkerHour], everything, none).unwrap(), before);
        assert_eq!((again.read().rows_held(), again.read().newest(VISITS)), (60, newest));
        assert_eq!(again.read().left, live.read().left);
    }
}
