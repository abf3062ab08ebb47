//! How much of each hour was seen.

use crate::id::Name;
use crate::row;
use crate::time::{EventTime, Micros};

row! {
    /// What was seen of one camera in one local hour. A coverage row that spans two hours gives each its
    /// share of time; its frames count in the hour in which it started.
    pub struct CoverageHour in "coverage_hours", key(camera, hour), bucket(hour) {
        /// Camera name.
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
        /// Faults.
        pub faults: u64,
        /// Generations that started within the hour.
        pub generations: u32,
        /// Earliest coverage row's start within the hour (lineage).
        pub first_seen: EventTime,
        /// Latest coverage row's end within the hour (lineage).
        pub last_seen: EventTime,
    }
}
