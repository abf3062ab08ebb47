//! The sources: units of footage, waiting to be read, and the operator that reads them.
//!
//! Units lie in one queue that all workers draw from, longest first, so that the last to finish is short.
//! At full speed a worker reads one unit at a time; paced (`--speed 8x`) it opens all it can get at once, as
//! cameras do. A source waits while too many facts are not yet committed: the one signal that goes against
//! the stream is that number.

#![expect(clippy::disallowed_methods, reason = "paces a replay by the wall clock")]

use crate::dataflow::Vision;
use crate::unit::Unit;
use crate::worker::Report;
use crossbeam_channel::Sender;
use gemba_operators::drive::{Facts, Position, Units};
use gemba_operators::source::{Packet, Source, StopFlag};
use gemba_operators::stage::{Outlet, Seen};
use gemba_schemas::time::EventTime;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::{Duration, Instant};
use timely::dataflow::Scope;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Facts that may be on their way to the store before the sources wait.
const IN_FLIGHT: u64 = 100_000;

/// Packets that a source hands on before it lets the stages run: as many pictures may be in memory at once.
const BURST: usize = 4;

/// How long a source sleeps when it has to wait.
const WAIT: Duration = Duration::from_millis(2);

/// How fast footage is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as it can be.
    Max,
    /// This many times real time.
    Times(f64),
}

/// The units of a run, and what the sources and the committer share.
pub struct Footage {
    expected: bool,
    speed: Speed,
    units: OnceLock<Vec<Arc<Unit>>>,
    queue: Mutex<VecDeque<usize>>,
    planned: Condvar,
    stop: StopFlag,
    reported: AtomicU64,
    committed: AtomicU64,
}

impl Footage {
    /// Footage that is planned later (`expected`), or none.
    pub fn new(expected: bool, speed: Speed) -> Self {
        Self {
            expected,
            speed,
            units: OnceLock::new(),
            queue: Mutex::default(),
            planned: Condvar::new(),
            stop: StopFlag::default(),
            reported: AtomicU64::new(0),
            committed: AtomicU64::new(0),
        }
    }

    /// Whether units will be planned.
    pub fn expected(&self) -> bool {
        self.expected
    }

    /// Gives out the plan; workers begin to read. Called once.
    pub fn plan(&self, units: Vec<Arc<Unit>>) {
        let mut order: Vec<_> = (0..units.len()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(units[i].plan.duration), i));
        let mut queue = self.queue.lock().unwrap_or_else(|e| e.into_inner());
        *queue = order.into();
        let _ = self.units.set(units);
        self.planned.notify_all();
    }

    /// The unit of this index. The plan exists before any unit is read.
    pub fn unit(&self, index: usize) -> Arc<Unit> {
        self.units.wait()[index].clone()
    }

    /// The number of units, 0 before they are planned.
    pub fn len(&self) -> usize {
        self.units.get().map_or(0, Vec::len)
    }

    /// Whether no unit is planned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends reading where it stands.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.planned.notify_all();
    }

    /// Whether [`Footage::stop`] was called.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// `facts` more facts are on their way to the store.
    pub fn report(&self, facts: usize) {
        self.reported.fetch_add(facts as u64, Ordering::Relaxed);
    }

    /// `facts` more facts are committed.
    pub fn commit(&self, facts: usize) {
        self.committed.fetch_add(facts as u64, Ordering::Relaxed);
    }

    fn must_wait(&self) -> bool {
        self.reported.load(Ordering::Relaxed).saturating_sub(self.committed.load(Ordering::Relaxed)) > IN_FLIGHT
    }

    /// The next unit to read; `None` when there is none left.
    fn take(&self) -> Option<usize> {
        self.queue.lock().unwrap_or_else(|e| e.into_inner()).pop_front()
    }

    /// Whether the plan is there (or never will be).
    fn ready(&self) -> bool {
        self.units.get().is_some() || self.stopped()
    }
}

/// A unit being read.
struct Reading {
    unit: usize,
    source: Source,
    /// Event time and wall clock at which it was opened, for pacing.
    opened: Option<(EventTime, Instant)>,
    /// Read, and not handed on yet.
    queue: VecDeque<Seen<Packet>>,
    /// Not due yet.
    held: Option<Seen<Packet>>,
    ended: bool,
}

