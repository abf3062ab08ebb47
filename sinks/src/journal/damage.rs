//! What was ever found damaged: `journal/damage.json`, a list that only grows.
//!
//! A stretch is listed durably after its copy lies in the quarantine and before it leaves its segment. So a crash in
//! between lists it at the next start again, as the same stretch, and whoever makes a fact of each stretch misses none
//! and doubles none. Removing the file forgets the damage; nothing else depends on it.

use super::segment;
use crate::error::{At, SinkError};
use crate::files;
use gemba_schemas::time::EventTime;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

const LIST: &str = "damage.json";

/// A stretch of a segment that was no valid record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedRange {
    /// The segment's file name.
    pub file: String,
    /// First byte.
    pub from: u64,
    /// The byte after the last.
    pub to: u64,
    /// Checksum of the bytes, which tells this damage from a later one at the same place.
    pub crc32c: u32,
    /// When the segment was last written: what is lost was accepted before.
    pub written: EventTime,
    /// Name of the copy in `journal/quarantine`.
    pub copy: String,
}

/// The list and its file.
#[derive(Debug)]
pub(super) struct DamageList {
    path: PathBuf,
    ranges: Vec<DamagedRange>,
}

impl DamageList {
    /// The list of the journal in `dir`; empty when there is none.
    pub(super) fn read(dir: &Path) -> Result<Self, SinkError> {
        let path = dir.join(LIST);
        let ranges = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => match serde_json::from_slice(&read.at(&path)?) {
                Ok(ranges) => ranges,
                Err(e) => {
                    // It only repeats what the quarantine shows: no reason to refuse the journal.
                    files::set_aside(&path, &dir.join("quarantine"), &format!("not a list of damage ({e})"))?;
                    Vec::new()
                }
            },
        };
        Ok(Self { path, ranges })
    }

    pub(super) fn ranges(&self) -> &[DamagedRange] {
        &self.ranges
    }

    /// Adds stretches of `segment`, whose bytes are `bytes` from `offset` on and which was copied to `copy`.
    pub(super) fn add(
        &mut self,
        segment: &Path,
        (offset, bytes): (u64, &[u8]),
        ranges: &[Range<u64>],
        copy: &Path,
    ) -> Result<(), SinkError> {
        let written = std::fs::metadata(segment).and_then(|m| m.modified()).at(segment)?;
        let written = written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let before = self.ranges.len();
        for range in ranges {
            let damaged = bytes.get((range.start - offset) as usize..(range.end - offset) as usize);
            let range = DamagedRange {
                file: segment::name_of(segment),
                from: range.start,
                to: range.end,
                crc32c: crc32c::crc32c(damaged.unwrap_or_default()),
                written: EventTime(written),
                copy: segment::name_of(copy),
            };
            // A crash after it was listed and before it left the segment.
            let same = |r: &DamagedRange| {
                (&r.file, r.from, r.to, r.crc32c) == (&range.file, range.from, range.to, range.crc32c)
            };
            if !self.ranges.iter().any(same) {
                self.ranges.push(range);
            }
        }
        if self.ranges.len() == before {
            return Ok(());
        }
        let text = serde_json::to_vec(&self.ranges).map_err(|e| SinkError::Request(format!("list of damage: {e}")))?;
        files::replace(&self.path, &text)
    }
}
