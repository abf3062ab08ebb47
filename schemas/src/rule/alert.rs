//! Rules of alerts.

use crate::id::Name;
use crate::score::Score;
use crate::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What an alert watches.
    pub enum AlertKind {
        /// Share of an hour's ended packing sessions without a code. High is bad.
        EmptyRate = "empty_rate",
        /// Share of the frame exports of an hour's sessions that worked. Low is bad.
        ExportSuccess = "export_success",
        /// How a device says it is: online 0, degraded 0.5, offline 1. High is bad.
        DeviceOffline = "device_offline",
        /// Utilisation of a station's hour: working of working and idle time. Low is bad.
        StationUtilisation = "station_utilisation",
        /// Mean utilisation of an hour's workers. Low is bad.
        FloorUtilisation = "floor_utilisation",
        /// Mean confidence of what a model reported in an hour. Low is bad.
        Confidence = "confidence",
        /// A vehicle came whose plate is blocked.
        BlockedVehicle = "blocked_vehicle",
        /// How far the event types of 24 hours' reports are from the baseline. High is bad.
        TypeDrift = "type_drift",
        /// How far the confidences of 24 hours' reports are from the baseline. High is bad.
        ConfidenceDrift = "confidence_drift",
        /// Share of `working` in 24 hours' reports of activity. Bad outside two bounds.
        WorkingShare = "working_share",
        /// Reports a minute in an hour. Bad outside two bounds.
        ReportRate = "report_rate",
    }
}

text_enum! {
    /// How the distance of two distributions is measured; see [`divergence`](crate::divergence).
    pub enum Statistic {
        /// Population stability index.
        Psi = "psi",
        /// Kullback–Leibler divergence, in nats.
        Kl = "kl",
        /// Jensen–Shannon divergence, in nats.
        Js = "js",
    }
}

text_enum! {
    /// How bad it is.
    pub enum Severity {
        /// Somebody should look.
        Warning = "warning",
        /// Somebody must act.
        Critical = "critical",
    }
}

impl AlertKind {
    /// Whether a high value is a bad one; of a kind with two bounds, whether one beyond the first is.
    pub fn high_is_bad(self) -> bool {
        match self {
            Self::EmptyRate | Self::DeviceOffline | Self::BlockedVehicle | Self::TypeDrift | Self::ConfidenceDrift => {
                true
            }
            Self::ExportSuccess | Self::StationUtilisation | Self::FloorUtilisation | Self::Confidence => false,
            Self::WorkingShare | Self::ReportRate => false,
        }
    }

    /// Whether it follows from events of workers at stations.
    pub fn is_of_events(self) -> bool {
        matches!(self, Self::StationUtilisation | Self::FloorUtilisation | Self::Confidence) || self.is_of_reports()
    }

    /// Whether it follows from all that is reported of a station or camera; its rules are [`ReportAlertRule`]s.
    pub fn is_of_reports(self) -> bool {
        self.is_drift() || self.has_two_bounds()
    }

    /// Whether a distribution is compared with a baseline.
    pub fn is_drift(self) -> bool {
        matches!(self, Self::TypeDrift | Self::ConfidenceDrift)
    }

    /// Whether both a low and a high value are bad: each has an alert of its own.
    pub fn has_two_bounds(self) -> bool {
        matches!(self, Self::WorkingShare | Self::ReportRate)
    }

    /// What 1 is in the columns of `alerts`: reports a minute are counted in hundredths, all else in 1/10 000.
    pub fn scale(self) -> u16 {
        if self == Self::ReportRate { 100 } else { 10_000 }
    }
}

/// When an alert opens, and when it is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertRule {
    /// What is watched.
    pub kind: AlertKind,
    /// How bad it is.
    pub severity: Severity,
    /// The camera (of `device_offline` the device, of `station_utilisation` the station, of `confidence` the station or
    /// camera), in place of any rule for all of that kind and severity; `None` for all.
    pub camera: Option<Name>,
    /// Beyond this (above where high is bad, else below) an hour (of `device_offline` a report) breaches the rule.
    pub threshold: Score,
    /// At this, or on its good side, one resolves the alert. Not on the bad side of `threshold`.
    pub clear: Score,
    /// Hours with fewer samples (sessions, exports, reports; of utilisations seconds of presence) are passed over. Not used
    /// by `device_offline` and `blocked_vehicle`.
    pub min_samples: u32,
}

/// When an alert about what a station or camera reports opens, and when it is resolved. A kind with two bounds has a rule
/// for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReportAlertRule {
    /// The alert, in the kind's [scale](AlertKind::scale). Its samples are reports: of drift those of the 24 hours, and as
    /// many in the baseline; of `working_share` those of activity in the 24 hours; of `report_rate` those of the hour.
    pub alert: AlertRule,
    /// How distance is measured; `None` where nothing is compared with a baseline.
    pub statistic: Option<Statistic>,
    /// Whether a high value is a bad one.
    pub high_is_bad: bool,
}
