//! Asking a lake what it said at an earlier time.

use super::manifest::{Manifest, Part};
use super::query::memory;
use super::{catalog, changes, locate};
use crate::duck::{collect, ident, instant};
use crate::error::SinkError;
use crate::store::{columns, select_only};
use arrow::array::RecordBatch;
use gemba_schemas::registry;
use gemba_schemas::time::EventTime;
use std::path::Path;

/// Runs a query over the views whose past is kept ([`registry::HISTORY`]), as they were reported at `at`: every change
/// committed before that instant. Their tables of changes end there, too; other tables are not there.
///
/// # Errors
/// [`SinkError::Query`] with DuckDB's words; [`SinkError::Request`] for a table without a past.
pub fn query_as_of(lake: &Path, sql: &str, at: EventTime) -> Result<Vec<RecordBatch>, SinkError> {
    let dir = locate(lake);
    let manifest = Manifest::read(&dir)?
        .ok_or_else(|| SinkError::Request(format!("{} is no lake: it has no manifest.json", dir.display())))?;
    if manifest.changes_lost {
        return Err(SinkError::Damaged {
            path: dir.join(Part::Changes.folder()),
            detail: "a file was lost; start gemba on this directory once, which makes up for what can be".into(),
        });
    }
    let connection = memory()?;
    // What DuckDB can name; nothing was committed outside of it.
    let at = at.0.clamp(0, 253_402_207_200_000_000);
    let condition = format!("committed_at < {}", instant(at));
    for ((view, _), table) in registry::HISTORY.iter().zip(registry::changes()) {
        let sum = changes::sum(*view, &table, &dir, &manifest, &condition);
        let from = catalog::files(&table, Part::Changes, &dir, &manifest);
        let sql = format!(
            "CREATE VIEW {} AS SELECT {} FROM ({sum}); CREATE VIEW {} AS SELECT {} FROM {from} WHERE {condition};",
            ident(view.table_name()),
            columns(&view.table()),
            ident(table.name),
            columns(&table)
        );
        connection.execute_batch(&sql).map_err(|e| SinkError::duck("opening the past", &dir, e))?;
    }
    let answered =
        select_only(&connection, sql).and_then(|()| collect(&connection, sql, [], |e| SinkError::Query(e.to_string())));
    answered.map_err(|error| without_past(error, sql))
}

/// Says of a table without a past that it has none, instead of that it does not exist.
fn without_past(error: SinkError, sql: &str) -> SinkError {
    let SinkError::Query(words) = &error else { return error };
    let missing = words.split("Table with name ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let all = registry::views().into_iter().chain(registry::facts()).map(|t| t.name).chain(["gemba_epoch"]);
    match missing.and_then(|missing| all.into_iter().find(|name| *name == missing.trim_matches('"'))) {
        Some(name) if sql.contains(name) => {
            let past: Vec<_> = registry::HISTORY.iter().map(|(view, _)| view.table_name()).collect();
            SinkError::Request(format!(
                "the past of {name} is not kept; --as-of answers for {}, and without it the query is about now",
                past.join(", ")
            ))
        }
        _ => error,
    }
}
