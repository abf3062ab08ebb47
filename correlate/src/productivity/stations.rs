//! Activity from cameras: what is seen in zones that stand for workstations.
//!
//! ```text
//! visits that count ┐
//! observed minutes  ├ ⋈ station zones → per (zone, quarter of an hour) → time per state ┬ own, badges ───────┐
//! motion            │                                        │                          └ carried in ┐       │
//! reads ⋈ badges ───┘                                        └→ chain of quarters → who is carried ──┴→ ⋈ settings → additions to hours
//! ```
//!
//! Somebody is there in a *presence*: a union of visits with no gap longer than the zone's bridge. Something moves in a
//! *spell*: a union of samples at or above the threshold with no gap longer than `idle_after`. Of the time that was
//! observed a presence with a spell is working, without one idle, the rest absent. A badge that is read in a presence
//! (one that is seen already when it begins is read then) makes the rest of it its worker's; of several the one read last.
//!
//! A quarter sees all that lies in it or so near that it decides about gaps in it, and nothing else: what changes costs
//! its quarters. Only who was there when a quarter began comes from the quarters before.

use super::Settings;
use super::tally::{Amounts, Hour, time_in};
use crate::coverage::Pieces;
use crate::rows::Rows;
use crate::rules::Rules;
use crate::sightings::AtStation;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::fact::ActivityState;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{STATION_KIND, StationZoneRule};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{NameKind, ZoneVisit};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// A quarter of an hour: every zone's hours begin with one.
const QUARTER: Micros = Micros(15 * Micros::MINUTE.0);

/// The least length of time.
const INSTANT: Micros = Micros(1);

/// Quarters that one stretch may lie in: those of 35 days, the horizon of facts.
const MOST: usize = 35 * 96;

/// Quarters share this many join keys towards the one row of settings.
const SHARDS: u64 = 64;

/// From an instant to another.
type Stretch = (EventTime, EventTime);

/// One station in one quarter of an hour.
type Key = (StationZoneRule, EventTime);

/// What there is of a quarter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Observed(EventTime, EventTime),
    Visit(EventTime, EventTime),
    Moving(EventTime, EventTime),
    Badge(EventTime, EventTime, Name),
}

/// Whose time it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Who {
    /// The worker that was there when the quarter began.
    Carried,
    /// The station's worker, if it has one.
    Own,
    /// The worker whose badge was read.
    Badge(Name),
}

/// What a quarter comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Finding {
    /// Time working, idle and absent, µs.
    Time(Who, [i64; 3]),
    /// Whether a presence goes on from the quarter before, and who is there when the next begins.
    Link(bool, Option<Who>),
}

/// Who is carried into a quarter, and what is to be theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Share {
    Carry(Name),
    Time([i64; 3]),
}

/// The quarters that a stretch touches.
fn quarters((from, to): Stretch) -> impl Iterator<Item = EventTime> {
    let next = |quarter: &EventTime| Some(*quarter + QUARTER);
    std::iter::successors(Some(from.floor(QUARTER)), next).take_while(move |quarter| *quarter <= to).take(MOST)
}

