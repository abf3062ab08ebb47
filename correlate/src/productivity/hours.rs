//! `worker_hours`, `station_hours`, `floor_hours`: sums of an hour, and what they come to.
//!
//! In: additions to hours. Out: the rows of workers and stations whose sums they change; what that changes for the floor
//! is summed on the spot, so that one update per hour goes on to it. State: the sums.

use super::Settings;
use super::tally::{Amounts, EVENTS, Hour, UNITS};
use crate::rows::Rows;
use crate::rules::Rules;
use crate::sums::{Amount, Kept, Sums, route};
use crate::tick::{at_close_two, part};
use gemba_schemas::id::Name;
use gemba_schemas::rule::AlertKind;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{FloorHour, NameKind, StationHour, ViewRow, WorkerHour};
use std::collections::BTreeMap;

/// What hours come to.
pub struct Hours<'scope> {
    /// The rows of workers and stations.
    pub rows: Rows<'scope, ViewRow>,
    /// Hours of stations, while an alert watches them.
    pub watched: Rows<'scope, StationHour>,
    /// The view.
    pub floor: Rows<'scope, FloorHour>,
}

/// What goes out of the sums.
#[derive(Clone)]
enum Out {
    Row(ViewRow),
    Watched(StationHour),
    Floor(EventTime, Box<Shares>),
}

/// What hours of workers and stations add to one of the floor, by place: of workers the time working, idle, absent, units,
/// events, how many were there, their utilisations; of stations how many were in use, their utilisations.
type Shares = [isize; 9];

/// The views.
pub fn hours<'scope>(
    additions: Rows<'scope, (Hour, Amounts)>,
    settings: Rows<'scope, Settings>,
    rules: &Rules<'scope>,
) -> Hours<'scope> {
    let peers = additions.peers() as u64;
    let watchers = rules.alerts.clone().flat_map(move |(rule, _)| {
        let watched = if rule.kind == AlertKind::StationUtilisation { peers } else { 0 };
        0..watched
    });
    let mut kept: Kept<Hour, Amounts> = Kept::default();
    let mut floor: Sums<EventTime, Shares> = Sums::default();
    let mut watching = 0;
    let routes = (route, |worker: &u64| *worker);
    let all = at_close_two((additions, watchers), "Sums of an hour", routes, move |added, watchers, out| {
        let before = watching;
        watching += watchers.iter().map(|(_, n)| n).sum::<isize>();
        if (before > 0) != (watching > 0) {
            let stations = kept.iter().filter(|(hour, _)| hour.kind == NameKind::Station);
            let sign = if watching > 0 { 1 } else { -1 };
            out.extend(stations.map(|(hour, sums)| (Out::Watched(station_hour(hour, sums)), sign)));
        }
        kept.add(added, |hour, sums, sign| {
            floor.of(hour.hour).add(&shares(hour, sums), sign);
            let row = match hour.kind {
                NameKind::Worker => ViewRow::from(worker_hour(hour, sums)),
                NameKind::Station => {
                    let row = station_hour(hour, sums);
                    if watching > 0 {
                        out.push((Out::Watched(row.clone()), sign));
                    }
                    ViewRow::from(row)
                }
            };
            out.push((Out::Row(row), sign));
        });
        out.extend(floor.drain().map(|(hour, shares)| (Out::Floor(hour, Box::new(shares)), 1)));
    });
    let (rows, watched, floor) = part!(all, "Hours of workers and stations", {
        rows: ViewRow, Out::Row(row) => row;
        watched: StationHour, Out::Watched(row) => row;
        floor: (EventTime, Box<Shares>), Out::Floor(hour, shares) => (hour, shares);
    });
    Hours { rows, watched, floor: floor_hours(floor, settings) }
}

/// The time in each state, units and events.
fn parts(sums: &Amounts) -> ([Micros; 3], u64, u64) {
    // The sum of a set of events is never below zero.
    let [units, events] = [UNITS, EVENTS].map(|place| u64::try_from(sums[place]).unwrap_or(0));
    ([0, 1, 2].map(|place| Micros(sums[place] as i64)), units, events)
}

fn worker_hour(hour: &Hour, sums: &Amounts) -> WorkerHour {
    let ([active_us, idle_us, absent_us], units, events) = parts(sums);
    let observed_us = active_us + idle_us + absent_us;
    let Hour { name: worker, hour, rules, .. } = *hour;
    WorkerHour { worker, hour, active_us, idle_us, absent_us, units, events, observed_us, rules }
}

fn station_hour(hour: &Hour, sums: &Amounts) -> StationHour {
    let ([working_us, idle_us, absent_us], units, events) = parts(sums);
    let observed_us = working_us + idle_us + absent_us;
    let Hour { name: station, hour, rules, .. } = *hour;
    StationHour { station, hour, working_us, idle_us, absent_us, units, events, observed_us, rules }
}

fn shares(hour: &Hour, sums: &Amounts) -> Shares {
    let ([active, idle, absent], units, events) = parts(sums);
    let there = active + idle;
    // Less than 10⁶ × 24 h × 3600 × 10⁶ µs: within i64.
    let share = if there.0 > 0 { (i128::from(active.0) * 1_000_000 / i128::from(there.0)) as isize } else { 0 };
    let some = isize::from(there.0 > 0);
    let [active, idle, absent] = [active, idle, absent].map(|t| t.0 as isize);
    match hour.kind {
        NameKind::Worker => [active, idle, absent, units as isize, events as isize, some, share, 0, 0],
        NameKind::Station => [0, 0, 0, 0, 0, 0, 0, some, share],
    }
}

/// The floor's hours, on one worker: there are as many as hours.
fn floor_hours<'scope>(
    shares: Rows<'scope, (EventTime, Box<Shares>)>,
    settings: Rows<'scope, Settings>,
) -> Rows<'scope, FloorHour> {
    let mut kept: Kept<EventTime, Shares> = Kept::default();
    let mut digest: Option<Name> = None;
    let mut digests: BTreeMap<Name, isize> = BTreeMap::new();
    let routes = (|_: &(EventTime, Box<Shares>)| 0, |_: &Settings| 0);
    at_close_two((shares, settings), "Hours of the floor", routes, move |added, settings, out| {
        // Other settings may have the same digest.
        for (settings, diff) in settings {
            *digests.entry(settings.floor).or_default() += diff;
        }
        digests.retain(|_, n| *n != 0);
        let now = digests.keys().next().copied();
        let mut tell = |digest: Option<Name>, hour: &EventTime, sums: &Shares, sign| {
            out.extend(digest.map(|rules| (floor_hour(*hour, sums, rules), sign)));
        };
        if now != digest {
            kept.iter().for_each(|(hour, sums)| tell(digest, hour, sums, -1));
            kept.iter().for_each(|(hour, sums)| tell(now, hour, sums, 1));
            digest = now;
        }
        kept.add(added, |hour, sums, sign| tell(now, hour, sums, sign));
    })
}

fn floor_hour(hour: EventTime, sums: &Shares, rules: Name) -> FloorHour {
    let [active, idle, absent, units, events, workers, worker_share, stations, station_share] = sums.map(|n| n as i64);
    FloorHour {
        hour,
        active_us: Micros(active),
        idle_us: Micros(idle),
        absent_us: Micros(absent),
        units: units as u64,
        events: events as u64,
        observed_us: Micros(active + idle + absent),
        workers: workers as u32,
        worker_utilisation_ppm: worker_share as u64,
        stations: stations as u32,
        station_utilisation_ppm: station_share as u64,
        rules,
    }
}
