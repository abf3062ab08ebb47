//! What is away with a publication comes back whole when that fails, and a lake that does not come back ends the run.

use super::slot::{Job, Slot};
use super::unpublished::{Taken, Unpublished};
use gemba_schemas::fact::{Activity, ActivityState, Fact};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use gemba_sinks::{Epoch, Lake, SinkError, Store, Withdrawal};
use std::collections::BTreeSet;

/// The fact `id`, accepted at the instant `at`.
fn fact(id: u64, at: i64) -> Fact {
    let (day, ts) = (1_768_867_200_000_000, EventTime(1_768_867_200_000_000 + id as i64));
    Fact::from(Activity {
        id: FactId(id),
        received_at: EventTime(day + at),
        ts,
        worker: "W1".into(),
        station: "S1".into(),
        state: ActivityState::Working,
        confidence: Score(9_000),
        model: "m".into(),
        model_version: "1".into(),
        request: String::new(),
    })
}

fn withdrawal(id: u64) -> Withdrawal {
    Withdrawal { ids: BTreeSet::from([FactId(id)]), from: EventTime::MIN, to: EventTime::MAX }
}

fn generation(n: i64) -> (Name, Generation) {
    (Name::new("gate"), Generation(n))
}

/// Entries 1 to 3 and a copy in each of the last two that is refused.
fn waiting() -> Unpublished {
    let mut unpublished = Unpublished::default();
    unpublished.push(1, vec![fact(1, 1), fact(2, 2)]);
    unpublished.push(2, vec![fact(3, 3), fact(1, 4)]);
    unpublished.retract(2, vec![generation(7)]);
    unpublished.withdraw(2, withdrawal(50));
    unpublished.push(3, vec![fact(4, 5), fact(1, 6)]);
    unpublished.refuse(&fact(1, 4));
    unpublished.refuse(&fact(1, 6));
    unpublished.dirty.insert((ViewKind::ZoneVisit, "2026-01-20".into()));
    unpublished
}

fn ids(taken: &Taken) -> Vec<Vec<u64>> {
    taken.facts.iter().map(|batch| batch.iter().map(|f| f.id().0).collect()).collect()
}

#[test]
fn what_is_put_back_comes_before_what_came_since() {
    let mut unpublished = waiting();
    let mut taken = unpublished.take(2);
    assert_eq!((ids(&taken), unpublished.waiting()), (vec![vec![1, 2], vec![3, 1]], 2));
    assert!(!unpublished.has_void() && !unpublished.has_news(2) && unpublished.has_news(3));
    taken.leave_out_refused();
    assert_eq!(ids(&taken), [vec![1, 2], vec![3]]);

    // Meanwhile more comes, and the publication fails.
    unpublished.push(4, vec![fact(5, 7)]);
    unpublished.withdraw(4, withdrawal(4));
    unpublished.dirty.insert((ViewKind::WorkerHour, "2026-01-21".into()));
    unpublished.put_back(taken);
    assert_eq!(unpublished.waiting(), 6);
    assert!(unpublished.is_retracted(generation(7).0, generation(7).1) && unpublished.is_withdrawn(&fact(50, 0)));
    assert!(unpublished.is_refused(&fact(1, 6)) && !unpublished.is_refused(&fact(1, 1)));
    // A deletion finds all of it.
    assert_eq!(unpublished.take_out(|f| f.id() == FactId(1)), [fact(1, 1)], "without the copy");
    assert_eq!(unpublished.waiting(), 4);

    let mut all = unpublished.take(4);
    all.leave_out_refused();
    assert_eq!(ids(&all), [vec![2], vec![3], vec![4], vec![5]]);
    assert_eq!((all.withdrawn, all.retracted), (vec![withdrawal(50), withdrawal(4)], vec![generation(7)]));
    assert_eq!(all.dirty.len(), 2);
    assert!(!unpublished.has_news(u64::MAX));
}

#[test]
fn a_copy_that_was_not_among_what_is_published_stays_known() {
    let mut unpublished = waiting();
    // One that the lake itself lists.
    unpublished.refuse(&fact(90, 0));
    let mut taken = unpublished.take(3);
    taken.leave_out_refused();
    taken.published();
    assert!(taken.facts.is_empty() && taken.dirty.is_empty() && taken.through == 3);
    unpublished.put_back(taken);
    assert!(unpublished.is_refused(&fact(90, 0)) && !unpublished.is_refused(&fact(1, 6)));
    assert!(!unpublished.has_news(3) && unpublished.waiting() == 0);
}

/// A data directory whose store is at an epoch.
fn site() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(&folder.path().join("store.duckdb")).unwrap();
    let (rules, now) = (Name::new("rules"), EventTime(1_768_867_200_000_000));
    store.commit(&Epoch { tick: 3, journal_seq: 3, rules, now, changes: Vec::new() }).unwrap();
    (folder, store)
}

#[test]
fn a_publication_that_fails_brings_everything_back() {
    let (folder, store) = site();
    let lake = Lake::open(&folder.path().join("lake")).unwrap();
    let mut slot = Slot::new(lake).unwrap();
    let mut unpublished = waiting();
    // A file where a folder must be made.
    let block = folder.path().join("lake/facts");
    std::fs::write(&block, "").unwrap();
    for fails in [true, false] {
        let (pinned, taken) = (store.pin().unwrap().unwrap(), unpublished.take(3));
        slot.depart(Job { pinned, taken, site: String::new() }).unwrap();
        assert!(!slot.is_here() && slot.here().is_err() && slot.facts() == if fails { 6 } else { 4 });
        let ended = slot.land(slot.done().recv()).unwrap();
        assert!(slot.is_here() && slot.facts() == 0 && ended.tick == 3);
        assert_eq!(matches!(ended.outcome, Err(SinkError::NotWritable { .. })), fails, "{:?}", ended.outcome);
        unpublished.put_back(ended.left);
        assert_eq!((unpublished.waiting(), unpublished.has_news(3)), if fails { (4, true) } else { (0, false) });
        let _ = std::fs::remove_file(&block);
    }
    let lake = slot.here().unwrap();
    assert_eq!((lake.journal_seq(), lake.fact_totals().1), (3, 4));
}

#[test]
fn a_publisher_that_panics_is_an_error_of_the_run() {
    let (folder, store) = site();
    let lake = Lake::open(&folder.path().join("lake")).unwrap();
    let mut slot = Slot::working(lake, |_, _| panic!("a broken invariant")).unwrap();
    let (pinned, taken) = (store.pin().unwrap().unwrap(), waiting().take(3));
    slot.depart(Job { pinned, taken, site: String::new() }).unwrap();
    let landed = slot.land(slot.done().recv());
    assert!(matches!(&landed, Err(SinkError::Poisoned { .. })));
    assert!(matches!(slot.here(), Err(SinkError::Poisoned { .. })));
}
