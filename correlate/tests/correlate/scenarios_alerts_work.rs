//! Alerts of stations, the floor, models and blocked vehicles by hand; and what came late.

use super::scenarios::{clock, run, s};
use gemba_schemas::fact::{Activity, ActivityState, Fact, PlateRead};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{
    AlertKind, AlertRule, DurationModel, GateRule, PlateFormatRule, PlateList, PlateRule, ProductivityRule, Rule,
    Severity,
};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{Alert, ViewRow};

const HOUR: f64 = 3600.0;

/// What a worker did at a station: at so many hours, in which state, how sure, received so many seconds later.
fn event(hour: f64, state: ActivityState, confidence: u16, delay: f64) -> Fact {
    let (ts, worker, station): (_, Name, Name) = (s(hour * HOUR), "W1".into(), "S1".into());
    Activity {
        id: FactId::of("event", worker, Generation(0), &[&ts.0.to_le_bytes()]),
        received_at: s(hour * HOUR + delay),
        ts,
        worker,
        station,
        state,
        confidence: Score(confidence),
        model: "eye".into(),
        model_version: "2".into(),
        request: String::new(),
    }
    .into()
}

/// Each event stands for ten minutes.
fn rules(kind: AlertKind, threshold: u16, clear: u16, min_samples: u32) -> Vec<Rule> {
    let (threshold, clear) = (Score(threshold), Score(clear));
    let counting = ProductivityRule {
        duration: DurationModel::Fixed,
        event_duration: Micros(10 * Micros::MINUTE.0),
        max_gap: Micros::HOUR,
        require_registered: false,
    };
    let severity = Severity::Warning;
    let alert = AlertRule { kind, severity, camera: None, threshold, clear, min_samples };
    vec![clock(), Rule::Productivity(counting), Rule::Alert(alert)]
}

fn alerts(facts: Vec<Fact>, rules: Vec<Rule>) -> Vec<Alert> {
    let rules = rules.into_iter().map(|r| (r, 1)).collect();
    let rows = run(vec![(facts.into_iter().map(|f| (f, 1)).collect(), rules, vec![])]);
    let mut alerts: Vec<_> =
        rows.into_iter().filter_map(|r| if let ViewRow::Alert(a) = r { Some(*a) } else { None }).collect();
    alerts.sort_by_key(|a| a.opened);
    alerts
}

/// Hour of opening, hour of resolution, worst value, whether it came late.
fn shape(alerts: &[Alert]) -> Vec<(i64, Option<i64>, u16, bool)> {
    let hour = |ts: EventTime| ts.seconds() / 3600;
    alerts.iter().map(|a| (hour(a.opened), a.resolved.map(hour), a.worst.0, a.late)).collect()
}

/// An hour with so many events of work and of idleness, ten minutes each.
fn hour(hour: i32, work: u32, idle: u32) -> Vec<Fact> {
    let state = |n: u32| if n < work { ActivityState::Working } else { ActivityState::Idle };
    (0..work + idle).map(|n| event(f64::from(hour) + f64::from(n) / 60.0, state(n), 9_000, 1.0)).collect()
}

#[test]
fn a_station_with_little_work_is_an_alert_until_there_is_enough() {
    // Below 0.50 opens, 0.60 resolves, hours with less than 1800 s of presence are passed over. 3/6 is not below. 1/4 opens
    // at hour 1; 0/2 is 1200 s; 2/4 keeps it open; 3/5 resolves at hour 4.
    let facts = [hour(0, 3, 3), hour(1, 1, 3), hour(2, 0, 2), hour(3, 2, 2), hour(4, 3, 2)].concat();
    for kind in [AlertKind::StationUtilisation, AlertKind::FloorUtilisation] {
        let found = alerts(facts.clone(), rules(kind, 5_000, 6_000, 1_800));
        assert_eq!(shape(&found), [(1, Some(4), 2_500, false)]);
        // One hour was beyond the threshold: 2400 s.
        assert_eq!((found[0].hours, found[0].samples), (1, 2_400));
        let (camera, message) = match kind {
            AlertKind::StationUtilisation => ("S1", "600 s of work in 2400 s of presence: 25.00 %, below 50.00 %."),
            _ => ("", "Mean utilisation of 1 workers: 25.00 %, below 50.00 %."),
        };
        assert_eq!((found[0].camera.as_str(), found[0].message.as_str()), (camera, message));
    }
}

