//! Facts under hours of work: events of clients, and what cameras see of stations.
//!
//! With durations `until_next` an hour also has the activity that began before it and lasts into it, and a station's hour
//! the events elsewhere that end activity there. Of a station that a camera watches an hour has what the views of the
//! camera had: coverage, counted visits, motion, and badges that were read in a presence that reaches the hour.

use super::Facts;
use super::ruled::{Ruled, Span, any, instant, is, length, of_camera, of_kind, text, texts};
use gemba_schemas::fact::FactKind;
use gemba_schemas::id::Name;
use gemba_schemas::rule::{DurationModel, StationZoneRule};
use gemba_schemas::time::Micros;

/// Whose work it is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Whose {
    /// A worker's.
    Worker(Name),
    /// A station's.
    Station(Name),
    /// Everybody's.
    Floor,
}

/// All that is under hours of work.
pub(super) fn work(ruled: &Ruled, whose: Whose, span: Span) -> Vec<Facts> {
    let mut facts = time(ruled, whose, span);
    facts.push((FactKind::Production, format!("{} AND {} AND {}", own(whose), counts(ruled), span.holds("t.ts"))));
    facts
}

/// What is under the time in hours of work.
pub(super) fn time(ruled: &Ruled, whose: Whose, span: Span) -> Vec<Facts> {
    let mut facts = vec![(FactKind::Activity, activity(ruled, whose, span))];
    facts.extend(watched(ruled, whose, span));
    facts
}

fn own(whose: Whose) -> String {
    match whose {
        Whose::Worker(worker) => is("t.worker", worker),
        Whose::Station(station) => is("t.station", station),
        Whose::Floor => "true".into(),
    }
}

/// That an event counts.
fn counts(ruled: &Ruled) -> String {
    if !of_kind!(ruled, Productivity).any(|rule| rule.require_registered) {
        return "true".into();
    }
    let workers = texts(of_kind!(ruled, Worker).map(|rule| rule.worker.as_str()));
    let stations = texts(of_kind!(ruled, Station).map(|rule| rule.station.as_str()));
    format!("t.worker IN {workers} AND t.station IN {stations}")
}

fn activity(ruled: &Ruled, whose: Whose, span: Span) -> String {
    let (own, counts) = (own(whose), counts(ruled));
    let until_next = of_kind!(ruled, Productivity).find(|rule| rule.duration == DurationModel::UntilNext);
    let Some(rule) = until_next else { return format!("{own} AND {counts} AND {}", span.holds("t.ts")) };
    // An event is ended by the worker's next, wherever that is; at a watched station it stands for no time.
    let watched = texts(of_kind!(ruled, StationZone).map(|zone| zone.station.as_str()));
    let is_watched = |station: &str| format!("coalesce({station} IN {watched}, false)");
    let of = if let Whose::Worker(worker) = whose { is("t.worker", worker) } else { "true".into() };
    let (from, near) = (instant(span.from), Span { from: span.from - rule.max_gap + Micros(1), to: span.to });
    let line = "OVER (PARTITION BY t.worker ORDER BY t.ts, t.id)";
    let lasts = format!("NOT {} AND coalesce(lead(t.ts) {line} > {from}, true)", is_watched("t.station"));
    let ends = if let Whose::Station(station) = whose {
        let before = is(&format!("lag(t.station) {line}"), station);
        let within = format!("lag(t.ts) {line} > t.ts - {}", length(rule.max_gap));
        format!("t.ts > {from} AND {before} AND {within} AND NOT {}", is_watched(&text(station.as_str())))
    } else {
        "false".into()
    };
    format!(
        "{of} AND {counts} AND {} QUALIFY ({own} AND (t.ts >= {from} OR ({lasts}))) OR coalesce({ends}, false)",
        near.holds("t.ts")
    )
}

