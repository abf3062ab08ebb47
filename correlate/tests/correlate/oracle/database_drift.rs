//! What reports are compared with, and how far they may be from it, into DuckDB.

use duckdb::{Connection, params};
use gemba_schemas::rule::{Rule, digest};

/// The baseline and the bound, each with its digest.
pub fn insert_drift(db: &Connection, rules: &[Rule]) {
    db.execute_batch(
        "CREATE TABLE rule_baseline (first BIGINT, \"until\" BIGINT, digest VARCHAR);
         CREATE TABLE rule_drift_bound (most BIGINT, min_samples BIGINT, sustained BIGINT, digest VARCHAR);",
    )
    .unwrap();
    for rule in rules {
        let own = digest([rule]);
        match rule {
            Rule::Baseline(r) => {
                let values = params![r.from.0, r.until.0, own.as_str()];
                db.execute("INSERT INTO rule_baseline VALUES (?, ?, ?)", values).unwrap();
            }
            Rule::DriftBound(r) => {
                let values = params![i64::from(r.max_psi.0) * 100, r.min_samples, r.sustained, own.as_str()];
                db.execute("INSERT INTO rule_drift_bound VALUES (?, ?, ?, ?)", values).unwrap();
            }
            _ => {}
        }
    }
}
