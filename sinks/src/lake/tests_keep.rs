//! What must hold over the years: the past can be told, what is old leaves for good, readers go on meanwhile.

use super::tests::{Site, all, count, every_view, facts, sorted};
use super::*;
use crate::duck::collect;
use crate::samples::{DAY, Dice, row};
use gemba_schemas::registry;
use gemba_schemas::view::ViewRow;
use std::collections::BTreeMap;
use std::time::Duration;

const A_DAY: i64 = 86_400_000_000;

fn visit(key: u64, value: u64) -> ViewRow {
    row(ViewKind::ZoneVisit, key, value)
}

/// When the last change was committed.
fn until(site: &Site) -> EventTime {
    EventTime(site.lake.manifest.changes_until)
}

fn visits_as_of(site: &Site, at: EventTime) -> Vec<ViewRow> {
    let batches = query_as_of(&site.folder(), "FROM zone_visits", at).unwrap();
    let mut rows: Vec<_> = batches.iter().flat_map(|b| ViewKind::ZoneVisit.decode(b).unwrap()).collect();
    rows.sort();
    rows
}

fn just_after(at: EventTime) -> EventTime {
    EventTime(at.0 + 1)
}

#[test]
fn the_past_is_told_as_it_was_reported() {
    let mut site = Site::new().reopen();
    let mut states = vec![(EventTime(0), Vec::new())];
    let (mut dice, mut rows) = (Dice(3), BTreeMap::new());
    for round in 0..10 {
        let mut changes = Vec::new();
        for key in 0..6 {
            if dice.next(2) == 0 {
                continue;
            }
            changes.extend(rows.remove(&key).map(|old| (old, -1)));
            if dice.next(3) > 0 {
                // A value never comes twice: what left and came back at once would be no change.
                let new = visit(key, 100 * round + key);
                rows.insert(key, new.clone());
                changes.push((new, 1));
            }
        }
        site.commit(changes);
        // Some epochs are published together, some after a new start.
        if round % 3 != 1 {
            site.try_publish(&[], &[]).unwrap();
        }
        if round % 4 == 2 {
            site = site.reopen();
        }
        if round % 3 != 1 {
            let mut state: Vec<_> = rows.values().cloned().collect();
            state.sort();
            states.push((until(&site), state));
        }
    }
    for (at, state) in &states {
        assert_eq!(visits_as_of(&site, just_after(*at)), *state);
    }
    assert!(visits_as_of(&site, EventTime(1)).is_empty());
    let waiting = site.store.reader().unwrap();
    let left = waiting.sql("SELECT count(*)::BIGINT FROM zone_visits_changes").unwrap();
    assert_eq!(count(&left), 0, "the store forgets what the lake has");
}

#[test]
fn changes_reach_the_lake_once_wherever_it_stops() {
    let mut site = Site::new().reopen();
    site.publish(&[], &[], vec![(visit(1, 1), 1), (visit(2, 2), 1)]);
    // The manifest is durable and the store has not forgotten yet: it is as if the row were still there.
    let again = "INSERT INTO zone_visits_changes SELECT * FROM read_parquet('{}', hive_partitioning = false)";
    let file = site.lake.manifest.of(Part::Changes, "zone_visits_changes").next().unwrap();
    let again = again.replace("{}", &site.folder().join(&file.path).to_string_lossy());
    site.store.clone_connection().unwrap().execute_batch(&again).unwrap();
    site = site.reopen();
    site.publish(&[], &[], vec![(visit(3, 3), 1)]);
    let sql = "SELECT count(*)::BIGINT FROM zone_visits_changes";
    assert_eq!(count(&query(&site.folder(), sql).unwrap()), 3);
    // A store that is lost with changes that were never published makes up the difference, once.
    site.commit(vec![(visit(1, 1), -1), (visit(4, 4), 1)]);
    let before = until(&site);
    std::fs::remove_file(site.dir.path().join("store.duckdb")).unwrap();
    site = site.reopen();
    site.rebuild(vec![visit(2, 2), visit(3, 3), visit(4, 4)]);
    site.try_publish(&[], &[]).unwrap();
    assert_eq!(count(&query(&site.folder(), sql).unwrap()), 5);
    assert_eq!(visits_as_of(&site, just_after(before)), sorted_rows(vec![visit(1, 1), visit(2, 2), visit(3, 3)]));
    assert_eq!(visits_as_of(&site, just_after(until(&site))), sorted_rows(vec![visit(2, 2), visit(3, 3), visit(4, 4)]));
    // Derived again with the same rows nothing changes, whether the store is there or not.
    site.rebuild(vec![visit(2, 2), visit(3, 3), visit(4, 4)]);
    site.try_publish(&[], &[]).unwrap();
    std::fs::remove_file(site.dir.path().join("store.duckdb")).unwrap();
    site = site.reopen();
    site.rebuild(vec![visit(2, 2), visit(3, 3), visit(4, 4)]);
    site.try_publish(&[], &[]).unwrap();
    assert_eq!(count(&query(&site.folder(), sql).unwrap()), 5);
}