#[test]
fn an_alert_whose_past_a_late_event_told_otherwise_says_so() {
    let rules = || rules(AlertKind::StationUtilisation, 5_000, 6_000, 600);
    let base = [hour(0, 3, 1), hour(1, 1, 3), hour(2, 1, 3), hour(3, 3, 1)].concat();
    let with = |fact: Fact| [base.clone(), vec![fact]].concat();
    assert_eq!(shape(&alerts(base.clone(), rules())), [(1, Some(3), 2_500, false)]);
    let late = |at: f64, delay: f64| event(at, ActivityState::Idle, 9_000, delay);
    // An hour to the second is not late. A second more is: within the alert, also in the hour that resolves it (3/5 is
    // 0.60); before and after it is another matter.
    assert_eq!(shape(&alerts(with(late(1.9, 3600.0)), rules())), [(1, Some(3), 2_000, false)]);
    assert_eq!(shape(&alerts(with(late(1.9, 3601.0)), rules())), [(1, Some(3), 2_000, true)]);
    assert_eq!(shape(&alerts(with(late(3.9, 3601.0)), rules())), [(1, Some(3), 2_500, true)]);
    assert_eq!(shape(&alerts(with(late(0.9, 3601.0)), rules())), [(1, Some(3), 2_500, false)]);
    assert_eq!(shape(&alerts(with(late(4.9, 3601.0)), rules()))[0], (1, Some(3), 2_500, false));
    // Three late events of work close the alert in the past: 4/7 is below 0.60, 5/8 is not.
    let mut facts = base;
    facts.extend((0..4).map(|n| event(2.5 + f64::from(n) / 60.0, ActivityState::Working, 9_000, 9_000.0)));
    assert_eq!(shape(&alerts(facts, rules())), [(1, Some(2), 2_500, true)]);
}

#[test]
fn each_model_is_watched_by_itself() {
    use ActivityState::{Idle, Working};
    // Work is reported with 0.7 and 0.9: 0.8, not below. Idleness with 0.7 and 0.8: 0.75, until 0.9 in the third hour.
    let facts = vec![
        event(0.1, Working, 7_000, 0.0),
        event(0.2, Working, 9_000, 0.0),
        event(0.3, Idle, 7_000, 0.0),
        event(0.4, Idle, 8_000, 0.0),
        // One report says too little.
        event(1.1, Idle, 1_000, 0.0),
        event(2.1, Idle, 9_000, 0.0),
        event(2.2, Idle, 9_000, 0.0),
    ];
    let found = alerts(facts, rules(AlertKind::Confidence, 8_000, 8_500, 2));
    assert_eq!(shape(&found), [(0, Some(2), 7_500, false)]);
    assert_eq!((found[0].camera.as_str(), found[0].subject.as_str()), ("S1", "idle eye 2"));
    assert_eq!(found[0].message, "Mean confidence of 2 reports: 75.00 %, below 80.00 %.");
}

#[test]
fn a_blocked_vehicle_is_an_alert_for_its_visit() {
    let read = |at: f64, delay: f64| -> Fact {
        let id = FactId::of("plate_read", "gate".into(), Generation(0), &[&s(at).0.to_le_bytes()]);
        let (received_at, ts, text) = (s(at + delay), s(at), "KA 01".into());
        let (camera, confidence, request) = ("gate".into(), Score(9_900), String::new());
        PlateRead { id, received_at, ts, camera, text, confidence, request }.into()
    };
    let listed = |from: f64, added: f64, reason: &str| {
        let (plate, list, reason) = ("KA01".into(), PlateList::Blocked, reason.into());
        Rule::Plate(PlateRule { plate, list, reason, from: Some(s(from)), until: None, added: Some(s(added)) })
    };
    let mut rules = rules(AlertKind::BlockedVehicle, 0, 0, 1);
    rules.extend([
        Rule::Gate(GateRule { min_confidence: Score(8_500), agree: 1, sure: Score(9_700), visit_gap: Micros::MINUTE }),
        Rule::PlateFormat(PlateFormatRule { format: "any".into(), pattern: "[A-Z0-9]+".into() }),
        listed(1_000.0, 5_000.0, "unpaid"),
    ]);
    // Before it is blocked; a visit of two reads, the entry added later; another, after that, with a read that came late.
    let facts = vec![read(0.0, 0.0), read(2_000.0, 0.0), read(2_030.0, 0.0), read(9_000.0, 3_601.0)];
    let found = alerts(facts, rules);
    let shape: Vec<_> = found
        .iter()
        .map(|a| (a.opened, a.resolved, a.subject.as_str(), a.samples, a.late, a.message.as_str()))
        .collect();
    assert_eq!(
        shape,
        [
            (s(2_000.0), Some(s(2_030.0)), "KA01", 2, false, "KA01 is blocked: unpaid. It was listed only later."),
            (s(9_000.0), Some(s(9_000.0)), "KA01", 1, true, "KA01 is blocked: unpaid."),
        ]
    );
}
