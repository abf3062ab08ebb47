//! Tracks: where a thing was, and why it is no longer followed.

use crate::geometry::PixelBox;
use crate::id::{FactId, Generation, Name};
use crate::score::Score;
use crate::time::EventTime;
use crate::{row, text_enum};

row! {
    /// A position of a confirmed track. Thinned: a point is stored when the box moved, and at least once a
    /// second while the track is seen.
    pub struct TrackPoint in "track_point", key(id), bucket(ts) {
        /// Identity of the fact.
        pub id: FactId,
        /// Camera name.
        pub camera: Name,
        /// Start (µs UTC) of the generation's first frame.
        pub generation: Generation,
        /// Track number within the generation.
        pub track: u32,
        /// Event time of the frame.
        pub ts: EventTime,
        /// Frame number.
        pub frame: u64,
        /// Class of the thing, for example `person`.
        pub class: Name,
        /// Detector's score, 0–10 000.
        pub score: Score,
        /// Left edge of the box, 1/16 px.
        pub x0: i32,
        /// Top edge of the box, 1/16 px.
        pub y0: i32,
        /// Right edge of the box, 1/16 px.
        pub x1: i32,
        /// Bottom edge of the box, 1/16 px.
        pub y1: i32,
        /// Width of the picture, px.
        pub width: u16,
        /// Height of the picture, px.
        pub height: u16,
        /// Model that detected it (first 16 hex digits of its SHA-256, or `motion`).
        pub model: Name,
    }
}

impl TrackPoint {
    /// The box.
    pub fn bounds(&self) -> PixelBox {
        PixelBox { x0: self.x0, y0: self.y0, x1: self.x1, y1: self.y1 }
    }
}

text_enum! {
    /// Why a track ended.
    pub enum TrackEndReason {
        /// Not seen for longer than the tracker waits.
        Lost = "lost",
        /// Last seen at the picture's edge.
        LeftFrame = "left_frame",
        /// The footage or the connection ended while it was followed.
        CoverageEnd = "coverage_end",
    }
}

row! {
    /// A confirmed track ended.
    pub struct TrackEnd in "track_end", key(id), bucket(last_seen) {
        /// Identity of the fact.
        pub id: FactId,
        /// Camera name.
        pub camera: Name,
        /// Start (µs UTC) of the generation's first frame.
        pub generation: Generation,
        /// Track number within the generation.
        pub track: u32,
        /// Class of the thing.
        pub class: Name,
        /// Event time at which it was first seen.
        pub first_seen: EventTime,
        /// Event time at which it was last seen.
        pub last_seen: EventTime,
        /// Frame number at which it was last seen.
        pub last_frame: u64,
        /// Frames in which it was detected.
        pub detections: u32,
        /// Why it ended.
        pub reason: TrackEndReason,
        /// Model that detected it.
        pub model: Name,
    }
}
