//! Durations until the next event: each worker's activity in order.
//!
//! In: activity events, with the digest of the settings under which they count, and the settings. Out: time added to the hours of the worker and
//! of the station. State: one entry per event. An event that comes or goes changes its own length and that of the
//! one before it, nothing else.

use super::Settings;
use super::tally::{Amounts, Hour, time_in};
use crate::event::{Event, What};
use crate::sums::{FastMap, Sums};
use crate::tick::Change;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::fact::ActivityState;
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::NameKind;
use std::collections::BTreeMap;

type Place = (EventTime, FactId);

#[derive(Default)]
struct Line {
    events: BTreeMap<Place, (ActivityState, Name)>,
}

/// The timelines of all workers.
#[derive(Default)]
pub struct Timelines {
    /// By worker and the digest of all settings, so that an edit never mixes two rules.
    lines: FastMap<(Name, Name), Line>,
    /// By their digest.
    settings: BTreeMap<Name, Settings>,
    calendar: Calendar,
    sums: Sums<Hour, Amounts>,
}

impl Timelines {
    /// Takes in the updates of one tick.
    pub fn step(
        &mut self,
        rows: Vec<Change<(Event, Name)>>,
        settings: Vec<Change<(u64, Settings)>>,
        out: &mut Vec<Change<(Hour, Amounts)>>,
    ) {
        let (come, gone): (Vec<_>, Vec<_>) = settings.into_iter().partition(|(_, diff)| *diff > 0);
        let come: BTreeMap<Name, Settings> = come.into_iter().map(|((_, s), _)| (s.floor, s)).collect();
        self.settings.extend(come.iter().map(|(digest, s)| (*digest, s.clone())));
        for ((event, digest), diff) in rows {
            let (What::Did(state), Some(settings)) = (event.what, self.settings.get(&digest)) else { continue };
            let place = (event.ts, event.id);
            let line = self.lines.entry((event.worker, digest)).or_default();
            let (sums, calendar) = (&mut self.sums, &mut self.calendar);
            let worker = event.worker;
            let mut add = |line: &Line, at: Place, sign| spans(line, at, (worker, settings), calendar, sums, sign);
            let before = line.events.range(..place).next_back().map(|(at, _)| *at);
            if diff > 0 {
                before.into_iter().for_each(|at| add(line, at, -1));
                line.events.insert(place, (state, event.station));
                before.into_iter().for_each(|at| add(line, at, 1));
                add(line, place, 1);
            } else {
                add(line, place, -1);
                before.into_iter().for_each(|at| add(line, at, -1));
                line.events.remove(&place);
                before.into_iter().for_each(|at| add(line, at, 1));
            }
            if line.events.is_empty() {
                self.lines.remove(&(event.worker, digest));
            }
        }
        // What leaves was needed until now, to take back what it had led to.
        for ((_, old), _) in gone {
            if !come.contains_key(&old.floor) {
                self.settings.remove(&old.floor);
            }
        }
        out.extend(self.sums.drain().map(|added| (added, 1)));
    }
}

/// Adds the time of the event at a place, divided at the ends of local hours.
fn spans(
    line: &Line,
    at: Place,
    (worker, settings): (Name, &Settings),
    calendar: &mut Calendar,
    sums: &mut Sums<Hour, Amounts>,
    sign: isize,
) {
    let Some(&(state, station)) = line.events.get(&at) else { return };
    // A camera says what was done there; the event only ends the one before it.
    if settings.watched.watches(station) {
        return;
    }
    let after = (std::ops::Bound::Excluded(at), std::ops::Bound::Unbounded);
    let next = line.events.range(after).next().map(|(next, _)| next.0);
    let longest = at.0 + settings.rule.max_gap;
    let end = next.map_or(longest, |next| next.min(longest));
    let mut from = at.0;
    while from < end {
        let hour = calendar.hour(&settings.clock, from);
        // Hours begin at whole minutes; the next one is where the hour of a minute is another.
        let mut to = hour + Micros::HOUR;
        if to <= from || calendar.hour(&settings.clock, to - Micros::MINUTE) != hour {
            to = from.floor(Micros::MINUTE) + Micros::MINUTE;
        }
        let to = to.min(end);
        for (kind, name) in [(NameKind::Worker, worker), (NameKind::Station, station)] {
            sums.of(settings.hour(kind, name, hour))[time_in(state)] += (to - from).0 as isize * sign;
        }
        from = to;
    }
}
