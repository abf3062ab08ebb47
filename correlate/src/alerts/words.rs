//! What opened an alert, in words.

use super::{Judge, Reading, Share};
use crate::drift::Value;
use gemba_schemas::rule::{AlertKind, Statistic};
use gemba_schemas::score::Score;

/// The message of an alert that an hour opens.
pub(super) fn message(rule: &Judge, reading: &Reading, share: Share, samples: u64) -> String {
    let beyond = if rule.high_is_bad { "above" } else { "below" };
    let kind = rule.alert.kind;
    let (value, threshold) = (figure(kind, share.score()), figure(kind, rule.alert.threshold));
    let words = match reading {
        Reading::Reports(value, _) => of_reports(rule, *value),
        _ => of_hour(kind, share, samples),
    };
    format!("{words}: {value}, {beyond} {threshold}.")
}

/// A value as people read it.
fn figure(kind: AlertKind, Score(score): Score) -> String {
    if kind.is_drift() {
        return format!("{}.{:04}", score / 10_000, score % 10_000);
    }
    let unit = if kind == AlertKind::ReportRate { "a minute" } else { "%" };
    format!("{}.{:02} {unit}", score / 100, score % 100)
}

/// What an hour is about.
fn of_hour(kind: AlertKind, share: Share, samples: u64) -> String {
    let Share { part, whole } = share;
    match kind {
        AlertKind::ExportSuccess => format!("{part} of {whole} exports worked"),
        AlertKind::StationUtilisation => format!("{} s of work in {samples} s of presence", part / 1_000_000),
        AlertKind::FloorUtilisation => format!("Mean utilisation of {} workers", whole / 1_000_000),
        AlertKind::Confidence => format!("Mean confidence of {samples} reports"),
        _ => format!("{part} of {whole} sessions had no code"),
    }
}

/// What reports are about.
fn of_reports(rule: &Judge, value: Value) -> String {
    match value {
        Value::Drift { current, baseline, .. } => {
            let statistic = match rule.statistic {
                Some(Statistic::Kl) => "KL",
                Some(Statistic::Js) => "JS",
                Some(Statistic::Psi) | None => "PSI",
            };
            let what = if rule.alert.kind == AlertKind::TypeDrift { "event types" } else { "confidences" };
            format!("{statistic} of {what}, {current} reports in 24 h against {baseline}")
        }
        Value::Share(part, whole) => format!("{part} of {whole} reports in 24 h are of work"),
        Value::Rate(reports) => format!("{reports} reports in an hour"),
    }
}
