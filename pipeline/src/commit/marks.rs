//! The one sealed mark of each employee that stays in correlate.
//!
//! A shift without `from` is expected from its employee's first mark on. If all sealed marks left, the absences of days that
//! are not sealed would leave with them. So the latest sealed mark stays, and moves on as later days are sealed. What follows
//! from it lies on sealed days, whose rows are final: changes of those are left out.
//!
//! One mark an employee: memory does not grow with history. Of somebody who left long ago the shifts expected since then stay
//! as well, as with `from`, until the site's file does not name them any more, or retention takes the mark.

use gemba_schemas::fact::Fact;
use gemba_schemas::id::Name;
use gemba_schemas::time::EventTime;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// By employee, the mark that stays.
#[derive(Debug, Default)]
pub(super) struct LastMarks(BTreeMap<Name, Fact>);

impl LastMarks {
    /// Takes sealed facts; returns those that are to leave: all but each employee's last mark, which takes the place of the
    /// one that stayed before.
    pub(super) fn seal(&mut self, facts: Vec<Fact>) -> Vec<Fact> {
        let mut leave = Vec::with_capacity(facts.len());
        for fact in facts {
            let Fact::AttendanceMark(mark) = &fact else {
                leave.push(fact);
                continue;
            };
            match self.0.get_mut(&mark.employee) {
                Some(last) if order(last) >= order(&fact) => leave.push(fact),
                Some(last) => leave.push(std::mem::replace(last, fact)),
                None => drop(self.0.insert(mark.employee, fact)),
            }
        }
        leave
    }

    /// Takes out those of instants that have left the lake: a start would not find them either.
    pub(super) fn take_left(&mut self, has_left: impl Fn(EventTime) -> bool) -> Vec<Fact> {
        self.0.extract_if(.., |_, mark| has_left(mark.bucket())).map(|(_, mark)| mark).collect()
    }
}

/// The same as in [`Lake::last_marks`](gemba_sinks::Lake::last_marks): of one instant the mark with the least id is the last.
fn order(mark: &Fact) -> (EventTime, Reverse<u64>) {
    (mark.bucket(), Reverse(mark.id().0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gemba_schemas::fact::{AttendanceMark, MarkKind};
    use gemba_schemas::id::FactId;
    use gemba_schemas::score::Score;

    fn mark(id: u64, employee: &str, at: i64) -> Fact {
        Fact::from(AttendanceMark {
            id: FactId(id),
            received_at: EventTime(at + 1),
            ts: EventTime(at),
            employee: employee.into(),
            kind: MarkKind::In,
            camera: Name::default(),
            confidence: Score(9_000),
            request: String::new(),
        })
    }

    fn ids(facts: &[Fact]) -> Vec<u64> {
        facts.iter().map(|fact| fact.id().0).collect()
    }

    #[test]
    fn the_last_mark_of_each_employee_stays_until_a_later_one_is_sealed() {
        let mut marks = LastMarks::default();
        assert_eq!(ids(&marks.seal(vec![mark(1, "E1", 10), mark(2, "E2", 10), mark(3, "E1", 20)])), [1]);
        // Of two at once the one with the least id, in whatever order they come.
        assert_eq!(ids(&marks.seal(vec![mark(5, "E1", 30), mark(4, "E1", 30), mark(6, "E1", 30)])), [3, 5, 6]);
        // An earlier day does not move it back.
        assert_eq!(ids(&marks.seal(vec![mark(7, "E2", 5)])), [7]);
        assert_eq!(ids(&marks.take_left(|at| at < EventTime(20))), [2]);
        assert_eq!(ids(&marks.seal(vec![mark(8, "E1", 40), mark(9, "E2", 40)])), [4]);
    }
}
