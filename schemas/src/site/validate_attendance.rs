//! The meaning of shifts and holidays.

use super::document::{Problems, Spot};
use super::validate::{name, time_zone, unique};
use super::validate_scene::at_most;
use super::{Shift, Site};
use crate::calendar::Day;
use crate::time::Micros;

/// Longest shift: its window of 24 h, from 6 h before the start, leaves two hours to go home.
const LONGEST: Micros = Micros(16 * Micros::HOUR.0);

/// Adds everything that is wrong with the site's attendance.
pub(super) fn attendance(site: &Site, root: &Spot<'_>, problems: &mut Problems<'_>) {
    let shifts = root.key("shift");
    unique(&site.shifts, |s| &s.name, &shifts, &[], problems);
    for (i, s) in site.shifts.iter().enumerate() {
        shift(s, &shifts.item(i), problems);
        once_a_day(&site.shifts[..i], s, &shifts.item(i), problems);
    }
    let holidays = root.key("holiday");
    for (i, holiday) in site.holidays.iter().enumerate() {
        let spot = holidays.item(i);
        name(&holiday.name, &spot.key("name"), problems);
        if let Some(other) = site.holidays[..i].iter().find(|other| other.date == holiday.date) {
            problems.add(&spot.key("date"), format!("{} is `{}` already", holiday.date.0, other.name));
        }
    }
}

fn shift(s: &Shift, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let (employees, days) = (spot.key("employees"), spot.key("days"));
    if s.employees.is_empty() {
        problems.add(&employees, "is empty; name at least one employee");
    }
    for (i, employee) in s.employees.iter().enumerate() {
        name(employee, &employees.item(i), problems);
        if s.employees[..i].contains(employee) {
            problems.add(&employees.item(i), format!("`{employee}` is listed twice"));
        }
    }
    if s.days.is_empty() {
        problems.add(&days, "is empty; name at least one weekday, such as \"mon\"");
    }
    for (i, day) in s.days.iter().enumerate() {
        if s.days[..i].contains(day) {
            problems.add(&days.item(i), "is listed twice");
        }
    }
    if s.end() > s.start.0 + LONGEST {
        let hours = Micros(s.end().0 - s.start.0.0).as_secs_f64() / 3600.0;
        problems.add(&spot.key("end"), format!("expected an end at most 16 h after `start`, found {hours:.1} h"));
    }
    for (key, grace) in [("grace_in", s.grace_in), ("grace_out", s.grace_out)] {
        at_most(grace, Micros(4 * Micros::HOUR.0), "4h", &spot.key(key), problems);
    }
    if let Some(zone) = &s.time_zone {
        time_zone(zone, &spot.key("time_zone"), problems);
    }
    // Every day from it on becomes a row: a slip of the pen should not make a century of them.
    if let Some(from) = s.from
        && Day::parse("2000-01-01").is_some_and(|least| from.0 < least)
    {
        problems.add(&spot.key("from"), format!("expected a date from 2000-01-01 on, found {}", from.0));
    }
}

/// A row is one employee's shift of one day: two on one weekday could not be told apart by their marks.
fn once_a_day(before: &[Shift], s: &Shift, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    for (i, employee) in s.employees.iter().enumerate() {
        let clash = before.iter().filter(|other| other.employees.contains(employee)).find_map(|other| {
            let day = s.days.iter().find(|day| other.days.contains(day))?;
            Some((other, format!("{day:?}").to_lowercase()))
        });
        if let Some((other, day)) = clash {
            problems.add(
                &spot.key("employees").item(i),
                format!("`{employee}` has the shift `{}` on `{day}` already; one shift a weekday", other.name),
            );
        }
    }
}
