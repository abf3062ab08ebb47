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
        let nulls: Vec<_> = table
            .columns
            .iter()
            .map(|c| format!("CAST(NULL AS {}) AS {}", sql_type(&c.data_type), ident(c.name)))
            .collect();
        return format!("(SELECT {} WHERE false)", nulls.join(", "));
    }
    super::ids::filled(table.name, read(paths))
}

/// The table function over files (quoted paths) of one table.
pub(super) fn read(paths: &[String]) -> String {
    format!("read_parquet([{}], hive_partitioning = false)", paths.join(", "))
}
