//! Stations that a camera watches, by hand. The clock is UTC; times are seconds.

use super::scenarios::{clock, coverage, point, read, run, s, zone};
use gemba_schemas::fact::{Activity, ActivityState, CoverageEnd, Fact, MotionSpan, Production};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{
    BadgeRule, DurationModel, ProductivityRule, Rule, STATION_KIND, StationRule, StationZoneRule, WorkerRule, digest,
};
use gemba_schemas::score::Score;
use gemba_schemas::time::Micros;
use gemba_schemas::view::ViewRow;

/// The zone `chair` of the scenarios, as the station S1 of the worker W1.
fn station(badges: bool) -> Vec<Rule> {
    let Rule::Zone(mut zone) = zone(0) else { panic!("a zone") };
    zone.kind = STATION_KIND.into();
    let rule = StationZoneRule {
        camera: zone.camera,
        zone: zone.zone,
        zone_rules: digest([&Rule::Zone(zone.clone())]),
        bridge: zone.bridge,
        station: "S1".into(),
        worker: Some("W1".into()),
        area: "frame".into(),
        working_energy: 500,
        idle_after: Micros::from_secs(5),
        badges,
    };
    let mut rules = vec![Rule::Zone(zone), Rule::StationZone(rule), clock()];
    rules.extend(["S1", "S2"].map(|station| Rule::Station(StationRule { station: station.into() })));
    rules.extend(["W1", "W2"].map(|worker| Rule::Worker(WorkerRule { worker: worker.into() })));
    rules.push(Rule::Badge(BadgeRule { badge: "B2".into(), worker: "W2".into() }));
    rules
}

fn counting(duration: DurationModel) -> Rule {
    Rule::Productivity(ProductivityRule {
        duration,
        event_duration: Micros::from_secs(300),
        max_gap: Micros::from_secs(900),
        require_registered: true,
    })
}

/// Somebody in the zone, seen every second.
fn stay(track: u32, from: i32, to: i32) -> Vec<Fact> {
    (from..=to).map(|t| point(track, f64::from(t), 500, 500)).collect()
}

/// Samples of motion in the whole picture, each at a second with an energy.
fn motion(samples: &[(f64, u16)]) -> Fact {
    let (started, ended) = (s(samples[0].0), s(samples[samples.len() - 1].0));
    MotionSpan {
        id: FactId::of("motion_span", "cam".into(), Generation(0), &[&started.0.to_le_bytes()]),
        camera: "cam".into(),
        generation: Generation(0),
        area: "frame".into(),
        started,
        ended,
        first_frame: 0,
        last_frame: 9,
        offsets_ms: samples.iter().map(|(t, _)| ((s(*t) - started).0 / 1000) as u32).collect(),
        energies: samples.iter().map(|(_, energy)| *energy).collect(),
    }
    .into()
}

fn event(ts: f64, worker: &str, station: &str, state: Option<ActivityState>) -> Fact {
    let id = FactId::of("event", worker.into(), Generation(0), &[&s(ts).0.to_le_bytes(), station.as_bytes()]);
    let (ts, received_at, confidence, request) = (s(ts), s(ts), Score::ONE, String::new());
    let (worker, station, model, model_version) =
        (Name::new(worker), Name::new(station), Name::default(), Name::default());
    match state {
        Some(state) => {
            Activity { id, received_at, ts, worker, station, state, confidence, model, model_version, request }.into()
        }
        None => {
            let count = 7;
            Production { id, received_at, ts, worker, station, count, confidence, model, model_version, request }.into()
        }
    }
}

