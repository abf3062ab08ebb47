//! In which row of a view a client's report shows, and what became of a plate read. A row is shown only if it follows from
//! the report: of a gate nobody is told about the vehicle before.
//!
//! The views say what counts; this finds it again among rows that are near. Where that is not certain there is no row.

use super::{Problem, Shared};
use gemba_correlate::Patterns;
use gemba_schemas::fact::{AttendanceMark, MarkKind, PlateRead};
use gemba_schemas::id::Name;
use gemba_schemas::rule::{GateRule, Rule};
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{AttendanceDay, GateEvent, ReadOutcome, ViewKind, ViewRow};
use gemba_sinks::RowRange;

/// A row in which a report shows begins at most so long before it,
const BEFORE: Micros = Micros(8 * 24 * Micros::HOUR.0);
/// or after it: the window of a shift begins before its date may.
const AFTER: Micros = Micros(24 * Micros::HOUR.0);
/// A shift's window: from so long before its start,
const EARLY: Micros = Micros(6 * Micros::HOUR.0);
/// to so long after it.
const WINDOW: Micros = Micros(18 * Micros::HOUR.0);
/// The longest date, on which clocks go back.
const DATE: Micros = Micros(25 * Micros::HOUR.0);
/// What became of a plate read.
#[derive(Debug, PartialEq)]
pub(super) struct Reading {
    /// `accepted`, `misread`, `unconfirmed` or `rejected`.
    pub read: &'static str,
    /// Why it was rejected.
    pub reason: Option<&'static str>,
    /// The visit that it belongs to.
    pub visit: Option<ViewRow>,
}

impl Reading {
    /// It came beyond the horizon, and counts nowhere.
    pub(super) const LATE: Self = Self { read: "rejected", reason: Some("late"), visit: None };

    fn rejected(reason: &'static str) -> Self {
        Self { read: "rejected", reason: Some(reason), visit: None }
    }
}

impl Shared {
    /// The row of the shift, or of the date, that a mark belongs to.
    pub(super) fn day_of(&self, mark: &AttendanceMark) -> Option<ViewRow> {
        let is_own = |row: &ViewRow| matches!(row, ViewRow::AttendanceDay(row) if row.employee == mark.employee);
        let rows = self.near(ViewKind::AttendanceDay, mark.ts, is_own);
        day_of(&rows, mark).map(|day| ViewRow::from(day.clone()))
    }

    /// What became of a read.
    pub(super) fn reading(&self, read: &PlateRead) -> Reading {
        let rules = self.rules();
        let Some(gate) = rules.iter().find_map(|rule| if let Rule::Gate(gate) = rule { Some(gate) } else { None })
        else {
            return Reading::rejected("no_gate");
        };
        if read.confidence <= gate.min_confidence {
            return Reading::rejected(ReadOutcome::LowConfidence.as_str());
        }
        let formats: Vec<_> = rules.iter().filter_map(format).collect();
        let Some((plate, _)) = Patterns::default().plate(&formats, &read.text) else {
            return Reading::rejected(ReadOutcome::BadFormat.as_str());
        };
        let is_listed = rules.iter().any(|rule| matches!(rule, Rule::Plate(listed) if listed.plate == plate));
        let here = |row: &ViewRow| matches!(row, ViewRow::GateEvent(row) if row.camera == read.camera);
        let rows = self.near(ViewKind::GateEvent, read.ts, here);
        match visit_of(&rows, read.ts, &plate, gate, is_listed) {
            Some(visit) => {
                let outcome = if visit.plate == plate { ReadOutcome::Accepted } else { ReadOutcome::Misread };
                Reading { read: outcome.as_str(), reason: None, visit: Some(ViewRow::from(visit.clone())) }
            }
            None => Reading { read: ReadOutcome::Unconfirmed.as_str(), reason: None, visit: None },
        }
    }

