//! Alerts: stretches of time in which something was wrong.

use crate::id::Name;
use crate::row;
use crate::rule::{AlertKind, Severity};
use crate::score::Score;
use crate::time::{EventTime, Micros};

/// A client's fact that is received longer than this after its own time came late, as far as alerts are concerned.
pub const LATE: Micros = Micros::HOUR;

row! {
    /// Stretches in which a camera, device, station, model or the floor was bad, by one alert rule. Of each kind and severity
    /// the rule for the camera (or what stands in its place) applies, else the one for all. What is walked, in order: local
    /// hours with at least `min_samples` samples. Of `empty_rate` and `export_success` those of `quality_hours` with the values
    /// qr_failed / sessions (high is bad; samples: sessions) and exports_ok / exports (samples: exports). Of
    /// `station_utilisation` those of `station_hours` with working / (working + idle), of `floor_utilisation` those of
    /// `floor_hours` with the mean utilisation of the workers (samples: whole seconds working and idle). Of `confidence` those
    /// of `drift_hours`, each model, version and event type by itself, with the mean confidence (samples: reports). The next
    /// four go by all reports of a station or camera in `drift_hours`, in hours in which there are any. Of `type_drift` and
    /// `confidence_drift` how far the event types, or the twenty bins of confidence, of the 24 hours that end with an hour are
    /// from the baseline: psi, kl or js as `/api/v1/drift` says, to a millionth, every count raised by one, of the types that
    /// are there in either (high is bad; `min_samples`: reports in the 24 hours, and as many in the baseline). The baseline is
    /// the 720 hours before the 24, or the hours that begin in the dates that `[drift]` pins; then only hours after these have
    /// a value. Of `working_share` `working` / (`working` + `idle` + `absent`) in the 24 hours (`min_samples`: these reports),
    /// of `report_rate` the reports of an hour that is over / 60; a low and a high value of these two are alerts by themselves. Of
    /// `device_offline` no hours but the device's reports in `device_status`, whose values are 0 (online), 0.5 (degraded) and
    /// 1 (offline; high is bad), and of those with one `ts` the last by `received_at`, then `id`. An alert opens at the first
    /// whose value is beyond the threshold, and is resolved by the first later one whose value is at `clear` or on its good
    /// side; values in between keep it open. Shares are compared exactly, and rounded to show. A `blocked_vehicle` is each
    /// row of `gate_events` whose status is `blocked`, from `arrived` to `left`; its value is 1.
    pub struct Alert in "alerts", key(camera, kind, severity, subject, opened), bucket(opened) {
        /// Camera name; of `device_offline` the device, of `station_utilisation` the station, of `confidence`, `type_drift`,
        /// `confidence_drift`, `working_share` and `report_rate` the station or camera; of `floor_utilisation` empty.
        pub camera: Name,
        /// What is wrong: `empty_rate`, `export_success`, `device_offline`, `station_utilisation`, `floor_utilisation`,
        /// `confidence`, `blocked_vehicle`, `type_drift`, `confidence_drift`, `working_share` or `report_rate`.
        pub kind: AlertKind,
        /// `warning` or `critical`.
        pub severity: Severity,
        /// Of `confidence` event type, model and version; of `blocked_vehicle` the plate; else empty.
        pub subject: String,
        /// Start of the hour, or instant of the report or read, that opened it.
        pub opened: EventTime,
        /// Start of the hour, or instant of the report or last read, that resolved it; NULL while it is open.
        pub resolved: Option<EventTime>,
        /// Value that opened it, in 1/10 000; of `report_rate` reports a minute in 1/100. At most 65 535.
        pub value: Score,
        /// Worst value while it was open, in the same unit.
        pub worst: Score,
        /// The rule's threshold, in the same unit; of an alert of a high `working_share` or `report_rate` its `most`.
        pub threshold: Score,
        /// The rule's `clear`, in the same unit; of those `most_clear`.
        pub clear: Score,
        /// Samples of the hours beyond the threshold, each hour's own; reports beyond it; reads.
        pub samples: u64,
        /// Hours beyond the threshold; of `device_offline` and `blocked_vehicle`, which know no hours, 0.
        pub hours: u32,
        /// Whether the past was told otherwise: some fact of a client from `opened` up to `resolved` (that hour or report
        /// included; all later ones while it is open) was received more than an hour after its own `ts`. Facts of
        /// `export_success` are frame exports, in the hour of their session; of `device_offline` reports; of utilisations
        /// activity that stands for time; of `confidence` the model's events; of drift, `working_share` and `report_rate` the
        /// station's; of `blocked_vehicle` the visit's reads.
        /// Cameras' facts never come late.
        pub late: bool,
        /// What opened it, in words.
        pub message: String,
        /// Digest of the rules that shaped the row: the alert rule; and those of the hour or visit that opened it (of
        /// `confidence` and what follows it the clock, of drift the pinned baseline too).
        pub rules: Name,
    }
}
