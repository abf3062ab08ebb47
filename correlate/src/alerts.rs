//! `alerts`: stretches in which a camera's hours were bad.
//!
//! ```text
//! quality_hours → readings per (camera, kind) ┐
//! device statuses ────────────────────────────┼→ cameras ⋈ alert rules → the rules that apply ┐
//!                                             └───────────────────────────────────────────────┴→ ⋈ → signs → rows
//! ```
//!
//! A reading is a share as two integers. A rule makes of it a sign, bad or good, or nothing: hours with few samples, and
//! those between `clear` and the threshold, change no alert. The signs of one rule at one camera are walked in order, so
//! an hour that changes costs a walk over the signs of the rules that watch it. Reports of devices become signs in
//! [`devices`].

mod devices;

use super::rules::Rules;
use differential_dataflow::VecCollection;
use gemba_schemas::fact::DeviceStatus;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{AlertKind, AlertRule, joined};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::{Alert, QualityHour};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// What is watched of an hour: `part` of `whole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Share {
    part: u32,
    whole: u32,
}

impl Share {
    /// In 1/10 000, to the nearest, halves up.
    fn score(self) -> Score {
        let (part, whole) = (u64::from(self.part), u64::from(self.whole).max(1));
        Score(((20_000 * part + whole) / (2 * whole)).min(10_000) as u16)
    }

    /// Exactly.
    fn cmp(self, score: Score) -> Ordering {
        (10_000 * u64::from(self.part)).cmp(&(u64::from(score.0) * u64::from(self.whole)))
    }
}

/// A rule at one camera or device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Watch {
    camera: Name,
    rule: AlertRule,
    rules: Name,
}

/// What an hour or a report says about an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Sign {
    Good,
    Bad { value: Score, worst: Score, samples: u32, hours: u32, message: String },
}

/// On which side of a rule a value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// At `clear` or better.
    Good,
    /// Beyond the threshold.
    Bad,
}

/// `None`: between the two.
fn side(rule: &AlertRule, share: Share) -> Option<Side> {
    let better = if rule.kind.high_is_bad() { Ordering::Less } else { Ordering::Greater };
    let to_clear = share.cmp(rule.clear);
    if to_clear == better || to_clear == Ordering::Equal {
        Some(Side::Good)
    } else {
        (share.cmp(rule.threshold) == better.reverse()).then_some(Side::Bad)
    }
}

fn worse(rule: &AlertRule, a: Score, b: Score) -> Score {
    if rule.kind.high_is_bad() { a.max(b) } else { a.min(b) }
}

fn percent(score: Score) -> String {
    format!("{}.{:02} %", score.0 / 100, score.0 % 100)
}

/// What an hour says.
fn sign(rule: &AlertRule, share: Share) -> Option<Sign> {
    if share.whole < rule.min_samples {
        return None;
    }
    Some(match side(rule, share)? {
        Side::Good => Sign::Good,
        Side::Bad => {
            let what = match rule.kind {
                AlertKind::ExportSuccess => "exports worked",
                _ => "sessions had no code",
            };
            let beyond = if rule.kind.high_is_bad() { "above" } else { "below" };
            let (value, threshold) = (share.score(), percent(rule.threshold));
            let message =
                format!("{} of {} {what}: {}, {beyond} {threshold}.", share.part, share.whole, percent(value));
            Sign::Bad { value, worst: value, samples: share.whole, hours: 1, message }
        }
    })
}

/// The alerts of one rule at one camera, from its signs in order.
fn walk<'a>(watch: &Watch, signs: impl Iterator<Item = &'a (EventTime, Sign)>) -> Vec<Alert> {
    let rule = &watch.rule;
    let mut alerts: Vec<Alert> = Vec::new();
    for (ts, sign) in signs {
        let current = alerts.last_mut().filter(|alert| alert.resolved.is_none());
        match (current, sign) {
            (Some(alert), Sign::Good) => alert.resolved = Some(*ts),
            (Some(alert), Sign::Bad { worst, samples, hours, .. }) => {
                alert.worst = worse(rule, alert.worst, *worst);
                alert.samples += u64::from(*samples);
                alert.hours += hours;
            }
            (None, Sign::Bad { value, worst, samples, hours, message }) => alerts.push(Alert {
                camera: watch.camera,
                kind: rule.kind,
                severity: rule.severity,
                opened: *ts,
                resolved: None,
                value: *value,
                worst: *worst,
                threshold: rule.threshold,
                clear: rule.clear,
                samples: u64::from(*samples),
                hours: *hours,
                message: message.clone(),
                rules: watch.rules,
            }),
            (None, Sign::Good) => {}
        }
    }
    alerts
}

/// The view.
pub fn alerts<'scope>(
    hours: VecCollection<'scope, Tick, QualityHour, isize>,
    statuses: VecCollection<'scope, Tick, DeviceStatus, isize>,
    rules: &Rules<'scope>,
) -> VecCollection<'scope, Tick, Alert, isize> {
    let readings = hours.flat_map(|h| {
        let shares =
            [(AlertKind::EmptyRate, h.qr_failed, h.sessions), (AlertKind::ExportSuccess, h.exports_ok, h.exports)];
        shares
            .into_iter()
            .filter(|(_, _, whole)| *whole > 0)
            .map(move |(kind, part, whole)| ((h.camera, kind), (h.hour, Share { part, whole }, h.rules)))
    });
    let cameras = readings
        .clone()
        .map(|((camera, kind), _)| (kind, camera))
        .concat(statuses.clone().map(|s| (AlertKind::DeviceOffline, s.device)))
        .threshold_named("Cameras with readings", |_, _| 1isize)
        .arrange_by_key_named("Arrange: cameras with readings");
    let watches = rules
        .alerts
        .clone()
        .map(|rule| (rule.0.kind, rule))
        .arrange_by_key_named("Arrange: alert rules")
        .join_core(cameras, |&kind, (rule, sum), &camera| {
            let applies = rule.camera.is_none_or(|own| own == camera);
            applies.then_some(((camera, kind, rule.severity), (*rule, *sum)))
        })
        .reduce_named("Alert rule of a camera", |_, rules, out| {
            // The camera's own before the one for all; the site file has no two alike.
            let order = |r: &AlertRule| (r.camera.is_none(), r.threshold, r.clear, r.min_samples);
            out.extend(rules.iter().min_by_key(|((rule, _), _)| order(rule)).map(|(rule, _)| (**rule, 1)));
        })
        .map(|((camera, kind, _), watch)| ((camera, kind), watch))
        .arrange_by_key_named("Arrange: alert rules of cameras");
    let devices = devices::signs(statuses, watches.clone());
    readings
        .arrange_by_key_named("Arrange: readings")
        .join_core(watches, |&(camera, _), (hour, share, rules), (rule, sum)| {
            let watch = Watch { camera, rule: *rule, rules: joined([*rules, *sum]) };
            sign(rule, *share).map(|sign| (watch, (*hour, sign)))
        })
        .concat(devices)
        .reduce_named("Alerts of a rule", |watch, signs, out| {
            out.extend(walk(watch, signs.iter().map(|(sign, _)| *sign)).into_iter().map(|alert| (alert, 1)));
        })
        .map(|(_, alert)| alert)
}
