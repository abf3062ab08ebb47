//! Readings: what there is of an hour, of all that alerts may watch.
//!
//! Those of what is derived anyway are kept, so that a rule finds them when it comes; those of stations, models and windows
//! of reports come only while they are watched.

use super::{Of, Reading, Share, Sources};
use crate::drift::Value;
use crate::rows::Rows;
use crate::rules::Rules;
use crate::sums::FastMap;
use crate::tick::{Change, at_close};
use differential_dataflow::hashable::Hashable;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{AlertKind, Statistic};
use gemba_schemas::time::EventTime;
use gemba_schemas::view::LATE;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The kinds of alerts about what sources report.
const OF_REPORTS: [Option<AlertKind>; 4] = [
    Some(AlertKind::TypeDrift),
    Some(AlertKind::ConfidenceDrift),
    Some(AlertKind::WorkingShare),
    Some(AlertKind::ReportRate),
];

/// What reports come to as a share: of drift in millionths, of a rate reports of sixty in hundredths.
pub(super) fn share(value: Value, statistic: Option<Statistic>) -> Share {
    let (part, whole) = match (value, statistic) {
        (Value::Share(part, whole), _) => (part, whole),
        (Value::Rate(reports), _) => (reports, RATE),
        (Value::Drift { kl, .. }, Some(Statistic::Kl)) => (kl.into(), 1_000_000),
        (Value::Drift { js, .. }, Some(Statistic::Js)) => (js.into(), 1_000_000),
        (Value::Drift { psi, .. }, _) => (psi.into(), 1_000_000),
    };
    Share { part, whole }
}

/// So many reports in an hour are 100 a minute: 1 where rates are counted in hundredths.
const RATE: u64 = 60 * 100;

/// What is watched, when, and what there is of it.
pub(super) type Read = (AlertKind, Of, EventTime, Reading);

/// What comes to the filter of readings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum In {
    /// A rule of this kind, for the worker of this index.
    Kind(u64, AlertKind),
    /// A reading.
    Read(Read),
}

/// The readings of the kinds that some rule watches: what nobody watches is kept in a map, and goes no further.
pub(super) fn watched<'scope>(readings: Rows<'scope, Read>, rules: &Rules<'scope>) -> Rows<'scope, Read> {
    let peers = readings.peers() as u64;
    let kinds = rules.alerts.clone().map(|(rule, _)| rule.kind);
    // What is late about reports is the same for all kinds of alerts about them, and is kept once.
    let kinds = kinds.concat(rules.reports.clone().map(|_| AlertKind::ReportRate));
    let kinds = kinds.flat_map(move |kind| (0..peers).map(move |worker| In::Kind(worker, kind)));
    let route = |row: &In| match row {
        In::Kind(worker, _) => *worker,
        In::Read((_, of, ts, _)) => (of, ts).hashed(),
    };
    let mut kept: FastMap<Read, isize> = FastMap::default();
    let mut rules: BTreeMap<AlertKind, isize> = BTreeMap::new();
    let step = move |rows: Vec<Change<In>>, out: &mut Vec<Change<Read>>| {
        let before = rules.clone();
        let mut reads = Vec::new();
        for (row, n) in rows {
            match row {
                In::Kind(_, kind) => *rules.entry(kind).or_default() += n,
                In::Read(read) => reads.push((read, n)),
            }
        }
        rules.retain(|_, n| *n != 0);
        let changed = |kind: &AlertKind| before.contains_key(kind) != rules.contains_key(kind);
        let edited = !before.keys().eq(rules.keys());
        if edited {
            let old = |read: &Read| changed(&read.0) && before.contains_key(&read.0);
            out.extend(kept.iter().filter(|(read, _)| old(read)).map(|(read, n)| (*read, -n)));
        }
        for (read, n) in reads {
            let count = kept.entry(read).or_default();
            *count += n;
            if *count == 0 {
                kept.remove(&read);
            }
            if !changed(&read.0) && rules.contains_key(&read.0) {
                out.push((read, n));
            }
        }
        if edited {
            let new = |read: &Read| changed(&read.0) && rules.contains_key(&read.0);
            out.extend(kept.iter().filter(|(read, _)| new(read)).map(|(read, n)| (*read, *n)));
        }
    };
    at_close(readings.map(In::Read).concat(kinds), "Readings that are watched", route, step).flat_map(
        |(kind, of, ts, reading)| {
            let kinds = match kind {
                AlertKind::ReportRate => OF_REPORTS,
                kind => [Some(kind), None, None, None],
            };
            kinds.into_iter().flatten().map(move |kind| (kind, of, ts, reading))
        },
    )
}

