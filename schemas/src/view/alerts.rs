//! Alerts: stretches of time in which something was wrong.

use crate::id::Name;
use crate::row;
use crate::rule::{AlertKind, Severity};
use crate::score::Score;
use crate::time::EventTime;

row! {
    /// Stretches in which a camera's hours of `quality_hours` were bad, by one alert rule. Of each kind and severity the
    /// rule for the camera applies, else the one for all cameras. Its value in an hour is a share: of `empty_rate`
    /// qr_failed / sessions (high is bad), of `export_success` exports_ok / exports (low is bad); samples are the
    /// sessions or exports. Walk the hours with at least `min_samples` in order: an alert opens at the first hour
    /// whose value is beyond the threshold, and is resolved by the first later one whose value is at `clear` or on its good
    /// side; hours in between the two keep it open. Shares are compared exactly, and rounded to show.
    pub struct Alert in "alerts", key(camera, kind, severity, opened), bucket(opened) {
        /// Camera name.
        pub camera: Name,
        /// What is wrong: `empty_rate` or `export_success`.
        pub kind: AlertKind,
        /// `warning` or `critical`.
        pub severity: Severity,
        /// Start of the hour that opened it.
        pub opened: EventTime,
        /// Start of the hour that resolved it; NULL while it is open.
        pub resolved: Option<EventTime>,
        /// Value of the hour that opened it, in 1/10 000.
        pub value: Score,
        /// Worst value while it was open, in 1/10 000.
        pub worst: Score,
        /// The rule's threshold, in 1/10 000.
        pub threshold: Score,
        /// The rule's `clear`, in 1/10 000.
        pub clear: Score,
        /// Samples of the hours beyond the threshold.
        pub samples: u64,
        /// Hours beyond the threshold.
        pub hours: u32,
        /// What opened it, in words.
        pub message: String,
        /// Digest of the rules that shaped the row: the alert rule, the camera's packing profiles, and the clock.
        pub rules: Name,
    }
}
