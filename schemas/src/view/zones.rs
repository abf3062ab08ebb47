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
    /// One stay of one track in one zone: inside points (in order of time, frame, id), each no more than the
    /// bridge (2 s) after the one before, whatever lies between. A point is inside when its foot (bottom
    /// centre) is and its class may visit.
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
        /// Class of the thing, at the first point inside.
        pub class: Name,
        /// First point inside.
        pub entered: EventTime,
        /// Last point inside.
        pub left: EventTime,
        /// `left − entered` in µs.
        pub dwell_us: Micros,
        /// Whether the dwell reached the zone's threshold.
        pub counted: bool,
        /// Why it ended: `left` if the track has a later point, or left the picture; else as the track ended;
        /// of a track without an end, `cut` if its generation's coverage ended, else `open`.
        pub end_reason: VisitEnd,
        /// Stored points inside.
        pub points: u32,
        /// Frame number of the first point.
        pub first_frame: u64,
        /// Frame number of the last point.
        pub last_frame: u64,
        /// Model that detected the first point inside.
        pub model: Name,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// One crossing of a line by a track that settled on both sides. Points in the dead band are on neither
    /// side. A run of points on one side has settled when it spans `settle`; of a track's first run, and of the last
    /// run of a track that ended, two points are enough, or one that is at least `settle` away from the track's
    /// point next to it; other runs are passed over. The step from the last point of one settled run to the first of
    /// the next, on the other side, must meet the line between its ends, give or take a twentieth of its length.
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
        /// Class of the thing, at the first point on the new side.
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
