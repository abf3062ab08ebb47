//! The store as of one epoch, for whoever takes long to read it while later epochs are committed.
//!
//! A transaction that only reads, begun between two epochs. DuckDB takes what a transaction sees at its first read of a
//! database, so the epoch is read, and compared, before the next one can be committed.

use super::open::last_epoch;
use super::{EpochRow, Slot, Store};
use crate::error::SinkError;
use duckdb::Connection;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// A connection that sees one epoch and no later one, usable from another thread.
///
/// Should the store have to open its file anew, it waits for a read under way and takes the connection away: from then on
/// every read fails, and the caller pins again.
#[derive(Debug)]
pub struct Pinned {
    slot: Arc<Slot>,
    path: PathBuf,
    epoch: EpochRow,
}

impl Store {
    /// Pins the last epoch; `None` where there is none.
    pub fn pin(&self) -> Result<Option<Pinned>, SinkError> {
        let Some(epoch) = self.last_epoch()? else { return Ok(None) };
        let connection = self.clone_connection()?;
        let fail = |e| SinkError::duck("pinning an epoch", &self.path, e);
        connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(fail)?;
        let found = last_epoch(&connection, &self.path)?;
        let tick = found.map(|e| e.tick);
        if tick != Some(epoch.tick) {
            return Err(SinkError::Diverged(format!("its last epoch is {tick:?}, it should be {}", epoch.tick)));
        }
        let slot = Arc::new(Mutex::new(Some(connection)));
        let mut pins = self.pins.lock().unwrap_or_else(|e| e.into_inner());
        pins.retain(|pin| pin.strong_count() > 0);
        pins.push(Arc::downgrade(&slot));
        Ok(Some(Pinned { slot, path: self.path.clone(), epoch }))
    }
}

impl Pinned {
    /// The epoch that it sees.
    pub fn epoch(&self) -> &EpochRow {
        &self.epoch
    }

    /// Reads; the store does not open its file anew meanwhile.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, SinkError>) -> Result<T, SinkError> {
        let slot = self.slot.lock().unwrap_or_else(|e| e.into_inner());
        let gone = || {
            let tick = self.epoch.tick;
            SinkError::Request(format!("{} was opened anew: epoch {tick} is not pinned any more", self.path.display()))
        };
        read(slot.as_ref().ok_or_else(gone)?)
    }
}

impl Drop for Pinned {
    /// Closed under the lock: a store that opens its file anew must find it closed.
    fn drop(&mut self) {
        *self.slot.lock().unwrap_or_else(|e| e.into_inner()) = None;
    }
}
