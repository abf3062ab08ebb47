//! Alerts about what a station reports, and requests for retraining, by hand.

use super::scenarios::{clock, run, s};
use gemba_schemas::fact::{Activity, ActivityState, Fact};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{
    AlertKind, AlertRule, BaselineRule, DriftBoundRule, DurationModel, ProductivityRule, ReportAlertRule, Rule,
    SealedReportsRule, Severity, Statistic, WorkerRule,
};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{Alert, Histogram, RetrainRequest, ViewRow};

const HOUR: f64 = 3600.0;

/// So many reports of a state at a station in an hour, received so many seconds later.
fn reports(hour: i32, count: i32, state: ActivityState, confidence: u16, delay: f64) -> Vec<Fact> {
    let report = |n: i32| {
        let at = f64::from(hour) * HOUR + f64::from(n) * 60.0 + f64::from(confidence) / 1e4;
        let (ts, worker, station): (_, Name, Name) = (s(at), "W1".into(), "S1".into());
        let id = FactId::of("event", worker, Generation(0), &[&ts.0.to_le_bytes(), state.as_str().as_bytes()]);
        let (received_at, confidence, request) = (s(at + delay), Score(confidence), String::new());
        let (model, model_version) = ("eye".into(), "2".into());
        Activity { id, received_at, ts, worker, station, state, confidence, model, model_version, request }.into()
    };
    (0..count).map(report).collect()
}

fn working(hour: i32, count: i32) -> Vec<Fact> {
    reports(hour, count, ActivityState::Working, 9_000, 1.0)
}

fn idle(hour: i32, count: i32) -> Vec<Fact> {
    reports(hour, count, ActivityState::Idle, 9_000, 1.0)
}

fn alert(kind: AlertKind, threshold: u16, clear: u16, statistic: Option<Statistic>, high_is_bad: bool) -> Rule {
    let (severity, camera, min_samples) = (Severity::Warning, None, if kind.is_drift() { 2 } else { 1 });
    let (threshold, clear) = (Score(threshold), Score(clear));
    let alert = AlertRule { kind, severity, camera, threshold, clear, min_samples };
    Rule::ReportAlert(ReportAlertRule { alert, statistic, high_is_bad })
}

fn drift(kind: AlertKind) -> Rule {
    alert(kind, 5_000, 3_000, Some(Statistic::Psi), true)
}

fn hours(n: i64) -> EventTime {
    EventTime(n * Micros::HOUR.0)
}

fn counting() -> Rule {
    Rule::Productivity(ProductivityRule {
        duration: DurationModel::Fixed,
        event_duration: Micros::MINUTE,
        max_gap: Micros::HOUR,
        require_registered: false,
    })
}

/// The rows at the last of these instants, each of which is now for a tick.
fn derive_at(facts: Vec<Fact>, more: Vec<Rule>, nows: &[EventTime]) -> Vec<ViewRow> {
    let rules = [vec![clock(), counting()], more].concat();
    let first =
        (facts.into_iter().map(|f| (f, 1)).collect(), rules.into_iter().map(|r| (r, 1)).collect(), vec![(nows[0], 1)]);
    let later = nows.windows(2).map(|pair| (vec![], vec![], vec![(pair[0], -1), (pair[1], 1)]));
    run(std::iter::once(first).chain(later).collect())
}

fn derive(facts: Vec<Fact>, more: Vec<Rule>) -> Vec<ViewRow> {
    derive_at(facts, more, &[hours(1_000)])
}

fn alerts(facts: Vec<Fact>, rules: Vec<Rule>) -> Vec<Alert> {
    alerts_at(facts, rules, &[hours(1_000)])
}

fn alerts_at(facts: Vec<Fact>, rules: Vec<Rule>, nows: &[EventTime]) -> Vec<Alert> {
    let rows = derive_at(facts, rules, nows).into_iter();
    let mut alerts: Vec<_> = rows.filter_map(|r| if let ViewRow::Alert(a) = r { Some(*a) } else { None }).collect();
    alerts.sort_by_key(|a| a.opened);
    alerts
}

