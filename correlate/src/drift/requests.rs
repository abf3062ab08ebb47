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

/// The requests that the hours of a source make, in order.
pub fn requests(
    source: Name,
    bound: &DriftBoundRule,
    baseline: Option<BaselineRule>,
    hours: impl Iterator<Item = (EventTime, Weight)>,
) -> Vec<RetrainRequest> {
    let mut asked = Vec::new();
    let mut run: Vec<(EventTime, Weight)> = Vec::new();
    for (hour, weight) in hours {
        if weight.psi() > u32::from(bound.max_psi.0) * 100 {
            run.push((hour, weight));
        } else {
            asked.extend(request(source, bound, baseline, &run));
            run.clear();
        }
    }
    asked.extend(request(source, bound, baseline, &run));
    asked
}

/// The request that a run of hours makes, if it is long enough.
fn request(
    source: Name,
    bound: &DriftBoundRule,
    baseline: Option<BaselineRule>,
    run: &[(EventTime, Weight)],
) -> Option<RetrainRequest> {
    let (first, last) = (run.first()?, run.last()?);
    if run.len() < bound.sustained as usize {
        return None;
    }
    let (samples, sum) = run.iter().fold((0, 0), |(n, s), (_, w)| (n + w.reports, s + w.sum));
    let [types, confidences] =
        [|w: &Weight| w.types, |w: &Weight| w.confidences].map(|of| run.iter().map(|(_, w)| of(w)).max().unwrap_or(0));
    let what = if types >= confidences { "event types" } else { "confidences" };
    let worst = types.max(confidences);
    let most = u32::from(bound.max_psi.0) * 100;
    let rules = [Some(Rule::DriftBound(*bound)), baseline.map(Rule::Baseline)];
    let psi = |ppm: u32| format!("{}.{:04}", (ppm + 50) / 1_000_000, (ppm + 50) % 1_000_000 / 100);
    Some(RetrainRequest {
        source,
        event_type: Name::EMPTY,
        model: Name::EMPTY,
        model_version: Name::EMPTY,
        from_hour: first.0,
        to_hour: last.0,
        hours: run.len() as u32,
        samples,
        confidence: Score((sum / samples.max(1)) as u16),
        priority: Name::new(if worst > 2 * most { "high" } else { "normal" }),
        reason: format!(
            "PSI of {what} up to {} above {} in {} hours of {samples} reports",
            psi(worst),
            psi(most),
            run.len()
        ),
        rules: digest(rules.iter().flatten()),
    })
}
