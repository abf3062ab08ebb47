//! One epoch, one transaction.
//!
//! The rows of an epoch, old and new, are staged in a temporary table; one delete by key takes out what was
//! there; the new rows are appended. The number of rows deleted must be the number of rows the epoch takes
//! back: fewer means that a row was not there, more that an added key was. The delete is bounded by the
//! epoch's own range of buckets, so row groups of other days are not read.

use super::changes::{self, Commit};
use super::schema::staging_name;
use super::{Epoch, EpochRow, Store};
use crate::crash::crash_point;
use crate::digest::ViewDigest;
use crate::duck::{create_table, ident, instant};
use crate::error::SinkError;
use crate::lake::FinalRows;
use duckdb::{Connection, params};
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::BTreeMap;

/// Rows encoded and appended at a time.
pub(super) const CHUNK: usize = 16_384;

/// Where a test lets a transaction fail.
#[cfg(test)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailAt {
    BeforeCommit,
    AfterCommit,
}

/// The changes of one view.
#[derive(Default)]
struct Changes<'a> {
    old: Vec<&'a ViewRow>,
    new: Vec<&'a ViewRow>,
}

impl Store {
    /// Commits an epoch. An epoch at or before the last one is ignored.
    ///
    /// # Errors
    /// [`SinkError::Diverged`]: nothing was changed, rebuild. [`SinkError::DiskFull`]: nothing was changed,
    /// repeat later. [`SinkError::Poisoned`]: what is durable is unknown, start again.
    pub fn commit(&mut self, epoch: &Epoch) -> Result<(), SinkError> {
        if std::mem::take(&mut self.wants_space) {
            self.reopen().inspect_err(|_| self.wants_space = true)?;
        }
        if self.last.as_ref().is_some_and(|last| epoch.tick <= last.tick) {
            return Ok(());
        }
        self.write(epoch, None)
    }

