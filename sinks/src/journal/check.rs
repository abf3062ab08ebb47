//! Looking at a journal without changing it.

use super::{Entry, segment};
use crate::error::{At, SinkError};
use crate::verify::Findings;
use segment::{Reader, Step};
use std::path::{Path, PathBuf};

/// What a look at the journal counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct JournalCheck {
    /// Segments.
    pub(crate) segments: u64,
    /// Valid entries.
    pub(crate) entries: u64,
    /// The last sequence number; 0 when there is none.
    pub(crate) last: u64,
}

/// Reads every segment in `dir` and reports what is no valid entry. With `live` another process appends: the end
/// of the last segment then says nothing.
pub(crate) fn check(dir: &Path, live: bool, findings: &mut Findings) -> Result<JournalCheck, SinkError> {
    let mut done = JournalCheck::default();
    if !dir.is_dir() {
        return Ok(done);
    }
    let mut segments: Vec<(u64, PathBuf)> = Vec::new();
    for file in std::fs::read_dir(dir).at(dir)? {
        let path = file.at(dir)?.path();
        segments.extend(segment::first_of(&path).map(|first| (first, path)));
    }
    segments.sort();
    let count = segments.len();
    for (i, (first, path)) in segments.iter().enumerate() {
        done.segments += 1;
        done.last = done.last.max(first.saturating_sub(1));
        match one(path, i + 1 == count, live, &mut done, findings) {
            // The process that works here has released it meanwhile.
            Err(SinkError::Io { source, .. }) if live && source.kind() == std::io::ErrorKind::NotFound => {}
            Err(error @ (SinkError::Version { .. } | SinkError::Io { .. })) => {
                findings.problem("journal", path, error.to_string(), "use the gemba that wrote it");
            }
            other => other?,
        }
    }
    Ok(done)
}

fn one(
    path: &Path,
    is_last: bool,
    live: bool,
    done: &mut JournalCheck,
    findings: &mut Findings,
) -> Result<(), SinkError> {
    let Some(mut reader) = Reader::begin(path, done.last)? else {
        if is_last {
            findings.note("journal", path, "was being created when the process ended", "the next start completes it");
        } else {
            findings.problem("journal", path, "its head is damaged", HELP);
        }
        return Ok(());
    };
    loop {
        match reader.step(path)? {
            Step::End => return Ok(()),
            Step::Record(sequence, payload) => {
                if let Err(e) = postcard::from_bytes::<Entry>(payload) {
                    let what = format!("entry {sequence} is of another vocabulary ({e})");
                    findings.problem("journal", path, what, "use the gemba that wrote it");
                }
                done.entries += 1;
                done.last = sequence;
            }
            Step::Bad(offset) => match segment::resume(path, offset, done.last)? {
                Some(next) => {
                    let what = format!("bytes {offset}..{next} are no valid entries");
                    findings.problem("journal", path, what, HELP);
                    reader.seek(path, next)?;
                }
                None if is_last && live => return Ok(()),
                None if is_last && !segment::complete_at(path, offset)? => {
                    let what = format!("byte {offset} begins an entry that was never finished; nobody was promised it");
                    findings.note("journal", path, what, "the next start cuts it off");
                    return Ok(());
                }
                None => {
                    let what = format!("from byte {offset} on there are no valid entries");
                    findings.problem("journal", path, what, HELP);
                    return Ok(());
                }
            },
        }
    }
}

const HELP: &str = "the next start keeps the valid entries and copies the file to journal/quarantine; what is lost \
                    must be sent or read again";
