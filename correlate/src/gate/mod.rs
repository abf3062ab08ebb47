//! `gate_events` and `gate_read_hours`: which plates came to a gate, and what became of the reads.
//!
//! ```text
//! plate reads ⋈ gate, formats, clock ┬ refused ────────────────────────────────────────────────┐
//!                                    └ plate → runs per hour → runs of a plate ┬ misreads ─┬───┴→ gate_read_hours
//!                                                            listed plates ⋈ ──┴ visits ───┴────→ gate_events
//! ```
//!
//! Runs of one hour merge with those of the next by the same rule, and merging is associative, so a run does not
//! depend on where hours begin. A read costs its hour, and then the chain of its plate's runs at its camera; see
//! [`misreads`] for what runs of nearly the same plate come to.

mod misreads;
mod plate;

use super::rules::Rules;
use crate::rows::Rows;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::fact::PlateRead;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{ClockRule, GateRule, PlateFormatRule, PlateList, PlateRule, Rule, digest, joined};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{GateEvent, GateReadHour, GateStatus, LATE, ReadOutcome};
use plate::Format;
pub use plate::Patterns;
use serde::{Deserialize, Serialize};

/// Reads share this many join keys towards the one gate.
const SHARDS: u64 = 64;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum OfGate {
    Gate(GateRule, Name),
    Format(PlateFormatRule),
    Clock(ClockRule),
}

/// All that decides what becomes of a read, but for the lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Plan {
    min_confidence: Score,
    agreement: Agreement,
    /// By name, then pattern.
    formats: Vec<Format>,
    clock: ClockRule,
}

/// What decides about visits once it is known which reads are whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Agreement {
    agree: u32,
    sure: Score,
    gap: Micros,
    rules: Name,
}

/// A run of a plate.
type Visit = (Lane, Run);

/// One plate at one camera.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Lane {
    camera: Name,
    plate: String,
    format: Name,
    agreement: Agreement,
}

/// What is left of a plate read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Read {
    camera: Name,
    ts: EventTime,
    text: String,
    confidence: Score,
    late: bool,
}

/// What a read is, at first sight.
enum Sight {
    Refused(ReadOutcome),
    Plate(Lane),
}

/// Reads of a plate without a long gap. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Run {
    first: EventTime,
    last: EventTime,
    reads: u32,
    best: Score,
    /// Sum of the confidences.
    total: u64,
    /// Whether a read came late.
    late: bool,
}

impl Run {
    /// Takes in a run that starts no earlier.
    fn absorb(&mut self, next: &Self) {
        self.last = self.last.max(next.last);
        self.reads = self.reads.saturating_add(next.reads);
        self.best = self.best.max(next.best);
        self.total = self.total.saturating_add(next.total);
        self.late |= next.late;
    }

    fn is_confirmed(&self, agreement: &Agreement) -> bool {
        self.reads >= agreement.agree || self.best >= agreement.sure
    }
}

/// What comes of the reads of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Finding {
    Run(Run),
    Share(Share),
}

/// The part of a run that lies in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Share {
    /// Start of the run.
    run: EventTime,
    confirmed: bool,
    hour: EventTime,
    /// Start of the part.
    first: EventTime,
    reads: u32,
}

impl Share {
    /// What the reads are, where they are no misreads.
    fn outcome(&self) -> ReadOutcome {
        if self.confirmed { ReadOutcome::Accepted } else { ReadOutcome::Unconfirmed }
    }
}

/// What is said of a visit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Said {
    Came,
    /// So many misreads of it.
    Misread(u32),
    Listed(PlateRule, Name),
}

type Counted = ((Name, EventTime, ReadOutcome), Name);

impl Plan {
    fn of(parts: &[(&OfGate, isize)]) -> Option<Self> {
        let gates = parts.iter().filter_map(|(p, _)| if let OfGate::Gate(g, sum) = p { Some((g, *sum)) } else { None });
        let (gate, _) = gates.min_by_key(|(_, sum)| sum.as_str())?;
        let clock = parts.iter().find_map(|(p, _)| if let OfGate::Clock(clock) = p { Some(clock) } else { None })?;
        let formats = parts.iter().filter_map(|(p, _)| if let OfGate::Format(f) = p { Some(f) } else { None });
        let mut rules = vec![Rule::Gate(gate.clone()), Rule::Clock(clock.clone())];
        rules.extend(formats.clone().map(|format| Rule::PlateFormat(format.clone())));
        let mut formats: Vec<Format> = formats.map(|f| (f.format, f.pattern.clone())).collect();
        formats.sort_by(|(a, p), (b, q)| (a.as_str(), p).cmp(&(b.as_str(), q)));
        let agreement = Agreement { agree: gate.agree, sure: gate.sure, gap: gate.visit_gap, rules: digest(&rules) };
        Some(Self { min_confidence: gate.min_confidence, agreement, formats, clock: clock.clone() })
    }

