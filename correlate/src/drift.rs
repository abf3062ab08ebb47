//! `drift_hours` and `retrain_requests`: how sure models are.
//!
//! ```text
//! tally of events → additions to model hours ─────────────────────────┐
//! points → additions per quarter of an hour, in a tick ⋈ clock → hours ┴→ sums of a model's hour → drift_hours
//!                                                        ⋈ rule → hours of a model in order → retrain_requests
//! ```

use crate::polyline::{Point, TrackKey};
use crate::rules::Rules;
use crate::sums::Sums;
use crate::tick::at_close;
use differential_dataflow::VecCollection;
use differential_dataflow::hashable::Hashable;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::ValSpine;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{DriftRule, Rule, digest};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros, Tick};
use gemba_schemas::view::{CONFIDENCE_BINS, DriftHour, RetrainRequest};
use serde::{Deserialize, Serialize};

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

/// Model hours share this many join keys towards the one clock and the one rule.
pub const SHARDS: u64 = 64;

/// Whose hours: source, event type, model, version.
pub type ModelName = (Name, Name, Name, Name);

/// The hours of models by shard of the source: whose, which hour, reports, the sum of their confidences.
pub type Hours<'scope> = Arranged<'scope, TraceAgent<ValSpine<u64, (ModelName, (EventTime, u64, u64)), Tick, isize>>>;

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
    /// What of the hours says how sure models were, arranged once for all who look at it.
    pub hours: Hours<'scope>,
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
    let cameras = quarters
        .map(|(key, place)| (key.source.hashed() % SHARDS, (key, place)))
        .arrange_by_key_named("Arrange: reports of quarters")
        .join_core(clocks.arrange_by_key_named("Arrange: clock for reports"), move |_, (key, place), clock| {
            [(ModelHour { hour: calendar.hour(clock, key.hour), ..*key }, *place)]
        });
    let rows = events
        .concat(cameras)
        .reduce_named("Hour of a model", |key, amounts, out| {
            let mut sums = [0u64; TRUST];
            amounts.iter().for_each(|(place, n)| sums[usize::from(**place)] = *n as u64);
            let histogram: Vec<u32> = sums[..CONFIDENCE_BINS].iter().map(|n| *n as u32).collect();
            let row = DriftHour {
                source: key.source,
                event_type: key.event_type,
                model: key.model,
                model_version: key.version,
                hour: key.hour,
                count: sums[..CONFIDENCE_BINS].iter().sum(),
                confidence_sum: sums[CONFIDENCE_BINS],
                confidence_squares: sums[CONFIDENCE_BINS + 1],
                histogram,
            };
            out.push((row, 1));
        })
        .map(|(_, row)| row);
    let hours = rows
        .clone()
        .map(|h| {
            (
                h.source.hashed() % SHARDS,
                ((h.source, h.event_type, h.model, h.model_version), (h.hour, h.count, h.confidence_sum)),
            )
        })
        .arrange_by_key_named("Arrange: hours of models");
    Drift { rows, requests: requests(hours.clone(), rules), hours }
}

/// Whose hours are walked, and under which rule.
type Walk = (ModelName, DriftRule);

fn requests<'scope>(hours: Hours<'scope>, rules: &Rules<'scope>) -> VecCollection<'scope, Tick, RetrainRequest, isize> {
    let rule = rules.drift.clone().flat_map(|rule| (0..SHARDS).map(move |shard| (shard, rule.clone())));
    hours
        .join_core(rule.arrange_by_key_named("Arrange: drift rule"), |_, (model, (hour, count, sum)), rule| {
            let enough = *count >= u64::from(rule.min_samples);
            // Of an hour that is sure only that it is: more reports leave it as it was, and nothing is walked again.
            let unsure = *sum < u64::from(rule.min_confidence.0) * count;
            let hour = (*hour, unsure.then_some((*count, *sum)));
            enough.then(|| ((*model, rule.clone()), hour))
        })
        .reduce_named("Hours of a model in order", |walk, hours, out| {
            let mut run: Vec<(EventTime, u64, u64)> = Vec::new();
            for (hour, _) in hours {
                let (hour, unsure) = **hour;
                if let Some((count, sum)) = unsure {
                    run.push((hour, count, sum));
                } else {
                    out.extend(request(walk, &run).map(|row| (row, 1)));
                    run.clear();
                }
            }
            out.extend(request(walk, &run).map(|row| (row, 1)));
        })
        .map(|(_, row)| row)
}

/// The request that a run of unsure hours makes, if it is long enough.
fn request(
    ((source, event_type, model, model_version), rule): &Walk,
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
