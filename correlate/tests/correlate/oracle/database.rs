//! Facts and rules into DuckDB, the oracle's answers out.

use super::database_drift::insert_drift;
use super::database_people::{insert_attendance, insert_gate};
use super::database_station::{insert_stations, watched_stations};
use duckdb::{Connection, params};
use gemba_schemas::fact::{Fact, FactKind};
use gemba_schemas::id::Name;
use gemba_schemas::registry::Table;
use gemba_schemas::rule::{DurationModel, Rule, Statistic, digest};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::BTreeMap;

use arrow::datatypes::{DataType, TimeUnit};

fn sql_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "VARCHAR".into(),
        DataType::Binary => "BLOB".into(),
        DataType::Boolean => "BOOLEAN".into(),
        DataType::Int32 => "INTEGER".into(),
        DataType::Int64 => "BIGINT".into(),
        DataType::UInt16 => "USMALLINT".into(),
        DataType::UInt32 => "UINTEGER".into(),
        DataType::UInt64 => "UBIGINT".into(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => "TIMESTAMPTZ".into(),
        DataType::List(field) => format!("{}[]", sql_type(field.data_type())),
        other => panic!("no SQL type for {other}"),
    }
}

fn create(db: &Connection, table: &Table) {
    let columns: Vec<_> = table.columns.iter().map(|c| format!("\"{}\" {}", c.name, sql_type(&c.data_type))).collect();
    db.execute_batch(&format!("CREATE TABLE {} ({})", table.name, columns.join(", "))).unwrap();
}

fn oracle(kind: ViewKind) -> &'static str {
    match kind {
        ViewKind::PackingSession => include_str!("packing_sessions.sql"),
        ViewKind::ZoneVisit => include_str!("zone_visits.sql"),
        ViewKind::LineCrossing => include_str!("line_crossings.sql"),
        ViewKind::OccupancyMinute => include_str!("occupancy_minutes.sql"),
        ViewKind::OccupancyHour => include_str!("occupancy_hours.sql"),
        ViewKind::CoverageHour => include_str!("coverage_hours.sql"),
        ViewKind::WorkerHour => include_str!("worker_hours.sql"),
        ViewKind::StationHour => include_str!("station_hours.sql"),
        ViewKind::FloorHour => include_str!("floor_hours.sql"),
        ViewKind::Unregistered => include_str!("unregistered.sql"),
        ViewKind::DriftHour => include_str!("drift_hours.sql"),
        ViewKind::RetrainRequest => include_str!("retrain_requests.sql"),
        ViewKind::LateFact => include_str!("late_facts.sql"),
        ViewKind::OccupancyDay => include_str!("occupancy_days.sql"),
        ViewKind::OccupancyMonth => include_str!("occupancy_months.sql"),
        ViewKind::DwellDay => include_str!("dwell_days.sql"),
        ViewKind::QualityHour => include_str!("quality_hours.sql"),
        ViewKind::QualityCamera => include_str!("quality_cameras.sql"),
        ViewKind::Alert => include_str!("alerts.sql"),
        ViewKind::AttendanceDay => include_str!("attendance_days.sql"),
        ViewKind::GateEvent => include_str!("gate_events.sql"),
        ViewKind::GateReadHour => include_str!("gate_read_hours.sql"),
    }
}

fn list(names: &[Name]) -> String {
    format!("[{}]::VARCHAR[]", names.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", "))
}

