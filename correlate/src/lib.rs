//! Correlate: the views as differential collections, a pure function of (facts, rules, now).
//!
//! ```text
//! facts → split → dedupe ┬ points → polylines ─┬─────────────→ fates
//!                        │                     ├─ ⋈ zones, fates → zone_visits ────┐
//!                        │                     └─ ⋈ lines, fates → line_crossings ─┤
//!                        ├ coverage → observed minutes ┬─────────→ occupancy_minutes → occupancy_hours
//!                        │ faults ─────────────────────┴─────────→ coverage_hours
//!                        ├ reads, misses, motion ⋈ profiles, now → packing_sessions
//!                        ├ marks ⋈ shifts, holidays, now ────────→ attendance_days
//!                        └ plates ⋈ formats, lists ──────────────→ gate_events, gate_read_hours
//! ```
//!
//! Facts, rules and now may arrive at any worker, in any order, in any multiplicity. A closed tick means that the
//! rows are what the definitions say of everything up to that tick. No operator reads a clock or a file.
//! Reductions are keyed by small integers and see one minute, hour, day, track or session at a time.

#![deny(missing_docs)]

mod attendance;
mod coverage;
mod dedupe;
mod gate;
mod lines;
mod occupancy;
mod packing;
mod polyline;
mod rules;
mod tick;
mod timeline;
mod zones;

use dedupe::Kinds;
use differential_dataflow::VecCollection;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::Rule;
use gemba_schemas::time::{EventTime, Tick};
use gemba_schemas::view::ViewRow;
use rules::Rules;

/// Every row of every view.
///
/// `now` holds one row, the instant up to which sessions under way are reported; of several the latest
/// counts, and without any nothing is open and no attendance is reported.
pub fn correlate<'scope>(
    facts: VecCollection<'scope, Tick, Fact, isize>,
    rules: VecCollection<'scope, Tick, Rule, isize>,
    now: VecCollection<'scope, Tick, EventTime, isize>,
) -> VecCollection<'scope, Tick, ViewRow, isize> {
    let facts = Kinds::split(facts).dedupe();
    let rules = Rules::split(rules);

    let generation_ends = coverage::generation_ends(facts.coverage.clone());
    let sessions = packing::sessions(&facts, generation_ends.clone(), &rules, now.clone());

    let polylines = polyline::polylines(facts.points);
    let fates = polyline::fates(polylines.clone(), facts.ends, generation_ends);
    let polylines = polylines.map(|line| (line.track.shard(), line));
    let visits = zones::visits(polylines.clone(), fates.clone(), rules.zones.clone());
    let crossings = lines::line_crossings(polylines, fates, rules.lines.clone());

    let observed = coverage::observed_minutes(facts.coverage.clone());
    let (minutes, hours) = occupancy::occupancy(crossings.clone(), visits.clone(), observed.clone(), &rules);
    let coverage_hours = coverage::coverage_hours(observed, facts.coverage, facts.faults, rules.clock.clone());

    let attendance_days = attendance::attendance_days(facts.marks, &rules, now);
    let (gate_events, gate_read_hours) = gate::gate(facts.plates, &rules);

    sessions.map(ViewRow::from).concatenate([
        visits.map(ViewRow::from),
        crossings.map(ViewRow::from),
        minutes.map(ViewRow::from),
        hours.map(ViewRow::from),
        coverage_hours.map(ViewRow::from),
        attendance_days.map(ViewRow::from),
        gate_events.map(ViewRow::from),
        gate_read_hours.map(ViewRow::from),
    ])
}
