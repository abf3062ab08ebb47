//! Alerts by hand, of devices and of exports. Exports make the hours: `7/10` is an hour with ten exports of which seven worked.

use super::scenarios::{clock, once, run, s};
use gemba_schemas::fact::{DeviceState, DeviceStatus, Fact, FrameExport};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{AlertKind, AlertRule, Rule, Severity, digest};
use gemba_schemas::score::Score;
use gemba_schemas::view::{Alert, ViewRow};

const HOUR: f64 = 3600.0;

/// The exports of consecutive hours of a camera: so many worked, of so many.
fn exports(camera: &str, hours: &[(u32, u32)]) -> Vec<Fact> {
    let mut facts = Vec::new();
    for (hour, (ok, all)) in hours.iter().enumerate() {
        for n in 0..*all {
            let session = s(hour as f64 * HOUR + f64::from(n) / 1000.0);
            let camera: Name = camera.into();
            let id = FactId::of("export", camera, Generation(0), &[&session.0.to_le_bytes()]);
            let (ts, received_at) = (session, session);
            let ok = n < *ok;
            let request = String::new();
            facts.push(FrameExport { id, received_at, ts, camera, session, ok, frames: 1, request }.into());
        }
    }
    facts
}

fn rule(camera: Option<&str>, threshold: u16, clear: u16, min_samples: u32) -> Rule {
    let (kind, severity) = (AlertKind::ExportSuccess, Severity::Critical);
    let (threshold, clear) = (Score(threshold), Score(clear));
    Rule::Alert(AlertRule { kind, severity, camera: camera.map(Name::new), threshold, clear, min_samples })
}

fn alerts(facts: Vec<Fact>, mut rules: Vec<Rule>) -> Vec<Alert> {
    rules.push(clock());
    of(once(facts, rules, s(0.0)))
}

fn of(rows: Vec<ViewRow>) -> Vec<Alert> {
    let mut alerts: Vec<_> =
        rows.into_iter().filter_map(|r| if let ViewRow::Alert(a) = r { Some(*a) } else { None }).collect();
    alerts.sort_by_key(|a| (a.camera.as_str(), a.opened));
    alerts
}

/// (hour of opening, hour of resolution, hours beyond the threshold, worst value).
fn shape(alerts: &[Alert]) -> Vec<(i64, Option<i64>, u32, u16)> {
    let hour = |ts: gemba_schemas::time::EventTime| ts.seconds() / 3600;
    alerts.iter().map(|a| (hour(a.opened), a.resolved.map(hour), a.hours, a.worst.0)).collect()
}

#[test]
fn an_alert_opens_below_the_threshold_and_is_resolved_at_clear() {
    // Below 0.90 opens, 0.95 resolves. 9/10 is 0.90: not below. 7/10 opens at hour 1. 92/100 = 0.92 keeps it open,
    // 5/10 is its worst. 1/2 has too few samples to count, and 2/2 too few to resolve. 19/20 = 0.95 resolves at hour 6.
    // 17/20 = 0.85 opens another at hour 7.
    let hours = [(9, 10), (7, 10), (92, 100), (5, 10), (1, 2), (2, 2), (19, 20), (17, 20)];
    let found = alerts(exports("cam", &hours), vec![rule(None, 9_000, 9_500, 5)]);
    assert_eq!(shape(&found), [(1, Some(6), 2, 5_000), (7, None, 1, 8_500)]);
    assert_eq!((found[0].value, found[0].samples), (Score(7_000), 20));
    assert_eq!(found[0].message, "7 of 10 exports worked: 70.00 %, below 90.00 %.");
    // No packing profile has a part in it.
    assert_eq!(found[0].rules, digest([&rule(None, 9_000, 9_500, 5), &clock()]));
}

#[test]
fn shares_are_compared_exactly_and_rounded_to_show() {
    // 8999/10000 is below 0.90; 2/3 = 0.66666… is below 0.6667, though it is shown as 0.6667.
    let found = alerts(exports("cam", &[(8_999, 10_000)]), vec![rule(None, 9_000, 9_000, 1)]);
    assert_eq!(shape(&found), [(0, None, 1, 8_999)]);
    let found = alerts(exports("cam", &[(2, 3)]), vec![rule(None, 6_667, 6_667, 1)]);
    assert_eq!(shape(&found), [(0, None, 1, 6_667)]);
    assert_eq!(alerts(exports("cam", &[(2, 3)]), vec![rule(None, 6_666, 6_667, 1)]), []);
}

