//! What would make the store differ from the views: replays, errors, other shapes, damage.

use super::commit::FailAt;
use super::*;
use crate::duck::collect;
use crate::lake::FinalRows;
use crate::samples::{DAY, Dice, row};
use gemba_schemas::column::KeyPart;
use std::collections::BTreeMap;

type Model = BTreeMap<(ViewKind, Vec<KeyPart>), ViewRow>;

fn epoch(tick: u64, changes: Vec<(ViewRow, i64)>) -> Epoch {
    Epoch { tick, journal_seq: tick * 10, rules: Name::new("rules"), now: EventTime(DAY + tick as i64), changes }
}

/// Some random changes to `model`, as an epoch.
fn step(model: &mut Model, dice: &mut Dice, tick: u64, size: u64) -> Epoch {
    let mut changes: BTreeMap<ViewRow, i64> = BTreeMap::new();
    for _ in 0..size {
        let view = ViewKind::ALL[dice.next(ViewKind::ALL.len() as u64) as usize];
        let new = row(view, dice.next(60), dice.next(1000));
        let key = (view, new.key());
        if let Some(old) = model.remove(&key) {
            *changes.entry(old).or_default() -= 1;
        }
        if dice.next(3) > 0 {
            *changes.entry(new.clone()).or_default() += 1;
            model.insert(key, new);
        }
    }
    epoch(tick, changes.into_iter().filter(|(_, d)| *d != 0).collect())
}

fn stored(store: &Store) -> Vec<ViewRow> {
    let mut rows = Vec::new();
    for &view in ViewKind::ALL {
        let sql = format!("SELECT * FROM {}", view.table().name);
        let batches = collect(store.connection().unwrap(), &sql, [], |e| SinkError::Query(e.to_string())).unwrap();
        rows.extend(batches.iter().flat_map(|b| view.decode(b).unwrap()));
    }
    rows.sort();
    rows
}

fn rows(model: &Model) -> Vec<ViewRow> {
    let mut rows: Vec<_> = model.values().cloned().collect();
    rows.sort();
    rows
}

fn digest(store: &Store) -> String {
    store.last_epoch().unwrap().unwrap().digest
}

#[test]
fn random_epochs_equal_the_model_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.duckdb");
    let (mut model, mut dice) = (Model::new(), Dice(1));
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.last_epoch().unwrap(), None);
    for tick in 1..=12 {
        let next = step(&mut model, &mut dice, tick, 40);
        store.commit(&next).unwrap();
        // Replayed epochs are ignored, whatever they say.
        store.commit(&next).unwrap();
        store.commit(&epoch(tick - 1, vec![(row(ViewKind::ZoneVisit, 999, 0), 1)])).unwrap();
        assert_eq!(stored(&store), rows(&model));
        store.verify().unwrap();
        if tick % 4 == 0 {
            drop(store);
            store = Store::open(&path).unwrap();
        }
    }
    let last = store.last_epoch().unwrap().unwrap();
    assert_eq!((last.tick, last.journal_seq, last.now), (12, 120, EventTime(DAY + 12)));
    assert_eq!(store.reader().unwrap().epoch().unwrap(), Some(last));
    assert_eq!(store.dates(ViewKind::ZoneVisit).unwrap().first().unwrap(), "2026-01-20");
}

#[test]
fn the_digest_is_that_of_the_rows_whatever_the_way_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let (mut model, mut dice) = (Model::new(), Dice(2));
    let mut long = Store::open(&dir.path().join("long.duckdb")).unwrap();
    for tick in 1..=6 {
        long.commit(&step(&mut model, &mut dice, tick, 30)).unwrap();
    }
    let mut all: Vec<_> = rows(&model).into_iter().map(|r| (r, 1)).collect();
    let mut short = Store::open(&dir.path().join("short.duckdb")).unwrap();
    all.reverse();
    short.commit(&epoch(1, all.clone())).unwrap();
    assert_eq!(digest(&long), digest(&short));
    long.rebuild(&epoch(3, all.clone()), &FinalRows::default()).unwrap();
    assert_eq!(digest(&long), digest(&short));
    assert_eq!(long.last_epoch().unwrap().unwrap().tick, 3);
    assert_eq!(stored(&long), rows(&model));
    all.pop();
    short.rebuild(&epoch(2, all), &FinalRows::default()).unwrap();
    assert_ne!(digest(&long), digest(&short));
}

