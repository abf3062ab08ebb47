//! What the site says about attendance: shifts and holidays. They are rules: facts do not depend on them.

use super::value::{ClockTime, Date, Length};
use crate::id::Name;
use crate::rule::{HolidayRule, Rule, ShiftRule};
use crate::time::Micros;
use serde::Deserialize;

/// `[[shift]]`: when employees are to be at work.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// Name, unique within the site.
    pub name: String,
    /// Who works it; names as in attendance marks. One shift a weekday for each.
    pub employees: Vec<String>,
    /// Weekdays on which it starts, `mon` to `sun`.
    pub days: Vec<Weekday>,
    /// Start, as the clock shows it.
    pub start: ClockTime,
    /// End, as the clock shows it; at or before `start` means on the next day. At most 16 h after it.
    pub end: ClockTime,
    /// How late one may come without being late. Default `10m`.
    #[serde(default = "Length::ten_minutes")]
    pub grace_in: Length,
    /// How early one may go without leaving early. Default `10m`.
    #[serde(default = "Length::ten_minutes")]
    pub grace_out: Length,
    /// IANA time zone of the clock. Default: the site's.
    pub time_zone: Option<String>,
    /// First date on which the shift is expected. Default: once the employee was first seen.
    pub from: Option<Date>,
}

/// `[[holiday]]`: a date on which no shift is expected.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// The date.
    pub date: Date,
    /// What is celebrated.
    pub name: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon = 1,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Shift {
    /// The end as time since the midnight before the start.
    pub(super) fn end(&self) -> Micros {
        if self.end.0 > self.start.0 { self.end.0 } else { self.end.0 + Micros(24 * Micros::HOUR.0) }
    }

    /// One rule for each employee and weekday.
    pub(super) fn rules(&self, site_zone: &str) -> impl Iterator<Item = Rule> {
        let time_zone = Name::new(self.time_zone.as_deref().unwrap_or(site_zone));
        self.employees.iter().flat_map(move |employee| {
            self.days.iter().map(move |day| {
                Rule::Shift(ShiftRule {
                    employee: Name::new(employee),
                    shift: Name::new(&self.name),
                    weekday: *day as u8,
                    start: self.start.0,
                    end: self.end(),
                    grace_in: self.grace_in.0,
                    grace_out: self.grace_out.0,
                    time_zone,
                    from: self.from.map(|date| date.0),
                })
            })
        })
    }
}

impl Holiday {
    pub(super) fn rule(&self) -> Rule {
        Rule::Holiday(HolidayRule { date: self.date.0, name: Name::new(&self.name) })
    }
}
