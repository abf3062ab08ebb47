//! The worker threads: each builds both dataflows and steps them; worker 0 also feeds correlate and reports
//! when a tick is complete.
//!
//! ```text
//! committer ──Feed──▶ worker 0 ─▶ correlate (all workers) ─▶ worker 0 ──Derived──▶ committer
//! every worker: sources ─▶ vision ──Report──▶ committer
//! ```

use crate::dataflow::{self, Vision};
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use gemba_correlate::Receipt;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::ViewRow;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::Duration;
use timely::worker::Worker;

/// Input changes of correlate at one tick.
#[derive(Default)]
pub struct Feed {
    /// The tick they belong to.
    pub tick: Tick,
    /// Facts added (+1) and taken back (−1).
    pub facts: Vec<(Fact, isize)>,
    /// Rules added and taken back.
    pub rules: Vec<(Rule, isize)>,
    /// `now` moved: the old one −1, the new one +1.
    pub now: Vec<(EventTime, isize)>,
    /// Whether the tick is complete with this.
    pub closes: bool,
}

/// What correlate derived.
pub enum Derived {
    /// Changed view rows.
    Changes(Vec<(ViewRow, Tick, isize)>),
    /// Facts of clients that were there already.
    Receipts(Vec<(Receipt, Tick, isize)>),
    /// Every change at or before this tick has been sent.
    Complete(Tick),
}

/// What a vision source or stage reports.
pub enum Report {
    /// Facts, in the order in which one worker saw them.
    Facts(Vec<Fact>),
    /// A unit is about to be read.
    Started(usize),
    /// One worker has nothing more to read.
    Finished,
}

/// The channels between the committer and the workers.
pub struct Wiring {
    /// For worker 0, taken once.
    pub feed: Mutex<Option<Receiver<Feed>>>,
    /// From worker 0.
    pub derived: Sender<Derived>,
    /// From every worker.
    pub reports: Sender<Report>,
    /// Worker 0, to be unparked after something was fed.
    pub first: Mutex<Option<Thread>>,
}

/// How long worker 0 sleeps when nothing happens; it is unparked earlier by a feed.
const PARK: Duration = Duration::from_millis(5);

/// Runs one worker to the end: of its footage, and of the feed.
pub fn run(worker: &mut Worker, wiring: &Wiring, vision: &Arc<Vision>) {
    if vision.has_footage() {
        let reports = wiring.reports.clone();
        worker.dataflow_named::<gemba_operators::drive::Position, _, _>("vision", |scope| {
            dataflow::vision(scope, vision, reports);
        });
    } else {
        // A closed channel means that the committer is gone, and then nobody waits for this.
        let _ = wiring.reports.send(Report::Finished);
    }

    let derived = wiring.derived.clone();
    let mut inputs = worker.dataflow_named::<Tick, _, _>("correlate", |scope| dataflow::correlate(scope, derived));
    if worker.index() != 0 {
        // Only worker 0 is fed; the others' inputs close at once and never hold a tick back.
        return;
    }
    let Some(feed) = wiring.feed.lock().unwrap_or_else(|e| e.into_inner()).take() else { return };
    *wiring.first.lock().unwrap_or_else(|e| e.into_inner()) = Some(std::thread::current());

    let mut closed: Option<Tick> = None;
    loop {
        match feed.try_recv() {
            Ok(batch) => {
                let tick = batch.tick;
                if batch.closes {
                    closed = Some(tick);
                }
                inputs.feed(batch);
            }
            Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {}
        }
        worker.step_or_park(Some(if feed.is_empty() { PARK } else { Duration::ZERO }));
        if let Some(tick) = closed
            && !inputs.probe.less_than(&(tick + 1))
        {
            closed = None;
            let _ = wiring.derived.send(Derived::Complete(tick));
        }
    }
}
