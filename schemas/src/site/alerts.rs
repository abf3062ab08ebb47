//! `[[alert]]`: when somebody is to be told.

use super::value::{Length, Level};
use crate::id::Name;
use crate::rule::{AlertKind, AlertRule, ReportAlertRule, Rule, Severity, Statistic};
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
    /// Of all that is reported of a station or camera: `type_drift`, `confidence_drift`: how far the event types, or the
    /// confidences, of the 24 hours that end with an hour are from the baseline (`[drift]`), high is bad; `working_share`:
    /// share of `working` in the activity of the 24 hours, bad outside two bounds; `report_rate`: reports a minute in an hour
    /// with any, bad outside two bounds.
    pub kind: AlertKind,
    /// `warning` or `critical`. Default `warning`.
    #[serde(default = "warning")]
    pub severity: Severity,
    /// Camera (of `device_offline` the device, of `station_utilisation` the station, of `confidence` and what follows it the
    /// station or camera), for which this takes the place of the alert of its kind and severity for all. Default: all. Not
    /// for `floor_utilisation`.
    pub camera: Option<String>,
    /// Share beyond which an hour (a report) opens the alert: above it where high is bad, else below it. Default by kind:
    /// `empty_rate` 0.15, and 0.30 as `critical`; `export_success` 0.90; `device_offline` 0 (degraded or offline), and
    /// 0.50 as `critical` (offline); utilisations 0.50, and 0.30 as `critical`; `confidence` 0.80; `type_drift` and
    /// `confidence_drift` 0.20, and 0.50 as `critical`; `working_share` 0.50; `report_rate` 5 (a minute). Not for
    /// `blocked_vehicle`.
    pub threshold: Option<Level>,
    /// Share that resolves it: an hour (a report) at it, or on its good side. Default: 0.05 on the good side of
    /// `threshold`; of `report_rate` 1; of `device_offline` 0 (online).
    pub clear: Option<Level>,
    /// Of `working_share` and `report_rate`: the upper bound; an hour above it opens an alert of its own. Default 0.85, and
    /// 25.
    pub most: Option<Level>,
    /// What resolves that one: an hour at it, or below. Default: 0.05 below `most`; of `report_rate` 1.
    pub most_clear: Option<Level>,
    /// Of `type_drift` and `confidence_drift`: `psi` (population stability index), `kl` (Kullback–Leibler) or `js`
    /// (Jensen–Shannon, at most 0.69), as in `/api/v1/drift`. Default `psi`.
    pub statistic: Option<Statistic>,
    /// Hours with fewer sessions (exports, reports) neither open nor resolve it. Default 5, of `confidence` 20, of
    /// `report_rate` 1. Of drift: reports in the 24 hours, and as many in the baseline; of `working_share`: reports of
    /// activity in the 24 hours; of these three 100. Not for `device_offline`, utilisations and `blocked_vehicle`.
    pub min_samples: Option<u32>,
    /// Of utilisations: hours with less time working and idle neither open nor resolve it. Default `15m`.
    pub min_observed: Option<Length>,
}

fn warning() -> Severity {
    Severity::Warning
}

impl Alert {
    fn built_in(kind: AlertKind, severity: Severity) -> Self {
        Self {
            kind,
            severity,
            camera: None,
            threshold: None,
            clear: None,
            most: None,
            most_clear: None,
            statistic: None,
            min_samples: None,
            min_observed: None,
        }
    }

    /// The rule, with what was left out filled in; of a kind with two bounds that of the lower one.
    pub(super) fn rule(&self) -> AlertRule {
        let threshold = self.threshold.map_or_else(|| default_threshold(self.kind, self.severity), |l| self.score(l));
        let good = match self.kind {
            AlertKind::DeviceOffline | AlertKind::BlockedVehicle => Score(0),
            kind if kind.high_is_bad() => self.below(threshold),
            _ => Score(threshold.0.saturating_add(self.step()).min(self.greatest())),
        };
        let min_samples = match self.kind {
            AlertKind::EmptyRate | AlertKind::ExportSuccess => 5,
            AlertKind::Confidence => 20,
            AlertKind::StationUtilisation | AlertKind::FloorUtilisation => {
                let observed = self.min_observed.unwrap_or(Length::quarter_hour()).0;
                u32::try_from(observed.0 / 1_000_000).unwrap_or(u32::MAX)
            }
            AlertKind::TypeDrift | AlertKind::ConfidenceDrift | AlertKind::WorkingShare => 100,
            AlertKind::DeviceOffline | AlertKind::BlockedVehicle | AlertKind::ReportRate => 1,
        };
        AlertRule {
            kind: self.kind,
            severity: self.severity,
            camera: self.camera.as_deref().map(Name::new),
            threshold,
            clear: self.clear.map_or(good, |l| self.score(l)),
            min_samples: self.min_samples.unwrap_or(min_samples),
        }
    }

    /// The rule of the upper of two bounds.
    pub(super) fn upper(&self) -> AlertRule {
        let default = if self.kind == AlertKind::ReportRate { 2_500 } else { 8_500 };
        let threshold = self.most.map_or(Score(default), |l| self.score(l));
        let clear = self.most_clear.map_or(self.below(threshold), |l| self.score(l));
        AlertRule { threshold, clear, ..self.rule() }
    }

    /// The rules that it stands for.
    fn rules(&self) -> Vec<Rule> {
        let rule = |alert, high_is_bad| Rule::ReportAlert(ReportAlertRule { alert, statistic: None, high_is_bad });
        match self.kind {
            kind if kind.has_two_bounds() => vec![rule(self.rule(), false), rule(self.upper(), true)],
            kind if kind.is_drift() => {
                let statistic = Some(self.statistic.unwrap_or(Statistic::Psi));
                vec![Rule::ReportAlert(ReportAlertRule { alert: self.rule(), statistic, high_is_bad: true })]
            }
            _ => vec![Rule::Alert(self.rule())],
        }
    }

    fn score(&self, level: Level) -> Score {
        // From a float `as` saturates; what is too high was refused.
        Score((level.0 * f64::from(self.kind.scale())).round() as u16)
    }

    /// How much better than the threshold resolves it: a twentieth, or a report a minute.
    fn step(&self) -> u16 {
        if self.kind == AlertKind::ReportRate { 100 } else { 500 }
    }

    fn below(&self, threshold: Score) -> Score {
        Score(threshold.0.saturating_sub(self.step()))
    }

    /// The greatest value: no share is beyond all.
    fn greatest(&self) -> u16 {
        if self.kind == AlertKind::ReportRate { u16::MAX } else { Score::ONE.0 }
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
        (AlertKind::TypeDrift | AlertKind::ConfidenceDrift, Severity::Warning) => Score(2_000),
        (AlertKind::TypeDrift | AlertKind::ConfidenceDrift, Severity::Critical) => Score(5_000),
        (AlertKind::WorkingShare, _) => Score(5_000),
        (AlertKind::ReportRate, _) => Score(500),
    }
}

/// The rules of the site's alerts, or the built-in ones.
pub(super) fn rules(alerts: Option<&[Alert]>) -> Vec<Rule> {
    let built_in = [
        Alert::built_in(AlertKind::EmptyRate, Severity::Warning),
        Alert::built_in(AlertKind::EmptyRate, Severity::Critical),
        Alert::built_in(AlertKind::ExportSuccess, Severity::Critical),
        Alert::built_in(AlertKind::DeviceOffline, Severity::Critical),
        Alert::built_in(AlertKind::BlockedVehicle, Severity::Critical),
    ];
    alerts.unwrap_or(&built_in).iter().flat_map(Alert::rules).collect()
}