#[test]
fn a_digest_does_not_know_how_names_are_interned() {
    // Computed once and written down: another order of interning, another build, the same digest.
    let mut digest = ViewDigest::default();
    Name::new("interned before");
    digest.update(&row(ViewKind::ZoneVisit, 1, 2), 1);
    assert_eq!(digest.hex(), "fa2420f1ba4f9a66d6e7808ef1ef17d8");
    digest.update(&row(ViewKind::ZoneVisit, 1, 2), -1);
    assert_eq!(digest, ViewDigest::default());
}

#[test]
fn an_epoch_that_does_not_fit_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("store.duckdb")).unwrap();
    let (a, b) = (row(ViewKind::ZoneVisit, 1, 1), row(ViewKind::ZoneVisit, 2, 1));
    store.commit(&epoch(1, vec![(a.clone(), 1)])).unwrap();
    let before = digest(&store);
    for changes in [
        vec![(b.clone(), -1)],
        vec![(row(ViewKind::ZoneVisit, 1, 7), 1)],
        vec![(b.clone(), 1), (row(ViewKind::CoverageHour, 5, 5), -1)],
        vec![(b.clone(), 2)],
    ] {
        assert!(matches!(store.commit(&epoch(2, changes)), Err(SinkError::Diverged(_))));
        assert_eq!((stored(&store), digest(&store)), (vec![a.clone()], before.clone()));
    }
    store.commit(&epoch(2, vec![(a, -1), (b, 1)])).unwrap();
    store.verify().unwrap();
}

#[test]
fn after_an_error_the_store_asks_the_file_what_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("store.duckdb")).unwrap();
    let reader = store.reader().unwrap();
    let visit = |n| vec![(row(ViewKind::ZoneVisit, n, 1), 1)];
    store.commit(&epoch(1, visit(1))).unwrap();
    store.fail = Some(FailAt::BeforeCommit);
    assert!(store.commit(&epoch(2, visit(2))).is_err());
    assert_eq!(store.last_epoch().unwrap().unwrap().tick, 1);
    store.fail = Some(FailAt::AfterCommit);
    store.commit(&epoch(2, visit(2))).unwrap();
    store.fail = None;
    store.commit(&epoch(3, visit(3))).unwrap();
    store.verify().unwrap();
    assert_eq!(stored(&store).len(), 3);
    assert_eq!(reader.epoch().unwrap().unwrap().tick, 3, "a reader lives through it");
}

#[test]
fn pages_follow_each_other_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("store.duckdb")).unwrap();
    let all: Vec<_> = (0..50).map(|n| (row(ViewKind::OccupancyMinute, n, n), 1)).collect();
    store.commit(&epoch(1, all.clone())).unwrap();
    let reader = store.reader().unwrap();
    let mut query = RowQuery { limit: 7, ..RowQuery::default() };
    let mut found = Vec::new();
    loop {
        let page = reader.rows(ViewKind::OccupancyMinute, &query).unwrap();
        found.extend(ViewKind::OccupancyMinute.decode(&page.batch).unwrap());
        assert!(page.batch.column_by_name("mean").is_some() && page.batch.column_by_name("observed_s").is_some());
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    assert!(found.windows(2).all(|w| (w[0].bucket(), w[0].key()) < (w[1].bucket(), w[1].key())));
    assert_eq!(found.len(), 50);
    let from = EventTime(DAY + 86_400_000_000);
    let to = EventTime(DAY + 2 * 86_400_000_000);
    let query = RowQuery { from: Some(from), to: Some(to), camera: Some("dock's".into()), limit: 100, cursor: None };
    let page = reader.rows(ViewKind::OccupancyMinute, &query).unwrap();
    let expected = all
        .iter()
        .filter(|(r, _)| r.bucket() >= from && r.bucket() < to && r.key()[0] == KeyPart::Text("dock's".into()));
    assert_eq!(page.batch.num_rows(), expected.count());
    for cursor in ["zz", "5b5d", "é"] {
        let query = RowQuery { cursor: Some(cursor.into()), ..query.clone() };
        assert!(matches!(reader.rows(ViewKind::OccupancyMinute, &query), Err(SinkError::Request(_))));
    }
    assert_eq!(reader.rows(ViewKind::ZoneVisit, &query).unwrap().batch.num_rows(), 0);
}

