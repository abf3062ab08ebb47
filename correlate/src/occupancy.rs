//! `occupancy_minutes`, `_hours`, `_days` and `_months`: how many were inside a line, or in a zone.
//!
//! ```text
//! crossings, visits → steps (+1, −1) ─┐
//! observed minutes ⋈ scopes ──────────┴→ minute relative to its start → ⋈ scopes, clock → per reset day
//! net per day → chain of days → what each day starts with ───────────────────────────────→ rows → sums
//! ```
//!
//! The count is a right-continuous step function of time: a step at an instant counts from that instant on.
//! * Scope *line*: +1 at an entry, −1 at an exit; starts from 0 at each daily reset. What the reset took away is
//!   the `residual` of the first observed minute after it (the sum of all days since the previous observed minute's day).
//! * Scope *zone*: +1 where a visit entered, −1 where it left; a visit that is open has not left. It is not
//!   reset, so each day starts with what the days before left.
//!
//! Hours, days and months are [`sums`]. A minute's summary is relative to its start, so an event changes one minute, and then the chain of its day.

mod sums;

use super::coverage::Pieces;
use super::rules::Rules;
use crate::rows::Rows;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{ClockRule, Rule, digest};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{LineCrossing, OccupancyMinute, ScopeKind, VisitEnd, ZoneVisit};
use serde::{Deserialize, Serialize};
use sums::Sums;

/// One line's inside or one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    camera: Name,
    kind: ScopeKind,
    name: Name,
}

/// A scope's clock and digest.
type Ruled = (ClockRule, Name);

/// The hour and the calendar day of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Place {
    hour: EventTime,
    day: EventTime,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Observed(Pieces),
    /// A step of the count, at an offset into the minute.
    Step(u32, i32),
}

/// A minute, relative to the count at its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Minute {
    net: i32,
    entries: u32,
    exits: u32,
    observed: i64,
    occupied: i64,
    max: i32,
    min: i32,
}

/// What a day starts with, and what was taken away before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum OfDay {
    /// Before the minutes, in the sort order.
    Start {
        carry: i32,
        residual: i32,
    },
    Minute {
        minute: EventTime,
        place: Place,
        relative: Minute,
        rules: Name,
    },
}

fn step(scope: Scope, ts: EventTime, delta: i32) -> ((Scope, EventTime), Part) {
    let minute = ts.floor(Micros::MINUTE);
    ((scope, minute), Part::Step((ts - minute).0 as u32, delta))
}

fn summarise(parts: &[(&Part, isize)]) -> Minute {
    let mut m = Minute::default();
    let pieces: &[(u32, u32)] = parts
        .iter()
        .find_map(|(p, _)| if let Part::Observed(v) = p { Some(v.as_slice()) } else { None })
        .unwrap_or(&[]);
    let mut extremes: Option<(i32, i32)> = None;
    // The count holds over [from, to): add its observed part.
    let mut hold = |m: &mut Minute, from: u32, to: u32| {
        for &(a, b) in pieces {
            let overlap = i64::from(b.min(to)) - i64::from(a.max(from));
            if overlap > 0 {
                m.observed += overlap;
                m.occupied += overlap * i64::from(m.net);
                let (max, min) = extremes.unwrap_or((m.net, m.net));
                extremes = Some((max.max(m.net), min.min(m.net)));
            }
        }
        (m.max, m.min) = extremes.unwrap_or((0, 0));
    };
    let mut from = 0;
    // Parts are sorted: the observed part, then steps by offset.
    for (part, n) in parts {
        let Part::Step(offset, delta) = part else { continue };
        hold(&mut m, from, *offset);
        from = *offset;
        m.net += delta * *n as i32;
        let count = u32::try_from(*n).unwrap_or(0);
        if *delta > 0 { m.entries += count } else { m.exits += count }
    }
    hold(&mut m, from, Micros::MINUTE.0 as u32);
    m
}

fn chain(scope: &Scope, parts: &[(&OfDay, isize)], out: &mut Vec<((Place, OccupancyMinute), isize)>) {
    let (mut count, mut residual) = (0, 0);
    for (part, _) in parts {
        match part {
            OfDay::Start { carry, residual: taken } => (count, residual) = (*carry, *taken),
            OfDay::Minute { minute, place, relative: m, rules } => {
                if m.observed > 0 {
                    let row = OccupancyMinute {
                        camera: scope.camera,
                        scope_kind: scope.kind,
                        scope: scope.name,
                        minute: *minute,
                        entries: m.entries,
                        exits: m.exits,
                        occupied_us: Micros(m.occupied + i64::from(count) * m.observed),
                        observed_us: Micros(m.observed),
                        max: m.max + count,
                        min: m.min + count,
                        last: m.net + count,
                        residual: std::mem::take(&mut residual),
                        rules: *rules,
                    };
                    out.push(((*place, row), 1));
                }
                count += m.net;
            }
        }
    }
}