    /// The rows of a view near an instant that are `wanted`, the oldest first. None if the store cannot be read, which was
    /// said: the report is stored all the same.
    fn near(&self, view: ViewKind, at: EventTime, wanted: impl Fn(&ViewRow) -> bool) -> Vec<ViewRow> {
        let (from, to) = (at.0.saturating_sub(BEFORE.0), at.0.saturating_add(AFTER.0));
        let range = RowRange { view, from: EventTime(from), to: EventTime(to) };
        let mut rows = Vec::new();
        let older = |range: &RowRange, f: &mut dyn FnMut(&ViewRow)| self.older(range, f);
        let all: Result<_, Problem> = self.live.rows(&[range], older, |row| {
            if wanted(row) {
                rows.push(row.clone());
            }
        });
        if all.map(drop).is_ok() { rows } else { Vec::new() }
    }
}

/// Of an employee's rows in order of their dates the one with a mark. A mark that neither begins nor ends a row is in the
/// one whose window holds it, and such a row is there, because of the mark.
fn day_of<'a>(rows: &'a [ViewRow], mark: &AttendanceMark) -> Option<&'a AttendanceDay> {
    let day = |row: &'a ViewRow| -> Option<&'a AttendanceDay> {
        if let ViewRow::AttendanceDay(day) = row { Some(day) } else { None }
    };
    let days = || rows.iter().filter_map(day);
    let shows = |day: &&AttendanceDay| match mark.kind {
        MarkKind::In => day.first_in == Some(mark.ts),
        MarkKind::Out => day.last_out == Some(mark.ts),
    };
    // Windows do not overlap: one begins no earlier than in the middle between the end of the shift before and its start.
    let (mut before, mut within) = (None::<EventTime>, None);
    for day in days() {
        let (Some(start), Some(end)) = (day.shift_start, day.shift_end) else { continue };
        let middle = before.replace(end).map(|before| EventTime(before.0.midpoint(start.0)).min(start));
        let begins = (start - EARLY).max(middle.unwrap_or(EventTime::MIN));
        if (begins..start + WINDOW).contains(&mark.ts) {
            within = Some(day);
        }
    }
    let without = |day: &&AttendanceDay| day.shift_start.is_none() && (day.day..day.day + DATE).contains(&mark.ts);
    days().find(shows).or(within).or_else(|| days().rfind(without))
}

/// The visit that a read of this plate belongs to: its own, else that of the one other plate of which it can be a misread.
/// A plate on a list is never a misread.
fn visit_of<'a>(
    rows: &'a [ViewRow],
    at: EventTime,
    plate: &str,
    gate: &GateRule,
    is_listed: bool,
) -> Option<&'a GateEvent> {
    let mut others = Vec::new();
    for row in rows {
        let ViewRow::GateEvent(visit) = row else { continue };
        if visit.plate == plate && (visit.arrived..=visit.left).contains(&at) {
            return Some(visit);
        }
        // A run of misreads may begin after the visit's last read, or end before its first.
        let is_near = visit.arrived - at <= gate.visit_gap && at - visit.left <= gate.visit_gap;
        if !is_listed && is_near && differs_in_one(&visit.plate, plate) {
            others.push(visit);
        }
    }
    match others[..] {
        [other] => Some(other),
        _ => None,
    }
}

fn differs_in_one(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count() == 1
}

