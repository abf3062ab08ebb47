//! When the shifts of one employee are, and in which of them a mark belongs.
//!
//! A shift of a date runs from its start to its end, as its zone's clock shows them. Shifts follow each other by start
//! (then date, then name). A shift's window begins 6 h before its start, but not before the middle between the end of
//! the shift before and its own start, and not after its start. It ends 18 h after the start, or where the next one
//! begins. So windows do not overlap, and only shifts less than four days apart can tell on each other.

use gemba_schemas::calendar::{Calendar, Day};
use gemba_schemas::id::Name;
use gemba_schemas::rule::{ClockRule, HolidayRule, Rule, ShiftRule, digest, joined};
use gemba_schemas::time::{EventTime, Micros};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// How long before a shift its window begins.
const EARLY: Micros = Micros(6 * Micros::HOUR.0);
/// How long after a shift's start its window ends.
const WINDOW: Micros = Micros(18 * Micros::HOUR.0);
/// Days before and after a date whose shifts can tell on its windows.
const MARGIN: i32 = 4;

/// What the rules and the marks say of an employee.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Roster {
    /// First mark.
    pub first: Option<EventTime>,
    /// At most one shift a weekday, in their order.
    shifts: Vec<ShiftRule>,
}

impl Roster {
    /// Of several shifts for one weekday the one with the least digest counts.
    pub fn of(first: Option<EventTime>, mut shifts: Vec<(ShiftRule, Name)>) -> Self {
        shifts.sort_by_key(|(shift, sum)| (shift.weekday, sum.as_str()));
        shifts.dedup_by_key(|(shift, _)| shift.weekday);
        Self { first, shifts: shifts.into_iter().map(|(shift, _)| shift).collect() }
    }

    /// A date before which no shift is expected; `None` if none is.
    pub fn since(&self) -> Option<Day> {
        // The window that holds the first mark may belong to a shift of the days before or after it.
        let seen = self.first.map(|first| Day::utc(first).plus(-MARGIN));
        self.shifts.iter().filter_map(|shift| shift.from.or(seen)).min().map(|day| day.max(Day(0)))
    }
}

/// What the site says for everybody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Office {
    clock: ClockRule,
    /// One a date, in order.
    holidays: Vec<HolidayRule>,
}

impl Office {
    /// Of several holidays on one date the least name counts.
    pub fn of(clock: ClockRule, mut holidays: Vec<HolidayRule>) -> Self {
        holidays.sort_by_key(|holiday| (holiday.date, holiday.name.as_str()));
        holidays.dedup_by_key(|holiday| holiday.date);
        Self { clock, holidays }
    }
}

/// All that decides when one employee's shifts are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Plan {
    /// The site's zone.
    zone: Name,
    shifts: Vec<ShiftRule>,
    /// Holidays in order, each with the digest of what shapes its rows.
    holidays: Vec<(Day, Name)>,
    /// Digest of what shapes the rows of other days.
    rules: Name,
}

/// What one row is about: a shift of a date, or a date without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Midnight.
    pub day: EventTime,
    /// Name of the shift; empty without one.
    pub shift: Name,
    /// Start and end of the shift.
    pub hours: Option<(EventTime, EventTime)>,
    /// When the window (without a shift: the date) is over.
    pub over: EventTime,
    /// The shift's grace for coming late.
    pub grace_in: Micros,
    /// The shift's grace for going early.
    pub grace_out: Micros,
    /// Digest.
    pub rules: Name,
}

/// A shift of a date.
struct Occasion<'p> {
    day: Day,
    rule: &'p ShiftRule,
    start: EventTime,
    end: EventTime,
    /// Beginning and end of its window.
    begins: EventTime,
    over: EventTime,
}

impl Plan {
    /// The plan of an employee with this roster.
    pub fn of(roster: &Roster, office: &Office) -> Self {
        let shifts: Vec<_> = roster.shifts.iter().map(|shift| Rule::Shift(shift.clone())).collect();
        let rules = digest(shifts.iter().chain([&Rule::Clock(office.clock.clone())]));
        let holiday = |h: &HolidayRule| (h.date, joined([rules, digest([&Rule::Holiday(h.clone())])]));
        let holidays = office.holidays.iter().map(holiday).collect();
        Self { zone: office.clock.time_zone, shifts: roster.shifts.clone(), holidays, rules }
    }

    /// Where a mark belongs; `None` beyond the calendar.
    pub fn slot(&self, calendar: &mut Calendar, ts: EventTime) -> Option<Slot> {
        let near = Day::utc(ts);
        let occasions = self.occasions(calendar, near.plus(-2)..=near.plus(2));
        if let Some(occasion) = occasions.iter().find(|o| o.begins <= ts && ts < o.over) {
            return self.slot_of(calendar, occasion);
        }
        let date = calendar.date(self.zone, ts)?;
        Some(Slot {
            day: calendar.instant(self.zone, date, Micros::ZERO)?,
            shift: Name::default(),
            hours: None,
            over: calendar.instant(self.zone, date.plus(1), Micros::ZERO)?,
            grace_in: Micros::ZERO,
            grace_out: Micros::ZERO,
            rules: self.rules,
        })
    }

    /// The expected shifts of these dates, of an employee first seen at `first`.
    pub fn expected(&self, calendar: &mut Calendar, days: RangeInclusive<Day>, first: Option<EventTime>) -> Vec<Slot> {
        let occasions = self.occasions(calendar, days);
        let expected = occasions.iter().filter(|o| {
            let since = o.rule.from.map_or_else(|| first.is_some_and(|first| o.over > first), |from| o.day >= from);
            since && self.holiday(o.day).is_none()
        });
        expected.filter_map(|o| self.slot_of(calendar, o)).collect()
    }

    fn holiday(&self, day: Day) -> Option<Name> {
        self.holidays.binary_search_by_key(&day, |(day, _)| *day).ok().map(|at| self.holidays[at].1)
    }

    fn slot_of(&self, calendar: &mut Calendar, o: &Occasion<'_>) -> Option<Slot> {
        Some(Slot {
            day: calendar.instant(o.rule.time_zone, o.day, Micros::ZERO)?,
            shift: o.rule.shift,
            hours: Some((o.start, o.end)),
            over: o.over,
            grace_in: o.rule.grace_in,
            grace_out: o.rule.grace_out,
            rules: self.holiday(o.day).unwrap_or(self.rules),
        })
    }

    /// The shifts of these dates, by start.
    fn occasions(&self, calendar: &mut Calendar, days: RangeInclusive<Day>) -> Vec<Occasion<'_>> {
        let mut all = Vec::new();
        for day in (days.start().0 - MARGIN..=days.end().0 + MARGIN).map(Day) {
            for rule in self.shifts.iter().filter(|rule| rule.weekday == day.weekday()) {
                let [start, end] = [rule.start, rule.end].map(|at| calendar.instant(rule.time_zone, day, at));
                if let (Some(start), Some(end)) = (start, end) {
                    all.push(Occasion { day, rule, start, end, begins: start - EARLY, over: start + WINDOW });
                }
            }
        }
        all.sort_by_key(|o| (o.start, o.day, o.rule.shift.as_str()));
        for i in 1..all.len() {
            let (ended, start) = (all[i - 1].end, all[i].start);
            let middle = EventTime((ended.0 + start.0).div_euclid(2));
            all[i].begins = all[i].begins.max(middle.min(start));
            all[i - 1].over = all[i - 1].over.min(all[i].begins);
        }
        all.retain(|o| days.contains(&o.day));
        all
    }
}
