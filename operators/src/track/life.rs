//! One followed thing, from its first detection to its end.

use super::kalman::{Ltrb, MovingBox};
use super::overlap::{inside, touches_edge, visible};
use super::tracker::{Sighting, TrackEvent, TrackerConfig};
use crate::detect::Detection;
use gemba_schemas::fact::TrackEndReason;
use gemba_schemas::geometry::PixelBox;
use gemba_schemas::id::Name;
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

/// Detections after which a track is confirmed.
pub const CONFIRM: u32 = 3;
/// Share of its last seen area below which a track that is not seen has left the picture.
const LEFT_SHARE: f64 = 0.3;
/// Share of its expected box covered by a nearer one from which a track that is not seen counts as hidden.
const HIDDEN_SHARE: f64 = 0.5;
/// A box is nearer than another if its bottom edge is lower. This much of the other's height may be error.
const LOWER: f64 = 0.1;
/// A track is never kept for longer than this many times the time that it would be kept in plain view.
const HIDDEN_AT_MOST: i64 = 3;

/// A track, confirmed or not yet.
pub struct Track {
    /// 0 until confirmed.
    pub number: u32,
    /// Class of its first detection.
    pub class: Name,
    /// Classes that may continue it, by the name of one.
    pub group: Name,
    /// Where it is expected.
    pub shape: MovingBox,
    /// The filtered box when last seen.
    pub last: Ltrb,
    /// When it was first seen.
    pub first_seen: EventTime,
    /// When it was last seen.
    pub last_seen: EventTime,
    /// Frame in which it was last seen.
    pub last_frame: u64,
    /// Samples in which it was seen.
    pub detections: u32,
    /// Detections that confirm it.
    pub confirm: u32,
    /// Samples in a row in which it was not seen.
    pub missed: u32,
    /// How long of the time since it was last seen it was behind another thing.
    pub hidden: Micros,
    /// What it showed and was not given out yet, because it is not confirmed.
    pub held: Vec<Sighting>,
}

impl Track {
    /// A track that begins with `detection`.
    pub fn new(ts: EventTime, frame: u64, detection: &Detection, config: &TrackerConfig) -> Self {
        let seen = ltrb(detection);
        let mut track = Self {
            number: 0,
            class: detection.class,
            group: group(detection.class),
            shape: MovingBox::new(seen),
            last: seen,
            first_seen: ts,
            last_seen: ts,
            last_frame: frame,
            detections: 1,
            confirm: CONFIRM,
            missed: 0,
            hidden: Micros(0),
            held: Vec::new(),
        };
        track.held.push(track.sighting(ts, frame, detection, config));
        track
    }

    /// Takes in a detection that continues it.
    pub fn see(&mut self, ts: EventTime, frame: u64, detection: &Detection, config: &TrackerConfig) {
        self.shape.update(ltrb(detection));
        self.last = self.shape.bounds();
        (self.last_seen, self.last_frame) = (ts, frame);
        self.detections += 1;
        (self.missed, self.hidden) = (0, Micros(0));
        self.held.push(self.sighting(ts, frame, detection, config));
    }

    fn sighting(&self, ts: EventTime, frame: u64, detection: &Detection, config: &TrackerConfig) -> Sighting {
        let [x0, y0, x1, y1] = self.shape.bounds();
        let within = |v: f64, side: u16| v.clamp(0.0, f64::from(side)) as f32;
        let bounds = PixelBox::from_f32(
            within(x0, config.width),
            within(y0, config.height),
            within(x1, config.width),
            within(y1, config.height),
        );
        Sighting { ts, frame, score: Score::from_f32(detection.score), bounds }
    }

    /// What is said of it at its end.
    pub fn ended(&self, reason: TrackEndReason) -> TrackEvent {
        TrackEvent::Ended {
            track: self.number,
            class: self.class,
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            last_frame: self.last_frame,
            detections: self.detections,
            reason,
        }
    }

    /// Takes in that it was not seen in a sample, `dt` after the one before, that showed the boxes `seen`.
    pub fn miss(&mut self, dt: Micros, seen: &[Ltrb]) {
        self.missed += 1;
        let own = self.shape.bounds();
        let lowest = own[3] - LOWER * (own[3] - own[1]);
        if seen.iter().any(|b| b[3] >= lowest && inside(&own, b) >= HIDDEN_SHARE) {
            self.hidden = self.hidden + dt;
        }
    }

    /// Why it has ended, if it has: it was not seen for too long, or went out of the picture.
    pub fn end(&self, now: EventTime, config: &TrackerConfig) -> Option<TrackEndReason> {
        let size = (config.width, config.height);
        let unseen = (now - self.last_seen).0;
        let late = unseen - self.hidden.0 > config.lost_after.0 || unseen > HIDDEN_AT_MOST * config.lost_after.0;
        // It has most likely gone out over the edge that it touched when last seen.
        let gone = self.missed > 0 && visible(&self.shape.bounds(), size) < LEFT_SHARE * visible(&self.last, size);
        if gone || (late && touches_edge(&self.last, size)) {
            Some(TrackEndReason::LeftFrame)
        } else {
            late.then_some(TrackEndReason::Lost)
        }
    }
}

/// Classes that a detector confuses from one frame to the next are tracked together.
pub fn group(class: Name) -> Name {
    match class.as_str() {
        "bus" | "truck" => Name::new("car"),
        _ => class,
    }
}

/// The box of a detection.
pub fn ltrb(d: &Detection) -> Ltrb {
    [d.x0.into(), d.y0.into(), d.x1.into(), d.y1.into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::Tracker;
    use std::collections::{BTreeMap, BTreeSet};

    fn person(x: f32, foot: f32, height: f32) -> Detection {
        let half = height * 0.2;
        let class = Name::new("person");
        Detection { class, score: 0.9, x0: x - half, y0: foot - height, x1: x + half, y1: foot }
    }

    /// The numbers of the tracks at (640, 500), where somebody stands. From 2 s on `passer` walks up from the left, stays
    /// in front for 5 s and walks on; who stands is not seen meanwhile, whether the passer is there or not.
    fn numbers(passer: bool) -> BTreeSet<u32> {
        let mut tracker = Tracker::new(TrackerConfig {
            threshold: 0.5,
            thresholds: BTreeMap::new(),
            low: 0.1,
            lost_after: Micros::from_secs(3),
            width: 1280,
            height: 720,
        });
        let mut numbers = BTreeSet::new();
        for frame in 0..13 * 25 {
            let t = frame as f32 / 25.0;
            let x = 300.0 + 170.0 * (t.clamp(2.0, 4.0) - 2.0 + t.clamp(9.0, 11.0) - 9.0);
            let mut seen = Vec::new();
            if (x - 640.0).abs() > 100.0 {
                seen.push(person(640.0, 500.0, 200.0));
            }
            if passer {
                seen.push(person(x, 620.0, 360.0));
            }
            for event in tracker.step(EventTime(frame * 40_000), frame as u64, &seen) {
                if let TrackEvent::Seen { track, at, .. } = event {
                    let foot = at.bounds.y1 / 16;
                    numbers.extend((480..520).contains(&foot).then_some(track));
                }
            }
        }
        numbers
    }

    #[test]
    fn who_is_hidden_keeps_the_number_and_who_comes_back_does_not() {
        assert_eq!(numbers(true).len(), 1);
        assert_eq!(numbers(false).len(), 2);
    }
}
