//! The lake as SQL views: `lake/catalog.duckdb`, and the same views in memory for our own queries.
//!
//! A catalog names exactly the files of one manifest, so whoever opens it sees one whole epoch. DuckDB finds
//! relative paths from the directory of the process that reads, not of the catalog; the paths are therefore
//! absolute, and the catalog is made again at every start and publication (there is none before the first). In a
//! lake that was moved and not yet opened by Gemba the file points to the old place; `gemba sql` does not use it and
//! works everywhere.

use super::manifest::{Manifest, Part};
use crate::duck::{self, Mode, ident, text};
use crate::error::{At, SinkError};
use crate::files;
use crate::store::columns;
use duckdb::Connection;
use gemba_schemas::registry::{Table, sql_type};
use gemba_schemas::row::ColumnInfo;
use std::collections::BTreeSet;
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
    let sql = sql("main", dir, manifest)?.into_iter().map(|(_, sql)| sql).collect::<String>();
    // Hundreds of comments, each a statement that there is nothing to optimise in: half of what they cost.
    connection.execute_batch(&format!("PRAGMA disable_optimizer; BEGIN; {sql} COMMIT; CHECKPOINT;")).map_err(fail)?;
    connection.close().map_err(|(_, e)| fail(e))?;
    files::seal(&temporary)?;
    files::publish(&temporary, &path)
}

/// Makes the views of a lake in `schema` of an open database. A table whose files cannot be read is left out, and
/// said; the others can be asked.
pub(super) fn attach(connection: &Connection, schema: &str, dir: &Path, manifest: &Manifest) -> Result<(), SinkError> {
    let fail = |e| SinkError::duck(format!("opening the lake {}", dir.display()), dir, e);
    connection.execute_batch(&format!("CREATE SCHEMA IF NOT EXISTS {}", ident(schema))).map_err(fail)?;
    for (table, sql) in sql(schema, dir, manifest)? {
        if let Err(error) = connection.execute_batch(&sql) {
            tracing::error!(%error, "the table {table} cannot be read; `gemba verify` says what is wrong");
        }
    }
    Ok(())
}

/// How a catalog stands to its manifest.
pub(super) enum Catalog {
    /// It reads the files that the manifest lists.
    Current,
    /// It reads those that an earlier manifest listed, and they are still there.
    Earlier,
    /// It is something else.
    Wrong(String),
}

/// Compares the catalog of the lake in `dir` with its manifest.
pub(super) fn compare(dir: &Path, manifest: &Manifest) -> Result<Catalog, SinkError> {
    let path = dir.join(CATALOG);
    match path.is_file() {
        false if manifest.is_empty() => return Ok(Catalog::Current),
        false => return Ok(Catalog::Wrong("there is none".into())),
        true => {}
    }
    let found = match duck::open(Some(&path), Mode::Read, None).and_then(|found| said(&found)) {
        Ok(found) => found,
        Err(e) => return Ok(Catalog::Wrong(format!("it does not open: {e}"))),
    };
    let root = std::path::absolute(dir).at(dir)?;
    let full = |path: &String| root.join(path).to_string_lossy().into_owned();
    let superseded: BTreeSet<_> = manifest.superseded.iter().map(|s| full(&s.path)).collect();
    let read: BTreeSet<_> = found.views.iter().flat_map(|(_, sql)| paths(sql)).collect();
    let known = |path: &String| superseded.contains(path) || manifest.files.iter().any(|f| full(&f.path) == *path);
    let behind = found.epoch.as_ref().map(|e| e.0) < manifest.epoch.as_ref().map(|e| e.tick);
    if (behind || !read.is_disjoint(&superseded)) && read.iter().all(known) {
        return Ok(Catalog::Earlier);
    }
    for part in Part::ALL {
        for table in part.tables() {
            let listed = manifest.of(part, table.name).map(|f| full(&f.path));
            let read = found.views.iter().find(|(name, _)| name == table.name).map(|(_, sql)| paths(sql));
            if read != Some(listed.collect()) {
                let what = format!("`{}` does not read the files that the manifest lists", table.name);
                return Ok(Catalog::Wrong(what));
            }
        }
    }
    let listed = manifest.epoch.as_ref().map(|e| (e.tick, e.digest.clone()));
    Ok(match found.epoch == listed {
        true => Catalog::Current,
        false => Catalog::Wrong("it is of another epoch than the manifest".into()),
    })
}

/// What a catalog says: every view with its SQL, and the epoch's tick and digest.
struct Said {
    views: Vec<(String, String)>,
    epoch: Option<(u64, String)>,
}

fn said(connection: &Connection) -> Result<Said, duckdb::Error> {
    let mut statement = connection.prepare("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal")?;
    let views = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare("SELECT tick, digest FROM gemba_epoch")?;
    let epochs: Vec<_> = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(Said { views, epoch: epochs.into_iter().next() })
}

/// The Parquet files that a view's SQL names: DuckDB writes its SQL anew, but texts stay texts.
fn paths(sql: &str) -> BTreeSet<String> {
    let (mut found, mut text, mut rest) = (BTreeSet::new(), None::<String>, sql.chars().peekable());
    while let Some(c) = rest.next() {
        match &mut text {
            None if c == '\'' => text = Some(String::new()),
            None => {}
            // A quote within a text is written twice.
            Some(open) if c != '\'' || rest.next_if_eq(&'\'').is_some() => open.push(c),
            Some(_) => found.extend(text.take().filter(|t| t.ends_with(".parquet"))),
        }
    }
    found
}

