//! Opening the store: probed in a child process, set aside when it does not open, begun anew.
//!
//! A damaged DuckDB file can abort the process that opens it. The binary therefore first runs itself as
//! `gemba probe-store PATH`, which calls [`probe`] and exits with 0, or with [`PROBE_DAMAGED`] after an error;
//! a child that is killed by a signal found the file damaged, too.

use super::{Slot, Store, schema};
use crate::duck::{self, Mode};
use crate::error::SinkError;
use crate::files::{Damage, create_dir, move_aside, set_aside};
use crate::store::EpochRow;
use duckdb::Connection;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};

/// The exit code by which `probe-store` says that the file does not open.
pub const PROBE_DAMAGED: u8 = 3;

/// Opens the store at `path` as a start does (or only to be read) and reads a little of every table. Run it in a
/// child process.
pub fn probe(path: &Path, read_only: bool) -> Result<(), SinkError> {
    let fail = |e| SinkError::duck(format!("probing {}", path.display()), path, e);
    let connection = connect(path, if read_only { Mode::Read } else { Mode::Write })?;
    last_epoch(&connection, path).ok();
    for view in ViewKind::ALL {
        let table = view.table();
        let sql = format!("SELECT count(*), max(\"{}\")::VARCHAR FROM \"{}\"", table.bucket, table.name);
        // A table that is not there is a matter of shape, not of damage.
        if let Err(e) = connection.query_row(&sql, [], |r| r.get::<_, i64>(0))
            && !e.to_string().contains("Catalog Error")
        {
            return Err(fail(e));
        }
    }
    Ok(())
}

impl Store {
    /// Opens the store at `path`, or creates it.
    pub fn open(path: &Path) -> Result<Self, SinkError> {
        Self::open_with(path, None)
    }

    /// Like [`Store::open`], after `program probe-store PATH` has tried it.
    pub fn open_probed(path: &Path, program: &Path) -> Result<Self, SinkError> {
        Self::open_with(path, Some(program))
    }

    fn open_with(path: &Path, program: Option<&Path>) -> Result<Self, SinkError> {
        if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
            create_dir(dir)?;
        }
        let mut damage = Vec::new();
        if let Some(detail) = program.filter(|_| path.exists()).and_then(|p| probe_in_child(p, path, false)) {
            damage.extend(quarantine(path, &detail)?);
        }
        let connection = match connect(path, Mode::Write) {
            Err(SinkError::Duck { source, .. }) if path.exists() => {
                damage.extend(quarantine(path, &format!("does not open: {source}"))?);
                connect(path, Mode::Write)?
            }
            other => other?,
        };
        let mut store = Self {
            path: path.into(),
            connection: None,
            last: None,
            digests: Default::default(),
            readers: Mutex::default(),
            pins: Mutex::default(),
            reopened: 0,
            damage,
            wants_space: false,
            base: Default::default(),
            clock: EventTime(0),
            #[cfg(test)]
            fail: None,
        };
        store.adopt(connection)?;
        Ok(store)
    }

    /// Takes over an open file: its tables, its last epoch, its digests.
    fn adopt(&mut self, connection: Connection) -> Result<(), SinkError> {
        schema::prepare(&connection, &self.path)?;
        self.last = last_epoch(&connection, &self.path)?;
        self.digests = schema::digests(&connection, &self.path)?;
        let fail = |e| SinkError::duck("reading the changes", &self.path, e);
        self.clock = self.clock.max(super::changes::last_committed(&connection).map_err(fail)?);
        self.connection = Some(connection);
        Ok(())
    }

    /// Closes the file with all its readers and opens it again, to see what is durable. Two instances of
    /// DuckDB on one file would destroy it, so the readers' connections go first.
    pub(super) fn reopen(&mut self) -> Result<(), SinkError> {
        self.reopened += 1;
        // What is pinned is over: a new connection would see another epoch.
        for pin in held(&self.pins) {
            *pin.lock().unwrap_or_else(|e| e.into_inner()) = None;
        }
        let readers = held(&self.readers);
        let mut slots: Vec<_> = readers.iter().map(|r| r.lock().unwrap_or_else(|e| e.into_inner())).collect();
        slots.iter_mut().for_each(|s| **s = None);
        self.connection = None;
        self.adopt(connect(&self.path, Mode::Write)?)?;
        for slot in &mut slots {
            **slot = Some(self.clone_connection()?);
        }
        Ok(())
    }
}