/// Name, start of the hour, seconds active, idle and absent, units, events; workers, then stations.
type Hours = Vec<(&'static str, i64, [f64; 3], u64, u64)>;

fn hours(facts: Vec<Fact>, rules: Vec<Rule>) -> Hours {
    let rules = rules.into_iter().map(|r| (r, 1)).collect();
    let rows = run(vec![(facts.into_iter().map(|f| (f, 1)).collect(), rules, vec![])]);
    let mut hours: Hours = Vec::new();
    for row in &rows {
        let seconds = |time: [Micros; 3]| time.map(Micros::as_secs_f64);
        match row {
            ViewRow::WorkerHour(h) => {
                let time = seconds([h.active_us, h.idle_us, h.absent_us]);
                hours.push((h.worker.as_str(), h.hour.seconds(), time, h.units, h.events));
            }
            ViewRow::StationHour(h) => {
                let time = seconds([h.working_us, h.idle_us, h.absent_us]);
                hours.push((h.station.as_str(), h.hour.seconds(), time, h.units, h.events));
            }
            _ => {}
        }
    }
    hours.sort_by(|a, b| (b.0, a.1).partial_cmp(&(a.0, b.1)).unwrap());
    hours
}

#[test]
fn who_is_there_and_moves_is_working() {
    // The camera saw 0–60 s. Somebody is there from 10 to 40 s: 30 s. Motion at 12, 15 and 19 s is one spell of 7 s, for
    // its gaps are 3 and 4 s; 25 s is 6 s later: a spell of its own, without length. At 30 s the energy is below 0.05.
    // Motion at 45 and 46 s is nobody's. Working 7, idle 23, absent 30.
    let mut facts = stay(1, 10, 40);
    facts.push(motion(&[(12.0, 500), (15.0, 900), (19.0, 600), (25.0, 700), (30.0, 499)]));
    facts.push(motion(&[(45.0, 900), (46.0, 900)]));
    facts.push(coverage(0.0, 60.0, CoverageEnd::EndOfFootage));
    let rules = [station(false), vec![counting(DurationModel::Fixed)]].concat();
    let time = [7.0, 23.0, 30.0];
    assert_eq!(hours(facts.clone(), rules.clone()), [("W1", 0, time, 0, 0), ("S1", 0, time, 0, 0)]);
    // Without the coverage nothing was seen, and with half of it (0–20 s) only that: 7, 3 and 10 s.
    let unseen = facts[..facts.len() - 1].to_vec();
    assert_eq!(hours(unseen.clone(), rules.clone()), []);
    let half = [unseen, vec![coverage(0.0, 20.0, CoverageEnd::Continues)]].concat();
    assert_eq!(hours(half, rules)[0], ("W1", 0, [7.0, 3.0, 10.0], 0, 0));
}

#[test]
fn a_presence_bridges_gaps_between_tracks_and_hours() {
    // One track until 3599 s, another from 3601 s on: 2 s, the zone's bridge. Seen 3590–3610 s; motion at 3598 and 3602 s.
    let mut facts = [stay(1, 3590, 3599), stay(2, 3601, 3610)].concat();
    facts.push(motion(&[(3598.0, 900), (3602.0, 900)]));
    facts.push(coverage(3590.0, 3610.0, CoverageEnd::EndOfFootage));
    let rules = [station(false), vec![counting(DurationModel::Fixed)]].concat();
    let time = [2.0, 8.0, 0.0];
    assert_eq!(hours(facts, rules.clone())[..2], [("W1", 0, time, 0, 0), ("W1", 3600, time, 0, 0)]);
    // With 3 s between them it ends: of 3600 s the first 2 are absent, and so is the second before.
    let mut facts = [stay(1, 3590, 3599), stay(2, 3602, 3610)].concat();
    facts.push(coverage(3590.0, 3610.0, CoverageEnd::EndOfFootage));
    let expected = [("W1", 0, [0.0, 9.0, 1.0], 0, 0), ("W1", 3600, [0.0, 8.0, 2.0], 0, 0)];
    assert_eq!(hours(facts, rules)[..2], expected);
}

#[test]
fn a_badge_makes_the_rest_of_the_stay_its_workers() {
    // There from 0 to 2000 s and from 2010 to 2020 s; the badge of W2 is read at 100 s, and never again. So W1 is there
    // for 100 s and for the 10 s, and absent in between; W2 for 1900 s, over two quarters of an hour.
    let mut facts = [stay(1, 0, 2000), stay(2, 2010, 2020)].concat();
    facts.push(read("B2", 100.0, 103.0, 4));
    facts.push(read("other", 500.0, 500.0, 1));
    facts.push(coverage(0.0, 2020.0, CoverageEnd::EndOfFootage));
    let rules = [station(true), vec![counting(DurationModel::Fixed)]].concat();
    assert_eq!(
        hours(facts.clone(), rules),
        [
            ("W2", 0, [0.0, 1900.0, 0.0], 0, 0),
            ("W1", 0, [0.0, 110.0, 10.0], 0, 0),
            ("S1", 0, [0.0, 2010.0, 10.0], 0, 0)
        ]
    );
    // Where no badges are read it is W1 all the time.
    let rules = [station(false), vec![counting(DurationModel::Fixed)]].concat();
    assert_eq!(hours(facts, rules)[0], ("W1", 0, [0.0, 2010.0, 10.0], 0, 0));
}

#[test]
fn a_badge_that_is_seen_before_anybody_is_there_is_read_when_they_come() {
    // The badge lies there from 5 to 12 s. Somebody comes at 10 s: W2. Who comes at 20 s has no badge: W1.
    let mut facts = [stay(1, 10, 15), stay(2, 20, 24)].concat();
    facts.push(read("B2", 5.0, 12.0, 8));
    facts.push(coverage(0.0, 30.0, CoverageEnd::EndOfFootage));
    let rules = [station(true), vec![counting(DurationModel::Fixed)]].concat();
    let found = hours(facts, rules);
    assert_eq!(found[..2], [("W2", 0, [0.0, 5.0, 0.0], 0, 0), ("W1", 0, [0.0, 4.0, 21.0], 0, 0)]);
}

#[test]
fn where_a_camera_watches_events_stand_for_no_time_but_units_count() {
    use ActivityState::Working;
    let facts = || {
        let mut facts = stay(1, 0, 10);
        facts.push(coverage(0.0, 20.0, CoverageEnd::EndOfFootage));
        facts.push(event(0.0, "W2", "S2", Some(Working)));
        facts.push(event(100.0, "W2", "S1", Some(Working)));
        facts.push(event(200.0, "W2", "S2", Some(Working)));
        facts.push(event(300.0, "W2", "S1", None));
        facts
    };
    // Fixed: two events at S2 of 300 s each. The camera saw S1 idle for 10 s and W1 absent for 10.
    let rules = |duration| [station(false), vec![counting(duration)]].concat();
    assert_eq!(
        hours(facts(), rules(DurationModel::Fixed)),
        [
            ("W2", 0, [600.0, 0.0, 0.0], 7, 4),
            ("W1", 0, [0.0, 10.0, 10.0], 0, 0),
            ("S2", 0, [600.0, 0.0, 0.0], 0, 2),
            ("S1", 0, [0.0, 10.0, 10.0], 7, 2)
        ]
    );
    // Until the next: the first event ends at the second, which stands for nothing; the third lasts max_gap, 900 s.
    assert_eq!(hours(facts(), rules(DurationModel::UntilNext))[0], ("W2", 0, [1000.0, 0.0, 0.0], 7, 4));
}

#[test]
fn an_edit_of_a_station_changes_its_own_hours_and_the_floors_alone() {
    use ActivityState::Idle;
    let facts =
        [stay(1, 0, 10), vec![coverage(0.0, 20.0, CoverageEnd::EndOfFootage), event(0.0, "W2", "S2", Some(Idle))]];
    let rows = |energy: u16| {
        let mut rules = [station(false), vec![counting(DurationModel::UntilNext)]].concat();
        for rule in &mut rules {
            if let Rule::StationZone(zone) = rule {
                zone.working_energy = energy;
            }
        }
        let rules = rules.into_iter().map(|r| (r, 1)).collect();
        run(vec![(facts.concat().into_iter().map(|f| (f, 1)).collect(), rules, vec![])])
    };
    let (before, after) = (rows(500), rows(600));
    let changed: Vec<_> = before
        .iter()
        .filter(|row| !after.contains(row))
        .map(|row| match row {
            ViewRow::WorkerHour(h) => h.worker.as_str(),
            ViewRow::StationHour(h) => h.station.as_str(),
            ViewRow::FloorHour(_) => "floor",
            _ => "another",
        })
        .collect();
    assert_eq!(changed, ["W1", "S1", "floor"]);
}