/// The readings of cameras and the floor, and which hours have facts that came late.
pub(super) fn readings<'scope>(sources: &Sources<'scope>) -> Rows<'scope, Read> {
    let quality = sources.quality.clone().flat_map(|h| {
        let shares =
            [(AlertKind::EmptyRate, h.qr_failed, h.sessions), (AlertKind::ExportSuccess, h.exports_ok, h.exports)];
        shares.into_iter().filter(|(_, _, whole)| *whole > 0).map(move |(kind, part, whole)| {
            let share = Share { part: part.into(), whole: whole.into() };
            (kind, Of::source(h.camera), h.hour, Reading::Share(share, whole.into(), Some(h.rules)))
        })
    });
    let all = Of::source(Name::default());
    let floor = sources.floor.clone().flat_map(move |h| {
        let share = Share { part: h.worker_utilisation_ppm, whole: u64::from(h.workers) * 1_000_000 };
        let there = (h.active_us.0 + h.idle_us.0).max(0) as u64;
        let reading = Reading::Share(share, there / 1_000_000, Some(h.rules));
        (h.workers > 0).then_some((AlertKind::FloorUtilisation, all, h.hour, reading))
    });
    let events = sources.late.clone().flat_map(move |(h, timed)| {
        let of = Of { source: h.source, model: Some([h.event_type, h.model, h.version]) };
        let time = [(AlertKind::StationUtilisation, Of::source(h.source)), (AlertKind::FloorUtilisation, all)];
        let time = time.into_iter().filter(move |_| timed);
        let reports = (AlertKind::ReportRate, Of::source(h.source));
        time.chain([(AlertKind::Confidence, of), reports]).map(move |(kind, of)| (kind, of, h.hour, Reading::Late))
    });
    let exports = sources.exports.clone().flat_map(|e| {
        let read = (AlertKind::ExportSuccess, Of::source(e.camera), e.session, Reading::LateSession);
        (e.received_at - e.ts > LATE).then_some(read)
    });
    quality.concatenate([floor, events, exports])
}

/// The readings of stations and models, which come only while they are watched.
pub(super) fn watched_readings<'scope>(sources: &Sources<'scope>) -> Rows<'scope, Read> {
    let stations = sources.stations.clone().flat_map(|h| {
        let (part, whole) = (h.working_us.0.max(0) as u64, (h.working_us.0 + h.idle_us.0).max(0) as u64);
        let reading = Reading::Share(Share { part, whole }, whole / 1_000_000, Some(h.rules));
        (whole > 0).then_some((AlertKind::StationUtilisation, Of::source(h.station), h.hour, reading))
    });
    let models = sources.models.clone().map(|(h, (count, sum))| {
        let of = Of { source: h.source, model: Some([h.event_type, h.model, h.version]) };
        let share = Share { part: sum, whole: 10_000 * count };
        (AlertKind::Confidence, of, h.hour, Reading::Share(share, count, None))
    });
    let windows = sources.windows.clone().map(|w| {
        let reading = Reading::Reports(w.value, w.reports);
        (w.kind, Of::source(w.source), w.hour, reading)
    });
    stations.concatenate([models, windows])
}