fn sorted_rows(mut rows: Vec<ViewRow>) -> Vec<ViewRow> {
    rows.sort();
    rows
}

#[test]
fn a_lost_file_of_changes_is_made_up_for() {
    let mut site = Site::new().reopen();
    site.publish(&[], &[], vec![(visit(1, 1), 1)]);
    site.publish(&[], &[], vec![(visit(2, 2), 1)]);
    let file = site.lake.manifest.of(Part::Changes, "zone_visits_changes").next().unwrap().path.clone();
    std::fs::write(site.folder().join(file), "cut").unwrap();
    site = site.reopen();
    assert_eq!(site.lake.damage().len(), 1);
    assert!(matches!(query_as_of(&site.folder(), "FROM zone_visits", EventTime::MAX), Err(SinkError::Damaged { .. })));
    // The crash before anything was made up for does not hide the loss.
    site = site.reopen();
    assert_eq!(site.store.last_epoch().unwrap(), None, "the store is begun anew");
    site.rebuild(vec![visit(1, 1), visit(2, 2)]);
    site.try_publish(&[], &[]).unwrap();
    assert_eq!(visits_as_of(&site, just_after(until(&site))), sorted_rows(vec![visit(1, 1), visit(2, 2)]));
}

#[test]
fn a_damaged_view_is_written_again_however_often_it_is_opened_before() {
    let mut site = Site::new().reopen();
    site.publish(&[], &[], vec![(visit(1, 1), 1)]);
    let file = site.lake.manifest.of(Part::Views, "zone_visits").next().unwrap().path.clone();
    std::fs::write(site.folder().join(file), "cut").unwrap();
    site = site.reopen().reopen();
    assert!(site.lake.is_due(site.now));
    site.commit(Vec::new());
    site.try_publish(&[], &[]).unwrap();
    assert_eq!(count(&query(&site.folder(), "SELECT count(*)::BIGINT FROM zone_visits").unwrap()), 1);
    assert!(!site.lake.is_due(site.now));
}

#[test]
fn a_table_without_a_past_is_named() {
    let mut site = Site::new().reopen();
    site.publish(&[], &[], every_view(0..2));
    let ask = |sql: &str| query_as_of(&site.folder(), sql, EventTime::MAX);
    for sql in ["FROM worker_hours", "SELECT worker FROM worker_hours", "FROM gemba_epoch", "FROM code_read"] {
        let error = ask(sql).unwrap_err().to_string();
        assert!(error.contains("--as-of answers for packing_sessions, zone_visits, alerts"), "{error}");
    }
    assert!(matches!(ask("FROM nothing"), Err(SinkError::Query(_))));
    assert!(matches!(ask("DROP VIEW zone_visits"), Err(SinkError::Request(_))));
    for (view, changes) in registry::HISTORY {
        let one = format!("SELECT count(*)::BIGINT FROM {}", view.table_name());
        assert_eq!(count(&ask(&one).unwrap()), 2, "{one}");
        assert_eq!(*changes, format!("{}_changes", view.table_name()));
        assert_eq!(count(&ask(&format!("SELECT count(*)::BIGINT FROM {changes}")).unwrap()), 2);
    }
}

