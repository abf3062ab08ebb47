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

/// A run of points on one side.
struct Run {
    right: bool,
    points: u32,
    first: EventTime,
    last: EventTime,
    /// When the points next to it were seen.
    before: Option<EventTime>,
    after: Option<EventTime>,
}

/// Crossings of the endless line a→b by a track that has ended, by the rule of `line_crossings`: points within 0.7 % of
/// the height are on no side; a run of points on one side settles when it spans 150 ms, the first and the last one when
/// they have two points, or one that is 150 ms away from the point next to it. Each crossing is the first point of the
/// run on the new side, and whether that is the right one.
pub fn crossings(path: &Path, a: Point, b: Point, aspect: f64) -> Vec<(EventTime, bool)> {
    let settle = Micros::from_millis(150);
    let length = (f64::from(b.x - a.x) * aspect).hypot(f64::from(b.y - a.y));
    let mut runs: Vec<Run> = Vec::new();
    for (i, (ts, p)) in path.iter().enumerate() {
        let distance = cross(a, b, *p) as f64 * aspect / length;
        if distance.abs() < 7_000.0 {
            continue;
        }
        let (right, after) = (distance > 0.0, path.get(i + 1).map(|next| next.0));
        match runs.last_mut() {
            Some(run) if run.right == right => {
                (run.points, run.last, run.after) = (run.points + 1, *ts, after);
            }
            _ => {
                let before = i.checked_sub(1).map(|i| path[i].0);
                runs.push(Run { right, points: 1, first: *ts, last: *ts, before, after });
            }
        }
    }
    let count = runs.len();
    let settled = runs.iter().enumerate().filter(|(i, run)| {
        let began = *i == 0 && (run.points >= 2 || run.after.is_some_and(|at| at - run.last >= settle));
        let went_on = i + 1 == count && (run.points >= 2 || run.before.is_some_and(|at| run.first - at >= settle));
        run.last - run.first >= settle || began || went_on
    });
    let settled: Vec<(EventTime, bool)> = settled.map(|(_, run)| (run.first, run.right)).collect();
    settled.windows(2).filter(|two| two[0].1 != two[1].1).map(|two| two[1]).collect()
}