fn requests(facts: Vec<Fact>, rules: Vec<Rule>) -> Vec<RetrainRequest> {
    let rows = derive(facts, rules).into_iter();
    rows.filter_map(|r| if let ViewRow::RetrainRequest(r) = r { Some(*r) } else { None }).collect()
}

/// Hour of opening, hour of resolution, first value, whether it came late.
fn shape(alerts: &[Alert]) -> Vec<(i64, Option<i64>, u16, bool)> {
    let hour = |ts: EventTime| ts.seconds() / 3600;
    alerts.iter().map(|a| (hour(a.opened), a.resolved.map(hour), a.value.0, a.late)).collect()
}

#[test]
fn other_event_types_than_in_the_month_before_are_an_alert() {
    // Hour 24 is the first whose 24 hours leave hour 0 out: 2 and 0 against 0 and 2, each raised by one, is ln 3. At hour 49
    // it is 2 and 0 against 2 and 2: 0.2747.
    let facts = [idle(0, 2), working(24, 2), working(49, 2)].concat();
    let found = alerts(facts.clone(), vec![drift(AlertKind::TypeDrift)]);
    assert_eq!(shape(&found), [(24, Some(49), 10_986, false)]);
    assert_eq!((found[0].camera.as_str(), found[0].subject.as_str(), found[0].samples), ("S1", "", 2));
    assert_eq!(found[0].message, "PSI of event types, 2 reports in 24 h against 2: 1.0986, above 0.5000.");
    // An hour earlier all is in the same 24 hours, and there is nothing to compare it with.
    assert_eq!(alerts([idle(0, 2), working(23, 2)].concat(), vec![drift(AlertKind::TypeDrift)]), []);
    // The confidences are the same all the time; a third report too few; the other statistics.
    assert_eq!(alerts(facts.clone(), vec![drift(AlertKind::ConfidenceDrift)]), []);
    assert_eq!(alerts([idle(0, 1), working(24, 2)].concat(), vec![drift(AlertKind::TypeDrift)]), []);
    for (statistic, value) in [(Statistic::Kl, 5_493), (Statistic::Js, 1_308)] {
        let rule = alert(AlertKind::TypeDrift, 1_000, 500, Some(statistic), true);
        assert_eq!(alerts(facts.clone(), vec![rule])[0].value, Score(value));
    }
}

#[test]
fn the_baseline_is_thirty_days_long_or_pinned() {
    // 31 days after hour 0 the 30 days before the last 24 hours begin with hour 1.
    let rules = vec![drift(AlertKind::TypeDrift)];
    assert_eq!(shape(&alerts([idle(0, 2), working(743, 2)].concat(), rules.clone())), [(743, None, 10_986, false)]);
    assert_eq!(alerts([idle(0, 2), working(744, 2)].concat(), rules.clone()), []);
    // Pinned it stays; hours before its end are compared with nothing, what else was before does not matter.
    let pinned = Rule::Baseline(BaselineRule { from: hours(100), until: hours(110) });
    let rules = [rules, vec![pinned]].concat();
    let facts = [working(50, 9), idle(100, 1), idle(109, 1), working(1_500, 2)].concat();
    let found = alerts(facts, rules);
    assert_eq!(shape(&found), [(1_500, None, 10_986, false)]);
    assert_eq!(found[0].message, "PSI of event types, 2 reports in 24 h against 2: 1.0986, above 0.5000.");
}

