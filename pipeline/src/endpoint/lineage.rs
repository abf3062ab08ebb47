//! `/api/v1/views/{view}/{key}/facts`: from a row to the facts under it, out of the lake, which is asked to have them first.
//!
//! The key is the row's key columns joined by `~`, instants in RFC 3339 (UTC) or µs.

use super::{Problem, Shared};
use crate::inbox::Request;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gemba_schemas::column::KeyPart;
use gemba_schemas::fact::FactKind;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::rule::{AlertKind, Rule, StationZoneRule};
use gemba_schemas::site::Site;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{ViewKind, ViewRow};
use gemba_sinks::RowRange;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// Facts of each kind that are listed at most.
const LIMIT: usize = 1_000;

/// The longest that a question waits for the lake to have what the row follows from.
const PATIENCE: Duration = Duration::from_secs(30);

/// The zones of a site that stand for stations.
pub fn stations(site: &Site) -> Vec<StationZoneRule> {
    let zones = site.rules().into_iter();
    zones.filter_map(|rule| if let Rule::StationZone(zone) = rule { Some(zone) } else { None }).collect()
}

/// The facts under a row.
pub async fn facts(
    State(shared): State<Arc<Shared>>,
    Path((view, key)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let Some(kind) = ViewKind::by_name(&view) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, Some("view"), format!("no view is called `{view}`")));
    };
    let runtime = Handle::current();
    let found = tokio::task::spawn_blocking(move || {
        let missing = || {
            let columns = kind.table().key.join("~");
            let message = format!("{} has no row with the key `{key}`; a key is {columns}", kind.table_name());
            Problem::new(StatusCode::NOT_FOUND, Some("key"), message)
        };
        let parts: Vec<&str> = key.split('~').collect();
        let range = range_of(kind, &parts).ok_or_else(missing)?;
        let row = shared.find(&range, |row| is_key(&row.key(), &parts))?.ok_or_else(missing)?;
        runtime.block_on(published(&shared))?;
        let mut facts = Map::new();
        for (kind, condition) in under(&row, &shared.stations) {
            let table = kind.table();
            let sql = format!("FROM {} WHERE {condition} ORDER BY {} LIMIT {LIMIT}", table.name, table.bucket);
            let batches = gemba_sinks::query(&shared.lake, &sql)
                .map_err(|e| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, None, e.to_string()))?;
            facts.insert(table.name.into(), super::batches_json(&batches));
        }
        Ok(json!({ "view": kind.table_name(), "key": key, "facts": Value::Object(facts) }))
    });
    let found: Result<Value, Problem> = found.await.map_err(|_| Problem::ending())?;
    Ok(axum::Json(found?).into_response())
}

/// Waits until the lake has everything that is shown now.
async fn published(shared: &Shared) -> Result<(), Problem> {
    match tokio::time::timeout(PATIENCE, shared.inbox.ask(Request::Publish)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(Problem::ending()),
        Err(_) => {
            let message =
                format!("the newest facts were not in the lake after {PATIENCE:?} (/metrics says why); ask again");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, None, message))
        }
    }
}

/// Where the row of a key lies: where its bucket is in it, there only; `None` where that is no instant.
fn range_of(view: ViewKind, parts: &[&str]) -> Option<RowRange> {
    let table = view.table();
    let Some(place) = table.key.iter().position(|column| *column == table.bucket) else {
        return Some(RowRange::all(view));
    };
    let text = parts.get(place)?;
    let from = text.parse().ok().map(EventTime).or_else(|| EventTime::parse(text))?;
    Some(RowRange { view, from, to: EventTime(from.0.saturating_add(1)) })
}

fn is_key(key: &[KeyPart], parts: &[&str]) -> bool {
    key.len() == parts.len()
        && key.iter().zip(parts).all(|(part, text)| match part {
            KeyPart::Int(own) => {
                text.parse() == Ok(*own) || EventTime::parse(text).is_some_and(|instant| instant.0 == *own)
            }
            _ => part.text() == Some(text),
        })
}

fn text(name: &str) -> String {
    format!("'{}'", name.replace('\'', "''"))
}

/// `column` within `[from, to]`.
fn within(column: &str, from: EventTime, to: EventTime) -> String {
    format!("{column} >= make_timestamptz({}) AND {column} <= make_timestamptz({})", from.0, to.0)
}

fn hour(column: &str, hour: EventTime) -> String {
    within(column, hour, hour + Micros::HOUR - Micros(1))
}

fn of_generation(camera: Name, generation: Generation) -> String {
    format!("camera = {} AND generation = {}", text(camera.as_str()), generation.0)
}