/// A retention, and a `now` so many days after the sample rows.
fn kept_for(site: &mut Site, facts_days: Option<u32>, views_days: Option<u32>, days: i64) {
    let retention = Retention { facts_days, views_days, ..Retention::default() };
    site.lake.retention = Some((retention, site.dir.path().into()));
    site.now = EventTime(DAY + days * A_DAY);
}

#[test]
fn old_facts_leave_by_whole_months_and_what_they_made_stays() {
    let mut site = Site::new().reopen();
    let given = facts(0..700);
    let rows: Vec<_> = every_view(0..40);
    site.publish(&given, &[], rows.clone());
    // 2026-01-20 to 22; in March of that year January is not old enough, from 9 April on it is.
    kept_for(&mut site, Some(40), None, 45);
    assert!(site.lake.leaving(site.now).unwrap().is_empty());
    kept_for(&mut site, Some(40), None, 80);
    let leaving = site.lake.leaving(site.now).unwrap();
    assert_eq!(leaving.facts_from.as_deref(), Some("2026-02-26"));
    assert!(leaving.bytes() > 0 && leaving.parts.keys().all(|k| k.starts_with("facts/") && k != "facts/coverage"));
    assert!(site.lake.is_due(site.now));
    let listed: Vec<_> = site.lake.manifest.files.iter().filter(|f| f.part == Part::Facts).cloned().collect();
    // A publication does it, once a day.
    site.commit(Vec::new());
    site.try_publish(&[], &[]).unwrap();
    assert!(!site.lake.is_due(site.now));
    let left = all(&site.lake);
    assert!(!left.is_empty() && left.iter().all(|f| f.kind() == FactKind::Coverage), "coverage stays");
    // Whoever reads the old catalog can go on.
    assert!(listed.iter().all(|f| site.folder().join(&f.path).exists()));
    site = site.reopen();
    // A start derives nothing of that time; what is there stays.
    let kept = site.lake.kept();
    let timed = |v: ViewKind| v.table().key.contains(&v.table().bucket);
    let mut derived =
        vec![(visit(7, 999), 1), (row(ViewKind::LateFact, 3, 3), 1), (row(ViewKind::Unregistered, 1, 1), 1)];
    assert_eq!(kept.leave_out(&mut derived), 1);
    let taken_over = |site: &Site| {
        let mut rows = site.lake.late_rows(&site.store, &derived).unwrap();
        let finals = site.lake.final_rows(&site.store, &mut |some| rows.extend(some)).unwrap();
        (finals.are_in_store(), finals.digest(), sorted_rows(rows))
    };
    let (in_store, digest, rows_kept) = taken_over(&site);
    let expected = |view: ViewKind| {
        if timed(view) {
            40
        } else if view == ViewKind::LateFact {
            39
        } else {
            0
        }
    };
    for &view in ViewKind::ALL {
        assert_eq!(rows_kept.iter().filter(|r| r.kind() == view).count(), expected(view), "{}", view.table_name());
    }
    // A store that is derived again keeps them, and forgets what is derived.
    let before = site.store.last_epoch().unwrap().unwrap().digest;
    let finals = site.lake.final_rows(&site.store, &mut |_| ()).unwrap();
    let rest = every_view(0..40).into_iter().filter(|(row, _)| !kept.holds(row)).collect();
    site.rebuild_but(rest, &finals);
    assert_eq!(site.store.last_epoch().unwrap().unwrap().digest, before);
    site.store.verify().unwrap();
    let changes = "SELECT count(*)::BIGINT FROM zone_visits_changes";
    assert_eq!(count(&site.store.reader().unwrap().sql(changes).unwrap()), 0, "nothing came and nothing left");
    site.rebuild_but(Vec::new(), &finals);
    assert_eq!(site.store.last_epoch().unwrap().unwrap().digest, finals.digest().hex());
    site.store.verify().unwrap();
    site.rebuild_but(every_view(0..40).into_iter().filter(|(row, _)| !kept.holds(row)).collect(), &finals);
    assert_eq!(taken_over(&site), (in_store, digest, rows_kept.clone()));
    site.try_publish(&[], &[]).unwrap();
    // The store is lost: they come from the lake.
    std::fs::remove_file(site.dir.path().join("store.duckdb")).unwrap();
    site = site.reopen();
    assert!(in_store);
    assert_eq!(taken_over(&site), (false, digest, rows_kept));
    // Nothing comes back when the site says something else.
    kept_for(&mut site, None, None, 80);
    assert_eq!(site.lake.leaving(site.now).unwrap().facts_from.as_deref(), Some("2026-02-26"));
    assert_eq!(sorted(all(&site.lake)).len(), left.len());
}

