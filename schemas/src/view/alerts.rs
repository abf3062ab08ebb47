//! Alerts: stretches of time in which something was wrong.

use crate::id::Name;
use crate::row;
use crate::rule::{AlertKind, Severity};
use crate::score::Score;
use crate::time::EventTime;

row! {
    /// Stretches in which a camera or device was bad, by one alert rule. Of each kind and severity the rule for the camera
    /// (device) applies, else the one for all. What is walked, in order: of `empty_rate` and `export_success` the camera's
    /// hours in `quality_hours` with at least `min_samples` samples (ended sessions; exports), whose values are
    /// qr_failed / sessions (high is bad) and exports_ok / exports (low is bad); of `device_offline` the device's reports in
    /// `device_status`, whose values are 0 (online), 0.5 (degraded) and 1 (offline; high is bad), and of those with one `ts`
    /// the last by `received_at`, then `id`. An alert opens at the first whose value is beyond the threshold, and is
    /// resolved by the first later one whose value is at `clear` or on its good side; values in between keep it open.
    /// Shares are compared exactly, and rounded to show.
    pub struct Alert in "alerts", key(camera, kind, severity, opened), bucket(opened) {
        /// Camera name; of `device_offline` the device.
        pub camera: Name,
        /// What is wrong: `empty_rate`, `export_success` or `device_offline`.
        pub kind: AlertKind,
        /// `warning` or `critical`.
        pub severity: Severity,
        /// Start of the hour, or instant of the report, that opened it.
        pub opened: EventTime,
        /// Start of the hour, or instant of the report, that resolved it; NULL while it is open.
        pub resolved: Option<EventTime>,
        /// Value that opened it, in 1/10 000.
        pub value: Score,
        /// Worst value while it was open, in 1/10 000.
        pub worst: Score,
        /// The rule's threshold, in 1/10 000.
        pub threshold: Score,
        /// The rule's `clear`, in 1/10 000.
        pub clear: Score,
        /// Samples of the hours beyond the threshold; reports beyond it.
        pub samples: u64,
        /// Hours beyond the threshold; of `device_offline`, which knows no hours, 0.
        pub hours: u32,
        /// What opened it, in words.
        pub message: String,
        /// Digest of the rules that shaped the row: the alert rule; and, unless it is `device_offline`, the camera's packing
        /// profiles and the clock.
        pub rules: Name,
    }
}
