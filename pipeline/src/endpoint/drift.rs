//! `/api/v1/drift`: how far what models report now is from what they used to, from the hours of `drift_hours`.
//!
//! The last 24 hours are compared with the 30 days before them, or with the dates that `[drift]` pins, once these are past.
//! Distributions are over event types, and over twenty bins of confidence; see [`gemba_schemas::divergence`]. A mean
//! confidence of the last hour below its bound, a share of `working` and a number of reports a minute outside theirs are
//! flagged.

use super::{Problem, Shared, older};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use gemba_schemas::divergence::Divergence;
use gemba_schemas::rule::{AlertKind, AlertRule, BaselineRule, Rule, Severity};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{CONFIDENCE_BINS, DriftHour, ViewKind, ViewRow};
use gemba_sinks::RowRange;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const CURRENT: Micros = Micros(24 * Micros::HOUR.0);
const BASELINE: Micros = Micros(30 * 24 * Micros::HOUR.0);

/// Which instant the last 24 hours end at (the end of this hour, if it is not said), and whose reports.
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
    let now = older::now(&shared).await?;
    let at = match &asked.at {
        Some(text) => EventTime::parse(text)
            .ok_or_else(|| Problem::bad("at", format!("`{text}` is no instant; write RFC 3339")))?,
        None => end_of_hour(shared.live.read().newest(ViewKind::DriftHour), now),
    };
    let rules = shared.rules();
    let pinned = rules.iter().find_map(|rule| if let Rule::Baseline(pinned) = rule { Some(*pinned) } else { None });
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
        let statistics = |(name, source): (&&str, &Source)| source.statistics(name, &Bounds::of(&rules, name), now);
        let sources: Vec<_> = sources.iter().map(statistics).collect();
        let (from, until) = times.baseline;
        let compared = json!({ "pinned": pinned.is_some(), "from": from.rfc3339(), "until": until.rfc3339() });
        let answer = json!({ "tick": tick, "at": at.rfc3339(), "baseline": compared, "sources": sources });
        Ok(axum::Json(answer).into_response())
    })
    .await
}

/// The first end of an hour from now on, going by the hours of the site's clock that there are.
fn end_of_hour(newest: Option<EventTime>, now: EventTime) -> EventTime {
    let Some(newest) = newest else { return now };
    let end = newest + Micros::HOUR;
    let hours = (now - end).0.max(0).saturating_add(Micros::HOUR.0 - 1) / Micros::HOUR.0;
    EventTime(end.0.saturating_add(hours.saturating_mul(Micros::HOUR.0)))
}

/// Where what a source reports is no longer as it should be: what the site's alerts say of it, the first of several
/// severities, or the defaults of such alerts.
#[derive(Debug, PartialEq)]
struct Bounds {
    /// Least mean confidence.
    confidence: f64,
    /// Least and greatest share of `working`.
    working_share: (f64, f64),
    /// Least and greatest number of reports a minute.
    per_minute: (f64, f64),
}

impl Bounds {
    fn of(rules: &[Rule], source: &str) -> Self {
        let of = |kind: AlertKind, high: bool, default: f64| {
            let mut by_severity: BTreeMap<Severity, &AlertRule> = BTreeMap::new();
            for rule in rules {
                let alert = match rule {
                    Rule::Alert(alert) => alert,
                    Rule::ReportAlert(rule) if rule.high_is_bad == high => &rule.alert,
                    _ => continue,
                };
                // One for this source takes the place of the one for all.
                if alert.kind == kind && alert.camera.is_none_or(|camera| camera.as_str() == source) {
                    let known = by_severity.entry(alert.severity).or_insert(alert);
                    if alert.camera.is_some() {
                        *known = alert;
                    }
                }
            }
            let bounds = by_severity.values().map(|alert| alert.threshold);
            let first = if high { bounds.min() } else { bounds.max() };
            first.map_or(default, |bound| f64::from(bound.0) / f64::from(kind.scale()))
        };
        // What asks for retraining is said in `[drift]`, where no alert says otherwise.
        let unsure = rules.iter().find_map(|rule| if let Rule::Drift(drift) = rule { Some(drift) } else { None });
        let unsure = unsure.map_or(0.80, |drift| f64::from(drift.min_confidence.0) / 1e4);
        let both = |kind, (least, most)| (of(kind, false, least), of(kind, true, most));
        Self {
            confidence: of(AlertKind::Confidence, false, unsure),
            working_share: both(AlertKind::WorkingShare, (0.50, 0.85)),
            per_minute: both(AlertKind::ReportRate, (5.0, 25.0)),
        }
    }
}

