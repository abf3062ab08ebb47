//! Correlate against its oracle: SQL in DuckDB over the stored facts, written from the definitions.
//!
//! Random facts of a random site go into correlate in random order and random ticks, some of them twice, some
//! retracted later, with rules that are edited and a now that moves, on one, two and four workers. What is
//! there in the end must be what the SQL says of the facts, rules and now that are left, row by row and column by
//! column.

mod database;
mod database_drift;
mod database_people;
mod database_station;
mod scene;
mod scene_attendance;
mod scene_drift;
mod scene_gate;
mod scene_quality;
mod scene_station;
mod scene_work;

use differential_dataflow::input::Input;
use gemba_correlate::correlate;
use gemba_schemas::fact::Fact;
use gemba_schemas::id::FactId;
use gemba_schemas::rule::Rule;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::{ReadOutcome, ViewKind, ViewRow};
use proptest::prelude::*;
use scene::Scene;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Changes of the inputs in one tick.
#[derive(Clone, Debug, Default)]
pub struct Step {
    facts: Vec<(Fact, isize)>,
    rules: Vec<(Rule, isize)>,
    now: Vec<(EventTime, isize)>,
}

/// The rows that are left after all ticks.
fn derive(steps: &[Step], workers: usize) -> BTreeMap<ViewRow, isize> {
    let rows = Arc::new(Mutex::new(BTreeMap::new()));
    let steps = Arc::new(steps.to_vec());
    let collected = Arc::clone(&rows);
    timely::execute(timely::Config::process(workers), move |worker| {
        let collected = Arc::clone(&collected);
        let (mut facts, mut rules, mut now) = worker.dataflow(|scope| {
            let (facts_in, facts) = scope.new_collection();
            let (rules_in, rules) = scope.new_collection();
            let (now_in, now) = scope.new_collection();
            correlate(facts, rules, now).rows.inspect(move |(row, _, diff)| {
                *collected.lock().unwrap().entry(row.clone()).or_insert(0) += *diff;
            });
            (facts_in, rules_in, now_in)
        });
        for (tick, step) in steps.iter().enumerate() {
            if worker.index() == 0 {
                step.facts.iter().for_each(|(fact, diff)| facts.update(fact.clone(), *diff));
                step.rules.iter().for_each(|(rule, diff)| rules.update(rule.clone(), *diff));
                step.now.iter().for_each(|(ts, diff)| now.update(*ts, *diff));
            }
            facts.advance_to(tick as u64 + 1);
            rules.advance_to(tick as u64 + 1);
            now.advance_to(tick as u64 + 1);
            // Several ticks in flight, in a way that differs between numbers of workers.
            if tick % 3 == 0 {
                worker.step();
            }
        }
    })
    .unwrap();
    let mut rows = std::mem::take(&mut *rows.lock().unwrap());
    rows.retain(|_, n| *n != 0);
    rows
}

/// What the inputs come to: the facts that are present, the rules, now.
fn sum(steps: &[Step]) -> (Vec<Fact>, Vec<Rule>, Vec<EventTime>) {
    fn present<T: Ord + Clone>(changes: impl Iterator<Item = (T, isize)>) -> Vec<T> {
        let mut counts = BTreeMap::new();
        changes.for_each(|(row, diff)| *counts.entry(row).or_insert(0) += diff);
        counts.into_iter().filter(|(_, n)| *n > 0).map(|(row, _)| row).collect()
    }
    let facts = present(steps.iter().flat_map(|s| s.facts.iter().cloned()));
    // Of several bodies under one identity the least counts, of clients' the first to arrive.
    let mut least: BTreeMap<(bool, FactId), Fact> = BTreeMap::new();
    for fact in facts {
        let slot = least.entry((fact.is_late(), fact.id())).or_insert_with(|| fact.clone());
        if (fact.received_at(), &fact) < (slot.received_at(), slot) {
            *slot = fact;
        }
    }
    let rules = present(steps.iter().flat_map(|s| s.rules.iter().cloned()));
    let now = present(steps.iter().flat_map(|s| s.now.iter().cloned()));
    (least.into_values().collect(), rules, now)
}