/// Merges stretches, sorted by their start, that are no more than `gap` apart.
fn merged(stretches: impl Iterator<Item = Stretch>, gap: Micros) -> Vec<Stretch> {
    let mut merged: Vec<Stretch> = Vec::new();
    for (from, to) in stretches {
        match merged.last_mut() {
            Some(last) if from - last.1 <= gap => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// What two lists of disjoint stretches have in common. Both are sorted.
fn common(a: &[Stretch], b: &[Stretch]) -> Vec<Stretch> {
    let (mut i, mut j) = (0, 0);
    let mut common = Vec::new();
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let (from, to) = (x.0.max(y.0), x.1.min(y.1));
        if from < to {
            common.push((from, to));
        }
        if x.1 < y.1 { i += 1 } else { j += 1 }
    }
    common
}

fn length(stretches: &[Stretch]) -> i64 {
    stretches.iter().map(|(from, to)| (*to - *from).0).sum()
}

/// A quarter, put together.
fn summarise((plan, quarter): &Key, parts: &[(&Part, isize)]) -> Vec<Finding> {
    let end = *quarter + QUARTER;
    // Parts are sorted by kind, then by their start.
    let of = |kind: fn(&Part) -> Option<Stretch>| parts.iter().filter_map(move |(part, _)| kind(part));
    let observed = merged(of(|p| if let Part::Observed(a, b) = p { Some((*a, *b)) } else { None }), Micros::ZERO);
    let presences = merged(of(|p| if let Part::Visit(a, b) = p { Some((*a, *b)) } else { None }), plan.bridge);
    let spells = merged(of(|p| if let Part::Moving(a, b) = p { Some((*a, *b)) } else { None }), plan.idle_after);
    let busy = common(&observed, &spells);

    let mut time: Vec<(Who, [i64; 3])> = Vec::new();
    let mut add = |who: Who, from: EventTime, to: EventTime| {
        let stretch = [(from, to)];
        let working = length(&common(&busy, &stretch));
        let there = length(&common(&observed, &stretch));
        match time.iter_mut().find(|(known, _)| *known == who) {
            Some((_, sums)) => (sums[0], sums[1]) = (sums[0] + working, sums[1] + there - working),
            None => time.push((who, [working, there - working, 0])),
        }
        there
    };
    let (mut there, mut enters, mut leaves) = (0, false, None);
    for (from, to) in presences.into_iter().filter(|(from, to)| *to >= *quarter && *from < end) {
        let begun = from < *quarter;
        enters |= begun;
        // When a badge is read here, when it is last seen, whose it is.
        let mut reads: Vec<_> = parts
            .iter()
            .filter_map(|(part, _)| {
                let Part::Badge(first, last, worker) = part else { return None };
                let ts = from.max(*first);
                (ts <= to.min(*last) && *quarter <= ts && ts < end).then_some((
                    ts,
                    *last,
                    Reverse(worker.as_str()),
                    *worker,
                ))
            })
            .collect();
        reads.sort_unstable();
        let mut who = if begun && plan.badges { Who::Carried } else { Who::Own };
        let mut at = from.max(*quarter);
        for (ts, _, _, worker) in reads {
            there += add(who, at, ts);
            (who, at) = (Who::Badge(worker), ts);
        }
        there += add(who, at, to.min(end));
        if to >= end {
            leaves = Some(who);
        }
    }
    let absent = length(&observed) - there;
    time.push((Who::Own, [0, 0, absent]));
    let mut findings: Vec<_> = time.into_iter().map(|(who, sums)| Finding::Time(who, sums)).collect();
    if plan.badges && (enters || leaves.is_some()) {
        findings.push(Finding::Link(enters, leaves));
    }
    findings
}

/// A quarter of a station: whether somebody's presence enters it, and who is there as one leaves it.
type Link = (EventTime, bool, Option<Who>);

/// Who is carried into which quarter, from the links of a station in order.
fn chain(links: &[(&Link, isize)]) -> Vec<(EventTime, Name)> {
    let mut carried: Option<(EventTime, Name)> = None;
    let mut all = Vec::new();
    for ((quarter, enters, leaves), _) in links {
        let here = carried.filter(|(at, _)| *enters && at == quarter).map(|(_, worker)| worker);
        all.extend(here.map(|worker| (*quarter, worker)));
        let worker = match leaves {
            Some(Who::Badge(worker)) => Some(*worker),
            Some(Who::Carried) => here,
            Some(Who::Own) | None => None,
        };
        carried = worker.map(|worker| (*quarter + QUARTER, worker));
    }
    all
}

/// What cameras see, as far as stations are concerned.
pub struct Seen<'scope> {
    /// Visits to zones.
    pub visits: Rows<'scope, ZoneVisit>,
    /// The observed parts of minutes.
    pub observed: Rows<'scope, ((Name, EventTime), Pieces)>,
    /// What was read in station zones that take badges, by text.
    pub badges: Rows<'scope, (String, AtStation)>,
    /// When something moved in station zones.
    pub moving: Rows<'scope, AtStation>,
}

/// Time that cameras add to the hours of workers and stations.
pub fn additions<'scope>(
    seen: Seen<'scope>,
    settings: Rows<'scope, Settings>,
    rules: &Rules<'scope>,
) -> Rows<'scope, (Hour, Amounts)> {
    let findings = parts(seen, rules).reduce_by_key("Activity of a quarter at a station", |key, parts, out| {
        out.extend(summarise(key, parts).into_iter().map(|finding| (finding, 1)));
    });
    let carried = findings
        .clone()
        .flat_map(|((plan, quarter), finding)| match finding {
            Finding::Link(enters, leaves) => Some((plan, (quarter, enters, leaves))),
            Finding::Time(..) => None,
        })
        .reduce_by_key("Who is at a station", |_, links, out| {
            out.extend(chain(links).into_iter().map(|carry| (carry, 1)));
        })
        .map(|(plan, (quarter, worker))| ((plan, quarter), Share::Carry(worker)));
    let shares = findings.clone().flat_map(|(key, finding)| match finding {
        Finding::Time(Who::Carried, time) => Some((key, Share::Time(time))),
        _ => None,
    });
    let shares = shares.concat(carried).reduce_by_key("Time of who was carried", |(plan, _), shares, out| {
        let mut worker = plan.worker;
        // Who comes before what is theirs, in the sort order.
        for (share, _) in shares {
            match share {
                Share::Carry(badge) => worker = Some(*badge),
                Share::Time(time) => out.push(((worker, *time), 1)),
            }
        }
    });
    let times = findings.flat_map(|((plan, quarter), finding)| match finding {
        Finding::Time(Who::Own, time) => Some(((plan, quarter), (plan.worker, time))),
        Finding::Time(Who::Badge(worker), time) => Some(((plan, quarter), (Some(worker), time))),
        Finding::Time(Who::Carried, _) | Finding::Link(..) => None,
    });
    let settings = settings.flat_map(|settings| (0..SHARDS).map(move |shard| (shard, settings.clone())));
    let mut calendar = Calendar::default();
    times
        .concat(shares)
        .map(|((plan, quarter), (worker, time))| {
            (plan.station.hashed() % SHARDS, (plan.station, quarter, worker, time))
        })
        .join_by_key("Time at stations in its hours", settings, move |_, (station, quarter, worker, time), settings| {
            let hour = calendar.hour(&settings.clock, *quarter);
            let own = [Some((NameKind::Station, *station)), worker.map(|worker| (NameKind::Worker, worker))];
            own.map(|own| own.map(|(kind, name)| (settings.hour(kind, name, hour), *time)))
        })
        .flat_map(|addition| addition)
        .map(|(hour, [working, idle, absent])| {
            let mut amounts = Amounts::default();
            let states = [ActivityState::Working, ActivityState::Idle, ActivityState::Absent];
            for (state, time) in states.into_iter().zip([working, idle, absent]) {
                amounts[time_in(state)] = time as isize;
            }
            (hour, amounts)
        })
}

