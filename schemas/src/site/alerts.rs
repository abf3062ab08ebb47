//! `[[alert]]`: when somebody is to be told.

use super::value::{Fraction, Length};
use crate::id::Name;
use crate::rule::{AlertKind, AlertRule, Severity};
use crate::score::Score;
use serde::Deserialize;

/// `[[alert]]`: one level of one kind of alert. A site without `alert` has the built-in ones: `empty_rate` as `warning`
/// and as `critical`, `export_success`, `device_offline` and `blocked_vehicle` as `critical`. Whoever writes one writes them
/// all; `alert = []`: there are none.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// `empty_rate`: share of an hour's packing sessions without a code, high is bad; `export_success`: share of
    /// the frame exports that worked, low is bad; `device_offline`: how a device says it is, 0 online, 0.5 degraded,
    /// 1 offline; `station_utilisation`: working share of an hour's presence at a station, low is bad;
    /// `floor_utilisation`: mean of the workers' utilisations of an hour, low is bad; `confidence`: mean confidence of an
    /// hour's reports of one model, version and event type, low is bad; `blocked_vehicle`: a plate that is blocked came.
    pub kind: AlertKind,
    /// `warning` or `critical`. Default `warning`.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// Camera (of `device_offline` the device, of `station_utilisation` the station, of `confidence` the station or camera),
    /// for which this takes the place of the alert of its kind and severity for all. Default: all. Not for
    /// `floor_utilisation`.
    pub camera: Option<String>,
    /// Share beyond which an hour (a report) opens the alert: above it where high is bad, else below it. Default by kind:
    /// `empty_rate` 0.15, and 0.30 as `critical`; `export_success` 0.90; `device_offline` 0 (degraded or offline), and
    /// 0.50 as `critical` (offline); utilisations 0.50, and 0.30 as `critical`; `confidence` 0.80. Not for
    /// `blocked_vehicle`.
    pub threshold: Option<Fraction>,
    /// Share that resolves it: an hour (a report) at it, or on its good side. Default: 0.05 on the good side of
    /// `threshold`; of `device_offline` 0 (online).
    pub clear: Option<Fraction>,
    /// Hours with fewer sessions (exports, reports) neither open nor resolve it. Default 5, of `confidence` 20. Not for
    /// `device_offline`, utilisations and `blocked_vehicle`.
    pub min_samples: Option<u32>,
    /// Of utilisations: hours with less time working and idle neither open nor resolve it. Default `15m`.
    pub min_observed: Option<Length>,
}

fn warning() -> Severity {
    Severity::Warning
}

impl Alert {
    fn built_in(kind: AlertKind, severity: Severity) -> Self {
        Self { kind, severity, camera: None, threshold: None, clear: None, min_samples: None, min_observed: None }
    }

    /// The rule, with what was left out filled in.
    pub(super) fn rule(&self) -> AlertRule {
        let threshold = self.threshold.map_or_else(|| default_threshold(self.kind, self.severity), score);
        // A twentieth on the good side, but no share beyond none and all.
        let better = threshold.0.saturating_add(500).min(Score::ONE.0);
        let (good, min_samples) = match self.kind {
            AlertKind::EmptyRate => (threshold.0.saturating_sub(500), 5),
            AlertKind::ExportSuccess => (better, 5),
            AlertKind::Confidence => (better, 20),
            AlertKind::StationUtilisation | AlertKind::FloorUtilisation => {
                let observed = self.min_observed.unwrap_or(Length::quarter_hour()).0;
                (better, u32::try_from(observed.0 / 1_000_000).unwrap_or(u32::MAX))
            }
            AlertKind::DeviceOffline | AlertKind::BlockedVehicle => (0, 1),
        };
        AlertRule {
            kind: self.kind,
            severity: self.severity,
            camera: self.camera.as_deref().map(Name::new),
            threshold,
            clear: self.clear.map_or(Score(good), score),
            min_samples: self.min_samples.unwrap_or(min_samples),
        }
    }
}

fn default_threshold(kind: AlertKind, severity: Severity) -> Score {
    match (kind, severity) {
        (AlertKind::EmptyRate, Severity::Warning) => Score(1_500),
        (AlertKind::EmptyRate, Severity::Critical) => Score(3_000),
        (AlertKind::ExportSuccess, _) => Score(9_000),
        (AlertKind::DeviceOffline, Severity::Warning) => Score(0),
        (AlertKind::DeviceOffline, Severity::Critical) => Score(5_000),
        (AlertKind::StationUtilisation | AlertKind::FloorUtilisation, Severity::Warning) => Score(5_000),
        (AlertKind::StationUtilisation | AlertKind::FloorUtilisation, Severity::Critical) => Score(3_000),
        (AlertKind::Confidence, _) => Score(8_000),
        (AlertKind::BlockedVehicle, _) => Score(0),
    }
}

fn score(share: Fraction) -> Score {
    Score((share.0 * 10_000.0).round() as u16)
}

/// The rules of the site's alerts, or the built-in ones.
pub(super) fn rules(alerts: Option<&[Alert]>) -> Vec<AlertRule> {
    let built_in = [
        Alert::built_in(AlertKind::EmptyRate, Severity::Warning),
        Alert::built_in(AlertKind::EmptyRate, Severity::Critical),
        Alert::built_in(AlertKind::ExportSuccess, Severity::Critical),
        Alert::built_in(AlertKind::DeviceOffline, Severity::Critical),
        Alert::built_in(AlertKind::BlockedVehicle, Severity::Critical),
    ];
    alerts.unwrap_or(&built_in).iter().map(Alert::rule).collect()
}
