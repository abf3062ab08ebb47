//! `/api/v1/quality`: how each packing camera does, from the hours of `quality_hours` and from `quality_cameras`.
//!
//! | what | healthy | warning | critical |
//! |---|---|---|---|
//! | sessions without a code, last 24 h | below 15 % | to 30 % | above |
//! | frame exports that worked, last 24 h | above 95 % | from 90 % | below |
//! | hours since the last review, where something waits for one | below 12 | to 24 | above |
//!
//! The overall status of a camera, and of the site, is the worst of these.

use super::{Problem, Shared, older};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{QualityCamera, QualityHour, ViewKind, ViewRow};
use gemba_sinks::RowRange;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const DAY: Micros = Micros(24 * Micros::HOUR.0);
/// Days of the trend.
const TREND: i64 = 7;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Healthy,
    Warning,
    Critical,
}

/// The instant that the last 24 hours end at; now, if it is not said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    at: Option<String>,
}

/// Sums of hours.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    sessions: u64,
    failed: u64,
    exports: u64,
    exported: u64,
}

impl Sum {
    fn add(&mut self, row: &QualityHour) {
        self.sessions += u64::from(row.sessions);
        self.failed += u64::from(row.qr_failed);
        self.exports += u64::from(row.exports);
        self.exported += u64::from(row.exports_ok);
    }

    fn empty_rate(&self) -> Option<f64> {
        (self.sessions > 0).then(|| self.failed as f64 / self.sessions as f64)
    }

    fn export_rate(&self) -> Option<f64> {
        (self.exports > 0).then(|| self.exported as f64 / self.exports as f64)
    }
}

fn of_empty_rate(rate: f64) -> Status {
    match rate {
        r if r < 0.15 => Status::Healthy,
        r if r <= 0.30 => Status::Warning,
        _ => Status::Critical,
    }
}

fn of_export_rate(rate: f64) -> Status {
    match rate {
        r if r > 0.95 => Status::Healthy,
        r if r >= 0.90 => Status::Warning,
        _ => Status::Critical,
    }
}

fn of_review(hours: f64) -> Status {
    match hours {
        h if h < 12.0 => Status::Healthy,
        h if h <= 24.0 => Status::Warning,
        _ => Status::Critical,
    }
}

/// The status of every camera, and of all.
pub async fn quality(
    State(shared): State<Arc<Shared>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|e| Problem::bad("", e.body_text()))?;
    let at = match &asked.at {
        Some(text) => EventTime::parse(text)
            .ok_or_else(|| Problem::bad("at", format!("`{text}` is no instant; write RFC 3339")))?,
        // Not the last activity: what waits for a review waits longer while nobody works.
        None => older::now(&shared).await?,
    };
    // The cameras' own rows have no time in their key: they are in the snapshot, as of the same tick.
    let hours = RowRange { view: ViewKind::QualityHour, from: at - Micros(DAY.0 * TREND), to: at };
    let ranges = [hours, RowRange::all(ViewKind::QualityCamera)];
    older::answer(shared, &ranges, move |shared| {
        let (mut cameras, mut days) = (Vec::new(), BTreeMap::<&str, [Sum; TREND as usize]>::new());
        let older = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| shared.older(range, f);
        let snapshot = shared.live.rows(&ranges, older, |row| match row {
            ViewRow::QualityHour(row) => {
                let ago = ((at - row.hour).0 - 1).div_euclid(DAY.0).clamp(0, TREND - 1) as usize;
                days.entry(row.camera.as_str()).or_default()[ago].add(row);
            }
            ViewRow::QualityCamera(row) => cameras.push(row.clone()),
            _ => {}
        })?;
        let tick = snapshot.tick();
        drop(snapshot);
        let mut worst = Status::Healthy;
        let cameras: serde_json::Map<String, Value> = cameras
            .iter()
            .map(|camera| {
                let days = days.get(camera.camera.as_str()).copied().unwrap_or_default();
                let (status, value) = of_camera(camera, &days, at);
                worst = worst.max(status);
                (camera.camera.as_str().into(), value)
            })
            .collect();
        let answer = json!({ "tick": tick, "at": at.rfc3339(), "status": worst, "cameras": cameras });
        Ok(axum::Json(answer).into_response())
    })
    .await
}

fn of_camera(camera: &QualityCamera, days: &[Sum], at: EventTime) -> (Status, Value) {
    let today = days.first().copied().unwrap_or_default();
    let (empty, exported) = (today.empty_rate(), today.export_rate());
    // Without any review it is counted from the oldest session that waits for one.
    let since = camera.last_review.or(camera.oldest_pending).filter(|_| camera.pending > 0);
    let unreviewed = since.map(|since| (at - since).as_secs_f64().max(0.0) / 3600.0);
    let parts = [empty.map(of_empty_rate), exported.map(of_export_rate), unreviewed.map(of_review)];
    let status = parts.into_iter().flatten().max().unwrap_or(Status::Healthy);
    let trend: Vec<_> = days.iter().rev().map(Sum::empty_rate).collect();
    let value = json!({
        "status": status,
        "sessions": today.sessions,
        "empty_rate": { "value": empty, "status": parts[0] },
        "export_rate": { "value": exported, "status": parts[1] },
        "hours_since_review": { "value": unreviewed, "status": parts[2] },
        "last_review": camera.last_review.map(EventTime::rfc3339),
        "pending": camera.pending,
        "oldest_pending": camera.oldest_pending.map(EventTime::rfc3339),
        "empty_rate_7_days": trend,
    });
    (status, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gemba_schemas::id::Name;

    #[test]
    fn bounds_belong_to_the_milder_side_but_for_health() {
        let of = |s: Status| serde_json::to_value(s).unwrap();
        assert_eq!(
            [0.149, 0.15, 0.30, 0.301].map(of_empty_rate).map(of),
            ["healthy", "warning", "warning", "critical"]
        );
        assert_eq!(
            [0.951, 0.95, 0.90, 0.899].map(of_export_rate).map(of),
            ["healthy", "warning", "warning", "critical"]
        );
        assert_eq!([11.9, 12.0, 24.0, 24.1].map(of_review).map(of), ["healthy", "warning", "warning", "critical"]);
    }

    #[test]
    fn a_camera_is_as_bad_as_its_worst_figure() {
        let hour = |n: i64| EventTime(n * Micros::HOUR.0);
        let mut camera = QualityCamera {
            camera: Name::new("c"),
            last_activity: hour(100),
            last_review: Some(hour(80)),
            sessions: 50,
            pending: 3,
            oldest_pending: Some(hour(70)),
            rules: Name::default(),
        };
        // 2 of 20 without a code; 20 hours since the last review.
        let today = Sum { sessions: 20, failed: 2, exports: 10, exported: 10 };
        let (status, value) = of_camera(&camera, &[today], hour(100));
        assert_eq!((status, &value["hours_since_review"]["value"]), (Status::Warning, &json!(20.0)));
        // Nothing waits: it does not matter when the last review was.
        camera.pending = 0;
        assert_eq!(of_camera(&camera, &[today], hour(100)).0, Status::Healthy);
        // Never reviewed: since the oldest that waits, 30 hours.
        (camera.pending, camera.last_review) = (1, None);
        assert_eq!(of_camera(&camera, &[today], hour(100)).0, Status::Critical);
    }
}
