//! The committer: the only writer. Facts in, journaled and given a tick; row changes back, one transaction
//! per epoch; at longer intervals all of it published to the lake.
//!
//! ```text
//! reports ─▶ drop what is known ─▶ journal (fsync) ─▶ tick ─▶ correlate ─▶ changes ─▶ epoch ─▶ store ─▶ lake
//! ```
//!
//! The last step is taken on a thread of its own (see `slot`); what came meanwhile goes with the next one.
//!
//! Invariants: a fact is journaled before correlate hears of it; a tick is committed whole or not at all; the
//! lake lists only what the store has committed. What is pending here is lost with the process, and is in
//! the journal (facts) or derived again from it (rows).

#![expect(clippy::disallowed_methods, reason = "owns the clock of epochs; no row depends on it")]

mod clients;
mod damage;
mod epochs;
mod load;
mod marks;
pub(crate) mod pinned;
mod publish;
mod seal;
mod slot;
mod space;
#[cfg(test)]
mod tests;
mod unpublished;

pub use load::Loaded;

use crate::footage::Footage;
use crate::inbox::Outbox;
use crate::progress::Progress;
use crate::worker::{Derived, Feed, Report, Wiring};
use clients::Asked;
use crossbeam_channel::{Receiver, Sender, select};
use gemba_schemas::column::KeyPart;
use gemba_schemas::fact::Fact;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::{ViewKind, ViewRow};
use gemba_sinks::{Entry, Epoch, EpochRow, Journal, Kept, Lake, Listed, Live, SealedDay, SinkError, Store};
use marks::LastMarks;
use pinned::SealedReports;
use slot::Slot;
use space::{Full, Writer};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use unpublished::Unpublished;

/// Facts are gathered for this long before they are journaled together.
const GATHER: Duration = Duration::from_millis(100);
/// The longest that an epoch is kept open.
const EPOCH: Duration = Duration::from_secs(1);
/// Facts of clients that share a sync at most.
const GATHERED: usize = 20_000;

/// Journal, store and lake of a run, and what is on its way to them.
pub struct Committer {
    journal: Journal,
    store: Store,
    lake: Slot,
    feed: Sender<Feed>,
    derived: Receiver<Derived>,
    wiring: Arc<Wiring>,
    progress: Arc<Progress>,
    footage: Arc<Footage>,
    rules: Vec<Rule>,
    /// Digests of the rules, each from a tick on.
    rules_from: Vec<(Tick, Name)>,
    site_text: String,
    /// Since when plates are on the site's lists.
    listed: Listed,
    live: Option<Arc<Live>>,
    outbox: Outbox,
    asked: VecDeque<Asked>,
    /// When the last fact of a client was accepted; each gets an instant of its own.
    last_received: EventTime,
    /// Whether clients report: then `now` is the wall clock, by the minute.
    clients: bool,

    tick: Tick,
    now: Option<EventTime>,
    /// Ids of stored facts of units that are read again: what they report again is not new.
    known: HashSet<FactId>,
    gathered: Vec<Fact>,
    retracts: Vec<(Name, Generation)>,
    /// Ticks fed and not complete: (tick, journal sequence, facts).
    in_flight: VecDeque<(Tick, u64, usize)>,
    /// Row changes received, by tick.
    changes: BTreeMap<Tick, Vec<(ViewRow, isize)>>,
    /// Row changes of complete ticks, for the next epoch.
    settled: Vec<(ViewRow, i64)>,
    /// Facts of clients that were there already: taken back at the next tick.
    refused: Vec<Fact>,
    /// Complete and not committed: (tick, journal sequence, facts).
    complete: Option<(Tick, u64, usize)>,
    /// Journaled or committed, and not in the lake.
    unpublished: Unpublished,
    /// When the last publication began, or failed.
    published: Instant,
    /// How often the store had been opened anew when it began.
    reopened: u64,
    /// Who waits for the lake to have everything through a tick.
    wanted: Vec<(Tick, oneshot::Sender<()>)>,
    /// The `now` of the lake when the run began.
    lake_now: Option<EventTime>,
    last_epoch: Option<EpochRow>,
    /// The epoch that could not be written, and its facts.
    unwritten: Option<(Epoch, usize)>,
    full: Option<Full>,
    /// Generations whose stored facts left in this run.
    retracted: HashSet<(Name, Generation)>,
    /// Which rows are final, because facts that they follow from have left.
    kept: Kept,
    /// Those of them that have left the snapshot.
    left: Kept,
    /// Days that are sealed and still in correlate, and the ticks under way at which others leave.
    sealing: VecDeque<SealedDay>,
    sealing_ticks: VecDeque<Tick>,
    /// The last sealed mark of each employee: it stays in correlate.
    last_marks: LastMarks,
    /// Counts of what is sealed of the pinned baseline.
    sealed_reports: SealedReports,
    /// Rows of late facts that are there though their facts have left the lake.
    late_kept: BTreeSet<Vec<KeyPart>>,
}