/// The SQL that makes each table.
fn sql(schema: &str, dir: &Path, manifest: &Manifest) -> Result<Vec<(String, String)>, SinkError> {
    let root = std::path::absolute(dir).at(dir)?;
    let schema = ident(schema);
    let mut all = Vec::new();
    for part in Part::ALL {
        for table in part.tables() {
            let mut sql = String::new();
            let name = format!("{schema}.{}", ident(table.name));
            let from = files(&table, part, &root, manifest);
            let _ = write!(sql, "CREATE VIEW {name} AS SELECT {} FROM {from};", columns(&table));
            let _ = write!(sql, "COMMENT ON VIEW {name} IS {};", text(&table.doc));
            let edge = table.edge_columns();
            let stored = table.columns.iter().map(|c| (c.name, &c.doc));
            for (column, doc) in stored.chain(edge.iter().map(|c| (c.name.as_str(), &c.doc))) {
                let _ = write!(sql, "COMMENT ON COLUMN {name}.{} IS {};", ident(column), text(doc));
            }
            all.push((table.name.to_owned(), sql));
        }
    }
    let mut sql = format!(
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
    all.push(("gemba_epoch".into(), sql));
    Ok(all)
}

/// What a table is read from: exactly the files that the manifest lists.
pub(super) fn files(table: &Table, part: Part, root: &Path, manifest: &Manifest) -> String {
    let paths: Vec<_> = manifest.of(part, table.name).map(|f| text(&root.join(&f.path).to_string_lossy())).collect();
    source(table, &paths)
}

/// Where a table's rows come from: its files, or nothing of the right types.
fn source(table: &Table, paths: &[String]) -> String {
    if paths.is_empty() {
        return nothing(table);
    }
    super::ids::filled(table.name, read(table, paths))
}

/// No rows, of the right types.
fn nothing(table: &Table) -> String {
    let null = |column: &ColumnInfo| format!("CAST(NULL AS {}) AS {}", sql_type(&column.data_type), ident(column.name));
    let nulls: Vec<_> = table.columns.iter().map(null).collect();
    format!("(SELECT {} WHERE false)", nulls.join(", "))
}

/// Columns that a view and its changes have had only since some version, and what they come to in rows of before: files
/// keep the shape in which they were written.
const SINCE: [(&str, &str, &str); 2] =
    [("gate_events", "agreeing", "reads"), ("gate_events_changes", "agreeing", "reads")];

/// The rows of files (quoted paths) of one table.
pub(super) fn read(table: &Table, paths: &[String]) -> String {
    let files = |more: &str| format!("read_parquet([{}], hive_partitioning = false{more})", paths.join(", "));
    let since = SINCE.iter().filter(|(name, ..)| *name == table.name);
    let since: Vec<_> = since.map(|(_, column, before)| format!("coalesce({column}, {before}) AS {column}")).collect();
    if since.is_empty() {
        return files("");
    }
    let (nothing, all) = (nothing(table), files(", union_by_name = true"));
    format!("(SELECT * REPLACE ({}) FROM (FROM {nothing} UNION ALL BY NAME FROM {all}))", since.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gemba_schemas::view::{ViewKind, ViewRow};

    #[test]
    fn files_from_before_a_column_are_read_with_those_since() {
        let table = ViewKind::GateEvent.table();
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open_in_memory().unwrap();
        let file = |name: &str, select: &str| {
            let path = text(&dir.path().join(name).to_string_lossy());
            let row = table.columns.iter().map(|c| {
                let value = match c.name {
                    "reads" => "3",
                    "agreeing" => "2",
                    "plate" => "'A1'",
                    _ if sql_type(&c.data_type) == "VARCHAR" => "'blocked'",
                    _ if sql_type(&c.data_type).starts_with("TIMESTAMP") => "'2026-01-15T10:15:00Z'",
                    _ => "1",
                };
                format!("CAST({value} AS {}) AS {}", sql_type(&c.data_type), ident(c.name))
            });
            let row = row.collect::<Vec<_>>().join(", ");
            connection.execute_batch(&format!("COPY (SELECT {select} FROM (SELECT {row})) TO {path}")).unwrap();
            path
        };
        let paths = [file("old.parquet", "* EXCLUDE agreeing"), file("new.parquet", "*")];
        for (paths, agreeing) in [(&paths[..], vec![2, 3]), (&paths[..1], vec![3]), (&paths[1..], vec![2])] {
            let sql = format!("SELECT * FROM {} ORDER BY agreeing", read(&table, paths));
            let mut statement = connection.prepare(&sql).unwrap();
            let rows: Vec<ViewRow> = statement
                .query_arrow([])
                .unwrap()
                .flat_map(|batch| ViewKind::GateEvent.decode(&batch).unwrap())
                .collect();
            let found: Vec<_> = rows
                .iter()
                .map(|row| match row {
                    ViewRow::GateEvent(event) => event.agreeing,
                    _ => 0,
                })
                .collect();
            assert_eq!(found, agreeing);
        }
    }
}
