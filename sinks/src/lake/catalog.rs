//! The lake as SQL views: `lake/catalog.duckdb`, and the same views in memory for our own queries.
//!
//! A catalog names exactly the files of one manifest, so whoever opens it sees one whole epoch. DuckDB finds
//! relative paths from the directory of the process that reads, not of the catalog; the paths are therefore
//! absolute, and the catalog is made again at every start and publication. In a lake that was moved and not
//! yet opened by Gemba the file points to the old place; `gemba sql` does not use it and works everywhere.

use super::manifest::{Manifest, Part};
use crate::duck::{self, Mode, ident, text};
use crate::error::{At, SinkError};
use crate::files;
use crate::store::columns;
use duckdb::Connection;
use gemba_schemas::registry::{self, Table, sql_type};
use std::fmt::Write as _;
use std::path::Path;

/// The catalog's file name within the lake.
pub(super) const CATALOG: &str = "catalog.duckdb";

/// Replaces the catalog of the lake in `dir`.
pub(super) fn write(dir: &Path, manifest: &Manifest) -> Result<(), SinkError> {
    let path = dir.join(CATALOG);
    let temporary = files::temporary(&path);
    let mut wal = temporary.as_os_str().to_owned();
    wal.push(".wal");
    for left in [temporary.as_path(), Path::new(&wal)] {
        if left.exists() {
            std::fs::remove_file(left).at(left)?;
        }
    }
    let fail = |e| SinkError::duck(format!("writing {}", path.display()), &path, e);
    let connection = duck::open(Some(&temporary), Mode::Write, None).map_err(fail)?;
    connection.execute_batch(&format!("BEGIN; {} COMMIT; CHECKPOINT;", sql("main", dir, manifest)?)).map_err(fail)?;
    connection.close().map_err(|(_, e)| fail(e))?;
    files::seal(&temporary)?;
    files::publish(&temporary, &path)
}

/// Makes the views of a lake in `schema` of an open database.
pub(super) fn attach(connection: &Connection, schema: &str, dir: &Path, manifest: &Manifest) -> Result<(), SinkError> {
    let sql = format!("CREATE SCHEMA IF NOT EXISTS {}; {}", ident(schema), sql(schema, dir, manifest)?);
    connection.execute_batch(&sql).map_err(|e| SinkError::duck(format!("opening the lake {}", dir.display()), dir, e))
}

fn sql(schema: &str, dir: &Path, manifest: &Manifest) -> Result<String, SinkError> {
    let root = std::path::absolute(dir).at(dir)?;
    let schema = ident(schema);
    let mut sql = String::new();
    for (part, tables) in [(Part::Facts, registry::facts()), (Part::Views, registry::views())] {
        for table in tables {
            let paths: Vec<_> =
                manifest.of(part, table.name).map(|f| text(&root.join(&f.path).to_string_lossy())).collect();
            let name = format!("{schema}.{}", ident(table.name));
            let _ = write!(sql, "CREATE VIEW {name} AS SELECT {} FROM {};", columns(&table), source(&table, &paths));
            let _ = write!(sql, "COMMENT ON VIEW {name} IS {};", text(&table.doc));
            let edge = table.edge_columns();
            let stored = table.columns.iter().map(|c| (c.name, &c.doc));
            for (column, doc) in stored.chain(edge.iter().map(|c| (c.name.as_str(), &c.doc))) {
                let _ = write!(sql, "COMMENT ON COLUMN {name}.{} IS {};", ident(column), text(doc));
            }
        }
    }
    let _ = write!(
        sql,
        "CREATE TABLE {schema}.gemba_epoch
            (tick UBIGINT, journal_seq UBIGINT, rules VARCHAR, now TIMESTAMPTZ, digest VARCHAR);
         COMMENT ON TABLE {schema}.gemba_epoch IS 'The epoch that these tables are of: one row, or none before the first.';"
    );
    if let Some(e) = &manifest.epoch {
        let _ = write!(
            sql,
            "INSERT INTO {schema}.gemba_epoch VALUES ({}, {}, {}, {}, {});",
            e.tick,
            e.journal_seq,
            text(&e.rules),
            duck::instant(e.now.0),
            text(&e.digest)
        );
    }
    Ok(sql)
}

/// Where a table's rows come from: its files, or nothing of the right types.
fn source(table: &Table, paths: &[String]) -> String {
    if paths.is_empty() {
        let nulls: Vec<_> = table
            .columns
            .iter()
            .map(|c| format!("CAST(NULL AS {}) AS {}", sql_type(&c.data_type), ident(c.name)))
            .collect();
        return format!("(SELECT {} WHERE false)", nulls.join(", "));
    }
    read(paths)
}

/// The table function over files (quoted paths) of one table.
pub(super) fn read(paths: &[String]) -> String {
    format!("read_parquet([{}], hive_partitioning = false)", paths.join(", "))
}