/// What cameras saw of some stations in an hour: each kind of fact once, for all of their cameras.
fn at_stations(
    stations: &[StationZoneRule],
    from: EventTime,
    own: impl Fn(&StationZoneRule) -> bool,
) -> Vec<(FactKind, String)> {
    let zones: Vec<_> = stations.iter().filter(|zone| own(zone)).collect();
    if zones.is_empty() {
        return Vec::new();
    }
    let any = |of: &dyn Fn(&StationZoneRule) -> String| {
        format!("({})", zones.iter().map(|zone| of(zone)).collect::<Vec<_>>().join(" OR "))
    };
    let cameras = any(&|zone| format!("camera = {}", text(zone.camera.as_str())));
    let areas =
        any(&|zone| format!("(camera = {} AND area = {})", text(zone.camera.as_str()), text(zone.area.as_str())));
    let overlaps = |first: &str, last: &str| {
        let end = from + Micros::HOUR;
        format!("{first} < make_timestamptz({}) AND {last} >= make_timestamptz({})", end.0, from.0)
    };
    let mut facts = vec![
        (FactKind::Coverage, format!("{cameras} AND {}", overlaps("started", "ended"))),
        (FactKind::TrackPoint, format!("{cameras} AND {}", hour("ts", from))),
        (FactKind::MotionSpan, format!("{areas} AND {}", overlaps("started", "ended"))),
    ];
    if zones.iter().any(|zone| zone.badges) {
        facts.push((FactKind::CodeRead, format!("{areas} AND {}", overlaps("first_seen", "last_seen"))));
    }
    facts
}

/// All reports of a station or camera.
fn reported(source: Name, span: &str) -> Vec<(FactKind, String)> {
    let source = text(source.as_str());
    let events = format!("station = {source} AND {span}");
    let points = format!("camera = {source} AND {span}");
    vec![(FactKind::Activity, events.clone()), (FactKind::Production, events), (FactKind::TrackPoint, points)]
}

