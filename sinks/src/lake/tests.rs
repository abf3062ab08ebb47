//! What would lose, double or tear something in the lake.

use super::*;
use crate::samples::{DAY, fact, row};
use crate::store::{Epoch, Pinned};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use duckdb::AccessMode;
use gemba_schemas::registry;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewRow;
use std::sync::atomic::{AtomicBool, Ordering};

/// As many facts as hold ten of each kind.
const TEN: u64 = 10 * FactKind::ALL.len() as u64;

/// A data directory with a store and a lake, and the epoch they are at.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) lake: Lake,
    pub(crate) tick: u64,
    dirty: BTreeSet<Partition>,
    pub(crate) now: EventTime,
}

impl Site {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store.duckdb")).unwrap();
        let lake = Lake::open(&dir.path().join("lake")).unwrap();
        Self { dir, store, lake, tick: 0, dirty: BTreeSet::new(), now: EventTime(DAY) }
    }

    /// As a start does: the lake and the store opened again, the store told what the lake holds.
    pub(crate) fn reopen(self) -> Self {
        let Self { dir, store, lake, tick, now, .. } = self;
        drop((store, lake));
        let lake = Lake::open(&dir.path().join("lake")).unwrap();
        let mut store = Store::open(&dir.path().join("store.duckdb")).unwrap();
        store.follow(lake.changes_base()).unwrap();
        Self { dir, store, lake, tick, dirty: BTreeSet::new(), now }
    }

    /// Every partition is to be written again.
    pub(crate) fn dirty_all(&mut self) {
        self.dirty = self.lake.partitions(&self.store).unwrap();
    }

    /// What a start derives again, all of it.
    pub(crate) fn rebuild(&mut self, rows: Vec<ViewRow>) {
        self.rebuild_but(rows.into_iter().map(|r| (r, 1)).collect(), &FinalRows::default());
    }

    /// The same where some rows stay.
    pub(crate) fn rebuild_but(&mut self, changes: Vec<(ViewRow, i64)>, finals: &FinalRows) {
        self.tick += 1;
        self.dirty.extend(self.lake.partitions(&self.store).unwrap());
        self.dirty.extend(changes.iter().map(|(r, _)| (r.kind(), r.bucket().date())));
        let (rules, now) = (Name::new("rules"), self.now);
        self.store.rebuild(&Epoch { tick: self.tick, journal_seq: self.tick, rules, now, changes }, finals).unwrap();
    }

    pub(crate) fn commit(&mut self, changes: Vec<(ViewRow, i64)>) {
        self.tick += 1;
        self.dirty.extend(changes.iter().map(|(r, _)| (r.kind(), r.bucket().date())));
        let (rules, now) = (Name::new("rules"), self.now);
        self.store.commit(&Epoch { tick: self.tick, journal_seq: self.tick, rules, now, changes }).unwrap();
    }

    pub(crate) fn try_publish(&mut self, facts: &[Fact], retracted: &[(Name, Generation)]) -> Result<(), SinkError> {
        let pinned = self.store.pin()?.unwrap();
        self.publish_pinned(&pinned, facts, retracted)?;
        self.dirty.clear();
        Ok(())
    }

    /// What waits, as of an epoch that may not be the last one any more.
    pub(super) fn publish_pinned(
        &mut self,
        pinned: &Pinned,
        facts: &[Fact],
        retracted: &[(Name, Generation)],
    ) -> Result<(), SinkError> {
        self.lake.publish(Publish {
            facts: &[facts.to_vec()],
            retracted,
            withdrawn: &[],
            journal_seq: pinned.epoch().journal_seq,
            store: pinned,
            dirty: &self.dirty,
            site: "name = \"test\"\n",
        })?;
        self.store.forget_changes(self.lake.changes_through())
    }

    pub(crate) fn publish(&mut self, facts: &[Fact], retracted: &[(Name, Generation)], changes: Vec<(ViewRow, i64)>) {
        self.commit(changes);
        self.try_publish(facts, retracted).unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.dir.path().join("lake")
    }
}

pub(crate) fn facts(range: std::ops::Range<u64>) -> Vec<Fact> {
    range.map(fact).collect()
}

pub(crate) fn all(lake: &Lake) -> Vec<Fact> {
    let mut found = Vec::new();
    lake.facts(&mut |f| {
        found.extend(f);
        Ok(())
    })
    .unwrap();
    found.sort();
    found
}

pub(super) fn sorted(mut facts: Vec<Fact>) -> Vec<Fact> {
    facts.sort();
    facts
}

