//! `alerts`: stretches in which a camera's hours were bad.
//!
//! ```text
//! quality_hours → readings per (camera, kind) ┬→ cameras ⋈ alert rules → the rule that applies ┐
//!                                             └───────────────────────────────────────────────┴→ ⋈ → signs → rows
//! ```
//!
//! A reading is a share as two integers. A rule makes of it a sign, bad or good, or nothing: hours with few samples, and
//! those between `clear` and the threshold, change no alert. The signs of one rule at one camera are walked in order, so
//! an hour that changes costs a walk over the signs of the rules that watch it.

use super::rules::Rules;
use differential_dataflow::VecCollection;
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

/// A rule at one camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Watch {
    camera: Name,
    rule: AlertRule,
    rules: Name,
}

/// What an hour says about an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Sign {
    Good,
    Bad(Share),
}

fn sign(rule: &AlertRule, share: Share) -> Option<Sign> {
    let better = if rule.kind.high_is_bad() { Ordering::Less } else { Ordering::Greater };
    let to_clear = share.cmp(rule.clear);
    if share.whole < rule.min_samples {
        None
    } else if to_clear == better || to_clear == Ordering::Equal {
        Some(Sign::Good)
    } else if share.cmp(rule.threshold) == better.reverse() {
        Some(Sign::Bad(share))
    } else {
        None
    }
}

fn percent(score: Score) -> String {
    format!("{}.{:02} %", score.0 / 100, score.0 % 100)
}

fn message(rule: &AlertRule, share: Share) -> String {
    let (what, beyond) = match rule.kind {
        AlertKind::EmptyRate => ("sessions had no code", "above"),
        AlertKind::ExportSuccess => ("exports worked", "below"),
    };
    let (value, threshold) = (percent(share.score()), percent(rule.threshold));
    format!("{} of {} {what}: {value}, {beyond} {threshold}.", share.part, share.whole)
}

fn open(watch: &Watch, hour: EventTime, share: Share) -> Alert {
    let rule = &watch.rule;
    Alert {
        camera: watch.camera,
        kind: rule.kind,
        severity: rule.severity,
        opened: hour,
        resolved: None,
        value: share.score(),
        worst: share.score(),
        threshold: rule.threshold,
        clear: rule.clear,
        samples: share.whole.into(),
        hours: 1,
        message: message(rule, share),
        rules: watch.rules,
    }
}

/// The alerts of one rule at one camera, from its signs in order.
fn walk<'a>(watch: &Watch, signs: impl Iterator<Item = &'a (EventTime, Sign)>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = Vec::new();
    for (hour, sign) in signs {
        let current = alerts.last_mut().filter(|alert| alert.resolved.is_none());
        match (current, sign) {
            (Some(alert), Sign::Good) => alert.resolved = Some(*hour),
            (Some(alert), Sign::Bad(share)) => {
                let (a, b) = (alert.worst, share.score());
                alert.worst = if watch.rule.kind.high_is_bad() { a.max(b) } else { a.min(b) };
                alert.samples += u64::from(share.whole);
                alert.hours += 1;
            }
            (None, Sign::Bad(share)) => alerts.push(open(watch, *hour, *share)),
            (None, Sign::Good) => {}
        }
    }
    alerts
}

/// The view.
pub fn alerts<'scope>(
    hours: VecCollection<'scope, Tick, QualityHour, isize>,
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
    readings
        .arrange_by_key_named("Arrange: readings")
        .join_core(watches, |&(camera, _), (hour, share, rules), (rule, sum)| {
            let watch = Watch { camera, rule: *rule, rules: joined([*rules, *sum]) };
            sign(rule, *share).map(|sign| (watch, (*hour, sign)))
        })
        .reduce_named("Alerts of a rule", |watch, signs, out| {
            out.extend(walk(watch, signs.iter().map(|(sign, _)| *sign)).into_iter().map(|alert| (alert, 1)));
        })
        .map(|(_, alert)| alert)
}
