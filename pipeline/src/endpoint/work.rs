//! `/api/v1/productivity/…`: sums of the hours of workers, stations and the floor over any range, from the snapshot;
//! where the range cuts through a day whose rows are final, that day's rows from the store.
//!
//! The bucket views hold sums; shares and rates are taken here, of the sums.

use super::{Problem, Shared, older};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::ViewKind;
use gemba_sinks::{RowRange, WorkByName, WorkSum};
use serde::{Deserialize, Serialize};
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

/// Active share of active and idle time, percent; `None` without any.
fn utilisation(s: &WorkSum) -> Option<f64> {
    let there = s.active + s.idle;
    (there > 0).then(|| s.active as f64 * 100.0 / there as f64)
}

fn per_hour(units: i64, time: i64) -> Option<f64> {
    (time > 0).then(|| units as f64 * 3.6e9 / time as f64)
}

fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Writes an answer of sums, one of each view.
type Write = fn(Tick, &[WorkByName]) -> Response;

/// The sums of workers, of stations, or of the floor.
pub async fn productivity(
    State(shared): State<Arc<Shared>>,
    Path(of): Path<String>,
    range: Result<Query<Range>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(range) = range.map_err(|e| Problem::bad("", e.body_text()))?;
    let (from, to) = range.bounds()?;
    let (views, write): (&[ViewKind], Write) = match of.as_str() {
        "workers" => (&[ViewKind::WorkerHour], |tick, sums| {
            let workers = sums.iter().flatten().map(|(name, s)| Worker::of(name, s)).collect();
            axum::Json(Workers { tick, workers }).into_response()
        }),
        "stations" => (&[ViewKind::StationHour], |tick, sums| {
            let stations = sums.iter().flatten().map(|(name, s)| Station::of(name, s)).collect();
            axum::Json(Stations { tick, stations }).into_response()
        }),
        "floor" => (&[ViewKind::WorkerHour, ViewKind::StationHour], |tick, sums| {
            let of = |i| sums.get(i).into_iter().flat_map(WorkByName::values);
            axum::Json(Floor::of(tick, of(0), of(1))).into_response()
        }),
        other => {
            let message = format!("`{other}` is none of workers, stations, floor");
            return Err(Problem::new(StatusCode::NOT_FOUND, None, message));
        }
    };
    let ends = RowRange::ends_of_work(views, (from, to));
    older::answer(shared, &ends, move |shared| {
        let (tick, sums) = shared.live.work(views, (from, to), |range, f| shared.older(range, f))?;
        Ok(write(tick, &sums))
    })
    .await
}

#[derive(Serialize)]
struct Workers<'a> {
    tick: Tick,
    workers: Vec<Worker<'a>>,
}

#[derive(Serialize)]
struct Worker<'a> {
    worker_id: &'a str,
    active_s: f64,
    idle_s: f64,
    absent_s: f64,
    units: i64,
    events: i64,
    utilisation_percent: Option<f64>,
    units_per_hour: Option<f64>,
}

impl<'a> Worker<'a> {
    fn of(worker_id: &'a str, s: &WorkSum) -> Self {
        Self {
            worker_id,
            active_s: seconds(s.active),
            idle_s: seconds(s.idle),
            absent_s: seconds(s.absent),
            units: s.units,
            events: s.events,
            utilisation_percent: utilisation(s),
            units_per_hour: per_hour(s.units, s.active),
        }
    }
}

#[derive(Serialize)]
struct Stations<'a> {
    tick: Tick,
    stations: Vec<Station<'a>>,
}

#[derive(Serialize)]
struct Station<'a> {
    workstation_id: &'a str,
    occupancy_s: f64,
    working_s: f64,
    idle_s: f64,
    units: i64,
    events: i64,
    utilisation_percent: Option<f64>,
    throughput_per_hour: Option<f64>,
}

impl<'a> Station<'a> {
    fn of(workstation_id: &'a str, s: &WorkSum) -> Self {
        Self {
            workstation_id,
            occupancy_s: seconds(s.active + s.idle),
            working_s: seconds(s.active),
            idle_s: seconds(s.idle),
            units: s.units,
            events: s.events,
            utilisation_percent: utilisation(s),
            throughput_per_hour: per_hour(s.units, s.active + s.idle),
        }
    }
}

#[derive(Serialize)]
struct Floor {
    tick: Tick,
    active_s: f64,
    idle_s: f64,
    absent_s: f64,
    units: i64,
    events: i64,
    units_per_hour: Option<f64>,
    workers: usize,
    stations: usize,
    mean_worker_utilisation_percent: Option<f64>,
    mean_station_utilisation_percent: Option<f64>,
}

impl Floor {
    /// Sums over workers, and the means of the utilisations of those with any time.
    fn of<'a>(
        tick: Tick,
        workers: impl Iterator<Item = &'a WorkSum>,
        stations: impl Iterator<Item = &'a WorkSum>,
    ) -> Self {
        let (mut total, mut shares) = (WorkSum::default(), Vec::new());
        for sum in workers {
            total.add(sum, 1);
            shares.extend(utilisation(sum));
        }
        let station_shares: Vec<_> = stations.filter_map(utilisation).collect();
        let mean = |all: &[f64]| (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64);
        Self {
            tick,
            active_s: seconds(total.active),
            idle_s: seconds(total.idle),
            absent_s: seconds(total.absent),
            units: total.units,
            events: total.events,
            units_per_hour: per_hour(total.units, total.active),
            workers: shares.len(),
            stations: station_shares.len(),
            mean_worker_utilisation_percent: mean(&shares),
            mean_station_utilisation_percent: mean(&station_shares),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rates_leave_absence_out() {
        // Three hours at work, one idle, two absent, 40 units: 3/4 of the time there, 40 units in three hours.
        let hour = 3_600_000_000;
        let sum = WorkSum { active: 3 * hour, idle: hour, absent: 2 * hour, units: 40, events: 72 };
        assert_eq!(utilisation(&sum), Some(75.0));
        assert_eq!(Worker::of("W", &sum).units_per_hour, Some(40.0 / 3.0));
        assert_eq!(Station::of("S", &sum).throughput_per_hour, Some(10.0));
        let away = WorkSum { absent: hour, ..WorkSum::default() };
        assert_eq!((utilisation(&away), per_hour(away.units, away.active)), (None, None));
        // The mean is of those who were there: 75 and 25 %, not the one who was away.
        let half = WorkSum { active: hour, idle: 3 * hour, ..WorkSum::default() };
        let floor = Floor::of(1, [&sum, &away, &half].into_iter(), [].into_iter());
        assert_eq!((floor.mean_worker_utilisation_percent, floor.workers), (Some(50.0), 2));
        assert_eq!(floor.mean_station_utilisation_percent, None);
    }
}
