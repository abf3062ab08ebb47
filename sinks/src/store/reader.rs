//! Reading the store from other threads: pages of a view, and queries. Every answer is of one whole epoch.

use super::open::last_epoch;
use super::{EpochRow, Slot};
use crate::duck::{collect, fetch, ident, instant, stream, text};
use crate::error::SinkError;
use crate::live::RowRange;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use duckdb::Connection;
use gemba_schemas::registry::Table;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{ViewKind, ViewRow};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Which rows of a view are asked for.
#[derive(Clone, Debug, Default)]
pub struct RowQuery {
    /// Only rows whose bucket is at or after this.
    pub from: Option<EventTime>,
    /// Only rows whose bucket is before this.
    pub to: Option<EventTime>,
    /// Only rows of this camera.
    pub camera: Option<String>,
    /// At most so many rows (at least one).
    pub limit: usize,
    /// Where the page before ended: its [`Page::next`].
    pub cursor: Option<String>,
}

/// Some rows of a view, in order of bucket and key, with the computed columns.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows.
    pub batch: RecordBatch,
    /// The cursor of the next page; `None` when this is the last one.
    pub next: Option<String>,
}

/// A connection for reading. Clones share it and take turns.
#[derive(Clone, Debug)]
pub struct StoreReader {
    slot: Arc<Slot>,
    path: PathBuf,
    /// A transaction is open.
    inside: bool,
}

/// A value in a cursor.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    Int(i64),
    Text(String),
}

impl StoreReader {
    pub(super) fn new(slot: Arc<Mutex<Option<Connection>>>, path: PathBuf) -> Self {
        Self { slot, path, inside: false }
    }

    /// The number of rows of a view.
    pub fn count(&self, view: ViewKind) -> Result<u64, SinkError> {
        let sql = format!("SELECT count(*) FROM {}", view.table_name());
        let fail = |e: duckdb::Error| SinkError::Query(e.to_string());
        self.with(|c| c.query_row(&sql, [], |row| row.get(0)).map_err(fail))
    }

    /// The last committed epoch.
    pub fn epoch(&self) -> Result<Option<EpochRow>, SinkError> {
        self.with(|c| last_epoch(c, &self.path))
    }

    /// One page of a view.
    ///
    /// # Errors
    /// [`SinkError::Request`] for a cursor that this view did not give, or a camera filter on a view without.
    pub fn rows(&self, view: ViewKind, query: &RowQuery) -> Result<Page, SinkError> {
        let table = view.table();
        let order = order(&table);
        let limit = query.limit.max(1);
        let mut filters = Vec::new();
        filters.extend(query.from.map(|t| format!("{} >= {}", ident(table.bucket), instant(t.0))));
        filters.extend(query.to.map(|t| format!("{} < {}", ident(table.bucket), instant(t.0))));
        if let Some(camera) = &query.camera {
            if !table.columns.iter().any(|c| c.name == "camera") {
                return Err(SinkError::Request(format!("{} has no column camera", table.name)));
            }
            filters.push(format!("camera = {}", text(camera)));
        }
        if let Some(cursor) = &query.cursor {
            filters.push(after(&table, &order, cursor)?);
        }
        let filter = if filters.is_empty() { String::new() } else { format!("WHERE {}", filters.join(" AND ")) };
        let sql = format!(
            "SELECT {} FROM {} {filter} ORDER BY {} LIMIT {}",
            columns(&table),
            ident(table.name),
            order.iter().map(|c| ident(c)).collect::<Vec<_>>().join(", "),
            limit.saturating_add(1)
        );
        let fail = |e| SinkError::duck(format!("reading {}", table.name), &self.path, e);
        let batch = self.with(|c| fetch(c, &sql, [], fail))?;
        if batch.num_rows() <= limit {
            return Ok(Page { batch, next: None });
        }
        let batch = batch.slice(0, limit);
        let next = Some(cursor_at(&batch, &order, limit - 1)?);
        Ok(Page { batch, next })
    }

    /// Hands every row of a range to `f`, in order of bucket and key.
    pub fn each(&self, range: &RowRange, f: &mut dyn FnMut(&ViewRow)) -> Result<(), SinkError> {
        let table = range.view.table();
        let sql = format!(
            "SELECT * FROM {0} WHERE {1} >= {2} AND {1} < {3} ORDER BY {4}",
            ident(table.name),
            ident(table.bucket),
            instant(range.from.0),
            instant(range.to.0),
            order(&table).iter().map(|c| ident(c)).collect::<Vec<_>>().join(", "),
        );
        let each = |batch| {
            let rows = range.view.decode(&batch).map_err(|source| SinkError::Column { table: table.name, source })?;
            rows.iter().for_each(&mut *f);
            Ok(())
        };
        let fail = |e| SinkError::duck(format!("reading {}", table.name), &self.path, e);
        self.with(|c| stream(c, &sql, [], each, fail).map(drop))
    }

    /// The result of a SELECT over the store's tables.
    ///
    /// # Errors
    /// [`SinkError::Request`] for anything but one SELECT, [`SinkError::Query`] in DuckDB's words.
    pub fn sql(&self, sql: &str) -> Result<Vec<RecordBatch>, SinkError> {
        let fail = |e: duckdb::Error| SinkError::Query(e.to_string());
        self.consistently(|inside| {
            inside.with(|c| {
                select_only(c, sql)?;
                collect(c, sql, [], fail)
            })
        })
    }

