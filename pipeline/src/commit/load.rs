//! The start: what the lake and the journal hold goes through correlate, and the store is brought to what follows.

use super::marks::LastMarks;
use super::pinned::SealedReports;
use super::{Committer, send_feed};
use crate::clock;
use crate::worker::Feed;
use gemba_schemas::fact::{Coverage, Fact};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{self, Rule};
use gemba_schemas::time::{EventTime, Tick};
use gemba_sinks::{Entry, SinkError, ViewDigest, Withdrawal};
use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Facts that are sent to correlate at a time.
const LOAD: usize = 20_000;
/// Such chunks that may wait for the workers.
const LOADING: usize = 4;

/// What the data directory held when it was opened.
#[derive(Default)]
pub struct Loaded {
    /// Every coverage fact: what was seen before.
    pub coverage: Vec<Coverage>,
    /// The ids of the stored facts, by camera and generation.
    pub ids: BTreeMap<(Name, Generation), Vec<FactId>>,
    /// How many facts.
    pub facts: u64,
}

impl Committer {
    /// Feeds every stored fact and then the rules to correlate, and brings the store to what follows
    /// from them. Nothing is written when the store says the same already.
    pub fn load(&mut self, mut rules: Vec<Rule>) -> Result<Loaded, SinkError> {
        self.listed.stamp(&mut rules, clock::now());
        self.listed.keep()?;
        let mut tick = self.tick;
        let mut loaded = Loaded::default();
        let (lake, journal) = (self.lake.here()?, &self.journal);
        let (feed, wiring) = (&self.feed, &self.wiring);
        let mut last_received = None;
        let mut send = |facts: Vec<Fact>, diff: isize, loaded: &mut Loaded| {
            for fact in &facts {
                last_received = last_received.max(fact.received_at());
                if fact.kind().is_client() {
                    loaded.facts = loaded.facts.saturating_add_signed(diff as i64);
                    continue;
                }
                let ids = loaded.ids.entry((fact.camera(), fact.generation())).or_default();
                if diff > 0 {
                    ids.push(fact.id());
                    loaded.facts += 1;
                    if let Fact::Coverage(c) = fact {
                        loaded.coverage.push(Coverage::clone(c));
                    }
                }
            }
            let mut facts = facts.into_iter().map(|fact| (fact, diff)).peekable();
            while facts.peek().is_some() {
                // A tick each, so that a chunk shrinks to what is kept of it before the next one comes; without
                // rules hardly anything is derived yet.
                while feed.len() > LOADING {
                    std::thread::sleep(Duration::from_millis(1));
                }
                tick += 1;
                let facts = facts.by_ref().take(LOAD).collect();
                send_feed(feed, wiring, Feed { tick, facts, closes: true, ..Feed::default() });
            }
        };
        lake.facts(&mut |facts| {
            send(facts, 1, &mut loaded);
            Ok(())
        })?;
        lake.late_facts(&mut |facts| {
            send(facts, 1, &mut loaded);
            Ok(())
        })?;
        let marks = lake.last_marks()?;
        self.last_marks = LastMarks::default();
        // One an employee: all of them stay.
        self.last_marks.seal(marks.clone());
        send(marks, 1, &mut loaded);
        self.sealed_reports = SealedReports::of(lake, &rules)?;
        let mut tail = Vec::new();
        let mut retracted = Vec::new();
        let mut withdrawn: Vec<Withdrawal> = Vec::new();
        journal.replay(lake.journal_seq(), |_, entry| {
            match entry {
                Entry::Facts(facts) => tail.extend(facts),
                Entry::Retract { camera, generation } => {
                    let gone = |f: &Fact| f.camera() == camera && f.generation() == generation;
                    tail.retain(|f| !gone(f));
                    // Twice in one journal is once: the lake holds its facts once.
                    if !retracted.contains(&(camera, generation)) {
                        retracted.push((camera, generation));
                    }
                }
                Entry::Withdraw(withdrawal) => {
                    tail.retain(|f| !withdrawal.holds(f));
                    withdrawn.push(withdrawal);
                }
            }
            Ok(())
        })?;
        for &(camera, generation) in &retracted {
            let facts = lake.facts_of(camera, generation)?;
            loaded.facts = loaded.facts.saturating_sub(facts.len() as u64);
            loaded.ids.remove(&(camera, generation));
            loaded.coverage.retain(|c| (c.camera, c.generation) != (camera, generation));
            send(facts, -1, &mut loaded);
        }
        let mut gone = HashSet::new();
        for withdrawal in &withdrawn {
            let facts = lake.withdrawn(withdrawal)?.into_iter().filter(|f| gone.insert((f.id(), f.received_at())));
            send(facts.collect(), -1, &mut loaded);
        }
        send(tail.clone(), 1, &mut loaded);
        self.clients = last_received.is_some();
        self.last_received = last_received.unwrap_or(EventTime::MIN);
        let now = self.live_now(loaded.coverage.iter().map(|c| c.ended).max());
        let seq = self.journal.last();
        self.unpublished.push(seq, tail);
        self.unpublished.retract(seq, retracted);
        withdrawn.into_iter().for_each(|w| self.unpublished.withdraw(seq, w));
        self.now = now;
        self.tick = tick;
        let tick = self.next_tick();
        self.rules_from.push((tick, rule::digest(&rules)));
        self.rules.clone_from(&rules);
        self.send(Feed {
            tick,
            rules: rules.into_iter().chain(self.sealed_reports.rules()).map(|r| (r, 1)).collect(),
            now: now.into_iter().map(|t| (t, 1)).collect(),
            closes: true,
            ..Feed::default()
        });
        self.in_flight.push_back((tick, seq, 0));
        while self.complete.is_none() {
            self.receive_one();
        }
        self.settle_loaded(tick, seq)?;
        self.report_damage(&loaded)?;
        Ok(loaded)
    }

