//! Days and months of occupancy and dwell, by hand. The clock is UTC; the scene lies around the first midnight of 1970.

use super::scenarios::{clock, coverage, end, line, once, point, s, zone};
use gemba_schemas::fact::{CoverageEnd, Fact, TrackEndReason};
use gemba_schemas::time::Micros;
use gemba_schemas::view::ViewRow;

const MIDNIGHT: f64 = 86_400.0;

/// Somebody walks in over the line: at 1.5 s beyond it.
fn walk_in(track: u32, from: f64) -> Vec<Fact> {
    (0..6).map(|i| point(track, from + f64::from(i) * 0.5, 360 + 50 * i, 250)).collect()
}

#[test]
fn days_and_months_add_up_the_minutes_of_their_dates() {
    let mut facts = walk_in(1, MIDNIGHT - 120.0);
    facts.extend(walk_in(2, MIDNIGHT - 90.0));
    facts.push(coverage(MIDNIGHT - 120.0, MIDNIGHT - 60.0, CoverageEnd::Continues));
    facts.push(coverage(MIDNIGHT + 60.0, MIDNIGHT + 90.0, CoverageEnd::Continues));
    let rows = once(facts, vec![line(), clock()], s(MIDNIGHT + 90.0));
    let days: Vec<_> = rows
        .iter()
        .filter_map(|r| {
            let ViewRow::OccupancyDay(d) = r else { return None };
            Some((d.day, d.entries, d.observed_us.as_secs_f64(), d.occupied_us.as_secs_f64(), d.min, d.max))
        })
        .collect();
    // First day: of its observed minute one was inside for 58.5 s, another for 28.5 s: 87 person-seconds.
    // Second day: the reset comes at three, so both are inside for all of the 30 s: 60.
    assert_eq!(days, [(s(0.0), 2, 60.0, 87.0, 0, 2), (s(MIDNIGHT), 0, 30.0, 60.0, 2, 2)]);
    let months: Vec<_> = rows
        .iter()
        .filter_map(|r| {
            let ViewRow::OccupancyMonth(m) = r else { return None };
            Some((m.month, m.entries, m.observed_us.as_secs_f64(), m.occupied_us.as_secs_f64(), m.min, m.max))
        })
        .collect();
    assert_eq!(months, [(s(0.0), 2, 90.0, 147.0, 0, 2)]);
}

/// A stay in the zone of so many seconds; with `end` the track then leaves the picture.
fn stay(track: u32, from: f64, seconds: i32, ends: bool) -> Vec<Fact> {
    let mut facts: Vec<_> = (0..=seconds).map(|i| point(track, from + f64::from(i), 500, 500)).collect();
    facts.extend(ends.then(|| end(track, from + f64::from(seconds), TrackEndReason::LeftFrame)));
    facts
}

fn dwell(facts: Vec<Fact>) -> Vec<(f64, u32, u32, i64, Option<i64>, Option<i64>, u32, u32)> {
    once(facts, vec![zone(2), clock()], s(MIDNIGHT + 90.0))
        .iter()
        .filter_map(|r| {
            let ViewRow::DwellDay(d) = r else { return None };
            let seconds = |m: Micros| m.0 / 1_000_000;
            Some((
                d.day.0 as f64 / 1e6,
                d.visits,
                d.all_visits,
                seconds(d.dwell_us),
                d.median_us.map(seconds),
                d.longest_us.map(seconds),
                d.active_now,
                d.tracks,
            ))
        })
        .collect()
}

#[test]
fn dwell_of_a_day_is_that_of_the_visits_that_counted() {
    // Two seconds make a visit count: of 1, 2, 4 and 9 s three count, together 15 s, the median is 4 s.
    let mut facts = [stay(1, 10.0, 1, true), stay(2, 10.0, 2, true), stay(3, 10.0, 4, true)].concat();
    // The longest began before midnight and is still under way: it belongs to the first day.
    facts.extend(stay(4, MIDNIGHT - 4.0, 9, false));
    assert_eq!(dwell(facts.clone()), [(0.0, 3, 4, 15, Some(4), Some(9), 1, 3)]);
    // The third track again: of 2, 3, 4 and 9 s the lower median is 3 s; still three tracks.
    facts.extend(stay(3, 20.0, 3, true));
    assert_eq!(dwell(facts), [(0.0, 4, 5, 18, Some(3), Some(9), 1, 3)]);
    // None counts: there is a row all the same.
    assert_eq!(dwell(stay(1, MIDNIGHT, 1, true)), [(MIDNIGHT, 0, 1, 0, None, None, 0, 0)]);
}