fn insert_rules(db: &Connection, rules: &[Rule], now: &[EventTime]) {
    db.execute_batch(
        "CREATE TABLE rule_clock (time_zone VARCHAR, day_reset BIGINT);
         CREATE TABLE rule_zone (camera VARCHAR, zone VARCHAR, kind VARCHAR, polygon BIGINT[][], min_dwell BIGINT,
             bridge BIGINT, classes VARCHAR[], digest VARCHAR, digest_clock VARCHAR);
         CREATE TABLE rule_line (camera VARCHAR, line VARCHAR, x1 BIGINT, y1 BIGINT, x2 BIGINT, y2 BIGINT,
             left_side VARCHAR, right_side VARCHAR, inside VARCHAR, band BIGINT, settle BIGINT, classes VARCHAR[],
             digest VARCHAR, digest_clock VARCHAR);
         CREATE TABLE rule_packing (camera VARCHAR, profile VARCHAR, trigger_text VARCHAR, trigger_area VARCHAR,
             code_area VARCHAR, code_pattern VARCHAR, lookback BIGINT, on_sightings BIGINT, off_after BIGINT,
             min_duration BIGINT, max_duration BIGINT, motion_area VARCHAR, motion_threshold BIGINT,
             stable_duration BIGINT, digest VARCHAR);
         CREATE TABLE now_at (ts BIGINT);
         CREATE TABLE rule_productivity (until_next BOOLEAN, event_duration BIGINT, max_gap BIGINT,
             require_registered BOOLEAN, digest_clock VARCHAR);
         CREATE TABLE rule_worker (worker VARCHAR);
         CREATE TABLE rule_station (station VARCHAR);
         CREATE TABLE rule_drift (min_confidence BIGINT, min_samples BIGINT, sustained BIGINT, digest VARCHAR);",
    )
    .unwrap();
    for ts in now {
        db.execute("INSERT INTO now_at VALUES (?)", params![ts.0]).unwrap();
    }
    let clock = rules.iter().find(|r| matches!(r, Rule::Clock(_))).expect("a scene has a clock");
    let text = |name: Name| name.as_str();
    // An event at a watched station stands for no time, whoever's it is.
    let watched = watched_stations(rules);
    for rule in rules {
        let own = digest([rule]);
        let with_clock = digest([rule, clock]);
        let all_hours = digest(watched.iter().chain([rule, clock]));
        match rule {
            Rule::Clock(r) => {
                db.execute("INSERT INTO rule_clock VALUES (?, ?)", params![text(r.time_zone), r.day_reset.0]).unwrap();
            }
            Rule::Zone(r) => {
                let polygon: Vec<_> = r.polygon.iter().map(|p| format!("[{}, {}]", p.x, p.y)).collect();
                let sql = format!(
                    "INSERT INTO rule_zone VALUES (?, ?, ?, [{}]::BIGINT[][], ?, ?, {}, ?, ?)",
                    polygon.join(", "),
                    list(&r.classes)
                );
                let (camera, zone, kind) = (text(r.camera), text(r.zone), text(r.kind));
                let values = params![camera, zone, kind, r.min_dwell.0, r.bridge.0, text(own), text(with_clock)];
                db.execute(&sql, values).unwrap();
            }
            Rule::Line(r) => {
                let sql = format!(
                    "INSERT INTO rule_line VALUES (?, ?, {}, {}, {}, {}, ?, ?, ?, {}, {}, {}, ?, ?)",
                    r.from.x,
                    r.from.y,
                    r.to.x,
                    r.to.y,
                    r.band,
                    r.settle.0,
                    list(&r.classes)
                );
                let names = [r.camera, r.line, r.left, r.right, r.inside, own, with_clock].map(text);
                db.execute(&sql, names).unwrap();
            }
            Rule::Packing(r) => {
                let sql = format!(
                    "INSERT INTO rule_packing VALUES (?, ?, ?, ?, ?, ?, {}, {}, {}, {}, {}, ?, {}, {}, ?)",
                    r.lookback.0,
                    r.on_sightings,
                    r.off_after.0,
                    r.min_duration.0,
                    r.max_duration.0,
                    r.motion_threshold,
                    r.stable_duration.0
                );
                let values = [
                    Some(text(r.camera)),
                    Some(text(r.profile)),
                    r.trigger.as_deref(),
                    r.trigger_area.map(text),
                    r.code_area.map(text),
                    r.code_pattern.as_deref(),
                    r.motion_area.map(text),
                    Some(text(own)),
                ];
                db.execute(&sql, values).unwrap();
            }
            Rule::Productivity(r) => {
                let until_next = r.duration == DurationModel::UntilNext;
                let (duration, gap, strict) = (r.event_duration.0, r.max_gap.0, r.require_registered);
                let values = params![until_next, duration, gap, strict, text(all_hours)];
                db.execute("INSERT INTO rule_productivity VALUES (?, ?, ?, ?, ?)", values).unwrap();
            }
            Rule::Worker(r) => {
                db.execute("INSERT INTO rule_worker VALUES (?)", [text(r.worker)]).unwrap();
            }
            Rule::Station(r) => {
                db.execute("INSERT INTO rule_station VALUES (?)", [text(r.station)]).unwrap();
            }
            Rule::Drift(r) => {
                let values = params![r.min_confidence.0, r.min_samples, r.sustained, text(own)];
                db.execute("INSERT INTO rule_drift VALUES (?, ?, ?, ?)", values).unwrap();
            }
            // See below, and in `database_people` and `database_station`.
            Rule::Alert(_)
            | Rule::Shift(_)
            | Rule::Holiday(_)
            | Rule::Gate(_)
            | Rule::PlateFormat(_)
            | Rule::Plate(_)
            | Rule::StationZone(_)
            | Rule::Badge(_)
            | Rule::ReportAlert(_)
            | Rule::Baseline(_)
            | Rule::DriftBound(_) => {}
            Rule::SealedReports(_) => unreachable!("no scene is sealed"),
        }
    }
}

/// Alerts by number, each with its digest; and the clock's.
fn insert_alerts(db: &Connection, rules: &[Rule]) {
    db.execute_batch(
        "CREATE TABLE rule_alert (alert BIGINT, camera VARCHAR, kind VARCHAR, severity VARCHAR, threshold HUGEINT,
             clear HUGEINT, min_samples BIGINT, digest VARCHAR, statistic VARCHAR, high_is_bad BOOLEAN);
         CREATE TABLE digest_clock (digest VARCHAR);",
    )
    .unwrap();
    for (alert, rule) in rules.iter().enumerate() {
        if let Rule::Clock(_) = rule {
            db.execute("INSERT INTO digest_clock VALUES (?)", [digest([rule]).as_str()]).unwrap();
        }
        let (r, statistic, high_is_bad) = match rule {
            Rule::Alert(r) => (r, None, r.kind.high_is_bad()),
            Rule::ReportAlert(r) => (&r.alert, r.statistic, r.high_is_bad),
            _ => continue,
        };
        let values = params![
            alert as i64,
            r.camera.map(Name::as_str),
            r.kind.as_str(),
            r.severity.as_str(),
            i64::from(r.threshold.0),
            i64::from(r.clear.0),
            r.min_samples,
            digest([rule]).as_str(),
            statistic.map(Statistic::as_str),
            high_is_bad
        ];
        db.execute("INSERT INTO rule_alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values).unwrap();
    }
}