/// What cameras saw of stations: each kind of fact once, for all of their cameras.
fn watched(ruled: &Ruled, whose: Whose, span: Span) -> Vec<Facts> {
    let all = || of_kind!(ruled, Badge);
    let own_badges = |worker: Name| all().filter(move |b| b.worker == worker).map(|b| b.badge.as_str());
    let watch = |zone: &StationZoneRule| {
        let condition = match whose {
            Whose::Station(station) => (zone.station == station).then(|| "true".into()),
            Whose::Floor => Some("true".into()),
            Whose::Worker(worker) if zone.worker == Some(worker) => Some("true".into()),
            // Theirs as far as their badge was read there.
            Whose::Worker(worker) => {
                let read = || reads("r", zone, span, own_badges(worker));
                zone.badges.then(|| format!("EXISTS (FROM code_read AS r WHERE {})", read()))
            }
        };
        condition.map(|condition| (*zone, condition))
    };
    let zones: Vec<_> = of_kind!(ruled, StationZone).filter_map(watch).collect();
    if zones.is_empty() {
        return Vec::new();
    }
    let each = |of: &dyn Fn(&StationZoneRule) -> String| {
        any(zones.iter().map(|(zone, condition)| format!("{} AND {condition}", of(zone))))
    };
    let mut facts = vec![
        (FactKind::Coverage, each(&|zone| format!("{} AND {}", of_camera(zone.camera), span.covered()))),
        (FactKind::TrackPoint, each(&|zone| presence(zone, span))),
        (FactKind::MotionSpan, each(&|zone| motion(zone, span))),
    ];
    if zones.iter().any(|(zone, _)| zone.badges) {
        let badges = || all().map(|badge| badge.badge.as_str());
        let takes =
            |zone: &StationZoneRule| if zone.badges { reads("t", zone, span, badges()) } else { "false".into() };
        facts.push((FactKind::CodeRead, each(&takes)));
    }
    facts
}

/// The counted visits of a zone.
fn visits(zone: &StationZoneRule) -> String {
    let (camera, name) = (is("camera", zone.camera), is("zone", zone.zone));
    format!("(SELECT generation, track, entered, \"left\" FROM zone_visits WHERE {camera} AND {name} AND counted)")
}

/// The points of visits that lie in the span, or so near that they decide about gaps in it.
fn presence(zone: &StationZoneRule, span: Span) -> String {
    let near = span.wider(zone.bridge).touches("v.entered", "v.\"left\"");
    format!(
        "{} AND EXISTS (FROM {} AS v WHERE {near} AND v.generation = t.generation AND v.track = t.track \
         AND t.ts BETWEEN v.entered AND v.\"left\")",
        of_camera(zone.camera),
        visits(zone)
    )
}

fn motion(zone: &StationZoneRule, span: Span) -> String {
    let near = span.wider(zone.idle_after).touches("t.started", "t.ended");
    format!("{} AND {} AND {near}", of_camera(zone.camera), is("t.area", zone.area))
}

/// The readings of badges in the span, and before it since the presence began that reaches it.
fn reads<'a>(table: &str, zone: &StationZoneRule, span: Span, badges: impl Iterator<Item = &'a str>) -> String {
    let (visits, bridge, from) = (visits(zone), length(zone.bridge), instant(span.from));
    let begun = format!(
        "SELECT max(v.entered) FROM {visits} AS v WHERE v.entered < {from} AND NOT EXISTS \
         (FROM {visits} AS w WHERE w.entered < v.entered AND w.\"left\" >= v.entered - {bridge})"
    );
    let reaches = format!("(SELECT max(v.\"left\") FROM {visits} AS v WHERE v.entered < {from}) >= {from} - {bridge}");
    format!(
        "{} AND {} AND {table}.text IN {} AND {table}.first_seen < {} \
         AND {table}.last_seen >= CASE WHEN {reaches} THEN ({begun}) ELSE {from} END",
        is(&format!("{table}.camera"), zone.camera),
        is(&format!("{table}.area"), zone.area),
        texts(badges),
        instant(span.to)
    )
}