    fn sight(&self, patterns: &mut Patterns, read: &Read) -> Sight {
        if read.confidence <= self.min_confidence {
            return Sight::Refused(ReadOutcome::LowConfidence);
        }
        match patterns.plate(&self.formats, &read.text) {
            Some((plate, format)) => {
                Sight::Plate(Lane { camera: read.camera, plate, format, agreement: self.agreement })
            }
            None => Sight::Refused(ReadOutcome::BadFormat),
        }
    }
}

/// Merges runs, sorted by their start, that are no more than `gap` apart.
fn merge(runs: impl Iterator<Item = Run>, gap: Micros) -> Vec<Run> {
    let mut merged: Vec<Run> = Vec::new();
    for run in runs {
        match merged.last_mut() {
            Some(last) if run.first - last.last <= gap => last.absorb(&run),
            _ => merged.push(run),
        }
    }
    merged
}

/// What is known of a gate.
pub struct Gate<'scope> {
    /// The view, and whether a read of the visit came late.
    pub events: Rows<'scope, (GateEvent, bool)>,
    /// The view.
    pub hours: Rows<'scope, GateReadHour>,
}

/// Both views.
pub fn gate<'scope>(reads: Rows<'scope, PlateRead>, rules: &Rules<'scope>) -> Gate<'scope> {
    let plans = plans(rules).flat_map(|plan| (0..SHARDS).map(move |shard| (shard, plan.clone())));
    let (mut calendar, mut patterns) = (Calendar::default(), Patterns::default());
    let sights = reads
        .map(|r| {
            let late = r.received_at - r.ts > LATE;
            (r.id.0 % SHARDS, Read { camera: r.camera, ts: r.ts, text: r.text, confidence: r.confidence, late })
        })
        .join_by_key("Plates at the gate", plans, move |_, read, plan| {
            let hour = calendar.hour(&plan.clock, read.ts);
            let (lane, refused) = match plan.sight(&mut patterns, read) {
                Sight::Plate(lane) => (Some(lane), None),
                Sight::Refused(outcome) => (None, Some(((read.camera, hour, outcome), plan.agreement.rules))),
            };
            [(lane.map(|lane| ((lane, hour), (read.ts, read.confidence, read.late))), refused)]
        });
    let refused = sights.clone().flat_map(|(_, refused)| refused);

    let findings = sights
        .flat_map(|(read, _)| read)
        .reduce_by_key("Reads of a plate in an hour", |(lane, _), reads, out| {
            let runs = reads.iter().map(|((ts, confidence, late), n)| {
                let reads = u32::try_from(*n).unwrap_or(0);
                let total = u64::from(reads) * u64::from(confidence.0);
                Run { first: *ts, last: *ts, reads, best: *confidence, total, late: *late }
            });
            out.extend(merge(runs, lane.agreement.gap).into_iter().map(|run| (run, 1)));
        })
        .map(|((lane, hour), run)| (lane, (run, hour)))
        .reduce_by_key("Runs of a plate", |lane, parts, out| {
            let runs = merge(parts.iter().map(|((run, _), _)| *run), lane.agreement.gap);
            let mut parts = parts.iter().map(|((part, hour), _)| (part, *hour)).peekable();
            for run in runs {
                let confirmed = run.is_confirmed(&lane.agreement);
                while let Some((part, hour)) = parts.next_if(|(part, _)| part.first <= run.last) {
                    let share = Share { run: run.first, confirmed, hour, first: part.first, reads: part.reads };
                    out.push((Finding::Share(share), 1));
                }
                out.push((Finding::Run(run), 1));
            }
        });
    let shares = findings.clone().flat_map(|(lane, finding)| match finding {
        Finding::Share(share) => Some((lane, share)),
        Finding::Run(_) => None,
    });
    let runs = findings.flat_map(|(lane, finding)| match finding {
        Finding::Run(run) => Some((lane, run)),
        Finding::Share(_) => None,
    });
    let known = rules.plates.clone().map(|(entry, _)| entry.plate);
    let misreads = misreads::misreads(runs.clone(), known);
    let counted = refused.concat(outcomes(shares, misreads.clone()));
    Gate { events: listed(visits(runs, misreads.clone()), misreads, rules), hours: hours(counted) }
}

/// Confirmed runs that are no misreads.
fn visits<'scope>(runs: Rows<'scope, Visit>, misreads: Rows<'scope, (Visit, Visit)>) -> Rows<'scope, Visit> {
    let misread = misreads.explode(|(run, _)| [(run, -1)]);
    runs.concat(misread).filter(|(lane, run)| run.is_confirmed(&lane.agreement))
}

