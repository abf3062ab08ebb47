//! Rules of attendance and of the gate, as tables for the oracle.

use duckdb::{Connection, params};
use gemba_schemas::id::Name;
use gemba_schemas::rule::{Rule, digest};
use std::collections::BTreeMap;

/// Shifts and holidays, and the digest of each employee's shifts and the clock, without and with each holiday (-1:
/// without; no employee: one that has no shift).
pub fn insert_attendance(db: &Connection, rules: &[Rule], clock: &Rule) {
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
pub fn insert_gate(db: &Connection, rules: &[Rule], clock: &Rule) {
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
