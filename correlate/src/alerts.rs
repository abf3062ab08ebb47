//! `alerts`: stretches in which something was wrong.
//!
//! ```text
//! hours of quality, stations, floor, models → readings ┐
//! late facts → marks ──────────────────────────────────┴ of a watched kind → judged by rules ┬→ signs → walk per (rule, what) ┐
//! device statuses → runs ────────────────────────────────────────────────────────────────────┘                                ├→ rows
//! gate_events → blocked visits ⋈ alert rules ─────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A reading is a share as two integers, or how far one distribution is from another as one. A rule makes of it a sign,
//! bad or good, or nothing ([`judged`]): hours with few samples, and those between `clear` and the threshold, change no
//! alert. The signs of one rule at one camera (or what else it watches) are walked in order, so an hour that changes costs
//! a walk over the signs of the rules that watch it. Reports of devices become signs in [`devices`]; a blocked visit is an
//! alert by itself, see [`visits`].

mod devices;
mod judged;
mod readings;
mod visits;
mod words;

use super::drift::{ModelHour, Reports, Value, Window};
use super::rules::Rules;
use crate::rows::Rows;
use crate::tick::at_close_two;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::fact::{DeviceStatus, FrameExport};
use gemba_schemas::id::Name;
use gemba_schemas::rule::{
    AlertKind, AlertRule, BaselineRule, ClockRule, ReportAlertRule, Rule, Severity, Statistic, digest, joined,
};
use gemba_schemas::score::Score;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{Alert, FloorHour, GateEvent, QualityHour, StationHour};
use judged::Judged;
use readings::Read;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// What is watched shares this many join keys towards the rules.
const SHARDS: u64 = 64;

/// A rule as readings are judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Judge {
    alert: AlertRule,
    /// Of the two rules of a kind with two bounds the upper one.
    high_is_bad: bool,
    statistic: Option<Statistic>,
}

impl From<AlertRule> for Judge {
    fn from(alert: AlertRule) -> Self {
        Self { alert, high_is_bad: alert.kind.high_is_bad(), statistic: None }
    }
}

impl From<ReportAlertRule> for Judge {
    fn from(ReportAlertRule { alert, statistic, high_is_bad }: ReportAlertRule) -> Self {
        Self { alert, high_is_bad, statistic }
    }
}

/// All alert rules, each with its digest; the clock; what shapes hours of models, and what is compared with a baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct RuleSet {
    rules: Vec<(Judge, Name)>,
    clock: ClockRule,
    clock_digest: Name,
    drift_digest: Name,
}

/// What a rule set is put together from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Rule(Judge, Name),
    Clock(ClockRule),
    Baseline(BaselineRule),
}

/// The rule set, once for every shard, and for every worker.
type RuleSets<'scope> = Rows<'scope, (u64, RuleSet)>;

/// What is watched of an hour: `part` of `whole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    /// In 1/10 000, to the nearest, halves up; as much as there is room for.
    fn score(self) -> Score {
        let (part, whole) = (u128::from(self.part), u128::from(self.whole).max(1));
        Score(((20_000 * part + whole) / (2 * whole)).min(u16::MAX.into()) as u16)
    }

    /// Exactly.
    fn cmp(self, score: Score) -> Ordering {
        (10_000 * u128::from(self.part)).cmp(&(u128::from(score.0) * u128::from(self.whole)))
    }
}

/// What a rule watches: a camera, device, station or the floor; of a model what it reported there, its name and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Of {
    source: Name,
    model: Option<[Name; 3]>,
}

impl Of {
    fn source(source: Name) -> Self {
        Self { source, model: None }
    }

    fn subject(&self) -> String {
        self.model.map_or_else(String::new, |parts| {
            parts.map(Name::as_str).into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
        })
    }
}

/// What there is of an hour of what is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Reading {
    /// A share; of how many samples; the digest of the rules that shaped the hour, `None` for the clock's.
    Share(Share, u64, Option<Name>),
    /// What reports come to, and how many there are in the hour itself.
    Reports(Value, u64),
    /// Some of its facts came late.
    Late,
    /// The same, of the hour that holds the instant.
    LateSession,
}

