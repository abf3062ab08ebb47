//! Scenarios by hand: one view each, in as few facts as tell the story.

use differential_dataflow::input::Input;
use gemba_correlate::correlate;
use gemba_schemas::fact::{
    Attempt, Clock, CodeRead, Coverage, CoverageEnd, Decoder, Fact, TrackEnd, TrackEndReason, TrackPoint,
};
use gemba_schemas::geometry::{Point, Quad};
use gemba_schemas::id::{FactId, Generation};
use gemba_schemas::rule::{ClockRule, LineRule, PackingRule, Rule, ZoneRule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{OccupancyMinute, ScopeKind, SessionVerdict, ViewRow, VisitEnd};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;

const CAMERA: &str = "cam";
const GENERATION: Generation = Generation(0);

pub fn s(seconds: f64) -> EventTime {
    EventTime((seconds * 1e6).round() as i64)
}

/// The rows after all ticks of (facts, rules, now), each with its change.
pub fn run(ticks: Vec<(Vec<(Fact, isize)>, Vec<(Rule, isize)>, Vec<(EventTime, isize)>)>) -> Vec<ViewRow> {
    let (send, receive) = channel();
    timely::execute_directly(move |worker| {
        let (mut facts, mut rules, mut now) = worker.dataflow(|scope| {
            let (facts_in, facts) = scope.new_collection();
            let (rules_in, rules) = scope.new_collection();
            let (now_in, now) = scope.new_collection();
            correlate(facts, rules, now).rows.inspect(move |update| send.send(update.clone()).unwrap());
            (facts_in, rules_in, now_in)
        });
        for (tick, (f, r, n)) in ticks.into_iter().enumerate() {
            f.into_iter().for_each(|(fact, diff)| facts.update(fact, diff));
            r.into_iter().for_each(|(rule, diff)| rules.update(rule, diff));
            n.into_iter().for_each(|(ts, diff)| now.update(ts, diff));
            facts.advance_to(tick as u64 + 1);
            rules.advance_to(tick as u64 + 1);
            now.advance_to(tick as u64 + 1);
            worker.step();
        }
    });
    let mut rows: BTreeMap<ViewRow, isize> = BTreeMap::new();
    for (row, _, diff) in receive {
        *rows.entry(row).or_insert(0) += diff;
    }
    rows.retain(|_, n| *n != 0);
    assert!(rows.values().all(|n| *n == 1), "a row that is there twice: {rows:?}");
    rows.into_keys().collect()
}

pub fn once(facts: Vec<Fact>, rules: Vec<Rule>, now: EventTime) -> Vec<ViewRow> {
    let count = |(i, row)| (row, if i % 3 == 0 { 2 } else { 1 });
    run(vec![(
        facts.into_iter().enumerate().map(count).collect(),
        rules.into_iter().map(|r| (r, 1)).collect(),
        vec![(now, 1)],
    )])
}

pub fn clock() -> Rule {
    Rule::Clock(ClockRule { time_zone: "UTC".into(), day_reset: Micros(3 * Micros::HOUR.0) })
}

pub fn coverage(from: f64, to: f64, end_reason: CoverageEnd) -> Fact {
    let id = FactId::of("coverage", CAMERA.into(), GENERATION, &[&from.to_le_bytes()]);
    Coverage {
        id,
        camera: CAMERA.into(),
        generation: GENERATION,
        segment: u32::from(from > 0.0),
        started: s(from),
        ended: s(to),
        first_frame: 0,
        last_frame: 0,
        width: 1000,
        height: 1000,
        frames_seen: 10,
        frames_decoded: 5,
        frames_skipped: 5,
        frames_corrupt: 0,
        file: "a.mp4".into(),
        clock: Clock::Start,
        end_reason,
        footage: "".into(),
        vision: "".into(),
    }
    .into()
}

pub fn read(text: &str, from: f64, to: f64, sightings: u32) -> Fact {
    CodeRead {
        id: FactId::of("code_read", CAMERA.into(), GENERATION, &[text.as_bytes(), &from.to_le_bytes()]),
        camera: CAMERA.into(),
        generation: GENERATION,
        area: "frame".into(),
        text: text.into(),
        payload: text.as_bytes().into(),
        first_seen: s(from),
        last_seen: s(to),
        sightings,
        first_frame: (from * 10.0) as u64,
        last_frame: (to * 10.0) as u64,
        corners: Quad::default(),
        area_px: 1,
        decoder: Decoder::Zxing,
        attempt: Attempt::Plain,
    }
    .into()
}

/// A point whose foot lies at (x, y) thousandths of the picture.
pub fn point(track: u32, ts: f64, x: i32, y: i32) -> Fact {
    TrackPoint {
        id: FactId::of("track_point", CAMERA.into(), GENERATION, &[&track.to_le_bytes(), &ts.to_le_bytes()]),
        camera: CAMERA.into(),
        generation: GENERATION,
        track,
        ts: s(ts),
        frame: (ts * 10.0) as u64,
        class: "person".into(),
        score: Score::ONE,
        x0: (x - 10) * 16,
        y0: (y - 100) * 16,
        x1: (x + 10) * 16,
        y1: y * 16,
        width: 1000,
        height: 1000,
        model: "m".into(),
    }
    .into()
}

pub fn end(track: u32, ts: f64, reason: TrackEndReason) -> Fact {
    TrackEnd {
        id: FactId::of("track_end", CAMERA.into(), GENERATION, &[&track.to_le_bytes()]),
        camera: CAMERA.into(),
        generation: GENERATION,
        track,
        class: "person".into(),
        first_seen: s(0.0),
        last_seen: s(ts),
        last_frame: 0,
        detections: 9,
        reason,
        model: "m".into(),
    }
    .into()
}

pub fn profile() -> Rule {
    Rule::Packing(PackingRule {
        camera: CAMERA.into(),
        profile: "bench".into(),
        trigger: Some("Go".into()),
        trigger_area: None,
        code_area: None,
        code_pattern: None,
        lookback: Micros::from_secs(10),
        on_sightings: 2,
        off_after: Micros::from_secs(1),
        min_duration: Micros::from_secs(10),
        max_duration: Micros::from_secs(120),
        motion_area: None,
        motion_threshold: 200,
        stable_duration: Micros::from_secs(1),
    })
}

pub fn zone(min_dwell: i64) -> Rule {
    let corners = [(400, 400), (600, 400), (600, 600), (400, 600)];
    Rule::Zone(ZoneRule {
        camera: CAMERA.into(),
        zone: "chair".into(),
        kind: "chair".into(),
        polygon: corners.iter().map(|(x, y)| Point { x: x * 1000, y: y * 1000 }).collect(),
        min_dwell: Micros::from_secs(min_dwell),
        bridge: Micros::from_secs(2),
        classes: vec![],
    })
}

/// From the top of the picture to its middle, inside to the left (x above one half).
pub fn line() -> Rule {
    Rule::Line(LineRule {
        camera: CAMERA.into(),
        line: "door".into(),
        from: Point { x: 500_000, y: 0 },
        to: Point { x: 500_000, y: 500_000 },
        left: "in".into(),
        right: "out".into(),
        inside: "in".into(),
        band: 10_000,
        settle: Micros::from_millis(300),
        classes: vec![],
    })
}

#[test]
fn a_covering_of_the_trigger_is_a_session_with_its_codes() {
    let facts = vec![
        coverage(0.0, 60.0, CoverageEnd::EndOfFootage),
        read("Go", 1.0, 5.0, 20),
        // 0.8 s unseen is an accident.
        read("Go", 5.8, 10.0, 20),
        read("A", 8.0, 9.0, 3),
        // A single sighting does not end the session.
        read("Go", 15.0, 15.0, 1),
        read("B", 12.0, 13.0, 3),
        read("A", 14.0, 15.0, 3),
        read("Go", 30.0, 40.0, 50),
        read("C", 45.0, 46.0, 3),
    ];
    let rows = once(facts, vec![profile(), clock()], s(60.0));
    let sessions: Vec<_> =
        rows.iter().filter_map(|r| if let ViewRow::PackingSession(p) = r { Some(p) } else { None }).collect();
    let shape: Vec<_> = sessions.iter().map(|p| (p.started, p.ended, p.verdict, p.codes.join(","))).collect();
    assert_eq!(
        shape,
        [
            (s(10.0), Some(s(30.0)), SessionVerdict::Ok, "A,B".to_string()),
            (s(40.0), Some(s(60.0)), SessionVerdict::Cut, "C".to_string()),
        ]
    );
    assert_eq!((sessions[0].first_frame, sessions[0].last_frame), (100, Some(300)));
    assert_eq!(sessions[0].first_code_at, Some(s(8.0)));
}

#[test]
fn a_session_under_way_follows_now() {
    let facts = vec![(read("Go", 1.0, 5.0, 20), 1), (read("A", 7.0, 7.5, 3), 1)];
    let open = |now: f64| {
        let rows = run(vec![
            (facts.clone(), vec![(profile(), 1), (clock(), 1)], vec![(s(5.5), 1)]),
            (vec![], vec![], vec![(s(5.5), -1), (s(now), 1)]),
        ]);
        rows.iter()
            .filter_map(
                |r| if let ViewRow::PackingSession(p) = r { Some((p.duration_us, p.codes.len())) } else { None },
            )
            .collect::<Vec<_>>()
    };
    assert_eq!(open(6.0), []);
    assert_eq!(open(6.5), [(Micros::from_millis(1500), 0)]);
    assert_eq!(open(20.0), [(Micros::from_secs(15), 1)]);
}

#[test]
fn gaps_are_bridged_and_dwell_decides_what_counts() {
    let mut facts: Vec<_> =
        (0..200).map(|i| point(1, f64::from(i), if (100..102).contains(&i) { 0 } else { 500 }, 500)).collect();
    facts.extend((0..30).map(|i| point(2, f64::from(i), 500, 500)));
    facts.extend((30..33).map(|i| point(2, f64::from(i), 0, 500)));
    facts.push(end(2, 32.0, TrackEndReason::Lost));
    let rows = once(facts.clone(), vec![zone(120), clock()], s(300.0));
    let visits: Vec<_> = rows
        .iter()
        .filter_map(|r| {
            if let ViewRow::ZoneVisit(v) = r { Some((v.track, v.dwell_us.0, v.counted, v.end_reason)) } else { None }
        })
        .collect();
    // The gap of three seconds between 99 and 102 splits the first track's stay.
    assert_eq!(
        visits,
        [
            (1, 99_000_000, false, VisitEnd::Left),
            (1, 97_000_000, false, VisitEnd::Open),
            (2, 29_000_000, false, VisitEnd::Left)
        ]
    );
    // Retracting the two points outside does not close the gap; reporting them inside does.
    let shift = |i: f64| vec![(point(1, i, 0, 500), -2), (point(1, i, 500, 500), 1)];
    let rows = run(vec![
        (facts.into_iter().map(|f| (f, 1)).collect(), vec![(zone(120), 1), (clock(), 1)], vec![]),
        ([shift(100.0), shift(101.0)].concat(), vec![], vec![]),
    ]);
    assert!(
        rows.iter()
            .any(|r| matches!(r, ViewRow::ZoneVisit(v) if v.track == 1 && v.dwell_us.0 == 199_000_000 && v.counted))
    );
}

#[test]
fn a_crossing_needs_both_sides_settled_and_the_segment_itself() {
    let walk = |track: u32, from: f64, xs: &[i32], y: i32| -> Vec<Fact> {
        xs.iter().enumerate().map(|(i, x)| point(track, from + i as f64 * 0.2, *x, y)).collect()
    };
    let mut facts = walk(1, 0.0, &[400, 420, 440, 505, 495, 560, 580, 600], 250);
    // Jitter over the line, one point at a time.
    facts.extend(walk(2, 0.0, &[400, 420, 440, 520, 470, 520, 470, 460, 450], 250));
    // Round the end of the line.
    facts.extend(walk(3, 0.0, &[400, 420, 440, 560, 580, 600], 800));
    // Lost just behind the line: two points are enough once it is known.
    facts.extend(walk(4, 0.0, &[600, 580, 560, 440, 430], 250));
    // One point before the line, 0.4 s before the next; and one behind it, known once the track has ended.
    for (track, xs) in [(5, [440, 560, 580, 600]), (6, [400, 420, 440, 560])] {
        facts.extend(xs.iter().enumerate().map(|(i, x)| point(track, i as f64 * 0.4, *x, 250)));
    }
    let crossings = |rows: Vec<ViewRow>| -> Vec<_> {
        rows.iter()
            .filter_map(|r| if let ViewRow::LineCrossing(c) = r { Some((c.track, c.ts, c.entry)) } else { None })
            .collect()
    };
    let sure = [(1, s(1.0), true), (5, s(0.4), true)];
    assert_eq!(crossings(once(facts.clone(), vec![line(), clock()], s(9.0))), sure);
    facts.push(end(4, 1.0, TrackEndReason::LeftFrame));
    facts.push(end(6, 1.2, TrackEndReason::LeftFrame));
    assert_eq!(
        crossings(once(facts, vec![line(), clock()], s(9.0))),
        [sure[0], (4, s(0.6), false), sure[1], (6, s(1.2), true)]
    );
}

#[test]
fn occupancy_is_reset_and_says_what_was_taken_away() {
    let three = 3.0 * 3600.0;
    let walk = |track: u32, from: f64| -> Vec<Fact> {
        (0..6).map(|i| point(track, from + f64::from(i) * 0.5, 350 + 50 * i + 10, 250)).collect()
    };
    let mut facts = walk(1, three - 120.0);
    facts.extend(walk(2, three - 90.0));
    facts.push(coverage(three - 120.0, three - 60.0, CoverageEnd::Continues));
    facts.push(coverage(three + 60.0, three + 90.0, CoverageEnd::Continues));
    let rows = once(facts, vec![line(), clock()], s(three + 90.0));
    let minutes: Vec<&OccupancyMinute> =
        rows.iter().filter_map(|r| if let ViewRow::OccupancyMinute(m) = r { Some(&**m) } else { None }).collect();
    assert_eq!(minutes.len(), 2);
    assert_eq!(minutes[0].scope_kind, ScopeKind::Line);
    assert_eq!((minutes[0].entries, minutes[0].max, minutes[0].min, minutes[0].last), (2, 2, 0, 2));
    // From the first point beyond the line: 58.5 s and 28.5 s before the minute's end.
    assert_eq!(minutes[0].occupied_us, Micros::from_millis(58_500 + 28_500));
    assert_eq!((minutes[1].residual, minutes[1].last, minutes[1].observed_us), (2, 0, Micros::from_secs(30)));
}