/// The four views.
pub struct Occupancy<'scope> {
    /// `occupancy_minutes`.
    pub minutes: Rows<'scope, OccupancyMinute>,
    /// `occupancy_hours`, `_days` and `_months`.
    pub sums: Sums<'scope>,
}

/// The four views.
pub fn occupancy<'scope>(
    crossings: Rows<'scope, LineCrossing>,
    visits: Rows<'scope, ZoneVisit>,
    observed: Rows<'scope, ((Name, EventTime), Pieces)>,
    rules: &Rules<'scope>,
) -> Occupancy<'scope> {
    let steps = crossings
        .map(|c| {
            let scope = Scope { camera: c.camera, kind: ScopeKind::Line, name: c.line };
            step(scope, c.ts, if c.entry { 1 } else { -1 })
        })
        .concat(visits.flat_map(|v| {
            let scope = Scope { camera: v.camera, kind: ScopeKind::Zone, name: v.zone };
            let left = (v.end_reason != VisitEnd::Open).then(|| step(scope, v.left, -1));
            std::iter::once(step(scope, v.entered, 1)).chain(left)
        }));
    let scopes = scopes(rules);
    let by_camera = scopes.clone().map(|(scope, _)| (scope.camera, scope));
    let minutes = observed
        .map(|((camera, minute), pieces)| (camera, (minute, pieces)))
        .join_by_key("Observed minutes of scopes", by_camera, |_, (minute, pieces), scope| {
            [((*scope, *minute), Part::Observed(pieces.clone()))]
        })
        .concat(steps)
        .reduce_by_key("Occupancy within a minute", |_, parts, out| out.push((summarise(parts), 1)));

    let mut calendar = Calendar::default();
    let days = minutes.map(|((scope, minute), m)| (scope, (minute, m))).join_by_key(
        "Minutes in their days",
        scopes.clone(),
        move |scope, (minute, m), (clock, rules)| {
            let place = Place { hour: calendar.hour(clock, *minute), day: calendar.day(clock, *minute) };
            let day = calendar.reset_day(clock, *minute);
            [((*scope, day), OfDay::Minute { minute: *minute, place, relative: *m, rules: *rules })]
        },
    );
    let starts = days
        .clone()
        .reduce_by_key("Net of a day", |_, parts, out| {
            let (mut net, mut seen) = (0, false);
            for (part, _) in parts {
                if let OfDay::Minute { relative, .. } = part {
                    net += relative.net;
                    seen |= relative.observed > 0;
                }
            }
            out.push(((net, seen), 1));
        })
        .map(|((scope, day), (net, seen))| (scope, (day, net, seen)))
        .reduce_by_key("Chain of days", |scope, days, out| {
            let mut before = 0;
            for ((day, net, seen), _) in days {
                match scope.kind {
                    ScopeKind::Zone => {
                        out.push(((*day, before, 0), 1));
                        before += net;
                    }
                    ScopeKind::Line => {
                        // An unobserved day has no row to say what was taken away: it is handed on.
                        let residual = if *seen { std::mem::take(&mut before) } else { 0 };
                        out.push(((*day, 0, residual), 1));
                        before += net;
                    }
                }
            }
        })
        .map(|(scope, (day, carry, residual))| ((scope, day), OfDay::Start { carry, residual }));
    let rows = days.concat(starts).reduce_by_key("Occupancy along a day", |(scope, _), parts, out| {
        chain(scope, parts, out);
    });
    let minutes = rows.clone().map(|(_, (_, row))| row);
    let sums = sums::sums(rows.map(|((scope, _), (place, row))| ((scope, place), row)), scopes);
    Occupancy { minutes, sums }
}

/// Every scope, with the clock that divides its time and the digest of both.
fn scopes<'scope>(rules: &Rules<'scope>) -> Rows<'scope, (Scope, Ruled)> {
    let lines = rules.lines.clone().map(|(line, _)| {
        ((), (Scope { camera: line.camera, kind: ScopeKind::Line, name: line.line }, Rule::Line(line)))
    });
    let zones = rules.zones.clone().map(|(zone, _)| {
        ((), (Scope { camera: zone.camera, kind: ScopeKind::Zone, name: zone.zone }, Rule::Zone(zone)))
    });
    lines.concat(zones).join_by_key(
        "Scopes with their clock",
        rules.clock.clone().map(|clock| ((), clock)),
        |(), (scope, rule), clock| {
            let rules = digest([rule, &Rule::Clock(clock.clone())]);
            [(*scope, (clock.clone(), rules))]
        },
    )
}