/// A rule at what it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Watch {
    of: Of,
    rule: Judge,
    rules: Name,
}

/// What an hour or a report says about an alert. Ordered as they are to be walked within an hour.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Sign {
    Late,
    Good,
    /// With the digest of the rules that shaped the hour, if there is one.
    Bad {
        value: Score,
        worst: Score,
        samples: u64,
        hours: u32,
        message: String,
        rules: Option<Name>,
    },
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
fn side(rule: &Judge, share: Share) -> Option<Side> {
    let better = if rule.high_is_bad { Ordering::Less } else { Ordering::Greater };
    let to_clear = share.cmp(rule.alert.clear);
    if to_clear == better || to_clear == Ordering::Equal {
        Some(Side::Good)
    } else {
        (share.cmp(rule.alert.threshold) == better.reverse()).then_some(Side::Bad)
    }
}

fn worse(rule: &Judge, a: Score, b: Score) -> Score {
    if rule.high_is_bad { a.max(b) } else { a.min(b) }
}

/// What an hour says.
fn sign(set: &RuleSet, rule: &Judge, reading: &Reading) -> Option<Sign> {
    let (share, enough, samples, rules) = match *reading {
        Reading::Late | Reading::LateSession => return Some(Sign::Late),
        // The clock is all that shapes the hour of a model.
        Reading::Share(share, samples, rules) => (share, samples, samples, rules.unwrap_or(set.clock_digest)),
        Reading::Reports(value, samples) => {
            let rules = if rule.alert.kind.is_drift() { set.drift_digest } else { set.clock_digest };
            (readings::share(value, rule.statistic), value.samples(), samples, rules)
        }
    };
    if enough < u64::from(rule.alert.min_samples) {
        return None;
    }
    Some(match side(rule, share)? {
        Side::Good => Sign::Good,
        Side::Bad => {
            let value = share.score();
            let message = words::message(rule, reading, share, samples);
            Sign::Bad { value, worst: value, samples, hours: 1, message, rules: Some(rules) }
        }
    })
}

/// The alerts of one rule at what it watches, from its signs in order.
fn walk<'a>(watch: &Watch, signs: impl Iterator<Item = &'a (EventTime, Sign)>) -> Vec<Alert> {
    let rule = &watch.rule;
    let mut alerts: Vec<Alert> = Vec::new();
    let mut last_late = None;
    for (ts, sign) in signs {
        let current = alerts.last_mut().filter(|alert| alert.resolved.is_none());
        match (current, sign) {
            (current, Sign::Late) => {
                last_late = Some(*ts);
                if let Some(alert) = current {
                    alert.late = true;
                }
            }
            (Some(alert), Sign::Good) => alert.resolved = Some(*ts),
            (Some(alert), Sign::Bad { worst, samples, hours, .. }) => {
                alert.worst = worse(rule, alert.worst, *worst);
                alert.samples += samples;
                alert.hours += hours;
            }
            (None, Sign::Bad { value, worst, samples, hours, message, rules }) => alerts.push(Alert {
                camera: watch.of.source,
                kind: rule.alert.kind,
                severity: rule.alert.severity,
                subject: watch.of.subject(),
                opened: *ts,
                resolved: None,
                value: *value,
                worst: *worst,
                threshold: rule.alert.threshold,
                clear: rule.alert.clear,
                samples: *samples,
                hours: *hours,
                late: last_late == Some(*ts),
                message: message.clone(),
                rules: rules.map_or(watch.rules, |rules| joined([watch.rules, rules])),
            }),
            (None, Sign::Good) => {}
        }
    }
    alerts
}

/// The rules of a kind that apply to a source: of each severity, and of each of two bounds, its own before the one for all.
fn chosen(set: &RuleSet, kind: AlertKind, source: Name) -> impl Iterator<Item = (Judge, Name)> {
    let levels = Severity::ALL.iter().flat_map(|severity| [(*severity, false), (*severity, true)]);
    levels.filter_map(move |(severity, high)| {
        // The site file has no two alike.
        let order = |r: &Judge| (r.alert.camera.is_none(), r.alert.threshold, r.alert.clear, r.alert.min_samples);
        let apply = |r: &Judge| {
            (r.alert.kind, r.alert.severity, r.high_is_bad) == (kind, severity, high)
                && r.alert.camera.is_none_or(|own| own == source)
        };
        set.rules.iter().filter(|(r, _)| apply(r)).min_by_key(|(r, _)| order(r)).copied()
    })
}