fn check(steps: &[Step], workers: usize) {
    let (facts, rules, now) = sum(steps);
    let expected = database::answers(&facts, &rules, &now);
    let found = derive(steps, workers);
    for kind in ViewKind::ALL {
        let of = |rows: &BTreeMap<ViewRow, isize>| -> BTreeMap<ViewRow, isize> {
            rows.iter().filter(|(row, _)| row.kind() == *kind).map(|(row, n)| (row.clone(), *n)).collect()
        };
        let (expected, found) = (of(&expected), of(&found));
        let missing: Vec<_> = expected.iter().filter(|(row, n)| found.get(*row) != Some(*n)).collect();
        let extra: Vec<_> = found.iter().filter(|(row, n)| expected.get(*row) != Some(*n)).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{kind:?} on {workers} workers: {} of {} rows differ\nmissing {:#?}\nextra {:#?}",
            missing.len().max(extra.len()),
            expected.len(),
            missing.iter().take(3).collect::<Vec<_>>(),
            extra.iter().take(3).collect::<Vec<_>>(),
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// The whole promise at once.
    #[test]
    fn oracle_equals_correlate(seed: u64, size in 0usize..5, ticks in 1usize..20, workers in 0usize..3) {
        check(&Scene::new(seed, size).steps(ticks), 1 << workers);
    }
}

/// A larger scene, on every number of workers; says how much of each view it exercises.
#[test]
fn oracle_large_scene() {
    for seed in 0..3 {
        let scene = Scene::new(seed, 12);
        for workers in [1, 2, 4] {
            let steps = scene.steps(8 * workers);
            check(&steps, workers);
        }
        let rows = derive(&scene.steps(1), 1);
        for kind in ViewKind::ALL {
            let n = rows.keys().filter(|row| row.kind() == *kind).count();
            assert!(n > 0, "scene {seed} has no {kind:?}");
            println!("scene {seed}: {n} rows of {kind:?}");
        }
    }
}

/// Each clock of the scenes, with the days on which it is changed.
#[test]
fn oracle_every_clock() {
    for seed in 0..scene::PLACES.len() as u64 {
        check(&Scene::new(seed, 4).steps(3), 1);
    }
}

/// The scenes do see work, idleness, absence and badges at stations: without any event of a client.
#[test]
fn oracle_sees_stations() {
    let (mut time, mut badges) = ([0; 3], 0);
    for seed in 0..6 {
        let mut steps = Scene::new(seed, 14).steps(1);
        steps[0].facts.retain(|(fact, _)| !matches!(fact, Fact::Activity(_) | Fact::Production(_)));
        check(&steps, 1);
        for row in derive(&steps, 1).keys() {
            let ViewRow::WorkerHour(row) = row else { continue };
            let states = [row.active_us, row.idle_us, row.absent_us];
            time.iter_mut().zip(states).for_each(|(sum, us)| *sum += us.0);
            // W3 and W4 have no station.
            badges += i64::from(["W3", "W4"].contains(&row.worker.as_str()));
        }
    }
    assert!(time.iter().all(|us| *us > 5_000_000), "{time:?}");
    assert!(badges > 2, "{badges} hours of badges");
}

/// The scenes do raise alerts of every kind, in time and late.
#[test]
fn oracle_sees_alerts() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..6 {
        let rows = derive(&Scene::new(seed, 8).steps(1), 1);
        seen.extend(rows.keys().filter_map(|r| if let ViewRow::Alert(a) = r { Some((a.kind, a.late)) } else { None }));
    }
    for kind in gemba_schemas::rule::AlertKind::ALL {
        assert!(seen.contains(&(*kind, false)), "no {kind} in time: {seen:?}");
        // Sessions are seen by cameras, which never come late.
        assert_eq!(seen.contains(&(*kind, true)), kind.as_str() != "empty_rate", "late {kind}: {seen:?}");
    }
}

/// The scenes do have misreads, of confirmed runs too, and runs that could be some and are none.
#[test]
fn oracle_sees_misreads() {
    let (mut with, mut without, mut hours) = (0, 0, 0);
    for seed in 0..4 {
        for row in derive(&Scene::new(seed, 8).steps(1), 1).keys() {
            match row {
                ViewRow::GateEvent(row) if row.reads > row.agreeing => with += 1,
                ViewRow::GateEvent(_) => without += 1,
                ViewRow::GateReadHour(row) if row.outcome == ReadOutcome::Misread => hours += row.reads,
                _ => {}
            }
        }
    }
    assert!(with > 40 && without > 40 && hours > with, "{with} visits with misreads, {without} without, {hours}");
}