/// The facts that a row follows from, as conditions on their tables.
fn under(row: &ViewRow, stations: &[StationZoneRule]) -> Vec<(FactKind, String)> {
    let events = |condition: String| vec![(FactKind::Activity, condition.clone()), (FactKind::Production, condition)];
    let points = |camera: Name, generation, track: u32, from, to| {
        let condition =
            format!("{} AND track = {track} AND {}", of_generation(camera, generation), within("ts", from, to));
        vec![(FactKind::TrackPoint, condition)]
    };
    let of_camera = |camera: Name| format!("camera = {}", text(camera.as_str()));
    match row {
        ViewRow::PackingSession(r) => {
            let ended = r.ended.unwrap_or(r.started + r.duration_us);
            let own = of_generation(r.camera, r.generation);
            // Codes may be shown, and the trigger seen, some time before the start and after the end.
            let (from, to) = (r.started - Micros::MINUTE, ended + Micros::from_secs(10));
            let overlaps = |first: &str, last: &str| {
                format!("{own} AND {first} <= make_timestamptz({}) AND {last} >= make_timestamptz({})", to.0, from.0)
            };
            vec![
                (FactKind::CodeRead, overlaps("first_seen", "last_seen")),
                (FactKind::CodeMiss, overlaps("first_seen", "last_seen")),
                (FactKind::MotionSpan, overlaps("started", "ended")),
            ]
        }
        ViewRow::ZoneVisit(r) => points(r.camera, r.generation, r.track, r.entered, r.left),
        ViewRow::LineCrossing(r) => {
            points(r.camera, r.generation, r.track, r.ts - Micros::from_secs(2), r.ts + Micros::from_secs(2))
        }
        ViewRow::OccupancyMinute(r) => {
            let minute = within("ts", r.minute, r.minute + Micros::MINUTE - Micros(1));
            vec![(FactKind::TrackPoint, format!("{} AND {minute}", of_camera(r.camera)))]
        }
        ViewRow::OccupancyHour(r) => {
            vec![(FactKind::TrackPoint, format!("{} AND {}", of_camera(r.camera), hour("ts", r.hour)))]
        }
        ViewRow::CoverageHour(r) => vec![
            (FactKind::Coverage, format!("{} AND {}", of_camera(r.camera), hour("started", r.hour))),
            (FactKind::Fault, format!("{} AND {}", of_camera(r.camera), hour("ts", r.hour))),
        ],
        ViewRow::WorkerHour(r) => {
            let mut facts = events(format!("worker = {} AND {}", text(r.worker.as_str()), hour("ts", r.hour)));
            // Where badges are read it may be anybody's time.
            facts.extend(at_stations(stations, r.hour, |zone| zone.worker == Some(r.worker) || zone.badges));
            facts
        }
        ViewRow::StationHour(r) => {
            let mut facts = events(format!("station = {} AND {}", text(r.station.as_str()), hour("ts", r.hour)));
            facts.extend(at_stations(stations, r.hour, |zone| zone.station == r.station));
            facts
        }
        ViewRow::FloorHour(r) => {
            let mut facts = events(hour("ts", r.hour));
            facts.extend(at_stations(stations, r.hour, |_| true));
            facts
        }
        ViewRow::Unregistered(r) => {
            let span = within("ts", r.first_hour, r.last_hour + Micros::HOUR - Micros(1));
            events(format!("{} = {} AND {span}", r.kind, text(r.name.as_str())))
        }
        ViewRow::DriftHour(r) => {
            let (source, model) = (text(r.source.as_str()), text(r.model.as_str()));
            let version = text(r.model_version.as_str());
            let own = format!("station = {source} AND model = {model} AND model_version = {version}");
            let span = hour("ts", r.hour);
            let what = text(r.event_type.as_str());
            vec![
                (FactKind::Activity, format!("{own} AND state = {what} AND {span}")),
                (FactKind::Production, format!("{own} AND {what} = 'product_count' AND {span}")),
                (FactKind::TrackPoint, format!("camera = {source} AND class = {what} AND model = {model} AND {span}")),
            ]
        }
        // Too far from the baseline: all that report there.
        ViewRow::RetrainRequest(r) if r.event_type == Name::EMPTY => {
            let day = Micros(23 * Micros::HOUR.0);
            reported(r.source, &within("ts", r.from_hour - day, r.to_hour + Micros::HOUR - Micros(1)))
        }
        ViewRow::RetrainRequest(r) => {
            let (source, model) = (text(r.source.as_str()), text(r.model.as_str()));
            let span = within("ts", r.from_hour, r.to_hour + Micros::HOUR - Micros(1));
            events(format!("station = {source} AND model = {model} AND {span}"))
        }
        ViewRow::OccupancyDay(r) => {
            let day = within("ts", r.day, r.day + Micros(24 * Micros::HOUR.0) - Micros(1));
            vec![(FactKind::TrackPoint, format!("{} AND {day}", of_camera(r.camera)))]
        }
        ViewRow::OccupancyMonth(r) => {
            let month = within("ts", r.month, r.month + Micros(31 * 24 * Micros::HOUR.0) - Micros(1));
            vec![(FactKind::TrackPoint, format!("{} AND {month}", of_camera(r.camera)))]
        }
        ViewRow::DwellDay(r) => {
            let day = within("ts", r.day, r.day + Micros(24 * Micros::HOUR.0) - Micros(1));
            vec![(FactKind::TrackPoint, format!("{} AND {day}", of_camera(r.camera)))]
        }
        ViewRow::QualityHour(r) => {
            let sessions = format!("{} AND {}", of_camera(r.camera), hour("session", r.hour));
            let seen = format!("{} AND {}", of_camera(r.camera), hour("first_seen", r.hour));
            vec![
                (FactKind::CodeRead, seen.clone()),
                (FactKind::CodeMiss, seen),
                (FactKind::Review, sessions.clone()),
                (FactKind::FrameExport, sessions),
            ]
        }
        ViewRow::QualityCamera(r) => {
            vec![(FactKind::Review, of_camera(r.camera)), (FactKind::FrameExport, of_camera(r.camera))]
        }
        ViewRow::Alert(r) => {
            let until = r.resolved.unwrap_or(EventTime(i64::MAX / 2));
            // The facts of the hour that resolved it are its own, too.
            let hours = within("ts", r.opened, until + Micros::HOUR - Micros(1));
            let source = text(r.camera.as_str());
            match r.kind {
                AlertKind::DeviceOffline => {
                    vec![(FactKind::DeviceStatus, format!("device = {source} AND {}", within("ts", r.opened, until)))]
                }
                AlertKind::BlockedVehicle => {
                    let own = format!("{} AND {}", of_camera(r.camera), within("ts", r.opened, until));
                    vec![(FactKind::PlateRead, own)]
                }
                AlertKind::EmptyRate | AlertKind::ExportSuccess => {
                    let sessions = within("session", r.opened, until + Micros::HOUR - Micros(1));
                    vec![(FactKind::FrameExport, format!("{} AND {sessions}", of_camera(r.camera)))]
                }
                AlertKind::StationUtilisation => events(format!("station = {source} AND {hours}")),
                AlertKind::FloorUtilisation => events(hours),
                AlertKind::Confidence => {
                    let mut facts = events(format!("station = {source} AND {hours}"));
                    facts.push((FactKind::TrackPoint, format!("{} AND {hours}", of_camera(r.camera))));
                    facts
                }
                AlertKind::TypeDrift | AlertKind::ConfidenceDrift | AlertKind::WorkingShare | AlertKind::ReportRate => {
                    let day = if r.kind == AlertKind::ReportRate { Micros::ZERO } else { Micros(23 * Micros::HOUR.0) };
                    reported(r.camera, &within("ts", r.opened - day, until + Micros::HOUR - Micros(1)))
                }
            }
        }
        ViewRow::AttendanceDay(r) => {
            let day = within("ts", r.day - Micros(8 * Micros::HOUR.0), r.day + Micros(48 * Micros::HOUR.0));
            vec![(FactKind::AttendanceMark, format!("employee = {} AND {day}", text(r.employee.as_str())))]
        }
        ViewRow::GateEvent(r) => {
            let stay = within("ts", r.arrived, r.left);
            vec![(FactKind::PlateRead, format!("{} AND {stay}", of_camera(r.camera)))]
        }
        ViewRow::GateReadHour(r) => {
            vec![(FactKind::PlateRead, format!("{} AND {}", of_camera(r.camera), hour("ts", r.hour)))]
        }
        ViewRow::LateFact(r) => FactKind::ALL
            .iter()
            .filter(|k| k.table_name() == r.kind.as_str())
            .map(|k| (*k, format!("id = {}", r.id.0)))
            .collect(),
    }
}
