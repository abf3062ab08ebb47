//! Work: what workers and stations did, hour by hour, and who is not registered.

use crate::id::Name;
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

row! {
    /// What one worker did in one local hour, from `activity` and `production`. With durations `fixed` an event
    /// stands for `event_duration` in the hour of its instant. With `until_next` it lasts until the same worker's
    /// next activity event (in order of instant, then id), at most `max_gap`, and is divided at the hours' ends.
    pub struct WorkerHour in "worker_hours", key(worker, hour), bucket(hour) {
        /// Worker.
        pub worker: Name,
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// Time working, µs.
        pub active_us: Micros,
        /// Time idle, µs.
        pub idle_us: Micros,
        /// Time absent, µs.
        pub absent_us: Micros,
        /// Units made.
        pub units: u64,
        /// Events of any kind.
        pub events: u64,
        /// Time that events account for: active, idle and absent, µs.
        pub observed_us: Micros,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// What was done at one station in one local hour: the same events as `worker_hours`, by station.
    pub struct StationHour in "station_hours", key(station, hour), bucket(hour) {
        /// Workstation.
        pub station: Name,
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// Time of workers working here, µs.
        pub working_us: Micros,
        /// Time of workers idle here, µs.
        pub idle_us: Micros,
        /// Time of workers absent from here, µs.
        pub absent_us: Micros,
        /// Units made here.
        pub units: u64,
        /// Events of any kind.
        pub events: u64,
        /// Time that events account for: working, idle and absent, µs.
        pub observed_us: Micros,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

row! {
    /// What the whole floor did in one local hour: sums over `worker_hours`, and the means of utilisations.
    pub struct FloorHour in "floor_hours", key(hour), bucket(hour) {
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// Time working, all workers, µs.
        pub active_us: Micros,
        /// Time idle, µs.
        pub idle_us: Micros,
        /// Time absent, µs.
        pub absent_us: Micros,
        /// Units made.
        pub units: u64,
        /// Events of any kind.
        pub events: u64,
        /// Time that events account for, µs.
        pub observed_us: Micros,
        /// Workers that were active or idle.
        pub workers: u32,
        /// Sum over them of active / (active + idle), each rounded down to a millionth.
        pub worker_utilisation_ppm: u64,
        /// Stations at which somebody was working or idle.
        pub stations: u32,
        /// Sum over them of working / (working + idle), each rounded down to a millionth.
        pub station_utilisation_ppm: u64,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}

text_enum! {
    /// What a name stands for.
    pub enum NameKind {
        /// A worker.
        Worker = "worker",
        /// A workstation.
        Station = "station",
    }
}

row! {
    /// A worker or station that events name and the site file does not. Its events count all the same, unless
    /// `require_registered` is set; then they count here alone.
    pub struct Unregistered in "unregistered", key(kind, name), bucket(first_hour) {
        /// `worker` or `station`.
        pub kind: NameKind,
        /// The name as reported.
        pub name: Name,
        /// First local hour with an event.
        pub first_hour: EventTime,
        /// Last local hour with an event.
        pub last_hour: EventTime,
        /// Events in all.
        pub events: u64,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}
