//! The meaning of the site's alerts.

use super::document::{Problems, Spot};
use super::error::{hint, quoted};
use super::{Alert, Site};
use crate::rule::AlertKind;

/// Adds everything that is wrong with the alerts to `problems`; `list` is where they are written.
pub(super) fn alerts(site: &Site, list: &Spot<'_>, problems: &mut Problems<'_>) {
    let alerts = site.alerts.as_deref().unwrap_or(&[]);
    for (i, alert) in alerts.iter().enumerate() {
        let spot = list.item(i);
        let of_device = alert.kind == AlertKind::DeviceOffline;
        // The site does not know its devices; clients report of them.
        if let Some(camera) = &alert.camera
            && !of_device
            && !site.cameras.iter().any(|c| c.name == *camera)
        {
            let known = || site.cameras.iter().map(|c| c.name.as_str());
            problems.add(
                &spot.key("camera"),
                format!("there is no camera `{camera}`{} (cameras: {})", hint(camera, known()), quoted(known())),
            );
        }
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
        shares(alert, &spot, problems);
        match alert.min_samples {
            Some(_) if of_device => {
                problems
                    .add(&spot.key("min_samples"), "is not for `device_offline`: every report counts; leave it out");
            }
            Some(0) => problems.add(&spot.key("min_samples"), "expected at least 1, found 0"),
            _ => {}
        }
    }
}

fn shares(alert: &Alert, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let rule = alert.rule();
    let high = alert.kind.high_is_bad();
    let share = |s: crate::score::Score| f64::from(s.0) / 10_000.0;
    let (threshold, clear) = (share(rule.threshold), share(rule.clear));
    if threshold == if high { 1.0 } else { 0.0 } {
        let (most, beyond) = if high { ("less than 1", "above") } else { ("more than 0", "below") };
        problems.add(&spot.key("threshold"), format!("expected {most}: no share is {beyond} {threshold}"));
    } else if (high && clear > threshold) || (!high && clear < threshold) {
        let (side, bad) = if high { ("at most", "high") } else { ("at least", "low") };
        let at = spot.key("clear");
        problems.add(
            &at,
            format!("expected {side} the threshold {threshold}: {bad} is bad for `{}`; found {clear}", alert.kind),
        );
    }
}
