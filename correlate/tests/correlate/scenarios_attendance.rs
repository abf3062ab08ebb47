//! Attendance by hand. The clock is UTC; 2026-03-02 is a Monday.

use super::scenarios::{clock, once, run};
use gemba_schemas::calendar::Day;
use gemba_schemas::fact::{AttendanceMark, Fact, MarkKind};
use gemba_schemas::id::{FactId, Generation};
use gemba_schemas::rule::{HolidayRule, Rule, ShiftRule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{AttendanceDay, AttendanceStatus as Status, ViewRow};

fn at(text: &str) -> EventTime {
    EventTime::parse(&format!("2026-{text}:00Z")).expect("an instant")
}

fn mark(kind: MarkKind, text: &str) -> Fact {
    let ts = at(text);
    AttendanceMark {
        id: FactId::of(
            "attendance_mark",
            "ann".into(),
            Generation(0),
            &[&ts.0.to_le_bytes(), kind.as_str().as_bytes()],
        ),
        received_at: ts,
        ts,
        employee: "ann".into(),
        kind,
        camera: "door".into(),
        confidence: Score::ONE,
        request: String::new(),
    }
    .into()
}

fn came(text: &str) -> Fact {
    mark(MarkKind::In, text)
}

fn went(text: &str) -> Fact {
    mark(MarkKind::Out, text)
}

/// Ann's shift from one hour to another, on these weekdays.
fn shift(hours: [i64; 2], weekdays: &[u8]) -> Vec<Rule> {
    let rule = |weekday: &u8| {
        Rule::Shift(ShiftRule {
            employee: "ann".into(),
            shift: "shift".into(),
            weekday: *weekday,
            start: Micros(hours[0] * Micros::HOUR.0),
            end: Micros(hours[1] * Micros::HOUR.0),
            grace_in: Micros::from_secs(600),
            grace_out: Micros::from_secs(600),
            time_zone: "UTC".into(),
            from: None,
        })
    };
    weekdays.iter().map(rule).chain([clock()]).collect()
}

fn days(rows: Vec<ViewRow>) -> Vec<AttendanceDay> {
    let mut days: Vec<_> =
        rows.into_iter().filter_map(|r| if let ViewRow::AttendanceDay(d) = r { Some(*d) } else { None }).collect();
    days.sort_by_key(|d| d.day);
    days
}

fn minutes(n: i64) -> Micros {
    Micros(n * 60_000_000)
}

#[test]
fn grace_forgives_ten_minutes_and_no_more() {
    let facts = vec![
        // Monday: 10 min late and 10 min early, both within grace; in and out for lunch.
        came("03-02T09:10"),
        went("03-02T12:00"),
        came("03-02T12:30"),
        went("03-02T16:50"),
        // Tuesday: 11 min late.
        came("03-03T09:11"),
        went("03-03T17:00"),
        // Wednesday: 11 min early.
        came("03-04T08:00"),
        went("03-04T16:49"),
    ];
    let days = days(once(facts, shift([9, 17], &[1, 2, 3]), at("03-05T00:00")));
    let shape: Vec<_> =
        days.iter().map(|d| (d.status, d.late_us, d.early_us, d.grace_period_applied, d.present_us)).collect();
    assert_eq!(
        shape,
        [
            (Status::Present, minutes(10), minutes(10), true, minutes(460)),
            (Status::Late, minutes(11), Micros::ZERO, false, minutes(469)),
            (Status::EarlyExit, Micros::ZERO, minutes(11), false, minutes(529)),
        ]
    );
    // Four marks on Monday, of which the first in and the last out count.
    assert_eq!((days[0].repeats_ignored, days[0].flagged_for_review), (2, false));
}

#[test]
fn an_absence_comes_with_now_alone() {
    let facts: Vec<_> = [came("03-02T09:00"), went("03-02T17:00")].map(|f| (f, 1)).into();
    let rules: Vec<_> = shift([9, 17], &[1, 2]).into_iter().map(|r| (r, 1)).collect();
    let tuesday = |now: &str| {
        let moves = vec![(at("03-02T18:00"), -1), (at(now), 1)];
        let rows = run(vec![(facts.clone(), rules.clone(), vec![(at("03-02T18:00"), 1)]), (vec![], vec![], moves)]);
        days(rows).get(1).map(|d| (d.day, d.status))
    };
    assert_eq!(tuesday("03-03T08:59"), None);
    assert_eq!(tuesday("03-03T09:00"), Some((at("03-03T00:00"), Status::Open)));
    assert_eq!(tuesday("03-03T17:00"), Some((at("03-03T00:00"), Status::Absent)));
}

#[test]
fn a_night_shift_is_one_row_of_the_day_on_which_it_starts() {
    // From 22:00 to 06:00 (30 h after midnight); the window of Monday's runs from 16:00 to 16:00.
    let facts = vec![came("03-02T21:55"), went("03-03T06:05"), went("03-03T16:00")];
    let days = days(once(facts, shift([22, 30], &[1, 2]), at("03-03T17:00")));
    assert_eq!(days.len(), 2);
    assert_eq!((days[0].day, days[0].status), (at("03-02T00:00"), Status::Present));
    assert_eq!((days[0].last_out, days[0].present_us), (Some(at("03-03T06:05")), minutes(490)));
    // 16:00 is Tuesday's: an out without an in, before a shift that has not begun.
    assert_eq!((days[1].day, days[1].status), (at("03-03T00:00"), Status::Open));
    assert!(days[1].flagged_for_review);
}

#[test]
fn a_short_rest_is_shared_by_the_shifts_around_it() {
    // Monday 16–24 h, Tuesday 6–14 h: six hours of rest, so Tuesday's window begins at 03:00 and not at midnight.
    let mut rules = shift([16, 24], &[1]);
    rules.extend(shift([6, 14], &[2]));
    let facts = vec![came("03-02T16:00"), went("03-03T00:05"), came("03-03T06:00"), went("03-03T14:00")];
    let days = days(once(facts, rules, at("03-04T00:00")));
    let shape: Vec<_> = days.iter().map(|d| (d.status, d.last_out, d.flagged_for_review)).collect();
    assert_eq!(
        shape,
        [(Status::Present, Some(at("03-03T00:05")), false), (Status::Present, Some(at("03-03T14:00")), false)]
    );
}

#[test]
fn who_forgets_to_go_is_open_until_the_window_is_over_and_then_flagged() {
    let at_now = |now: &str| {
        let days = days(once(vec![came("03-02T09:00")], shift([9, 17], &[1]), at(now)));
        (days.len(), days[0].status, days[0].flagged_for_review)
    };
    // The window ends 18 h after the start: on Tuesday at 03:00.
    assert_eq!(at_now("03-03T02:59"), (1, Status::Open, false));
    assert_eq!(at_now("03-03T03:00"), (1, Status::Present, true));
}

#[test]
fn work_on_a_holiday_is_a_row_that_is_not_judged() {
    let holiday =
        |day: &str| Rule::Holiday(HolidayRule { date: Day::parse(day).expect("a date"), name: "feast".into() });
    let mut rules = shift([9, 17], &[1, 2, 3]);
    rules.extend([holiday("2026-03-02"), holiday("2026-03-03")]);
    // Monday late, Tuesday not there: both are holidays. Wednesday is not. Sunday has no shift.
    let facts = vec![came("03-01T12:00"), went("03-01T13:00"), came("03-02T12:00"), went("03-02T17:00")];
    let days = days(once(facts, rules, at("03-04T20:00")));
    let shape: Vec<_> =
        days.iter().map(|d| (d.day, d.shift.as_str(), d.expected, d.status, d.flagged_for_review)).collect();
    assert_eq!(
        shape,
        [
            (at("03-01T00:00"), "", false, Status::Present, true),
            (at("03-02T00:00"), "shift", false, Status::Present, false),
            (at("03-04T00:00"), "shift", true, Status::Absent, false),
        ]
    );
}
