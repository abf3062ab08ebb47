//! Hours and reset days on the clock of the site.

use gemba_schemas::calendar::{Calendar, Day};
use gemba_schemas::rule::ClockRule;
use gemba_schemas::time::{EventTime, Micros};
use jiff::Timestamp;

fn at(text: &str) -> EventTime {
    EventTime(text.parse::<Timestamp>().unwrap().as_microsecond())
}

fn clock(zone: &str, hours: i64) -> ClockRule {
    ClockRule { time_zone: zone.into(), day_reset: Micros(hours * Micros::HOUR.0) }
}

#[test]
fn hours_follow_the_clock_of_the_site() {
    let (mut calendar, india) = (Calendar::default(), clock("Asia/Kolkata", 3));
    assert_eq!(calendar.hour(&india, at("2026-03-01T10:29:59Z")), at("2026-03-01T09:30:00Z"));
    assert_eq!(calendar.hour(&india, at("2026-03-01T10:30:00Z")), at("2026-03-01T10:30:00Z"));
    let berlin = clock("Europe/Berlin", 3);
    // 02:00–03:00 is shown twice on 2026-10-25: two hours.
    assert_eq!(calendar.hour(&berlin, at("2026-10-25T00:30:00Z")), at("2026-10-25T00:00:00Z"));
    assert_eq!(calendar.hour(&berlin, at("2026-10-25T01:30:00Z")), at("2026-10-25T01:00:00Z"));
}

#[test]
fn reset_days_follow_daylight_saving() {
    let (mut calendar, berlin) = (Calendar::default(), clock("Europe/Berlin", 3));
    assert_eq!(calendar.reset_day(&berlin, at("2026-07-02T00:59:59Z")), at("2026-07-01T01:00:00Z"));
    assert_eq!(calendar.reset_day(&berlin, at("2026-07-02T01:00:00Z")), at("2026-07-02T01:00:00Z"));
    assert_eq!(calendar.reset_day(&berlin, at("2026-12-02T02:00:00Z")), at("2026-12-02T02:00:00Z"));
    // 02:30 is skipped on 2026-03-29 (put forward at 01:00Z): half an hour later.
    let skipped = ClockRule { time_zone: "Europe/Berlin".into(), day_reset: Micros::from_secs(9000) };
    assert_eq!(calendar.reset_day(&skipped, at("2026-03-29T12:00:00Z")), at("2026-03-29T01:30:00Z"));
    // 02:30 is shown twice on 2026-10-25: the earlier.
    assert_eq!(calendar.reset_day(&skipped, at("2026-10-25T12:00:00Z")), at("2026-10-25T00:30:00Z"));
}

#[test]
fn days_and_months_start_where_the_clock_first_shows_them() {
    let mut calendar = Calendar::default();
    let india = clock("Asia/Kolkata", 3);
    // Midnight is at 18:30Z; 2028 has a leap day.
    assert_eq!(calendar.day(&india, at("2028-02-28T18:29:59Z")), at("2028-02-27T18:30:00Z"));
    assert_eq!(calendar.day(&india, at("2028-02-28T18:30:00Z")), at("2028-02-28T18:30:00Z"));
    assert_eq!(calendar.month(&india, at("2028-02-29T18:29:59Z")), at("2028-01-31T18:30:00Z"));
    assert_eq!(calendar.month(&india, at("2028-02-29T18:30:00Z")), at("2028-02-29T18:30:00Z"));
    let berlin = clock("Europe/Berlin", 3);
    // A day of 23 hours and one of 25.
    assert_eq!(calendar.day(&berlin, at("2026-03-29T21:59:59Z")), at("2026-03-28T23:00:00Z"));
    assert_eq!(calendar.day(&berlin, at("2026-03-29T22:00:00Z")), at("2026-03-29T22:00:00Z"));
    assert_eq!(calendar.day(&berlin, at("2026-10-25T22:59:59Z")), at("2026-10-24T22:00:00Z"));
    assert_eq!(calendar.month(&berlin, at("2026-10-25T22:59:59Z")), at("2026-09-30T22:00:00Z"));
}

