//! What clients ask of the committer: facts, deletions, new rules; and the answers, at the tick that has them.

use super::Committer;
use super::pinned::SealedReports;
use super::space::Writer;
use crate::clock;
use crate::inbox::{Duplicate, Outbox, Posted, Refused, Reloaded, Reply, Request, RowChange, Withdrawn};
use crate::worker::Feed;
use gemba_correlate::Receipt;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::{self, Rule};
use gemba_schemas::time::{EventTime, Micros, Tick};
use gemba_schemas::view::ViewRow;
use gemba_sinks::{Entry, MOST_WITHDRAWN, SinkError, Withdrawal};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::oneshot;

/// Changed rows that the answer to new rules shows.
const FIRST: usize = 100;

/// Something that was asked and not answered.
pub(super) struct Asked {
    /// The tick that has the answer; `None` until it is fed.
    pub tick: Option<Tick>,
    answer: Answer,
}

enum Answer {
    Posted(Posted, usize, Reply<Posted>),
    Withdrawn(usize, Reply<Withdrawn>),
    Reloaded(Vec<(Rule, isize)>, oneshot::Sender<Reloaded>),
}

impl Asked {
    /// There is no space for it. A closed channel means that the client is gone.
    pub(super) fn turn_away(self, outbox: &Outbox) {
        match self.answer {
            Answer::Posted(_, count, reply) => {
                outbox.answered(count);
                let _ = reply.send(Err(Refused::NoSpace));
            }
            Answer::Withdrawn(_, reply) => drop(reply.send(Err(Refused::NoSpace))),
            // Rules are not journaled, and never turned away.
            Answer::Reloaded(..) => {}
        }
    }
}

impl Committer {
    /// Takes in what is asked. Facts are only gathered; the rest has a tick of its own.
    pub(super) fn request(&mut self, request: Request) -> Result<(), SinkError> {
        match request {
            Request::Facts(facts, reply) if !self.has_space() => {
                let answer = Answer::Posted(Posted::default(), facts.len(), reply);
                Asked { tick: None, answer }.turn_away(&self.outbox);
            }
            Request::WithdrawId(_, reply) | Request::WithdrawRange(_, reply) if !self.has_space() => {
                Asked { tick: None, answer: Answer::Withdrawn(0, reply) }.turn_away(&self.outbox);
            }
            Request::Facts(mut facts, reply) => {
                let first = self.last_received.0.saturating_add(1).max(clock::now().0);
                let mut late = 0;
                for (i, fact) in facts.iter_mut().enumerate() {
                    fact.receive(EventTime(first + i as i64));
                    late += usize::from(fact.is_late());
                }
                let count = facts.len();
                self.last_received = EventTime(first + count as i64);
                self.clients = true;
                let posted = Posted { first, late, ..Posted::default() };
                self.asked.push_back(Asked { tick: None, answer: Answer::Posted(posted, count, reply) });
                self.footage.report(count);
                self.gathered.append(&mut facts);
            }
            Request::WithdrawId(id, reply) => {
                let withdrawal = Withdrawal { ids: BTreeSet::from([id]), from: EventTime::MIN, to: EventTime::MAX };
                self.settle_asked()?;
                self.home()?;
                let stored = self.lake.here()?.withdrawn(&withdrawal);
                self.withdraw(stored, |f| withdrawal.holds(f), reply)?;
            }
            Request::WithdrawRange(range, reply) => {
                self.settle_asked()?;
                self.home()?;
                let stored = self.lake.here()?.events(&range);
                self.withdraw(stored, |f| range.holds(f), reply)?;
            }
            Request::Rules(mut rules, text, reply) => {
                self.flush()?;
                self.listed.stamp(&mut rules, clock::now());
                self.keep_listed();
                let sealed = self.pin(&rules)?;
                self.change_rules(rules, sealed, text, reply);
            }
            Request::Publish(reply) => self.want(reply)?,
        }
        Ok(())
    }