#[test]
fn a_cameras_own_rule_takes_the_place_of_the_one_for_all() {
    let facts = [exports("bad", &[(1, 10)]), exports("used to it", &[(1, 10)])].concat();
    let rules = vec![rule(None, 9_000, 9_500, 5), rule(Some("used to it"), 500, 1_000, 5)];
    let found = alerts(facts, rules);
    assert_eq!(found.iter().map(|a| a.camera.as_str()).collect::<Vec<_>>(), ["bad"]);
}

#[test]
fn late_exports_move_an_alert() {
    // 4/5 opens at hour 0, 0/5 goes on; five more of hour 0 that worked make it 9/10, which does not open.
    let rules = vec![(rule(None, 9_000, 9_500, 5), 1), (clock(), 1)];
    let early = exports("cam", &[(4, 5), (0, 5)]).into_iter().map(|f| (f, 1)).collect();
    let late = exports("cam", &[(10, 10)]).into_iter().skip(5).map(|f| (f, 1)).collect();
    assert_eq!(shape(&of(run(vec![(early, rules.clone(), vec![])]))), [(0, None, 2, 0)]);
    let early = exports("cam", &[(4, 5), (0, 5)]).into_iter().map(|f| (f, 1)).collect();
    assert_eq!(shape(&of(run(vec![(early, rules, vec![]), (late, vec![], vec![])]))), [(1, None, 1, 0)]);
}

/// What a device reported, at so many seconds; the n-th of its list to arrive.
fn reports(states: &[(f64, DeviceState)]) -> Vec<Fact> {
    let report = |(n, (ts, state)): (usize, &(f64, DeviceState))| {
        let id = FactId::of("device_status", "nvr".into(), Generation(0), &[&n.to_le_bytes()]);
        let (ts, received_at) = (s(*ts), s(1e6 + n as f64));
        let (detail, request) = ("no answer".into(), String::new());
        DeviceStatus { id, received_at, ts, device: "nvr".into(), state: *state, detail, request }.into()
    };
    states.iter().enumerate().map(report).collect()
}

#[test]
fn a_device_is_offline_from_the_report_that_says_so_until_it_is_online() {
    use DeviceState::{Degraded, Offline, Online};
    let at = |threshold: u16, clear: u16| {
        let (kind, severity) = (AlertKind::DeviceOffline, Severity::Critical);
        let (threshold, clear) = (Score(threshold), Score(clear));
        Rule::Alert(AlertRule { kind, severity, camera: None, threshold, clear, min_samples: 1 })
    };
    let shape = |rule: Rule, states: &[(f64, DeviceState)]| -> Vec<_> {
        let found = alerts(reports(states), vec![rule]);
        found.iter().map(|a| (a.opened.seconds(), a.resolved.map(|r| r.seconds()), a.samples, a.worst.0)).collect()
    };
    // The second report of 30 s arrived last: degraded. Two days later it is online.
    let late = 2.0 * 86_400.0;
    let states = [(0.0, Online), (10.0, Degraded), (20.0, Offline), (30.0, Offline), (30.0, Degraded), (late, Online)];
    // Offline alone opens; degraded does not resolve.
    assert_eq!(shape(at(5_000, 0), &states), [(20, Some(172_800), 1, 10_000)]);
    // Degraded opens too: at 10, 20 and 30 s.
    assert_eq!(shape(at(0, 0), &states), [(10, Some(172_800), 3, 10_000)]);
    // Degraded resolves.
    assert_eq!(shape(at(5_000, 5_000), &states), [(20, Some(30), 1, 10_000)]);
    // A run that goes on over midnight is one alert.
    assert_eq!(shape(at(5_000, 0), &[(86_000.0, Offline), (87_000.0, Offline)]), [(86_000, None, 2, 10_000)]);
    let found = alerts(reports(&states), vec![at(5_000, 0)]);
    assert_eq!((found[0].camera.as_str(), found[0].message.as_str()), ("nvr", "Reported offline: no answer"));
    assert_eq!(found[0].rules, digest([&at(5_000, 0)]));
}
