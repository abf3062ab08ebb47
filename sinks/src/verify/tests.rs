//! Every kind of damage is named, nothing else is, and looking changes nothing.

use super::*;
use crate::data_dir::DirLock;
use crate::journal::{Entry, Journal};
use crate::lake::Lake;
use crate::lake::tests::{Site, every_view, facts};
use crate::samples::row;
use gemba_schemas::fact::{Fact, FactKind};
use gemba_schemas::view::{ViewKind, ViewRow};
use std::collections::BTreeMap;
use std::time::SystemTime;

/// Facts of three kinds: a file is written for each kind and day.
fn few(range: std::ops::Range<u64>) -> Vec<Fact> {
    let kinds = [FactKind::TrackPoint, FactKind::Fault, FactKind::Activity];
    facts(range).into_iter().filter(|f| kinds.contains(&f.kind())).collect()
}

fn few_rows(keys: std::ops::Range<u64>) -> Vec<(ViewRow, i64)> {
    let views = [ViewKind::ZoneVisit, ViewKind::Alert, ViewKind::WorkerHour];
    every_view(keys).into_iter().filter(|(row, _)| views.contains(&row.kind())).collect()
}

/// A whole data directory, closed.
fn closed() -> (tempfile::TempDir, DataPaths) {
    let mut site = Site::new().reopen();
    site.publish(&few(0..140), &[], few_rows(0..30));
    site.publish(&few(140..210), &[], vec![(row(ViewKind::ZoneVisit, 500, 1), 1)]);
    let paths = DataPaths::under(site.dir.path());
    let mut journal = Journal::open(&paths.journal()).unwrap();
    journal.append(&[Entry::Facts(facts(0..5)), Entry::Facts(facts(5..9))]).unwrap();
    drop(DirLock::take(&paths).unwrap());
    let Site { dir, .. } = site;
    (dir, paths)
}

fn look(paths: &DataPaths) -> Report {
    let before = listing(&paths.dir);
    let report = verify(paths, None).unwrap();
    assert_eq!(listing(&paths.dir), before, "looking changed something");
    report
}

/// Every file with its length and time.
fn listing(dir: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(listing(&entry.path()));
        } else {
            let about = entry.metadata().unwrap();
            found.insert(entry.path(), (about.len(), about.modified().unwrap()));
        }
    }
    found
}

#[track_caller]
fn names(report: &Report, part: &str, what: &str) {
    let found = report.problems.iter().any(|p| p.part == part && p.to_string().contains(what));
    assert!(found && report.problems.iter().all(|p| !p.todo.is_empty()), "`{what}` is not in {report:#?}");
}