/// Builds the source operator of one worker: packets of its units, and the facts of opening and demuxing.
pub fn source<'scope>(
    scope: Scope<'scope, Position>,
    vision: Arc<Vision>,
    reports: Sender<Report>,
) -> (Units<'scope, Packet>, Facts<'scope>) {
    let mut builder = OperatorBuilder::new("source".to_owned(), scope);
    let activator = scope.activator_for(builder.operator_info().address);
    let (packets, packet_stream) = builder.new_output();
    let (facts, fact_stream) = builder.new_output();
    let (mut packets, mut facts) = (OutputBuilder::from(packets), OutputBuilder::from(facts));

    builder.build(move |mut capabilities| {
        let (fact_cap, packet_cap) = (capabilities.pop(), capabilities.pop());
        let mut caps = packet_cap.zip(fact_cap);
        let mut open: Vec<Reading> = Vec::new();
        let mut outlet = Outlet::default();
        let mut position: Position = 0;
        move |_frontiers| {
            let Some((packet_cap, fact_cap)) = caps.as_mut() else { return };
            let footage = &vision.footage;
            if footage.stopped() {
                open.clear();
                caps = None;
                return;
            }
            if !footage.ready() || footage.must_wait() {
                activator.activate_after(WAIT);
                return;
            }
            let limit = if footage.speed == Speed::Max { 1 } else { usize::MAX };
            while open.len() < limit
                && let Some(index) = footage.take()
            {
                let unit = footage.unit(index);
                let _ = reports.send(Report::Started(index));
                open.push(Reading {
                    unit: index,
                    source: unit.source(footage.stop.clone()),
                    opened: None,
                    queue: VecDeque::new(),
                    held: None,
                    ended: false,
                });
            }
            let mut idle = true;
            let mut stopped = false;
            let (mut packets, mut facts) = (packets.activate(), facts.activate());
            for reading in &mut open {
                let progress = vision.progress.unit(reading.unit);
                for _ in 0..BURST {
                    let item = match reading.held.take() {
                        Some(item) => item,
                        None if !reading.queue.is_empty() || reading.ended => match reading.queue.pop_front() {
                            Some(item) => item,
                            None => break,
                        },
                        None => {
                            reading.ended = !reading.source.pull(&mut outlet);
                            if footage.stopped() {
                                // A read that was abandoned looks like footage that breaks off: it says nothing.
                                stopped = true;
                                break;
                            }
                            reading.queue.extend(outlet.items.drain(..));
                            if !outlet.facts.is_empty() {
                                facts.session(fact_cap).give_iterator(outlet.facts.drain(..));
                            }
                            match reading.queue.pop_front() {
                                Some(item) => item,
                                None if reading.ended => break,
                                None => continue,
                            }
                        }
                    };
                    if let (Seen::Item(Packet { place: Some(place), .. }), Speed::Times(speed)) = (&item, footage.speed)
                    {
                        let (start, clock) = *reading.opened.get_or_insert((place.ts, Instant::now()));
                        if (place.ts - start).as_secs_f64() / speed > clock.elapsed().as_secs_f64() {
                            reading.held = Some(item);
                            break;
                        }
                    }
                    idle = false;
                    if let Seen::Item(Packet { place: Some(place), .. }) = &item {
                        progress.packet(place.ts + place.duration);
                    }
                    packets.session(packet_cap).give((reading.unit, item));
                    position += 1;
                }
            }
            if stopped {
                open.clear();
                caps = None;
                return;
            }
            open.retain(|r| !(r.ended && r.held.is_none() && r.queue.is_empty()));
            if open.is_empty() && footage.queue.lock().unwrap_or_else(|e| e.into_inner()).is_empty() {
                caps = None;
                return;
            }
            packet_cap.downgrade(&position);
            fact_cap.downgrade(&position);
            if idle { activator.activate_after(WAIT) } else { activator.activate() }
        }
    });
    (packet_stream, fact_stream)
}
