//! `worker_hours`, `station_hours`, `floor_hours`, `unregistered`: what events say of workers and stations.
//!
//! ```text
//! rules → settings (one row, to every worker) ┐
//! events ─────────────────────────────────────┴→ tally ┬ additions to hours ──────────────┐
//!                                                      ├ activity until next → timelines ─┴→ sums of an hour ┬→ worker_hours ┐
//!                                                      │                                                     ├→ station_hours ┴→ floor_hours
//!                                                      ├ strangers → unregistered
//!                                                      ├ reports of models → drift
//!                                                      └ receipts
//! ```
//!
//! What cameras see adds to the sums of an hour, too: see [`stations`]. Where one watches a station events stand for no
//! time. Adding to an hour costs the same however much is in it.

mod events;
mod hours;
mod stations;
pub(crate) mod tally;
mod timeline;
mod watched;

pub use stations::Seen;

use crate::dedupe::Receipt;
use crate::drift::{Confidences, ModelHour};
use crate::event::Event;
use crate::rows::Rows;
use crate::rules::Rules;
use crate::tick::{at_close, at_close_two, part};
use differential_dataflow::hashable::Hashable;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{
    BadgeRule, ClockRule, ProductivityRule, Rule, StationRule, StationZoneRule, WorkerRule, digest,
};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{FloorHour, NameKind, StationHour, Unregistered, ViewRow};
use hours::Hours;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tally::{Amounts, Hour, Out, Tally};
use timeline::Timelines;
use watched::Watched;

/// All that decides how an event counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Settings {
    clock: ClockRule,
    rule: ProductivityRule,
    /// Registered names, sorted.
    workers: Vec<Name>,
    stations: Vec<Name>,
    /// Of the clock, the productivity rule, and which stations are watched.
    digest: Name,
    /// Of all that shapes an hour of the floor.
    floor: Name,
    /// What cameras have a part in.
    watched: Watched,
    /// Whether alerts look at events, so that it matters which came late.
    alerts: bool,
}

impl Settings {
    fn knows(&self, kind: NameKind, name: Name) -> bool {
        let known = match kind {
            NameKind::Worker => &self.workers,
            NameKind::Station => &self.stations,
        };
        known.binary_search(&name).is_ok()
    }

    /// Somebody's hour, with the digest of what shapes it.
    fn hour(&self, kind: NameKind, name: Name, hour: EventTime) -> Hour {
        Hour { kind, name, hour, rules: self.watched.digest_of(kind, name).unwrap_or(self.digest) }
    }
}

/// The parts of settings; the order of variants is that in which they are put together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Rule(ProductivityRule),
    Worker(WorkerRule),
    Station(StationRule),
    Clock(ClockRule),
    Zone(StationZoneRule),
    Badge(BadgeRule),
    Alerts,
}

/// Everything that events lead to.
pub struct Work<'scope> {
    /// The rows of `worker_hours` and `station_hours`.
    pub rows: Rows<'scope, ViewRow>,
    /// Hours of stations, while an alert watches them.
    pub watched: Rows<'scope, StationHour>,
    /// The view.
    pub floor: Rows<'scope, FloorHour>,
    /// The rows of `unregistered`.
    pub unregistered: Rows<'scope, ViewRow>,
    /// Additions to hours of models, for drift.
    pub models: Rows<'scope, (ModelHour, Box<Confidences>)>,
    /// Hours of models with an event that came late, and whether it stands for time.
    pub late: Rows<'scope, (ModelHour, bool)>,
    /// Events that were there already.
    pub receipts: Rows<'scope, Receipt>,
}

/// All views about work.
pub fn work<'scope>(events: Rows<'scope, Event>, seen: Seen<'scope>, rules: &Rules<'scope>) -> Work<'scope> {
    let scope = events.scope();
    let peers = scope.peers() as u64;
    let all_settings = settings(rules);
    let seen = stations::additions(seen, all_settings.clone(), rules);
    let settings = all_settings.clone().flat_map(move |s| (0..peers).map(move |worker| (worker, s.clone())));
    let mut tally = Tally::default();
    let routes = (|event: &Event| event.id.0, |(worker, _): &(u64, Settings)| *worker);
    let out = at_close_two((events, settings.clone()), "Tally of events", routes, move |events, settings, out| {
        tally.step(&events, settings, out);
    });
    let (hours, strangers, models, late, activity, receipts) = part!(out, "What events lead to", {
        hours: (Hour, Amounts), Out::Hour(hour, amounts) => (hour, amounts);
        strangers: Hour, Out::Stranger(hour) => hour;
        models: (ModelHour, Box<Confidences>), Out::Model(hour, confidences) => (hour, confidences);
        late: (ModelHour, bool), Out::Late(hour, timed) => (hour, timed);
        activity: (Event, Name), Out::Timeline(boxed) => *boxed;
        receipts: Receipt, Out::Refused(receipt) => *receipt;
    });
    let mut timelines = Timelines::default();
    let routes = (|(event, _): &(Event, Name)| event.worker.hashed(), |(worker, _): &(u64, Settings)| *worker);
    let until_next =
        at_close_two((activity, settings), "Activity until the next", routes, move |rows, settings, out| {
            timelines.step(rows, settings, out);
        });
    let Hours { rows, watched, floor } = hours::hours(hours.concatenate([until_next, seen]), all_settings, rules);
    Work { rows, watched, floor, unregistered: unregistered(strangers), models, late, receipts }
}

