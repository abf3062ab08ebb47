//! `coverage_hours`, and the observed parts of minutes that rates divide by.
//!
//! ```text
//! coverage → pieces per (camera, minute) → union → ┬→ observed minutes (also for occupancy)
//!            frames per row ───────────────────────┼→ ⋈ clock → per (camera, hour)
//! faults ──────────────────────────────────────────┘
//! ```
//!
//! Time that two generations of one camera both saw counts once. A row longer than a day counts its first day.

use crate::rows::Rows;
use differential_dataflow::hashable::Hashable;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::fact::{Coverage, CoverageEnd, Fault};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::rule::ClockRule;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::CoverageHour;
use serde::{Deserialize, Serialize};

/// The observed part of a minute: disjoint stretches `[from, to)` in µs from its start, in order.
pub type Pieces = Vec<(u32, u32)>;

/// Longest stretch that one row may claim.
const DAY: Micros = Micros(24 * Micros::HOUR.0);

/// What was observed of each (camera, minute); minutes of which nothing was are absent.
pub fn observed_minutes<'scope>(coverage: Rows<'scope, Coverage>) -> Rows<'scope, ((Name, EventTime), Pieces)> {
    coverage
        .flat_map(|row| {
            let ended = row.ended.min(row.started + DAY);
            let mut from = row.started;
            std::iter::from_fn(move || {
                let minute = from.floor(Micros::MINUTE);
                let to = ended.min(minute + Micros::MINUTE);
                (from < to).then(|| {
                    let piece = ((from - minute).0 as u32, (to - minute).0 as u32);
                    from = to;
                    ((row.camera, minute), piece)
                })
            })
        })
        .reduce_by_key("Observed part of a minute", |_, pieces, out| {
            let mut union: Pieces = Vec::with_capacity(1);
            for ((from, to), _) in pieces {
                match union.last_mut() {
                    Some(last) if *from <= last.1 => last.1 = last.1.max(*to),
                    _ => union.push((*from, *to)),
                }
            }
            out.push((union, 1));
        })
}

/// The end of coverage of every generation that has ended: the latest end of a row after which nothing follows.
pub fn generation_ends<'scope>(coverage: Rows<'scope, Coverage>) -> Rows<'scope, ((Name, Generation), EventTime)> {
    coverage
        .flat_map(|row| (row.end_reason != CoverageEnd::Continues).then_some(((row.camera, row.generation), row.ended)))
        .reduce_by_key("End of a generation", |_, ends, out| out.extend(ends.last().map(|(end, _)| (**end, 1))))
}

/// What counts towards an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Share {
    /// An observed stretch and its length.
    Observed { first: EventTime, last: EventTime, micros: i64 },
    /// A coverage row, in the hour in which it started.
    Row { started: EventTime, first_of_generation: bool, seen: u32, decoded: u32, skipped: u32, corrupt: u32 },
    /// Faults.
    Fault { ts: EventTime, count: u32 },
}

impl Share {
    fn ts(&self) -> EventTime {
        match self {
            Self::Observed { first, .. } => *first,
            Self::Row { started, .. } => *started,
            Self::Fault { ts, .. } => *ts,
        }
    }
}

/// Cameras share this many join keys towards the one clock.
const SHARDS: u64 = 64;

/// The view.
pub fn coverage_hours<'scope>(
    observed: Rows<'scope, ((Name, EventTime), Pieces)>,
    coverage: Rows<'scope, Coverage>,
    faults: Rows<'scope, Fault>,
    clock: Rows<'scope, ClockRule>,
) -> Rows<'scope, CoverageHour> {
    let observed = observed.flat_map(|((camera, minute), pieces)| {
        let first = minute + Micros(i64::from(pieces.first()?.0));
        let last = minute + Micros(i64::from(pieces.last()?.1));
        let micros = pieces.iter().map(|(from, to)| i64::from(to - from)).sum();
        Some((camera, Share::Observed { first, last, micros }))
    });
    let rows = coverage.map(|row| {
        let share = Share::Row {
            started: row.started,
            first_of_generation: row.segment == 0,
            seen: row.frames_seen,
            decoded: row.frames_decoded,
            skipped: row.frames_skipped,
            corrupt: row.frames_corrupt,
        };
        (row.camera, share)
    });
    let faults = faults.map(|f| (f.camera, Share::Fault { ts: f.ts, count: f.count }));
    let shares =
        observed.concatenate([rows, faults]).map(|(camera, share)| (camera.hashed() % SHARDS, (camera, share)));
    let clocks = clock.flat_map(|clock| (0..SHARDS).map(move |shard| (shard, clock.clone())));
    let mut calendar = Calendar::default();
    shares
        .join_by_key("Coverage in its hours", clocks, move |_, (camera, share), clock| {
            [((*camera, calendar.hour(clock, share.ts())), *share)]
        })
        .reduce_by_key("Coverage of an hour", |&(camera, hour), shares, out| {
            let mut row = CoverageHour {
                camera,
                hour,
                observed_us: Micros::ZERO,
                frames_seen: 0,
                frames_decoded: 0,
                frames_skipped: 0,
                frames_corrupt: 0,
                faults: 0,
                generations: 0,
                first_seen: EventTime::MAX,
                last_seen: EventTime::MIN,
            };
            let mut seen = false;
            let span = |row: &mut CoverageHour, first: EventTime, last: EventTime| {
                row.first_seen = row.first_seen.min(first);
                row.last_seen = row.last_seen.max(last);
            };
            for (share, n) in shares {
                let n = u64::try_from(*n).unwrap_or(0);
                match share {
                    Share::Observed { first, last, micros } => {
                        seen = true;
                        span(&mut row, *first, *last);
                        row.observed_us = row.observed_us + Micros(*micros);
                    }
                    Share::Row { started, first_of_generation, seen: all, decoded, skipped, corrupt } => {
                        seen = true;
                        span(&mut row, *started, *started);
                        row.frames_seen += n * u64::from(*all);
                        row.frames_decoded += n * u64::from(*decoded);
                        row.frames_skipped += n * u64::from(*skipped);
                        row.frames_corrupt += n * u64::from(*corrupt);
                        row.generations += u32::from(*first_of_generation) * n as u32;
                    }
                    // Faults sort last: they say when only where nothing was seen.
                    Share::Fault { ts, count } => {
                        if !seen {
                            span(&mut row, *ts, *ts);
                        }
                        row.faults += n * u64::from(*count);
                    }
                }
            }
            out.push((row, 1));
        })
        .map(|(_, row)| row)
}
