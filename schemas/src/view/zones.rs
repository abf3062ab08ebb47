//! What tracks did in zones and over lines.

use crate::id::{Generation, Name};
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

text_enum! {
    /// Why a visit ended.
    pub enum VisitEnd {
        /// The track went on outside the zone.
        Left = "left",
        /// The track was lost inside the zone.
        Lost = "lost",
        /// Coverage ended while the track was inside.
        Cut = "cut",
        /// The track is still inside.
        Open = "open",
    }
}

row! {
    /// One stay of one track in one zone; times outside (or unseen) of up to the bridge (2 s) do not end it.
    pub struct ZoneVisit in "zone_visits", key(camera, generation, track, zone, entered), bucket(entered) {
        /// Camera name.
        pub camera: Name,
        /// Generation (µs UTC).
        pub generation: Generation,
        /// Track number within the generation.
        pub track: u32,
        /// Zone name.
        pub zone: Name,
        /// Kind of the zone.
        pub kind: Name,
        /// Class of the thing.
        pub class: Name,
        /// First point inside.
        pub entered: EventTime,
        /// Last point inside.
        pub left: EventTime,
        /// `left − entered` in µs.
        pub dwell_us: Micros,
        /// Whether the dwell reached the zone's threshold.
        pub counted: bool,
        /// Why it ended.
        pub end_reason: VisitEnd,
        /// Stored points inside.
        pub points: u32,
        /// Frame number of the first point.
        pub first_frame: u64,
        /// Frame number of the last point.
        pub last_frame: u64,
        /// Model that detected the track.
        pub model: Name,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// One crossing of a line by a track that settled on both sides.
    pub struct LineCrossing in "line_crossings", key(camera, generation, track, line, ts), bucket(ts) {
        /// Camera name.
        pub camera: Name,
        /// Generation (µs UTC).
        pub generation: Generation,
        /// Track number within the generation.
        pub track: u32,
        /// Line name.
        pub line: Name,
        /// First point on the new side (of the run that settled).
        pub ts: EventTime,
        /// Name of the side that was left.
        pub from_side: Name,
        /// Name of the side that was entered: the direction.
        pub to_side: Name,
        /// Whether `to_side` is the line's `inside`.
        pub entry: bool,
        /// Class of the thing.
        pub class: Name,
        /// Frame number of the last point on the old side.
        pub first_frame: u64,
        /// Frame number of the first point on the new side.
        pub last_frame: u64,
        /// Model that detected the track.
        pub model: Name,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}
