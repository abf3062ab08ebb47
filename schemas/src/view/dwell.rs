//! How long people stayed: visits per kind of zone and day.

use crate::id::Name;
use crate::row;
use crate::time::{EventTime, Micros};

row! {
    /// Visits to the zones of one kind at one camera that began on one calendar day of the site's clock, from
    /// `zone_visits`. A visit *counts* if its dwell reached its zone's threshold; it belongs to the day of `entered`,
    /// as a whole. There is a row for every day with a visit, counted or not.
    pub struct DwellDay in "dwell_days", key(camera, kind, day), bucket(day) {
        /// Camera name.
        pub camera: Name,
        /// Kind of the zones.
        pub kind: Name,
        /// First instant at which the site's clock shows the date.
        pub day: EventTime,
        /// Visits that counted.
        pub visits: u32,
        /// All visits.
        pub all_visits: u32,
        /// Sum of the dwell of the visits that counted, µs.
        pub dwell_us: Micros,
        /// Their lower median dwell, µs: of n in ascending order the one at (n − 1) / 2, from 0; NULL if none counted.
        pub median_us: Option<Micros>,
        /// Their longest dwell, µs; NULL if none counted.
        pub longest_us: Option<Micros>,
        /// Visits, counted or not, that are still under way (`end_reason` is `open`).
        pub active_now: u32,
        /// Distinct (generation, track) with a visit that counted.
        pub tracks: u32,
        /// Digest of the rules that shaped the row: the camera's zones of this kind, and the clock.
        pub rules: Name,
    }
}
