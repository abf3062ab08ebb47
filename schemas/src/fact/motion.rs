//! Motion: how much of an area changed, sample by sample.

use crate::id::{FactId, Generation, Name};
use crate::row;
use crate::time::EventTime;

row! {
    /// A run of consecutive samples in which something moved in an area. Samples without motion are not
    /// stored; a run ends at the first of them. Energies are kept per sample, so a threshold can change later.
    pub struct MotionSpan in "motion_span", key(id), bucket(started) {
        /// Identity of the fact.
        pub id: FactId,
        /// Camera name.
        pub camera: Name,
        /// Start (µs UTC) of the generation's first frame.
        pub generation: Generation,
        /// Area.
        pub area: Name,
        /// Event time of the first sample.
        pub started: EventTime,
        /// Event time of the last sample.
        pub ended: EventTime,
        /// Frame number of the first sample.
        pub first_frame: u64,
        /// Frame number of the last sample.
        pub last_frame: u64,
        /// Milliseconds (rounded down) from `started` to each sample; the first is 0.
        pub offsets_ms: Vec<u32>,
        /// Share of the area that changed at each sample, in 1/10 000.
        pub energies: Vec<u16>,
    }
}
