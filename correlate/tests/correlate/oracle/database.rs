//! Facts and rules into DuckDB, the oracle's answers out.

use duckdb::{Connection, params};
use gemba_schemas::fact::{Fact, FactKind};
use gemba_schemas::id::Name;
use gemba_schemas::registry::Table;
use gemba_schemas::rule::{Rule, digest};
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
         CREATE TABLE now_at (ts BIGINT);",
    )
    .unwrap();
    for ts in now {
        db.execute("INSERT INTO now_at VALUES (?)", params![ts.0]).unwrap();
    }
    let clock = rules.iter().find(|r| matches!(r, Rule::Clock(_))).expect("a scene has a clock");
    let text = |name: Name| name.as_str();
    for rule in rules {
        let own = digest([rule]);
        let with_clock = digest([rule, clock]);
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
            Rule::Shift(_) | Rule::Holiday(_) => {}
            Rule::Gate(_) | Rule::PlateFormat(_) | Rule::Plate(_) => {}
        }
    }
    insert_attendance(db, rules, clock);
    insert_gate(db, rules, clock);
}

/// Shifts and holidays, and the digest of each employee's shifts and the clock, without and with each holiday (-1:
/// without; no employee: one that has no shift).
fn insert_attendance(db: &Connection, rules: &[Rule], clock: &Rule) {
    db.execute_batch(
        "CREATE TABLE rule_shift (employee VARCHAR, shift VARCHAR, weekday BIGINT, start_us BIGINT, end_us BIGINT,
             grace_in BIGINT, grace_out BIGINT, time_zone VARCHAR, from_day BIGINT);
         CREATE TABLE rule_holiday (day BIGINT, name VARCHAR);
         CREATE TABLE digest_attendance (employee VARCHAR, holiday BIGINT, digest VARCHAR);",
    )
    .unwrap();
    let mut rosters: BTreeMap<&str, Vec<&Rule>> = BTreeMap::from([("", vec![])]);
    let mut holidays = vec![(-1, None)];
    for rule in rules {
        match rule {
            Rule::Shift(r) => {
                rosters.entry(r.employee.as_str()).or_default().push(rule);
                let sql = format!(
                    "INSERT INTO rule_shift VALUES (?, ?, {}, {}, {}, {}, {}, ?, {})",
                    r.weekday,
                    r.start.0,
                    r.end.0,
                    r.grace_in.0,
                    r.grace_out.0,
                    r.from.map_or("NULL".into(), |day| day.0.to_string()),
                );
                db.execute(&sql, [r.employee, r.shift, r.time_zone].map(Name::as_str)).unwrap();
            }
            Rule::Holiday(r) => {
                holidays.push((r.date.0, Some(rule)));
                db.execute("INSERT INTO rule_holiday VALUES (?, ?)", params![r.date.0, r.name.as_str()]).unwrap();
            }
            _ => {}
        }
    }
    for (employee, shifts) in rosters {
        for (day, holiday) in &holidays {
            let all = shifts.iter().copied().chain([clock]).chain(*holiday);
            let sum = digest(all);
            db.execute("INSERT INTO digest_attendance VALUES (?, ?, ?)", params![employee, day, sum.as_str()]).unwrap();
        }
    }
}

/// The gate with the digest of itself, its formats and the clock; formats; listed plates with the digest of all that
/// and themselves.
fn insert_gate(db: &Connection, rules: &[Rule], clock: &Rule) {
    db.execute_batch(
        "CREATE TABLE rule_gate (min_confidence BIGINT, agree BIGINT, sure BIGINT, visit_gap BIGINT, digest VARCHAR);
         CREATE TABLE rule_format (format VARCHAR, pattern VARCHAR);
         CREATE TABLE rule_plate (plate VARCHAR, list VARCHAR, reason VARCHAR, from_ts BIGINT, until_ts BIGINT,
             added BIGINT, digest VARCHAR);",
    )
    .unwrap();
    let of_gate = |rule: &&Rule| matches!(rule, Rule::Gate(_) | Rule::PlateFormat(_));
    let shared: Vec<_> = rules.iter().filter(of_gate).chain([clock]).collect();
    for rule in rules {
        let sum = digest(shared.iter().copied());
        match rule {
            Rule::Gate(r) => {
                let values = params![r.min_confidence.0, r.agree, r.sure.0, r.visit_gap.0, sum.as_str()];
                db.execute("INSERT INTO rule_gate VALUES (?, ?, ?, ?, ?)", values).unwrap();
            }
            Rule::PlateFormat(r) => {
                db.execute("INSERT INTO rule_format VALUES (?, ?)", params![r.format.as_str(), r.pattern]).unwrap();
            }
            Rule::Plate(r) => {
                let sum = digest(shared.iter().copied().chain([rule]));
                let [from, until, added] = [r.from, r.until, r.added].map(|ts| ts.map(|ts| ts.0));
                let values = params![r.plate, r.list.as_str(), r.reason, from, until, added, sum.as_str()];
                db.execute("INSERT INTO rule_plate VALUES (?, ?, ?, ?, ?, ?, ?)", values).unwrap();
            }
            _ => {}
        }
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
    db.execute_batch(include_str!("prelude.sql")).unwrap();
    db.execute_batch(include_str!("prelude_gate.sql")).unwrap();
    let mut rows = BTreeMap::new();
    // In order of declaration: the occupancy oracles stand on the answers before them.
    for kind in ViewKind::ALL {
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