    /// What was asked before goes before.
    fn flush(&mut self) -> Result<(), SinkError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let journaled = self.ingest();
        self.or_wait(Writer::Journal, journaled)
    }

    /// What was asked before is answered before: a copy that is still to be refused must not be withdrawn too.
    fn settle_asked(&mut self) -> Result<(), SinkError> {
        self.flush()?;
        while !self.in_flight.is_empty() {
            self.receive_one();
        }
        Ok(())
    }

    fn withdraw(
        &mut self,
        stored: Result<Vec<Fact>, SinkError>,
        wanted: impl Fn(&Fact) -> bool,
        reply: Reply<Withdrawn>,
    ) -> Result<(), SinkError> {
        let mut stored = match stored {
            Ok(stored) => stored,
            // A closed channel means that the client is gone.
            Err(SinkError::Request(_)) => {
                let _ = reply.send(Err(Refused::TooMany));
                return Ok(());
            }
            Err(error) => return self.or_wait(Writer::Lake, Err(error)),
        };
        // The lake still lists what was withdrawn since it was last published.
        stored.retain(|f| !self.unpublished.is_withdrawn(f));
        stored.extend(self.unpublished.facts().filter(|f| wanted(f)).cloned());
        stored.retain(|f| !self.unpublished.is_refused(f));
        let withdrawal = Withdrawal {
            ids: stored.iter().map(Fact::id).collect(),
            from: stored.iter().map(Fact::bucket).min().unwrap_or_default(),
            to: stored.iter().map(Fact::bucket).max().unwrap_or_default(),
        };
        if stored.is_empty() || stored.len() > MOST_WITHDRAWN {
            let _ = reply.send(if stored.is_empty() { Ok(Withdrawn { facts: 0 }) } else { Err(Refused::TooMany) });
            return Ok(());
        }
        let seq = match self.journal.append(&[Entry::Withdraw(withdrawal.clone())]) {
            Ok(seq) => seq,
            Err(error) => {
                let full = matches!(error, SinkError::DiskFull { .. });
                if full {
                    let _ = reply.send(Err(Refused::NoSpace));
                }
                return self.or_wait(Writer::Journal, Err(error));
            }
        };
        self.unpublished.take_out(wanted);
        self.unpublished.withdraw(seq, withdrawal);
        let count = stored.len();
        let mut facts: Vec<_> = stored.into_iter().map(|f| (f, -1)).collect();
        facts.extend(self.refused.drain(..).map(|f| (f, -1)));
        let tick = self.next_tick();
        self.in_flight.push_back((tick, seq, 0));
        self.asked.push_back(Asked { tick: Some(tick), answer: Answer::Withdrawn(count, reply) });
        self.send(Feed { tick, facts, closes: true, ..Feed::default() });
        Ok(())
    }

    /// Other rules may pin another baseline: what is sealed of that stands for what is sealed of the one before.
    fn pin(&mut self, rules: &[Rule]) -> Result<Vec<(Rule, isize)>, SinkError> {
        if !self.sealed_reports.is_of_others(rules) {
            return Ok(Vec::new());
        }
        self.home()?;
        // Days that are on their way out are counted for the baseline that they were held for.
        for _ in 0..self.sealing.len() {
            self.seal_next()?;
        }
        let sealed = SealedReports::of(self.lake.here()?, rules)?;
        let before = std::mem::replace(&mut self.sealed_reports, sealed);
        let left = before.rules().map(|rule| (rule, -1));
        Ok(left.chain(self.sealed_reports.rules().map(|rule| (rule, 1))).collect())
    }

    /// Before rows follow from it. Rules are not turned away for want of space: the next publication tries again.
    pub(super) fn keep_listed(&mut self) {
        if let Err(error) = self.listed.keep() {
            tracing::error!(%error, "since when plates are listed could not be kept: it is tried again");
        }
    }

    fn change_rules(
        &mut self,
        rules: Vec<Rule>,
        sealed: Vec<(Rule, isize)>,
        text: String,
        reply: oneshot::Sender<Reloaded>,
    ) {
        let mut changes: Vec<(Rule, isize)> = rules.iter().cloned().map(|r| (r, 1)).collect();
        changes.extend(self.rules.drain(..).map(|r| (r, -1)));
        differential_dataflow::consolidation::consolidate(&mut changes);
        let tick = self.next_tick();
        self.rules_from.push((tick, rule::digest(&rules)));
        self.rules = rules;
        self.site_text = text;
        self.in_flight.push_back((tick, self.journal.last(), 0));
        self.asked.push_back(Asked { tick: Some(tick), answer: Answer::Reloaded(changes.clone(), reply) });
        changes.extend(sealed);
        self.send(Feed { tick, rules: changes, closes: true, ..Feed::default() });
    }

    /// A client's fact was there already.
    pub(super) fn refuse(&mut self, Receipt { refused, stored }: Receipt) {
        let Some(at) = refused.received_at() else { return };
        for asked in &mut self.asked {
            if let Answer::Posted(posted, count, _) = &mut asked.answer
                && let Ok(index) = usize::try_from(at.0.saturating_sub(posted.first))
                && index < *count
            {
                posted.late -= usize::from(refused.is_late());
                posted.duplicates.insert(index, Duplicate { refused: refused.clone(), stored });
                break;
            }
        }
        self.unpublished.refuse(&refused);
        self.refused.push(refused);
    }

    /// Answers everything that this tick has the answer to.
    pub(super) fn answer(&mut self, tick: Tick, changes: &[(ViewRow, i64)]) {
        while self.asked.front().is_some_and(|asked| asked.tick.is_some_and(|t| t <= tick)) {
            let Some(asked) = self.asked.pop_front() else { break };
            // A closed channel means that the client is gone; what it asked is done all the same.
            match asked.answer {
                Answer::Posted(posted, count, reply) => {
                    self.outbox.answered(count);
                    let _ = reply.send(Ok(posted));
                }
                Answer::Withdrawn(facts, reply) => drop(reply.send(Ok(Withdrawn { facts }))),
                Answer::Reloaded(rules, reply) => {
                    let mut rows: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
                    for (row, diff) in changes {
                        let (came, left) = rows.entry(row.kind().table_name()).or_default();
                        *(if *diff > 0 { came } else { left }) += 1;
                    }
                    let of = |sign: isize| {
                        rules.iter().filter(|(_, n)| n.signum() == sign).map(|(r, _)| r.clone()).collect()
                    };
                    let first =
                        changes.iter().take(FIRST).map(|(row, diff)| RowChange { diff: *diff, row: row.clone() });
                    let (added, removed, first) = (of(1), of(-1), first.collect());
                    let _ = reply.send(Reloaded { added, removed, rows, first, tick, restart_needed: false });
                }
            }
        }
    }

    /// The `now` of views: the end of the footage, or the wall clock once clients report. While nobody serves, the
    /// clock of clients stands where it stood.
    pub(super) fn live_now(&self, footage: Option<EventTime>) -> Option<EventTime> {
        let clock = match &self.live {
            _ if !self.clients => None,
            Some(_) => Some(clock::now().floor(Micros::MINUTE)),
            None => self.last_epoch.as_ref().map(|e| e.now).max(self.lake_now),
        };
        footage.max(clock)
    }

    /// Moves `now` on, once a minute.
    pub(super) fn move_now(&mut self) -> Result<(), SinkError> {
        let now = self.live_now(self.now);
        if now == self.now || !self.in_flight.is_empty() {
            return Ok(());
        }
        let tick = self.next_tick();
        let moved = self.now.map(|t| (t, -1)).into_iter().chain(now.map(|t| (t, 1))).collect();
        self.now = now;
        self.in_flight.push_back((tick, self.journal.last(), 0));
        self.send(Feed { tick, now: moved, closes: true, ..Feed::default() });
        Ok(())
    }
}
