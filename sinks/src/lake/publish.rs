//! One publication: what is new since the last one becomes files, and one rename makes them the lake.

use super::manifest::{LakeFile, Manifest, Part};
use super::order::seconds;
use super::parquet::{Draft, Generations, Place, on_date, unlink};
use super::{Lake, Partition};
use crate::crash::crash_point;
use crate::duck::{create_table, file_order, ident, text};
use crate::error::SinkError;
use crate::files::replace;
use crate::journal::Withdrawal;
use crate::store::Pinned;
use duckdb::Connection;
use gemba_schemas::fact::{Fact, FactKind};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::registry::Table;
use gemba_schemas::view::ViewKind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rows in one new file of facts; compaction joins them later.
const FILE_ROWS: usize = 1 << 18;

/// Rows handed to DuckDB at a time.
const CHUNK: usize = 1 << 14;

/// What one publication adds.
pub struct Publish<'a> {
    /// Facts of the journal's entries after [`Lake::journal_seq`], without those that a later entry retracted, in batches.
    pub facts: &'a [Vec<Fact>],
    /// Generations whose facts *published before* are void. Facts of them in `facts` are new, and stay.
    pub retracted: &'a [(Name, Generation)],
    /// Facts of clients *published before* that are void.
    pub withdrawn: &'a [Withdrawal],
    /// The last journal entry that `facts` and `retracted` account for.
    pub journal_seq: u64,
    /// The store at its last epoch, which may be behind it by the time that this ends.
    pub store: &'a Pinned,
    /// The partitions of views that changed since the last publication.
    pub dirty: &'a BTreeSet<Partition>,
    /// The text of `site.toml`, kept beside the tables; when empty, what is there stays.
    pub site: &'a str,
}

/// A publication under way: the manifest to be, and the files made for it.
pub(super) struct Attempt<'a> {
    pub(super) dir: &'a Path,
    pub(super) connection: &'a Connection,
    pub(super) next: Manifest,
    pub(super) made: Vec<LakeFile>,
    pub(super) now: u64,
}

impl Lake {
    /// Publishes. When this returns `Ok`, the manifest is durable: the caller may release the journal through
    /// [`Lake::journal_seq`], and let the store forget the changes through [`Lake::changes_through`].
    ///
    /// # Errors
    /// Nothing is published, and the call may be repeated, except after [`SinkError::Poisoned`], which needs
    /// a new start. [`SinkError::Request`]: the facts are published already, or the epoch is not pinned any more.
    pub fn publish(&mut self, p: Publish<'_>) -> Result<(), SinkError> {
        if let Some(detail) = self.poisoned.clone() {
            return Err(SinkError::Poisoned { path: self.dir.clone(), detail });
        }
        self.check(&p)?;
        let now = seconds();
        let mut dirty = p.dirty.clone();
        let stale = self.manifest.stale.iter();
        dirty.extend(stale.filter_map(|(view, date)| Some((ViewKind::by_name(view)?, date.clone()))));
        // What has left the lake stays out of it.
        dirty.retain(|(_, date)| self.manifest.views_from.as_ref().is_none_or(|from| date >= from));
        let mut attempt = Attempt {
            dir: &self.dir,
            connection: &self.connection,
            next: self.manifest.clone(),
            made: Vec::new(),
            now,
        };
        // An analyst may still read them through a catalog that could not be replaced.
        let expired = match self.catalog_stale {
            false => attempt.next.expire(now, self.grace.as_secs()),
            true => Vec::new(),
        };
        let prepared = attempt.prepare(&p, &dirty, self.compacted_bytes);
        let Attempt { mut next, made, .. } = attempt;
        if let Err(error) = prepared {
            discard(&self.dir, &made);
            return Err(error);
        }
        next.epoch = Some(p.store.epoch().clone());
        next.journal_seq = p.journal_seq;
        next.stale.clear();
        next.sort();
        if !p.site.is_empty() {
            let path = self.dir.join("site.toml");
            if std::fs::read(&path).ok().as_deref() != Some(p.site.as_bytes()) {
                replace(&path, p.site.as_bytes())?;
            }
        }
        crash_point("lake.files");
        if next != self.manifest {
            if let Err(error) = self.replace_manifest(next) {
                // Where it is unknown which manifest the disk holds, no file of either may go.
                if self.poisoned.is_none() {
                    discard(&self.dir, &made);
                }
                return Err(error);
            }
            self.catalog_stale = true;
        }
        crash_point("lake.manifest");
        if self.catalog_stale {
            self.refresh_catalog();
        }
        crash_point("lake.catalog");
        for path in expired {
            if let Err(error) = unlink(&self.dir.join(path)) {
                tracing::warn!(%error, "superseded file not removed; the next start does it");
            }
        }
        self.retain_daily(p.store.epoch().now);
        Ok(())
    }

