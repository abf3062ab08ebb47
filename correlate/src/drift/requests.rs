//! Requests for retraining where what is reported stays too far from the baseline.

use gemba_schemas::id::Name;
use gemba_schemas::rule::{BaselineRule, DriftBoundRule, Rule, digest};
use gemba_schemas::score::Score;
use gemba_schemas::time::EventTime;
use gemba_schemas::view::RetrainRequest;

/// What an hour with enough reports in its 24 hours and in the baseline says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Population stability index of the event types, in parts per million.
    pub types: u32,
    /// Of the confidences.
    pub confidences: u32,
    /// Reports in the hour itself, and the sum of their confidences.
    pub reports: u64,
    /// That sum, in 1/10 000.
    pub sum: u64,
}

impl Weight {
    fn psi(&self) -> u32 {
        self.types.max(self.confidences)
    }
}

/// Hours in a row that are too far from the baseline, enough of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    from: EventTime,
    to: EventTime,
    hours: u32,
    /// The greatest indexes.
    types: u32,
    confidences: u32,
    /// Reports in these hours, and the sum of their confidences.
    reports: u64,
    sum: u64,
}

/// The runs among the hours of a source, in order.
pub fn runs(bound: &DriftBoundRule, hours: impl Iterator<Item = (EventTime, Weight)>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut under_way = false;
    for (hour, weight) in hours {
        let beyond = weight.psi() > u32::from(bound.max_psi.0) * 100;
        let Weight { types, confidences, reports, sum } = weight;
        match runs.last_mut() {
            Some(run) if beyond && under_way => {
                run.to = hour;
                run.hours += 1;
                (run.types, run.confidences) = (run.types.max(types), run.confidences.max(confidences));
                (run.reports, run.sum) = (run.reports + reports, run.sum + sum);
            }
            _ if beyond => runs.push(Run { from: hour, to: hour, hours: 1, types, confidences, reports, sum }),
            _ => {}
        }
        under_way = beyond;
    }
    runs.retain(|run| run.hours >= bound.sustained);
    runs
}

/// What a run asks for.
pub fn request(source: Name, bound: &DriftBoundRule, baseline: Option<BaselineRule>, run: &Run) -> RetrainRequest {
    let Run { from, to, hours, types, confidences, reports: samples, sum } = *run;
    let what = if types >= confidences { "event types" } else { "confidences" };
    let worst = types.max(confidences);
    let most = u32::from(bound.max_psi.0) * 100;
    let rules = [Some(Rule::DriftBound(*bound)), baseline.map(Rule::Baseline)];
    let psi = |ppm: u32| format!("{}.{:04}", (ppm + 50) / 1_000_000, (ppm + 50) % 1_000_000 / 100);
    RetrainRequest {
        source,
        event_type: Name::EMPTY,
        model: Name::EMPTY,
        model_version: Name::EMPTY,
        from_hour: from,
        to_hour: to,
        hours,
        samples,
        confidence: Score((sum / samples.max(1)) as u16),
        priority: Name::new(if worst > 2 * most { "high" } else { "normal" }),
        reason: format!("PSI of {what} up to {} above {} in {hours} hours of {samples} reports", psi(worst), psi(most)),
        rules: digest(rules.iter().flatten()),
    }
}
