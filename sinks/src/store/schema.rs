//! The store's tables: one per view and per table of changes of the registry, `epochs`, `view_digests`, `store_version`.
//!
//! Everything in the store is derived, so a store of another shape is emptied, not converted: the caller finds
//! no last epoch and rebuilds it.

use crate::digest::ViewDigest;
use crate::duck::{create_table, ident};
use crate::error::SinkError;
use duckdb::Connection;
use gemba_schemas::registry::{self, Table, sql_type};
use gemba_schemas::view::ViewKind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rises when the meaning of the digests or of the system tables changes.
const VERSION: i64 = 1;

/// How many epochs are remembered; only the last one matters, the others help whoever investigates.
const EPOCHS_KEPT: i64 = 1000;

/// Brings the tables into the registry's shape.
pub(super) fn prepare(connection: &Connection, path: &Path) -> Result<(), SinkError> {
    let run = |sql: &str| {
        connection.execute_batch(sql).map_err(|e| SinkError::duck(format!("preparing {}", path.display()), path, e))
    };
    let found = shape(connection, path)?;
    if found != expected() {
        if !found.is_empty() {
            tracing::warn!(store = %path.display(), "tables of another shape: emptied, to be rebuilt");
        }
        let name = |t: &str| ident(t.split(' ').next().unwrap_or(t));
        let drop: String = found.keys().map(|t| format!("DROP TABLE {};", name(t))).collect();
        let views: String = tables().map(|t| create_table("", t.name, &t) + ";").collect();
        run(&format!(
            "BEGIN; {drop} {views} {SYSTEM} INSERT INTO store_version VALUES ({VERSION}); {} COMMIT;",
            reset_digests()
        ))?;
    }
    // Staging tables live in the connection's memory and never reach the file.
    let staging: String =
        registry::views().iter().map(|t| create_table("OR REPLACE TEMP", &staging_name(t.name), t) + ";").collect();
    run(&staging)?;
    // Old epochs cost a little space, and one who has none must still be able to open the file.
    let trimmed =
        run(&format!("DELETE FROM epochs WHERE tick <= (SELECT max(tick)::BIGINT - {EPOCHS_KEPT} FROM epochs)"));
    match trimmed {
        Err(SinkError::DiskFull { .. }) => Ok(()),
        other => other,
    }
}

const SYSTEM: &str = "CREATE TABLE store_version (version BIGINT);
    CREATE TABLE epochs (tick UBIGINT, journal_seq UBIGINT, rules VARCHAR, now TIMESTAMPTZ, digest VARCHAR);
    CREATE TABLE view_digests (view VARCHAR, rows UBIGINT, digest VARCHAR);";

/// The rows of `view_digests` for empty views.
fn reset_digests() -> String {
    let zero = ViewDigest::default().hex();
    let rows: Vec<_> = registry::views().iter().map(|t| format!("('{}', 0, '{zero}')", t.name)).collect();
    format!("INSERT INTO view_digests VALUES {};", rows.join(", "))
}

/// The staging table of a view.
pub(super) fn staging_name(view: &str) -> String {
    format!("staged_{view}")
}

type Shape = BTreeMap<String, Vec<(String, String)>>;

/// The tables of the registry that lie here.
fn tables() -> impl Iterator<Item = Table> {
    registry::views().into_iter().chain(registry::changes())
}

/// Whether the tables have the registry's shape.
pub(super) fn fits(connection: &Connection, path: &Path) -> Result<bool, SinkError> {
    Ok(shape(connection, path)? == expected())
}

fn expected() -> Shape {
    let mut shape: Shape = tables()
        .map(|t| (t.name.into(), t.columns.iter().map(|c| (c.name.into(), sql_type(&c.data_type))).collect()))
        .collect();
    let column = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    shape.insert(format!("store_version {VERSION}"), vec![column("version", "BIGINT")]);
    shape.insert(
        "epochs".into(),
        vec![
            column("tick", "UBIGINT"),
            column("journal_seq", "UBIGINT"),
            column("rules", "VARCHAR"),
            column("now", "TIMESTAMPTZ"),
            column("digest", "VARCHAR"),
        ],
    );
    shape.insert(
        "view_digests".into(),
        vec![column("view", "VARCHAR"), column("rows", "UBIGINT"), column("digest", "VARCHAR")],
    );
    shape
}

/// The tables as they are. The version table's name carries its version, so that one comparison tells all.
fn shape(connection: &Connection, path: &Path) -> Result<Shape, SinkError> {
    let fail = |e| SinkError::duck(format!("reading the tables of {}", path.display()), path, e);
    let mut shape = Shape::new();
    let mut statement = connection
        .prepare(
            "SELECT table_name, column_name, data_type FROM duckdb_columns()
             WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal
             ORDER BY table_name, column_index",
        )
        .map_err(fail)?;
    let mut rows = statement.query([]).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        let (table, name, kind): (String, String, String) =
            (row.get(0).map_err(fail)?, row.get(1).map_err(fail)?, row.get(2).map_err(fail)?);
        let kind = kind.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ");
        shape.entry(table).or_default().push((name, kind));
    }
    if let Some(columns) = shape.remove("store_version") {
        let version: i64 =
            connection.query_row("SELECT max(version) FROM store_version", [], |r| r.get(0)).unwrap_or_default();
        shape.insert(format!("store_version {version}"), columns);
    }
    Ok(shape)
}

/// The digests of all views as stored.
pub(super) fn digests(connection: &Connection, path: &Path) -> Result<BTreeMap<ViewKind, ViewDigest>, SinkError> {
    let fail = |e| SinkError::duck(format!("reading the digests of {}", path.display()), path, e);
    let mut statement = connection.prepare("SELECT view, rows, digest FROM view_digests").map_err(fail)?;
    let mut rows = statement.query([]).map_err(fail)?;
    let mut digests = BTreeMap::new();
    while let Some(row) = rows.next().map_err(fail)? {
        let (view, count, digest): (String, u64, String) =
            (row.get(0).map_err(fail)?, row.get(1).map_err(fail)?, row.get(2).map_err(fail)?);
        if let (Some(view), Some(digest)) = (ViewKind::by_name(&view), ViewDigest::from_hex(count, &digest)) {
            digests.insert(view, digest);
        }
    }
    let missing: BTreeSet<_> = ViewKind::ALL.iter().filter(|v| !digests.contains_key(v)).collect();
    if !missing.is_empty() {
        return Err(SinkError::Diverged(format!("no digest of {missing:?}")));
    }
    Ok(digests)
}
