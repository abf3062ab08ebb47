//! Blocked vehicles: each visit to a gate whose status is `blocked` is an alert for as long as it lasts.

use super::{RuleSets, SHARDS, chosen};
use crate::rows::Rows;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{AlertKind, AlertRule, joined};
use gemba_schemas::score::Score;
use gemba_schemas::view::{Alert, GateEvent, GateStatus};

fn alert(visit: &GateEvent, late: bool, rule: &AlertRule, rules: Name) -> Alert {
    let reason = if visit.reason.is_empty() { String::new() } else { format!(": {}", visit.reason) };
    let later = if visit.retroactive { " It was listed only later." } else { "" };
    Alert {
        camera: visit.camera,
        kind: rule.kind,
        severity: rule.severity,
        subject: visit.plate.clone(),
        opened: visit.arrived,
        resolved: Some(visit.left),
        value: Score::ONE,
        worst: Score::ONE,
        threshold: rule.threshold,
        clear: rule.clear,
        samples: visit.reads.into(),
        hours: 0,
        late,
        message: format!("{} is blocked{reason}.{later}", visit.plate),
        rules: joined([rules, visit.rules]),
    }
}

/// The alerts of blocked visits.
pub(super) fn blocked<'scope>(visits: Rows<'scope, (GateEvent, bool)>, sets: RuleSets<'scope>) -> Rows<'scope, Alert> {
    visits
        .filter(|(visit, _)| visit.status == GateStatus::Blocked)
        .map(|(visit, late)| (visit.camera.hashed() % SHARDS, (visit, late)))
        .join_by_key("Blocked visits that rules tell of", sets, |_, (visit, late), set| {
            let alerts = chosen(set, AlertKind::BlockedVehicle, visit.camera)
                .map(|(rule, rules)| alert(visit, *late, &rule.alert, rules));
            alerts.collect::<Vec<_>>()
        })
}
