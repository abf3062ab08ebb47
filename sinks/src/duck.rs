//! What the store and the lake need of DuckDB: one way to open it, text of SQL, batches in and out.
//!
//! Settings: one thread and a modest memory limit, because the dataflow owns the cores and vision the memory; no cache
//! of Parquet files, which are written and read once (it grew to the limit over months); no extension is ever loaded or
//! fetched; the session's time zone is UTC.

use crate::error::SinkError;
use arrow::array::RecordBatch;
use duckdb::{AccessMode, Config, Connection, Params};
use gemba_schemas::registry::{Table, sql_type};
use std::path::Path;

/// Buffer memory of one database.
const MEMORY: &str = "256MB";

/// How a database is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Created when it is not there.
    Write,
    /// Never written to.
    Read,
}

/// Opens the database file `path`, or one in memory, spilling to `temporary`.
pub(crate) fn open(path: Option<&Path>, mode: Mode, temporary: Option<&Path>) -> Result<Connection, duckdb::Error> {
    let mut config = Config::default()
        .enable_autoload_extension(false)?
        .threads(1)?
        .max_memory(MEMORY)?
        .with("preserve_insertion_order", "true")?
        .with("enable_external_file_cache", "false")?;
    if let Some(dir) = temporary {
        config = config.with("temp_directory", dir.to_string_lossy())?;
    }
    if mode == Mode::Read {
        config = config.access_mode(AccessMode::ReadOnly)?;
    }
    let connection = match path {
        Some(path) => Connection::open_with_flags(path, config),
        None => Connection::open_in_memory_with_flags(config),
    }?;
    // Known only once the built-in ICU is there; global, so that clones of the connection have it too.
    connection.execute_batch("SET GLOBAL TimeZone = 'UTC'")?;
    Ok(connection)
}

/// A quoted identifier.
pub(crate) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted text.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// An instant (µs since the epoch) as a constant, so that it prunes row groups.
pub(crate) fn instant(micros: i64) -> String {
    format!("make_timestamptz({micros})")
}

/// `CREATE TABLE` for a table of the registry.
pub(crate) fn create_table(prefix: &str, name: &str, table: &Table) -> String {
    let columns: Vec<_> =
        table.columns.iter().map(|c| format!("{} {}", ident(c.name), sql_type(&c.data_type))).collect();
    format!("CREATE {prefix} TABLE {} ({})", ident(name), columns.join(", "))
}

/// The order in which the rows of a table lie in a file: camera, bucket, then the rest of the key.
pub(crate) fn file_order(table: &Table) -> String {
    let mut order: Vec<&str> = Vec::new();
    let camera = table.columns.iter().map(|c| c.name).filter(|n| *n == "camera");
    for column in camera.chain([table.bucket]).chain(table.key.iter().copied()) {
        if !order.contains(&column) {
            order.push(column);
        }
    }
    order.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

/// Runs a query and hands over its result batch by batch, as DuckDB makes it.
pub(crate) fn stream(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut f: impl FnMut(RecordBatch) -> Result<(), SinkError>,
    fail: impl Fn(duckdb::Error) -> SinkError,
) -> Result<arrow::datatypes::SchemaRef, SinkError> {
    let mut statement = connection.prepare(sql).map_err(&fail)?;
    let schema = statement.stream_arrow(params).map_err(&fail)?.get_schema();
    // `step` and not the iterator, which panics where `step` returns an error.
    while let Some(array) = statement.step().map_err(&fail)? {
        f(RecordBatch::from(&array))?;
    }
    Ok(schema)
}

/// Runs a query and returns its whole result, at least one batch of the right schema.
pub(crate) fn collect(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    fail: impl Fn(duckdb::Error) -> SinkError,
) -> Result<Vec<RecordBatch>, SinkError> {
    let mut batches = Vec::new();
    let push = |batch| {
        batches.push(batch);
        Ok(())
    };
    let schema = stream(connection, sql, params, push, fail)?;
    if batches.is_empty() {
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

/// Runs a query and returns its whole result as one batch, of the right schema also when it has no rows.
pub(crate) fn fetch(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    fail: impl Fn(duckdb::Error) -> SinkError,
) -> Result<RecordBatch, SinkError> {
    let batches = collect(connection, sql, params, fail)?;
    let schema = batches[0].schema();
    arrow::compute::concat_batches(&schema, &batches).map_err(|e| SinkError::Request(format!("query result: {e}")))
}
