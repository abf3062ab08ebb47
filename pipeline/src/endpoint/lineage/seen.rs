//! Facts under what tracks did and under packing sessions: found through the rows of the views between.

use super::Facts;
use super::ruled::{Ruled, Span, any, instant, is, length, of_camera, of_generation, of_kind, text};
use gemba_schemas::fact::FactKind;
use gemba_schemas::id::Name;
use gemba_schemas::rule::PackingRule;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{LineCrossing, PackingSession, ScopeKind, VisitEnd, ZoneVisit};

/// Coverage of a camera.
pub(super) fn coverage(camera: Name, span: Span) -> Facts {
    (FactKind::Coverage, format!("{} AND {}", of_camera(camera), span.covered()))
}

/// A visit: its points, how its track ended, and the coverage that cut it.
pub(super) fn visit(r: &ZoneVisit) -> Vec<Facts> {
    let own = of_generation(r.camera, r.generation);
    let track = format!("{own} AND t.track = {}", r.track);
    let points = Span::through(r.entered, r.left).holds("t.ts");
    let mut facts = vec![(FactKind::TrackPoint, format!("{track} AND {points}")), (FactKind::TrackEnd, track)];
    if r.end_reason == VisitEnd::Cut {
        facts.push((FactKind::Coverage, format!("{own} AND t.end_reason <> 'continues'")));
    }
    facts
}

/// A crossing: the points of the step over the line, and before and after it as many as make the track settled.
pub(super) fn crossing(ruled: &Ruled, r: &LineCrossing) -> Vec<Facts> {
    let rule = of_kind!(ruled, Line).find(|rule| (rule.camera, rule.line) == (r.camera, r.line));
    let settle = length(rule.map_or(Micros::from_secs(2), |rule| rule.settle));
    let track = format!("{} AND t.track = {}", of_generation(r.camera, r.generation), r.track);
    let ts = instant(r.ts);
    let point =
        |what: &str, when: &str| format!("(SELECT {what}(t.ts) FROM track_point AS t WHERE {track} AND {when})");
    let before = point("max", &format!("t.frame = {} AND t.ts <= {ts}", r.first_frame));
    // Where there is no such point the track began or ended sooner.
    let from = point("max", &format!("t.ts <= {before} - {settle}"));
    let to = point("min", &format!("t.ts >= {ts} + {settle}"));
    let points = format!("{track} AND coalesce(t.ts >= {from}, true) AND coalesce(t.ts <= {to}, true)");
    vec![(FactKind::TrackPoint, points), (FactKind::TrackEnd, track)]
}

/// The points, and the ends of tracks, of a camera's visits, which are rows `v`.
pub(super) fn visits(camera: Name, own: &str) -> Vec<Facts> {
    let (of, v) = (of_camera(camera), is("v.camera", camera));
    let track = format!(
        "{of} AND EXISTS (FROM zone_visits AS v WHERE {v} AND {own} AND v.generation = t.generation AND v.track = t.track"
    );
    vec![
        (FactKind::TrackPoint, format!("{track} AND t.ts BETWEEN v.entered AND v.\"left\")")),
        (FactKind::TrackEnd, format!("{track})")),
    ]
}

/// Who was inside: of a zone the visits under way, of a line the steps over it since the daily reset (with what a reset
/// took away, since the one before); and what was observed.
pub(super) fn occupancy(
    ruled: &mut Ruled,
    (camera, kind, scope): (Name, ScopeKind, Name),
    span: Span,
    residual: i32,
) -> Vec<Facts> {
    let mut facts = match kind {
        ScopeKind::Zone => {
            let (from, to) = (instant(span.from), instant(span.to));
            let under_way = format!("v.entered < {to} AND (v.\"left\" >= {from} OR v.end_reason = 'open')");
            visits(camera, &format!("{} AND {under_way}", is("v.zone", scope)))
        }
        ScopeKind::Line => {
            let mut from = ruled.reset(span.from);
            if residual != 0 {
                from = ruled.reset(from - Micros(1));
            }
            let steps = Span { from, to: span.to }.holds("c.ts");
            let (c, line) = (is("c.camera", camera), is("c.line", scope));
            let points = format!(
                "{} AND EXISTS (FROM line_crossings AS c WHERE {c} AND {line} AND {steps} \
                 AND c.generation = t.generation AND c.track = t.track \
                 AND t.frame BETWEEN c.first_frame AND c.last_frame AND t.ts <= c.ts)",
                of_camera(camera)
            );
            vec![(FactKind::TrackPoint, points)]
        }
    };
    facts.push(coverage(camera, span));
    facts
}