fn is_outside(value: f64, (least, most): (f64, f64)) -> bool {
    value < least || value > most
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
    /// The hours of these.
    hours: BTreeSet<EventTime>,
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
            self.hours.insert(row.hour);
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

    /// Reports a minute in the hours in which there were any, the one under way as far as it has come.
    fn per_minute(&self, now: EventTime) -> Option<f64> {
        let elapsed = |hour: &EventTime| (now - *hour).0.clamp(Micros::MINUTE.0, Micros::HOUR.0);
        let minutes = self.hours.iter().map(elapsed).sum::<i64>() as f64 / Micros::MINUTE.0 as f64;
        (minutes > 0.0).then(|| self.current.count as f64 / minutes)
    }

    fn statistics(&self, source: &str, bounds: &Bounds, now: EventTime) -> Value {
        let Self { hour, current, baseline, versions, .. } = self;
        let types: Vec<&str> = current.types.keys().chain(baseline.types.keys()).copied().collect();
        let types: BTreeSet<_> = types.into_iter().collect();
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
        let share = (activity > 0).then(|| working as f64 / activity as f64);
        let rate = self.per_minute(now);
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
            "last_hour": { "count": hour.count, "mean_confidence": hour.mean(), "unsure": hour.mean().map(|m| m < bounds.confidence) },
            "last_24_hours": { "count": current.count, "mean_confidence": current.mean(), "event_types": current.types },
            "baseline": { "count": baseline.count, "mean_confidence": baseline.mean(), "event_types": baseline.types },
            "event_types": against(&of(current), &of(baseline)),
            "confidence": against(&current.bins, &baseline.bins),
            "working_share": share,
            "working_share_outside": share.map(|share| is_outside(share, bounds.working_share)),
            "reports_per_minute": rate,
            "reports_per_minute_outside": rate.map(|rate| is_outside(rate, bounds.per_minute)),
            "bounds": {
                "confidence": bounds.confidence, "working_share": bounds.working_share,
                "reports_per_minute": bounds.per_minute,
            },
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
    fn the_last_hour_is_the_one_under_way_though_nobody_reports() {
        let minutes = |n: i64| EventTime(n * Micros::MINUTE.0);
        // Hours that begin at half past, as in India: the last report at 10:30, now 11:05, 11:30, two days later.
        let end = |now| end_of_hour(Some(minutes(630)), minutes(now));
        assert_eq!([665, 690, 691, 2_880 + 665].map(end), [690, 690, 750, 2_880 + 690].map(minutes));
        assert_eq!(end(600), minutes(690), "a report ahead of now");
    }

    #[test]
    fn the_rate_is_of_the_minutes_that_there_were() {
        let minutes = |n: i64| EventTime(n * Micros::MINUTE.0);
        let current = Reports { count: 900, ..Reports::default() };
        let source = Source { current, hours: [0, 60].map(minutes).into(), ..Source::default() };
        // Half an hour into the second: 900 in 90 minutes.
        assert_eq!((source.per_minute(minutes(90)), source.per_minute(minutes(9_000))), (Some(10.0), Some(7.5)));
        assert_eq!(Source::default().per_minute(minutes(90)), None);
    }

    #[test]
    fn bounds_are_those_of_the_sites_alerts() {
        let bounds = |text: &str| {
            let text = format!("[site]\nname = \"Hall\"\ntime_zone = \"UTC\"\n[[station]]\nname = \"S3\"\n{text}");
            Bounds::of(
                &gemba_schemas::site::Site::parse(&text, std::path::Path::new("site.toml")).unwrap().rules(),
                "S3",
            )
        };
        let usual = Bounds { confidence: 0.80, working_share: (0.50, 0.85), per_minute: (5.0, 25.0) };
        assert_eq!(bounds(""), usual);
        assert!(is_outside(0.49, usual.working_share) && !is_outside(0.85, usual.working_share));
        let rate = "[[alert]]\nkind = \"report_rate\"\nthreshold = 1\nmost = 8\n";
        let own = format!("{rate}camera = \"S3\"\n").replace("= 8", "= 9").replace("= 1\n", "= 2\n");
        assert_eq!(bounds(&format!("{rate}{own}")).per_minute, (2.0, 9.0));
        assert_eq!(bounds("[drift]\nmin_confidence = 0.7\n").confidence, 0.7);
        let sure = "[[alert]]\nkind = \"confidence\"\nthreshold = 0.75\n[drift]\nmin_confidence = 0.7\n";
        assert_eq!(bounds(sure).confidence, 0.75);
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