/// The newest file of the last day of this part and table; older ones may be superseded.
fn file(paths: &DataPaths, under: &str) -> PathBuf {
    listing(&paths.lake.join(under)).into_keys().next_back().unwrap()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 16;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_whole_directory_is_whole() {
    let (_dir, paths) = closed();
    let report = look(&paths);
    assert!(report.problems.is_empty() && report.notes.is_empty(), "{report:#?}");
    assert_eq!((report.journal_entries, report.lake_facts), (2, few(0..210).len() as u64));
    assert!(report.store_rows > 50 && report.digest.is_some() && report.in_use_by.is_none());
    let nowhere = DataPaths::under(&paths.dir.join("nowhere"));
    assert!(matches!(verify(&nowhere, None), Err(SinkError::Request(_))));
    assert!(!nowhere.dir.exists());
}

#[test]
fn damaged_files_of_the_lake_are_named() {
    for (under, todo) in [
        ("facts/track_point", "its facts are lost"),
        ("views/zone_visits", "writes it again from the store"),
        ("changes/zone_visits", "makes up for it"),
    ] {
        let (_dir, paths) = closed();
        let path = file(&paths, under);
        let bytes = std::fs::read(&path).unwrap();
        flip(&path, bytes.len() / 2);
        names(&look(&paths), "lake", "has other bytes than were written");
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        names(&look(&paths), "lake", "bytes instead of");
        std::fs::remove_file(&path).unwrap();
        let report = look(&paths);
        names(&report, "lake", "is missing");
        names(&report, "lake", todo);
        // A start says the same, and goes on with the rest.
        let lake = Lake::open(&paths.lake).unwrap();
        assert_eq!(lake.damage().len(), 1);
    }
}

#[test]
fn a_flipped_byte_is_seen_by_the_start_too() {
    let (_dir, paths) = closed();
    let path = file(&paths, "facts/track_point");
    flip(&path, 100);
    let lake = Lake::open(&paths.lake).unwrap();
    let aside = lake.damage()[0].quarantined.clone().unwrap();
    assert!(aside.exists() && !path.exists());
    let mut left = 0;
    lake.facts(&mut |f| {
        left += f.len();
        Ok(())
    })
    .unwrap();
    let all = few(0..210).len();
    assert!(left > all / 2 && left < all, "the others stay: {left} of {all}");
}

#[test]
fn what_is_listed_wrongly_or_nowhere_is_named() {
    let (_dir, paths) = closed();
    let part = file(&paths, "facts/fault").parent().unwrap().join("part-77777777.parquet");
    std::fs::write(&part, "left").unwrap();
    let report = look(&paths);
    assert!(report.problems.is_empty() && report.notes[0].what.contains("listed nowhere"), "{report:#?}");
    std::fs::remove_file(&part).unwrap();

    let manifest = paths.lake.join("manifest.json");
    let whole = std::fs::read_to_string(&manifest).unwrap();
    let rows = whole.replacen("\"rows\":", "\"rows\":1", 1);
    std::fs::write(&manifest, &rows).unwrap();
    names(&look(&paths), "lake", "other times than listed");
    std::fs::write(&manifest, &whole[..40]).unwrap();
    names(&look(&paths), "lake", "manifest.json is damaged");
    std::fs::write(&manifest, whole.replace("\"version\":1", "\"version\":3")).unwrap();
    names(&look(&paths), "lake", "format version 3");
    std::fs::remove_file(&manifest).unwrap();
    names(&look(&paths), "lake", "no manifest.json");
    std::fs::write(&manifest, &whole).unwrap();

    // As a crash between the two leaves it.
    let catalog = paths.lake.join("catalog.duckdb");
    let earlier = whole.replacen("\"epoch\":{\"tick\":2", "\"epoch\":{\"tick\":3", 1);
    assert_ne!(earlier, whole);
    std::fs::write(&manifest, earlier).unwrap();
    let report = look(&paths);
    assert!(report.problems.is_empty() && report.notes[0].what.contains("earlier epoch"), "{report:#?}");
    std::fs::write(&manifest, &whole).unwrap();

    let bytes = std::fs::read(&catalog).unwrap();
    std::fs::remove_file(&catalog).unwrap();
    names(&look(&paths), "catalog", "there is none");
    std::fs::write(&catalog, vec![1; 9000]).unwrap();
    names(&look(&paths), "catalog", "does not open");
    std::fs::write(&catalog, bytes).unwrap();
    assert!(look(&paths).problems.is_empty());
    let moved = paths.dir.join("moved");
    std::fs::rename(&paths.lake, &moved).unwrap();
    names(&look(&DataPaths { lake: moved, ..paths.clone() }), "catalog", "was the folder moved?");
}

#[test]
fn a_store_that_is_not_what_it_says_is_named() {
    let run = |paths: &DataPaths, sql: &str| {
        let connection = crate::duck::open(Some(&paths.store), crate::duck::Mode::Write, None).unwrap();
        connection.execute_batch(sql).unwrap();
        connection.close().unwrap();
    };
    for (sql, what) in [
        ("DELETE FROM zone_visits WHERE dwell_us = (SELECT max(dwell_us) FROM zone_visits)", "zone_visits has"),
        ("UPDATE view_digests SET digest = '00' WHERE view = 'alerts'", "its digests are not those"),
        ("INSERT INTO alerts_changes SELECT 99, now(), 1, * FROM alerts LIMIT 1", "alerts_changes do not add up"),
    ] {
        let (_dir, paths) = closed();
        run(&paths, sql);
        names(&look(&paths), "store", what);
    }
    let (_dir, paths) = closed();
    std::fs::write(&paths.store, vec![7; 9000]).unwrap();
    names(&look(&paths), "store", "gemba rebuild");
    std::fs::remove_file(&paths.store).unwrap();
    assert!(look(&paths).notes[0].what.contains("not there"));
}

#[test]
fn a_store_with_a_log_is_looked_at_without_taking_it_in() {
    let mut site = Site::new().reopen();
    site.publish(&few(0..70), &[], few_rows(0..10));
    let paths = DataPaths::under(site.dir.path());
    // As a kill leaves it: the log beside the file.
    let copy = tempfile::tempdir().unwrap();
    let copied = DataPaths { store: copy.path().join("store.duckdb"), ..paths };
    std::fs::copy(site.store.path(), &copied.store).unwrap();
    let log = |p: &Path| PathBuf::from(format!("{}.wal", p.display()));
    std::fs::copy(log(site.store.path()), log(&copied.store)).unwrap();
    let report = look(&copied);
    assert!(report.problems.is_empty() && report.store_rows == 30, "{report:#?}");
    assert!(log(&copied.store).exists());
}

#[test]
fn the_journal_is_read_to_its_end() {
    let (_dir, paths) = closed();
    let path = listing(&paths.journal()).into_keys().next().unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let report = look(&paths);
    assert!(report.problems.is_empty() && report.notes[0].what.contains("never finished"), "{report:#?}");
    flip(&path, whole.len() - 5);
    std::fs::write(&path, &whole).unwrap();
    flip(&path, 60);
    names(&look(&paths), "journal", "are no valid entries");
    std::fs::write(&path, &whole).unwrap();
    flip(&path, whole.len() - 5);
    names(&look(&paths), "journal", "there are no valid entries");
}

#[test]
fn while_another_process_works_the_rest_is_checked() {
    let (_dir, paths) = closed();
    let lock = DirLock::take(&paths).unwrap();
    flip(&file(&paths, "views/zone_visits"), 50);
    let report = look(&paths);
    assert_eq!(report.in_use_by, Some(std::process::id().to_string()));
    assert!(report.notes[0].what.contains("not looked at") && report.store_rows == 0);
    names(&report, "lake", "has other bytes");
    drop(lock);
    assert!(look(&paths).in_use_by.is_none());
}
