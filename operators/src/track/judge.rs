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

/// Crossings of the line a→b, settled for 150 ms beyond a band of 0.7 % of the height on both sides: the first point on
/// the new side, and whether that is the right one.
pub fn crossings(path: &Path, a: Point, b: Point, aspect: f64) -> Vec<(EventTime, bool)> {
    let mut all = Vec::new();
    let length = (f64::from(b.x - a.x) * aspect).hypot(f64::from(b.y - a.y));
    let (mut settled, mut run): (Option<bool>, Option<(bool, EventTime)>) = (None, None);
    for (ts, p) in path {
        let distance = cross(a, b, *p) as f64 * aspect / length;
        if distance.abs() < 7_000.0 {
            continue;
        }
        let side = distance > 0.0;
        let since = match run {
            Some((s, since)) if s == side => since,
            _ => run.insert((side, *ts)).1,
        };
        if *ts - since >= Micros::from_millis(150) {
            if settled.is_some_and(|s| s != side) {
                all.push((since, side));
            }
            settled = Some(side);
        }
    }
    all
}
