//! The meaning of the site's alerts.

use super::document::{Problems, Spot};
use super::error::{hint, quoted};
use super::{Alert, Site};
use crate::rule::{AlertKind, AlertRule, Statistic};
use crate::time::Micros;

/// Adds everything that is wrong with the alerts to `problems`; `list` is where they are written.
pub(super) fn alerts(site: &Site, list: &Spot<'_>, problems: &mut Problems<'_>) {
    let alerts = site.alerts.as_deref().unwrap_or(&[]);
    for (i, alert) in alerts.iter().enumerate() {
        let spot = list.item(i);
        source(site, alert, &spot, problems);
        let what = |a: &Alert| (a.kind, a.severity, a.camera.clone());
        if alerts[..i].iter().any(|other| what(other) == what(alert)) {
            let of = alert.camera.as_ref().map_or("all".into(), |c| format!("`{c}`"));
            problems.add(
                &spot,
                format!(
                    "`{}` of severity `{}` is there twice for {of}; keep one, or give one another severity or camera",
                    alert.kind, alert.severity
                ),
            );
        }
        if alert.kind == AlertKind::BlockedVehicle {
            for key in ["threshold", "clear"] {
                let at = spot.key(key);
                if at.is_given() {
                    problems.add(&at, "is not for `blocked_vehicle`: every blocked visit is an alert; leave it out");
                }
            }
        } else if within_range(alert, &spot, problems) {
            shares(alert, &spot, problems);
        }
        others(alert, &spot, problems);
        samples(alert, &spot, problems);
    }
}

/// What an alert is for exists, as far as the site knows such things.
fn source(site: &Site, alert: &Alert, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let Some(source) = &alert.camera else { return };
    let spot = spot.key("camera");
    let cameras = || site.cameras.iter().map(|c| c.name.as_str());
    let stations = || site.stations.iter().map(|s| s.name.as_str());
    let (what, list, known): (_, _, Vec<&str>) = match alert.kind {
        AlertKind::EmptyRate | AlertKind::ExportSuccess => ("camera", "cameras", cameras().collect()),
        AlertKind::StationUtilisation => ("station", "stations", stations().collect()),
        AlertKind::Confidence
        | AlertKind::TypeDrift
        | AlertKind::ConfidenceDrift
        | AlertKind::WorkingShare
        | AlertKind::ReportRate => ("camera or station", "names", cameras().chain(stations()).collect()),
        AlertKind::FloorUtilisation => {
            return problems.add(&spot, "is not for `floor_utilisation`: there is one floor; leave it out");
        }
        // The site does not know its devices and gates; clients report of them.
        AlertKind::DeviceOffline | AlertKind::BlockedVehicle => return,
    };
    if !known.contains(&source.as_str()) {
        let known = || known.iter().copied();
        problems.add(
            &spot,
            format!("there is no {what} `{source}`{} ({list}: {})", hint(source, known()), quoted(known())),
        );
    }
}

fn samples(alert: &Alert, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let at = spot.key("min_samples");
    match (alert.kind, alert.min_samples) {
        (_, None) => {}
        (AlertKind::DeviceOffline, _) => {
            problems.add(&at, "is not for `device_offline`: every report counts; leave it out");
        }
        (AlertKind::BlockedVehicle, _) => {
            problems.add(&at, "is not for `blocked_vehicle`: every blocked visit is an alert; leave it out");
        }
        (kind @ (AlertKind::StationUtilisation | AlertKind::FloorUtilisation), _) => {
            problems.add(&at, format!("is not for `{kind}`; write `min_observed`, the least presence of an hour"));
        }
        (_, Some(0)) => problems.add(&at, "expected at least 1, found 0"),
        _ => {}
    }
    let at = spot.key("min_observed");
    match (alert.kind, alert.min_observed) {
        (_, None) => {}
        (AlertKind::StationUtilisation | AlertKind::FloorUtilisation, Some(least)) => {
            if least.0 < Micros::from_secs(1) || least.0 > Micros(24 * Micros::HOUR.0) {
                problems.add(&at, "expected from \"1s\" to \"24h\"");
            }
        }
        (kind, _) => {
            problems.add(&at, format!("is for utilisations; `{kind}` counts samples: write `min_samples`"));
        }
    }
}

