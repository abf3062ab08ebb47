//! What correlate derives becomes epochs of the store: rows by tick as they come, shown when their tick is complete, and
//! committed together.

#![expect(clippy::disallowed_methods, reason = "says how long a commit took; no row depends on it")]

use super::Committer;
use crate::worker::Derived;
use crossbeam_channel::RecvError;
use gemba_schemas::id::Name;
use gemba_schemas::time::Tick;
use gemba_schemas::view::ViewRow;
use gemba_sinks::{Epoch, SinkError};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

impl Committer {
    pub(super) fn receive_one(&mut self) {
        let message = self.derived.recv();
        self.receive(message);
    }

    pub(super) fn receive(&mut self, message: Result<Derived, RecvError>) {
        match message {
            Ok(Derived::Changes(rows)) => {
                for (row, tick, diff) in rows {
                    self.changes.entry(tick).or_default().push((row, diff));
                }
            }
            Ok(Derived::Receipts(receipts)) => receipts.into_iter().for_each(|(receipt, ..)| self.refuse(receipt)),
            Ok(Derived::Complete(tick)) => {
                while let Some(&(t, seq, facts)) = self.in_flight.front()
                    && t <= tick
                {
                    let before = self.complete.map_or(0, |(_, _, n)| n);
                    self.complete = Some((t, seq, before + facts));
                    self.in_flight.pop_front();
                    self.settle(t);
                }
            }
            // The workers are gone, which happens only when one panicked; the run ends and says so.
            Err(_) => {
                self.in_flight.clear();
                self.complete.get_or_insert((self.tick, 0, 0));
            }
        }
    }

    /// Commits the complete ticks as one epoch.
    pub(super) fn commit(&mut self) -> Result<(), SinkError> {
        if let Some((epoch, facts)) = self.unwritten.take() {
            self.write(epoch, facts)?;
        }
        let Some((tick, seq, facts)) = self.complete.take() else { return Ok(()) };
        let mut changes = std::mem::take(&mut self.settled);
        differential_dataflow::consolidation::consolidate(&mut changes);
        self.progress.row_changes.fetch_add(changes.len() as u64, Relaxed);
        self.write(self.epoch(tick, seq, changes), facts)
    }

    /// Writes an epoch. After an error it is kept as it is: it may be durable all the same, which the next try finds out.
    fn write(&mut self, epoch: Epoch, facts: usize) -> Result<(), SinkError> {
        let began = Instant::now();
        if let Err(error) = self.store.commit(&epoch) {
            self.unwritten = Some((epoch, facts));
            return Err(error);
        }
        self.progress.commit_us.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
        self.progress.epochs.fetch_add(1, Relaxed);
        self.progress.committed_tick.store(epoch.tick, Relaxed);
        self.footage.commit(facts);
        // Only now: a publication before this would have found the days as they were, and thought them done.
        let changed = epoch.changes.iter().map(|(row, _)| (row.kind(), row.bucket().date()));
        self.unpublished.dirty.extend(changed);
        self.last_epoch = self.store.last_epoch()?;
        Ok(())
    }

    /// A tick is complete: its changes are shown, and those who asked for it are answered.
    fn settle(&mut self, tick: Tick) {
        let later = self.changes.split_off(&(tick + 1));
        let changes = std::mem::replace(&mut self.changes, later).into_values().flatten();
        let mut changes = consolidated(changes.collect());
        self.leave_out(tick, &mut changes);
        if let Some(live) = &self.live {
            live.advance(tick, &changes);
        }
        self.answer(tick, &changes);
        self.settled.extend(changes);
    }

    /// The digest of the rules that hold at a tick.
    pub(super) fn rules_at(&self, tick: Tick) -> Name {
        let after = self.rules_from.partition_point(|(from, _)| *from <= tick);
        self.rules_from.get(after.saturating_sub(1)).map_or_else(Name::default, |(_, digest)| *digest)
    }

    pub(super) fn epoch(&self, tick: Tick, journal_seq: u64, changes: Vec<(ViewRow, i64)>) -> Epoch {
        Epoch { tick, journal_seq, rules: self.rules_at(tick), now: self.now.unwrap_or_default(), changes }
    }
}

/// The net changes, each row at most once with +1 or −1.
fn consolidated(mut changes: Vec<(ViewRow, isize)>) -> Vec<(ViewRow, i64)> {
    differential_dataflow::consolidation::consolidate(&mut changes);
    changes.into_iter().map(|(row, diff)| (row, diff as i64)).collect()
}
