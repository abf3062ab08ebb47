//! The signs of `device_offline`: runs of what a device reported.
//!
//! ```text
//! statuses ⋈ rules → per (rule at a device, UTC day) → runs → signs
//! ```
//!
//! A report is a share: online 0, degraded one half, offline 1. A day's reports are made runs of bad and of good ones, so
//! the walk sees few signs however often a device reports; the walk goes on where a run goes on the next day.

use super::{Judge, Of, RuleSets, SHARDS, Share, Side, Sign, Watch, chosen, side, worse};
use crate::rows::Rows;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::fact::{DeviceState, DeviceStatus};
use gemba_schemas::id::FactId;
use gemba_schemas::rule::AlertKind;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::LATE;
use serde::{Deserialize, Serialize};

const DAY: Micros = Micros(24 * Micros::HOUR.0);

/// What is left of a status. Ordered by time; of one instant the last to arrive comes last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Report {
    ts: EventTime,
    received_at: EventTime,
    id: FactId,
    state: DeviceState,
    detail: String,
}

impl Report {
    fn share(&self) -> Share {
        let part = match self.state {
            DeviceState::Online => 0,
            DeviceState::Degraded => 1,
            DeviceState::Offline => 2,
        };
        Share { part, whole: 2 }
    }

    fn message(&self) -> String {
        if self.detail.is_empty() {
            format!("Reported {}.", self.state)
        } else {
            format!("Reported {}: {}", self.state, self.detail)
        }
    }
}

/// The runs of a day's reports, each at its first report, and the instants of those that came late.
fn runs(rule: &Judge, reports: &[(&Report, isize)]) -> Vec<(EventTime, Sign)> {
    let mut runs: Vec<(EventTime, Sign)> = Vec::new();
    let late = reports.iter().filter(|(r, _)| r.received_at - r.ts > LATE).map(|(r, _)| (r.ts, Sign::Late));
    let mut late: Vec<_> = late.collect();
    late.dedup();
    for (i, (report, _)) in reports.iter().enumerate() {
        if reports.get(i + 1).is_some_and(|(next, _)| next.ts == report.ts) {
            continue;
        }
        let value = report.share().score();
        match (side(rule, report.share()), runs.last_mut()) {
            (None, _) | (Some(Side::Good), Some((_, Sign::Good))) => {}
            (Some(Side::Good), _) => runs.push((report.ts, Sign::Good)),
            (Some(Side::Bad), Some((_, Sign::Bad { worst, samples, .. }))) => {
                *worst = worse(rule, *worst, value);
                *samples += 1;
            }
            (Some(Side::Bad), _) => {
                let message = report.message();
                let sign = Sign::Bad { value, worst: value, samples: 1, hours: 0, message, rules: None };
                runs.push((report.ts, sign));
            }
        }
    }
    runs.extend(late);
    runs
}

/// The signs of every device for the rules that watch it.
pub(super) fn signs<'scope>(
    statuses: Rows<'scope, DeviceStatus>,
    sets: RuleSets<'scope>,
) -> Rows<'scope, (Watch, (EventTime, Sign))> {
    statuses
        .map(|s| {
            let report = Report { ts: s.ts, received_at: s.received_at, id: s.id, state: s.state, detail: s.detail };
            (s.device.hashed() % SHARDS, (s.device, report))
        })
        .join_by_key("Reports of devices that rules judge", sets, |_, (device, report), set| {
            let rules = chosen(set, AlertKind::DeviceOffline, *device);
            let watches = rules.map(|(rule, rules)| Watch { of: Of::source(*device), rule, rules });
            watches.map(|watch| ((watch, report.ts.floor(DAY)), report.clone())).collect::<Vec<_>>()
        })
        .reduce_by_key("Runs of reports of a day", |(watch, _), reports, out| {
            out.extend(runs(&watch.rule, reports).into_iter().map(|run| (run, 1)));
        })
        .map(|((watch, _), run)| (watch, run))
}
