//! Is everything as it was written? A look at a whole data directory that changes nothing.
//!
//! In: a data directory. Out: what is wrong ([`Report::problems`]) and what a crash or another process explains
//! ([`Report::notes`]), each with its file and what to do. Checked are every entry of the journal, every row of the
//! store against its digests, every file of the lake against the manifest, the catalog against the manifest, and
//! the views in the lake and the changes of views against the store.
//!
//! While another process works on the directory, the store is its own and the journal's last entry may be half
//! written; the rest is checked, and the report says so.

#[cfg(test)]
mod tests;

use crate::data_dir::{DataPaths, Held, held};
use crate::error::SinkError;
use crate::{journal, lake, store};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `journal`, `store`, `lake` or `catalog`.
    pub part: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub what: String,
    /// What to do about it, or what will be done.
    pub todo: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}; {}", self.part, self.path.display(), self.what, self.todo)
    }
}

/// What is found, while it is being found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<Finding>,
    notes: Vec<Finding>,
}

impl Findings {
    pub(crate) fn problem(&mut self, part: &'static str, path: &Path, what: impl Into<String>, todo: &str) {
        self.problems.push(Finding { part, path: path.into(), what: what.into(), todo: todo.into() });
    }

    pub(crate) fn note(&mut self, part: &'static str, path: &Path, what: impl Into<String>, todo: &str) {
        self.notes.push(Finding { part, path: path.into(), what: what.into(), todo: todo.into() });
    }
}

/// What a look at a data directory found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What is wrong.
    pub problems: Vec<Finding>,
    /// What is not as it will be, and no harm.
    pub notes: Vec<Finding>,
    /// The process that works on the directory, if one does; then the store was not looked at.
    pub in_use_by: Option<String>,
    /// Entries in the journal.
    pub journal_entries: u64,
    /// Files that the lake lists.
    pub lake_files: u64,
    /// Facts in them.
    pub lake_facts: u64,
    /// Rows of views in the store.
    pub store_rows: u64,
    /// Digest of the store's last epoch.
    pub digest: Option<String>,
}

/// Checks everything. `program` is the `gemba` binary, whose `probe-store` tries the store in a process of its own:
/// a damaged one can end the process that opens it.
///
/// # Errors
/// [`SinkError::Request`] when there is no data directory; what cannot be read for another reason than damage.
pub fn verify(paths: &DataPaths, program: Option<&Path>) -> Result<Report, SinkError> {
    if !paths.dir.is_dir() && !paths.lake.is_dir() {
        return Err(SinkError::Request(format!("{} is no data directory", paths.dir.display())));
    }
    let mut findings = Findings::default();
    // Kept to the end: nobody begins to write meanwhile.
    let holder = held(paths)?;
    let in_use_by = match &holder {
        Held::Free(_) => None,
        Held::By(pid) => Some(pid.clone()),
    };
    let live = in_use_by.is_some();
    let journal = journal::check(&paths.journal(), live, &mut findings)?;
    let lake = lake::check(&paths.lake, live, &mut findings)?;
    let stored = match &in_use_by {
        None => store::check(&paths.store, program, lake.as_ref(), &mut findings)?,
        Some(pid) => {
            let what = format!("is in use by process {pid}: not looked at");
            findings.note("store", &paths.store, what, "stop it to check the store too");
            store::StoreCheck::default()
        }
    };
    let Findings { problems, notes } = findings;
    Ok(Report {
        problems,
        notes,
        in_use_by,
        journal_entries: journal.entries,
        lake_files: lake.as_ref().map_or(0, |l| l.files),
        lake_facts: lake.as_ref().map_or(0, |l| l.facts),
        store_rows: stored.rows,
        digest: stored.epoch.map(|e| e.digest),
    })
}
