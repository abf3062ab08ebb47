//! One file of the journal: its format, reading it, and bringing it into order after a crash or damage.
//!
//! ```text
//! header  magic "GEMBAJ" · version u16 · first sequence u64 · crc32c of these u32          little endian
//! record  length u32 · crc32c u32 (of length, sequence, kind, payload) · sequence u64 · kind u8 · payload
//! ```
//!
//! Sequence numbers rise by one from record to record, except where damage was set aside. The checksum covers
//! the length too, so no flipped bit passes. After an invalid stretch the next valid record is searched byte
//! by byte: if there is one, the stretch was damaged in the middle of the file; if there is none, it is the
//! tail of a write that a crash cut off, or damage at the end.

use super::damage::DamageList;
use crate::crash::crash_point;
use crate::error::{At, SinkError};
use crate::files::{self, Damage, quarantine_name, sync_dir, temporary};
use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 6] = b"GEMBAJ";
const VERSION: u16 = 1;
pub(super) const HEADER: u64 = 20;
const RECORD_HEADER: usize = 17;

/// The kinds of records, each with its byte. A record of a kind that is not among them is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Facts = 1,
    Retract = 2,
    Withdraw = 3,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Facts, Self::Retract, Self::Withdraw];

    fn known(byte: u8) -> bool {
        Self::ALL.iter().any(|kind| *kind as u8 == byte)
    }
}

/// A payload may be at most this long: what a caller appends in one entry is far smaller.
pub(super) const MAX_PAYLOAD: usize = 1 << 28;

/// The file name of the segment that begins with sequence number `first`.
pub(super) fn file_name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The first sequence number of a segment of this file name.
pub(super) fn first_of(path: &Path) -> Option<u64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".log")?;
    (stem.len() == 20).then(|| stem.parse().ok()).flatten()
}

/// The name of a file without its folder.
pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| "segment".into(), |n| n.to_string_lossy().into_owned())
}

fn header(first: u64) -> [u8; HEADER as usize] {
    let mut bytes = [0; HEADER as usize];
    bytes[..6].copy_from_slice(MAGIC);
    bytes[6..8].copy_from_slice(&VERSION.to_le_bytes());
    bytes[8..16].copy_from_slice(&first.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Appends one record to `out`.
pub(super) fn encode(sequence: u64, kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    let kind = kind as u8;
    let length = (payload.len() as u32).to_le_bytes();
    let sequence = sequence.to_le_bytes();
    let crc =
        [&sequence[..], &[kind], payload].iter().fold(crc32c::crc32c(&length), |c, b| crc32c::crc32c_append(c, b));
    out.extend_from_slice(&length);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&sequence);
    out.push(kind);
    out.extend_from_slice(payload);
}

/// The length, checksum, sequence number and kind in a record's header.
fn record_header(bytes: &[u8]) -> Option<(usize, u32, u64, u8)> {
    let length = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
    let crc = u32::from_le_bytes(bytes.get(4..8)?.try_into().ok()?);
    let sequence = u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?);
    Some((length, crc, sequence, *bytes.get(16)?))
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..4]), &header[8..RECORD_HEADER]);
    crc32c::crc32c_append(crc, payload)
}

/// Creates an empty segment, durably, and opens it for appending.
pub(super) fn create(dir: &Path, first: u64) -> Result<(PathBuf, File), SinkError> {
    let path = dir.join(file_name(first));
    let mut file = OpenOptions::new().append(true).create_new(true).open(&path).at(&path)?;
    #[cfg(test)]
    super::power::created(&path, &header(first));
    crash_point("journal.created");
    file.write_all(&header(first)).and_then(|()| file.sync_all()).at(&path)?;
    crash_point("journal.rolled");
    sync_dir(dir)?;
    Ok((path, file))
}

/// What stands at the reader's place.
pub(super) enum Step<'a> {
    /// A valid record: sequence number, payload.
    Record(u64, &'a [u8]),
    /// Bytes from this offset on that are no valid record.
    Bad(u64),
    /// The end of the file.
    End,
}

/// Reads a segment record by record, holding one record in memory.
pub(super) struct Reader {
    file: BufReader<File>,
    offset: u64,
    length: u64,
    payload: Vec<u8>,
    last: u64,
}

impl Reader {
    /// Opens a segment whose header must be valid.
    pub(super) fn open(path: &Path) -> Result<Self, SinkError> {
        let mut reader = Self::at_start(path)?;
        match reader.header(path)? {
            true => Ok(reader),
            false => Err(SinkError::Damaged {
                path: path.into(),
                detail: "damaged since it was opened; start again to set the damage aside".into(),
            }),
        }
    }

