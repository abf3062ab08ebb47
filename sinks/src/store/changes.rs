//! What became of views whose past is kept: the changes of each epoch, in the epoch's own transaction, waiting for
//! the lake to take them over (see `lake::changes`).

#![expect(clippy::disallowed_methods, reason = "says when a change was committed; no row of a view depends on it")]

use super::Store;
use crate::duck::{ident, instant};
use crate::error::SinkError;
use crate::lake::FinalRows;
use arrow::array::{ArrayRef, Int32Array, RecordBatch, TimestampMicrosecondArray, UInt64Array};
use duckdb::Connection;
use gemba_schemas::registry;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{ViewKind, ViewRow};
use std::sync::Arc;
use std::time::SystemTime;

/// The changes that the lake holds, as the store must know of them.
#[derive(Clone, Debug, Default)]
pub struct Base {
    /// Those through this tick are there.
    pub(crate) through: u64,
    /// When the last of them was committed.
    pub(crate) until: EventTime,
    /// Some were there and are lost.
    pub(crate) lost: bool,
    /// By view the SELECT of what they add up to.
    pub(crate) views: Vec<(ViewKind, String)>,
}

/// One committing of changes.
#[derive(Clone, Copy)]
pub(super) struct Commit {
    pub(super) tick: u64,
    pub(super) at: EventTime,
}

impl Store {
    /// Tells the store what the lake holds; to be called once, after opening, before the first epoch.
    ///
    /// # Errors
    /// DuckDB's.
    pub fn follow(&mut self, base: Base) -> Result<(), SinkError> {
        if base.lost {
            // The changes no longer add up to the views: begun anew, the store makes up the difference.
            self.connection()?
                .execute_batch("DELETE FROM epochs")
                .map_err(|e| SinkError::duck("forgetting the epochs", &self.path, e))?;
            self.last = None;
        }
        self.forget_changes(base.through)?;
        self.clock = self.clock.max(base.until);
        self.base = base;
        Ok(())
    }

    /// Forgets the changes through `tick`: the lake has them, durably.
    ///
    /// # Errors
    /// DuckDB's. They stay then, and are forgotten the next time.
    pub fn forget_changes(&self, tick: u64) -> Result<(), SinkError> {
        let sql: String =
            registry::HISTORY.iter().map(|(_, t)| format!("DELETE FROM {} WHERE tick <= {tick};", ident(t))).collect();
        let fail = |e| SinkError::duck("forgetting changes that are in the lake", &self.path, e);
        self.connection()?.execute_batch(&format!("BEGIN; {sql} COMMIT;")).map_err(fail)
    }

    /// Now by the clock, but never before what was committed before: the past is told in this order.
    pub(super) fn committing(&self, tick: u64) -> Commit {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_micros() as i64);
        Commit { tick, at: self.clock.max(EventTime(now)) }
    }

    /// Whether the changes in the lake and those waiting here add up to the views here.
    pub(super) fn adds_up(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.tick >= self.base.through)
    }
}

/// When the last of the waiting changes was committed.
pub(super) fn last_committed(connection: &Connection) -> Result<EventTime, duckdb::Error> {
    let parts: Vec<_> = registry::HISTORY
        .iter()
        .map(|(_, t)| format!("SELECT coalesce(max(epoch_us(committed_at)), 0) AS last FROM {}", ident(t)))
        .collect();
    let sql = format!("SELECT max(last) FROM ({})", parts.join(" UNION ALL "));
    connection.query_row(&sql, [], |r| r.get(0)).map(EventTime)
}

/// Appends the changes of one view, if its past is kept.
pub(super) fn append(
    connection: &Connection,
    view: ViewKind,
    commit: Commit,
    (old, new): (&[&ViewRow], &[&ViewRow]),
) -> Result<(), duckdb::Error> {
    let Some(table) = registry::changes_of(view) else { return Ok(()) };
    let mut appender = connection.appender(table.name)?;
    for (rows, diff) in [(old, -1), (new, 1)] {
        for chunk in rows.chunks(super::commit::CHUNK) {
            let batch = view.encode(chunk.iter().copied());
            let count = batch.num_rows();
            let at = TimestampMicrosecondArray::from_value(commit.at.0, count).with_timezone("UTC");
            let mut columns: Vec<ArrayRef> = vec![
                Arc::new(UInt64Array::from_value(commit.tick, count)),
                Arc::new(at),
                Arc::new(Int32Array::from_value(diff, count)),
            ];
            columns.extend(batch.columns().iter().cloned());
            // Columns and schema come from one declaration.
            let batch = RecordBatch::try_new(table.schema.clone(), columns)
                .map_err(|e| duckdb::Error::ToSqlConversionFailure(Box::new(e)))?;
            appender.append_record_batch(batch)?;
        }
    }
    appender.flush()
}

/// Before all views are replaced: keeps what their changes add up to so far, in temporary tables.
pub(super) fn remember(connection: &Connection, store: &Store, stay: &FinalRows) -> Result<(), duckdb::Error> {
    for (view, changes) in registry::HISTORY {
        let (name, old) = (ident(view.table_name()), ident(&format!("old_{}", view.table_name())));
        let columns = columns(*view);
        let base = store.base.views.iter().find(|(v, _)| v == view).map(|(_, sql)| sql.as_str());
        let from = match base {
            _ if store.adds_up() => format!("SELECT {columns} FROM main.{name} {}", replaced(*view, store, stay)),
            Some(sql) => sql.to_owned(),
            None => format!("SELECT {columns} FROM main.{name} WHERE false"),
        };
        connection.execute_batch(&format!("CREATE OR REPLACE TEMP TABLE {old} AS {from}"))?;
        if !store.adds_up() {
            connection.execute_batch(&format!("DELETE FROM {}", ident(changes)))?;
        }
    }
    Ok(())
}

/// After all views are replaced: what has changed since [`remember`].
pub(super) fn difference(
    connection: &Connection,
    commit: Commit,
    store: &Store,
    stay: &FinalRows,
) -> Result<(), duckdb::Error> {
    for (view, changes) in registry::HISTORY {
        let (name, old) = (ident(view.table_name()), ident(&format!("old_{}", view.table_name())));
        let (columns, changes) = (columns(*view), ident(changes));
        let new = format!("SELECT {columns} FROM main.{name} {}", replaced(*view, store, stay));
        let head = |diff| format!("SELECT {}, make_timestamptz({}), {diff}, {columns}", commit.tick, commit.at.0);
        connection.execute_batch(&format!(
            "INSERT INTO {changes} {} FROM (SELECT {columns} FROM temp.{old} EXCEPT ALL {new});
             INSERT INTO {changes} {} FROM ({new} EXCEPT ALL SELECT {columns} FROM temp.{old});
             DROP TABLE temp.{old};",
            head(-1),
            head(1)
        ))?;
    }
    Ok(())
}

/// Which rows may differ: not those that stay, where what is remembered is what was here.
fn replaced(view: ViewKind, store: &Store, stay: &FinalRows) -> String {
    let before = stay.kept.before(view).filter(|_| store.adds_up());
    before.map_or_else(String::new, |before| format!("WHERE {} >= {}", ident(view.table().bucket), instant(before.0)))
}

fn columns(view: ViewKind) -> String {
    view.table().columns.iter().map(|c| ident(c.name)).collect::<Vec<_>>().join(", ")
}