    /// Makes `next` the lake's manifest. After an error the old one holds, or the lake is poisoned.
    pub(super) fn replace_manifest(&mut self, next: Manifest) -> Result<(), SinkError> {
        if let Err(error) = next.write(&self.dir) {
            if matches!(Manifest::read(&self.dir), Ok(Some(still)) if still == self.manifest) {
                return Err(error);
            }
            // It has its name, perhaps not durably.
            self.poisoned = Some(error.to_string());
            return Err(SinkError::Poisoned { path: self.dir.clone(), detail: error.to_string() });
        }
        self.manifest = next;
        Ok(())
    }

    fn check(&self, p: &Publish<'_>) -> Result<(), SinkError> {
        if !self.writable {
            return Err(SinkError::Request(format!("the lake {} was opened for reading", self.dir.display())));
        }
        let published = self.manifest.journal_seq;
        let news = p.facts.iter().any(|batch| !batch.is_empty()) || !p.retracted.is_empty() || !p.withdrawn.is_empty();
        let first = self.manifest.epoch.is_none();
        if p.journal_seq < published || (p.journal_seq == published && news && !first) {
            return Err(SinkError::Request(format!(
                "journal entries through {published} are in the lake already, these end at {}",
                p.journal_seq
            )));
        }
        Ok(())
    }
}

