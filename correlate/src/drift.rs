//! `drift_hours` and `retrain_requests`: how sure models are.
//!
//! ```text
//! tally of events → additions to model hours ─────────────────────────┐
//! points, clock → sums of quarters of an hour → additions to hours ────┴→ sums of a model's hour → drift_hours
//!                                                 rule → hours of a model in order ┬→ retrain_requests
//!                     alerts, bound, baseline → hours of a source in order → windows ┴→ alerts
//! ```

mod counts;
mod requests;
mod windows;

pub use windows::{Value, Window};

use crate::polyline::{Point, TrackKey};
use crate::rows::Rows;
use crate::rules::Rules;
use crate::sums::{Amount, InHour, Kept, Sums, totals_watched};
use crate::tick::{Change, after, at_close_two, part};
use differential_dataflow::hashable::Hashable;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{AlertKind, ClockRule, DriftRule, Rule, digest};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{CONFIDENCE_BINS, DriftHour, Histogram, RetrainRequest, ViewRow};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use windows::{Asked, Out, Reported, Windows};

/// A model's hour, or for points the quarter of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelHour {
    /// Station or camera.
    pub source: Name,
    /// What was reported.
    pub event_type: Name,
    /// Model.
    pub model: Name,
    /// Its version.
    pub version: Name,
    /// The local hour.
    pub hour: EventTime,
}

impl InHour for ModelHour {
    fn hour(&self) -> EventTime {
        self.hour
    }
}

/// What can be added to a model's hour: how many confidences lie in each bin, their sum, the sum of their squares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Confidences {
    bins: [i32; CONFIDENCE_BINS],
    sum: i64,
    squares: i64,
}

impl Amount for Confidences {
    const ZERO: Self = Self { bins: [0; CONFIDENCE_BINS], sum: 0, squares: 0 };

    fn add(&mut self, other: &Self, times: isize) {
        self.bins.iter_mut().zip(other.bins).for_each(|(sum, n)| *sum += n * times as i32);
        self.sum += other.sum * times as i64;
        self.squares += other.squares * times as i64;
    }
}

impl Confidences {
    /// `n` reports of one confidence.
    pub fn report(&mut self, confidence: Score, n: isize) {
        let score = confidence.0.min(Score::ONE.0);
        self.bins[Histogram::bin(confidence)] += n as i32;
        self.sum += i64::from(score) * n as i64;
        self.squares += i64::from(score) * i64::from(score) * n as i64;
    }

    /// Reports, and the sum of their confidences.
    fn reports(&self) -> Reports {
        // The sums of a set of reports are never below zero.
        (self.bins.iter().map(|n| *n as u64).sum(), self.sum as u64)
    }
}

/// A quarter of an hour: every zone's hours begin with one.
const QUARTER: Micros = Micros(15 * Micros::MINUTE.0);

/// Whose hours: source, event type, model, version.
type ModelName = (Name, Name, Name, Name);

/// What is known of models.
pub struct Drift<'scope> {
    /// The rows of `drift_hours`.
    pub rows: Rows<'scope, ViewRow>,
    /// How sure models are hour by hour, while an alert watches that.
    pub watched: Rows<'scope, (ModelHour, Reports)>,
    /// What the 24 hours up to an hour come to, while an alert watches that.
    pub windows: Rows<'scope, Window>,
    /// The view.
    pub requests: Rows<'scope, RetrainRequest>,
}

/// Both views, and what alerts watch.
pub fn drift<'scope>(
    events: Rows<'scope, (ModelHour, Box<Confidences>)>,
    points: Rows<'scope, (TrackKey, Point)>,
    rules: &Rules<'scope>,
    now: Rows<'scope, EventTime>,
) -> Drift<'scope> {
    let peers = points.peers() as u64;
    let clocks = rules.clock.clone().flat_map(move |clock| (0..peers).map(move |worker| (worker, clock.clone())));
    let mut cameras = Cameras::default();
    let routes = (|(track, _): &(TrackKey, Point)| track.camera.hashed(), |(worker, _): &(u64, ClockRule)| *worker);
    let cameras = at_close_two((points, clocks), "Reports of cameras", routes, move |points, clocks, out| {
        cameras.step(points, clocks, out);
    });
    let rule = rules.drift.clone().map(Watcher::Rule);
    let asked = rules
        .reports
        .clone()
        .map(|(rule, _)| Asked::Kind(rule.alert.kind, rule.statistic))
        .concat(rules.drift_bounds.clone().map(Asked::Bound));
    let asking = asked.clone().map(|_| Watcher::Windows);
    let asked = asked
        .concatenate([
            rules.baselines.clone().map(Asked::Baseline),
            rules.sealed_reports.clone().map(|sealed| Asked::Sealed(Box::new(sealed))),
            now.map(Asked::Now),
        ])
        .flat_map(move |asked| (0..peers).map(move |worker| (worker, asked.clone())));
    let watchers = rules
        .alerts
        .clone()
        .flat_map(|(rule, _)| (rule.kind == AlertKind::Confidence).then_some(Watcher::Alerts))
        .concatenate([rule, asking])
        .flat_map(move |watcher| (0..peers).map(move |worker| (worker, watcher.clone())));
    let (rows, seen) = totals_watched(events.concat(cameras), watchers.clone(), "Hour of a model", row, see);
    let (hours, watched, reported) = part!(seen, "Who watches models", {
        hours: (ModelName, EventTime, Weight), Seen::Hour(name, hour, weight) => (name, hour, weight);
        watched: (ModelHour, Reports), Seen::Reports(hour, reports) => (hour, reports);
        reported: Reported, Seen::Reported(hour, sum) => (hour.source, hour.hour, hour.event_type, sum);
    });
    let mut walks = ModelNames::default();
    let routes = (|(name, ..): &(ModelName, EventTime, Weight)| name.hashed(), |(worker, _): &(u64, Watcher)| *worker);
    let requests = at_close_two((hours, watchers), "Hours of models in order", routes, move |rows, watchers, out| {
        walks.step(rows, watchers, out);
    });
    let mut kept = Windows::default();
    let routes = (|(source, ..): &Reported| source.hashed(), |(worker, _): &(u64, Asked)| *worker);
    let out = at_close_two((reported, asked), "Hours of sources in order", routes, move |rows, asked, out| {
        kept.step(rows, asked, out);
    });
    let (windows, drifted) = part!(out, "What hours of sources come to", {
        windows: Window, Out::Window(window) => window;
        drifted: RetrainRequest, Out::Request(request) => *request;
    });
    Drift { rows, watched, windows, requests: requests.concat(drifted) }
}

