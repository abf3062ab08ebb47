//! `/api/v1/drift`: how far what models report now is from what they used to, from the hours of `drift_hours`.
//!
//! The last 24 hours are compared with the 30 days before them, or with the dates that `[drift]` pins, once these are past.
//! Distributions are over event types, and over twenty bins of confidence; see [`gemba_schemas::divergence`].

use super::{Problem, Shared, older};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use gemba_schemas::divergence::Divergence;
use gemba_schemas::rule::BaselineRule;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{CONFIDENCE_BINS, DriftHour, ViewKind, ViewRow};
use gemba_sinks::RowRange;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const CURRENT: Micros = Micros(24 * Micros::HOUR.0);
const BASELINE: Micros = Micros(30 * 24 * Micros::HOUR.0);

/// Which instant the last 24 hours end at, and whose reports.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    at: Option<String>,
    source: Option<String>,
}

/// Sums of reports.
#[derive(Clone, Debug, Default)]
struct Reports {
    count: u64,
    sum: u64,
    squares: u64,
    bins: [u64; CONFIDENCE_BINS],
    types: BTreeMap<&'static str, u64>,
}

impl Reports {
    fn add(&mut self, row: &DriftHour) {
        self.count += row.count;
        self.sum += row.confidence_sum;
        self.squares += row.confidence_squares;
        self.bins.iter_mut().zip(row.histogram.0).for_each(|(sum, n)| *sum += u64::from(n));
        *self.types.entry(row.event_type.as_str()).or_default() += row.count;
    }

    /// Mean confidence, 0–1.
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64 / 1e4)
    }

    /// Variance of the confidence of one report.
    fn variance(&self) -> Option<f64> {
        Some(self.squares as f64 / self.count as f64 / 1e8 - self.mean()?.powi(2))
    }
}

/// z of the difference of two mean confidences, their variances taken as they are (Welch).
fn two_sample(a: &Reports, b: &Reports) -> Option<f64> {
    let error = a.variance()? / a.count as f64 + b.variance()? / b.count as f64;
    (error > 0.0).then(|| (a.mean().unwrap_or(0.0) - b.mean().unwrap_or(0.0)) / error.sqrt())
}

/// The statistics of every source.
pub async fn drift(
    State(shared): State<Arc<Shared>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|e| Problem::bad("", e.body_text()))?;
    let at = match &asked.at {
        Some(text) => EventTime::parse(text)
            .ok_or_else(|| Problem::bad("at", format!("`{text}` is no instant; write RFC 3339")))?,
        // The end of the newest hour.
        None => shared.live.read().newest(ViewKind::DriftHour).map_or(EventTime::default(), |b| b + Micros::HOUR),
    };
    let pinned = shared.baseline();
    let times = Times { at, baseline: span(pinned, at) };
    let ranges = times.ranges();
    older::answer(shared, &ranges.clone(), move |shared| {
        let mut sources: BTreeMap<&'static str, Source> = BTreeMap::new();
        let older = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| shared.older(range, f);
        let snapshot = shared.live.rows(&ranges, older, |row| {
            if let ViewRow::DriftHour(row) = row
                && asked.source.as_deref().is_none_or(|source| row.source.as_str() == source)
            {
                sources.entry(row.source.as_str()).or_default().add(row, &times);
            }
        })?;
        let tick = snapshot.tick();
        drop(snapshot);
        let sources: Vec<_> = sources.iter().map(|(name, source)| source.statistics(name)).collect();
        let (from, until) = times.baseline;
        let compared = json!({ "pinned": pinned.is_some(), "from": from.rfc3339(), "until": until.rfc3339() });
        let answer = json!({ "tick": tick, "at": at.rfc3339(), "baseline": compared, "sources": sources });
        Ok(axum::Json(answer).into_response())
    })
    .await
}

/// What is compared with: from when, up to when. Of a pinned baseline that is not past yet nothing.
fn span(pinned: Option<BaselineRule>, at: EventTime) -> (EventTime, EventTime) {
    match pinned {
        None => (at - CURRENT - BASELINE, at - CURRENT),
        // The hour that ends at the instant begins after it.
        Some(pinned) if at - Micros::HOUR >= pinned.until => (pinned.from, pinned.until),
        Some(pinned) => (pinned.from, pinned.from),
    }
}

/// The instant that is asked about, and the hours that the ones before it are compared with.
struct Times {
    at: EventTime,
    baseline: (EventTime, EventTime),
}

