//! `/api/v1/productivity/…`: sums of the hours of workers, stations and the floor over any range, from the snapshot.
//!
//! The bucket views hold sums; shares and rates are taken here, of the sums.

use super::{Problem, Shared};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gemba_schemas::id::Name;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{ViewKind, ViewRow};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which hours.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    from: Option<String>,
    to: Option<String>,
}

impl Range {
    /// The hours that begin in `[from, to)`; all without bounds.
    pub fn bounds(&self) -> Result<(EventTime, EventTime), Problem> {
        let instant = |field: &'static str, text: &Option<String>, otherwise| match text {
            None => Ok(otherwise),
            Some(text) => EventTime::parse(text)
                .ok_or_else(|| Problem::bad(field, format!("`{text}` is no instant; write RFC 3339"))),
        };
        Ok((instant("from", &self.from, EventTime::MIN)?, instant("to", &self.to, EventTime::MAX)?))
    }
}

/// Sums over hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    active: i64,
    idle: i64,
    absent: i64,
    units: u64,
    events: u64,
}

impl Sum {
    fn of(row: &ViewRow) -> Option<(Name, Self)> {
        match row {
            ViewRow::WorkerHour(r) => {
                let (active, idle, absent) = (r.active_us.0, r.idle_us.0, r.absent_us.0);
                Some((r.worker, Self { active, idle, absent, units: r.units, events: r.events }))
            }
            ViewRow::StationHour(r) => {
                let (active, idle, absent) = (r.working_us.0, r.idle_us.0, r.absent_us.0);
                Some((r.station, Self { active, idle, absent, units: r.units, events: r.events }))
            }
            _ => None,
        }
    }

    fn add(&mut self, other: &Self) {
        self.active += other.active;
        self.idle += other.idle;
        self.absent += other.absent;
        self.units += other.units;
        self.events += other.events;
    }

    /// Active share of active and idle time, percent; `None` without any.
    fn utilisation(&self) -> Option<f64> {
        let there = self.active + self.idle;
        (there > 0).then(|| self.active as f64 * 100.0 / there as f64)
    }

    fn per_hour(&self, time: i64) -> Option<f64> {
        (time > 0).then(|| self.units as f64 * 3.6e9 / time as f64)
    }
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

fn sums(shared: &Shared, view: ViewKind, (from, to): (EventTime, EventTime)) -> (u64, BTreeMap<&'static str, Sum>) {
    let snapshot = shared.live.read();
    let mut sums: BTreeMap<&'static str, Sum> = BTreeMap::new();
    for (name, sum) in snapshot.rows(view, from, to).filter_map(Sum::of) {
        sums.entry(name.as_str()).or_default().add(&sum);
    }
    (snapshot.tick(), sums)
}

/// The sums of workers, of stations, or of the floor.
pub async fn productivity(
    State(shared): State<Arc<Shared>>,
    Path(of): Path<String>,
    range: Result<Query<Range>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(range) = range.map_err(|e| Problem::bad("", e.body_text()))?;
    let bounds = range.bounds()?;
    let answer = match of.as_str() {
        "workers" => {
            let (tick, sums) = sums(&shared, ViewKind::WorkerHour, bounds);
            json!({ "tick": tick, "workers": sums.iter().map(|(name, s)| worker(name, s)).collect::<Vec<_>>() })
        }
        "stations" => {
            let (tick, sums) = sums(&shared, ViewKind::StationHour, bounds);
            json!({ "tick": tick, "stations": sums.iter().map(|(name, s)| station(name, s)).collect::<Vec<_>>() })
        }
        "floor" => {
            let (tick, workers) = sums(&shared, ViewKind::WorkerHour, bounds);
            let (_, stations) = sums(&shared, ViewKind::StationHour, bounds);
            floor(tick, workers.values(), stations.values())
        }
        other => {
            let message = format!("`{other}` is none of workers, stations, floor");
            return Err(Problem::new(StatusCode::NOT_FOUND, None, message));
        }
    };
    Ok(axum::Json(answer).into_response())
}

fn worker(name: &str, s: &Sum) -> Value {
    json!({
        "worker_id": name, "active_s": seconds(s.active), "idle_s": seconds(s.idle), "absent_s": seconds(s.absent),
        "units": s.units, "events": s.events, "utilisation_percent": s.utilisation(),
        "units_per_hour": s.per_hour(s.active),
    })
}

fn station(name: &str, s: &Sum) -> Value {
    json!({
        "workstation_id": name, "occupancy_s": seconds(s.active + s.idle), "working_s": seconds(s.active),
        "idle_s": seconds(s.idle), "units": s.units, "events": s.events, "utilisation_percent": s.utilisation(),
        "throughput_per_hour": s.per_hour(s.active + s.idle),
    })
}

/// Sums over workers, and the means of the utilisations of those with any time.
fn floor<'a>(tick: u64, workers: impl Iterator<Item = &'a Sum>, stations: impl Iterator<Item = &'a Sum>) -> Value {
    let (mut total, mut shares) = (Sum::default(), Vec::new());
    for sum in workers {
        total.add(sum);
        shares.extend(sum.utilisation());
    }
    let station_shares: Vec<_> = stations.filter_map(Sum::utilisation).collect();
    let mean = |all: &[f64]| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
    json!({
        "tick": tick, "active_s": seconds(total.active), "idle_s": seconds(total.idle),
        "absent_s": seconds(total.absent), "units": total.units, "events": total.events,
        "units_per_hour": total.per_hour(total.active), "workers": shares.len(), "stations": station_shares.len(),
        "mean_worker_utilisation_percent": mean(&shares), "mean_station_utilisation_percent": mean(&station_shares),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rates_leave_absence_out() {
        // Three hours at work, one idle, two absent, 40 units: 3/4 of the time there, 40 units in three hours.
        let hour = 3_600_000_000;
        let sum = Sum { active: 3 * hour, idle: hour, absent: 2 * hour, units: 40, events: 72 };
        assert_eq!(sum.utilisation(), Some(75.0));
        assert_eq!(worker("W", &sum)["units_per_hour"], json!(40.0 / 3.0));
        assert_eq!(station("S", &sum)["throughput_per_hour"], json!(10.0));
        let away = Sum { absent: hour, ..Sum::default() };
        assert_eq!((away.utilisation(), away.per_hour(away.active)), (None, None));
        // The mean is of those who were there: 75 and 25 %, not the one who was away.
        let half = Sum { active: hour, idle: 3 * hour, ..Sum::default() };
        let floor = floor(1, [&sum, &away, &half].into_iter(), [].into_iter());
        assert_eq!((&floor["mean_worker_utilisation_percent"], &floor["workers"]), (&json!(50.0), &json!(2)));
        assert_eq!(floor["mean_station_utilisation_percent"], Value::Null);
    }
}
