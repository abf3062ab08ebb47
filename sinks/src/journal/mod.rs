//! The journal: the facts of the last hours, durable before anyone is told that they are stored.
//!
//! In: entries, several at a time. Out: the same entries in order, after any crash. An entry has a sequence
//! number; the numbers rise, from 1, and are never given twice as long as the caller tells the journal what
//! the store and the lake already hold ([`Journal::skip_to`]).
//!
//! State: segment files `<first sequence>.log` in one folder, of which the last is open for appending. A
//! segment leaves when everything in it is in the lake ([`Journal::release`]).
//!
//! Invariants: [`Journal::append`] returns only after one write and one sync of everything it was given, or
//! gives an error and leaves the journal as it was. A failed sync is never retried, because the kernel may
//! have dropped the pages and would report the second one clean; the journal then refuses everything until
//! the next start. Damaged bytes are copied to `quarantine/` and listed in `damage.json` before they leave their file.

mod check;
mod damage;
#[cfg(test)]
mod power;
mod segment;

pub(crate) use check::check;
pub use damage::DamagedRange;

use crate::crash::crash_point;
use crate::error::{At, SinkError};
use crate::files::{Damage, TEMPORARY, create_dir, sync_dir};
use damage::DamageList;
use gemba_schemas::fact::Fact;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::time::EventTime;
use segment::{Kind, Reader, Step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A segment that has reached this length is followed by a new one.
const SEGMENT_BYTES: u64 = 64 << 20;

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// Facts that came in together.
    Facts(Vec<Fact>),
    /// Every fact of this generation journaled so far is void: the footage is read again.
    Retract {
        /// The camera.
        camera: Name,
        /// Its generation.
        generation: Generation,
    },
    /// Facts of clients journaled so far are void: somebody deleted them.
    Withdraw(Withdrawal),
}

/// Facts of clients that were deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Their identities.
    pub ids: BTreeSet<FactId>,
    /// The earliest of their event times.
    pub from: EventTime,
    /// The latest of their event times.
    pub to: EventTime,
}

impl Withdrawal {
    /// Whether this fact is one of them.
    pub fn holds(&self, fact: &Fact) -> bool {
        fact.kind().is_client() && self.ids.contains(&fact.id())
    }
}

impl Entry {
    fn kind(&self) -> Kind {
        match self {
            Self::Facts(_) => Kind::Facts,
            Self::Retract { .. } => Kind::Retract,
            Self::Withdraw(_) => Kind::Withdraw,
        }
    }
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    first: u64,
}

/// The journal of one data directory. See the module's documentation.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    segments: Vec<Segment>,
    active: File,
    length: u64,
    last: u64,
    damage: Vec<Damage>,
    damaged: DamageList,
    poisoned: Option<String>,
    segment_bytes: u64,
    #[cfg(test)]
    fail_sync: bool,
}

impl Journal {
    /// Opens the journal in `dir` (created), cutting a torn tail and setting damage aside.
    pub fn open(dir: &Path) -> Result<Self, SinkError> {
        create_dir(dir)?;
        let quarantine = dir.join("quarantine");
        let mut segments = Vec::new();
        for file in fs::read_dir(dir).at(dir)? {
            let path = file.at(dir)?.path();
            if let Some(first) = segment::first_of(&path) {
                segments.push(Segment { path, first });
            } else if path.to_string_lossy().ends_with(TEMPORARY) {
                fs::remove_file(&path).at(&path)?;
            }
        }
        segments.sort_by_key(|s| s.first);
        let mut damaged = DamageList::read(dir)?;
        let (mut last, mut length, mut damage) = (0, 0, Vec::new());
        let count = segments.len();
        for (i, segment) in segments.iter().enumerate() {
            if i > 0 && segment.first != last + 1 {
                tracing::warn!(
                    from = last + 1,
                    to = segment.first - 1,
                    "the journal has no entries with these numbers"
                );
            }
            last = last.max(segment.first.saturating_sub(1));
            let scan = segment::recover(&segment.path, (&quarantine, &mut damaged), last, i + 1 == count)?;
            last = scan.last.unwrap_or(last);
            length = scan.length;
            damage.extend(scan.damage);
        }
        let active = match segments.last() {
            Some(segment) => OpenOptions::new().append(true).open(&segment.path).at(&segment.path)?,
            None => {
                let (path, file) = segment::create(dir, 1)?;
                segments.push(Segment { path, first: 1 });
                length = segment::HEADER;
                file
            }
        };
        Ok(Self {
            dir: dir.into(),
            segments,
            active,
            length,
            last,
            damage,
            damaged,
            poisoned: None,
            segment_bytes: SEGMENT_BYTES,
            #[cfg(test)]
            fail_sync: false,
        })
    }

    /// What was found damaged on opening and set aside.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Every stretch that was ever found damaged, now or at an earlier start, in the order in which they were found.
    pub fn damaged(&self) -> &[DamagedRange] {
        self.damaged.ranges()
    }