fn settings<'scope>(rules: &Rules<'scope>) -> Rows<'scope, Settings> {
    let parts = rules.productivity.clone().map(|r| ((), Part::Rule(r))).concatenate([
        rules.workers.clone().map(|r| ((), Part::Worker(r))),
        rules.stations.clone().map(|r| ((), Part::Station(r))),
        rules.clock.clone().map(|r| ((), Part::Clock(r))),
        rules.station_zones.clone().map(|r| ((), Part::Zone(r))),
        rules.badges.clone().map(|r| ((), Part::Badge(r))),
        rules.alerts.clone().flat_map(|(r, _)| r.kind.is_of_events().then_some(((), Part::Alerts))),
        rules.reports.clone().map(|_| ((), Part::Alerts)),
    ]);
    parts
        .reduce_by_key("Settings of productivity", |(), parts, out| {
            let (mut clock, mut rule, mut workers, mut stations) = (None, None, Vec::new(), Vec::new());
            let (mut zones, mut badges, mut alerts) = (Vec::new(), Vec::new(), false);
            for (part, _) in parts {
                match part {
                    // Of several, which a valid site has not, the least.
                    Part::Rule(r) => rule = rule.or(Some(r)),
                    Part::Clock(r) => clock = Some(r),
                    Part::Worker(r) => workers.push(r.worker),
                    Part::Station(r) => stations.push(r.station),
                    Part::Zone(r) => zones.push(r),
                    Part::Badge(r) => badges.push(r),
                    Part::Alerts => alerts = true,
                }
            }
            let (Some(clock), Some(rule)) = (clock, rule) else { return };
            workers.sort_unstable();
            stations.sort_unstable();
            let digest = digest([&Rule::Clock(clock.clone()), &Rule::Productivity(rule.clone())]);
            let (watched, digest, floor) = Watched::new(&zones, &badges, digest);
            let (clock, rule) = (clock.clone(), rule.clone());
            out.push((Settings { clock, rule, workers, stations, digest, floor, watched, alerts }, 1));
        })
        .map(|((), settings)| settings)
}

/// Events of a stranger, by hour.
#[derive(Default)]
struct Stranger {
    hours: BTreeMap<EventTime, isize>,
    events: isize,
}

/// Another event of an hour that is known changes one number, and looks at no other hour.
fn unregistered<'scope>(strangers: Rows<'scope, Hour>) -> Rows<'scope, ViewRow> {
    type Key = (NameKind, Name, Name);
    let mut seen: BTreeMap<Key, Stranger> = BTreeMap::new();
    let row = |(kind, name, rules): Key, seen: &Stranger| {
        let (first_hour, last_hour) = (*seen.hours.first_key_value()?.0, *seen.hours.last_key_value()?.0);
        Some(ViewRow::from(Unregistered { kind, name, first_hour, last_hour, events: seen.events as u64, rules }))
    };
    at_close(
        strangers,
        "Unregistered",
        |hour| hour.name.hashed(),
        move |rows, out| {
            let mut touched: BTreeMap<Key, Vec<(EventTime, isize)>> = BTreeMap::new();
            for (hour, n) in rows {
                touched.entry((hour.kind, hour.name, hour.rules)).or_default().push((hour.hour, n));
            }
            for (key, added) in touched {
                let kept = seen.entry(key).or_default();
                let before = row(key, kept);
                for (hour, n) in added {
                    let count = kept.hours.entry(hour).or_default();
                    *count += n;
                    kept.events += n;
                    if *count == 0 {
                        kept.hours.remove(&hour);
                    }
                }
                let after = row(key, kept);
                if after.is_none() {
                    seen.remove(&key);
                }
                if before != after {
                    out.extend(before.map(|row| (row, -1)));
                    out.extend(after.map(|row| (row, 1)));
                }
            }
        },
    )
}
