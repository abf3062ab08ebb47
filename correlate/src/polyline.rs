//! Track points, gathered per (track, minute) into polylines; and what became of each track.
//!
//! In: the set of points. Out: one polyline per (track, minute) that has points, replaced as a whole when a
//! point of that minute changes, so everything behind costs a minute's work per new point. State: the points.
//!
//! The order of a track's points is (time, frame, id); every definition that says "next" means that order.

use super::tick::at_close;
use crate::rows::Rows;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::fact::{TrackEnd, TrackEndReason, TrackPoint};
use gemba_schemas::geometry;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A track, over all cameras.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackKey {
    /// Camera name.
    pub camera: Name,
    /// Generation.
    pub generation: Generation,
    /// Track number within the generation.
    pub track: u32,
}

/// What correlate needs of a track point. Ordered as points of a track are: time, frame, id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Point {
    /// Event time.
    pub ts: EventTime,
    /// Frame number.
    pub frame: u64,
    /// Identity of the fact.
    pub id: FactId,
    /// Bottom centre, normalised.
    pub foot: geometry::Point,
    /// Class.
    pub class: Name,
    /// Model.
    pub model: Name,
    /// Width of the picture, px.
    pub width: u16,
    /// Height of the picture, px.
    pub height: u16,
    /// Score of the detection.
    pub score: Score,
}

/// The points of one track in one minute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Polyline {
    /// The track.
    pub track: TrackKey,
    /// Start of the minute.
    pub minute: EventTime,
    /// The points in order, at least one.
    pub points: Vec<Point>,
}

/// Tracks of one camera are spread over this many join keys, so that one camera can keep all workers busy.
pub const SHARDS: u8 = 16;

impl TrackKey {
    /// The track of a point.
    pub fn of(p: &TrackPoint) -> Self {
        Self { camera: p.camera, generation: p.generation, track: p.track }
    }

    /// The key under which the track's polylines meet the camera's rules.
    pub fn shard(&self) -> (Name, u8) {
        (self.camera, (self.track % u32::from(SHARDS)) as u8)
    }
}

impl Point {
    /// The part of a fact that matters here.
    pub fn of(p: &TrackPoint) -> Self {
        Self {
            ts: p.ts,
            frame: p.frame,
            id: p.id,
            foot: p.bounds().foot(p.width, p.height),
            class: p.class,
            model: p.model,
            width: p.width,
            height: p.height,
            score: p.score,
        }
    }
}

/// A minute's points while a tick changes them.
#[derive(Default)]
struct Bucket {
    points: Vec<Point>,
    /// The points before this tick, while the tick touches the bucket.
    before: Option<Vec<Point>>,
    removed: Vec<Point>,
}

/// Gathers a set of points into polylines.
pub fn polylines<'scope>(points: Rows<'scope, (TrackKey, Point)>) -> Rows<'scope, Polyline> {
    let mut buckets: HashMap<(TrackKey, EventTime), Bucket> = HashMap::new();
    let route = |(track, _): &(TrackKey, Point)| track.shard().hashed();
    at_close(points, "Gather polylines", route, move |rows, out| {
        let mut touched = Vec::new();
        for ((track, point), diff) in rows {
            let key = (track, point.ts.floor(Micros::MINUTE));
            let bucket = buckets.entry(key).or_default();
            if bucket.before.is_none() {
                bucket.before = Some(bucket.points.clone());
                touched.push(key);
            }
            if diff > 0 { &mut bucket.points } else { &mut bucket.removed }.push(point);
        }
        for key in touched {
            let Some(bucket) = buckets.get_mut(&key) else { continue };
            bucket.points.sort();
            // A removal cancels one occurrence: within a tick a point may come and go more than once.
            for gone in bucket.removed.drain(..) {
                if let Ok(at) = bucket.points.binary_search(&gone) {
                    bucket.points.remove(at);
                }
            }
            let before = bucket.before.take().unwrap_or_default();
            if before != bucket.points {
                let (track, minute) = key;
                if !before.is_empty() {
                    out.push((Polyline { track, minute, points: before }, -1));
                }
                if !bucket.points.is_empty() {
                    out.push((Polyline { track, minute, points: bucket.points.clone() }, 1));
                }
            }
            if bucket.points.is_empty() {
                buckets.remove(&key);
            }
        }
    })
}

/// What became of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fate {
    /// Time of its last point.
    pub last: EventTime,
    /// Why it ended, if it has.
    pub ended: Option<TrackEndReason>,
    /// Whether its generation's coverage has ended.
    pub coverage_ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Sign {
    Point(EventTime),
    End(EventTime, FactId, TrackEndReason),
    CoverageEnd,
}

/// The fate of every track that has points. Of several `track_end` facts the latest counts.
pub fn fates<'scope>(
    polylines: Rows<'scope, Polyline>,
    ends: Rows<'scope, TrackEnd>,
    generation_ends: Rows<'scope, ((Name, Generation), EventTime)>,
) -> Rows<'scope, (TrackKey, Fate)> {
    let lasts = polylines.flat_map(|line| line.points.last().map(|p| (line.track, p.ts)));
    let by_generation = lasts.clone().map(|(t, _)| ((t.camera, t.generation), t.track));
    let cut = generation_ends.join_by_key(
        "Tracks of ended generations",
        by_generation,
        |&(camera, generation), _, &track| [(TrackKey { camera, generation, track }, Sign::CoverageEnd)],
    );
    let ends = ends.map(|e| {
        let track = TrackKey { camera: e.camera, generation: e.generation, track: e.track };
        (track, Sign::End(e.last_seen, e.id, e.reason))
    });
    lasts.map(|(t, ts)| (t, Sign::Point(ts))).concatenate([ends, cut]).reduce_by_key(
        "Fate of tracks",
        |_, signs, out| {
            let mut last = None;
            let mut ended = None;
            let mut coverage_ended = false;
            // Signs are sorted, so the latest of each kind comes last.
            for (sign, _) in signs {
                match sign {
                    Sign::Point(ts) => last = Some(*ts),
                    Sign::End(_, _, reason) => ended = Some(*reason),
                    Sign::CoverageEnd => coverage_ended = true,
                }
            }
            if let Some(last) = last {
                out.push((Fate { last, ended, coverage_ended }, 1));
            }
        },
    )
}