impl Times {
    /// The hours that are needed, each once.
    fn ranges(&self) -> Vec<RowRange> {
        let range = |from, to| RowRange { view: ViewKind::DriftHour, from, to };
        let (from, until) = self.baseline;
        match until < self.at - CURRENT {
            true => vec![range(from, until), range(self.at - CURRENT, self.at)],
            // A pinned baseline may reach into the last day.
            false => vec![range(from.min(self.at - CURRENT), self.at)],
        }
    }
}

/// What one source reports.
#[derive(Debug, Default)]
struct Source {
    hour: Reports,
    current: Reports,
    baseline: Reports,
    /// By model and version.
    versions: BTreeMap<(&'static str, &'static str), Reports>,
}

impl Source {
    fn add(&mut self, row: &DriftHour, times: &Times) {
        let (is_now, is_then) =
            (row.hour >= times.at - CURRENT, (times.baseline.0..times.baseline.1).contains(&row.hour));
        if is_now {
            self.current.add(row);
        }
        if is_then {
            self.baseline.add(row);
        }
        if row.hour >= times.at - Micros::HOUR {
            self.hour.add(row);
        }
        if is_now || is_then {
            self.versions.entry((row.model.as_str(), row.model_version.as_str())).or_default().add(row);
        }
    }

    fn statistics(&self, source: &str) -> Value {
        let Self { hour, current, baseline, versions } = self;
        let types: Vec<&str> = current.types.keys().chain(baseline.types.keys()).copied().collect();
        let types: std::collections::BTreeSet<_> = types.into_iter().collect();
        let of = |reports: &Reports| -> Vec<u64> {
            types.iter().map(|t| reports.types.get(t).copied().unwrap_or(0)).collect()
        };
        // Without one of the two there is nothing to compare.
        let both = current.count > 0 && baseline.count > 0;
        let against = |a: &[u64], b: &[u64]| {
            both.then(|| Divergence::of(a, b)).map(|d| json!({ "kl": d.kl, "psi": d.psi, "js": d.js }))
        };
        let activity: u64 = ["working", "idle", "absent"].iter().filter_map(|t| current.types.get(t)).sum();
        let working = current.types.get("working").copied().unwrap_or(0);
        let mut compared: Vec<_> = versions.iter().collect();
        compared.sort_by_key(|(name, reports)| (std::cmp::Reverse(reports.count), **name));
        let versions: Vec<_> = compared
            .iter()
            .map(|((model, version), reports)| {
                let z = compared.first().filter(|(first, _)| *first != &(*model, *version));
                json!({
                    "model": model, "model_version": version, "count": reports.count, "mean_confidence": reports.mean(),
                    "z_against_first": z.and_then(|(_, first)| two_sample(reports, first)),
                })
            })
            .collect();
        json!({
            "source": source,
            "last_hour": { "count": hour.count, "mean_confidence": hour.mean(), "unsure": hour.mean().map(|m| m < 0.80) },
            "last_24_hours": { "count": current.count, "mean_confidence": current.mean(), "event_types": current.types },
            "baseline": { "count": baseline.count, "mean_confidence": baseline.mean(), "event_types": baseline.types },
            "event_types": against(&of(current), &of(baseline)),
            "confidence": against(&current.bins, &baseline.bins),
            "working_share": (activity > 0).then(|| working as f64 / activity as f64),
            "reports_per_minute": current.count as f64 / (24.0 * 60.0),
            "versions": versions,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_baseline_counts_once_it_is_past() {
        let hours = |n: i64| EventTime(n * Micros::HOUR.0);
        assert_eq!(span(None, hours(1_000)), (hours(1_000 - 744), hours(1_000 - 24)));
        let pinned = BaselineRule { from: hours(100), until: hours(124) };
        assert_eq!(span(Some(pinned), hours(125)), (hours(100), hours(124)));
        assert_eq!(span(Some(pinned), hours(124)), (hours(100), hours(100)));
    }

    #[test]
    fn two_versions_are_compared_by_their_means() {
        // 100 reports, half at 0.8 and half at 1.0: mean 0.9, variance 0.01.
        let even = Reports { count: 100, sum: 900_000, squares: 50 * (64_000_000 + 100_000_000), ..Reports::default() };
        let low = Reports { count: 100, sum: 800_000, squares: 50 * (49_000_000 + 81_000_000), ..Reports::default() };
        assert!((even.variance().unwrap() - 0.01).abs() < 1e-9);
        // (0.8 − 0.9) / √(0.01/100 + 0.01/100)
        assert!((two_sample(&low, &even).unwrap() + 0.1 / 0.0002f64.sqrt()).abs() < 1e-6);
        assert_eq!(two_sample(&Reports::default(), &even), None);
    }
}