/// What cameras report: sums by quarters of an hour, because where hours begin is a rule.
#[derive(Default)]
struct Cameras {
    clock: Option<ClockRule>,
    calendar: Calendar,
    quarters: Kept<ModelHour, Confidences>,
    tick: Sums<ModelHour, Confidences>,
}

impl Cameras {
    fn step(
        &mut self,
        points: Vec<Change<(TrackKey, Point)>>,
        clocks: Vec<Change<(u64, ClockRule)>>,
        out: &mut Vec<Change<(ModelHour, Box<Confidences>)>>,
    ) {
        let Self { clock, calendar, quarters, tick } = self;
        let mut tell = |clock: &Option<ClockRule>, quarter: &ModelHour, sum: &Confidences, sign| {
            if let Some(clock) = clock {
                let hour = calendar.hour(clock, quarter.hour);
                out.push(((ModelHour { hour, ..*quarter }, Box::new(*sum)), sign));
            }
        };
        let now = after(clock.clone(), clocks);
        if now != *clock {
            quarters.iter().for_each(|(quarter, sum)| tell(clock, quarter, sum, -1));
            *clock = now;
            quarters.iter().for_each(|(quarter, sum)| tell(clock, quarter, sum, 1));
        }
        for ((track, p), diff) in points {
            let (source, event_type, hour) = (track.camera, p.class, p.ts.floor(QUARTER));
            let key = ModelHour { source, event_type, model: p.model, version: Name::EMPTY, hour };
            tick.of(key).report(p.score, diff);
        }
        let added = tick.drain().map(|added| (added, 1)).collect();
        quarters.add(added, |quarter, sum, sign| tell(clock, quarter, sum, sign));
    }
}

fn row(key: &ModelHour, sum: &Confidences) -> ViewRow {
    DriftHour {
        source: key.source,
        event_type: key.event_type,
        model: key.model,
        model_version: key.version,
        hour: key.hour,
        count: sum.reports().0,
        confidence_sum: sum.sum as u64,
        confidence_squares: sum.squares as u64,
        histogram: Histogram(sum.bins.map(|n| n as u32)),
    }
    .into()
}

/// Who watches the hours of models: the first rule, alerts of single models, and who asks for windows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Watcher {
    Rule(DriftRule),
    Alerts,
    Windows,
}

/// The rule that counts: of several, which a valid site has not, the least.
fn rule(watching: &BTreeMap<Watcher, isize>) -> Option<&DriftRule> {
    watching.keys().find_map(|w| if let Watcher::Rule(rule) = w { Some(rule) } else { None })
}

/// What they see.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Hour(ModelName, EventTime, Weight),
    Reports(ModelHour, Reports),
    Reported(ModelHour, Box<Confidences>),
}

fn see(watching: &BTreeMap<Watcher, isize>, key: &ModelHour, sum: &Confidences, seen: &mut Vec<Seen>) {
    let reports = sum.reports();
    if let Some(weight) = rule(watching).and_then(|rule| Weight::of(rule, reports)) {
        seen.push(Seen::Hour((key.source, key.event_type, key.model, key.version), key.hour, weight));
    }
    if watching.contains_key(&Watcher::Alerts) {
        seen.push(Seen::Reports(*key, reports));
    }
    if watching.contains_key(&Watcher::Windows) {
        seen.push(Seen::Reported(*key, Box::new(*sum)));
    }
}

/// Reports of an hour and the sum of their confidences.
pub type Reports = (u64, u64);

/// The hours of one model that have enough reports, and what was asked for it.
#[derive(Default)]
struct Line {
    hours: BTreeMap<EventTime, Weight>,
    requests: Vec<RetrainRequest>,
}