/// What each quarter of each station is put together from.
fn parts<'scope>(seen: Seen<'scope>, rules: &Rules<'scope>) -> Rows<'scope, (Key, Part)> {
    let plans = rules.station_zones.clone().map(|plan| (plan.camera, plan));
    let zones = rules.station_zones.clone().map(|plan| ((plan.camera, plan.zone), plan));
    let kind = Name::new(STATION_KIND);
    let visits = seen
        .visits
        .flat_map(move |v| (v.kind == kind && v.counted).then_some(((v.camera, v.zone), (v.entered, v.left))))
        .join_by_key("Visits to stations", zones, |_, (entered, left), plan| {
            let (plan, stretch) = (*plan, (*entered, *left));
            quarters((stretch.0 - plan.bridge, stretch.1 + plan.bridge)).map(move |quarter| {
                // Cut to what the quarter must know, so that it does not change while a visit goes on elsewhere.
                let from = stretch.0.max(quarter - plan.bridge - INSTANT);
                let to = stretch.1.min(quarter + QUARTER + plan.bridge);
                ((plan, quarter), Part::Visit(from, to))
            })
        });
    let observed = seen
        .observed
        .flat_map(|((camera, minute), pieces)| {
            let at = move |offset: u32| minute + Micros(i64::from(offset));
            pieces.into_iter().map(move |(from, to)| (camera, (at(from), at(to))))
        })
        .join_by_key("Observed stretches of stations", plans, |_, (from, to), plan| {
            [((*plan, from.floor(QUARTER)), Part::Observed(*from, *to))]
        });
    let moving = seen.moving.flat_map(|(plan, from, to)| {
        let near = quarters((from - plan.idle_after, to + plan.idle_after));
        near.map(move |quarter| ((plan, quarter), Part::Moving(from, to)))
    });
    let badges = rules.badges.clone().map(|badge| (badge.badge, badge.worker));
    let badges = seen.badges.join_by_key("Badges at stations", badges, |_, (plan, first, last), worker| {
        let (plan, first, last, worker) = (*plan, *first, *last, *worker);
        quarters((first, last)).map(move |quarter| ((plan, quarter), Part::Badge(first, last, worker)))
    });
    visits.concatenate([observed, moving, badges])
}