    /// The last sequence number given; 0 before the first.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The bytes in all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().filter_map(|s| fs::metadata(&s.path).ok()).map(|m| m.len()).sum()
    }

    /// Hands every entry after the sequence number `after` to `f`, in order.
    pub fn replay(&self, after: u64, mut f: impl FnMut(u64, Entry) -> Result<(), SinkError>) -> Result<(), SinkError> {
        for (i, segment) in self.segments.iter().enumerate() {
            if self.segments.get(i + 1).is_some_and(|next| next.first <= after.saturating_add(1)) {
                continue;
            }
            let path = &segment.path;
            let mut reader = Reader::open(path)?;
            loop {
                match reader.step(path)? {
                    Step::End => break,
                    Step::Record(sequence, payload) if sequence > after => {
                        let entry = postcard::from_bytes(payload).map_err(|e| SinkError::Damaged {
                            path: path.clone(),
                            detail: format!(
                                "entry {sequence} is of another vocabulary ({e}): use the gemba that wrote it"
                            ),
                        })?;
                        f(sequence, entry)?;
                    }
                    Step::Record(..) => {}
                    Step::Bad(offset) => {
                        return Err(SinkError::Damaged {
                            path: path.clone(),
                            detail: format!(
                                "damaged at byte {offset} since it was opened; start again to set it aside"
                            ),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Stores `entries` durably, all or none, and returns the last sequence number. After
    /// [`SinkError::DiskFull`] the call may be repeated; after [`SinkError::Poisoned`] nothing helps but a
    /// new start.
    pub fn append(&mut self, entries: &[Entry]) -> Result<u64, SinkError> {
        self.usable()?;
        if entries.is_empty() {
            return Ok(self.last);
        }
        if self.length >= self.segment_bytes {
            self.roll(self.last + 1)?;
        }
        let mut bytes = Vec::new();
        let mut sequence = self.last;
        for entry in entries {
            sequence += 1;
            let payload = postcard::to_stdvec(entry).map_err(|e| SinkError::Request(format!("journal entry: {e}")))?;
            if payload.len() > segment::MAX_PAYLOAD {
                let (found, limit) = (payload.len(), segment::MAX_PAYLOAD);
                return Err(SinkError::Request(format!("journal entry of {found} bytes: split it (limit {limit})")));
            }
            segment::encode(sequence, entry.kind(), &payload, &mut bytes);
        }
        let path = self.active_path();
        #[cfg(test)]
        power::record(|| power::Operation::Write(path.clone(), bytes.clone()));
        if let Err(e) = self.active.write_all(&bytes) {
            // What was written of it must not be read back: others may not have been told.
            if let Err(again) = self.active.set_len(self.length) {
                self.poisoned = Some(format!("{e}, then {again}"));
                return self.usable().map(|()| 0);
            }
            return Err(SinkError::io(&path, e));
        }
        crash_point("journal.written");
        if let Err(e) = self.sync() {
            self.poisoned = Some(e.to_string());
            tracing::error!(file = %path.display(), error = %e, "journal sync failed: stop and start again");
            return self.usable().map(|()| 0);
        }
        crash_point("journal.synced");
        self.length += bytes.len() as u64;
        self.last = sequence;
        Ok(sequence)
    }

    /// Makes sure that the next sequence number lies behind `through`, which the store or the lake has
    /// already counted: entries lost with a damaged tail must not give their numbers to new ones.
    pub fn skip_to(&mut self, through: u64) -> Result<(), SinkError> {
        self.usable()?;
        if through > self.last {
            self.roll(through + 1)?;
            self.last = through;
        }
        Ok(())
    }

    /// Removes the segments that hold nothing after the sequence number `through`.
    pub fn release(&mut self, through: u64) -> Result<(), SinkError> {
        self.usable()?;
        // What can go goes first: the new segment may need its space.
        self.remove(through)?;
        if through >= self.last && self.length > segment::HEADER {
            self.roll(self.last + 1)?;
            self.remove(through)?;
        }
        Ok(())
    }

    /// Removes the closed segments that hold nothing after `through`.
    fn remove(&mut self, through: u64) -> Result<(), SinkError> {
        let closed = self.segments.windows(2).take_while(|pair| pair[1].first <= through.saturating_add(1)).count();
        if closed == 0 {
            return Ok(());
        }
        for segment in self.segments.drain(..closed) {
            fs::remove_file(&segment.path).at(&segment.path)?;
            #[cfg(test)]
            power::record(|| power::Operation::Unlink(segment.path.clone()));
            crash_point("journal.released");
        }
        #[cfg(test)]
        power::record(|| power::Operation::SyncDir);
        sync_dir(&self.dir)
    }

    fn usable(&self) -> Result<(), SinkError> {
        match &self.poisoned {
            None => Ok(()),
            Some(detail) => Err(SinkError::Poisoned { path: self.active_path(), detail: detail.clone() }),
        }
    }

    fn active_path(&self) -> PathBuf {
        self.segments.last().map_or_else(|| self.dir.clone(), |s| s.path.clone())
    }

    fn roll(&mut self, first: u64) -> Result<(), SinkError> {
        if self.segments.last().is_some_and(|s| s.first == first) {
            return Ok(());
        }
        let (path, file) = segment::create(&self.dir, first).inspect_err(|_| {
            // An unfinished segment has no entries; without it the next attempt can create it again.
            let _ = fs::remove_file(self.dir.join(segment::file_name(first)));
        })?;
        self.segments.push(Segment { path, first });
        self.active = file;
        self.length = segment::HEADER;
        Ok(())
    }

    fn sync(&self) -> std::io::Result<()> {
        #[cfg(test)]
        if self.fail_sync {
            return Err(std::io::Error::other("injected"));
        }
        #[cfg(test)]
        power::record(|| power::Operation::Sync(self.active_path()));
        self.active.sync_data()
    }
}

#[cfg(test)]
mod tests;
