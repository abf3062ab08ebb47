//! The lake: every fact for ever and every view, as Parquet files that anyone may read while they are written.
//!
//! ```text
//! lake/facts/<kind>/date=YYYY-MM-DD/part-N.parquet      added; compacted; rewritten when facts are retracted
//! lake/views/<view>/date=YYYY-MM-DD/part-N.parquet      one per day, rewritten from the store when dirty
//! lake/changes/<view>/date=YYYY-MM-DD/part-N.parquet    what became of a view, by the date of the commit; see `changes`
//! lake/manifest.json                                    which files these are, with rows, bytes, crc32c
//! lake/catalog.duckdb                                   SQL views over exactly those files
//! lake/site.toml                                        the site as of the epoch
//! lake/listed.json                                      since when plates are on its lists; see `listed`
//! ```
//!
//! In: facts that the journal holds, partitions of views that changed. Out: all facts, to load correlate; the
//! tables, to whoever has DuckDB.
//!
//! Order of durable effects of a publication: files of facts, files of views, manifest, catalog; the caller
//! then releases the journal. A crash between any two leaves the old manifest or the new one, and files that
//! none lists, which the next start removes. Invariants: a listed file is never changed; a superseded one
//! stays for a grace period, because a reader may have opened the catalog that lists it, and the manifest
//! forgets it before it is unlinked. A file number is never given twice. What retention took out stays out, and
//! what was derived from it stays as it is: see `retain`.

mod adopt;
mod as_of;
mod catalog;
mod changes;
mod check;
mod compact;
mod finals;
mod ids;
mod listed;
mod manifest;
mod order;
mod parquet;
mod publish;
mod query;
mod retain;
mod seal;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod tests_keep;

pub use as_of::query_as_of;
pub(crate) use check::{LakeCheck, check};
pub use finals::FinalRows;
pub use listed::Listed;
pub use publish::Publish;
pub use query::{DiffOptions, ViewDiff, diff, diff_with, query};
pub use retain::{Amount, Kept, Leaving};
pub use seal::SealedDay;

use crate::duck::{self, Mode, instant, stream, text};
use crate::error::SinkError;
use crate::files::{Damage, create_dir};
use crate::journal::Withdrawal;
use crate::store::{EpochRow, Store};
use duckdb::Connection;
use gemba_schemas::fact::{Fact, FactKind};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::site::Retention;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use manifest::{LakeFile, Manifest, Part};
use order::parts;
use parquet::Generations;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a superseded file stays.
const GRACE: Duration = Duration::from_secs(60);

/// Facts that can be withdrawn at once.
pub const MOST_WITHDRAWN: usize = 100_000;

/// A day of a view: one partition.
pub type Partition = (ViewKind, String);

/// Which events are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRange {
    /// From this instant on.
    pub from: EventTime,
    /// Before this instant.
    pub to: EventTime,
    /// Of this worker only.
    pub worker: Option<Name>,
    /// At this station only.
    pub station: Option<Name>,
}

impl EventRange {
    /// Whether this fact is one of them.
    pub fn holds(&self, fact: &Fact) -> bool {
        let (ts, worker, station) = match fact {
            Fact::Activity(f) => (f.ts, f.worker, f.station),
            Fact::Production(f) => (f.ts, f.worker, f.station),
            _ => return false,
        };
        (self.from..self.to).contains(&ts)
            && self.worker.is_none_or(|w| w == worker)
            && self.station.is_none_or(|s| s == station)
    }
}

/// The lake of one data directory. See the module's documentation.
#[derive(Debug)]
pub struct Lake {
    dir: PathBuf,
    manifest: Manifest,
    connection: Connection,
    writable: bool,
    grace: Duration,
    damage: Vec<Damage>,
    catalog_stale: bool,
    /// Set when it is unknown which manifest the disk holds.
    poisoned: Option<String>,
    /// Bytes from which a file is left as it is by compaction.
    compacted_bytes: u64,
    /// How long what is kept, and the data directory with the pictures.
    retention: Option<(Retention, PathBuf)>,
    /// The day (since 1970) on which retention was last seen to; 0 before.
    retained_on: u64,
}

