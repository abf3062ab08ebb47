//! From the marks of one shift to its rows: the open one and the judged one, and when each of them holds.

use super::super::timeline::Held;
use super::plan::Slot;
use gemba_schemas::fact::MarkKind;
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{AttendanceDay, AttendanceStatus};
use serde::{Deserialize, Serialize};

/// Marks of one kind further apart than this are no repeats.
const APART: Micros = Micros(12 * Micros::HOUR.0);

/// What there is to say of a shift. Sorted: expected or not, then marks by kind and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sign {
    Expected,
    In(EventTime),
    Out(EventTime),
}

impl Sign {
    pub fn of(kind: MarkKind, ts: EventTime) -> Self {
        match kind {
            MarkKind::In => Self::In(ts),
            MarkKind::Out => Self::Out(ts),
        }
    }

    /// When, if it is a mark.
    pub fn ts(self) -> Option<EventTime> {
        match self {
            Self::Expected => None,
            Self::In(ts) | Self::Out(ts) => Some(ts),
        }
    }
}

/// The marks of a shift, as far as they count.
struct Marks {
    expected: bool,
    /// First and last of each kind.
    ins: Option<(EventTime, EventTime)>,
    outs: Option<(EventTime, EventTime)>,
    count: u32,
}

fn span(all: impl DoubleEndedIterator<Item = EventTime> + Clone) -> Option<(EventTime, EventTime)> {
    Some((all.clone().next()?, all.last()?))
}

impl Marks {
    fn of(signs: &[(&Sign, isize)]) -> Self {
        let kind = |wanted: fn(&Sign) -> Option<EventTime>| span(signs.iter().filter_map(move |(s, _)| wanted(s)));
        let count = signs.iter().filter(|(s, _)| s.ts().is_some()).map(|(_, n)| u32::try_from(*n).unwrap_or(0)).sum();
        Self {
            expected: signs.iter().any(|(s, _)| **s == Sign::Expected),
            ins: kind(|s| if let Sign::In(ts) = s { Some(*ts) } else { None }),
            outs: kind(|s| if let Sign::Out(ts) = s { Some(*ts) } else { None }),
            count,
        }
    }

    fn first_in(&self) -> Option<EventTime> {
        self.ins.map(|(first, _)| first)
    }

    fn last_out(&self) -> Option<EventTime> {
        self.outs.map(|(_, last)| last).filter(|out| self.first_in().is_none_or(|first| *out >= first))
    }

    fn still_in(&self) -> bool {
        self.ins.is_some_and(|(_, last)| self.outs.is_none_or(|(_, out)| out < last))
    }

    /// Whether somebody should look, apart from who is still in.
    fn odd(&self) -> bool {
        let out_first = self.outs.is_some_and(|(out, _)| self.first_in().is_none_or(|first| out < first));
        out_first || [self.ins, self.outs].iter().flatten().any(|(first, last)| *last - *first > APART)
    }
}

/// The rows of a shift, and when they hold.
pub fn rows(employee: Name, slot: &Slot, signs: &[(&Sign, isize)]) -> Vec<Held<AttendanceDay>> {
    let marks = Marks::of(signs);
    // Without marks there is a row once the shift has begun.
    let begins = slot.hours.filter(|_| marks.count == 0).map_or(EventTime::MIN, |(start, _)| start);
    let left = slot.hours.map_or(EventTime::MIN, |(_, end)| end);
    let judged = begins.max(if marks.still_in() { left.max(slot.over) } else { left });
    let mut rows = vec![(judged, EventTime::MAX, row(employee, slot, &marks, false))];
    if begins < judged {
        rows.push((begins, judged, row(employee, slot, &marks, true)));
    }
    rows
}

fn row(employee: Name, slot: &Slot, marks: &Marks, open: bool) -> AttendanceDay {
    let (first_in, last_out) = (marks.first_in(), marks.last_out());
    let expected = slot.hours.filter(|_| marks.expected);
    let after = |at: EventTime, due: EventTime| Micros((at - due).0.max(0));
    let late = expected.zip(first_in).map_or(Micros::ZERO, |((start, _), first)| after(first, start));
    let early = expected.zip(last_out).filter(|_| !open).map_or(Micros::ZERO, |((_, end), out)| after(end, out));
    let forgiven = |off: Micros, grace: Micros| off > Micros::ZERO && off <= grace;
    let status = if open {
        AttendanceStatus::Open
    } else if marks.expected && first_in.is_none() {
        AttendanceStatus::Absent
    } else if late > slot.grace_in {
        AttendanceStatus::Late
    } else if early > slot.grace_out {
        AttendanceStatus::EarlyExit
    } else {
        AttendanceStatus::Present
    };
    AttendanceDay {
        employee,
        day: slot.day,
        shift: slot.shift,
        first_in,
        last_out,
        shift_start: slot.hours.map(|(start, _)| start),
        shift_end: slot.hours.map(|(_, end)| end),
        expected: marks.expected,
        status,
        late_us: late,
        early_us: early,
        present_us: first_in.zip(last_out).map_or(Micros::ZERO, |(first, last)| last - first),
        grace_period_applied: forgiven(late, slot.grace_in) || forgiven(early, slot.grace_out),
        flagged_for_review: slot.hours.is_none() || marks.odd() || (marks.still_in() && !open),
        repeats_ignored: marks.count - u32::from(first_in.is_some()) - u32::from(last_out.is_some()),
        rules: slot.rules,
    }
}
