//! Reports of the month before, what they are compared with, and alerts about what sources report. Windows are as long as
//! they are, so hours are sparse: some lie just inside a day or a month, some just outside.

use super::scene::Random;
use gemba_schemas::fact::{Activity, ActivityState, Fact};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{
    AlertKind, AlertRule, BaselineRule, DriftBoundRule, ReportAlertRule, Rule, Severity, Statistic,
};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

/// What was reported before `base` (s since the epoch), some of it late.
pub fn facts(random: &mut Random, base: i64, size: usize) -> Vec<Fact> {
    let mut facts = Vec::new();
    for n in 0..size as i64 * 10 {
        let days = random.pick(&[0, 0, 1, 1, 2, 3, 20, 29, 30, 31, 32]);
        let ts = EventTime((base - days * 86_400 + random.below(10) * 1800 - 9000) * 1_000_000);
        let received_at = ts + Micros::from_secs(random.pick(&[5, 5, 5, 3_600, 3_601]));
        let (worker, station): (Name, Name) = ("W1".into(), random.pick(&["S1", "S2", "cam-a"]).into());
        let id = FactId::of("before", station, Generation(0), &[&n.to_le_bytes()]);
        let state = random.pick(&[ActivityState::Working, ActivityState::Working, ActivityState::Idle]);
        let confidence = Score(random.pick(&[10_000, 9_500, 9_499, 4_000]));
        let (model, model_version) = ("activity".into(), random.pick(&["1.0", "2.0"]).into());
        let request = String::new();
        let fact = Activity { id, received_at, ts, worker, station, state, confidence, model, model_version, request };
        facts.push(fact.into());
    }
    facts
}

/// A baseline or none, a bound or none, and alerts for all sources and for single ones.
pub fn rules(random: &mut Random, base: i64) -> Vec<Rule> {
    let mut rules = Vec::new();
    if random.one_in(2) {
        let at = |hours: i64| EventTime((base + hours * 3600) * 1_000_000);
        let from = random.pick(&[-31 * 24, -72, -26, -3]);
        let until = (from + random.pick(&[1, 5, 24])).min(0);
        rules.push(Rule::Baseline(BaselineRule { from: at(from), until: at(until) }));
    }
    if !random.one_in(3) {
        rules.push(Rule::DriftBound(DriftBoundRule {
            max_psi: Score(random.pick(&[500, 2_000, 5_000])),
            min_samples: 1 + random.below(4) as u32,
            sustained: 1 + random.below(2) as u32,
        }));
    }
    for kind in AlertKind::ALL.iter().copied().filter(|kind| kind.is_of_reports()) {
        for severity in Severity::ALL.iter().copied() {
            for camera in [None, Some("S1"), Some("cam-a")] {
                if random.one_in(if camera.is_some() { 2 } else { 6 }) {
                    continue;
                }
                let sides: &[bool] = if kind.has_two_bounds() { &[false, true] } else { &[true] };
                for high_is_bad in sides.iter().copied() {
                    rules.push(rule(random, kind, severity, camera, high_is_bad));
                }
            }
        }
    }
    rules
}

fn rule(random: &mut Random, kind: AlertKind, severity: Severity, camera: Option<&str>, high_is_bad: bool) -> Rule {
    let levels: &[u16] = match kind {
        AlertKind::TypeDrift | AlertKind::ConfidenceDrift => &[0, 200, 1_000, 2_000, 5_000, 15_000],
        AlertKind::WorkingShare => &[2_500, 3_333, 4_000, 5_000, 6_667, 7_500],
        // A report an hour is 1 2/3 hundredths a minute.
        _ => &[2, 3, 5, 7, 10, 20],
    };
    let at = random.below(5) as usize;
    let (low, high) = (Score(levels[at]), Score(levels[at + random.below(2) as usize]));
    let (threshold, clear) = if high_is_bad { (high, low) } else { (low, high) };
    let (camera, min_samples) = (camera.map(Name::new), 1 + random.below(3) as u32);
    let statistic = kind.is_drift().then(|| random.pick(Statistic::ALL));
    let alert = AlertRule { kind, severity, camera, threshold, clear, min_samples };
    Rule::ReportAlert(ReportAlertRule { alert, statistic, high_is_bad })
}
