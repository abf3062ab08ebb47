//! The inbox: what the endpoint asks of the committer, and how it is answered.
//!
//! Bounded by the facts that are in it: who would pass the bound is refused at once ([`Busy`]) and asks again
//! later. Nothing waits in memory that nobody counted.

use crossbeam_channel::{Receiver, Sender};
use gemba_schemas::fact::Fact;
use gemba_schemas::id::FactId;
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::ViewRow;
use gemba_sinks::EventRange;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::oneshot;

/// Facts that may wait for their answer.
const BOUND: usize = 200_000;

/// What is asked.
pub enum Request {
    /// Keep these facts of clients; `received_at` is still to be set.
    Facts(Vec<Fact>, Reply<Posted>),
    /// Take back the events of this range.
    WithdrawRange(EventRange, Reply<Withdrawn>),
    /// Take back the fact of this identity.
    WithdrawId(FactId, Reply<Withdrawn>),
    /// These rules from now on; the text is kept beside the lake.
    Rules(Vec<Rule>, String, oneshot::Sender<Reloaded>),
    /// The lake is to have everything that is shown now.
    Publish(oneshot::Sender<()>),
}

/// Where an answer goes. Without one the run is ending, and nothing is known.
pub type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// Where an answer comes from.
pub type Answer<T> = oneshot::Receiver<Result<T, Refused>>;

/// Why nothing was done of what was asked.
#[derive(Debug)]
pub enum Refused {
    /// There is no space to keep it.
    NoSpace,
    /// It would take back more than can be taken back at once.
    TooMany,
}

/// What became of facts: journaled, synced and through the dataflow.
#[derive(Debug, Default)]
pub struct Posted {
    /// When the first was accepted, µs UTC; the others each a microsecond later.
    pub first: i64,
    /// Facts that were there already, by index, each with the one that counts.
    pub duplicates: BTreeMap<usize, Duplicate>,
    /// How many came beyond the horizon, and were not there already.
    pub late: usize,
}

/// A fact that was there already.
#[derive(Debug)]
pub struct Duplicate {
    /// As it was reported now.
    pub refused: Fact,
    /// The one that counts.
    pub stored: Fact,
}

impl Posted {
    /// When the fact of this index was accepted.
    pub fn received_at(&self, index: usize) -> EventTime {
        EventTime(self.first + index as i64)
    }
}

/// How many facts were taken back.
#[derive(Debug)]
pub struct Withdrawn {
    /// Facts.
    pub facts: usize,
}

/// What new rules changed.
#[derive(Debug, serde::Serialize)]
pub struct Reloaded {
    /// Rules that came.
    pub added: Vec<Rule>,
    /// Rules that left.
    pub removed: Vec<Rule>,
    /// Rows that came and that left, by view; only views that changed.
    pub rows: BTreeMap<&'static str, (usize, usize)>,
    /// The first of these rows.
    pub first: Vec<RowChange>,
    /// The tick from which they hold.
    pub tick: Tick,
    /// Whether cameras or models changed too, which takes a new start.
    pub restart_needed: bool,
}

/// A row that came (+1) or left (−1).
#[derive(Debug, serde::Serialize)]
pub struct RowChange {
    /// +1 or −1.
    pub diff: i64,
    /// The row, under the name of its type.
    pub row: ViewRow,
}

/// There is too much in the inbox for these.
#[derive(Debug)]
pub struct Busy(pub Vec<Fact>);

/// The endpoint's end.
#[derive(Clone)]
pub struct Inbox {
    sender: Sender<Request>,
    waiting: Arc<AtomicUsize>,
}

/// The committer's end.
pub struct Outbox {
    /// What is asked, in order.
    pub requests: Receiver<Request>,
    waiting: Arc<AtomicUsize>,
}

/// Both ends.
pub fn inbox() -> (Inbox, Outbox) {
    let (sender, requests) = crossbeam_channel::unbounded();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Inbox { sender, waiting: waiting.clone() }, Outbox { requests, waiting })
}

impl Inbox {
    /// Asks for facts to be kept. The answer comes when they are durable and derived from.
    pub fn post(&self, facts: Vec<Fact>) -> Result<Answer<Posted>, Busy> {
        let count = facts.len();
        if self.waiting.fetch_add(count, Relaxed) + count > BOUND {
            self.waiting.fetch_sub(count, Relaxed);
            return Err(Busy(facts));
        }
        Ok(self.ask(|reply| Request::Facts(facts, reply)))
    }

    /// Asks for anything else.
    pub fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        // A closed inbox drops the request and with it the reply: the answer is an error then.
        let _ = self.sender.send(request(reply));
        answer
    }

    /// Facts that wait for their answer.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }
}

impl Drop for Outbox {
    /// Nobody waits for room any more: who asks now is told that it is over.
    fn drop(&mut self) {
        self.waiting.store(0, Relaxed);
    }
}

impl Outbox {
    /// An inbox that nobody can write to.
    pub fn closed() -> Self {
        Self { requests: crossbeam_channel::never(), waiting: Arc::default() }
    }

    /// `facts` were answered.
    pub fn answered(&self, facts: usize) {
        self.waiting.fetch_sub(facts, Relaxed);
    }
}