impl Lake {
    /// Opens the lake in `dir` (created) for publishing: removes what an interrupted publication left, checks
    /// that the listed files are there, and makes the catalog anew (a new lake has none yet). One process at a time; see
    /// [`DirLock`](crate::DirLock).
    pub fn open(dir: &Path) -> Result<Self, SinkError> {
        create_dir(dir)?;
        let manifest = match Manifest::read(dir)? {
            Some(manifest) => manifest,
            None => {
                if let Some(path) = parts(dir)?.first() {
                    return Err(SinkError::Damaged {
                        path: path.clone(),
                        detail: "the lake holds files but no manifest.json: restore it or move the folder away".into(),
                    });
                }
                let manifest = Manifest::new();
                manifest.write(dir)?;
                manifest
            }
        };
        let mut lake = Self::over(dir, manifest, true)?;
        lake.check_files()?;
        // First the catalog: the last run may have ended before it could say which files are superseded. Of a lake
        // that was never published there is nothing to show; its first publication makes the first catalog.
        lake.catalog_stale = lake.manifest.is_empty() && !dir.join(catalog::CATALOG).exists();
        if !lake.catalog_stale {
            lake.refresh_catalog();
        }
        if !lake.catalog_stale {
            lake.remove_superseded()?;
        }
        lake.remove_strays()?;
        Ok(lake)
    }

    /// Opens a lake that may belong to another process, and writes nothing.
    pub fn open_read(dir: &Path) -> Result<Self, SinkError> {
        let dir = locate(dir);
        let manifest = Manifest::read(&dir)?
            .ok_or_else(|| SinkError::Request(format!("{} is no lake: it has no manifest.json", dir.display())))?;
        Self::over(&dir, manifest, false)
    }

    fn over(dir: &Path, manifest: Manifest, writable: bool) -> Result<Self, SinkError> {
        let spill = if writable { dir.join(".spill") } else { std::env::temp_dir().join("gemba-spill") };
        let connection = duck::open(None, Mode::Write, Some(&spill))
            .map_err(|e| SinkError::duck("opening a database in memory", dir, e))?;
        Ok(Self {
            dir: dir.into(),
            manifest,
            connection,
            writable,
            grace: GRACE,
            damage: Vec::new(),
            catalog_stale: false,
            poisoned: None,
            compacted_bytes: 64 << 20,
            retention: None,
            retained_on: 0,
        })
    }

    /// The same lake with another grace period for superseded files (60 s otherwise).
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The facts of journal entries through this are in the lake.
    pub fn journal_seq(&self) -> u64 {
        self.manifest.journal_seq
    }

    /// The lake's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The epoch that the views are of.
    pub fn epoch(&self) -> Option<&EpochRow> {
        self.manifest.epoch.as_ref()
    }

    /// What was found damaged on opening and set aside.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Number of listed files, their rows and their bytes, facts only.
    pub fn fact_totals(&self) -> (usize, u64, u64) {
        let files = self.manifest.files.iter().filter(|f| f.part == Part::Facts);
        files.fold((0, 0, 0), |(n, rows, bytes), f| (n + 1, rows + f.rows, bytes + f.bytes))
    }

    /// Every partition that the store or the lake has: what is dirty after a rebuild of the store.
    pub fn partitions(&self, store: &Store) -> Result<BTreeSet<Partition>, SinkError> {
        let mut all = BTreeSet::new();
        for &view in ViewKind::ALL {
            all.extend(store.dates(view)?.into_iter().map(|date| (view, date)));
            all.extend(self.manifest.of(Part::Views, view.table().name).map(|f| (view, f.date.clone())));
        }
        Ok(all)
    }

    /// Hands every fact that is not sealed to `f`, some thousands at a time, by kind and date; memory does not grow with the lake.
    pub fn facts(&self, f: &mut dyn FnMut(Vec<Fact>) -> Result<(), SinkError>) -> Result<(), SinkError> {
        for &kind in FactKind::ALL {
            self.read(kind, |_| true, "", f)?;
        }
        Ok(())
    }

    /// The facts of one generation.
    pub fn facts_of(&self, camera: Name, generation: Generation) -> Result<Vec<Fact>, SinkError> {
        let filter = format!("WHERE camera = {} AND generation = {}", text(camera.as_str()), generation.0);
        let mut all = Vec::new();
        for &kind in FactKind::ALL {
            self.read(kind, |file| file.holds(camera, generation), &filter, &mut |facts| {
                all.extend(facts);
                Ok(())
            })?;
        }
        Ok(all)
    }