/// The hours of all models in order, and who watches.
#[derive(Default)]
struct ModelNames {
    lines: BTreeMap<ModelName, Line>,
    watching: BTreeMap<Watcher, isize>,
}

impl ModelNames {
    fn step(
        &mut self,
        rows: Vec<Change<(ModelName, EventTime, Weight)>>,
        watchers: Vec<Change<(u64, Watcher)>>,
        out: &mut Vec<Change<RetrainRequest>>,
    ) {
        let before = rule(&self.watching).cloned();
        for ((_, watcher), n) in watchers {
            *self.watching.entry(watcher).or_default() += n;
        }
        self.watching.retain(|_, n| *n != 0);
        let rule = rule(&self.watching);
        let mut touched: BTreeMap<ModelName, BTreeMap<EventTime, Option<Weight>>> = BTreeMap::new();
        for ((name, hour, weight), diff) in rows {
            let change = touched.entry(name).or_default().entry(hour).or_default();
            if diff > 0 {
                *change = Some(weight);
            }
        }
        let edited = before.as_ref() != rule;
        for (name, changes) in touched {
            let line = self.lines.entry(name).or_default();
            let mut matters = false;
            for (hour, weight) in changes {
                matters |= line.put(hour, weight);
            }
            if matters && !edited {
                line.walk(&name, rule, out);
            }
            if line.hours.is_empty() && line.requests.is_empty() {
                self.lines.remove(&name);
            }
        }
        if edited {
            self.lines.iter_mut().for_each(|(name, line)| line.walk(name, rule, out));
            self.lines.retain(|_, line| !line.hours.is_empty());
        }
    }
}

/// What an hour with enough reports says. Of one that is sure it only counts that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Weight {
    Sure,
    Unsure(Reports),
}

impl Weight {
    fn of(rule: &DriftRule, (count, sum): Reports) -> Option<Self> {
        let unsure = sum < u64::from(rule.min_confidence.0) * count;
        (count >= u64::from(rule.min_samples)).then_some(if unsure { Self::Unsure((count, sum)) } else { Self::Sure })
    }
}

impl Line {
    /// Puts in what an hour says now; whether that can change what is asked: nearly always a sure one comes after the others.
    fn put(&mut self, hour: EventTime, weight: Option<Weight>) -> bool {
        let before = match weight {
            Some(weight) => self.hours.insert(hour, weight),
            None => self.hours.remove(&hour),
        };
        let is_unsure = |weight: Option<&Weight>| matches!(weight, Some(Weight::Unsure(_)));
        let sides = || {
            let (left, right) = (self.hours.range(..hour).next_back(), self.hours.range(hour + Micros(1)..).next());
            [left, right].into_iter().all(|side| is_unsure(side.map(|(_, weight)| weight)))
        };
        is_unsure(before.as_ref()) || is_unsure(weight.as_ref()) || sides()
    }

    /// Walks the hours under the rule and says what is asked otherwise than before.
    fn walk(&mut self, name: &ModelName, rule: Option<&DriftRule>, out: &mut Vec<Change<RetrainRequest>>) {
        let before = std::mem::take(&mut self.requests);
        if let Some(rule) = rule {
            let mut run: Vec<(EventTime, u64, u64)> = Vec::new();
            for (hour, weight) in &self.hours {
                match weight {
                    Weight::Unsure((count, sum)) => run.push((*hour, *count, *sum)),
                    Weight::Sure => {
                        self.requests.extend(request(name, rule, &run));
                        run.clear();
                    }
                }
            }
            self.requests.extend(request(name, rule, &run));
        }
        out.extend(before.iter().filter(|r| !self.requests.contains(r)).map(|r| (r.clone(), -1)));
        out.extend(self.requests.iter().filter(|r| !before.contains(r)).map(|r| (r.clone(), 1)));
    }
}

/// The request that a run of unsure hours makes, if it is long enough.
fn request(
    (source, event_type, model, model_version): &ModelName,
    rule: &DriftRule,
    run: &[(EventTime, u64, u64)],
) -> Option<RetrainRequest> {
    let (first, last) = (run.first()?, run.last()?);
    if run.len() < rule.sustained as usize {
        return None;
    }
    let (samples, sum) = run.iter().fold((0, 0), |(n, s), (_, count, sum)| (n + count, s + sum));
    let confidence = Score((sum / samples.max(1)) as u16);
    let bound = rule.min_confidence;
    let priority = if confidence.0 + 1_000 < bound.0 { "high" } else { "normal" };
    Some(RetrainRequest {
        source: *source,
        event_type: *event_type,
        model: *model,
        model_version: *model_version,
        from_hour: first.0,
        to_hour: last.0,
        hours: run.len() as u32,
        samples,
        confidence,
        priority: Name::new(priority),
        reason: format!(
            "mean confidence {}.{:04} below {}.{:04} in {} hours of {} reports",
            confidence.0 / 10_000,
            confidence.0 % 10_000,
            bound.0 / 10_000,
            bound.0 % 10_000,
            run.len(),
            samples
        ),
        rules: digest([&Rule::Drift(rule.clone())]),
    })
}