    /// Opens a segment that follows the sequence number `after`; `None` when its header is not valid.
    pub(super) fn begin(path: &Path, after: u64) -> Result<Option<Self>, SinkError> {
        let mut reader = Self::at_start(path)?;
        reader.last = after;
        Ok(reader.header(path)?.then_some(reader))
    }

    fn at_start(path: &Path) -> Result<Self, SinkError> {
        let file = File::open(path).at(path)?;
        let length = file.metadata().at(path)?.len();
        Ok(Self { file: BufReader::with_capacity(1 << 16, file), offset: 0, length, payload: Vec::new(), last: 0 })
    }

    /// Whether the header is valid; the place is then behind it.
    fn header(&mut self, path: &Path) -> Result<bool, SinkError> {
        let mut bytes = [0; HEADER as usize];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(SinkError::io(path, e)),
        }
        self.offset = HEADER;
        if bytes[..6] != MAGIC[..] || bytes[16..] != crc32c::crc32c(&bytes[..16]).to_le_bytes() {
            return Ok(false);
        }
        let version = u16::from_le_bytes([bytes[6], bytes[7]]);
        if version != VERSION {
            let (found, expected) = (version.into(), VERSION.into());
            return Err(SinkError::Version { path: path.into(), found, expected });
        }
        Ok(true)
    }

    /// The next step. After [`Step::Bad`] the reader must be moved by [`Reader::seek`].
    pub(super) fn step(&mut self, path: &Path) -> Result<Step<'_>, SinkError> {
        let left = self.length.saturating_sub(self.offset);
        if left == 0 {
            return Ok(Step::End);
        }
        let bad = Step::Bad(self.offset);
        let mut head = [0; RECORD_HEADER];
        if left < RECORD_HEADER as u64 {
            return Ok(bad);
        }
        self.file.read_exact(&mut head).at(path)?;
        let Some((length, crc, sequence, _)) = record_header(&head) else { return Ok(bad) };
        if length > MAX_PAYLOAD || length as u64 > left - RECORD_HEADER as u64 {
            return Ok(bad);
        }
        self.payload.resize(length, 0);
        self.file.read_exact(&mut self.payload).at(path)?;
        if crc != checksum(&head, &self.payload) || sequence <= self.last {
            return Ok(bad);
        }
        self.last = sequence;
        self.offset += (RECORD_HEADER + length) as u64;
        Ok(Step::Record(sequence, &self.payload))
    }

    pub(super) fn seek(&mut self, path: &Path, offset: u64) -> Result<(), SinkError> {
        self.offset = offset;
        self.file.seek(SeekFrom::Start(offset)).at(path).map(drop)
    }
}

/// A segment as found, and put into order.
pub(super) struct Scan {
    /// The last sequence number in it; `None` when it holds no record.
    pub(super) last: Option<u64>,
    /// Its length now.
    pub(super) length: u64,
    /// What was set aside.
    pub(super) damage: Vec<Damage>,
}

/// Reads a segment through, sets damaged stretches aside and cuts a torn tail (only the last segment can
/// have one). `after` is the last sequence number of the segment before.
pub(super) fn recover(
    path: &Path,
    mut aside: (&Path, &mut DamageList),
    after: u64,
    is_last: bool,
) -> Result<Scan, SinkError> {
    let mut reader = Reader::at_start(path)?;
    reader.last = after;
    if is_last && reader.length < HEADER {
        // The crash came while it was created, before it held anything.
        tracing::warn!(file = %path.display(), "unfinished journal segment begun anew");
        files::replace(path, &header(first_of(path).unwrap_or(0)))?;
        return Ok(Scan { last: None, length: HEADER, damage: Vec::new() });
    }
    let mut bad: Vec<Range<u64>> = Vec::new();
    let headless = !reader.header(path)?;
    if headless {
        let start = resume(path, 0, after)?.unwrap_or(reader.length);
        bad.push(0..start);
        reader.seek(path, start)?;
    }
    let mut last = None;
    loop {
        match reader.step(path)? {
            Step::Record(sequence, ..) => last = Some(sequence),
            Step::End => break,
            Step::Bad(offset) => {
                let next = resume(path, offset, reader.last)?.unwrap_or(reader.length);
                bad.push(offset..next);
                reader.seek(path, next)?;
            }
        }
    }
    let length = reader.length;
    drop(reader);
    let mut scan = Scan { last, length, damage: Vec::new() };
    let tail = bad.pop_if(|r| !headless && is_last && r.end == length);
    if !bad.is_empty() {
        scan.damage = rewrite(path, &mut aside, &bad, headless)?;
        scan.length = std::fs::metadata(path).at(path)?.len();
    }
    if let Some(tail) = tail {
        let bytes = tail.end - tail.start;
        scan.damage.extend(cut(path, &mut aside, scan.length - bytes..scan.length)?);
        scan.length -= bytes;
    }
    Ok(scan)
}

