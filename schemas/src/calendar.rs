//! The site's clock: hours and reset days, in its IANA time zone, across daylight saving time.
//!
//! Everything is counted in whole UTC minutes, so hours and days are sets of minutes:
//! * the *hour* of a minute is its start less what the site's clock shows beyond the whole hour. Where the clock
//!   is put back the hour that is shown twice is two hours; where it is put forward one is missing.
//! * the *reset day* of a minute is the latest daily reset at or before the minute's start. A reset is the
//!   instant at which the clock shows `day_reset`: the earlier one where it does so twice, that much later
//!   where it is skipped; rounded up to a minute.
//! * the *day* (*month*) of a minute is the first minute at which the clock shows the date (the month) that it
//!   shows at the minute's start. Where midnight is skipped that is the instant of the change; where it comes twice,
//!   the earlier one.
//!
//! A [`Day`] is a date without a place; [`Calendar::instant`] says when a clock shows a time of that day.

use crate::id::Name;
use crate::rule::ClockRule;
use crate::time::{EventTime, Micros};
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A date of the calendar: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// From `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text.parse().ok()?)
    }

    /// The UTC date of an instant.
    pub fn utc(ts: EventTime) -> Self {
        Self((ts.0.div_euclid(24 * Micros::HOUR.0)) as i32)
    }

    /// So many days later.
    pub fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// 1 for Monday to 7 for Sunday.
    pub fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.0.saturating_add(3).rem_euclid(7) + 1) as u8
    }

    fn of(date: Date) -> Option<Self> {
        Some(Self((date - epoch()).get_days()))
    }

    fn date(self) -> Option<Date> {
        epoch().checked_add(Span::new().try_days(self.0).ok()?).ok()
    }
}

fn epoch() -> Date {
    jiff::civil::date(1970, 1, 1)
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.date() {
            Some(date) => date.fmt(f),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// Clocks, with the resolved zones kept: resolving takes a lock.
#[derive(Default)]
pub struct Calendar {
    zones: BTreeMap<Name, TimeZone>,
}

impl Calendar {
    /// The zone of that name; UTC if there is none (the site file was checked).
    fn zone(&mut self, name: Name) -> &TimeZone {
        self.zones.entry(name).or_insert_with(|| TimeZone::get(name.as_str()).unwrap_or(TimeZone::UTC))
    }

    /// The date that a zone's clock shows at an instant; `None` beyond the calendar.
    pub fn date(&mut self, zone: Name, ts: EventTime) -> Option<Day> {
        let ts = Timestamp::from_microsecond(ts.0).ok()?;
        Day::of(self.zone(zone).to_datetime(ts).date())
    }

    /// The instant at which a zone's clock shows the time `at` after midnight of `day` (or of the next, from 24 h
    /// on): the earlier one where it does so twice, that much later where it is skipped.
    pub fn instant(&mut self, zone: Name, day: Day, at: Micros) -> Option<EventTime> {
        let shown = day.date()?.at(0, 0, 0, 0).checked_add(at.0.microseconds()).ok()?;
        let instant = self.zone(zone).to_ambiguous_timestamp(shown).compatible().ok()?;
        Some(EventTime(instant.as_microsecond()))
    }

    /// The instant that a text such as `2026-01-20T10:00` or `2026-01-20 10:00:30` names on a zone's clock, or on
    /// the clock of the offset in it. A date alone is its midnight.
    pub fn moment(&mut self, zone: Name, text: &str) -> Option<EventTime> {
        if let Some(instant) = EventTime::parse(text) {
            return Some(instant);
        }
        let shown: jiff::civil::DateTime = text.parse().ok()?;
        // With an offset that is no RFC 3339 the text means something else than it says.
        if text.ends_with('Z') || text.contains('+') {
            return None;
        }
        let instant = self.zone(zone).to_ambiguous_timestamp(shown).compatible().ok()?;
        Some(EventTime(instant.as_microsecond()))
    }

    /// The hour of the minute that holds `ts`.
    pub fn hour(&mut self, clock: &ClockRule, ts: EventTime) -> EventTime {
        let minute = ts.floor(Micros::MINUTE);
        let offset = Timestamp::from_microsecond(minute.0)
            .map_or(0, |t| i64::from(self.zone(clock.time_zone).to_offset(t).seconds()) * 1_000_000);
        let shown = minute.0.saturating_add(offset).rem_euclid(Micros::HOUR.0);
        EventTime(minute.0.saturating_sub(shown))
    }

    /// The reset day of the minute that holds `ts`, as the instant of its reset.
    pub fn reset_day(&mut self, clock: &ClockRule, ts: EventTime) -> EventTime {
        let minute = ts.floor(Micros::MINUTE);
        let Ok(t) = Timestamp::from_microsecond(minute.0) else { return EventTime::MIN };
        let zone = self.zone(clock.time_zone);
        let today = zone.to_datetime(t).date();
        let days = [today.tomorrow(), Ok(today), today.yesterday()];
        let resets = days.into_iter().flatten().filter_map(|day| reset(zone, day, clock.day_reset));
        resets.filter(|r| *r <= minute).max().unwrap_or(EventTime::MIN)
    }

    /// The day of the minute that holds `ts`, as its first instant.
    pub fn day(&mut self, clock: &ClockRule, ts: EventTime) -> EventTime {
        self.first_of(clock, ts, |date| date)
    }

    /// The month of the minute that holds `ts`, as its first instant.
    pub fn month(&mut self, clock: &ClockRule, ts: EventTime) -> EventTime {
        self.first_of(clock, ts, Date::first_of_month)
    }

    fn first_of(&mut self, clock: &ClockRule, ts: EventTime, first: fn(Date) -> Date) -> EventTime {
        let Ok(t) = Timestamp::from_microsecond(ts.floor(Micros::MINUTE).0) else { return EventTime::MIN };
        let zone = self.zone(clock.time_zone);
        first_shown(zone, first(zone.to_datetime(t).date())).unwrap_or(EventTime::MIN)
    }
}

fn reset(zone: &TimeZone, day: Date, at: Micros) -> Option<EventTime> {
    let shown = day.at(0, 0, 0, 0).checked_add(at.0.microseconds()).ok()?;
    Some(round_up(zone.to_ambiguous_timestamp(shown).compatible().ok()?))
}

/// The first minute at which the clock shows this date, or a later one if it skips the date.
fn first_shown(zone: &TimeZone, date: Date) -> Option<EventTime> {
    let midnight = date.at(0, 0, 0, 0);
    let ambiguous = zone.to_ambiguous_timestamp(midnight);
    Some(round_up(match ambiguous.offset() {
        // Read with the offset after the change a skipped midnight lies before the change. `compatible` would
        // give a later instant than the change if the clock skips from before midnight to after it.
        AmbiguousOffset::Gap { after, .. } => zone.following(after.to_timestamp(midnight).ok()?).next()?.timestamp(),
        _ => ambiguous.compatible().ok()?,
    }))
}

fn round_up(t: Timestamp) -> EventTime {
    let instant = EventTime(t.as_microsecond());
    let floor = instant.floor(Micros::MINUTE);
    if floor == instant { floor } else { floor + Micros::MINUTE }
}