    /// Compares what was derived from the stored facts with what the store holds.
    fn settle_loaded(&mut self, tick: Tick, seq: u64) -> Result<(), SinkError> {
        self.complete = None;
        let mut rows = std::mem::take(&mut self.settled);
        // What is final stays where it is: here it is only counted.
        let lake = self.lake.here()?;
        let finals = lake.final_rows(&self.store, &mut |rows| {
            if let Some(live) = &self.live {
                live.recall(rows.iter());
            }
        })?;
        let late: Vec<_> = lake.late_rows(&self.store, &rows)?.into_iter().map(|row| (row, 1)).collect();
        self.late_kept = late.iter().map(|(row, _)| row.key()).collect();
        if let Some(live) = &self.live {
            live.advance(tick, &late);
        }
        self.left = self.kept;
        rows.extend(late);
        let mut derived = ViewDigest::default();
        rows.iter().for_each(|(row, diff)| derived.update(row, *diff));
        let digest = ViewDigest::total([&finals.digest(), &derived]);
        let current = self.last_epoch.as_ref().is_some_and(|e| {
            e.digest == digest.hex()
                && e.rules == self.rules_at(tick).as_str()
                && e.now == self.now.unwrap_or_default()
                && e.journal_seq == seq
        });
        if current {
            let lake = self.lake.here()?;
            if lake.epoch() != self.last_epoch.as_ref() {
                // The last run ended between the store's commit and the lake's: which days it touched is not known any more.
                self.unpublished.dirty.extend(lake.partitions(&self.store)?);
            }
            return Ok(());
        }
        if !finals.are_in_store() {
            lake.final_rows(&self.store, &mut |more| rows.extend(more.into_iter().map(|row| (row, 1))))?;
        }
        if self.last_epoch.is_none() && rows.is_empty() && self.unpublished.waiting() == 0 {
            return Ok(());
        }
        let stale = self.last_epoch.is_some();
        if stale {
            tracing::info!("rules or facts changed since the last run: the store is brought up to date");
        }
        // Every day that has rows before or after is written again.
        self.unpublished.dirty.extend(self.lake.here()?.partitions(&self.store)?);
        self.unpublished.dirty.extend(rows.iter().map(|(row, _)| (row.kind(), row.bucket().date())));
        self.progress.row_changes.fetch_add(rows.len() as u64, Relaxed);
        self.store.rebuild(&self.epoch(tick, seq, rows), &finals)?;
        self.progress.committed_tick.store(tick, Relaxed);
        self.last_epoch = self.store.last_epoch()?;
        Ok(())
    }
}