/// One packing session.
pub(super) fn session(ruled: &Ruled, r: &PackingSession) -> Vec<Facts> {
    sessions(ruled, r.camera, Some(r.profile), &format!("s.started = {}", instant(r.started)))
}

/// The ended packing sessions of a camera that began in a span.
pub(super) fn ended_sessions(ruled: &Ruled, camera: Name, span: Span) -> Vec<Facts> {
    sessions(ruled, camera, None, &format!("s.verdict <> 'open' AND {}", span.holds("s.started")))
}

/// Packing sessions of a camera, which are rows `s`: the codes and misses in their windows, the trigger or the motion that
/// began and ended them, and the end of coverage that cut them.
fn sessions(ruled: &Ruled, camera: Name, profile: Option<Name>, own: &str) -> Vec<Facts> {
    let profiles =
        of_kind!(ruled, Packing).filter(|p| p.camera == camera && profile.is_none_or(|own| own == p.profile));
    let profiles: Vec<_> = profiles.collect();
    let of = of_camera(camera);
    let each = |part: &dyn Fn(&PackingRule) -> Option<String>| {
        let parts = profiles.iter().filter_map(|profile| {
            let rows = chained(profile);
            part(profile)
                .map(|part| format!("EXISTS (FROM {rows} AS s WHERE {own} AND s.generation = t.generation AND {part})"))
        });
        format!("{of} AND {}", any(parts))
    };
    let mut facts = vec![
        (FactKind::CodeRead, each(&|profile| Some(any([shown(profile)].into_iter().chain(trigger(profile)))))),
        (FactKind::CodeMiss, each(&|profile| Some(in_window(profile)))),
        (FactKind::Coverage, each(&|_| Some("s.verdict = 'cut' AND t.end_reason <> 'continues'".into()))),
    ];
    if profiles.iter().any(|profile| profile.trigger.is_none()) {
        facts.push((FactKind::MotionSpan, each(&moved)));
    }
    facts
}

/// The sessions of a profile, each with the end of the one before it.
fn chained(profile: &PackingRule) -> String {
    format!(
        "(SELECT generation, started, codes, verdict, coalesce(ended, started + to_microseconds(duration_us)) AS until, \
         lag(ended) OVER (PARTITION BY generation ORDER BY started) AS before \
         FROM packing_sessions WHERE {} AND {})",
        is("camera", profile.camera),
        is("profile", profile.profile)
    )
}

/// That a code, decoded or not, was seen in the window of the session, where the profile looks for codes.
fn in_window(profile: &PackingRule) -> String {
    let first = format!("s.started - {}", length(profile.lookback));
    let area = profile.code_area.map_or_else(|| "true".into(), |area| is("t.area", area));
    format!("{area} AND t.first_seen <= s.until AND t.last_seen >= greatest({first}, coalesce(s.before, {first}))")
}

/// That it is one of the session's codes.
fn shown(profile: &PackingRule) -> String {
    format!("{} AND list_contains(s.codes, t.text)", in_window(profile))
}

/// That it is the trigger, so near to the session that it decides about its ends.
fn trigger(profile: &PackingRule) -> Option<String> {
    let (trigger, near) = (profile.trigger.as_deref()?, length(profile.off_after));
    let area = profile.trigger_area.map_or_else(|| "true".into(), |area| is("t.area", area));
    let trigger = text(trigger);
    Some(format!(
        "{area} AND t.text = {trigger} AND t.first_seen <= s.until + {near} AND t.last_seen >= s.started - {near}"
    ))
}

/// That it is the motion that is the session.
fn moved(profile: &PackingRule) -> Option<String> {
    let area = profile.motion_area.unwrap_or_else(|| Name::new("frame"));
    let touches = format!("{} AND t.started <= s.until AND t.ended >= s.started", is("t.area", area));
    profile.trigger.is_none().then_some(touches)
}

/// All sessions that there are.
pub(super) fn always() -> Span {
    Span { from: EventTime::MIN, to: EventTime::MAX }
}
