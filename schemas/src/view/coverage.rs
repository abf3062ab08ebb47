//! How much of each hour was seen.

use crate::id::Name;
use crate::row;
use crate::time::{EventTime, Micros};

row! {
    /// What was seen of one camera in one local hour: the UTC minutes whose start the site's clock reads within
    /// it. A coverage row that spans two hours gives each its share of time; its frames count in the hour in
    /// which it started. Time that two rows both saw counts once; a row longer than a day counts its first day.
    /// There is a row for every hour with coverage or faults.
    pub struct CoverageHour in "coverage_hours", key(camera, hour), bucket(hour) {
        /// Camera name; empty for faults that are no camera's: damage of the journal.
        pub camera: Name,
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// Time seen, µs.
        pub observed_us: Micros,
        /// Frames in the footage.
        pub frames_seen: u64,
        /// Frames decoded.
        pub frames_decoded: u64,
        /// Frames that sampling did not need.
        pub frames_skipped: u64,
        /// Frames flagged as damaged.
        pub frames_corrupt: u64,
        /// Faults: the sum of their counts.
        pub faults: u64,
        /// Generations that started within the hour: coverage rows of segment 0.
        pub generations: u32,
        /// Earliest instant that was observed within the hour; in an hour with faults alone, the first fault's.
        pub first_seen: EventTime,
        /// Latest end of what was observed within the hour; in an hour with faults alone, the last fault's instant.
        pub last_seen: EventTime,
    }
}
