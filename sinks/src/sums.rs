//! Sums of the hours of workers and stations, kept by day, for questions about any range.
//!
//! In: rows of hours as they come and go. Out: sums by worker or station over the hours that begin in a range: of whole
//! days the kept sums are added up, at the range's ends the rows. State: a sum per worker or station and day, of all time:
//! some 0.1 kB each, so 200 workers and stations come to 7 MB a year.
//! A day here is one of UTC: it only says what is added up beforehand.

use crate::live::RowRange;
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::{BTreeMap, HashMap};

const DAY: Micros = Micros(24 * Micros::HOUR.0);

/// Sums over hours of a worker or station.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkSum {
    /// Time at work, µs.
    pub active: i64,
    /// Time there and not at work, µs.
    pub idle: i64,
    /// Time not there, µs.
    pub absent: i64,
    /// Units made.
    pub units: i64,
    /// Events.
    pub events: i64,
}

impl WorkSum {
    /// Whose hour a row is, and what is in it; `None` for rows of other views.
    pub(crate) fn of(row: &ViewRow) -> Option<(Name, Self)> {
        match row {
            ViewRow::WorkerHour(r) => {
                let (active, idle, absent) = (r.active_us.0, r.idle_us.0, r.absent_us.0);
                Some((r.worker, Self { active, idle, absent, units: r.units as i64, events: r.events as i64 }))
            }
            ViewRow::StationHour(r) => {
                let (active, idle, absent) = (r.working_us.0, r.idle_us.0, r.absent_us.0);
                Some((r.station, Self { active, idle, absent, units: r.units as i64, events: r.events as i64 }))
            }
            _ => None,
        }
    }

    /// Adds `sign` times another one.
    pub fn add(&mut self, other: &Self, sign: i64) {
        self.active += sign * other.active;
        self.idle += sign * other.idle;
        self.absent += sign * other.absent;
        self.units += sign * other.units;
        self.events += sign * other.events;
    }
}

/// Sums by the name of a worker or station.
pub type WorkByName = BTreeMap<&'static str, WorkSum>;

/// Sums of names, in one day: of each also how many rows are in it.
type Day = HashMap<Name, (WorkSum, i64)>;

/// The sums of each day.
#[derive(Debug, Default)]
pub(crate) struct WorkSums(BTreeMap<(ViewKind, EventTime), Day>);

impl WorkSums {
    /// A row comes (+1) or leaves (−1).
    pub(crate) fn change(&mut self, row: &ViewRow, sign: i64) {
        let Some((name, sum)) = WorkSum::of(row) else { return };
        let key = (row.kind(), row.bucket().floor(DAY));
        let day = self.0.entry(key).or_default();
        let (kept, rows) = day.entry(name).or_default();
        kept.add(&sum, sign);
        *rows += sign;
        if *rows == 0 {
            day.remove(&name);
        }
        if day.is_empty() {
            self.0.remove(&key);
        }
    }

    /// Adds the sums of the whole days of a range.
    pub(crate) fn add_days(&self, view: ViewKind, cut: &Cut, sums: &mut HashMap<Name, WorkSum>) {
        for day in self.0.range((view, cut.first)..(view, cut.last)).map(|(_, day)| day) {
            day.iter().for_each(|(name, (sum, _))| sums.entry(*name).or_default().add(sum, 1));
        }
    }
}

/// A range, cut into whole days and what is left of it at its ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    /// The whole days.
    first: EventTime,
    last: EventTime,
    edges: [(EventTime, EventTime); 2],
}

impl Cut {
    /// Cuts `[from, to)`.
    pub(crate) fn of(from: EventTime, to: EventTime) -> Self {
        // The first day that begins within the range, and the day that holds its end.
        let below = from.floor(DAY);
        let first = if below == from { from } else { EventTime(below.0.saturating_add(DAY.0)) };
        let last = to.floor(DAY).max(first);
        Self { first, last, edges: [(from, first.min(to)), (last, to)] }
    }

    /// Its ends, whose rows are added up one by one.
    pub(crate) fn edges_of(&self, views: &[ViewKind]) -> Vec<RowRange> {
        let of = |view: &ViewKind| self.edges.map(|(from, to)| RowRange { view: *view, from, to });
        views.iter().flat_map(of).filter(|range| range.from < range.to).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::Kept;
    use crate::live::Live;
    use gemba_schemas::view::WorkerHour;
    use std::convert::Infallible;

    #[test]
    fn any_range_comes_to_the_sum_of_its_rows() {
        let hour = |n: i64| {
            ViewRow::from(WorkerHour {
                worker: Name::new(["W1", "W2"][(n % 2) as usize]),
                // Half past, as on a clock that is half an hour off.
                hour: EventTime(n * Micros::HOUR.0 + Micros::HOUR.0 / 2),
                active_us: Micros(1 << (n % 50)),
                idle_us: Micros(n),
                absent_us: Micros::ZERO,
                units: 1,
                events: 2,
                observed_us: Micros::ZERO,
                rules: Name::default(),
            })
        };
        let all: Vec<ViewRow> = (0..120).map(hour).collect();
        let live = Live::default();
        live.advance(1, &all.iter().map(|row| (row.clone(), 1)).collect::<Vec<_>>());
        // What leaves leaves nothing behind.
        let (gone, all) = all.split_at(20);
        live.advance(2, &gone.iter().map(|row| (row.clone(), -1)).collect::<Vec<_>>());
        let within = |from, to| all.iter().filter(move |r| (from..to).contains(&r.bucket()));
        let bounds: Vec<_> =
            (-2..130).map(|n| EventTime(n * Micros::HOUR.0)).chain([EventTime::MIN, EventTime::MAX]).collect();
        // Final rows are in the store, and their days' sums are kept.
        for sealed in [None, Some(EventTime(3 * DAY.0))] {
            if let Some(before) = sealed {
                live.leave(&Kept::sealed(before));
            }
            for &from in &bounds {
                for &to in &bounds {
                    let mut expected: BTreeMap<&str, WorkSum> = BTreeMap::new();
                    for (name, sum) in within(from, to).filter_map(WorkSum::of) {
                        expected.entry(name.as_str()).or_default().add(&sum, 1);
                    }
                    let mut asked = 0;
                    let older = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| {
                        asked += within(range.from, range.to).inspect(|row| f(row)).count();
                        Ok::<_, Infallible>(())
                    };
                    let (_, sums) = live.work(&[ViewKind::WorkerHour], (from, to), older).unwrap();
                    assert_eq!(sums, [expected], "{from:?} {to:?}");
                    assert!(asked < 48, "at most two days are read of the store");
                }
            }
        }
        let mut sums = WorkSums::default();
        all.iter().for_each(|row| sums.change(row, 1));
        all.iter().for_each(|row| sums.change(row, -1));
        assert!(sums.0.is_empty());
    }
}
