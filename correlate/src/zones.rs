//! `zone_visits`: stays of tracks in zones.
//!
//! ```text
//! polylines ⋈ zones → islands per (track, zone, minute) → drafts per (track, zone) → ⋈ fates → visits
//! ```
//!
//! An island is a stretch of inside points of one minute with no two neighbours further apart than the
//! bridge. Islands of one minute merge with those of the next by the same rule, and merging is associative,
//! so a visit never depends on where minutes begin. Only the last visit of a track to a zone can depend on
//! what became of the track.

use super::polyline::{Fate, Polyline, SHARDS, TrackKey};
use crate::rows::Rows;
use gemba_schemas::fact::TrackEndReason;
use gemba_schemas::geometry::{Point, contains};
use gemba_schemas::id::Name;
use gemba_schemas::rule::ZoneRule;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{VisitEnd, ZoneVisit};
use serde::{Deserialize, Serialize};

/// What of a zone decides about visits once it is known which points are inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct ZoneKey {
    zone: Name,
    kind: Name,
    min_dwell: Micros,
    bridge: Micros,
    rules: Name,
}

/// What decides which points are inside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Plan {
    key: ZoneKey,
    polygon: Vec<Point>,
    classes: Vec<Name>,
}

/// Inside points without a gap longer than the bridge. Ordered by time: minute, then ordinal within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Island {
    minute: EventTime,
    ordinal: u32,
    entered: EventTime,
    left: EventTime,
    points: u32,
    first_frame: u64,
    last_frame: u64,
    class: Name,
    model: Name,
}

impl Island {
    fn absorb(&mut self, next: &Self) {
        self.left = next.left;
        self.last_frame = next.last_frame;
        self.points += next.points;
    }
}

fn islands(plan: &Plan, line: &Polyline) -> Vec<Island> {
    let mut islands: Vec<Island> = Vec::new();
    for p in &line.points {
        if !(plan.classes.is_empty() || plan.classes.contains(&p.class)) || !contains(&plan.polygon, p.foot) {
            continue;
        }
        let one = Island {
            minute: line.minute,
            ordinal: islands.len() as u32,
            entered: p.ts,
            left: p.ts,
            points: 1,
            first_frame: p.frame,
            last_frame: p.frame,
            class: p.class,
            model: p.model,
        };
        match islands.last_mut() {
            Some(last) if p.ts - last.left <= plan.key.bridge => last.absorb(&one),
            _ => islands.push(one),
        }
    }
    islands
}

fn visit(track: TrackKey, zone: &ZoneKey, i: &Island, end_reason: VisitEnd) -> ZoneVisit {
    let dwell = i.left - i.entered;
    ZoneVisit {
        camera: track.camera,
        generation: track.generation,
        track: track.track,
        zone: zone.zone,
        kind: zone.kind,
        class: i.class,
        entered: i.entered,
        left: i.left,
        dwell_us: dwell,
        counted: dwell >= zone.min_dwell,
        end_reason,
        points: i.points,
        first_frame: i.first_frame,
        last_frame: i.last_frame,
        model: i.model,
        rules: zone.rules,
    }
}

fn last_end(left: EventTime, fate: &Fate) -> VisitEnd {
    match fate.ended {
        _ if fate.last > left => VisitEnd::Left,
        Some(TrackEndReason::LeftFrame) => VisitEnd::Left,
        Some(TrackEndReason::Lost) => VisitEnd::Lost,
        Some(TrackEndReason::CoverageEnd) => VisitEnd::Cut,
        None if fate.coverage_ended => VisitEnd::Cut,
        None => VisitEnd::Open,
    }
}

/// Every visit of every track to every zone of its camera.
pub fn visits<'scope>(
    polylines: Rows<'scope, ((Name, u8), Polyline)>,
    fates: Rows<'scope, (TrackKey, Fate)>,
    rules: Rows<'scope, (ZoneRule, Name)>,
) -> Rows<'scope, ZoneVisit> {
    let plans = rules.flat_map(|(r, rules)| {
        let key = ZoneKey { zone: r.zone, kind: r.kind, min_dwell: r.min_dwell, bridge: r.bridge, rules };
        let plan = Plan { key, polygon: r.polygon, classes: r.classes };
        (0..SHARDS).map(move |shard| ((r.camera, shard), plan.clone()))
    });
    let drafts = polylines
        .join_by_key("Polylines in zones", plans, |_, line, plan| {
            let (track, key) = (line.track, plan.key);
            islands(plan, line).into_iter().map(move |island| ((track, key), island))
        })
        .reduce_by_key("Visits of a track to a zone", |(_, zone), islands, out| {
            let mut current: Option<Island> = None;
            for (island, _) in islands {
                match &mut current {
                    Some(visit) if island.entered - visit.left <= zone.bridge => visit.absorb(island),
                    _ => out.extend(current.replace(**island).map(|done| ((done, false), 1))),
                }
            }
            out.extend(current.map(|last| ((last, true), 1)));
        });
    let done = drafts
        .clone()
        .flat_map(|((track, zone), (island, last))| (!last).then(|| visit(track, &zone, &island, VisitEnd::Left)));
    let last = drafts.flat_map(|((track, zone), (island, last))| last.then_some((track, (zone, island)))).join_by_key(
        "Last visits with fates",
        fates,
        |&track, (zone, island), fate| [visit(track, zone, island, last_end(island.left, fate))],
    );
    done.concat(last)
}
