//! What the site says about work: workers, stations, how events count, when a model is unsure.

use super::Site;
use super::value::{Date, Fraction, Length, Level, Moment};
use crate::id::Name;
use crate::rule::{
    BaselineRule, DriftBoundRule, DriftRule, DurationModel, ProductivityRule, Rule, StationRule, WorkerRule,
};
use crate::score::Score;
use serde::Deserialize;

/// `[productivity]`: how events count.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Productivity {
    /// `fixed`: each activity event stands for `event_duration`. `until_next`: it lasts until the worker's next,
    /// at most `max_gap`. Default `fixed`.
    pub duration: Duration,
    /// What an event stands for with `fixed`. Default `300s`.
    pub event_duration: Length,
    /// The longest that an event lasts with `until_next`. Default `15m`.
    pub max_gap: Length,
    /// Count only events of workers and stations that are listed here. Default false.
    pub require_registered: bool,
}

/// How long an event lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duration {
    /// A fixed time.
    Fixed,
    /// Until the next.
    UntilNext,
}

impl Default for Productivity {
    fn default() -> Self {
        Self {
            duration: Duration::Fixed,
            event_duration: Length::five_minutes(),
            max_gap: Length::quarter_hour(),
            require_registered: false,
        }
    }
}

/// `[[worker]]`: a worker whose events are expected.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// The `worker_id` of events.
    pub name: String,
    /// Text of the QR code on the worker's badge, read at zones with `badges`. Default: none.
    pub badge: Option<String>,
}

/// `[[station]]`: a workstation whose events are expected.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// The `workstation_id` of events.
    pub name: String,
    /// The `[[worker]]` whose time it is what a camera sees here, unless a badge says otherwise; one station a worker.
    /// Default: none; such time counts for the station alone.
    pub worker: Option<String>,
}

/// `[drift]`: when a model is unsure, or too far from what it was.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drift {
    /// Mean confidence of an hour below which the model is unsure. Default 0.8.
    pub min_confidence: Fraction,
    /// Hours with fewer reports say nothing. For `max_psi`: those with fewer in their 24 hours, or in the baseline.
    /// Default 20.
    pub min_samples: u32,
    /// Hours in a row, unsure or too far from the baseline, that ask for retraining. Default 2.
    pub sustained: u32,
    /// What the last 24 hours are compared with, by `/api/v1/drift`, the alerts `type_drift` and `confidence_drift`, and
    /// `max_psi`. Alerts and `max_psi` know it until its facts are sealed (while clients report, months behind the 35 days
    /// leave memory); then they say nothing more. Default: the 30 days before them.
    pub baseline: Option<Baseline>,
    /// Population stability index, of the event types or the confidences of a station or camera, above which an hour's 24
    /// hours are too far from the baseline; 0.2 is usually taken for a shift. Default: none, and nothing is worked out.
    pub max_psi: Option<Level>,
}

/// `[drift] baseline`: dates on the site's clock, both included. What came before its end is compared with nothing.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// First date.
    pub from: Date,
    /// Last date.
    pub to: Date,
}

impl Baseline {
    /// The rule, by the clock of a zone; `None` beyond the calendar.
    fn rule(self, zone: &str) -> Option<BaselineRule> {
        let midnight = |day| Moment::Date(day).instant(zone);
        Some(BaselineRule { from: midnight(self.from.0)?, until: midnight(self.to.0.plus(1))? })
    }
}

impl Default for Drift {
    fn default() -> Self {
        Self { min_confidence: Fraction(0.8), min_samples: 20, sustained: 2, baseline: None, max_psi: None }
    }
}

impl Site {
    /// The baseline that `[drift]` pins.
    pub fn baseline(&self) -> Option<BaselineRule> {
        self.drift.baseline.and_then(|baseline| baseline.rule(&self.site.time_zone))
    }

    /// The rules about work.
    pub(super) fn work_rules(&self) -> impl Iterator<Item = Rule> + '_ {
        let p = &self.productivity;
        let productivity = ProductivityRule {
            duration: match p.duration {
                Duration::Fixed => DurationModel::Fixed,
                Duration::UntilNext => DurationModel::UntilNext,
            },
            event_duration: p.event_duration.0,
            max_gap: p.max_gap.0,
            require_registered: p.require_registered,
        };
        let drift = DriftRule {
            min_confidence: Score((self.drift.min_confidence.0 * 10_000.0).round() as u16),
            min_samples: self.drift.min_samples,
            sustained: self.drift.sustained,
        };
        let bound = self.drift.max_psi.map(|most| DriftBoundRule {
            max_psi: Score((most.0 * 10_000.0).round() as u16),
            min_samples: self.drift.min_samples,
            sustained: self.drift.sustained,
        });
        [Rule::Productivity(productivity), Rule::Drift(drift)]
            .into_iter()
            .chain(self.baseline().map(Rule::Baseline))
            .chain(bound.map(Rule::DriftBound))
            .chain(self.workers.iter().map(|w| Rule::Worker(WorkerRule { worker: Name::new(&w.name) })))
            .chain(self.stations.iter().map(|s| Rule::Station(StationRule { station: Name::new(&s.name) })))
    }
}
