//! Sealing: facts behind the horizon leave memory, and stay in the lake.
//!
//! No fact can still come that corrects what lies behind the [`HORIZON`]. So of the latest first of a month `M` that is
//! that long ago, facts before `M − 3 days` are not loaded any more, and rows before `M − 1 day` are final, as where facts
//! have left the lake altogether (see [`retain`](super::retain), which says why months and which days). Memory and the time
//! of a start follow from the last two months of facts, however long the history is; sums of all time stay exact, because
//! they are sums of rows, and rows stay.
//!
//! Order: the manifest says so, durably; then the caller takes the facts out of correlate. A crash in between leaves facts
//! that the next start does not load. `coverage` is always loaded: it is small, and by it footage is known to have been
//! read; and so is what was late when it came, and each employee's last sealed mark: by it shifts are expected of them.

use super::Lake;
use super::manifest::{LakeFile, Part};
use super::order::seconds;
use super::retain::{DAY, first_date, later};
use crate::error::SinkError;
use gemba_schemas::calendar::Day;
use gemba_schemas::fact::{Fact, FactKind, HORIZON};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::ViewKind;
use std::collections::BTreeSet;

/// A day of facts of one kind that was sealed just now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SealedDay {
    kind: FactKind,
    date: String,
}

impl Lake {
    /// Seals what lies behind the horizon as of `now`; the days that are to leave memory, oldest first.
    pub fn seal(&mut self, now: EventTime) -> Result<Vec<SealedDay>, SinkError> {
        // A camera whose clock is ahead by years must not seal today.
        let now = now.min(EventTime((seconds() as i64).saturating_mul(1_000_000)));
        let horizon = (HORIZON.0 / DAY) as i32 + 1;
        let to = later(&self.manifest.sealed_from, Some(first_date(Day::utc(now).plus(-horizon))));
        let mut days: Vec<_> = (FactKind::ALL.iter())
            .flat_map(|&kind| self.manifest.of(Part::Facts, kind.table_name()).map(move |file| (kind, file)))
            .filter(|(kind, file)| self.is_loaded(*kind, file) && !is_after(&to, *kind, file))
            .map(|(kind, file)| SealedDay { kind, date: file.date.clone() })
            .collect();
        days.sort_by(|a, b| (&a.date, a.kind).cmp(&(&b.date, b.kind)));
        days.dedup();
        if !days.is_empty() {
            let mut next = self.manifest.clone();
            next.sealed_from = to;
            self.replace_manifest(next)?;
        }
        Ok(days)
    }

    /// The facts of a day that was sealed.
    pub fn sealed_facts(&self, day: &SealedDay) -> Result<Vec<Fact>, SinkError> {
        let mut all = Vec::new();
        self.read_files(day.kind, |file| file.date == day.date, "", &mut |facts| {
            all.extend(facts);
            Ok(())
        })?;
        Ok(all)
    }