#[test]
fn a_reader_only_reads() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("store.duckdb")).unwrap();
    store.commit(&epoch(1, vec![(row(ViewKind::ZoneVisit, 1, 1), 1)])).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.sql("SELECT dwell_us FROM zone_visits").unwrap()[0].num_rows(), 1);
    for sql in ["DELETE FROM zone_visits", "SELECT 1; SELECT 2", "COMMIT; DROP TABLE epochs", "COPY epochs TO 'x'", ""]
    {
        assert!(matches!(reader.sql(sql), Err(SinkError::Request(_) | SinkError::Query(_))), "{sql}");
    }
    let error = reader.sql("SELECT nothing FROM zone_visits").unwrap_err().to_string();
    assert!(error.contains("LINE 1") && error.contains('^'), "{error}");
    let error = reader.sql("DROP TABLE epochs; SELEC").unwrap_err().to_string();
    assert!(error.contains("syntax error"), "{error}");
    assert_eq!(stored(&store).len(), 1);
}

#[test]
fn a_store_of_another_shape_is_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.duckdb");
    let mut store = Store::open(&path).unwrap();
    store.commit(&epoch(5, vec![(row(ViewKind::ZoneVisit, 1, 1), 1)])).unwrap();
    store.connection().unwrap().execute_batch("ALTER TABLE zone_visits DROP COLUMN model").unwrap();
    drop(store);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.last_epoch().unwrap(), None);
    assert!(stored(&store).is_empty());
    store.verify().unwrap();
    store.rebuild(&epoch(1, vec![(row(ViewKind::ZoneVisit, 1, 1), 1)]), &FinalRows::default()).unwrap();
}

#[test]
fn a_store_of_another_version_is_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.duckdb");
    let mut store = Store::open(&path).unwrap();
    store.commit(&epoch(5, vec![(row(ViewKind::ZoneVisit, 1, 1), 1)])).unwrap();
    store.connection().unwrap().execute_batch("UPDATE store_version SET version = 99").unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    // Everything in it is derived: there is nothing to convert, and nothing to lose.
    assert_eq!((store.last_epoch().unwrap(), stored(&store).len()), (None, 0));
}

#[test]
fn a_file_that_does_not_open_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.duckdb");
    std::fs::write(&path, vec![7u8; 50_000]).unwrap();
    assert!(probe(&path, false).is_err());
    let mut store = Store::open(&path).unwrap();
    let aside = store.damage()[0].quarantined.clone().unwrap();
    assert_eq!(std::fs::metadata(aside).unwrap().len(), 50_000);
    store.commit(&epoch(1, Vec::new())).unwrap();
    drop(store);
    probe(&path, false).unwrap();
    // A child that cannot be run, or knows no `probe-store`, says nothing about the file.
    for program in ["/bin/false", "/nonexistent"] {
        let store = Store::open_probed(&path, Path::new(program)).unwrap();
        assert!(store.last_epoch().unwrap().is_some(), "{program}");
    }
    for (script, damaged) in [("exit 3", true), ("kill -9 $$", true), ("exit 2", false), ("exit 0", false)] {
        let output = std::process::Command::new("/bin/sh").args(["-c", script]).output().unwrap();
        assert_eq!(open::verdict(&output).is_some(), damaged, "{script}");
    }
}

#[test]
fn what_is_pinned_sees_one_epoch_until_the_file_is_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(&dir.path().join("store.duckdb")).unwrap();
    assert!(store.pin().unwrap().is_none(), "there is no epoch yet");
    let visit = |n| vec![(row(ViewKind::ZoneVisit, n, 1), 1)];
    store.commit(&epoch(1, visit(1))).unwrap();
    let pinned = store.pin().unwrap().unwrap();
    // Nothing but the epoch was read before these.
    store.commit(&epoch(2, visit(2))).unwrap();
    store.commit(&epoch(3, vec![(row(ViewKind::ZoneVisit, 1, 1), -1)])).unwrap();
    let visits = |pinned: &Pinned| {
        let sql = "SELECT string_agg(tick::VARCHAR, ' '), (SELECT count(*) FROM zone_visits) FROM epochs";
        pinned.read(|c| Ok(c.query_row(sql, [], |r| Ok((r.get(0)?, r.get(1)?))).unwrap()))
    };
    assert_eq!(visits(&pinned).unwrap(), ("1".to_owned(), 1));
    assert_eq!((pinned.epoch().tick, store.reopened()), (1, 0));

    store.fail = Some(FailAt::BeforeCommit);
    store.commit(&epoch(4, visit(4))).unwrap_err();
    assert_eq!(store.reopened(), 1);
    let error = visits(&pinned).unwrap_err();
    assert!(matches!(&error, SinkError::Request(why) if why.contains("epoch 1 is not pinned")), "{error}");
    assert_eq!(visits(&store.pin().unwrap().unwrap()).unwrap().1, 1);
}
