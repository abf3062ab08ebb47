//! Publishing: what the store has committed goes to the lake, at intervals, and its journal is released.

use super::space::RETRY;
use super::{Committer, EPOCH};
use gemba_schemas::fact::Fact;
use gemba_sinks::{Publish, SinkError, Withdrawal};
use std::time::Duration;

/// Facts that wait in memory, some 0.1 kB each, before they are published ahead of their time.
const MANY: usize = 4_000_000;

impl Committer {
    /// How long after the last publication the next one is due: soon, when much waits for it in memory.
    pub(super) fn publish_after(&self, freshness: Duration) -> Duration {
        let waiting: usize = self.unpublished.iter().map(|(_, facts)| facts.len()).sum();
        match &self.full {
            Some(_) => RETRY,
            None if waiting > MANY => EPOCH.min(freshness),
            None => freshness,
        }
    }

    /// Publishes to the lake what the store has committed, and nothing beyond it.
    pub(super) fn publish(&mut self) -> Result<(), SinkError> {
        let Some(epoch) = self.last_epoch.clone() else { return Ok(()) };
        let through = epoch.journal_seq;
        let mut facts: Vec<Fact> =
            self.unpublished.extract_if(.., |(seq, _)| *seq <= through).flat_map(|(_, facts)| facts).collect();
        if !self.not_for_lake.is_empty() {
            facts.retain(|f| !f.received_at().is_some_and(|at| self.not_for_lake.remove(&(f.id(), at))));
        }
        let withdrawn: Vec<Withdrawal> =
            self.unpublished_withdrawals.extract_if(.., |(seq, _)| *seq <= through).map(|(_, w)| w).collect();
        let retracted: Vec<_> =
            self.unpublished_retracts.extract_if(.., |(seq, _)| *seq <= through).map(|(_, r)| r).collect();
        if facts.is_empty()
            && retracted.is_empty()
            && withdrawn.is_empty()
            && self.dirty.is_empty()
            && self.lake.journal_seq() == through
            && !self.lake.is_due(epoch.now)
        {
            // Nothing to do, unless there was no space for it the last time.
            return self.journal.release(through);
        }
        let published = self.lake.publish(Publish {
            facts: &facts,
            retracted: &retracted,
            withdrawn: &withdrawn,
            journal_seq: through,
            store: &self.store,
            dirty: &self.dirty,
            epoch: &epoch,
            site: &self.site_text,
        });
        if let Err(error) = published {
            // Kept for another try, should there be one.
            self.unpublished.insert(0, (through, facts));
            self.unpublished_withdrawals.extend(withdrawn.into_iter().map(|w| (through, w)));
            self.unpublished_retracts.extend(retracted.into_iter().map(|r| (through, r)));
            return Err(error);
        }
        self.dirty.clear();
        self.kept = self.lake.kept();
        self.journal.release(through)
    }
}
