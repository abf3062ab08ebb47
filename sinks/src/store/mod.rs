//! The store: the views as of the last committed epoch, in a private DuckDB file.
//!
//! In: epochs, each the changes that its ticks made to the views. Out: rows, through readers that see whole
//! epochs only; the last epoch, from which the process goes on after a start; and a digest.
//!
//! Protocol. An epoch is one transaction: rows out, rows in, the digests, the `epochs` row. An epoch that is
//! not after the last one is ignored, so a caller that does not know how far it came may repeat itself. After
//! an error the file is closed, opened and asked how far it is, because DuckDB can report an error for a
//! commit that is durable. Nothing relies on unique constraints: an epoch that takes back a row that is not
//! there, or adds one whose key is, fails as [`SinkError::Diverged`] and changes nothing.
//!
//! Besides the views it holds, until the lake has them, the changes of those whose past is kept: see `changes`.
//!
//! Everything here is derived. A file that does not open is set aside and begun anew; a file of another shape
//! is emptied; in both cases there is no last epoch, and the caller rebuilds.

mod changes;
mod check;
mod commit;
mod open;
mod pinned;
mod reader;
mod schema;
#[cfg(test)]
mod tests;

pub use changes::Base;
pub(crate) use check::{StoreCheck, check};
use open::probe_in_child;
pub use open::{PROBE_DAMAGED, probe};
pub use pinned::Pinned;
pub use reader::{Page, RowQuery, StoreReader};
pub(crate) use reader::{columns, select_only};

use crate::digest::ViewDigest;
use crate::error::SinkError;
use crate::files::Damage;
use duckdb::Connection;
use gemba_schemas::id::Name;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{ViewKind, ViewRow};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

/// An epoch as the store remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochRow {
    /// The last tick in it.
    pub tick: u64,
    /// The last journal entry that its rows follow from.
    pub journal_seq: u64,
    /// Digest of the rules.
    pub rules: String,
    /// The `now` of its rows.
    pub now: EventTime,
    /// Digest of all views, 32 hex digits.
    pub digest: String,
}

/// What one transaction commits.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The last tick in it.
    pub tick: u64,
    /// The last journal entry that its rows follow from.
    pub journal_seq: u64,
    /// Digest of the rules.
    pub rules: Name,
    /// The `now` of its rows.
    pub now: EventTime,
    /// What changed: consolidated, every difference +1 or -1.
    pub changes: Vec<(ViewRow, i64)>,
}

/// The slot of one reader's connection; the store empties it while it opens the file anew.
type Slot = Mutex<Option<Connection>>;

/// The store of one data directory. See the module's documentation.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Option<Connection>,
    last: Option<EpochRow>,
    digests: BTreeMap<ViewKind, ViewDigest>,
    readers: Mutex<Vec<Weak<Slot>>>,
    /// Connections that see one epoch only; these are not replaced.
    pins: Mutex<Vec<Weak<Slot>>>,
    /// How often the file was opened anew after an error.
    reopened: u64,
    damage: Vec<Damage>,
    /// It did not open again after an error because the disk was full: the next commit tries again.
    wants_space: bool,
    /// What the lake holds of the changes of views.
    base: Base,
    /// When changes were last committed.
    clock: EventTime,
    #[cfg(test)]
    fail: Option<commit::FailAt>,
}

impl Store {
    /// The last epoch committed; `None` for a new, emptied or set-aside store, which must be rebuilt.
    pub fn last_epoch(&self) -> Result<Option<EpochRow>, SinkError> {
        self.connection().map(|_| self.last.clone())
    }

    /// The digest of each view as of the last epoch.
    pub fn digests(&self) -> &BTreeMap<ViewKind, ViewDigest> {
        &self.digests
    }

    /// How often the file was opened anew after an error. Whoever read it on another thread meanwhile may have failed for no
    /// other reason.
    pub fn reopened(&self) -> u64 {
        self.reopened
    }

    /// What was found damaged on opening and set aside.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The store's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A connection of its own for reading, usable from another thread.
    pub fn reader(&self) -> Result<StoreReader, SinkError> {
        let slot = Arc::new(Mutex::new(Some(self.clone_connection()?)));
        let mut readers = self.readers.lock().unwrap_or_else(|e| e.into_inner());
        readers.retain(|r| r.strong_count() > 0);
        readers.push(Arc::downgrade(&slot));
        Ok(StoreReader::new(slot, self.path.clone()))
    }

    /// The UTC dates on which a view has rows.
    pub fn dates(&self, view: ViewKind) -> Result<BTreeSet<String>, SinkError> {
        let table = view.table();
        let fail = |e| SinkError::duck(format!("listing the dates of {}", table.name), &self.path, e);
        let sql = format!(
            "SELECT DISTINCT CAST(floor(epoch_us(\"{}\") / 86400000000.0) AS BIGINT) FROM \"{}\"",
            table.bucket, table.name
        );
        let mut statement = self.connection()?.prepare(&sql).map_err(fail)?;
        let days = statement.query_map([], |r| r.get::<_, i64>(0)).map_err(fail)?;
        days.map(|d| d.map(|d| EventTime(d.saturating_mul(86_400_000_000)).date()).map_err(fail)).collect()
    }

    /// Reads every row and compares with the digests that were kept: `Diverged` names the view that differs.
    pub fn verify(&self) -> Result<(), SinkError> {
        for (&view, kept) in &self.digests {
            let mut found = ViewDigest::default();
            let table = view.table();
            crate::duck::stream(
                self.connection()?,
                &format!("SELECT * FROM \"{}\"", table.name),
                [],
                |batch| {
                    let rows = view.decode(&batch).map_err(|source| SinkError::Column { table: table.name, source })?;
                    found.update_all(view, rows.iter(), 1);
                    Ok(())
                },
                |e| SinkError::duck(format!("reading {}", table.name), &self.path, e),
            )?;
            if found != *kept {
                return Err(SinkError::Diverged(format!(
                    "{} has {} rows with digest {}, the store counted {} with {}",
                    table.name,
                    found.rows,
                    found.hex(),
                    kept.rows,
                    kept.hex()
                )));
            }
        }
        Ok(())
    }

    pub(crate) fn clone_connection(&self) -> Result<Connection, SinkError> {
        self.connection()?.try_clone().map_err(|e| SinkError::duck("opening a reader", &self.path, e))
    }

    fn connection(&self) -> Result<&Connection, SinkError> {
        if self.wants_space {
            return Err(SinkError::DiskFull { path: self.path.clone() });
        }
        self.connection.as_ref().ok_or_else(|| SinkError::Poisoned {
            path: self.path.clone(),
            detail: "it did not open again after an error".into(),
        })
    }
}