#[test]
fn what_is_sealed_of_a_pinned_baseline_counts_as_before() {
    let sealed = |n: u32| {
        let mut counts = Histogram::default();
        counts.0[18] = n;
        Rule::SealedReports(SealedReportsRule { source: "S1".into(), event_type: "idle".into(), counts })
    };
    let pinned = Rule::Baseline(BaselineRule { from: hours(100), until: hours(110) });
    let sure = alert(AlertKind::ConfidenceDrift, 1_000, 500, Some(Statistic::Psi), true);
    let rules = [clock(), counting(), drift(AlertKind::TypeDrift), sure, pinned];
    let every = |facts: Vec<Fact>, n: isize| facts.into_iter().map(|f| (f, n)).collect::<Vec<_>>();
    let facts = [idle(100, 1), idle(109, 1), reports(1_500, 2, ActivityState::Working, 4_000, 1.0)].concat();
    let steps = vec![
        (every(facts, 1), rules.iter().map(|r| (r.clone(), 1)).collect(), vec![]),
        // Nothing else is of that type, nor of that confidence.
        (every(idle(100, 1), -1), vec![(sealed(1), 1)], vec![]),
        (every(idle(109, 1), -1), vec![(sealed(1), -1), (sealed(2), 1)], vec![]),
        (every(working(1_501, 1), 1), vec![], vec![]),
        (vec![], vec![(sealed(2), -1)], vec![]),
    ];
    let alerts = |steps: Vec<_>| {
        let rows = run(steps).into_iter();
        let mut alerts: Vec<_> = rows.filter_map(|r| if let ViewRow::Alert(a) = r { Some(*a) } else { None }).collect();
        alerts.sort_by_key(|alert| alert.kind);
        alerts
    };
    let found = alerts(steps[..1].to_vec());
    // Of confidences 2 in one of twenty bins against 2 in another, each raised by one: 4/22 · ln 3.
    assert_eq!(shape(&found), [(1_500, None, 10_986, false), (1_500, None, 1_997, false)]);
    for ticks in 2..=3 {
        assert_eq!(alerts(steps[..ticks].to_vec()), found, "after {ticks} ticks");
    }
    assert_eq!(shape(&alerts(steps[..4].to_vec())), shape(&found));
    assert_eq!(alerts(steps), [], "nothing is left to compare with");
}

#[test]
fn other_confidences_are_an_alert_and_a_late_fact_is_told() {
    let low = |hour, delay| reports(hour, 40, ActivityState::Working, 5_000, delay);
    // 40 of one bin against 40 of another, each raised by one: 40/60 · ln 41, twice.
    let value = (2.0 * 40.0 / 60.0 * 41f64.ln() * 1e4).round() as u16;
    let rules = vec![drift(AlertKind::ConfidenceDrift)];
    let found = alerts([working(0, 40), low(24, 1.0)].concat(), rules.clone());
    assert_eq!(shape(&found), [(24, None, value, false)]);
    assert_eq!(shape(&alerts([working(0, 40), low(24, 3_601.0)].concat(), rules)), [(24, None, value, true)]);
}

#[test]
fn too_little_and_too_much_work_are_alerts_of_their_own() {
    let rules = vec![
        alert(AlertKind::WorkingShare, 5_000, 5_500, None, false),
        alert(AlertKind::WorkingShare, 8_500, 8_000, None, true),
    ];
    // 1/4, then 7/10 of the same day; two days later 9/10.
    let facts = [working(0, 1), idle(0, 3), working(5, 6), working(60, 9), idle(60, 1)].concat();
    let found = alerts(facts, rules);
    assert_eq!(shape(&found), [(0, Some(5), 2_500, false), (60, None, 9_000, false)]);
    assert_eq!(found[0].message, "1 of 4 reports in 24 h are of work: 25.00 %, below 50.00 %.");
    assert_eq!(found[1].message, "9 of 10 reports in 24 h are of work: 90.00 %, above 85.00 %.");
}

#[test]
fn too_few_and_too_many_reports_an_hour_are_alerts_of_their_own() {
    let rules =
        vec![alert(AlertKind::ReportRate, 10, 20, None, false), alert(AlertKind::ReportRate, 80, 70, None, true)];
    // 3 an hour are 0.05 a minute; 60 are 1, 30 are 0.5. Hours without reports say nothing.
    let found = alerts([working(0, 3), working(7, 60), working(8, 30)].concat(), rules);
    assert_eq!(shape(&found), [(0, Some(7), 5, false), (7, Some(8), 100, false)]);
    assert_eq!(found[0].message, "3 reports in an hour: 0.05 a minute, below 0.10 a minute.");
    assert_eq!(found[1].message, "60 reports in an hour: 1.00 a minute, above 0.80 a minute.");
}

