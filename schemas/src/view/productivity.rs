//! Work: what workers and stations did, hour by hour, and who is not registered.

use crate::id::Name;
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

row! {
    /// What one worker did in one local hour, from `activity` and `production`. With durations `fixed` an event
    /// stands for `event_duration` in the hour of its instant. With `until_next` it lasts until the same worker's
    /// next activity event (in order of instant, then id), at most `max_gap`, and is divided at the hours' ends. At a
    /// station that a camera watches an event stands for no time (with `until_next` it still ends the one before): there
    /// the time is what `station_hours` says, of the station's worker; and from a reading of a worker's badge in a presence
    /// (one that is seen already when the presence begins is read then) to the presence's end of the worker whose badge
    /// was read last: of runs of sightings that begin together the one that ends last, then the least name. Absence is
    /// that of the station's worker, wherever they are; time of nobody known counts for the station alone.
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
        /// Time that is accounted for: active, idle and absent, µs.
        pub observed_us: Micros,
        /// Digest of the rules that shaped the row: how events count, the clock, which stations cameras watch; and where the
        /// worker's time may be seen the zones there, and if badges are read there all badges.
        pub rules: Name,
    }
}

row! {
    /// What was done at one station in one local hour: the same events as `worker_hours`, by station. Of a station that a
    /// camera watches (a zone of kind `station` names it) the time is that in which the camera was observed: in a
    /// presence it is working within a spell and idle without, out of presences it is absent. A presence is a union of the
    /// zone's counted visits, from `entered` to `left`, with no gap longer than its bridge; a spell a union of samples of
    /// the zone's area with at least `working_energy`, with no gap longer than `idle_after`. Zones add up.
    pub struct StationHour in "station_hours", key(station, hour), bucket(hour) {
        /// Workstation.
        pub station: Name,
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// Time working here, of all workers, µs.
        pub working_us: Micros,
        /// Time idle here, µs.
        pub idle_us: Micros,
        /// Time absent from here, µs.
        pub absent_us: Micros,
        /// Units made here.
        pub units: u64,
        /// Events of any kind.
        pub events: u64,
        /// Time that is accounted for: working, idle and absent, µs.
        pub observed_us: Micros,
        /// Digest of the rules that shaped the row: as of `worker_hours`, with the station's own zones.
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
        /// Time that is accounted for, µs.
        pub observed_us: Micros,
        /// Workers that were active or idle.
        pub workers: u32,
        /// Sum over them of active / (active + idle), each rounded down to a millionth.
        pub worker_utilisation_ppm: u64,
        /// Stations at which somebody was working or idle.
        pub stations: u32,
        /// Sum over them of working / (working + idle), each rounded down to a millionth.
        pub station_utilisation_ppm: u64,
        /// Digest of the rules that shaped the row: how events count, the clock, all zones of stations, all badges.
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
