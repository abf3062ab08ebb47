//! What is sealed of the pinned baseline: how many reports of each kind every source made, by bin of confidence.
//!
//! A baseline is pinned for as long as somebody wants to compare with it; its facts leave correlate with their month. So when a
//! day of it is sealed its reports are counted, and at the tick at which they leave the counts take their place, as
//! [`Rule::SealedReports`]: nothing that is compared with the baseline changes. A start counts them in the lake, so what
//! retention has taken is compared with until then.

use gemba_schemas::fact::{Fact, FactKind, Production};
use gemba_schemas::id::Name;
use gemba_schemas::rule::{AlertKind, BaselineRule, Rule, SealedReportsRule};
use gemba_schemas::view::Histogram;
use gemba_sinks::{Lake, SinkError};
use std::collections::BTreeMap;

/// The kinds of facts that drift is measured of.
const REPORTS: [FactKind; 3] = [FactKind::Activity, FactKind::Production, FactKind::TrackPoint];

/// By source and event type.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SealedReports {
    span: Option<BaselineRule>,
    counts: BTreeMap<(Name, Name), Histogram>,
}

impl SealedReports {
    /// What a lake holds of the baseline that these rules pin; nothing where nobody compares with one.
    pub(crate) fn of(lake: &Lake, rules: &[Rule]) -> Result<Self, SinkError> {
        let mut reports = Self { span: pinned(rules), counts: BTreeMap::new() };
        if let Some(BaselineRule { from, until }) = reports.span {
            for kind in REPORTS {
                lake.sealed_between(kind, from, until, &mut |facts| {
                    reports.count(&facts);
                    Ok(())
                })?;
            }
        }
        Ok(reports)
    }

    /// Whether these rules pin other dates.
    pub(super) fn is_of_others(&self, rules: &[Rule]) -> bool {
        self.span != pinned(rules)
    }

    /// Counts sealed facts, all of which came in time; says which rules leave and which come.
    pub(super) fn seal(&mut self, facts: &[Fact]) -> Vec<(Rule, isize)> {
        let before = self.counts.clone();
        self.count(facts);
        let changed = self.counts.iter().filter(|(key, now)| before.get(key) != Some(now));
        let changes = changed.flat_map(|(key, now)| {
            let left = before.get(key).map(|then| (rule(key, then), -1));
            left.into_iter().chain([(rule(key, now), 1)])
        });
        changes.collect()
    }

    /// All of it.
    pub(crate) fn rules(&self) -> impl Iterator<Item = Rule> {
        self.counts.iter().map(|(key, counts)| rule(key, counts))
    }

    fn count(&mut self, facts: &[Fact]) {
        let Some(span) = self.span else { return };
        for fact in facts.iter().filter(|fact| (span.from..span.until).contains(&fact.bucket())) {
            let (source, event_type, confidence) = match fact {
                Fact::Activity(f) => (f.station, f.state.event_type(), f.confidence),
                Fact::Production(f) => (f.station, Production::event_type(), f.confidence),
                Fact::TrackPoint(f) => (f.camera, f.class, f.score),
                _ => continue,
            };
            let Histogram(bins) = self.counts.entry((source, event_type)).or_default();
            let bin = &mut bins[Histogram::bin(confidence)];
            *bin = bin.saturating_add(1);
        }
    }
}

/// The span of the pinned baseline, where alerts or requests are about it.
fn pinned(rules: &[Rule]) -> Option<BaselineRule> {
    let compares = |rule: &Rule| match rule {
        Rule::ReportAlert(rule) => matches!(rule.alert.kind, AlertKind::TypeDrift | AlertKind::ConfidenceDrift),
        rule => matches!(rule, Rule::DriftBound(_)),
    };
    let spans = rules.iter().filter_map(|rule| if let Rule::Baseline(span) = rule { Some(*span) } else { None });
    if rules.iter().any(compares) { spans.min() } else { None }
}

fn rule(&(source, event_type): &(Name, Name), counts: &Histogram) -> Rule {
    Rule::SealedReports(SealedReportsRule { source, event_type, counts: *counts })
}
