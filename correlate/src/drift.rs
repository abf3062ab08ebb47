//! `drift_hours` and `retrain_requests`: how sure models are.
//!
//! ```text
//! tally of events → additions to model hours ─────────────────────────┐
//! points → additions per quarter of an hour, in a tick ⋈ clock → hours ┴→ sums of a model's hour → drift_hours
//!                                                 rule → hours of a model in order → retrain_requests
//! ```

use crate::keyed::Keyed;
use crate::polyline::{Point, TrackKey};
use crate::rules::Rules;
use crate::sums::{Sums, totals};
use crate::tick::{Change, at_close};
use differential_dataflow::VecCollection;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{DriftRule, Rule, digest};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros, Tick};
use gemba_schemas::view::{CONFIDENCE_BINS, DriftHour, RetrainRequest};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// What can be added to a model's hour, by place: bins of confidences, their sum, the sum of their squares.
pub const TRUST: usize = CONFIDENCE_BINS + 2;

/// A quarter of an hour: every zone's hours begin with one.
const QUARTER: Micros = Micros(15 * Micros::MINUTE.0);

/// Quarters share this many join keys towards the one clock.
const SHARDS: u64 = 64;

/// Whose hours: source, event type, model, version.
type ModelName = (Name, Name, Name, Name);

/// Adds `n` reports of this confidence.
pub fn add(sums: &mut [isize; TRUST], confidence: Score, n: isize) {
    let score = usize::from(confidence.0.min(Score::ONE.0));
    sums[(score * CONFIDENCE_BINS / usize::from(Score::ONE.0)).min(CONFIDENCE_BINS - 1)] += n;
    sums[CONFIDENCE_BINS] += score as isize * n;
    sums[CONFIDENCE_BINS + 1] += (score * score) as isize * n;
}

/// What is known of models.
pub struct Drift<'scope> {
    /// The view.
    pub rows: VecCollection<'scope, Tick, DriftHour, isize>,
    /// The view.
    pub requests: VecCollection<'scope, Tick, RetrainRequest, isize>,
}

/// Both views.
pub fn drift<'scope>(
    events: VecCollection<'scope, Tick, (ModelHour, u8), isize>,
    points: VecCollection<'scope, Tick, (TrackKey, Point), isize>,
    rules: &Rules<'scope>,
) -> Drift<'scope> {
    let mut sums: Sums<ModelHour, TRUST> = Sums::default();
    let quarters = at_close(
        points,
        "Reports of a quarter",
        |(track, _): &(TrackKey, Point)| track.camera.hashed(),
        move |rows, out| {
            for ((track, p), diff) in rows {
                let hour = p.ts.floor(QUARTER);
                let key = ModelHour {
                    source: track.camera,
                    event_type: p.class,
                    model: p.model,
                    version: Name::default(),
                    hour,
                };
                add(sums.of(key), p.score, diff);
            }
            out.extend(sums.drain().map(|(key, i, n)| ((key, i as u8), n)));
        },
    );
    let mut calendar = Calendar::default();
    let clocks = rules.clock.clone().flat_map(|clock| (0..SHARDS).map(move |shard| (shard, clock.clone())));
    let cameras = quarters.map(|(key, place)| (key.source.hashed() % SHARDS, (key, place))).join_by_key(
        "Reports in their hours",
        clocks,
        move |_, (key, place), clock| [(ModelHour { hour: calendar.hour(clock, key.hour), ..*key }, *place)],
    );
    let rows = totals(
        events.concat(cameras),
        "Hour of a model",
        |(key, _)| *key,
        |(_, place), n, sums: &mut [isize; TRUST]| sums[usize::from(*place)] += n,
        |key, sums| {
            let histogram: Vec<u32> = sums[..CONFIDENCE_BINS].iter().map(|n| *n as u32).collect();
            DriftHour {
                source: key.source,
                event_type: key.event_type,
                model: key.model,
                model_version: key.version,
                hour: key.hour,
                count: histogram.iter().map(|n| u64::from(*n)).sum(),
                confidence_sum: sums[CONFIDENCE_BINS] as u64,
                confidence_squares: sums[CONFIDENCE_BINS + 1] as u64,
                histogram,
            }
        },
    );
    let requests = requests(rows.clone(), rules);
    Drift { rows, requests }
}

