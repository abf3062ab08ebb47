//! `/api/v1/drift`: how far what models report now is from what they used to, from the hours of `drift_hours`.
//!
//! The last 24 hours are compared with the 30 days before them. Distributions are over event types, and over twenty
//! bins of confidence; every count is raised by one (Laplace smoothing), so that no share is 0:
//! * KL: Σ p ln(p/q), current against baseline (Kullback and Leibler 1951), in nats;
//! * PSI: Σ (p − q) ln(p/q), the population stability index; above 0.2 is usually taken for a shift;
//! * JS: the mean KL of both to their middle (Lin 1991), at most ln 2.

use super::{Problem, Shared, older};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
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

/// The divergences of one distribution from another.
#[derive(Debug, PartialEq)]
struct Divergence {
    kl: f64,
    psi: f64,
    js: f64,
}

fn divergence(current: &[u64], baseline: &[u64]) -> Divergence {
    let shares = |counts: &[u64]| -> Vec<f64> {
        let total = counts.iter().sum::<u64>() + counts.len() as u64;
        counts.iter().map(|n| (n + 1) as f64 / total as f64).collect()
    };
    let (p, q) = (shares(current), shares(baseline));
    let kl = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * (a / b).ln()).sum::<f64>();
    let middle: Vec<f64> = p.iter().zip(&q).map(|(p, q)| (p + q) / 2.0).collect();
    Divergence { kl: kl(&p, &q), psi: kl(&p, &q) + kl(&q, &p), js: (kl(&p, &middle) + kl(&q, &middle)) / 2.0 }
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
    let hours = RowRange { view: ViewKind::DriftHour, from: at - CURRENT - BASELINE, to: at };
    older::answer(shared, &[hours], move |shared| {
        let mut sources: BTreeMap<&'static str, Source> = BTreeMap::new();
        let older = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| shared.older(range, f);
        let snapshot = shared.live.rows(&[hours], older, |row| {
            if let ViewRow::DriftHour(row) = row
                && asked.source.as_deref().is_none_or(|source| row.source.as_str() == source)
            {
                sources.entry(row.source.as_str()).or_default().add(row, at);
            }
        })?;
        let tick = snapshot.tick();
        drop(snapshot);
        let sources: Vec<_> = sources.iter().map(|(name, source)| source.statistics(name)).collect();
        Ok(axum::Json(json!({ "tick": tick, "at": at.rfc3339(), "sources": sources })).into_response())
    })
    .await
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
    fn add(&mut self, row: &DriftHour, at: EventTime) {
        (if row.hour >= at - CURRENT { &mut self.current } else { &mut self.baseline }).add(row);
        if row.hour >= at - Micros::HOUR {
            self.hour.add(row);
        }
        self.versions.entry((row.model.as_str(), row.model_version.as_str())).or_default().add(row);
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
            both.then(|| divergence(a, b)).map(|d| json!({ "kl": d.kl, "psi": d.psi, "js": d.js }))
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
    fn divergences_of_a_worked_example() {
        // Counts 2 and 0 against 0 and 2, each raised by one: p = (3/4, 1/4), q = (1/4, 3/4).
        let d = divergence(&[2, 0], &[0, 2]);
        let kl = 0.75 * 3f64.ln() - 0.25 * 3f64.ln();
        assert!((d.kl - kl).abs() < 1e-12 && (d.psi - 2.0 * kl).abs() < 1e-12);
        // The middle is (1/2, 1/2): 3/4 ln 3/2 + 1/4 ln 1/2.
        assert!((d.js - (0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln())).abs() < 1e-12);
        assert_eq!(divergence(&[5, 7], &[5, 7]), Divergence { kl: 0.0, psi: 0.0, js: 0.0 });
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