fn format(rule: &Rule) -> Option<(Name, String)> {
    if let Rule::PlateFormat(format) = rule { Some((format.format, format.pattern.clone())) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gemba_schemas::id::FactId;
    use gemba_schemas::score::Score;
    use gemba_schemas::view::{AttendanceStatus, GateStatus};

    fn hour(n: i64) -> EventTime {
        EventTime(n * Micros::HOUR.0)
    }

    fn shift(day: i64, start: i64, end: i64) -> AttendanceDay {
        AttendanceDay {
            employee: Name::new("E1"),
            day: hour(24 * day),
            shift: Name::new("night"),
            first_in: None,
            last_out: None,
            shift_start: Some(hour(24 * day + start)),
            shift_end: Some(hour(24 * day + end)),
            expected: true,
            status: AttendanceStatus::Open,
            late_us: Micros::ZERO,
            early_us: Micros::ZERO,
            present_us: Micros::ZERO,
            grace_period_applied: false,
            flagged_for_review: false,
            repeats_ignored: 0,
            rules: Name::default(),
        }
    }

    fn mark(kind: MarkKind, ts: EventTime) -> AttendanceMark {
        AttendanceMark {
            id: FactId(1),
            received_at: ts,
            ts,
            employee: Name::new("E1"),
            kind,
            camera: Name::default(),
            confidence: Score::ONE,
            request: String::new(),
        }
    }

    #[test]
    fn a_mark_is_in_the_row_that_has_it_else_in_the_one_whose_window_holds_it() {
        // 22:00 to 06:00, twice.
        let (mut first, second) = (shift(0, 22, 30), shift(1, 22, 30));
        first.last_out = Some(hour(30));
        let rows = [&first, &second].map(|day| ViewRow::from(day.clone()));
        let day = |kind, at| day_of(&rows, &mark(kind, at)).map(|day| day.day);
        assert_eq!(day(MarkKind::Out, hour(30)), Some(hour(0)));
        // Ignored repeats: up to the middle between 06:00 and 22:00 the first's.
        assert_eq!(day(MarkKind::In, hour(31)), Some(hour(0)));
        assert_eq!(day(MarkKind::In, hour(39)), Some(hour(0)));
        assert_eq!(day(MarkKind::In, hour(40)), Some(hour(24)));
        assert_eq!(day(MarkKind::Out, hour(54)), Some(hour(24)));
        assert_eq!(day(MarkKind::In, hour(15)), None);
        // Of a date without a shift only marks of that date.
        let mut free = shift(3, 0, 0);
        (free.shift_start, free.shift_end) = (None, None);
        let rows = [first, second, free].map(ViewRow::from);
        let day = |at| day_of(&rows, &mark(MarkKind::In, at)).map(|day| day.day);
        assert_eq!((day(hour(80)), day(hour(100))), (Some(hour(72)), None));
    }

    fn visit(plate: &str, arrived: i64, left: i64) -> GateEvent {
        GateEvent {
            camera: Name::new("gate"),
            plate: plate.into(),
            arrived: EventTime(arrived),
            left: EventTime(left),
            stay_us: Micros(left - arrived),
            reads: 2,
            agreeing: 2,
            confidence: Score(9_000),
            format: Name::new("india"),
            status: GateStatus::Authorized,
            reason: String::new(),
            retroactive: false,
            rules: Name::default(),
        }
    }

    #[test]
    fn a_read_shows_in_no_visit_of_another_vehicle() {
        let gate = GateRule { min_confidence: Score(8_500), agree: 2, sure: Score(9_700), visit_gap: Micros(60) };
        let visits = [visit("MH12AB1234", 0, 20), visit("KA01ZZ9999", 5, 30), visit("MH12AB1239", 500, 600)];
        let visits = visits.map(ViewRow::from);
        let of = |at, plate, is_listed| {
            visit_of(&visits, EventTime(at), plate, &gate, is_listed).map(|v| (v.plate.as_str(), v.arrived.0))
        };
        assert_eq!(of(10, "KA01ZZ9999", true), Some(("KA01ZZ9999", 5)));
        assert_eq!(of(10, "DL03CC0001", false), None);
        assert_eq!(of(21, "MH12AB1234", false), None, "the visit is over");
        // One character off, and within the gap: a misread, unless the plate is a known one.
        assert_eq!(of(80, "MH12AB1235", false), Some(("MH12AB1234", 0)));
        assert_eq!((of(81, "MH12AB1235", false), of(10, "MH12AB1235", true)), (None, None));
        // Of which of two is not certain.
        let two = [visit("MH12AB1234", 0, 20), visit("MH12AB1236", 0, 20)].map(ViewRow::from);
        assert_eq!(visit_of(&two, EventTime(10), "MH12AB1235", &gate, false), None);
    }
}
