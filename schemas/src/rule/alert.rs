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
    /// Whether a high value is a bad one.
    pub fn high_is_bad(self) -> bool {
        match self {
            Self::EmptyRate | Self::DeviceOffline | Self::BlockedVehicle => true,
            Self::ExportSuccess | Self::StationUtilisation | Self::FloorUtilisation | Self::Confidence => false,
        }
    }

    /// Whether it follows from events of workers at stations.
    pub fn is_of_events(self) -> bool {
        matches!(self, Self::StationUtilisation | Self::FloorUtilisation | Self::Confidence)
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