    /// Hands the facts of a kind that are sealed, came in time and lie in `[from, until)` to `f`.
    pub fn sealed_between(
        &self,
        kind: FactKind,
        from: EventTime,
        until: EventTime,
        f: &mut dyn FnMut(Vec<Fact>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let dates = from.date()..=until.date();
        let sealed = |file: &LakeFile| !self.is_loaded(kind, file) && dates.contains(&file.date);
        let bucket = format!("epoch_us({})", kind.table().bucket);
        let filter = format!("WHERE {bucket} >= {} AND {bucket} < {}", from.0, until.0);
        self.read_files(kind, sealed, &filter, &mut |mut facts| {
            facts.retain(|fact| !fact.is_late());
            if facts.is_empty() { Ok(()) } else { f(facts) }
        })
    }

    /// Hands every fact that was late when it came, and whose day is sealed, to `f`: they count nowhere, but a second one is
    /// to be known as such.
    pub fn late_facts(&self, f: &mut dyn FnMut(Vec<Fact>) -> Result<(), SinkError>) -> Result<(), SinkError> {
        for &kind in FactKind::ALL.iter().filter(|kind| kind.is_client()) {
            self.late_facts_of(kind, "", f)?;
        }
        Ok(())
    }

    /// The same of one kind, with a filter in SQL. The rows of `late_facts` say on which days to look.
    pub(super) fn late_facts_of(
        &self,
        kind: FactKind,
        filter: &str,
        f: &mut dyn FnMut(Vec<Fact>) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        let rows = self.manifest.of(Part::Views, ViewKind::LateFact.table_name());
        let dates: BTreeSet<&String> = rows.map(|file| &file.date).collect();
        let sealed = |file: &LakeFile| !self.is_loaded(kind, file) && dates.contains(&file.date);
        self.read_files(kind, sealed, filter, &mut |mut facts| {
            facts.retain(Fact::is_late);
            if facts.is_empty() { Ok(()) } else { f(facts) }
        })
    }

    /// Of each employee the last mark that is sealed and counts: of one instant the one with the least id. It costs a look at
    /// all sealed marks that retention has not taken.
    pub fn last_marks(&self) -> Result<Vec<Fact>, SinkError> {
        let kind = FactKind::AttendanceMark;
        let counts = format!("epoch_us(received_at) - epoch_us(ts) <= {}", HORIZON.0);
        let last = "row_number() OVER (PARTITION BY employee ORDER BY ts DESC, id) = 1";
        let mut marks = Vec::new();
        let sealed = |file: &LakeFile| !self.is_loaded(kind, file);
        self.read_files(kind, sealed, &format!("WHERE {counts} QUALIFY {last}"), &mut |facts| {
            marks.extend(facts);
            Ok(())
        })?;
        Ok(marks)
    }

    /// Whether facts of this instant have left by retention.
    pub fn has_left(&self, at: EventTime) -> bool {
        self.manifest.facts_from.as_ref().is_some_and(|from| at.date() < *from)
    }

    /// Whether facts of this instant are sealed, or have left: none is added to them any more.
    pub fn is_over(&self, at: EventTime) -> bool {
        let from = self.manifest.facts_from.as_ref().max(self.manifest.sealed_from.as_ref());
        from.is_some_and(|from| at.date() < *from)
    }

    /// Whether the facts of this file are loaded.
    pub(super) fn is_loaded(&self, kind: FactKind, file: &LakeFile) -> bool {
        is_after(&self.manifest.sealed_from, kind, file)
    }
}

fn is_after(sealed_from: &Option<String>, kind: FactKind, file: &LakeFile) -> bool {
    kind == FactKind::Coverage || sealed_from.as_ref().is_none_or(|from| file.date >= *from)
}

#[cfg(test)]
mod tests {
    use crate::lake::tests::Site;
    use gemba_schemas::fact::{AttendanceMark, Fact, HORIZON, MarkKind};
    use gemba_schemas::id::FactId;
    use gemba_schemas::samples::DAY;
    use gemba_schemas::score::Score;
    use gemba_schemas::time::{EventTime, Micros};

    /// A mark so many hours after the sample rows, and so long before it was accepted.
    fn mark(id: u64, employee: &str, hours: i64, late: Micros) -> Fact {
        let ts = EventTime(DAY) + Micros(hours * Micros::HOUR.0);
        Fact::from(AttendanceMark {
            id: FactId(id),
            received_at: ts + late,
            ts,
            employee: employee.into(),
            kind: MarkKind::In,
            camera: Default::default(),
            confidence: Score(9_000),
            request: String::new(),
        })
    }

    #[test]
    fn of_each_employee_the_last_sealed_mark_is_found() {
        let mut site = Site::new();
        let (soon, late) = (Micros(1), Micros(HORIZON.0 + 1));
        let sealed = [mark(3, "E1", 30, soon), mark(2, "E1", 30, HORIZON), mark(5, "E2", 0, soon)];
        let others = [
            mark(1, "E1", 0, soon),
            // Late when it came: it does not count. Not sealed.
            mark(4, "E1", 40, late),
            mark(6, "E1", 24 * 70, soon),
            mark(7, "E3", 24 * 70, soon),
        ];
        site.publish(&[&sealed[..], &others[..]].concat(), &[], Vec::new());
        assert!(site.lake.last_marks().unwrap().is_empty(), "nothing is sealed");
        site.lake.seal(EventTime(DAY) + Micros(24 * 80 * Micros::HOUR.0)).unwrap();
        let site = site.reopen();
        let mut found = site.lake.last_marks().unwrap();
        found.sort_by_key(Fact::id);
        assert_eq!(found, [sealed[1].clone(), sealed[2].clone()]);
        assert!(!site.lake.has_left(EventTime(DAY)), "what is sealed stays in the lake");
    }
}
