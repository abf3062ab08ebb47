//! Publishing: what the store has committed goes to the lake, at intervals, and its journal is released.
//!
//! The files are made on another thread (see `slot`): the committer only says what is to be published, as of an epoch that
//! is pinned, and goes on. When the lake comes back, the store forgets the changes that are in it, and the journal is
//! released. Who needs the lake itself, or all of what is unpublished (deletions, footage that is read anew), waits for it:
//! [`Committer::home`].

use super::slot::{Done, Ended, Job};
use super::space::{RETRY, Writer};
use super::{Committer, EPOCH};
use crossbeam_channel::RecvError;
use gemba_schemas::time::Tick;
use gemba_sinks::SinkError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Facts that wait in memory, some 0.1 kB each, before they are published ahead of their time; and that may come in addition
/// while a publication is under way, before everybody waits for it.
const MANY: usize = 4_000_000;

impl Committer {
    /// How long after the last publication began the next one is due: soon, when much waits for it in memory.
    fn publish_after(&self, freshness: Duration) -> Duration {
        match &self.full {
            Some(_) => RETRY,
            None if self.unpublished.waiting() > MANY || !self.wanted.is_empty() => EPOCH.min(freshness),
            None => freshness,
        }
    }

    /// Somebody waits for the lake to have everything that is shown now.
    pub(super) fn want(&mut self, reply: oneshot::Sender<()>) -> Result<(), SinkError> {
        let committed = self.commit();
        self.or_wait(Writer::Store, committed)?;
        // Without space some of it is still to be committed.
        let unwritten = self.unwritten.as_ref().map(|(epoch, _)| epoch.tick);
        let shown = self.complete.map(|(tick, ..)| tick).or(unwritten).or(self.last_epoch.as_ref().map(|e| e.tick));
        self.wanted.push((shown.unwrap_or(0), reply));
        Ok(())
    }

    /// The lake has everything through a tick.
    fn has_through(&mut self, tick: Tick) {
        for (_, reply) in self.wanted.extract_if(.., |(wanted, _)| *wanted <= tick) {
            // A closed channel means that nobody waits any more.
            let _ = reply.send(());
        }
    }

    /// Begins a publication when one is due.
    pub(super) fn publish_when_due(&mut self, freshness: Duration) -> Result<(), SinkError> {
        let waiting = self.unpublished.waiting();
        self.progress.unpublished.store((waiting + self.lake.facts()) as u64, Relaxed);
        if !self.lake.is_here() {
            if waiting > MANY {
                // Facts come faster than they can be published: requests are turned away while this waits, and sources pause.
                let done = self.lake.done().recv();
                self.returned(done)?;
            }
            return Ok(());
        }
        if self.published.elapsed() < self.publish_after(freshness) {
            return Ok(());
        }
        match self.begin() {
            Ok(true) => Ok(()),
            none => {
                let sealed = none.and_then(|_| self.seal());
                self.or_wait(Writer::Lake, sealed)
            }
        }
    }

    /// The lake is back.
    pub(super) fn returned(&mut self, done: Result<Done, RecvError>) -> Result<(), SinkError> {
        match self.land(done) {
            Ok(true) => {
                let sealed = self.seal();
                self.or_wait(Writer::Lake, sealed)
            }
            Ok(false) => Ok(()),
            Err(error) => self.or_wait(Writer::Lake, Err(error)),
        }
    }

    /// Waits for a publication under way: from then on the lake is here, and everything that it has not is in
    /// `unpublished`.
    pub(super) fn home(&mut self) -> Result<(), SinkError> {
        if self.lake.is_here() {
            return Ok(());
        }
        let done = self.lake.done().recv();
        match self.land(done) {
            Ok(false) => Ok(()),
            landed => self.or_wait(Writer::Lake, landed.map(drop)),
        }
    }

    /// Publishes what is committed, and waits for it: at the end of a run.
    pub(super) fn publish_all(&mut self) -> Result<(), SinkError> {
        self.home()?;
        if self.begin()? {
            let done = self.lake.done().recv();
            self.land(done)?;
        }
        Ok(())
    }

    /// Begins to publish what the store has committed, and nothing beyond it. Whether there was anything.
    pub(super) fn begin(&mut self) -> Result<bool, SinkError> {
        self.published = Instant::now();
        let Some(epoch) = &self.last_epoch else { return Ok(false) };
        let (through, lake) = (epoch.journal_seq, self.lake.here()?);
        if !self.unpublished.has_news(through) && lake.journal_seq() == through && !lake.is_due(epoch.now) {
            // Nothing to do, unless there was no space for it the last time.
            let released = self.journal.release(through).map(|()| false);
            let tick = epoch.tick;
            self.has_through(tick);
            return released;
        }
        let Some(pinned) = self.store.pin()? else { return Ok(false) };
        let taken = self.unpublished.take(through);
        self.reopened = self.store.reopened();
        self.progress.publishing.store(true, Relaxed);
        self.keep_listed();
        self.lake.depart(Job { pinned, taken, site: self.site_text.clone() })?;
        Ok(true)
    }

    /// Finishes a publication. Without an error `false`: it is to be tried again.
    fn land(&mut self, done: Result<Done, RecvError>) -> Result<bool, SinkError> {
        let Ended { outcome, left, tick, took } = self.lake.land(done)?;
        self.progress.publishing.store(false, Relaxed);
        let through = left.through;
        self.unpublished.put_back(left);
        if let Err(error) = outcome {
            // The pause before another try counts from here.
            self.published = Instant::now();
            let lake_is_sound = !matches!(error, SinkError::Poisoned { .. } | SinkError::DiskFull { .. });
            if lake_is_sound && self.store.reopened() != self.reopened {
                tracing::warn!(%error, "a publication was cut short when the store was opened anew; it is tried again");
                return Ok(false);
            }
            return Err(error);
        }
        let lake = self.lake.here()?;
        self.kept = lake.kept();
        self.progress.publications.fetch_add(1, Relaxed);
        self.progress.publish_us.store(took.as_micros() as u64, Relaxed);
        self.progress.published_tick.store(tick, Relaxed);
        // The manifest that says where they are is durable.
        if let Err(error) = self.store.forget_changes(lake.changes_through()) {
            tracing::warn!(%error, "changes that are in the lake stay in the store until the next publication");
        }
        self.has_through(tick);
        self.journal.release(through).map(|()| true)
    }
}
