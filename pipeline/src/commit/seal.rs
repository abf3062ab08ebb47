//! Sealing while clients report: facts behind the horizon leave correlate a day at a time. The rows that followed from them
//! stay as they are in the store, and leave the snapshot when the store has committed them. See `gemba_sinks`' lake for which
//! days these are, [`marks`](super::marks) for the one mark of each employee that
//! stays, and [`pinned`](super::pinned) for what is counted of the others.

use super::Committer;
use super::space::Writer;
use crate::worker::Feed;
use gemba_schemas::fact::{Fact, HORIZON};
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Micros, Tick};
use gemba_schemas::view::{ViewKind, ViewRow};
use gemba_sinks::SinkError;

/// What alerts about reports look at before an hour: the day before it, and the 30 days before that.
const COMPARED: Micros = Micros(31 * 24 * Micros::HOUR.0);

/// Sealed days that may wait in memory for a pause.
const BEHIND: usize = 8;

impl Committer {
    /// Seals what may be. What the lake lists is what correlate holds only when no deletion is on its way there; and what
    /// new rules made of a month must be committed before its rows are final.
    pub(super) fn seal(&mut self) -> Result<(), SinkError> {
        let ruled = self.rules_from.last().map(|(from, _)| *from) <= self.last_epoch.as_ref().map(|e| e.tick);
        let level = ruled && !self.unpublished.has_void();
        let (Some(now), Some(live)) = (self.now.filter(|_| level && self.clients), &self.live) else { return Ok(()) };
        // An alert that is open may still be resolved, so its month waits; but not for ever.
        let oldest = EventTime(now.0.saturating_sub(10 * HORIZON.0));
        let open = live.read().rows(ViewKind::Alert, oldest, now).find_map(|row| match row {
            ViewRow::Alert(alert) if alert.resolved.is_none() => Some(alert.opened + HORIZON),
            _ => None,
        });
        let held = now - self.looks_back();
        let days = self.lake.here_mut()?.seal(open.map_or(held, |open| open.min(held)))?;
        if !days.is_empty() {
            tracing::info!(days = days.len(), "facts behind the horizon leave memory; their rows are final now");
            self.kept = self.lake.here()?.kept();
            self.sealing.extend(days);
        }
        let lake = self.lake.here()?;
        let left = self.last_marks.take_left(|at| lake.has_left(at));
        if !left.is_empty() {
            tracing::info!(
                employees = left.len(),
                "whose marks have all left by retention is not expected any more in shifts without `from`"
            );
            self.take_out(left, Vec::new());
        }
        Ok(())
    }

    /// How long before an hour that may still change the rules look: facts of that time are held too.
    fn looks_back(&self) -> Micros {
        let looks = |rule: &Rule| matches!(rule, Rule::ReportAlert(_) | Rule::DriftBound(_));
        if self.rules.iter().any(looks) { COMPARED } else { Micros::ZERO }
    }

    /// Takes the next sealed day out of correlate, when nobody else is waiting for it.
    pub(super) fn seal_day(&mut self) -> Result<(), SinkError> {
        // Where reports never pause, sealing that falls behind goes between them: memory depends on it.
        let may_wait = self.sealing.len() < BEHIND;
        if (may_wait && !self.in_flight.is_empty()) || !self.lake.is_here() {
            return Ok(());
        }
        self.seal_next()
    }

    /// Takes the next sealed day out of correlate; the lake is here.
    pub(super) fn seal_next(&mut self) -> Result<(), SinkError> {
        let Some(day) = self.sealing.front() else { return Ok(()) };
        let facts: Vec<Fact> = match self.lake.here()?.sealed_facts(day) {
            // What was late when it came stays: it counts nowhere, and a second one is to be known as such.
            Ok(facts) => facts.into_iter().filter(|f| !f.is_late()).collect(),
            Err(error) => return self.or_wait(Writer::Lake, Err(error)),
        };
        self.sealing.pop_front();
        let rules = self.sealed_reports.seal(&facts);
        let facts = self.last_marks.seal(facts);
        self.take_out(facts, rules);
        Ok(())
    }

    /// Takes sealed facts out of correlate, at a tick of their own, at which what stands for them comes.
    fn take_out(&mut self, facts: Vec<Fact>, rules: Vec<(Rule, isize)>) {
        let tick = self.next_tick();
        self.sealing_ticks.push_back(tick);
        self.in_flight.push_back((tick, self.journal.last(), 0));
        let facts = facts.into_iter().map(|f| (f, -1)).collect();
        self.send(Feed { tick, facts, rules, closes: true, ..Feed::default() });
    }

    /// Lets final rows leave the snapshot, once the store has committed all that was shown of them.
    pub(super) fn leave(&mut self) {
        if self.left == self.kept || !self.settled.is_empty() || self.unwritten.is_some() {
            return;
        }
        self.left = self.kept;
        if let Some(live) = &self.live {
            live.leave(&self.kept);
        }
    }

    /// Leaves out what may not change: final rows, and those of late facts that have left the lake.
    pub(super) fn leave_out(&mut self, tick: Tick, changes: &mut Vec<(ViewRow, i64)>) {
        let left_out = self.kept.leave_out(changes);
        // Several may be under way at once.
        self.sealing_ticks.retain(|t| *t >= tick);
        let sealing = self.sealing_ticks.front() == Some(&tick);
        // A start derives something of that time too, from the days across and the coverage that stays.
        let loading = self.rules_from.first().is_some_and(|(loaded, _)| tick <= *loaded);
        if left_out > 0 && !loading && !sealing {
            tracing::warn!(left_out, "rows of sealed months are final: not changed");
        }
        let late = |row: &ViewRow| row.kind() == ViewKind::LateFact;
        if !self.late_kept.is_empty() {
            changes.retain(|(row, _)| !late(row) || !self.late_kept.contains(&row.key()));
        }
    }
}