/// Reports of an hour and the sum of their confidences.
type Reports = (u64, u64);

/// What comes to the walk of hours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum In {
    /// The rule, for the worker of this index.
    Rule(u64, DriftRule),
    /// An hour of a model.
    Hour(ModelName, EventTime, Reports),
}

fn requests<'scope>(
    hours: VecCollection<'scope, Tick, DriftHour, isize>,
    rules: &Rules<'scope>,
) -> VecCollection<'scope, Tick, RetrainRequest, isize> {
    let peers = hours.scope().peers() as u64;
    let rule = rules.drift.clone().flat_map(move |rule| (0..peers).map(move |worker| In::Rule(worker, rule.clone())));
    let hours = hours
        .map(|h| In::Hour((h.source, h.event_type, h.model, h.model_version), h.hour, (h.count, h.confidence_sum)));
    let mut walks = ModelNames::default();
    let route = |row: &In| match row {
        In::Rule(worker, _) => *worker,
        In::Hour(walk, ..) => walk.hashed(),
    };
    at_close(hours.concat(rule), "Hours of models in order", route, move |rows, out| walks.step(rows, out))
}

/// The hours of one model, and what was asked for it.
#[derive(Default)]
struct Line {
    hours: BTreeMap<EventTime, Reports>,
    requests: Vec<RetrainRequest>,
}

/// The hours of all models in order, and the rules, the same on every worker: of several, which a valid site has not,
/// the least counts.
#[derive(Default)]
struct ModelNames {
    lines: BTreeMap<ModelName, Line>,
    rules: BTreeMap<DriftRule, isize>,
}

impl ModelNames {
    fn step(&mut self, rows: Vec<Change<In>>, out: &mut Vec<Change<RetrainRequest>>) {
        let mut touched: BTreeMap<ModelName, BTreeMap<EventTime, Option<Reports>>> = BTreeMap::new();
        let before = self.rules.keys().next().cloned();
        for (row, diff) in rows {
            match row {
                In::Rule(_, rule) => *self.rules.entry(rule).or_default() += diff,
                In::Hour(walk, hour, reports) => {
                    let change = touched.entry(walk).or_default().entry(hour).or_default();
                    if diff > 0 {
                        *change = Some(reports);
                    }
                }
            }
        }
        self.rules.retain(|_, n| *n != 0);
        let rule = self.rules.keys().next();
        let edited = before.as_ref() != rule;
        let weigh = |reports| Weight::of(rule?, reports);
        for (walk, changes) in touched {
            let line = self.lines.entry(walk).or_default();
            let mut same = true;
            for (hour, reports) in changes {
                let before = match reports {
                    Some(reports) => line.hours.insert(hour, reports),
                    None => line.hours.remove(&hour),
                };
                // Of an hour that is sure it only counts that it is: more reports leave it as it was.
                same &= before.and_then(weigh) == reports.and_then(weigh);
            }
            if !same && !edited {
                line.walk(&walk, rule, out);
            }
            if line.hours.is_empty() && line.requests.is_empty() {
                self.lines.remove(&walk);
            }
        }
        if edited {
            self.lines.iter_mut().for_each(|(walk, line)| line.walk(walk, rule, out));
            self.lines.retain(|_, line| !line.hours.is_empty());
        }
    }
}

/// What an hour with enough reports says.
#[derive(Clone, Copy, PartialEq, Eq)]
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
    /// Walks the hours under the rule and says what is asked otherwise than before.
    fn walk(&mut self, walk: &ModelName, rule: Option<&DriftRule>, out: &mut Vec<Change<RetrainRequest>>) {
        let before = std::mem::take(&mut self.requests);
        if let Some(rule) = rule {
            let mut run: Vec<(EventTime, u64, u64)> = Vec::new();
            for (hour, reports) in &self.hours {
                match Weight::of(rule, *reports) {
                    Some(Weight::Unsure((count, sum))) => run.push((*hour, count, sum)),
                    Some(Weight::Sure) => {
                        self.requests.extend(request(walk, rule, &run));
                        run.clear();
                    }
                    None => {}
                }
            }
            self.requests.extend(request(walk, rule, &run));
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
