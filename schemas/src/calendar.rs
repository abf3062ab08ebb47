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

use crate::id::Name;
use crate::rule::ClockRule;
use crate::time::{EventTime, Micros};
use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// A resolved clock, with the last resolved zone kept: resolving takes a lock.
#[derive(Default)]
pub struct Calendar {
    zone: Option<(Name, TimeZone)>,
}

impl Calendar {
    /// The zone of that name; UTC if there is none (the site file was checked).
    fn zone(&mut self, name: Name) -> &TimeZone {
        if self.zone.as_ref().is_none_or(|(seen, _)| *seen != name) {
            self.zone = None;
        }
        &self.zone.get_or_insert_with(|| (name, TimeZone::get(name.as_str()).unwrap_or(TimeZone::UTC))).1
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
