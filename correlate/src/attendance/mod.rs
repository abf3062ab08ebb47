//! `attendance_days`: who was at work, and when.
//!
//! ```text
//! marks → first mark per day ─┐
//! shifts ─────────────────────┴→ rosters ⋈ clock, holidays → plans ┬ ⋈ marks → the mark's window ──────┐
//!                 spans of days up to now ⋈ ───────────────────────┴──→ expected shifts ───────────────┤
//!                                       rows ← at now ← open and judged row of a shift, and when each holds
//! ```
//!
//! A plan is what says when one employee's shifts are; see [`plan`]. A mark finds its window by itself, so it costs
//! one shift's row. Expected shifts are made in spans of 32 days, and those in the future wait for now; now
//! itself meets only the rows that it changes ([`timeline`](super::timeline)).

mod judge;
mod plan;

use super::rules::Rules;
use super::timeline::at_now;
use crate::rows::Rows;
use gemba_schemas::calendar::{Calendar, Day};
use gemba_schemas::fact::AttendanceMark;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{ClockRule, HolidayRule, ShiftRule};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::AttendanceDay;
use judge::Sign;
use plan::{Office, Plan, Roster};
use serde::{Deserialize, Serialize};

/// Days of a span: expected shifts are made so many days at a time.
const SPAN: i32 = 32;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum OfEmployee {
    Seen(EventTime),
    Shift(ShiftRule, Name),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum OfSite {
    Clock(ClockRule),
    Holiday(HolidayRule),
}

/// The view.
pub fn attendance_days<'scope>(
    marks: Rows<'scope, AttendanceMark>,
    rules: &Rules<'scope>,
    now: Rows<'scope, EventTime>,
) -> Rows<'scope, AttendanceDay> {
    let rosters = rosters(marks.clone(), rules);
    let plans = rosters.clone().map(|(employee, roster)| ((), (employee, roster)));
    let plans = plans.join_by_key("Plans of shifts", office(rules), |(), (employee, roster), office| {
        [(*employee, (Plan::of(roster, office), roster.first))]
    });

    let mut calendar = Calendar::default();
    let marks = marks.map(|m| (m.employee, Sign::of(m.kind, m.ts))).join_by_key(
        "Marks in their shifts",
        plans.clone().map(|(employee, (plan, _))| (employee, plan)),
        move |&employee, sign, plan| {
            let slot = sign.ts().and_then(|ts| plan.slot(&mut calendar, ts));
            slot.map(|slot| ((employee, slot), *sign))
        },
    );
    let mut calendar = Calendar::default();
    let expected =
        spans(rosters, now.clone()).join_by_key("Expected shifts", plans, move |&employee, span, (plan, first)| {
            let days = Day(span * SPAN)..=Day(span * SPAN + SPAN - 1);
            let slots = plan.expected(&mut calendar, days, *first);
            slots.into_iter().map(move |slot| ((employee, slot), Sign::Expected))
        });
    let rows = marks
        .concat(expected)
        .reduce_by_key("Marks of a shift", |(employee, slot), signs, out| {
            out.extend(judge::rows(*employee, slot, signs).into_iter().map(|row| (row, 1)));
        })
        .map(|(_, row)| row);
    at_now(rows, now, "Attendance at now")
}

/// Every employee that has a shift or a mark.
fn rosters<'scope>(marks: Rows<'scope, AttendanceMark>, rules: &Rules<'scope>) -> Rows<'scope, (Name, Roster)> {
    let shifts = rules.shifts.clone().map(|(shift, sum)| (shift.employee, OfEmployee::Shift(shift, sum)));
    marks
        .map(|m| ((m.employee, Day::utc(m.ts)), m.ts))
        .reduce_by_key("First mark of a day", |_, marks, out| out.extend(marks.first().map(|(ts, _)| (**ts, 1))))
        .map(|((employee, _), ts)| (employee, OfEmployee::Seen(ts)))
        .concat(shifts)
        .reduce_by_key("Roster of an employee", |_, parts, out| {
            // Sorted: the first instant is the earliest.
            let first = parts.iter().find_map(|(p, _)| if let OfEmployee::Seen(ts) = p { Some(*ts) } else { None });
            let shifts = parts.iter().filter_map(|(part, _)| match part {
                OfEmployee::Shift(shift, sum) => Some((shift.clone(), *sum)),
                OfEmployee::Seen(_) => None,
            });
            out.push((Roster::of(first, shifts.collect()), 1));
        })
}

/// The site's clock and holidays; nothing without a clock.
fn office<'scope>(rules: &Rules<'scope>) -> Rows<'scope, ((), Office)> {
    let clock = rules.clock.clone().map(|clock| ((), OfSite::Clock(clock)));
    clock.concat(rules.holidays.clone().map(|(holiday, _)| ((), OfSite::Holiday(holiday)))).reduce_by_key(
        "Site calendar",
        |(), parts, out| {
            let clock = parts.iter().find_map(|(p, _)| if let OfSite::Clock(clock) = p { Some(clock) } else { None });
            let holidays = parts.iter().filter_map(|(part, _)| match part {
                OfSite::Holiday(holiday) => Some(holiday.clone()),
                OfSite::Clock(_) => None,
            });
            out.extend(clock.map(|clock| (Office::of(clock.clone(), holidays.collect()), 1)));
        },
    )
}

/// The spans of days in which an employee's shifts may have been expected, up to tomorrow's. They change when a
/// span of days is over, or when there is more of the past.
fn spans<'scope>(rosters: Rows<'scope, (Name, Roster)>, now: Rows<'scope, EventTime>) -> Rows<'scope, (Name, i32)> {
    let last = now
        .map(|now| ((), Day::utc(now).plus(1).0.div_euclid(SPAN)))
        .reduce_by_key("Span of days that holds now", |(), spans, out| {
            out.extend(spans.iter().rfind(|(_, n)| *n > 0).map(|(span, _)| (**span, 1)))
        });
    rosters
        .flat_map(|(employee, roster)| roster.since().map(|day| ((), (employee, day.0.div_euclid(SPAN)))))
        .join_by_key("Spans of days", last, |(), &(employee, first), &last| {
            (first..=last).map(move |span| (employee, span))
        })
}
