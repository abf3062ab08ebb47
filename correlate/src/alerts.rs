//! `alerts`: stretches in which something was wrong.
//!
//! ```text
//! hours of quality, stations, floor, models → readings ┐
//! late facts → marks ──────────────────────────────────┴ of a watched kind ⋈ alert rules ┬→ signs → walk per (rule, what) ┐
//! device statuses → runs ────────────────────────────────────────────────────────────────┘                                ├→ rows
//! gate_events → blocked visits ⋈ alert rules ─────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A reading is a share as two integers. A rule makes of it a sign, bad or good, or nothing: hours with few samples, and
//! those between `clear` and the threshold, change no alert. The signs of one rule at one camera (or what else it
//! watches) are walked in order, so an hour that changes costs a walk over the signs of the rules that watch it. Reports of
//! devices become signs in [`devices`]; a blocked visit is an alert by itself, see [`visits`].

mod devices;
mod visits;

use super::drift::{ModelHour, Reports};
use super::rules::Rules;
use super::sums::FastMap;
use super::tick::{Change, at_close};
use crate::rows::Rows;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::fact::{DeviceStatus, FrameExport};
use gemba_schemas::id::Name;
use gemba_schemas::rule::{AlertKind, AlertRule, ClockRule, Rule, Severity, digest, joined};
use gemba_schemas::score::Score;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{Alert, FloorHour, GateEvent, LATE, QualityHour, StationHour};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// What is watched shares this many join keys towards the rules.
const SHARDS: u64 = 64;

/// All alert rules, each with its digest; and the clock, with its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct RuleSet {
    rules: Vec<(AlertRule, Name)>,
    clock: ClockRule,
    clock_digest: Name,
}

/// What a rule set is put together from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    Rule(AlertRule, Name),
    Clock(ClockRule),
}

/// The rule set, once for every shard.
type RuleSets<'scope> = Rows<'scope, (u64, RuleSet)>;

/// What is watched of an hour: `part` of `whole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    /// In 1/10 000, to the nearest, halves up.
    fn score(self) -> Score {
        let (part, whole) = (u128::from(self.part), u128::from(self.whole).max(1));
        Score(((20_000 * part + whole) / (2 * whole)).min(10_000) as u16)
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
    /// Some of its facts came late.
    Late,
    /// The same, of the hour that holds the instant.
    LateSession,
}

/// A rule at what it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Watch {
    of: Of,
    rule: AlertRule,
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

/// What an hour is about, in words.
fn words(kind: AlertKind, share: Share, samples: u64) -> String {
    let Share { part, whole } = share;
    match kind {
        AlertKind::ExportSuccess => format!("{part} of {whole} exports worked"),
        AlertKind::StationUtilisation => format!("{} s of work in {samples} s of presence", part / 1_000_000),
        AlertKind::FloorUtilisation => format!("Mean utilisation of {} workers", whole / 1_000_000),
        AlertKind::Confidence => format!("Mean confidence of {samples} reports"),
        AlertKind::EmptyRate | AlertKind::DeviceOffline | AlertKind::BlockedVehicle => {
            format!("{part} of {whole} sessions had no code")
        }
    }
}