    /// The facts of clients of `kinds` that satisfy a condition, in SQL, on the columns of a kind's table.
    fn client_facts(&self, kinds: &[FactKind], condition: impl Fn(FactKind) -> String) -> Result<Vec<Fact>, SinkError> {
        let mut all: Vec<Fact> = Vec::new();
        for &kind in kinds {
            let filter = format!("WHERE {}", condition(kind));
            let mut take = |facts: Vec<Fact>| {
                all.extend(facts);
                match all.len() {
                    ..=MOST_WITHDRAWN => Ok(()),
                    _ => Err(SinkError::Request(format!("more than {MOST_WITHDRAWN} facts at once"))),
                }
            };
            self.read(kind, |_| true, &filter, &mut take)?;
            self.late_facts_of(kind, &filter, &mut take)?;
        }
        Ok(all)
    }

    /// The facts that a withdrawal is about.
    pub fn withdrawn(&self, withdrawal: &Withdrawal) -> Result<Vec<Fact>, SinkError> {
        let kinds: Vec<_> = FactKind::ALL.iter().copied().filter(|k| k.is_client()).collect();
        let ids: Vec<_> = withdrawal.ids.iter().map(|id| id.0.to_string()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.client_facts(&kinds, |kind| format!("{} IN ({})", ids::of(kind.table_name()), ids.join(", ")))
    }

    /// Events of workers in a range of event time, of one worker or station if asked for. [`SinkError::Request`] when these
    /// are more than [`MOST_WITHDRAWN`].
    pub fn events(&self, wanted: &EventRange) -> Result<Vec<Fact>, SinkError> {
        let mut conditions = vec![format!("ts >= {} AND ts < {}", instant(wanted.from.0), instant(wanted.to.0))];
        conditions.extend(wanted.worker.map(|w| format!("worker = {}", text(w.as_str()))));
        conditions.extend(wanted.station.map(|s| format!("station = {}", text(s.as_str()))));
        self.client_facts(&[FactKind::Activity, FactKind::Production], |_| conditions.join(" AND "))
    }

    /// The facts of one kind that are not sealed.
    fn read(
        &self,
        kind: FactKind,
        wanted: impl Fn(&LakeFile) -> bool,
        filter: &str,
        f: &mut dyn FnMut(Vec<Fact>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        self.read_files(kind, |file| self.is_loaded(kind, file) && wanted(file), filter, f)
    }

    fn read_files(
        &self,
        kind: FactKind,
        wanted: impl Fn(&LakeFile) -> bool,
        filter: &str,
        f: &mut dyn FnMut(Vec<Fact>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let table = kind.table();
        let files: Vec<_> = self.manifest.of(Part::Facts, table.name).filter(|file| wanted(file)).collect();
        if files.is_empty() {
            return Ok(());
        }
        let paths: Vec<_> = files.iter().map(|file| text(&self.dir.join(&file.path).to_string_lossy())).collect();
        let sql = format!("SELECT * FROM {} {filter}", catalog::read(&table, &paths));
        let decode = |batch| {
            let mut facts = kind.decode(&batch).map_err(|source| SinkError::Column { table: table.name, source })?;
            facts.iter_mut().for_each(Fact::complete);
            if facts.is_empty() { Ok(()) } else { f(facts) }
        };
        let fail = |e| SinkError::duck(format!("reading the facts {}", table.name), &self.dir, e);
        stream(&self.connection, &sql, [], decode, fail).map(drop)
    }

    /// Makes the catalog anew. Without it the lake is whole: readers see the epoch before, and the next
    /// publication tries again.
    fn refresh_catalog(&mut self) {
        self.catalog_stale = false;
        if let Err(error) = catalog::write(&self.dir, &self.manifest) {
            tracing::error!(%error, "the catalog could not be written; it stays at the epoch before");
            self.catalog_stale = true;
        }
    }
}

/// The lake's folder, given that folder or a data directory with a `lake` in it.
fn locate(dir: &Path) -> PathBuf {
    let inner = dir.join("lake");
    if !dir.join(manifest::MANIFEST).is_file() && inner.join(manifest::MANIFEST).is_file() { inner } else { dir.into() }
}