pub(super) fn count(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

pub(crate) fn every_view(keys: std::ops::Range<u64>) -> Vec<(ViewRow, i64)> {
    keys.flat_map(|k| ViewKind::ALL.iter().map(move |v| (row(*v, k, k), 1))).collect()
}

#[test]
fn every_kind_of_fact_and_view_comes_back_as_it_was() {
    let mut site = Site::new();
    // More than DuckDB's vector length of each kind, so that batches are cut and lists have offsets.
    let given = facts(0..7 * 2500);
    let rows = every_view(0..120);
    site.publish(&given, &[], rows.clone());
    assert_eq!(all(&site.lake), sorted(given.clone()));
    let again = Lake::open(&site.folder()).unwrap();
    assert_eq!(all(&again), sorted(given.clone()));
    assert_eq!((again.journal_seq(), again.epoch().unwrap().tick), (1, 1));
    assert_eq!(again.epoch().unwrap().digest, site.store.last_epoch().unwrap().unwrap().digest);
    for &view in ViewKind::ALL {
        let table = view.table();
        let batches = query(site.dir.path(), &format!("SELECT * FROM {}", table.name)).unwrap();
        let mut found: Vec<_> = batches.iter().flat_map(|b| view.decode(b).unwrap()).collect();
        found.sort();
        let mut expected: Vec<_> = rows.iter().filter(|(r, _)| r.kind() == view).map(|(r, _)| r.clone()).collect();
        expected.sort();
        assert_eq!(found, expected);
        let columns: Vec<_> = table.edge_columns().into_iter().map(|c| c.name).collect();
        assert!(columns.iter().all(|c| batches[0].column_by_name(c).is_some()), "{columns:?}");
    }
    for file in &site.lake.manifest.files {
        let bytes = std::fs::read(site.folder().join(&file.path)).unwrap();
        assert_eq!((bytes.len() as u64, crc32c::crc32c(&bytes)), (file.bytes, file.crc32c));
    }
    assert_eq!(std::fs::read_to_string(site.folder().join("site.toml")).unwrap(), "name = \"test\"\n");
}

#[test]
fn facts_of_one_generation() {
    let mut site = Site::new();
    let given = facts(0..700);
    site.publish(&given, &[], Vec::new());
    let (camera, generation) = (given[0].camera(), given[0].generation());
    let own: Vec<_> = given.iter().filter(|f| f.camera() == camera && f.generation() == generation).cloned().collect();
    assert_eq!(sorted(site.lake.facts_of(camera, generation).unwrap()), sorted(own));
    assert!(site.lake.facts_of(Name::new("nowhere"), generation).unwrap().is_empty());
}

#[test]
fn an_empty_lake_has_every_table_with_its_types_and_words() {
    let site = Site::new();
    let tables = registry::facts().len() + registry::views().len() + registry::changes().len();
    let sql = "SELECT count(*) FROM duckdb_views() WHERE NOT internal AND comment IS NOT NULL";
    assert_eq!(count(&query(&site.folder(), sql).unwrap()), tables as i64);
    let sql =
        "SELECT count(*) FROM duckdb_columns() WHERE NOT internal AND comment IS NULL AND table_name <> 'gemba_epoch'";
    assert_eq!(count(&query(&site.folder(), sql).unwrap()), 0);
    let batches = query(&site.folder(), "SELECT * FROM zone_visits").unwrap();
    assert!(ViewKind::ZoneVisit.decode(&batches[0]).unwrap().is_empty());
    let error = query(&site.folder(), "SELECT dwel FROM zone_visits").unwrap_err().to_string();
    assert!(error.contains("LINE 1") && error.contains("dwell"), "{error}");
    assert!(matches!(query(site.dir.path().join("no").as_path(), "SELECT 1"), Err(SinkError::Request(_))));
}

#[test]
fn a_publication_is_not_repeated_and_an_unchanged_day_keeps_its_file() {
    let mut site = Site::new();
    site.publish(&facts(0..70), &[], every_view(0..10));
    assert!(matches!(site.try_publish(&facts(70..80), &[]), Err(SinkError::Request(_))));
    let before = site.lake.manifest.clone();
    site.dirty = site.lake.partitions(&site.store).unwrap();
    site.try_publish(&[], &[]).unwrap();
    assert_eq!(site.lake.manifest, before);
    assert!(parts(&site.folder()).unwrap().iter().all(|p| !p.to_string_lossy().ends_with(crate::files::TEMPORARY)));
}

#[test]
fn a_day_that_becomes_empty_loses_its_file() {
    let mut site = Site::new();
    let visit = row(ViewKind::ZoneVisit, 1, 1);
    site.publish(&[], &[], vec![(visit.clone(), 1)]);
    assert_eq!(count(&query(&site.folder(), "SELECT count(*) FROM zone_visits").unwrap()), 1);
    site.publish(&[], &[], vec![(visit, -1)]);
    assert_eq!(count(&query(&site.folder(), "SELECT count(*) FROM zone_visits").unwrap()), 0);
    assert!(site.lake.manifest.files.iter().all(|f| f.part == Part::Changes));
}

#[test]
fn superseded_files_stay_for_the_grace_period() {
    let mut site = Site::new();
    let visit = |v| row(ViewKind::ZoneVisit, 1, v);
    site.publish(&[], &[], vec![(visit(1), 1)]);
    let first = site.folder().join(&site.lake.manifest.files[0].path);
    site.publish(&[], &[], vec![(visit(1), -1), (visit(2), 1)]);
    assert!(first.exists());
    site.lake = Lake::open(&site.folder()).unwrap();
    assert!(first.exists(), "a start does not shorten the grace");
    site.lake = Lake::open(&site.folder()).unwrap().with_grace(Duration::ZERO);
    site.publish(&[], &[], Vec::new());
    assert!(!first.exists());
    assert!(site.lake.manifest.superseded.is_empty());
}

#[test]
fn a_retracted_generation_leaves_and_its_new_facts_stay() {
    let mut site = Site::new();
    let given = facts(0..900);
    site.publish(&given, &[], Vec::new());
    let (camera, generation) = (given[0].camera(), given[0].generation());
    let of = |f: &Fact| f.camera() == camera && f.generation() == generation;
    let again: Vec<_> = given.iter().filter(|f| of(f)).take(5).cloned().collect();
    site.publish(&again, &[(camera, generation)], Vec::new());
    let expected = given.iter().filter(|f| !of(f)).chain(&again).cloned().collect();
    assert_eq!(all(&site.lake), sorted(expected));
    assert_eq!(sorted(site.lake.facts_of(camera, generation).unwrap()), sorted(again));
    let listed: u64 = site.lake.manifest.files.iter().map(|f| f.rows).sum();
    assert_eq!(listed, all(&site.lake).len() as u64);
}

#[test]
fn compaction_keeps_every_row_and_few_files() {
    let mut site = Site::new();
    for n in 0..25 {
        site.publish(&facts(n * TEN..(n + 1) * TEN), &[], Vec::new());
        let mut days: std::collections::BTreeMap<_, usize> = Default::default();
        for file in &site.lake.manifest.files {
            *days.entry((&file.table, &file.date)).or_default() += 1;
        }
        assert!(days.values().all(|n| *n <= 8), "{days:?}");
    }
    assert_eq!(all(&site.lake), sorted(facts(0..25 * TEN)));
    let points = site.lake.manifest.files.iter().filter(|f| f.table == "track_point");
    let joined = points.max_by_key(|f| f.rows).unwrap();
    let sql = format!("SELECT camera FROM '{}'", site.folder().join(&joined.path).display());
    let batches = query(&site.folder(), &sql).unwrap();
    let cameras: Vec<_> = batches[0].column(0).as_string::<i32>().iter().map(|c| c.unwrap().to_owned()).collect();
    assert!(cameras.is_sorted() && cameras.len() as u64 == joined.rows);
}

#[test]
fn readers_of_the_catalog_see_whole_epochs_while_it_is_written() {
    let mut site = Site::new();
    // Every epoch moves the same rows, so every whole epoch has as many rows as its tick says.
    site.publish(&[], &[], every_view(0..1));
    let path = site.folder().join(catalog::CATALOG);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut answers = 0;
            while !done.load(Ordering::Relaxed) || answers == 0 {
                let config = duckdb::Config::default().access_mode(AccessMode::ReadOnly).unwrap();
                let connection = Connection::open_with_flags(&path, config).unwrap();
                let sql = "SELECT tick, (SELECT count(*) FROM zone_visits), (SELECT count(*) FROM track_point)
                           FROM gemba_epoch";
                let (tick, visits, points): (i64, i64, i64) =
                    connection.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
                assert_eq!((visits, points), (tick, 10 * (tick - 1)));
                answers += 1;
            }
            answers
        });
        for n in 1..12 {
            site.publish(&facts(n * TEN..(n + 1) * TEN), &[], every_view(n..n + 1));
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn a_moved_lake_answers_at_its_new_place() {
    let mut site = Site::new();
    site.publish(&facts(0..TEN), &[], every_view(0..3));
    let to = site.dir.path().join("it's moved");
    std::fs::rename(site.folder(), &to).unwrap();
    assert_eq!(count(&query(&to, "SELECT count(*) FROM zone_visits").unwrap()), 3);
    assert_eq!(all(&Lake::open_read(&to).unwrap()).len() as u64, TEN);
    Lake::open(&to).unwrap();
    let catalog = duck::open(Some(&to.join(catalog::CATALOG)), Mode::Read, None).unwrap();
    let rows: i64 = catalog.query_row("SELECT count(*) FROM track_point", [], |r| r.get(0)).unwrap();
    assert_eq!(rows, 10);
}

#[test]
fn what_an_interrupted_publication_left_is_removed_and_nothing_else() {
    let mut site = Site::new();
    site.publish(&facts(0..70), &[], Vec::new());
    let day = site.folder().join("facts/fault/date=2026-01-20");
    for name in ["part-00009999.parquet", "part-00009999.parquet.tmp", "mine.parquet"] {
        std::fs::write(day.join(name), "x").unwrap();
    }
    let lake = Lake::open(&site.folder()).unwrap();
    assert!(!day.join("part-00009999.parquet").exists() && !day.join("part-00009999.parquet.tmp").exists());
    assert!(day.join("mine.parquet").exists());
    assert_eq!(all(&lake).len(), 70);
    std::fs::remove_file(site.folder().join(manifest::MANIFEST)).unwrap();
    assert!(matches!(Lake::open(&site.folder()), Err(SinkError::Damaged { .. })), "files without a manifest stay");
    assert!(!parts(&site.folder()).unwrap().is_empty());
}

#[test]
fn a_cut_file_is_set_aside_and_a_view_comes_back_from_the_store() {
    let mut site = Site::new();
    site.publish(&facts(0..70), &[], vec![(row(ViewKind::ZoneVisit, 1, 1), 1)]);
    let view = site.lake.manifest.files.iter().find(|f| f.part == Part::Views).unwrap().path.clone();
    let fault = site.lake.manifest.files.iter().find(|f| f.table == "fault").unwrap().clone();
    std::fs::write(site.folder().join(view), "cut").unwrap();
    std::fs::remove_file(site.folder().join(&fault.path)).unwrap();
    site.lake = Lake::open(&site.folder()).unwrap();
    assert_eq!(site.lake.damage().len(), 2);
    assert_eq!(all(&site.lake).len() as u64, 70 - fault.rows);
    site.publish(&[], &[], Vec::new());
    assert_eq!(count(&query(&site.folder(), "SELECT count(*) FROM zone_visits").unwrap()), 1);
}

#[test]
fn a_failed_publication_leaves_the_lake_as_it_was_and_can_be_repeated() {
    let mut site = Site::new();
    site.publish(&facts(0..70), &[], Vec::new());
    site.commit(every_view(0..2));
    // A file where a folder must be made: works for root, too, whom no permission stops.
    let block = site.folder().join("views");
    std::fs::write(&block, "").unwrap();
    let error = site.try_publish(&facts(70..140), &[]).unwrap_err();
    assert!(matches!(&error, SinkError::NotWritable { .. }), "{error:?}");
    assert_eq!(parts(&site.folder()).unwrap().len(), site.lake.manifest.files.len());
    std::fs::remove_file(&block).unwrap();
    site.try_publish(&facts(70..140), &[]).unwrap();
    assert_eq!(all(&site.lake), sorted(facts(0..140)));
}

#[test]
fn two_lakes_differ_where_their_rows_do() {
    let (mut a, mut b) = (Site::new(), Site::new());
    let visit = |k, v| (row(ViewKind::ZoneVisit, k, v), 1);
    a.publish(&[], &[], vec![visit(1, 1), visit(2, 2), visit(3, 3), visit(4, 4)]);
    let mut rules_only = row(ViewKind::ZoneVisit, 4, 4);
    if let ViewRow::ZoneVisit(v) = &mut rules_only {
        v.rules = Name::new("other");
    }
    b.publish(&[], &[], vec![visit(2, 2), visit(3, 5), (rules_only, 1), visit(9, 9)]);
    let found = diff(a.dir.path(), &b.folder()).unwrap();
    assert_eq!(found.len(), ViewKind::ALL.len());
    for view in &found {
        assert_eq!(view.is_empty(), view.view != ViewKind::ZoneVisit);
    }
    let visits = found.iter().find(|d| d.view == ViewKind::ZoneVisit).unwrap();
    let rows = |b: &RecordBatch| ViewKind::ZoneVisit.decode(b).unwrap();
    assert_eq!(rows(&visits.only_a), [visit(1, 1).0]);
    assert_eq!(rows(&visits.only_b), [visit(9, 9).0]);
    assert_eq!(rows(&visits.changed_a), [visit(3, 3).0]);
    assert_eq!(rows(&visits.changed_b), [visit(3, 5).0]);
    let all = diff_with(&a.folder(), &b.folder(), DiffOptions { rules: true }).unwrap();
    assert_eq!(all.iter().map(|d| d.changed_a.num_rows()).sum::<usize>(), 2);
    assert!(diff(&a.folder(), &a.folder()).unwrap().iter().all(ViewDiff::is_empty));
}
