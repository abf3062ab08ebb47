//! What zones and lines make of paths, in its plainest form: the yardstick of the tests here. Tests only.

use gemba_schemas::fact::TrackPoint;
use gemba_schemas::geometry::{PixelBox, Point, contains, cross};
use gemba_schemas::time::{EventTime, Micros};
use std::time::Duration;

/// CPU time of this thread so far: unlike the clock on the wall, it means something on a busy machine.
pub fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// Foot points in order of time.
pub type Path = Vec<(EventTime, Point)>;

pub fn foot(p: &TrackPoint) -> (EventTime, Point) {
    (p.ts, p.bounds().foot(p.width, p.height))
}

pub fn foot_of(ts: EventTime, bounds: PixelBox, width: u16, height: u16) -> (EventTime, Point) {
    (ts, bounds.foot(width, height))
}

/// Stays in a polygon, gaps of up to 2 s bridged: first and last point inside.
pub fn visits(path: &Path, polygon: &[Point]) -> Vec<(EventTime, EventTime)> {
    let mut all = Vec::new();
    let mut stay: Option<(EventTime, EventTime)> = None;
    for (ts, _) in path.iter().filter(|(_, p)| contains(polygon, *p)) {
        match &mut stay {
            Some((_, left)) if *ts - *left <= Micros::from_secs(2) => *left = *ts,
            _ => all.extend(stay.replace((*ts, *ts))),
        }
    }
    all.extend(stay);
    all
}

/// Crossings of the endless line a→b by a track that has ended, by the rule of `line_crossings`: points within 0.7 % of
/// the height are on no side; a run of points on one side settles when it spans 150 ms, the first and the last one when
/// they have two points. Each crossing is the first point of the run on the new side, and whether that is the right one.
pub fn crossings(path: &Path, a: Point, b: Point, aspect: f64) -> Vec<(EventTime, bool)> {
    let length = (f64::from(b.x - a.x) * aspect).hypot(f64::from(b.y - a.y));
    let mut runs: Vec<(bool, Vec<EventTime>)> = Vec::new();
    for (ts, p) in path {
        let distance = cross(a, b, *p) as f64 * aspect / length;
        if distance.abs() < 7_000.0 {
            continue;
        }
        match runs.last_mut() {
            Some((right, points)) if *right == (distance > 0.0) => points.push(*ts),
            _ => runs.push((distance > 0.0, vec![*ts])),
        }
    }
    let last = runs.len();
    let settled = runs.iter().enumerate().filter(|(i, (_, points))| {
        let spans = points[points.len() - 1] - points[0] >= Micros::from_millis(150);
        spans || (points.len() >= 2 && (*i == 0 || i + 1 == last))
    });
    let settled: Vec<(EventTime, bool)> = settled.map(|(_, (right, points))| (points[0], *right)).collect();
    settled.windows(2).filter(|two| two[0].1 != two[1].1).map(|two| two[1]).collect()
}