    /// Several reads of one whole epoch: what `read` does with the reader it is given sees no later commit.
    /// Clones of this reader must not be used meanwhile.
    pub fn consistently<T>(&self, read: impl FnOnce(&Self) -> Result<T, SinkError>) -> Result<T, SinkError> {
        if self.inside {
            return read(self);
        }
        let fail = |e: duckdb::Error| SinkError::Query(e.to_string());
        self.with(|c| c.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(fail))?;
        let result = read(&Self { inside: true, ..self.clone() });
        let ended = self.with(|c| c.execute_batch("ROLLBACK").map_err(fail));
        result.and_then(|value| ended.map(|()| value))
    }

    fn with<T>(&self, f: impl FnOnce(&Connection) -> Result<T, SinkError>) -> Result<T, SinkError> {
        let slot = self.slot.lock().unwrap_or_else(|e| e.into_inner());
        let connection = slot.as_ref().ok_or_else(|| SinkError::Poisoned {
            path: self.path.clone(),
            detail: "the store did not open again after an error".into(),
        })?;
        f(connection)
    }
}

/// Every stored column, then the computed ones.
pub(crate) fn columns(table: &Table) -> String {
    let stored = table.columns.iter().map(|c| ident(c.name));
    let computed = table.edge_columns().into_iter().map(|c| format!("{} AS {}", c.sql, ident(&c.name)));
    stored.chain(computed).collect::<Vec<_>>().join(", ")
}

/// The order of pages: bucket, then the key. Unique, because the key is.
fn order(table: &Table) -> Vec<&'static str> {
    std::iter::once(table.bucket).chain(table.key.iter().copied().filter(|k| *k != table.bucket)).collect()
}

/// The cursor that stands at a row: its values of the order columns as JSON, in hex so that it needs no
/// escaping in a URL.
fn cursor_at(batch: &RecordBatch, order: &[&'static str], row: usize) -> Result<String, SinkError> {
    let wrong = |c: &str| SinkError::Request(format!("column {c} cannot be paged by"));
    let mut places = Vec::new();
    for name in order {
        let array = batch.column_by_name(name).ok_or_else(|| wrong(name))?;
        places.push(if matches!(array.data_type(), DataType::Utf8) {
            Place::Text(array.as_string::<i32>().value(row).to_owned())
        } else {
            let ints = cast(array, &DataType::Int64).map_err(|_| wrong(name))?;
            Place::Int(ints.as_primitive::<Int64Type>().value(row))
        });
    }
    let json = serde_json::to_vec(&places).map_err(|e| SinkError::Request(format!("cursor: {e}")))?;
    Ok(json.iter().map(|b| format!("{b:02x}")).collect())
}

/// The condition that a row lies behind a cursor.
fn after(table: &Table, order: &[&'static str], cursor: &str) -> Result<String, SinkError> {
    let wrong = || SinkError::Request(format!("this cursor is not one of {}", table.name));
    let bytes: Option<Vec<u8>> = (0..cursor.len())
        .step_by(2)
        .map(|i| cursor.get(i..i + 2).and_then(|h| u8::from_str_radix(h, 16).ok()))
        .collect();
    let places: Vec<Place> = serde_json::from_slice(&bytes.ok_or_else(wrong)?).map_err(|_| wrong())?;
    if places.len() != order.len() {
        return Err(wrong());
    }
    let mut equal = String::new();
    let mut ways = Vec::new();
    for (name, place) in order.iter().zip(&places) {
        let column = table.columns.iter().find(|c| c.name == *name).ok_or_else(wrong)?;
        let value = match (place, &column.data_type) {
            (Place::Int(v), DataType::Timestamp(..)) => instant(*v),
            (Place::Text(v), DataType::Utf8) => text(v),
            (Place::Int(v), t) if *t != DataType::Utf8 => v.to_string(),
            _ => return Err(wrong()),
        };
        let name = ident(name);
        ways.push(format!("({equal}{name} > {value})"));
        equal += &format!("{name} = {value} AND ");
    }
    // Said once more for the leading column alone: only that form prunes row groups.
    let lead = match places.first() {
        Some(Place::Int(v)) => format!("{} >= {} AND ", ident(table.bucket), instant(*v)),
        _ => String::new(),
    };
    Ok(format!("{lead}({})", ways.join(" OR ")))
}

/// Refuses anything but a single SELECT: DuckDB can only turn those into JSON. What it cannot parse passes,
/// to fail with its own words and position when it is run.
pub(crate) fn select_only(connection: &Connection, sql: &str) -> Result<(), SinkError> {
    let fail = |e: duckdb::Error| SinkError::Query(e.to_string());
    let json: String =
        connection.query_row("SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", [sql], |r| r.get(0)).map_err(fail)?;
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
    let single = parsed["statements"].as_array().is_some_and(|s| s.len() == 1);
    if parsed["error"] == false && single || parsed["error_type"] == "parser" {
        return Ok(());
    }
    Err(SinkError::Request("only a single SELECT is answered here".into()))
}