/// The offset of the first valid record after `from` whose sequence number lies behind `last`.
pub(super) fn resume(path: &Path, from: u64, last: u64) -> Result<Option<u64>, SinkError> {
    let mut file = File::open(path).at(path)?;
    file.seek(SeekFrom::Start(from)).at(path)?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).at(path)?;
    for start in 0..rest.len().saturating_sub(RECORD_HEADER - 1) {
        let Some((length, crc, sequence, kind)) = record_header(&rest[start..]) else { continue };
        // The cheap tests first: a checksum over every plausible length would take for ever.
        if !Kind::known(kind) || sequence <= last || sequence - last > u64::from(u32::MAX) {
            continue;
        }
        let body = start + RECORD_HEADER;
        if let Some(payload) = body.checked_add(length).and_then(|end| rest.get(body..end))
            && crc == checksum(&rest[start..body], payload)
        {
            return Ok(Some(from + start as u64));
        }
    }
    Ok(None)
}

/// Whether what begins at `offset` is as long as it says: then it may have been promised to somebody.
pub(super) fn complete_at(path: &Path, offset: u64) -> Result<bool, SinkError> {
    let mut file = File::open(path).at(path)?;
    file.seek(SeekFrom::Start(offset)).at(path)?;
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).at(path)?;
    Ok(complete(&rest))
}

/// Zeroes are what a file system leaves of a write that never came; they are no record.
fn complete(bytes: &[u8]) -> bool {
    bytes.iter().any(|b| *b != 0)
        && record_header(bytes).is_some_and(|(length, ..)| RECORD_HEADER + length <= bytes.len())
}

/// Replaces a segment by its valid parts; the whole of what it was goes to the quarantine.
fn rewrite(
    path: &Path,
    (quarantine, damaged): &mut (&Path, &mut DamageList),
    bad: &[Range<u64>],
    headless: bool,
) -> Result<Vec<Damage>, SinkError> {
    let whole = std::fs::read(path).at(path)?;
    let mut kept = Vec::with_capacity(whole.len());
    if headless {
        kept.extend_from_slice(&header(first_of(path).unwrap_or(0)));
    }
    let mut from = 0;
    for range in bad {
        kept.extend_from_slice(&whole[from..range.start as usize]);
        from = range.end as usize;
    }
    kept.extend_from_slice(&whole[from..]);
    let aside = quarantine_name(quarantine, &name_of(path))?;
    files::replace(&aside, &whole)?;
    damaged.add(path, (0, &whole), bad, &aside)?;
    // The original goes only when both the copy and the replacement are durable.
    let new = temporary(path);
    let mut file = File::create(&new).at(&new)?;
    file.write_all(&kept).and_then(|()| file.sync_all()).at(&new)?;
    files::publish(&new, path)?;
    let ranges = bad.iter().map(|r| format!("{}..{}", r.start, r.end)).collect::<Vec<_>>().join(", ");
    let detail = format!("bytes {ranges} are no valid records; the entries in them are lost, the others were kept");
    tracing::error!(file = %path.display(), copied_to = %aside.display(), detail, "journal damaged");
    Ok(vec![Damage { path: path.into(), quarantined: Some(aside), detail }])
}

/// Cuts the tail off. An incomplete or zeroed record is what a crash leaves: nobody was promised it. A
/// complete record with a wrong checksum may have been promised, and is reported as damage.
fn cut(
    path: &Path,
    (quarantine, damaged): &mut (&Path, &mut DamageList),
    tail: Range<u64>,
) -> Result<Option<Damage>, SinkError> {
    let mut file = OpenOptions::new().read(true).write(true).open(path).at(path)?;
    file.seek(SeekFrom::Start(tail.start)).at(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).at(path)?;
    let mut damage = None;
    if bytes.iter().any(|b| *b != 0) {
        let aside =
            quarantine_name(quarantine, &format!("{:020}-tail-{}.bin", first_of(path).unwrap_or(0), tail.start))?;
        files::replace(&aside, &bytes)?;
        if complete(&bytes) {
            let range = tail.start..tail.start + bytes.len() as u64;
            damaged.add(path, (tail.start, &bytes), &[range], &aside)?;
            let detail = format!("the end from byte {} on is no valid record", tail.start);
            tracing::error!(file = %path.display(), copied_to = %aside.display(), detail, "journal damaged");
            damage = Some(Damage { path: path.into(), quarantined: Some(aside), detail });
        } else {
            tracing::warn!(file = %path.display(), bytes = bytes.len(), kept_at = %aside.display(), "torn tail cut");
        }
    }
    file.set_len(tail.start).and_then(|()| file.sync_all()).at(path)?;
    Ok(damage)
}
