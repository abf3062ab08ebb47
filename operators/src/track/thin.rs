//! Thinning of a track: which of its sightings are stored.
//!
//! A sighting is stored when the box moved since the last stored one, or [`HEARTBEAT`] after it; and when it
//! moved after some were left out, the one immediately before it is stored as well. So between two stored points that
//! are more than a sample apart, the thing never strayed further than [`reach`] from the first of them, and
//! wherever it did move the stored points are the original ones, sample by sample: an edge of a visit or a crossing
//! computed from them is off by at most one sample, unless the foot point hovers within `reach` of the border.

use super::tracker::Sighting;
use gemba_schemas::geometry::{PixelBox, SUBPIXEL};
use gemba_schemas::time::Micros;

/// Longest time without a stored point while the track is seen.
pub const HEARTBEAT: Micros = Micros::from_secs(1);

/// Displacement of an edge from which a sighting is stored, in 1/16 px: 0.25 % of the diagonal, at least 2 px.
pub fn reach(width: u16, height: u16) -> i32 {
    let diagonal = f64::from(width).hypot(f64::from(height));
    (diagonal * 0.0025 * f64::from(SUBPIXEL)).round().max(2.0 * f64::from(SUBPIXEL)) as i32
}

/// The thinning of one track.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thin {
    stored: Option<Sighting>,
    left_out: Option<Sighting>,
}

impl Thin {
    /// Takes in the next sighting and gives out those to be stored, at most two, in order.
    pub fn step(&mut self, at: Sighting, reach: i32) -> impl Iterator<Item = Sighting> + use<> {
        let went = self.stored.is_none_or(|s| moved(s.bounds, at.bounds) >= reach);
        let due = went || self.stored.is_none_or(|s| at.ts - s.ts >= HEARTBEAT);
        let before = self.left_out.take().filter(|_| went);
        if due {
            self.stored = Some(at);
        } else {
            self.left_out = Some(at);
        }
        before.into_iter().chain(due.then_some(at))
    }

    /// The last sighting, if it was not stored: where a track ends is always stored.
    pub fn finish(self) -> Option<Sighting> {
        self.left_out
    }
}

/// The largest displacement of an edge or of the foot point.
fn moved(a: PixelBox, b: PixelBox) -> i32 {
    // The foot point lies between the side edges, so it never moves further than the larger of their displacements.
    [a.x0 - b.x0, a.y0 - b.y0, a.x1 - b.x1, a.y1 - b.y1].into_iter().map(i32::abs).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::judge::{Path, crossings, foot_of, visits};
    use gemba_schemas::geometry::Point;
    use gemba_schemas::score::Score;
    use gemba_schemas::time::EventTime;
    use proptest::prelude::*;

    const SIZE: (u16, u16) = (1280, 720);
    const SAMPLE: i64 = 160_000;

    /// A random walk of boxes with rests, and what is stored of it.
    fn walk(steps: &[(i32, i32, usize)]) -> (Vec<Sighting>, Vec<Sighting>) {
        let (mut x, mut y) = (640 * SUBPIXEL, 400 * SUBPIXEL);
        let mut all = Vec::new();
        for (dx, dy, rest) in steps {
            for shift in std::iter::once((*dx, *dy)).chain(std::iter::repeat_n((0, 0), *rest)) {
                (x, y) = (x + shift.0, y + shift.1);
                let bounds = PixelBox { x0: x, y0: y - 3200, x1: x + 1600, y1: y };
                let n = all.len() as i64;
                all.push(Sighting { ts: EventTime(n * SAMPLE), frame: n as u64, score: Score::ONE, bounds });
            }
        }
        let mut thin = Thin::default();
        let reach = reach(SIZE.0, SIZE.1);
        let mut stored: Vec<Sighting> = all.iter().flat_map(|at| thin.step(*at, reach).collect::<Vec<_>>()).collect();
        stored.extend(thin.finish());
        (all, stored)
    }

    fn path(of: &[Sighting]) -> Path {
        of.iter().map(|s| foot_of(s.ts, s.bounds, SIZE.0, SIZE.1)).collect()
    }

    fn close(a: EventTime, b: EventTime) -> bool {
        (a - b).0.abs() <= SAMPLE
    }

    proptest! {
        /// Strides longer than the reach, as of something that walks, stops, and walks on.
        #[test]
        fn oracle_thinned_walks_give_the_same_visits_and_crossings(
            steps in proptest::collection::vec((-900i32..900, 60i32..500, any::<bool>(), 0usize..20), 2..60)
        ) {
            let steps: Vec<(i32, i32, usize)> =
                steps.into_iter().map(|(dx, dy, up, rest)| (dx, if up { -dy } else { dy }, rest)).collect();
            let (all, stored) = walk(&steps);
            prop_assert!(stored.len() <= all.len());
            prop_assert_eq!(all.first(), stored.first());
            prop_assert_eq!(all.last(), stored.last());
            let (all, stored) = (path(&all), path(&stored));
            let zone = [(0.3, 0.4), (0.7, 0.4), (0.7, 0.7), (0.3, 0.7)].map(|(x, y)| Point::from_f64(x, y));
            let (a, b) = (visits(&all, &zone), visits(&stored, &zone));
            prop_assert_eq!(a.len(), b.len());
            prop_assert!(a.iter().zip(&b).all(|(a, b)| close(a.0, b.0) && close(a.1, b.1)), "{:?} {:?}", a, b);
            let line = [Point::from_f64(0.0, 0.55), Point::from_f64(1.0, 0.55)];
            let (a, b) = (crossings(&all, line[0], line[1], 1.78), crossings(&stored, line[0], line[1], 1.78));
            prop_assert_eq!(a.len(), b.len());
            prop_assert!(a.iter().zip(&b).all(|(a, b)| close(a.0, b.0) && a.1 == b.1), "{:?} {:?}", a, b);
        }

        /// Whatever the walk: what was left out lies within reach of the stored point before it, at most a heartbeat later.
        #[test]
        fn nothing_left_out_strays(steps in proptest::collection::vec((-120i32..120, -120i32..120, 0usize..4), 1..200)) {
            let (all, stored) = walk(&steps);
            let mut next = 0;
            for at in &all {
                while next + 1 < stored.len() && stored[next + 1].ts <= at.ts {
                    next += 1;
                }
                let before = stored[next];
                let kept = before == *at;
                prop_assert!(kept || moved(before.bounds, at.bounds) < 2 * reach(SIZE.0, SIZE.1));
                prop_assert!(at.ts - before.ts <= HEARTBEAT);
            }
        }
    }

    #[test]
    fn a_still_thing_is_stored_once_a_second() {
        let (all, stored) = walk(&[(0, 0, 62)]);
        assert_eq!(all.len(), 63);
        assert!(stored.len() <= 12, "{}", stored.len());
    }
}