#[test]
fn days_start_right_where_the_clock_changes_at_midnight() {
    let mut calendar = Calendar::default();
    // 00:00–01:00 comes twice, on the first of the month: the earlier one.
    let havana = clock("America/Havana", 3);
    for ts in ["2026-11-01T04:00:00Z", "2026-11-01T05:00:00Z", "2026-11-02T04:59:59Z"] {
        assert_eq!(calendar.day(&havana, at(ts)), at("2026-11-01T04:00:00Z"));
        assert_eq!(calendar.month(&havana, at(ts)), at("2026-11-01T04:00:00Z"));
    }
    assert_eq!(calendar.day(&havana, at("2026-11-01T03:59:59Z")), at("2026-10-31T04:00:00Z"));
    // 00:00–01:00 is skipped: the day starts at 01:00.
    let santiago = clock("America/Santiago", 3);
    assert_eq!(calendar.day(&santiago, at("2026-09-06T12:00:00Z")), at("2026-09-06T04:00:00Z"));
    assert_eq!(calendar.day(&santiago, at("2026-09-06T03:59:59Z")), at("2026-09-05T04:00:00Z"));
    // One minute past midnight back to 23:01: the date before comes again, and so does this one.
    let st_johns = clock("America/St_Johns", 3);
    assert_eq!(calendar.day(&st_johns, at("2010-11-07T02:30:00Z")), at("2010-11-07T02:30:00Z"));
    assert_eq!(calendar.day(&st_johns, at("2010-11-07T02:31:00Z")), at("2010-11-06T02:30:00Z"));
    assert_eq!(calendar.day(&st_johns, at("2010-11-07T03:30:00Z")), at("2010-11-07T02:30:00Z"));
    // These two minutes are of one hour and of two days.
    for ts in ["2010-11-07T02:30:00Z", "2010-11-07T02:31:00Z"] {
        assert_eq!(calendar.hour(&st_johns, at(ts)), at("2010-11-07T02:30:00Z"));
    }
    // 2011-12-30 was left out.
    let apia = clock("Pacific/Apia", 3);
    assert_eq!(calendar.day(&apia, at("2011-12-30T10:00:00Z")), at("2011-12-30T10:00:00Z"));
    assert_eq!(calendar.day(&apia, at("2011-12-30T09:59:59Z")), at("2011-12-29T10:00:00Z"));
}

#[test]
fn a_time_of_a_day_is_an_instant_by_the_clock_of_a_zone() {
    let mut calendar = Calendar::default();
    let mut shown = |zone: &str, day: &str, minutes: i64| {
        calendar.instant(zone.into(), Day::parse(day).unwrap(), Micros::from_secs(60 * minutes)).unwrap()
    };
    assert_eq!(shown("Asia/Kolkata", "2026-03-01", 0), at("2026-02-28T18:30:00Z"));
    // 30 h after midnight: six in the morning of the next day, the first of March of a year that has no 29th.
    assert_eq!(shown("UTC", "2026-02-28", 30 * 60), at("2026-03-01T06:00:00Z"));
    // 02:30 is skipped (half an hour later than it would have been), and shown twice (the earlier).
    assert_eq!(shown("Europe/Berlin", "2026-03-29", 150), at("2026-03-29T01:30:00Z"));
    assert_eq!(shown("Europe/Berlin", "2026-10-25", 150), at("2026-10-25T00:30:00Z"));
    // A night that has an hour more: 22:00 to 06:00 of the next day are nine hours.
    assert_eq!(shown("Europe/Berlin", "2026-10-24", 22 * 60), at("2026-10-24T20:00:00Z"));
    assert_eq!(shown("Europe/Berlin", "2026-10-24", 30 * 60), at("2026-10-25T05:00:00Z"));
}

#[test]
fn instants_beyond_the_calendar_do_not_panic() {
    let mut calendar = Calendar::default();
    for ts in [EventTime(i64::MIN / 2), EventTime(i64::MAX / 2)] {
        calendar.hour(&clock("Europe/Berlin", 3), ts);
        calendar.reset_day(&clock("Europe/Berlin", 3), ts);
        calendar.day(&clock("Europe/Berlin", 3), ts);
        calendar.month(&clock("Europe/Berlin", 3), ts);
        assert_eq!(calendar.date("Europe/Berlin".into(), ts), None);
        assert_eq!(calendar.instant("Europe/Berlin".into(), Day::utc(ts), Micros::ZERO), None);
    }
}