impl Committer {
    /// Takes over an opened data directory.
    #[allow(clippy::too_many_arguments, reason = "the parts of a run, each with its own owner before this")]
    pub fn new(
        (journal, store, lake): (Journal, Store, Lake),
        feed: Sender<Feed>,
        derived: Receiver<Derived>,
        wiring: Arc<Wiring>,
        progress: Arc<Progress>,
        footage: Arc<Footage>,
        (outbox, live): (Outbox, Option<Arc<Live>>),
        site_text: String,
    ) -> Result<Self, SinkError> {
        let last_epoch = store.last_epoch()?;
        progress.committed_tick.store(last_epoch.as_ref().map_or(0, |e| e.tick), Relaxed);
        progress.published_tick.store(lake.epoch().map_or(0, |e| e.tick), Relaxed);
        // A store that was begun anew must not use ticks again that the lake knows.
        let tick = last_epoch.as_ref().map(|e| e.tick).max(lake.epoch().map(|e| e.tick));
        Ok(Self {
            kept: lake.kept(),
            listed: lake.listed()?,
            left: Kept::default(),
            lake_now: lake.epoch().map(|e| e.now),
            sealing: VecDeque::new(),
            sealing_ticks: VecDeque::new(),
            last_marks: LastMarks::default(),
            sealed_reports: SealedReports::default(),
            late_kept: BTreeSet::new(),
            journal,
            store,
            lake: Slot::new(lake)?,
            feed,
            derived,
            wiring,
            progress,
            footage,
            rules: Vec::new(),
            rules_from: Vec::new(),
            site_text,
            live,
            outbox,
            asked: VecDeque::new(),
            last_received: EventTime::MIN,
            clients: false,
            tick: tick.unwrap_or(0),
            now: None,
            known: HashSet::new(),
            gathered: Vec::new(),
            retracts: Vec::new(),
            in_flight: VecDeque::new(),
            changes: BTreeMap::new(),
            settled: Vec::new(),
            refused: Vec::new(),
            complete: None,
            unpublished: Unpublished::default(),
            published: Instant::now(),
            reopened: 0,
            wanted: Vec::new(),
            last_epoch,
            unwritten: None,
            full: None,
            retracted: HashSet::new(),
        })
    }

    /// Footage that could not be planned.
    pub fn report_faults(&mut self, faults: Vec<Fact>) {
        self.gather(faults);
    }

