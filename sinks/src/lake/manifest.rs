//! `lake/manifest.json`: which files are the lake. One rename moves every reader from one epoch to the next.

use crate::error::{At, SinkError};
use crate::files::replace;
use crate::store::EpochRow;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::registry::{self, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) const MANIFEST: &str = "manifest.json";
const VERSION: u32 = 1;

/// The parts of a lake, each a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Facts,
    Views,
    Changes,
}

impl Part {
    pub(super) const ALL: [Self; 3] = [Self::Facts, Self::Views, Self::Changes];

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Facts => "facts",
            Self::Views => "views",
            Self::Changes => "changes",
        }
    }

    /// The tables of this part.
    pub(super) fn tables(self) -> Vec<Table> {
        match self {
            Self::Facts => registry::facts(),
            Self::Views => registry::views(),
            Self::Changes => registry::changes(),
        }
    }

    /// The table of this name.
    pub(super) fn table(self, name: &str) -> Option<Table> {
        self.tables().into_iter().find(|t| t.name == name)
    }
}

/// A listed file. It is never changed; another takes its place and this one is superseded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LakeFile {
    pub(super) part: Part,
    /// Name of the fact kind, the view or the table of changes.
    pub(super) table: String,
    /// UTC date of every row's bucket.
    pub(super) date: String,
    /// Path below the lake's folder, with `/`.
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) crc32c: u32,
    /// Smallest and largest bucket, µs UTC.
    pub(super) min_ts: i64,
    pub(super) max_ts: i64,
    /// Of a file of facts: which generations of which cameras it holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) generations: BTreeMap<String, BTreeSet<i64>>,
}

impl LakeFile {
    /// Whether it may hold facts of this generation.
    pub(super) fn holds(&self, camera: Name, generation: Generation) -> bool {
        self.part == Part::Facts && self.generations.get(camera.as_str()).is_some_and(|g| g.contains(&generation.0))
    }
}

/// A file that is no longer listed but may still be read through an older catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Superseded {
    pub(super) path: String,
    /// Wall-clock seconds at which it was superseded.
    pub(super) since: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) version: u32,
    /// The epoch that the views are of; `None` before the first publication.
    pub(super) epoch: Option<EpochRow>,
    /// The facts of journal entries through this are in the lake.
    pub(super) journal_seq: u64,
    /// The number of the next file; never given twice.
    pub(super) next_file: u64,
    pub(super) files: Vec<LakeFile>,
    pub(super) superseded: Vec<Superseded>,
    /// Changes of views through this tick are in the lake.
    #[serde(default)]
    pub(super) changes_through: u64,
    /// The latest instant at which one of these was committed, µs UTC.
    #[serde(default)]
    pub(super) changes_until: i64,
    /// A file of changes was lost: what is left does not add up to the views until the store is rebuilt.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) changes_lost: bool,
    /// Views and dates whose file was found damaged and that are still to be written again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) stale: BTreeSet<(String, String)>,
    /// Facts of UTC dates before this one have left; see `retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) facts_from: Option<String>,
    /// Facts of UTC dates before this one are not loaded any more; see `seal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sealed_from: Option<String>,
    /// Rows of views of UTC dates before this one have left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) views_from: Option<String>,
}

impl Manifest {
    pub(super) fn new() -> Self {
        Self { version: VERSION, next_file: 1, ..Self::default() }
    }

    /// Whether nothing was ever published.
    pub(super) fn is_empty(&self) -> bool {
        self.epoch.is_none() && self.files.is_empty()
    }

    /// The manifest of the lake in `dir`, or `None` when there is none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>, SinkError> {
        let path = dir.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.at(&path)?,
        };
        let damaged = |e: serde_json::Error| SinkError::Damaged {
            path: path.clone(),
            detail: format!("not a manifest ({e}): restore it from a backup"),
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let found = serde_json::from_slice::<Version>(&text).map_err(damaged)?.version;
        if found != VERSION {
            return Err(SinkError::Version { path, found, expected: VERSION });
        }
        serde_json::from_slice(&text).map(Some).map_err(damaged)
    }

    /// Makes this the lake's manifest.
    pub(super) fn write(&self, dir: &Path) -> Result<(), SinkError> {
        let path = dir.join(MANIFEST);
        let mut text = serde_json::to_vec(self).map_err(|e| SinkError::Request(format!("manifest: {e}")))?;
        text.push(b'\n');
        replace(&path, &text)
    }

    /// The files of one table, by date and age.
    pub(super) fn of<'a>(&'a self, part: Part, table: &'a str) -> impl Iterator<Item = &'a LakeFile> {
        self.files.iter().filter(move |f| f.part == part && f.table == table)
    }

    /// Takes a file off the list and keeps it for those who still read it.
    pub(super) fn supersede(&mut self, path: &str, now: u64) {
        self.files.retain(|f| f.path != path);
        self.superseded.push(Superseded { path: path.into(), since: now });
    }

    /// Forgets the superseded files whose grace is over, and returns their paths.
    pub(super) fn expire(&mut self, now: u64, grace: u64) -> Vec<String> {
        let over = |s: &Superseded| now.saturating_sub(s.since) >= grace;
        self.superseded.extract_if(.., |s| over(s)).map(|s| s.path).collect()
    }

    /// Orders the files by part, table, date and number, so that the manifest and what is read from it do
    /// not depend on history.
    pub(super) fn sort(&mut self) {
        self.files.sort_by(|a, b| (a.part, &a.table, &a.date, &a.path).cmp(&(b.part, &b.table, &b.date, &b.path)));
    }
}
