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