    /// Rows of each view.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        let digests = self.store.digests();
        ViewKind::ALL.iter().map(|v| (v.table_name(), digests.get(v).map_or(0, |d| d.rows))).collect()
    }

    /// What is stored of a generation is known: it is not new when it is reported again.
    pub fn expect_again(&mut self, ids: Vec<FactId>) {
        self.known.extend(ids);
    }

    /// Runs until every worker has finished and everything is committed and published; then `finished` is called.
    /// Where clients may report it goes on until it is told to stop. The lake is published as often as `freshness` says
    /// while facts arrive; the end of a run always publishes.
    pub fn run(
        &mut self,
        reports: &Receiver<Report>,
        workers: usize,
        (serving, freshness): (bool, Duration),
        mut finished: impl FnMut(&Self),
    ) -> Result<(), SinkError> {
        let mut running = workers;
        self.published = Instant::now();
        let mut epoch_began = Instant::now();
        let mut gather_began: Option<Instant> = None;
        let (mut ended, mut told) = (false, false);
        let (derived, requests, done) = (self.derived.clone(), self.outbox.requests.clone(), self.lake.done());
        loop {
            if running == 0 && self.footage.stopped() {
                self.give_up();
            }
            let pending = !(self.gathered.is_empty() && self.retracts.is_empty() && self.in_flight.is_empty());
            if running == 0 && !pending {
                let ending = !serving || self.footage.stopped();
                if ending {
                    self.home()?;
                }
                if !ended && self.lake.is_here() {
                    let committed = self.commit();
                    self.or_wait(Writer::Store, committed)?;
                    match self.begin() {
                        Ok(true) => {}
                        none => self.or_wait(Writer::Lake, none.map(drop))?,
                    }
                    ended = true;
                }
                if ending {
                    self.home()?;
                }
                if !told && self.lake.is_here() {
                    finished(self);
                    told = true;
                }
                if ending {
                    break;
                }
            }
            let mut asked = false;
            select! {
                recv(reports) -> report => match report {
                    Ok(Report::Facts(facts)) => {
                        self.footage.report(facts.len());
                        self.gather(facts);
                        gather_began.get_or_insert_with(Instant::now);
                    }
                    // Once only: what is read of it now must not go with what was read before.
                    Ok(Report::Started(unit)) => {
                        let stale = self.footage.unit(unit).stale.clone();
                        self.retracts.extend(stale.into_iter().filter(|r| self.retracted.insert(*r)));
                    }
                    Ok(Report::Finished) => running -= 1,
                    Err(_) => running = 0,
                },
                recv(derived) -> message => self.receive(message),
                recv(requests) -> request => if let Ok(request) = request {
                    asked = true;
                    self.request(request)?;
                    // Whoever asks at the same time shares the sync.
                    while self.gathered.len() < GATHERED && let Ok(request) = requests.try_recv() {
                        self.request(request)?;
                    }
                },
                recv(done) -> done => self.returned(done)?,
                default(GATHER / 4) => {}
            }
            let gathered = gather_began.is_some_and(|t| t.elapsed() >= GATHER) || running == 0;
            let due = asked || (gathered && !self.resting());
            if due && !(self.gathered.is_empty() && self.retracts.is_empty()) {
                gather_began = None;
                let journaled = self.ingest();
                self.or_wait(Writer::Journal, journaled)?;
            }
            if serving {
                self.move_now()?;
                self.seal_day()?;
            }
            if (self.complete.is_some() || self.unwritten.is_some()) && epoch_began.elapsed() >= EPOCH {
                let committed = self.commit();
                self.or_wait(Writer::Store, committed)?;
                epoch_began = Instant::now();
            }
            self.leave();
            self.publish_when_due(freshness)?;
        }
        self.commit()?;
        self.publish_all()
    }

    fn next_tick(&mut self) -> Tick {
        self.tick += 1;
        self.tick
    }

    fn send(&self, feed: Feed) {
        send_feed(&self.feed, &self.wiring, feed);
    }

    /// Keeps what is new.
    fn gather(&mut self, facts: Vec<Fact>) {
        let before = facts.len();
        let known = &self.known;
        let new = facts.into_iter().filter(|f| known.is_empty() || !known.contains(&f.id()));
        let start = self.gathered.len();
        self.gathered.extend(new);
        let new = self.gathered.len() - start;
        self.progress.duplicates.fetch_add((before - new) as u64, Relaxed);
        self.footage.commit(before - new);
        self.progress.count(&self.gathered[start..]);
    }

    /// Journals what was gathered and feeds it to correlate at a tick of its own. Stored facts of generations
    /// that are read anew leave at the same tick. When the journal has no space everything stays as it was.
    fn ingest(&mut self) -> Result<(), SinkError> {
        let mut stored = Vec::new();
        if !self.retracts.is_empty() {
            self.home()?;
        }
        for &(camera, generation) in &self.retracts {
            // What was taken back already the lake's files just do not know yet.
            if !self.unpublished.is_retracted(camera, generation) {
                stored.extend(self.lake.here()?.facts_of(camera, generation)?);
            }
        }
        let retract = |&(camera, generation): &_| Entry::Retract { camera, generation };
        let mut entries: Vec<Entry> = self.retracts.iter().map(retract).collect();
        entries.push(Entry::Facts(std::mem::take(&mut self.gathered)));
        let through = match &entries[..] {
            [.., Entry::Facts(facts)] if facts.is_empty() => entries.len() - 1,
            _ => entries.len(),
        };
        let journaled = self.journal.append(&entries[..through]);
        let Some(Entry::Facts(facts)) = entries.pop() else { return journaled.map(drop) };
        let seq = match journaled {
            Ok(seq) => seq,
            Err(error) => {
                self.gathered = facts;
                return Err(error);
            }
        };
        let retracts = std::mem::take(&mut self.retracts);
        if !retracts.is_empty() {
            stored.extend(self.unpublished.take_out(|f| retracts.contains(&(f.camera(), f.generation()))));
        }
        let mut changes: Vec<_> = stored.into_iter().map(|f| (f, -1)).collect();
        self.unpublished.retract(seq, retracts);
        let tick = self.next_tick();
        let seen = facts.iter().filter_map(|f| if let Fact::Coverage(c) = f { Some(c.ended) } else { None }).max();
        let mut now = Vec::new();
        let latest = self.live_now(seen.max(self.now));
        if latest > self.now {
            now.extend(self.now.map(|t| (t, -1)));
            now.extend(latest.map(|t| (t, 1)));
            self.now = latest;
        }
        self.in_flight.push_back((tick, seq, facts.len()));
        self.unpublished.push(seq, facts.clone());
        changes.extend(facts.into_iter().map(|f| (f, 1)));
        changes.extend(self.refused.drain(..).map(|f| (f, -1)));
        self.asked.iter_mut().for_each(|asked| {
            asked.tick.get_or_insert(tick);
        });
        self.send(Feed { tick, facts: changes, now, closes: true, ..Feed::default() });
        Ok(())
    }

    /// The last committed epoch.
    pub fn last_epoch(&self) -> Option<&EpochRow> {
        self.last_epoch.as_ref()
    }

    /// The store, for readers.
    pub fn store(&self) -> &Store {
        &self.store
    }
}

fn send_feed(feed: &Sender<Feed>, wiring: &Wiring, batch: Feed) {
    // A closed channel means that the workers are gone; `receive` notices.
    let _ = feed.send(batch);
    if let Some(worker) = &*wiring.first.lock().unwrap_or_else(|e| e.into_inner()) {
        worker.unpark();
    }
}
