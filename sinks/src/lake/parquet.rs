//! Writing one Parquet file of the lake: written by DuckDB under a temporary name, measured, synced, named.

use super::catalog::read;
use super::manifest::{LakeFile, Part};
use crate::crash::crash_point;
use crate::duck::{ident, instant, text};
use crate::error::{At, SinkError};
use crate::files::{self, create_dir};
use duckdb::Connection;
use gemba_schemas::registry::Table;
use gemba_schemas::time::EventTime;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Version 2 has the encodings that make a row small: differences bit-packed for instants and ids, dictionaries for what
/// repeats. The level takes 1 % off what the default leaves, in the same time; most of a row is its id, which is a hash.
const FORMAT: &str = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 9";

/// Which cameras' generations a file of facts holds.
pub(super) type Generations = BTreeMap<String, BTreeSet<i64>>;

/// Where a file goes.
pub(super) struct Place<'a> {
    pub(super) dir: &'a Path,
    pub(super) part: Part,
    pub(super) table: &'a Table,
    pub(super) date: &'a str,
    pub(super) number: u64,
}

/// A finished file that has no name yet; dropping it removes it.
pub(super) struct Draft {
    pub(super) file: LakeFile,
    temporary: PathBuf,
    path: PathBuf,
    named: bool,
}

impl Draft {
    /// Writes the rows of `select`, in its order. `None` when there are none.
    pub(super) fn write(
        connection: &Connection,
        select: &str,
        place: &Place<'_>,
        generations: Generations,
    ) -> Result<Option<Self>, SinkError> {
        let relative = format!(
            "{}/{}/date={}/part-{:08}.parquet",
            place.part.folder(),
            // A view's changes lie under the view's own name.
            place.table.name.strip_suffix("_changes").unwrap_or(place.table.name),
            place.date,
            place.number
        );
        let path = place.dir.join(&relative);
        if let Some(parent) = path.parent() {
            create_dir(parent)?;
        }
        let temporary = files::temporary(&path);
        let file = LakeFile {
            part: place.part,
            table: place.table.name.into(),
            date: place.date.into(),
            path: relative,
            rows: 0,
            bytes: 0,
            crc32c: 0,
            min_ts: 0,
            max_ts: 0,
            generations,
        };
        let mut draft = Self { file, temporary, path, named: false };
        let fail = |e| SinkError::duck(format!("writing {}", draft.path.display()), &draft.path, e);
        let to = text(&draft.temporary.to_string_lossy());
        connection.execute_batch(&format!("COPY ({select}) TO {to} ({FORMAT})")).map_err(fail)?;
        let bucket = ident(place.table.bucket);
        let sql = format!(
            "SELECT count(*), epoch_us(min({bucket})), epoch_us(max({bucket})) FROM {}",
            read(place.table, std::slice::from_ref(&to))
        );
        let (rows, first, last): (u64, Option<i64>, Option<i64>) =
            connection.query_row(&sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).map_err(fail)?;
        if rows == 0 {
            return Ok(None);
        }
        let (bytes, crc32c) = files::seal(&draft.temporary)?;
        draft.file = LakeFile {
            rows,
            bytes,
            crc32c,
            min_ts: first.unwrap_or_default(),
            max_ts: last.unwrap_or_default(),
            ..draft.file.clone()
        };
        Ok(Some(draft))
    }

    /// Gives the file its name, durably.
    pub(super) fn name(mut self) -> Result<LakeFile, SinkError> {
        crash_point("lake.draft");
        files::publish(&self.temporary, &self.path)?;
        crash_point("lake.named");
        self.named = true;
        Ok(self.file.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.named {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// The condition that a row's bucket lies on a UTC date, as [`EventTime::date`] gives it.
pub(super) fn on_date(table: &Table, date: &str) -> String {
    let bucket = ident(table.bucket);
    if date == EventTime::MAX.date() {
        // The calendar of `EventTime::date` ends here; what lies outside has one partition together.
        let (first, last) = (instant(-377_705_023_201_000_000), instant(253_402_207_200_999_999));
        return format!("({bucket} < {first} OR {bucket} > {last})");
    }
    let day = text(&format!("{date} 00:00:00+00"));
    format!("({bucket} >= {day}::TIMESTAMPTZ AND {bucket} < {day}::TIMESTAMPTZ + INTERVAL 24 HOUR)")
}

/// Removes a file; that it is gone already is no error.
pub(super) fn unlink(path: &Path) -> Result<(), SinkError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.at(path),
    }
}