/// The slots that somebody still holds.
fn held(slots: &Mutex<Vec<Weak<Slot>>>) -> Vec<Arc<Slot>> {
    let mut slots = slots.lock().unwrap_or_else(|e| e.into_inner());
    slots.retain(|slot| slot.strong_count() > 0);
    slots.iter().filter_map(Weak::upgrade).collect()
}

fn connect(path: &Path, mode: Mode) -> Result<Connection, SinkError> {
    duck::open(Some(path), mode, None).map_err(|e| {
        if e.to_string().contains("Could not set lock") {
            return SinkError::Locked { path: path.into(), pid: "unknown".into() };
        }
        SinkError::duck(format!("opening {}", path.display()), path, e)
    })
}

pub(super) fn last_epoch(connection: &Connection, path: &Path) -> Result<Option<EpochRow>, SinkError> {
    let sql = "SELECT tick, journal_seq, rules, epoch_us(now), digest FROM epochs ORDER BY tick DESC LIMIT 1";
    let row = connection.query_row(sql, [], |r| {
        Ok(EpochRow {
            tick: r.get(0)?,
            journal_seq: r.get(1)?,
            rules: r.get(2)?,
            now: EventTime(r.get(3)?),
            digest: r.get(4)?,
        })
    });
    match row {
        Ok(row) => Ok(Some(row)),
        Err(duckdb::Error::QueryReturnedNoRows) => Ok(None),
        Err(e) => Err(SinkError::duck("reading the last epoch", path, e)),
    }
}

/// Why the file must not be opened, or `None`. A child that cannot be run says nothing about the file.
pub(super) fn probe_in_child(program: &Path, path: &Path, read_only: bool) -> Option<String> {
    let mode = read_only.then_some("--read-only");
    let run = Command::new(program)
        .arg("probe-store")
        .args(mode)
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output();
    match run {
        Ok(output) => verdict(&output),
        Err(error) => {
            tracing::warn!(%error, "the store could not be probed in a child process");
            None
        }
    }
}

/// What the child's end says of the file.
pub(super) fn verdict(output: &Output) -> Option<String> {
    match output.status.code() {
        Some(code) if code == i32::from(PROBE_DAMAGED) => {
            Some(format!("does not open: {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
        None => Some(format!("opening it ended the process ({})", output.status)),
        Some(_) => None,
    }
}

impl Store {
    /// Sets the store at `path` aside, to be derived again: nothing is deleted. The new one holds no rows and knows
    /// no more than the old one's `now` and journal position. Returns the old one's last epoch, if it had one.
    pub fn begin_anew(path: &Path, program: Option<&Path>) -> Result<(Option<EpochRow>, Vec<Damage>), SinkError> {
        let store = Self::open_with(path, program)?;
        let (last, mut damage) = (store.last.clone(), store.damage.clone());
        let Some(before) = &last else { return Ok((None, damage)) };
        drop(store);
        let why = "set aside to be derived again";
        for part in files_of(path) {
            damage.push(move_aside(&part, &quarantine_of(path), why)?);
        }
        let store = Self::open(path)?;
        // A tick that no epoch has: what is derived differs from it in any case.
        store
            .connection()?
            .execute(
                "INSERT INTO epochs VALUES (0, ?, '', make_timestamptz(?), '')",
                duckdb::params![before.journal_seq, before.now.0],
            )
            .map_err(|e| SinkError::duck("beginning a new store", path, e))?;
        Ok((last, damage))
    }
}

/// Sets the damaged file and its write-ahead log aside.
fn quarantine(path: &Path, detail: &str) -> Result<Vec<Damage>, SinkError> {
    files_of(path).iter().map(|p| set_aside(p, &quarantine_of(path), detail)).collect()
}

fn quarantine_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new(".")).join("quarantine")
}

/// The file and its write-ahead log, as far as they are there.
fn files_of(path: &Path) -> Vec<PathBuf> {
    [path.to_path_buf(), wal_of(path)].into_iter().filter(|p| p.exists()).collect()
}

/// The write-ahead log of a DuckDB file.
pub(super) fn wal_of(path: &Path) -> PathBuf {
    let mut wal = path.as_os_str().to_owned();
    wal.push(".wal");
    PathBuf::from(wal)
}
