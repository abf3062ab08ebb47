//! How many were inside: per line (entries minus exits since the daily reset) and per zone (tracks inside).

use crate::id::Name;
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

text_enum! {
    /// What the count is about.
    pub enum ScopeKind {
        /// The inside of a line: crossings in minus crossings out since the last daily reset.
        Line = "line",
        /// A zone: visits under way.
        Zone = "zone",
    }
}

row! {
    /// Occupancy of one line's inside or one zone in one minute that was observed at least in part.
    pub struct OccupancyMinute in "occupancy_minutes", key(camera, scope_kind, scope, minute), bucket(minute) {
        /// Camera name.
        pub camera: Name,
        /// `line` or `zone`.
        pub scope_kind: ScopeKind,
        /// Name of the line or zone.
        pub scope: Name,
        /// Start of the minute.
        pub minute: EventTime,
        /// Entries within the minute.
        pub entries: u32,
        /// Exits within the minute.
        pub exits: u32,
        /// Integral of the count over the observed part: person-microseconds. Mean = this / observed.
        pub occupied_us: Micros,
        /// How much of the minute was observed, µs.
        pub observed_us: Micros,
        /// Largest count within the minute.
        pub max: i32,
        /// Smallest count within the minute.
        pub min: i32,
        /// Count at the end of the minute.
        pub last: i32,
        /// What the daily reset took away at the start of this minute; 0 at other times.
        pub residual: i32,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// Occupancy of one line's inside or one zone in one local hour.
    pub struct OccupancyHour in "occupancy_hours", key(camera, scope_kind, scope, hour), bucket(hour) {
        /// Camera name.
        pub camera: Name,
        /// `line` or `zone`.
        pub scope_kind: ScopeKind,
        /// Name of the line or zone.
        pub scope: Name,
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// Entries within the hour.
        pub entries: u32,
        /// Exits within the hour.
        pub exits: u32,
        /// Integral of the count over the observed part: person-microseconds. Mean = this / observed.
        pub occupied_us: Micros,
        /// How much of the hour was observed, µs.
        pub observed_us: Micros,
        /// Largest count within the hour's observed minutes.
        pub max: i32,
        /// Smallest count within the hour's observed minutes.
        pub min: i32,
        /// Sum of what daily resets took away.
        pub residual: i32,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}