/// Digests of several rules at once: of the zones of a kind at a camera, of the profiles of a camera (and of none, where
/// the camera is NULL), each with the clock too.
fn insert_joined_digests(db: &Connection, rules: &[Rule]) {
    db.execute_batch(
        "CREATE TABLE rule_zone_kind (camera VARCHAR, kind VARCHAR, digest_clock VARCHAR);
         CREATE TABLE rule_profiles (camera VARCHAR, digest VARCHAR, digest_clock VARCHAR);",
    )
    .unwrap();
    let clock = rules.iter().filter(|r| matches!(r, Rule::Clock(_)));
    let mut kinds: BTreeMap<(&str, &str), Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        if let Rule::Zone(zone) = rule {
            kinds.entry((zone.camera.as_str(), zone.kind.as_str())).or_default().push(rule);
        }
    }
    for ((camera, kind), zones) in kinds {
        let sum = digest(zones.into_iter().chain(clock.clone()));
        db.execute("INSERT INTO rule_zone_kind VALUES (?, ?, ?)", [camera, kind, sum.as_str()]).unwrap();
    }
    let mut profiles: BTreeMap<Option<&str>, Vec<&Rule>> = BTreeMap::from([(None, vec![])]);
    for rule in rules {
        if let Rule::Packing(profile) = rule {
            profiles.entry(Some(profile.camera.as_str())).or_default().push(rule);
        }
    }
    for (camera, profiles) in profiles {
        let sum = digest(profiles.iter().copied());
        let with_clock = digest(profiles.into_iter().chain(clock.clone()));
        let values = params![camera, sum.as_str(), with_clock.as_str()];
        db.execute("INSERT INTO rule_profiles VALUES (?, ?, ?)", values).unwrap();
    }
}

/// What the oracle says, every view.
pub fn answers(facts: &[Fact], rules: &[Rule], now: &[EventTime]) -> BTreeMap<ViewRow, isize> {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch("SET TimeZone = 'UTC'; SET threads = 1;").unwrap();
    for kind in FactKind::ALL {
        let table = kind.table();
        create(&db, &table);
        let batch = kind.encode(facts.iter());
        if batch.num_rows() > 0 {
            db.appender(table.name).unwrap().append_record_batch(batch).unwrap();
        }
    }
    insert_rules(&db, rules, now);
    insert_joined_digests(&db, rules);
    insert_alerts(&db, rules);
    insert_drift(&db, rules);
    let clock = rules.iter().find(|r| matches!(r, Rule::Clock(_))).expect("a scene has a clock");
    insert_attendance(&db, rules, clock);
    insert_gate(&db, rules, clock);
    insert_stations(&db, rules, clock);
    db.execute_batch(include_str!("prelude.sql")).unwrap();
    db.execute_batch(include_str!("work.sql")).unwrap();
    db.execute_batch(include_str!("prelude_gate.sql")).unwrap();
    let mut rows = BTreeMap::new();
    // In order of declaration: the occupancy oracles stand on the answers before them, alerts on all.
    let last = ViewKind::Alert;
    for kind in ViewKind::ALL.iter().filter(|kind| **kind != last).chain([&last]) {
        // What cameras see of stations follows from the visits to zones.
        if *kind == ViewKind::WorkerHour {
            db.execute_batch(include_str!("station.sql")).unwrap();
        }
        // Requests and alerts follow from the hours of models.
        if *kind == ViewKind::RetrainRequest {
            db.execute_batch(include_str!("windows.sql")).unwrap();
        }
        let table = kind.table();
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|c| {
                let name = quoted(c.name);
                match &c.data_type {
                    DataType::Timestamp(..) => {
                        format!("'epoch'::TIMESTAMPTZ + to_microseconds({name}::BIGINT) AS {name}")
                    }
                    other => format!("{name}::{} AS {name}", sql_type(other)),
                }
            })
            .collect();
        let answer = format!("oracle_{}", table.name);
        let sql = format!("CREATE TABLE {answer} AS SELECT {} FROM ({})", columns.join(", "), oracle(*kind));
        db.execute_batch(&sql).unwrap_or_else(|e| panic!("{answer}: {e}"));
        let mut query = db.prepare(&format!("FROM {answer}")).unwrap();
        for batch in query.query_arrow([]).unwrap() {
            for row in kind.decode(&batch).unwrap() {
                *rows.entry(row).or_insert(0) += 1;
            }
        }
    }
    rows
}

fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