/// No value is so high that none could be above it. Whether all are so.
fn within_range(alert: &Alert, spot: &Spot<'_>, problems: &mut Problems<'_>) -> bool {
    let most = match alert.kind {
        AlertKind::ReportRate => 600.0,
        // At most ln 2.
        kind if kind.is_drift() && alert.statistic == Some(Statistic::Js) => 0.69,
        kind if kind.is_drift() => 6.0,
        _ => 1.0,
    };
    let levels = [
        ("threshold", alert.threshold),
        ("clear", alert.clear),
        ("most", alert.most),
        ("most_clear", alert.most_clear),
    ];
    // The others are for no other kind, and refused as such.
    let own = if alert.kind.has_two_bounds() { &levels[..] } else { &levels[..2] };
    let beyond = own.iter().filter_map(|(key, level)| level.filter(|l| l.0 > most).map(|l| (key, l.0)));
    let beyond: Vec<_> = beyond.collect();
    for (key, level) in &beyond {
        problems.add(&spot.key(key), format!("expected a number from 0 to {most}, found {level}"));
    }
    beyond.is_empty()
}

/// Keys that are for some kinds only.
fn others(alert: &Alert, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let kind = alert.kind;
    for key in ["most", "most_clear"] {
        let at = spot.key(key);
        if !kind.has_two_bounds() && at.is_given() {
            problems
                .add(&at, format!("is for `working_share` and `report_rate`; `{kind}` has one bound: leave it out"));
        }
    }
    let at = spot.key("statistic");
    if !kind.is_drift() && at.is_given() {
        problems.add(&at, format!("is for `type_drift` and `confidence_drift`, not for `{kind}`; leave it out"));
    }
}

fn shares(alert: &Alert, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let kind = alert.kind;
    let share = |s: crate::score::Score| f64::from(s.0) / f64::from(kind.scale());
    if kind.has_two_bounds() {
        let [low, high] = [alert.rule(), alert.upper()];
        let (least, most) = (share(low.threshold), share(high.threshold));
        if least >= most {
            let key = if alert.most.is_some() { "most" } else { "threshold" };
            problems.add(&spot.key(key), format!("expected `threshold` < `most`, found {least} and {most}"));
        } else {
            sides(&low, "threshold", "clear", false, spot, problems);
            sides(&high, "most", "most_clear", true, spot, problems);
        }
        return;
    }
    let (rule, high) = (alert.rule(), kind.high_is_bad());
    let threshold = share(rule.threshold);
    if !kind.is_drift() && threshold == if high { 1.0 } else { 0.0 } {
        let (most, beyond) = if high { ("less than 1", "above") } else { ("more than 0", "below") };
        problems.add(&spot.key("threshold"), format!("expected {most}: no share is {beyond} {threshold}"));
    } else {
        sides(&rule, "threshold", "clear", high, spot, problems);
    }
}

/// What resolves an alert does not open it.
fn sides(rule: &AlertRule, of: &str, key: &str, high: bool, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let share = |s: crate::score::Score| f64::from(s.0) / f64::from(rule.kind.scale());
    let (threshold, clear) = (share(rule.threshold), share(rule.clear));
    if (high && clear > threshold) || (!high && clear < threshold) {
        let (side, bad) = if high { ("at most", "high") } else { ("at least", "low") };
        let of = if of == "threshold" { "the threshold".into() } else { format!("`{of}`") };
        problems.add(
            &spot.key(key),
            format!("expected {side} {of} {threshold}: {bad} is bad for `{}`; found {clear}", rule.kind),
        );
    }
}
