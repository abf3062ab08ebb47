//! Rows that hold for a stretch of `now`.
//!
//! In: rows with the stretch `[from, until)` in which they hold, and `now`; of several the latest counts. Out: the
//! rows that hold at now; none without a now. A move of now costs what it changes: the rows whose stretch begins or
//! ends on the way, whichever way it moves.
//!
//! State: every row twice, by the instants at which it comes and goes.

use super::tick::{Change, at_close};
use crate::rows::Rows;
use differential_dataflow::ExchangeData;
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::time::EventTime;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound::{Excluded, Included, Unbounded};

/// A row and when it holds: from the first instant on, up to before the second ([`EventTime::MAX`]: for ever).
pub type Held<R> = (EventTime, EventTime, R);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Event<R> {
    /// Now, as told to one worker.
    Now(u64, EventTime),
    Row(Held<R>),
}

/// The rows that hold at now.
pub fn at_now<'scope, R: ExchangeData + Hashable<Output = u64>>(
    rows: Rows<'scope, Held<R>>,
    now: Rows<'scope, EventTime>,
    name: &str,
) -> Rows<'scope, R> {
    let workers = rows.peers() as u64;
    let now = now.flat_map(move |now| (0..workers).map(move |worker| Event::Now(worker, now)));
    let route = |event: &Event<R>| match event {
        Event::Now(worker, _) => *worker,
        Event::Row((_, _, row)) => row.hashed(),
    };
    let mut timeline = Timeline { changes: BTreeMap::new(), nows: BTreeMap::new() };
    at_close(rows.map(Event::Row).concat(now), name, route, move |events, out| timeline.step(events, out))
}

struct Timeline<R> {
    /// What each instant changes.
    changes: BTreeMap<EventTime, BTreeMap<R, isize>>,
    nows: BTreeMap<EventTime, isize>,
}

impl<R: Clone + Ord> Timeline<R> {
    fn now(&self) -> Option<EventTime> {
        self.nows.iter().rfind(|(_, n)| **n > 0).map(|(now, _)| *now)
    }

    fn step(&mut self, events: Vec<Change<Event<R>>>, out: &mut Vec<Change<R>>) {
        let before = self.now();
        for (event, n) in events {
            match event {
                Event::Now(_, ts) => add(&mut self.nows, ts, n),
                Event::Row((from, until, row)) => {
                    self.change(from, row.clone(), n, before, out);
                    if until < EventTime::MAX {
                        self.change(until, row, -n, before, out);
                    }
                }
            }
        }
        let after = self.now();
        let (low, high, sign) = if before < after { (before, after, 1) } else { (after, before, -1) };
        // Nothing lies between equal bounds, and such a range would panic.
        if low != high {
            let range = (low.map_or(Unbounded, Excluded), high.map_or(Unbounded, Included));
            let passed = self.changes.range(range).flat_map(|(_, rows)| rows);
            out.extend(passed.map(|(row, n)| (row.clone(), sign * n)));
        }
        consolidate(out);
    }

    /// Notes that `n` occurrences of a row come at an instant.
    fn change(&mut self, at: EventTime, row: R, n: isize, now: Option<EventTime>, out: &mut Vec<Change<R>>) {
        if Some(at) <= now {
            out.push((row.clone(), n));
        }
        let rows = self.changes.entry(at).or_default();
        add(rows, row, n);
        if rows.is_empty() {
            self.changes.remove(&at);
        }
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, isize>, key: K, n: isize) {
    match counts.entry(key) {
        Entry::Vacant(slot) if n != 0 => {
            slot.insert(n);
        }
        Entry::Vacant(_) => {}
        Entry::Occupied(mut slot) => {
            *slot.get_mut() += n;
            if *slot.get() == 0 {
                slot.remove();
            }
        }
    }
}
