//! The whole graph on one screen.
//!
//! ```text
//! footage ─▶ packets ─▶ frames ┬─▶ codes ──────────┐
//!                              ├─▶ motion ─────────┤ facts ─▶ committer: journal, tick
//!                              └─▶ boxes ─▶ tracks ┘                         │
//! lake, endpoint ◀─ store ◀─ committer ◀─ view rows ◀─ correlate ◀───────────┘
//! ```
//!
//! *vision* runs in time of packets read, one instance of every stage per unit of footage, all of a unit on
//! one worker. *correlate* runs in ticks; its rows are gathered on worker 0. Neither reads a clock or a file
//! beyond its footage. The only signal against the stream is the count of facts not yet committed, on which
//! the sources wait ([`crate::footage`]).

use crate::footage::{self, Footage};
use crate::progress::Progress;
use crate::worker::{Derived, Feed, Report};
use crossbeam_channel::Sender;
use differential_dataflow::input::InputSession;
use gemba_correlate::correlate as derive;
use gemba_operators::drive::{Facts, Position, Units, drive};
use gemba_operators::frame::{Frame, Wanted};
use gemba_operators::stage::Seen;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Tick};
use std::sync::Arc;
use timely::dataflow::Scope;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::vec::Filter;
use timely::dataflow::operators::{Concat, Concatenate, Operator, Probe, probe::Handle};

/// What every worker needs to know to look at footage.
pub struct Vision {
    /// The units to read, shared by the workers.
    pub footage: Arc<Footage>,
    /// Counters.
    pub progress: Arc<Progress>,
}

impl Vision {
    /// Whether there can be anything to read at all.
    pub fn has_footage(&self) -> bool {
        self.footage.expected()
    }
}

/// Builds the vision dataflow of one worker.
pub fn vision<'scope>(scope: Scope<'scope, Position>, vision: &Arc<Vision>, reports: Sender<Report>) {
    let units = || {
        let vision = vision.clone();
        move |unit| vision.footage.unit(unit)
    };
    let (packets, opened) = footage::source(scope, vision.clone(), reports.clone());
    let (frames, coverage) = drive(packets, "decode", {
        let unit = units();
        move |u| unit(u).decoder()
    });
    let (_, codes) = drive(sample(&frames, |w| w.codes), "scan", {
        let unit = units();
        move |u| unit(u).scanner()
    });
    let (_, spans) = drive(sample(&frames, |w| w.motion), "motion", {
        let unit = units();
        move |u| unit(u).motion()
    });
    let (boxes, faults) = drive(sample(&frames, |w| w.detect), "detect", {
        let unit = units();
        move |u| unit(u).detector()
    });
    let (_, tracks) = drive(boxes, "track", {
        let unit = units();
        move |u| unit(u).tracker()
    });

    report(scope.concatenate([opened, coverage, codes, spans, faults, tracks]), reports);
}

/// The frames that one consumer wants. Ends always pass.
fn sample<'scope>(frames: &Units<'scope, Frame>, wants: fn(Wanted) -> bool) -> Units<'scope, Frame> {
    frames.clone().filter(move |(_, seen)| match seen {
        Seen::Item(frame) => wants(frame.meta.wanted),
        Seen::End(_) => true,
    })
}

/// Hands facts to the committer, and says when there will be no more.
fn report<'scope>(facts: Facts<'scope>, reports: Sender<Report>) {
    facts.unary_frontier::<timely::container::CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Pipeline,
        "report",
        |_, _| {
            let mut open = true;
            move |(input, frontier), _output| {
                input.for_each(|_, batch| {
                    // The committer outlives the workers unless it failed, and then it says so itself.
                    let _ = reports.send(Report::Facts(std::mem::take(batch)));
                });
                if open && frontier.is_empty() {
                    open = false;
                    let _ = reports.send(Report::Finished);
                }
            }
        },
    );
}

/// The inputs of the correlate dataflow, and how far its output is complete.
pub struct Inputs {
    facts: InputSession<Tick, Fact, isize>,
    rules: InputSession<Tick, Rule, isize>,
    now: InputSession<Tick, EventTime, isize>,
    /// Complete up to its frontier, on all workers.
    pub probe: Handle<Tick>,
}

impl Inputs {
    /// Applies a batch at its tick, and closes the tick if it is the last one.
    pub fn feed(&mut self, batch: Feed) {
        let at = batch.tick;
        batch.facts.into_iter().for_each(|(fact, diff)| self.facts.update_at(fact, at, diff));
        batch.rules.into_iter().for_each(|(rule, diff)| self.rules.update_at(rule, at, diff));
        batch.now.into_iter().for_each(|(now, diff)| self.now.update_at(now, at, diff));
        if batch.closes {
            self.facts.advance_to(at + 1);
            self.rules.advance_to(at + 1);
            self.now.advance_to(at + 1);
        }
        self.facts.flush();
        self.rules.flush();
        self.now.flush();
    }
}

/// Builds the correlate dataflow of one worker; changed rows go to `derived` on worker 0.
pub fn correlate<'scope>(scope: Scope<'scope, Tick>, derived: Sender<Derived>) -> Inputs {
    let (mut facts, mut rules, mut now) = (InputSession::new(), InputSession::new(), InputSession::new());
    let out = derive(facts.to_collection(scope), rules.to_collection(scope), now.to_collection(scope));

    let receipts = gather(out.receipts.inner, "gather receipts", derived.clone(), Derived::Receipts);
    let rows = gather(out.rows.inner, "gather rows", derived, Derived::Changes);
    let (probe, _) = rows.concat(receipts).probe();
    Inputs { facts, rules, now, probe }
}

/// Hands the updates of all workers to the committer, on worker 0.
fn gather<'scope, D: differential_dataflow::ExchangeData>(
    stream: timely::dataflow::StreamVec<'scope, Tick, (D, Tick, isize)>,
    name: &str,
    derived: Sender<Derived>,
    wrap: fn(Vec<(D, Tick, isize)>) -> Derived,
) -> timely::dataflow::StreamVec<'scope, Tick, ()> {
    stream.unary::<timely::container::CapacityContainerBuilder<Vec<()>>, _, _, _>(
        Exchange::new(|_: &(D, Tick, isize)| 0),
        name,
        move |_, _| {
            move |input, _output| {
                input.for_each(|_, batch| {
                    let _ = derived.send(wrap(std::mem::take(batch)));
                });
            }
        },
    )
}