impl Attempt<'_> {
    fn prepare(&mut self, p: &Publish<'_>, dirty: &BTreeSet<Partition>, compacted: u64) -> Result<(), SinkError> {
        self.retract(p.retracted)?;
        self.withdraw(p.withdrawn)?;
        self.add(p.facts)?;
        p.store.read(|store| self.changes(store, p.store.epoch().tick))?;
        self.compact(compacted)?;
        p.store.read(|store| dirty.iter().try_for_each(|(view, date)| self.rewrite(store, *view, date)))
    }

    /// Rewrites the files that hold retracted generations without them.
    fn retract(&mut self, retracted: &[(Name, Generation)]) -> Result<(), SinkError> {
        let hit: Vec<_> =
            self.next.files.iter().filter(|f| retracted.iter().any(|(c, g)| f.holds(*c, *g))).cloned().collect();
        for file in hit {
            let mut left = file.generations.clone();
            for (camera, generation) in retracted {
                if let Some(generations) = left.get_mut(camera.as_str()) {
                    generations.remove(&generation.0);
                }
            }
            left.retain(|_, generations| !generations.is_empty());
            if !left.is_empty() {
                let gone: Vec<_> = retracted
                    .iter()
                    .map(|(c, g)| format!("(camera = {} AND generation = {})", text(c.as_str()), g.0))
                    .collect();
                let filter = format!("WHERE NOT ({})", gone.join(" OR "));
                self.join(std::slice::from_ref(&file), &filter, left)?;
            }
            self.next.supersede(&file.path, self.now);
        }
        Ok(())
    }

    /// Rewrites the files that may hold withdrawn facts without them.
    fn withdraw(&mut self, withdrawn: &[Withdrawal]) -> Result<(), SinkError> {
        for withdrawal in withdrawn.iter().filter(|w| !w.ids.is_empty()) {
            let (first, last) = (withdrawal.from.date(), withdrawal.to.date());
            let clients = |table: &str| FactKind::ALL.iter().any(|k| k.is_client() && k.table_name() == table);
            let may_hold =
                |f: &LakeFile| f.part == Part::Facts && clients(&f.table) && first <= f.date && f.date <= last;
            let ids: Vec<_> = withdrawal.ids.iter().map(|id| id.0.to_string()).collect();
            let hit: Vec<_> = self.next.files.iter().filter(|f| may_hold(f)).cloned().collect();
            for file in hit {
                let filter = format!("WHERE {} NOT IN ({})", super::ids::of(&file.table), ids.join(", "));
                self.join(std::slice::from_ref(&file), &filter, file.generations.clone())?;
                self.next.supersede(&file.path, self.now);
            }
        }
        Ok(())
    }

    /// Adds files for new facts, one per kind and day, sorted.
    fn add(&mut self, facts: &[Vec<Fact>]) -> Result<(), SinkError> {
        let mut partitions: BTreeMap<(FactKind, String), Vec<&Fact>> = BTreeMap::new();
        // Neighbours nearly always share a day: its name is made once per run, not once per fact.
        let mut run: Option<(FactKind, i64, Vec<&Fact>)> = None;
        for fact in facts.iter().flatten() {
            let day = fact.bucket().0.div_euclid(86_400_000_000);
            match &mut run {
                Some((kind, same, group)) if *kind == fact.kind() && *same == day => group.push(fact),
                _ => {
                    flush(&mut partitions, run.replace((fact.kind(), day, vec![fact])));
                }
            }
        }
        flush(&mut partitions, run);
        for ((kind, date), mut facts) in partitions {
            // What clients report has no camera here: millions of texts need not be compared to find that they are empty.
            match kind.is_client() {
                true => facts.sort_unstable_by_key(|f| (f.bucket(), f.id())),
                false => facts.sort_by_key(|f| (f.camera().as_str(), f.bucket(), f.id())),
            }
            let table = kind.table();
            for part in facts.chunks(FILE_ROWS) {
                self.stage(kind, &table, part)?;
                let mut generations = Generations::new();
                let mut last = None;
                for of in part.iter().map(|fact| (fact.camera(), fact.generation())) {
                    if last.replace(of) != Some(of) {
                        generations.entry(of.0.as_str().into()).or_default().insert(of.1.0);
                    }
                }
                let connection = self.connection;
                // Clients may name a camera of their own, which is not the one that a fact is sorted by here.
                let named = kind.is_client() && table.columns.iter().any(|c| c.name == "camera");
                let order = if named { format!("ORDER BY {}", file_order(&table)) } else { String::new() };
                let select = format!("SELECT * FROM staged {order}");
                let file = self.write(connection, &select, Part::Facts, &table, &date, generations)?;
                self.next.files.extend(file);
            }
        }
        // The staged rows go now, not at the next publication.
        self.connection
            .execute_batch("DROP TABLE IF EXISTS staged")
            .map_err(|e| SinkError::duck("staging facts", self.dir, e))
    }

    fn stage(&self, kind: FactKind, table: &Table, facts: &[&Fact]) -> Result<(), SinkError> {
        let fail = |e| SinkError::duck(format!("staging {}", table.name), self.dir, e);
        self.connection.execute_batch(&create_table("OR REPLACE", "staged", table)).map_err(fail)?;
        let mut appender = self.connection.appender("staged").map_err(fail)?;
        for chunk in facts.chunks(CHUNK) {
            let batch = super::ids::left_out(kind.encode(chunk.iter().copied()), chunk);
            appender.append_record_batch(batch).map_err(fail)?;
        }
        appender.flush().map_err(fail)
    }

    /// Writes a day of a view from the store; a day without rows loses its file, an unchanged one keeps it.
    fn rewrite(&mut self, store: &Connection, view: ViewKind, date: &str) -> Result<(), SinkError> {
        let table = view.table();
        let old = self.next.of(Part::Views, table.name).find(|f| f.date == date).cloned();
        let select = format!(
            "SELECT * FROM {} WHERE {} ORDER BY {}",
            ident(table.name),
            on_date(&table, date),
            file_order(&table)
        );
        let new = self.draft(store, &select, Part::Views, &table, date, Generations::new())?;
        if let (Some(old), Some(new)) = (&old, &new)
            && (old.rows, old.bytes, old.crc32c) == (new.file.rows, new.file.bytes, new.file.crc32c)
        {
            return Ok(());
        }
        let named = new.map(|draft| self.keep(draft)).transpose()?;
        if let Some(old) = old {
            self.next.supersede(&old.path, self.now);
        }
        self.next.files.extend(named);
        Ok(())
    }

    pub(super) fn write(
        &mut self,
        connection: &Connection,
        select: &str,
        part: Part,
        table: &Table,
        date: &str,
        generations: Generations,
    ) -> Result<Option<LakeFile>, SinkError> {
        let draft = self.draft(connection, select, part, table, date, generations)?;
        draft.map(|draft| self.keep(draft)).transpose()
    }

    fn draft(
        &self,
        connection: &Connection,
        select: &str,
        part: Part,
        table: &Table,
        date: &str,
        generations: Generations,
    ) -> Result<Option<Draft>, SinkError> {
        let place = Place { dir: self.dir, part, table, date, number: self.next.next_file };
        Draft::write(connection, select, &place, generations)
    }

    fn keep(&mut self, draft: Draft) -> Result<LakeFile, SinkError> {
        let file = draft.name()?;
        self.next.next_file += 1;
        self.made.push(file.clone());
        Ok(file)
    }
}

/// Removes the files of an attempt that came to nothing; what stays is removed by the next start.
fn discard(dir: &Path, made: &[LakeFile]) {
    for file in made {
        let _ = unlink(&dir.join(&file.path));
    }
}

fn flush<'a>(
    partitions: &mut BTreeMap<(FactKind, String), Vec<&'a Fact>>,
    run: Option<(FactKind, i64, Vec<&'a Fact>)>,
) {
    if let Some((kind, _, mut group)) = run
        && let Some(first) = group.first()
    {
        partitions.entry((kind, first.bucket().date())).or_default().append(&mut group);
    }
}