/// What alerts follow from.
pub struct Sources<'scope> {
    /// Hours of packing.
    pub quality: Rows<'scope, QualityHour>,
    /// Frame exports.
    pub exports: Rows<'scope, FrameExport>,
    /// Reports of devices.
    pub statuses: Rows<'scope, DeviceStatus>,
    /// Hours of stations, while they are watched.
    pub stations: Rows<'scope, StationHour>,
    /// Hours of the floor.
    pub floor: Rows<'scope, FloorHour>,
    /// How sure models are, while that is watched.
    pub models: Rows<'scope, (ModelHour, Reports)>,
    /// What the reports of sources come to, as far as it is watched.
    pub windows: Rows<'scope, Window>,
    /// Hours of models with an event that came late, and whether the event stood for time.
    pub late: Rows<'scope, (ModelHour, bool)>,
    /// Visits to gates, and whether a read of theirs came late.
    pub visits: Rows<'scope, (GateEvent, bool)>,
}

/// The view.
pub fn alerts<'scope>(sources: Sources<'scope>, rules: &Rules<'scope>) -> Rows<'scope, Alert> {
    let sets = rule_sets(rules);
    let peers = sets.peers() as u64;
    let watched = readings::watched(readings::readings(&sources), rules).concat(readings::watched_readings(&sources));
    let each = sets.clone().filter(move |(shard, _)| *shard < peers);
    let mut judged = Judged::default();
    let routes = (|(_, of, ..): &Read| of.source.hashed(), |(worker, _): &(u64, RuleSet)| *worker);
    let readings = at_close_two((watched, each), "Readings that rules judge", routes, move |reads, sets, out| {
        judged.step(reads, sets, out);
    });
    let devices = devices::signs(sources.statuses, sets.clone());
    readings
        .concat(devices)
        .reduce_by_key("Alerts of a rule", |watch, signs, out| {
            out.extend(walk(watch, signs.iter().map(|(sign, _)| *sign)).into_iter().map(|alert| (alert, 1)));
        })
        .map(|(_, alert)| alert)
        .concat(visits::blocked(sources.visits, sets))
}

/// All rules and the clock as one row a shard; none without a clock.
fn rule_sets<'scope>(rules: &Rules<'scope>) -> RuleSets<'scope> {
    let shards = SHARDS.max(rules.alerts.peers() as u64);
    let clock = rules.clock.clone().map(|clock| ((), Part::Clock(clock)));
    let alerts = rules.alerts.clone().map(|(rule, sum)| ((), Part::Rule(rule.into(), sum)));
    let reports = rules.reports.clone().map(|(rule, sum)| ((), Part::Rule(rule.into(), sum)));
    let baselines = rules.baselines.clone().map(|baseline| ((), Part::Baseline(baseline)));
    alerts
        .concatenate([reports, baselines, clock])
        .reduce_by_key("Alert rules", |(), parts, out| {
            let rules: Vec<_> = parts
                .iter()
                .filter_map(|(p, _)| if let Part::Rule(rule, sum) = p { Some((*rule, *sum)) } else { None })
                .collect();
            let clock = parts.iter().find_map(|(p, _)| if let Part::Clock(clock) = p { Some(clock) } else { None });
            // Of several, which a valid site has not, the least.
            let baseline = parts.iter().find_map(|(p, _)| if let Part::Baseline(b) = p { Some(*b) } else { None });
            out.extend(clock.filter(|_| !rules.is_empty()).map(|clock| {
                let clock_digest = digest([&Rule::Clock(clock.clone())]);
                let pinned = baseline.map(|baseline| digest([&Rule::Baseline(baseline)]));
                let drift_digest = joined(pinned.into_iter().chain([clock_digest]));
                (RuleSet { rules: rules.clone(), clock: clock.clone(), clock_digest, drift_digest }, 1)
            }));
        })
        .flat_map(move |((), set)| (0..shards).map(move |shard| (shard, set.clone())))
}
