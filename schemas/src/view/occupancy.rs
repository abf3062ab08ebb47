//! How many were inside: per line (entries minus exits since the daily reset) and per zone (tracks inside).

use crate::id::Name;
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

text_enum! {
    /// What the count is about.
    pub enum ScopeKind {
        /// The inside of a line: +1 at each entry, −1 at each exit, since the last daily reset.
        Line = "line",
        /// A zone: visits under way, counted or not; +1 where one entered, −1 where it left, unless it is open.
        Zone = "zone",
    }
}

row! {
    /// Occupancy of one line's inside or one zone in one UTC minute that was observed at least in part. A step
    /// of the count holds from its instant on. The daily reset takes effect at the start of the first minute
    /// at or after it, by the site's clock (where the clock skips it, that much later; where it comes twice, first).
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
        /// Largest count at an observed instant of the minute.
        pub max: i32,
        /// Smallest count at an observed instant of the minute.
        pub min: i32,
        /// Count at the end of the minute, observed or not.
        pub last: i32,
        /// What daily resets took away since the minute before this one in the table; 0 where there was none.
        pub residual: i32,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// Occupancy of one line's inside or one zone in one local hour: sums and extremes of its minutes.
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

row! {
    /// Occupancy of one line's inside or one zone on one calendar day of the site's clock (midnight to midnight, not
    /// reset to reset): sums and extremes of the minutes at whose start the clock shows that date.
    pub struct OccupancyDay in "occupancy_days", key(camera, scope_kind, scope, day), bucket(day) {
        /// Camera name.
        pub camera: Name,
        /// `line` or `zone`.
        pub scope_kind: ScopeKind,
        /// Name of the line or zone.
        pub scope: Name,
        /// First instant at which the site's clock shows the date.
        pub day: EventTime,
        /// Entries within the day.
        pub entries: u32,
        /// Exits within the day.
        pub exits: u32,
        /// Integral of the count over the observed part: person-microseconds. Mean = this / observed.
        pub occupied_us: Micros,
        /// How much of the day was observed, µs.
        pub observed_us: Micros,
        /// Largest count within the day's observed minutes.
        pub max: i32,
        /// Smallest count within the day's observed minutes.
        pub min: i32,
        /// Sum of what daily resets took away.
        pub residual: i32,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// Occupancy of one line's inside or one zone in one calendar month of the site's clock: sums and extremes of
    /// its days.
    pub struct OccupancyMonth in "occupancy_months", key(camera, scope_kind, scope, month), bucket(month) {
        /// Camera name.
        pub camera: Name,
        /// `line` or `zone`.
        pub scope_kind: ScopeKind,
        /// Name of the line or zone.
        pub scope: Name,
        /// First instant at which the site's clock shows the month.
        pub month: EventTime,
        /// Entries within the month.
        pub entries: u32,
        /// Exits within the month.
        pub exits: u32,
        /// Integral of the count over the observed part: person-microseconds. Mean = this / observed.
        pub occupied_us: Micros,
        /// How much of the month was observed, µs.
        pub observed_us: Micros,
        /// Largest count within the month's observed minutes.
        pub max: i32,
        /// Smallest count within the month's observed minutes.
        pub min: i32,
        /// Sum of what daily resets took away.
        pub residual: i32,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}