    /// Replaces everything by the rows of `epoch`, which must all be additions; but final rows that are here stay.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub fn rebuild(&mut self, epoch: &Epoch, finals: &FinalRows) -> Result<(), SinkError> {
        match finals.are_in_store() {
            true => self.write(epoch, Some(finals)),
            false => self.write(epoch, Some(&FinalRows::default())),
        }
    }

    /// With `stay` all rows but these are replaced.
    fn write(&mut self, epoch: &Epoch, stay: Option<&FinalRows>) -> Result<(), SinkError> {
        let mut changes: BTreeMap<ViewKind, Changes<'_>> = BTreeMap::new();
        for (row, diff) in &epoch.changes {
            let changes = changes.entry(row.kind()).or_default();
            match diff {
                1 => changes.new.push(row),
                -1 if stay.is_none() => changes.old.push(row),
                _ => return Err(SinkError::Diverged(format!("{:?} changes by {diff}", row.key()))),
            }
        }
        let mut digests = self.digests.clone();
        if let Some(stay) = stay {
            digests.iter_mut().for_each(|(view, d)| *d = stay.digests.get(view).copied().unwrap_or_default());
        }
        for (&view, changes) in &changes {
            let digest = digests.entry(view).or_default();
            digest.update_all(view, changes.old.iter().copied(), -1);
            digest.update_all(view, changes.new.iter().copied(), 1);
        }
        let row = EpochRow {
            tick: epoch.tick,
            journal_seq: epoch.journal_seq,
            rules: epoch.rules.as_str().into(),
            now: epoch.now,
            digest: ViewDigest::total(digests.values()).hex(),
        };
        let commit = self.committing(row.tick);
        match self.transaction(&row, commit, &changes, &digests, stay) {
            Ok(()) => {
                self.clock = commit.at;
                self.last = Some(row);
                self.digests = digests;
                Ok(())
            }
            Err(e @ SinkError::Diverged(_)) => {
                // Rolling back cannot fail in a way that matters: the transaction is not committed.
                let _ = self.connection()?.execute_batch("ROLLBACK");
                Err(e)
            }
            Err(error) => self.resolve(&row, error),
        }
    }

    /// After an error: is the epoch durable or not?
    fn resolve(&mut self, row: &EpochRow, error: SinkError) -> Result<(), SinkError> {
        tracing::warn!(%error, tick = row.tick, "epoch not committed as expected: opening the store again");
        if let Err(again) = self.reopen() {
            self.connection = None;
            self.wants_space = matches!((&error, &again), (SinkError::DiskFull { .. }, SinkError::DiskFull { .. }));
            let detail = format!("{error}, then {again}");
            return Err(if self.wants_space { error } else { SinkError::Poisoned { path: self.path.clone(), detail } });
        }
        if self.last.as_ref() == Some(row) { Ok(()) } else { Err(error) }
    }

    fn transaction(
        &self,
        row: &EpochRow,
        commit: Commit,
        changes: &BTreeMap<ViewKind, Changes<'_>>,
        digests: &BTreeMap<ViewKind, ViewDigest>,
        stay: Option<&FinalRows>,
    ) -> Result<(), SinkError> {
        let connection = self.connection()?;
        let fail = |e| SinkError::duck(format!("committing epoch {}", row.tick), &self.path, e);
        connection.execute_batch("BEGIN TRANSACTION").map_err(fail)?;
        let whole = stay.is_some();
        if let Some(stay) = stay {
            changes::remember(connection, self, stay).map_err(fail)?;
            for view in ViewKind::ALL {
                let table = view.table();
                let empty = match stay.kept.before(*view) {
                    Some(before) => {
                        let (name, bucket) = (ident(table.name), ident(table.bucket));
                        format!("DELETE FROM {name} WHERE {bucket} >= {}", instant(before.0))
                    }
                    None => create_table("OR REPLACE", table.name, &table),
                };
                connection.execute_batch(&empty).map_err(fail)?;
            }
            connection.execute_batch("DELETE FROM epochs").map_err(fail)?;
        }
        crash_point("store.begun");
        for (&view, changes) in changes {
            let table = view.table();
            if !whole {
                let deleted = take_out(connection, view, changes).map_err(fail)?;
                if deleted != changes.old.len() {
                    return Err(SinkError::Diverged(format!(
                        "epoch {} takes {} rows out of {}, {deleted} were found by their keys",
                        row.tick,
                        changes.old.len(),
                        table.name
                    )));
                }
            }
            append(connection, view, ("main", table.name), &changes.new).map_err(fail)?;
            if !whole {
                changes::append(connection, view, commit, (&changes.old, &changes.new)).map_err(fail)?;
            }
        }
        if let Some(stay) = stay {
            changes::difference(connection, commit, self, stay).map_err(fail)?;
        }
        for (view, digest) in digests {
            if whole || changes.contains_key(view) {
                let mut update = connection
                    .prepare_cached("UPDATE view_digests SET rows = ?, digest = ? WHERE view = ?")
                    .map_err(fail)?;
                update.execute(params![digest.rows, digest.hex(), view.table().name]).map_err(fail)?;
            }
        }
        connection
            .prepare_cached("INSERT INTO epochs VALUES (?, ?, ?, make_timestamptz(?), ?)")
            .and_then(|mut insert| insert.execute(params![row.tick, row.journal_seq, row.rules, row.now.0, row.digest]))
            .map_err(fail)?;
        #[cfg(test)]
        if self.fail == Some(FailAt::BeforeCommit) {
            return Err(fail(duckdb::Error::AppendError));
        }
        crash_point("store.written");
        connection.execute_batch("COMMIT").map_err(fail)?;
        crash_point("store.committed");
        #[cfg(test)]
        if self.fail == Some(FailAt::AfterCommit) {
            return Err(fail(duckdb::Error::AppendError));
        }
        Ok(())
    }
}

/// Deletes by key whatever the changes touch and returns how many rows that were.
fn take_out(connection: &Connection, view: ViewKind, changes: &Changes<'_>) -> Result<usize, duckdb::Error> {
    let table = view.table();
    let staging = staging_name(table.name);
    let (name, staged) = (ident(table.name), ident(&staging));
    let buckets = || changes.old.iter().chain(&changes.new).map(|r| r.bucket().0);
    let (Some(first), Some(last)) = (buckets().min(), buckets().max()) else { return Ok(0) };
    append(connection, view, ("temp", &staging), &changes.old)?;
    append(connection, view, ("temp", &staging), &changes.new)?;
    let keys: Vec<_> = table.key.iter().map(|k| format!("{name}.{0} = {staged}.{0}", ident(k))).collect();
    let deleted = connection.execute(
        &format!(
            "DELETE FROM {name} USING temp.{staged} WHERE {} AND {name}.{} BETWEEN {} AND {}",
            keys.join(" AND "),
            ident(table.bucket),
            instant(first),
            instant(last)
        ),
        [],
    )?;
    connection.execute_batch(&format!("DELETE FROM temp.{staged}"))?;
    Ok(deleted)
}

fn append(
    connection: &Connection,
    view: ViewKind,
    (catalog, table): (&str, &str),
    rows: &[&ViewRow],
) -> Result<(), duckdb::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut appender = match catalog {
        "temp" => connection.appender_to_catalog_and_db(table, "temp", "main")?,
        _ => connection.appender(table)?,
    };
    for chunk in rows.chunks(CHUNK) {
        appender.append_record_batch(view.encode(chunk.iter().copied()))?;
    }
    appender.flush()
}
