//! Asking a lake, and comparing two.

use super::manifest::Manifest;
use super::{catalog, locate};
use crate::duck::{self, Mode, collect, fetch, ident};
use crate::error::SinkError;
use crate::store::select_only;
use arrow::array::RecordBatch;
use duckdb::Connection;
use gemba_schemas::registry::Table;
use gemba_schemas::view::ViewKind;
use std::path::Path;

/// Runs a query over the tables of the lake (or data directory) `lake`; nothing of the lake can be changed by
/// it. Returns at least one batch when the query has a result, so that its columns are known.
///
/// # Errors
/// [`SinkError::Query`] with DuckDB's words and position.
pub fn query(lake: &Path, sql: &str) -> Result<Vec<RecordBatch>, SinkError> {
    let connection = memory()?;
    attach(&connection, "main", lake)?;
    select_only(&connection, sql)?;
    collect(&connection, sql, [], |e| SinkError::Query(e.to_string()))
}

/// What differs between two lakes in one view. Rows carry every stored column; the rows of each batch are in
/// order of bucket and key.
#[derive(Clone, Debug)]
pub struct ViewDiff {
    /// The view.
    pub view: ViewKind,
    /// Rows whose key only A has.
    pub only_a: RecordBatch,
    /// Rows whose key only B has.
    pub only_b: RecordBatch,
    /// Rows whose key both have with other values, as A has them.
    pub changed_a: RecordBatch,
    /// The same rows as B has them, row by row beside `changed_a`.
    pub changed_b: RecordBatch,
}

impl ViewDiff {
    /// Whether the view is the same in both.
    pub fn is_empty(&self) -> bool {
        self.only_a.num_rows() + self.only_b.num_rows() + self.changed_a.num_rows() == 0
    }
}

/// How two lakes are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiffOptions {
    /// Whether a row that differs only in the digest of its rules has changed. An edit of the site changes
    /// that digest everywhere, so it is left out by default.
    pub rules: bool,
}

/// Compares the views of two lakes (or data directories), one entry per view, in order of declaration; the
/// digest of the rules does not count.
pub fn diff(a: &Path, b: &Path) -> Result<Vec<ViewDiff>, SinkError> {
    diff_with(a, b, DiffOptions::default())
}

/// [`diff`] with options.
pub fn diff_with(a: &Path, b: &Path, options: DiffOptions) -> Result<Vec<ViewDiff>, SinkError> {
    let connection = memory()?;
    attach(&connection, "a", a)?;
    attach(&connection, "b", b)?;
    let run = |sql: &str| fetch(&connection, sql, [], |e| SinkError::duck("comparing two lakes", a, e));
    let compare = |&view: &ViewKind| {
        let sql = Comparison::of(&view.table(), options);
        Ok(ViewDiff {
            view,
            only_a: run(&sql.only("a", "b"))?,
            only_b: run(&sql.only("b", "a"))?,
            changed_a: run(&sql.changed("a"))?,
            changed_b: run(&sql.changed("b"))?,
        })
    };
    ViewKind::ALL.iter().map(compare).collect()
}

/// The SQL that compares one view of the schemas `a` and `b`.
struct Comparison {
    name: String,
    columns: Vec<String>,
    keys: String,
    order: Vec<String>,
    differs: String,
}

impl Comparison {
    fn of(table: &Table, options: DiffOptions) -> Self {
        let compared = |name: &str| !table.key.contains(&name) && (options.rules || name != "rules");
        let differs: Vec<_> = (table.columns.iter().filter(|c| compared(c.name)))
            .map(|c| format!("a.{0} IS DISTINCT FROM b.{0}", ident(c.name)))
            .collect();
        Self {
            name: ident(table.name),
            columns: table.columns.iter().map(|c| ident(c.name)).collect(),
            keys: table.key.iter().map(|k| ident(k)).collect::<Vec<_>>().join(", "),
            order: std::iter::once(&table.bucket).chain(table.key).map(|c| ident(c)).collect(),
            differs: if differs.is_empty() { "false".into() } else { differs.join(" OR ") },
        }
    }

    fn of_side(columns: &[String], side: &str) -> String {
        columns.iter().map(|c| format!("{side}.{c}")).collect::<Vec<_>>().join(", ")
    }

    fn only(&self, side: &str, other: &str) -> String {
        format!(
            "SELECT {} FROM {side}.{name} AS {side} ANTI JOIN {other}.{name} AS {other} USING ({}) ORDER BY {}",
            Self::of_side(&self.columns, side),
            self.keys,
            Self::of_side(&self.order, side),
            name = self.name
        )
    }

    fn changed(&self, side: &str) -> String {
        format!(
            "SELECT {} FROM a.{name} AS a JOIN b.{name} AS b USING ({}) WHERE {} ORDER BY {}",
            Self::of_side(&self.columns, side),
            self.keys,
            self.differs,
            // By A's values for both sides, so that the rows stand beside each other.
            Self::of_side(&self.order, "a"),
            name = self.name
        )
    }
}

pub(super) fn memory() -> Result<Connection, SinkError> {
    let spill = std::env::temp_dir().join("gemba-spill");
    duck::open(None, Mode::Write, Some(&spill)).map_err(|e| SinkError::duck("opening a database in memory", &spill, e))
}

fn attach(connection: &Connection, schema: &str, dir: &Path) -> Result<(), SinkError> {
    let dir = locate(dir);
    let manifest = Manifest::read(&dir)?
        .ok_or_else(|| SinkError::Request(format!("{} is no lake: it has no manifest.json", dir.display())))?;
    catalog::attach(connection, schema, &dir, &manifest)
}