#[test]
fn old_rows_of_views_leave_the_lake_and_stay_out() {
    let mut site = Site::new().reopen();
    site.publish(&facts(0..70), &[], every_view(0..40));
    let before = site.lake.manifest.of(Part::Views, "zone_visits").count();
    assert_eq!(before, 3);
    kept_for(&mut site, None, Some(30), 31);
    let leaving = site.lake.retain(site.now).unwrap();
    assert_eq!(leaving.views_from.as_deref(), Some("2026-01-21"));
    assert_eq!(leaving.parts["views/zone_visits"].files, 1);
    // Everything is written again, as after a new start with other rules.
    site.dirty_all();
    site.commit(Vec::new());
    site.try_publish(&[], &[]).unwrap();
    let dates: Vec<_> = site.lake.manifest.of(Part::Views, "zone_visits").map(|f| f.date.clone()).collect();
    assert_eq!(dates, ["2026-01-21", "2026-01-22"]);
    assert_eq!(all(&site.lake).len(), 70, "facts stay");
    let sql = "SELECT count(*)::BIGINT FROM zone_visits_changes";
    assert_eq!(count(&query(&site.folder(), sql).unwrap()), 40, "and so does the past");
}

#[test]
fn a_clock_that_is_ahead_makes_nothing_old() {
    let mut site = Site::new().reopen();
    site.publish(&facts(0..70), &[], Vec::new());
    // The year 9000: the wall clock is asked too.
    kept_for(&mut site, Some(100_000), None, 2_500_000);
    assert!(site.lake.leaving(site.now).unwrap().is_empty());
}

#[test]
fn old_pictures_leave() {
    let site = Site::new();
    let retention = Retention { evidence_days: 10, ..Retention::default() };
    let folder = site.dir.path().join("evidence/front");
    std::fs::create_dir_all(&folder).unwrap();
    let old = std::time::UNIX_EPOCH + Duration::from_secs(order::seconds() - 11 * 86_400);
    for (name, changed) in [("old.jpg", Some(old)), ("new.jpg", None)] {
        let path = folder.join(name);
        std::fs::write(&path, "picture").unwrap();
        if let Some(changed) = changed {
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(changed).unwrap();
        }
    }
    let Site { dir, lake, .. } = site;
    let mut lake = lake.with_retention(retention, dir.path());
    assert_eq!(lake.leaving(EventTime(DAY)).unwrap().parts["evidence"], Amount { files: 1, rows: 0, bytes: 7 });
    assert_eq!(lake.retain(EventTime(DAY)).unwrap().bytes(), 7);
    assert!(!folder.join("old.jpg").exists() && folder.join("new.jpg").exists());
}

#[test]
fn a_reader_of_an_old_catalog_goes_on_while_files_are_joined() {
    let mut site = Site::new().reopen();
    site.publish(&facts(0..70), &[], vec![(visit(0, 0), 1)]);
    let old = duck::open(Some(&site.folder().join(catalog::CATALOG)), Mode::Read, None).unwrap();
    let ask = |connection: &Connection, table: &str| -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).unwrap()
    };
    let points = ask(&old, "track_point");
    for n in 1..12 {
        site.publish(&facts(n * 70..(n + 1) * 70), &[], vec![(visit(n, n), 1)]);
        assert_eq!((ask(&old, "track_point"), ask(&old, "zone_visits")), (points, 1));
    }
    let mut days: BTreeMap<_, usize> = BTreeMap::new();
    for file in &site.lake.manifest.files {
        *days.entry((file.part, &file.table, &file.date)).or_default() += 1;
    }
    assert!(days.values().all(|n| *n <= 8), "{days:?}");
    assert_eq!(all(&site.lake), sorted(facts(0..12 * 70)));
    // Every file lies in its order.
    for file in &site.lake.manifest.files {
        let table = file.part.table(&file.table).unwrap();
        let path = site.folder().join(&file.path);
        let keys = format!("SELECT {} FROM '{}'", crate::duck::file_order(&table), path.display());
        let connection = &site.lake.connection;
        let fail = |e: duckdb::Error| SinkError::Query(e.to_string());
        let found = collect(connection, &keys, [], fail).unwrap();
        let ordered = collect(connection, &format!("{keys} ORDER BY ALL"), [], fail).unwrap();
        assert_eq!(found, ordered, "{}", file.path);
    }
    // Once the grace is over they go; the manifest has forgotten them before.
    site.lake = Lake::open(&site.folder()).unwrap().with_grace(Duration::ZERO);
    let superseded: Vec<_> = site.lake.manifest.superseded.iter().map(|s| site.folder().join(&s.path)).collect();
    assert!(!superseded.is_empty() && superseded.iter().all(|p| p.exists()));
    site.lake.remove_superseded().unwrap();
    assert!(superseded.iter().all(|p| !p.exists()));
    assert!(Manifest::read(&site.folder()).unwrap().unwrap().superseded.is_empty());
}