/// What became of the reads of runs, each read once.
fn outcomes<'scope>(
    shares: Rows<'scope, (Lane, Share)>,
    misreads: Rows<'scope, (Visit, Visit)>,
) -> Rows<'scope, Counted> {
    let counted = |lane: Lane, share: &Share, outcome| ((lane.camera, share.hour, outcome), lane.agreement.rules);
    let misreads = misreads.map(|((lane, run), _)| ((lane, run.first), ()));
    let misread = misreads.join_by_key(
        "Shares of misreads",
        shares.clone().map(|(lane, share)| ((lane, share.run), share)),
        |(lane, _), (), share| [(lane.clone(), *share)],
    );
    let moved = misread.explode(move |(lane, share)| {
        let reads = share.reads as isize;
        [(counted(lane.clone(), &share, share.outcome()), -reads), (counted(lane, &share, ReadOutcome::Misread), reads)]
    });
    shares.explode(move |(lane, share)| [(counted(lane, &share, share.outcome()), share.reads as isize)]).concat(moved)
}

/// The gate with its formats and clock: one row; none without a gate or a clock.
fn plans<'scope>(rules: &Rules<'scope>) -> Rows<'scope, Plan> {
    let gates = rules.gates.clone().map(|(gate, sum)| ((), OfGate::Gate(gate, sum)));
    let formats = rules.plate_formats.clone().map(|(format, _)| ((), OfGate::Format(format)));
    let clock = rules.clock.clone().map(|clock| ((), OfGate::Clock(clock)));
    gates
        .concatenate([formats, clock])
        .reduce_by_key("Gate", |(), parts, out| out.extend(Plan::of(parts).map(|plan| (plan, 1))))
        .map(|((), plan)| plan)
}

fn hours<'scope>(reads: Rows<'scope, Counted>) -> Rows<'scope, GateReadHour> {
    reads
        .map(|read| (read, ()))
        .reduce_by_key("Plate reads of an hour", |&((camera, hour, outcome), rules), reads, out| {
            let reads = reads.iter().map(|(_, n)| u64::try_from(*n).unwrap_or(0)).sum();
            out.push((GateReadHour { camera, hour, outcome, reads, rules }, 1));
        })
        .map(|(_, row)| row)
}

/// The visits with their misreads and what the lists say of them.
fn listed<'scope>(
    visits: Rows<'scope, Visit>,
    misreads: Rows<'scope, (Visit, Visit)>,
    rules: &Rules<'scope>,
) -> Rows<'scope, (GateEvent, bool)> {
    let entries = rules.plates.clone().map(|(entry, sum)| (entry.plate.clone(), (entry, sum)));
    let holding = visits.clone().map(|(lane, visit)| (lane.plate.clone(), (lane, visit))).join_by_key(
        "Plates on lists",
        entries,
        |_, (lane, visit), (entry, sum)| {
            let from = entry.from.is_none_or(|from| from <= visit.first);
            let holds = from && entry.until.is_none_or(|until| visit.first < until);
            holds.then(|| ((lane.clone(), *visit), Said::Listed(entry.clone(), *sum)))
        },
    );
    visits
        .map(|visit| (visit, Said::Came))
        .concat(misreads.map(|((_, run), of)| (of, Said::Misread(run.reads))))
        .concat(holding)
        .reduce_by_key("Status of a gate event", |(lane, visit), said, out| {
            let misread = said.iter().map(|(said, n)| match said {
                Said::Misread(reads) => reads.saturating_mul(u32::try_from(*n).unwrap_or(0)),
                _ => 0,
            });
            let entries = said.iter().filter_map(|(said, _)| match said {
                Said::Listed(entry, sum) => Some((entry, *sum)),
                _ => None,
            });
            // The last two only make the choice unique.
            let first = entries
                .min_by_key(|(entry, _)| (entry.list, entry.added, entry.reason.as_str(), entry.from, entry.until));
            out.push(((event(lane, visit, misread.fold(0, u32::saturating_add), first), visit.late), 1));
        })
        .map(|(_, row)| row)
}

fn event(lane: &Lane, visit: &Run, misread: u32, entry: Option<(&PlateRule, Name)>) -> GateEvent {
    GateEvent {
        camera: lane.camera,
        plate: lane.plate.clone(),
        arrived: visit.first,
        left: visit.last,
        stay_us: visit.last - visit.first,
        reads: visit.reads.saturating_add(misread),
        agreeing: visit.reads,
        confidence: visit.best,
        format: lane.format,
        status: entry.map_or(GateStatus::Unknown, |(entry, _)| match entry.list {
            PlateList::Blocked => GateStatus::Blocked,
            PlateList::Authorized => GateStatus::Authorized,
        }),
        reason: entry.map_or_else(String::new, |(entry, _)| entry.reason.clone()),
        retroactive: entry.is_some_and(|(entry, _)| entry.added > Some(visit.first)),
        rules: entry.map_or(lane.agreement.rules, |(_, sum)| joined([lane.agreement.rules, sum])),
    }
}