/// What an hour says.
fn sign(rule: &AlertRule, reading: &Reading) -> Option<Sign> {
    let Reading::Share(share, samples, rules) = *reading else { return Some(Sign::Late) };
    if samples < u64::from(rule.min_samples) {
        return None;
    }
    Some(match side(rule, share)? {
        Side::Good => Sign::Good,
        Side::Bad => {
            let beyond = if rule.kind.high_is_bad() { "above" } else { "below" };
            let (value, threshold) = (share.score(), percent(rule.threshold));
            let words = words(rule.kind, share, samples);
            let message = format!("{words}: {}, {beyond} {threshold}.", percent(value));
            Sign::Bad { value, worst: value, samples, hours: 1, message, rules }
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
                kind: rule.kind,
                severity: rule.severity,
                subject: watch.of.subject(),
                opened: *ts,
                resolved: None,
                value: *value,
                worst: *worst,
                threshold: rule.threshold,
                clear: rule.clear,
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

/// The rules of a kind that apply to a source: of each severity its own before the one for all.
fn chosen(set: &RuleSet, kind: AlertKind, source: Name) -> impl Iterator<Item = (AlertRule, Name)> {
    Severity::ALL.iter().filter_map(move |severity| {
        // The site file has no two alike.
        let order = |r: &AlertRule| (r.camera.is_none(), r.threshold, r.clear, r.min_samples);
        let apply =
            |r: &AlertRule| (r.kind, r.severity) == (kind, *severity) && r.camera.is_none_or(|own| own == source);
        set.rules.iter().filter(|(r, _)| apply(r)).min_by_key(|(r, _)| order(r)).copied()
    })
}

/// What a reading says to the rules of its kind.
fn signs(set: &RuleSet, (kind, of, hour, reading): Read) -> Vec<(Watch, (EventTime, Sign))> {
    let signs = chosen(set, kind, of.source).filter_map(|(rule, rules)| {
        let sign = sign(&rule, &reading)?;
        Some((Watch { of, rule, rules }, (hour, sign)))
    });
    signs.collect()
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
    /// Hours of models with an event that came late, and whether the event stood for time.
    pub late: Rows<'scope, (ModelHour, bool)>,
    /// Visits to gates, and whether a read of theirs came late.
    pub visits: Rows<'scope, (GateEvent, bool)>,
}

/// The view.
pub fn alerts<'scope>(sources: Sources<'scope>, rules: &Rules<'scope>) -> Rows<'scope, Alert> {
    let sets = rule_sets(rules);
    let mut calendar = Calendar::default();
    let readings = watched(readings(&sources), rules)
        .concat(watched_readings(&sources))
        .map(|read| (read.1.source.hashed() % SHARDS, read))
        .join_by_key("Readings that rules judge", sets.clone(), move |_, &(kind, of, ts, reading), set| {
            match reading {
                Reading::LateSession => signs(set, (kind, of, calendar.hour(&set.clock, ts), Reading::Late)),
                // The clock is all that shapes the hour of a model.
                Reading::Share(share, samples, None) => {
                    signs(set, (kind, of, ts, Reading::Share(share, samples, Some(set.clock_digest))))
                }
                _ => signs(set, (kind, of, ts, reading)),
            }
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
    let clock = rules.clock.clone().map(|clock| ((), Part::Clock(clock)));
    let rules = rules.alerts.clone().map(|(rule, sum)| ((), Part::Rule(rule, sum)));
    rules
        .concat(clock)
        .reduce_by_key("Alert rules", |(), parts, out| {
            let rules: Vec<_> = parts
                .iter()
                .filter_map(|(p, _)| if let Part::Rule(rule, sum) = p { Some((*rule, *sum)) } else { None })
                .collect();
            let clock = parts.iter().find_map(|(p, _)| if let Part::Clock(clock) = p { Some(clock) } else { None });
            out.extend(clock.filter(|_| !rules.is_empty()).map(|clock| {
                let clock_digest = digest([&Rule::Clock(clock.clone())]);
                (RuleSet { rules: rules.clone(), clock: clock.clone(), clock_digest }, 1)
            }));
        })
        .flat_map(|((), set)| (0..SHARDS).map(move |shard| (shard, set.clone())))
}

/// What is watched, when, and what there is of it.
type Read = (AlertKind, Of, EventTime, Reading);

/// What comes to the filter of readings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum In {
    /// A rule of this kind, for the worker of this index.
    Kind(u64, AlertKind),
    /// A reading.
    Read(Read),
}

/// The readings of the kinds that some rule watches: what nobody watches is kept in a map, and goes no further.
fn watched<'scope>(readings: Rows<'scope, Read>, rules: &Rules<'scope>) -> Rows<'scope, Read> {
    let peers = readings.peers() as u64;
    let kinds =
        rules.alerts.clone().flat_map(move |(rule, _)| (0..peers).map(move |worker| In::Kind(worker, rule.kind)));
    let route = |row: &In| match row {
        In::Kind(worker, _) => *worker,
        In::Read((_, of, ts, _)) => (of, ts).hashed(),
    };
    let mut kept: FastMap<Read, isize> = FastMap::default();
    let mut rules: BTreeMap<AlertKind, isize> = BTreeMap::new();
    let step = move |rows: Vec<Change<In>>, out: &mut Vec<Change<Read>>| {
        let before = rules.clone();
        let mut reads = Vec::new();
        for (row, n) in rows {
            match row {
                In::Kind(_, kind) => *rules.entry(kind).or_default() += n,
                In::Read(read) => reads.push((read, n)),
            }
        }
        rules.retain(|_, n| *n != 0);
        let changed = |kind: &AlertKind| before.contains_key(kind) != rules.contains_key(kind);
        let edited = !before.keys().eq(rules.keys());
        if edited {
            let old = |read: &Read| changed(&read.0) && before.contains_key(&read.0);
            out.extend(kept.iter().filter(|(read, _)| old(read)).map(|(read, n)| (*read, -n)));
        }
        for (read, n) in reads {
            let count = kept.entry(read).or_default();
            *count += n;
            if *count == 0 {
                kept.remove(&read);
            }
            if !changed(&read.0) && rules.contains_key(&read.0) {
                out.push((read, n));
            }
        }
        if edited {
            let new = |read: &Read| changed(&read.0) && rules.contains_key(&read.0);
            out.extend(kept.iter().filter(|(read, _)| new(read)).map(|(read, n)| (*read, *n)));
        }
    };
    at_close(readings.map(In::Read).concat(kinds), "Readings that are watched", route, step)
}

/// The readings of cameras and the floor, and which hours have facts that came late.
fn readings<'scope>(sources: &Sources<'scope>) -> Rows<'scope, Read> {
    let quality = sources.quality.clone().flat_map(|h| {
        let shares =
            [(AlertKind::EmptyRate, h.qr_failed, h.sessions), (AlertKind::ExportSuccess, h.exports_ok, h.exports)];
        shares.into_iter().filter(|(_, _, whole)| *whole > 0).map(move |(kind, part, whole)| {
            let share = Share { part: part.into(), whole: whole.into() };
            (kind, Of::source(h.camera), h.hour, Reading::Share(share, whole.into(), Some(h.rules)))
        })
    });
    let all = Of::source(Name::default());
    let floor = sources.floor.clone().flat_map(move |h| {
        let share = Share { part: h.worker_utilisation_ppm, whole: u64::from(h.workers) * 1_000_000 };
        let there = (h.active_us.0 + h.idle_us.0).max(0) as u64;
        let reading = Reading::Share(share, there / 1_000_000, Some(h.rules));
        (h.workers > 0).then_some((AlertKind::FloorUtilisation, all, h.hour, reading))
    });
    let events = sources.late.clone().flat_map(move |(h, timed)| {
        let of = Of { source: h.source, model: Some([h.event_type, h.model, h.version]) };
        let time = [(AlertKind::StationUtilisation, Of::source(h.source)), (AlertKind::FloorUtilisation, all)];
        let time = time.into_iter().filter(move |_| timed);
        time.chain([(AlertKind::Confidence, of)]).map(move |(kind, of)| (kind, of, h.hour, Reading::Late))
    });
    let exports = sources.exports.clone().flat_map(|e| {
        let read = (AlertKind::ExportSuccess, Of::source(e.camera), e.session, Reading::LateSession);
        (e.received_at - e.ts > LATE).then_some(read)
    });
    quality.concatenate([floor, events, exports])
}

/// The readings of stations and models, which come only while they are watched.
fn watched_readings<'scope>(sources: &Sources<'scope>) -> Rows<'scope, Read> {
    let stations = sources.stations.clone().flat_map(|h| {
        let (part, whole) = (h.working_us.0.max(0) as u64, (h.working_us.0 + h.idle_us.0).max(0) as u64);
        let reading = Reading::Share(Share { part, whole }, whole / 1_000_000, Some(h.rules));
        (whole > 0).then_some((AlertKind::StationUtilisation, Of::source(h.station), h.hour, reading))
    });
    let models = sources.models.clone().map(|(h, (count, sum))| {
        let of = Of { source: h.source, model: Some([h.event_type, h.model, h.version]) };
        let share = Share { part: sum, whole: 10_000 * count };
        (AlertKind::Confidence, of, h.hour, Reading::Share(share, count, None))
    });
    stations.concat(models)
}
