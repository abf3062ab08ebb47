//! Where the lake is: here, or away with a publication on a thread of its own, so that nobody waits for files of Parquet.
//!
//! ```text
//! committer ──lake, pinned epoch, what is new──▶ publisher: files ─▶ manifest ─▶ catalog
//!           ◀──lake, and what is new if it failed──
//! ```
//!
//! What follows from a publication is done where the committer finishes it: the journal is released last, as ever. A
//! publisher that panics takes the lake with it; the run ends, and the next one goes on from the journal. Dropping the slot
//! waits for a publication under way: whoever has the data directory next must not find it at work.

#![expect(clippy::disallowed_methods, reason = "says how long a publication took; no row depends on it")]

use super::unpublished::Taken;
use crossbeam_channel::{Receiver, RecvError, Sender, bounded};
use gemba_schemas::time::Tick;
use gemba_sinks::{Lake, Pinned, Publish, SinkError};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One publication.
pub(super) struct Job {
    /// The store's epoch that is published.
    pub(super) pinned: Pinned,
    /// What is new.
    pub(super) taken: Taken,
    /// The site's text, kept beside the tables.
    pub(super) site: String,
}

/// A publication that has ended, and the lake.
pub(super) struct Done {
    lake: Lake,
    ended: Ended,
}

/// How a publication ended.
pub(super) struct Ended {
    /// Whether it is durable.
    pub(super) outcome: Result<(), SinkError>,
    /// What is left to be published.
    pub(super) left: Taken,
    /// The tick of its epoch.
    pub(super) tick: Tick,
    /// How long it took.
    pub(super) took: Duration,
}

/// What is done with the lake on the other thread.
type Work = fn(&mut Lake, &mut Job) -> Result<(), SinkError>;

/// The lake's place.
pub(super) struct Slot {
    here: Option<Lake>,
    dir: PathBuf,
    /// Facts that are away with the lake.
    facts: usize,
    /// Closed when the slot is dropped, which ends the thread.
    jobs: Option<Sender<(Lake, Job)>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
}

impl Slot {
    /// The lake is here, and a thread waits to publish.
    pub(super) fn new(lake: Lake) -> Result<Self, SinkError> {
        Self::working(lake, publish)
    }

    /// The same with other work.
    pub(super) fn working(lake: Lake, work: Work) -> Result<Self, SinkError> {
        let dir = lake.dir().to_owned();
        let (jobs, asked) = bounded::<(Lake, Job)>(1);
        let (answer, done) = bounded(1);
        let thread = std::thread::Builder::new().name("publisher".into()).spawn(move || {
            for (mut lake, mut job) in asked {
                let began = Instant::now();
                let outcome = work(&mut lake, &mut job);
                let Job { pinned, taken: mut left, .. } = job;
                let tick = pinned.epoch().tick;
                drop(pinned);
                if outcome.is_ok() {
                    // Freed here: millions of facts take a while.
                    left.published();
                }
                let ended = Ended { outcome, left, tick, took: began.elapsed() };
                if answer.send(Done { lake, ended }).is_err() {
                    break;
                }
            }
        });
        let thread = thread.map_err(|source| SinkError::Io { path: dir.clone(), source })?;
        Ok(Self { here: Some(lake), dir, facts: 0, jobs: Some(jobs), done, thread: Some(thread) })
    }

    /// Whether the lake is here.
    pub(super) fn is_here(&self) -> bool {
        self.here.is_some()
    }

    /// The lake, which must not be away.
    pub(super) fn here(&self) -> Result<&Lake, SinkError> {
        self.here.as_ref().ok_or_else(|| lost(&self.dir))
    }

    /// The lake, which must not be away.
    pub(super) fn here_mut(&mut self) -> Result<&mut Lake, SinkError> {
        self.here.as_mut().ok_or_else(|| lost(&self.dir))
    }

    /// Facts that are away with the lake.
    pub(super) fn facts(&self) -> usize {
        self.facts
    }

    /// Lets the lake go with a publication.
    pub(super) fn depart(&mut self, job: Job) -> Result<(), SinkError> {
        let (Some(lake), Some(jobs)) = (self.here.take(), &self.jobs) else { return Err(lost(&self.dir)) };
        self.facts = job.taken.count();
        jobs.send((lake, job)).map_err(|_| lost(&self.dir))
    }

    /// Where publications come back.
    pub(super) fn done(&self) -> Receiver<Done> {
        self.done.clone()
    }

    /// Puts the lake back in its place.
    pub(super) fn land(&mut self, done: Result<Done, RecvError>) -> Result<Ended, SinkError> {
        let Done { lake, ended } = done.map_err(|_| lost(&self.dir))?;
        self.here = Some(lake);
        self.facts = 0;
        Ok(ended)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // That it panicked was said, and is an error of the run.
            let _ = thread.join();
        }
    }
}

fn lost(dir: &Path) -> SinkError {
    let detail = "a publication ended unexpectedly, and nobody knows how far it came".into();
    SinkError::Poisoned { path: dir.into(), detail }
}

fn publish(lake: &mut Lake, job: &mut Job) -> Result<(), SinkError> {
    job.taken.leave_out_refused();
    let Job { pinned, taken, site } = job;
    lake.publish(Publish {
        facts: &taken.facts,
        retracted: &taken.retracted,
        withdrawn: &taken.withdrawn,
        journal_seq: taken.through,
        store: pinned,
        dirty: &taken.dirty,
        site,
    })
}
