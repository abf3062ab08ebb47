//! Correlate: the views as differential collections, a pure function of (facts, rules, now).
//!
//! ```text
//! facts → split → dedupe ┬ points → polylines ─┬─────────────→ fates
//!                        │                     ├─ ⋈ zones, fates → zone_visits ────┬→ dwell_days
//!                        │                     └─ ⋈ lines, fates → line_crossings ─┤
//!                        ├ coverage → observed minutes ┬─────────→ occupancy_minutes → _hours, _days, _months
//!                        │ faults ─────────────────────┴─────────→ coverage_hours
//!                        ├ reads, misses, motion ⋈ profiles, now → packing_sessions ─┐
//!                        ├ reviews, exports ─────────────────────────────────────────┴→ quality_hours, quality_cameras
//!                        │                                                              │
//!                        ├ device statuses ─────────────────────────────────────────────┤
//!                        │                      hours of work and models, gate_events ──┴ ⋈ alert rules → alerts
//!                        ├ events → tally ───────────────────────────────────┬→ worker_hours, station_hours → floor_hours
//!                        │    └→ unregistered                                 │
//!                        ├ visits, coverage, motion, reads ⋈ station zones ──┘
//!                        ├ events, points → drift_hours → retrain_requests, windows → alerts
//!                        ├ late → late_facts
//!                        ├ marks ⋈ shifts, holidays, now ────────→ attendance_days
//!                        └ plates ⋈ formats, lists ──────────────→ gate_events, gate_read_hours
//! ```
//!
//! Facts, rules and now may arrive at any worker, in any order, in any multiplicity. A closed tick means that the
//! rows are what the definitions say of everything up to that tick. No operator reads a clock or a file.
//! Reductions are keyed by small integers and see one minute, hour, day, track or session at a time; those above them
//! see the days of one month or camera, the bad and good hours of one alert rule at what it watches, the hours of one
//! source, or who was at one station. Mapping, filtering and putting together are no operators: see `rows`.

#![deny(missing_docs)]

mod alerts;
mod attendance;
mod coverage;
mod dedupe;
mod drift;
mod dwell;
mod event;
mod gate;
mod keyed;
mod lines;
mod occupancy;
mod packing;
mod polyline;
mod productivity;
mod quality;
mod rows;
mod rules;
mod sightings;
mod sums;
mod tick;
mod timeline;
mod zones;

pub use dedupe::Receipt;
pub use gate::Patterns;

use dedupe::Kinds;
use differential_dataflow::VecCollection;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::{LateFact, ViewRow};
use rows::Rows;
use rules::Rules;
use sightings::Sightings;

/// What correlate derives.
pub struct Derived<'scope> {
    /// Every row of every view.
    pub rows: VecCollection<'scope, Tick, ViewRow, isize>,
    /// At the tick of a client's fact that was there already: the answer to it. Not a view: receipts are given
    /// once, and never taken back.
    pub receipts: VecCollection<'scope, Tick, Receipt, isize>,
}

/// The five views that follow from events of workers alone, and nothing else: hours of workers, of stations, of the floor
/// and of models, and who is not registered. What they cost, beside what all views do, is what this is for.
pub fn of_events<'scope>(
    facts: VecCollection<'scope, Tick, Fact, isize>,
    rules: VecCollection<'scope, Tick, Rule, isize>,
) -> VecCollection<'scope, Tick, ViewRow, isize> {
    let (facts, rules) = (Kinds::split(facts.into()), Rules::split(rules.into()));
    let sightings = Sightings::of(facts.reads, facts.motion, &rules);
    let observed = coverage::observed_minutes(facts.coverage);
    let scope = observed.scope();
    let nobody = Rows::none(scope);
    let seen = productivity::Seen { visits: nobody, observed, badges: sightings.badges, moving: sightings.moving };
    let work = productivity::work(facts.events, seen, &rules);
    let drift = drift::drift(work.models, facts.points, &rules, Rows::none(scope));
    work.rows.concatenate([work.floor.map(ViewRow::from), work.unregistered, drift.rows]).into()
}

/// Every row of every view, and what became of clients' facts.
///
/// `now` holds one row, the instant up to which sessions under way are reported; of several the latest
/// counts, and without any nothing is open and no attendance is reported.
pub fn correlate<'scope>(
    facts: VecCollection<'scope, Tick, Fact, isize>,
    rules: VecCollection<'scope, Tick, Rule, isize>,
    now: VecCollection<'scope, Tick, EventTime, isize>,
) -> Derived<'scope> {
    let (facts, receipts) = Kinds::split(facts.into()).dedupe();
    let (rules, now) = (Rules::split(rules.into()), Rows::from(now));

    let generation_ends = coverage::generation_ends(facts.coverage.clone());
    let Sightings { spells, codes, badges, moving } = Sightings::of(facts.reads, facts.motion, &rules);
    let sessions = packing::sessions(spells, codes, facts.misses, generation_ends.clone(), &rules, now.clone());

    let polylines = polyline::polylines(facts.points.clone());
    let fates = polyline::fates(polylines.clone(), facts.ends, generation_ends);
    let polylines = polylines.map(|line| (line.track.shard(), line));
    let visits = zones::visits(polylines.clone(), fates.clone(), rules.zones.clone());
    let crossings = lines::line_crossings(polylines, fates, rules.lines.clone());

    let observed = coverage::observed_minutes(facts.coverage.clone());
    let occupancy = occupancy::occupancy(crossings.clone(), visits.clone(), observed.clone(), &rules);
    let dwell_days = dwell::dwell_days(visits.clone(), &rules);
    let seen = productivity::Seen { visits: visits.clone(), observed: observed.clone(), badges, moving };
    let coverage_hours = coverage::coverage_hours(observed, facts.coverage, facts.faults, rules.clock.clone());

    let work = productivity::work(facts.events, seen, &rules);
    let drift = drift::drift(work.models, facts.points, &rules, now.clone());
    let quality = quality::quality(sessions.clone(), facts.reviews, facts.exports.clone(), &rules);

    let attendance_days = attendance::attendance_days(facts.marks, &rules, now);
    let gate = gate::gate(facts.plates, &rules);
    let sources = alerts::Sources {
        quality: quality.hours.clone(),
        exports: facts.exports,
        statuses: facts.statuses,
        stations: work.watched,
        floor: work.floor.clone(),
        models: drift.watched,
        windows: drift.windows,
        late: work.late,
        visits: gate.events.clone(),
    };
    let alerts = alerts::alerts(sources, &rules);

    let rows = sessions.map(ViewRow::from).concatenate([
        visits.map(ViewRow::from),
        crossings.map(ViewRow::from),
        occupancy.minutes.map(ViewRow::from),
        occupancy.sums.hours.map(ViewRow::from),
        coverage_hours.map(ViewRow::from),
        work.rows,
        work.floor.map(ViewRow::from),
        work.unregistered,
        drift.rows,
        drift.requests.map(ViewRow::from),
        facts.late.flat_map(|late| LateFact::of(&late.fact).map(ViewRow::from)),
        occupancy.sums.days.map(ViewRow::from),
        occupancy.sums.months.map(ViewRow::from),
        dwell_days.map(ViewRow::from),
        quality.hours.map(ViewRow::from),
        quality.cameras.map(ViewRow::from),
        alerts.map(ViewRow::from),
        attendance_days.map(ViewRow::from),
        gate.events.map(|(event, _)| ViewRow::from(event)),
        gate.hours.map(ViewRow::from),
    ]);
    Derived { rows: rows.into(), receipts: receipts.concat(work.receipts).into() }
}
