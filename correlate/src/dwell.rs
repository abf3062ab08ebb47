//! `dwell_days`: how long visits to the zones of a kind lasted, by day.
//!
//! ```text
//! zones → digest per (camera, kind) ⋈ clock ┐
//! visits per (camera, kind) ────────────────┴→ ⋈ → per (camera, kind, day) → rows
//! ```
//!
//! A visit belongs as a whole to the day on which it began, so a visit that goes on changes one row.

use super::rules::Rules;
use crate::rows::Rows;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::rule::{Rule, digest, joined};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{DwellDay, VisitEnd, ZoneVisit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is left of a visit. Ordered by dwell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Stay {
    dwell: Micros,
    counted: bool,
    open: bool,
    generation: Generation,
    track: u32,
}

/// How many there are. Two zones of a kind may see equal stays: each counts.
fn number<'a>(stays: impl Iterator<Item = &'a (Stay, isize)>) -> u32 {
    stays.map(|(_, n)| *n as u32).sum()
}

fn row(camera: Name, kind: Name, day: EventTime, rules: Name, stays: &[(&(Stay, Name), isize)]) -> DwellDay {
    let stays: Vec<(Stay, isize)> = stays.iter().map(|((stay, _), n)| (*stay, *n)).collect();
    let counted: Vec<(Stay, isize)> = stays.iter().filter(|(stay, _)| stay.counted).copied().collect();
    let visits: u32 = number(counted.iter());
    let mut seen = 0;
    let median = counted.iter().find(|(_, n)| {
        seen += *n as u32;
        seen > visits.saturating_sub(1) / 2
    });
    let tracks: BTreeSet<_> = counted.iter().map(|(stay, _)| (stay.generation, stay.track)).collect();
    DwellDay {
        camera,
        kind,
        day,
        visits,
        all_visits: number(stays.iter()),
        dwell_us: Micros(counted.iter().map(|(stay, n)| stay.dwell.0 * *n as i64).sum()),
        median_us: median.map(|(stay, _)| stay.dwell),
        longest_us: counted.last().map(|(stay, _)| stay.dwell),
        active_now: number(stays.iter().filter(|(stay, _)| stay.open)),
        tracks: tracks.len() as u32,
        rules,
    }
}

/// The view.
pub fn dwell_days<'scope>(visits: Rows<'scope, ZoneVisit>, rules: &Rules<'scope>) -> Rows<'scope, DwellDay> {
    let kinds = rules
        .zones
        .clone()
        .map(|(zone, sum)| ((zone.camera, zone.kind), sum))
        .reduce_by_key("Zones of a kind", |_, sums, out| out.push((joined(sums.iter().map(|(sum, _)| **sum)), 1)))
        .map(|kind| ((), kind))
        .join_by_key(
            "Kinds of zones with their clock",
            rules.clock.clone().map(|clock| ((), clock)),
            |(), (kind, zones), clock| {
                [(*kind, (clock.clone(), joined([*zones, digest([&Rule::Clock(clock.clone())])])))]
            },
        );
    let mut calendar = Calendar::default();
    visits
        .map(|v| {
            let open = v.end_reason == VisitEnd::Open;
            let stay = Stay { dwell: v.dwell_us, counted: v.counted, open, generation: v.generation, track: v.track };
            ((v.camera, v.kind), (v.entered, stay))
        })
        .join_by_key("Visits in their days", kinds, move |&(camera, kind), (entered, stay), (clock, rules)| {
            [((camera, kind, calendar.day(clock, *entered)), (*stay, *rules))]
        })
        .reduce_by_key("Dwell of a day", |&(camera, kind, day), stays, out| {
            if let Some(((_, rules), _)) = stays.first() {
                out.push((row(camera, kind, day, *rules, stays), 1));
            }
        })
        .map(|(_, row)| row)
}