#[test]
fn an_hour_under_way_has_no_rate() {
    let alerts = |nows: &[EventTime]| {
        let rules = vec![alert(AlertKind::ReportRate, 10, 20, None, false)];
        shape(&alerts_at([working(0, 3), working(1, 3), working(7, 60)].concat(), rules, nows))
    };
    let just = Micros(1);
    assert_eq!(alerts(&[hours(1) - just]), []);
    assert_eq!(alerts(&[hours(1)]), [(0, None, 5, false)]);
    assert_eq!(alerts(&[hours(1) - just, hours(8) - just]), [(0, None, 5, false)]);
    assert_eq!(alerts(&[hours(1), hours(8)]), [(0, Some(7), 5, false)]);
    assert_eq!(alerts(&[hours(8), hours(1) - just]), [], "now may be taken back");
}

#[test]
fn an_hour_that_changes_later_changes_the_readings_it_is_in() {
    // As it comes: the past is told otherwise by hours that come, change and leave, in other ticks than the rules.
    let facts = [idle(0, 2), working(24, 2), working(49, 2), idle(30, 3)].concat();
    let rules = [vec![clock(), counting()], vec![drift(AlertKind::TypeDrift)]].concat();
    let every = |facts: &[Fact], n: isize| facts.iter().map(|f| (f.clone(), n)).collect::<Vec<_>>();
    let rows = run(vec![
        (every(&facts[2..], 1), vec![], vec![]),
        (every(&facts[..1], 1), rules.iter().map(|r| (r.clone(), 1)).collect(), vec![]),
        (every(&facts[1..2], 1), vec![], vec![]),
        // The three idle reports of hour 30 were a mistake.
        (every(&facts[6..], -1), vec![], vec![]),
    ]);
    let found: Vec<_> =
        rows.into_iter().filter_map(|r| if let ViewRow::Alert(a) = r { Some(*a) } else { None }).collect();
    assert_eq!(shape(&found), [(24, Some(49), 10_986, false)]);
}

#[test]
fn the_floor_keeps_its_hours_when_a_worker_leaves_the_list() {
    let known = |name: &str| Rule::Worker(WorkerRule { worker: name.into() });
    let rules = [clock(), counting(), known("W1"), known("W2")];
    let rows = run(vec![
        (working(0, 2).into_iter().map(|f| (f, 1)).collect(), rules.into_iter().map(|r| (r, 1)).collect(), vec![]),
        (vec![], vec![(known("W2"), -1)], vec![]),
        (vec![], vec![(known("W1"), -1)], vec![]),
    ]);
    assert_eq!(rows.iter().filter(|r| matches!(r, ViewRow::FloorHour(_))).count(), 1);
}

#[test]
fn what_stays_too_far_from_the_baseline_asks_for_retraining() {
    let bound = |sustained| vec![Rule::DriftBound(DriftBoundRule { max_psi: Score(2_000), min_samples: 2, sustained })];
    // Hour 25: 4 and 0 against 0 and 2: 1.5797.
    let facts = [idle(0, 2), working(24, 2), working(25, 2)].concat();
    let found = requests(facts.clone(), bound(2));
    let asked: Vec<_> = found.iter().map(|r| (r.source.as_str(), r.from_hour, r.to_hour, r.hours, r.samples)).collect();
    assert_eq!(asked, [("S1", hours(24), hours(25), 2, 4)]);
    let words = (found[0].reason.as_str(), found[0].priority.as_str(), found[0].confidence);
    let reason = "PSI of event types up to 1.5797 above 0.2000 in 2 hours of 4 reports";
    assert_eq!(words, (reason, "high", Score(9_000)));
    assert_eq!((found[0].event_type, found[0].model), (Name::EMPTY, Name::EMPTY));
    // One hour alone is not sustained; without the bound nothing asks.
    assert_eq!(requests(facts.clone(), bound(3)), []);
    assert_eq!(requests(facts, vec![]), []);
}