#[test]
fn a_listed_file_is_there_at_every_instant() {
    let mut site = Site::new().reopen();
    site.publish(&[], &[], vec![(visit(0, 0), 1)]);
    site.lake = Lake::open(&site.folder()).unwrap().with_grace(Duration::ZERO);
    let (folder, done) = (site.folder(), std::sync::atomic::AtomicBool::new(false));
    let ordering = std::sync::atomic::Ordering::Relaxed;
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(ordering) || looks == 0 {
                let listed = Manifest::read(&folder).unwrap().unwrap().files;
                for file in listed.iter().filter(|f| !folder.join(&f.path).exists()) {
                    // Gone between the two looks: then the manifest has forgotten it before.
                    let now = Manifest::read(&folder).unwrap().unwrap().files;
                    assert!(now.iter().all(|f| f.path != file.path), "{} is listed and gone", file.path);
                }
                looks += 1;
            }
        });
        let point = |n: u64| facts(n * 14..(n + 1) * 14).into_iter().filter(|f| f.kind() == FactKind::TrackPoint);
        for n in 1..40 {
            site.publish(&point(n).collect::<Vec<_>>(), &[], vec![(visit(n, n), 1)]);
        }
        done.store(true, ordering);
        watch.join().unwrap();
    });
}

#[test]
fn another_version_is_refused_with_what_helps() {
    let site = Site::new();
    let path = site.folder().join(manifest::MANIFEST);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"version\":1", "\"version\":9")).unwrap();
    let error = Lake::open(&site.folder()).unwrap_err();
    assert!(matches!(error, SinkError::Version { found: 9, expected: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("install that one (`gemba --version`"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text.replace("\"version\":1", "\"version\":9"));
}

#[test]
fn what_is_published_is_the_pinned_epoch_and_the_rest_comes_with_the_next() {
    let mut site = Site::new();
    site.commit(vec![(visit(1, 1), 1)]);
    let pinned = site.store.pin().unwrap().unwrap();
    site.commit(vec![(visit(1, 1), -1), (visit(1, 5), 1), (visit(2, 2), 1)]);
    site.publish_pinned(&pinned, &facts(0..70), &[]).unwrap();
    drop(pinned);
    let lists = |site: &Site, sql: &str| count(&query(&site.folder(), sql).unwrap());
    assert_eq!(lists(&site, "SELECT count(*) FROM zone_visits"), 1);
    assert_eq!(lists(&site, "SELECT sum(diff)::BIGINT FROM zone_visits_changes"), 1);
    assert_eq!((site.lake.epoch().unwrap().tick, site.lake.journal_seq(), site.lake.changes_through()), (1, 1, 1));
    // Also from a new start: the store still has what the lake has not.
    let mut site = site.reopen();
    site.dirty_all();
    site.try_publish(&facts(70..140), &[]).unwrap();
    assert_eq!(lists(&site, "SELECT count(*) FROM zone_visits"), 2);
    assert_eq!(lists(&site, "SELECT count(*) FROM zone_visits_changes"), 4);
    assert_eq!(all(&site.lake).len(), 140);
}
