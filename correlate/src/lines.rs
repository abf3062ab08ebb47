//! `line_crossings`: tracks that settled on one side of a line, and then on the other.
//!
//! ```text
//! polylines ⋈ lines → runs per (track, line, minute) → crossings per (track, line) → ⋈ fates
//! ```
//!
//! The definition, in integers. Let a and b be the line's ends and p a point's foot, all in millionths, and
//! w × h the picture. `c = cross(a, b, p)` tells the side: right when positive, left when negative. p lies in
//! the dead band when `(w·c)² < band²·((w·(bx−ax))² + (h·(by−ay))²)`, which is "nearer to the line than
//! `band` millionths of the picture's height", multiplied out. Points in the band, or with c = 0, are on no
//! side and are passed over.
//!
//! A *run* is a longest sequence of points on one side. It is settled when it spans at least `settle` from
//! its first to its last point. A track's first run, and the last run of a track that has ended, began or
//! went on out of sight: there two points are enough, or one if the track's next point (for the last run: the one
//! before), in the band or not, is at least `settle` away. Runs that did not settle are passed over. Where two
//! settled runs in a row lie on different sides, the step from the last point p of the old run to the first
//! point q of the new one is a crossing, if it meets the line between its ends, give or take a twentieth of
//! its length: with `d = b − a`, `D(x) = (x − a)·d` and c as above, the step meets the endless line at the
//! share `(c(p)·D(q) − c(q)·D(p)) / ((c(p) − c(q))·d·d)` of the way from a to b. A thing that walks round the end
//! of the line changes sides without crossing.

use super::polyline::{Fate, Point, Polyline, SHARDS, TrackKey};
use crate::rows::Rows;
use gemba_schemas::geometry::{self, cross};
use gemba_schemas::id::Name;
use gemba_schemas::rule::LineRule;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::LineCrossing;
use serde::{Deserialize, Serialize};

/// A line crosses this share of its length beyond its ends: 1 / `TOLERANCE`.
const TOLERANCE: i128 = 20;

/// What of a line decides once it is known which side each point is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct LineKey {
    line: Name,
    from: geometry::Point,
    to: geometry::Point,
    left: Name,
    right: Name,
    inside: Name,
    settle: Micros,
    rules: Name,
}

/// What decides which side a point is on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Plan {
    key: LineKey,
    band: i32,
    classes: Vec<Name>,
}

/// A point at an end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Mark {
    ts: EventTime,
    frame: u64,
    foot: geometry::Point,
    class: Name,
    model: Name,
}

/// Neighbouring points on one side, or in the dead band. Ordered by time: minute, then ordinal within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Run {
    minute: EventTime,
    ordinal: u32,
    /// Whether on the right; `None` in the band.
    right: Option<bool>,
    points: u32,
    first: Mark,
    last: Mark,
}

/// Whether the point is to the right of the line (`Some(true)`), to the left, or on neither side.
fn side(plan: &Plan, p: &Point) -> Option<bool> {
    let (a, b) = (plan.key.from, plan.key.to);
    let (w, h) = (i128::from(p.width), i128::from(p.height));
    let c = i128::from(cross(a, b, p.foot));
    let dx = w * (i128::from(b.x) - i128::from(a.x));
    let dy = h * (i128::from(b.y) - i128::from(a.y));
    let band = i128::from(plan.band);
    // Saturation only ever meets coordinates far outside any picture.
    let distance = (w * c).saturating_mul(w * c);
    let limit = (band * band).saturating_mul(dx * dx + dy * dy);
    (c != 0 && distance >= limit).then_some(c > 0)
}

/// Whether the step from p to q, on different sides, meets the line between its ends (with tolerance).
fn meets(line: &LineKey, p: geometry::Point, q: geometry::Point) -> bool {
    let (a, b) = (line.from, line.to);
    let (dx, dy) = (i128::from(b.x) - i128::from(a.x), i128::from(b.y) - i128::from(a.y));
    let along =
        |x: geometry::Point| (i128::from(x.x) - i128::from(a.x)) * dx + (i128::from(x.y) - i128::from(a.y)) * dy;
    let (cp, cq) = (i128::from(cross(a, b, p)), i128::from(cross(a, b, q)));
    let sign = if cp > cq { 1 } else { -1 };
    let share = sign * (cp * along(q) - cq * along(p));
    let whole = sign * (cp - cq) * (dx * dx + dy * dy);
    TOLERANCE * share >= -whole && TOLERANCE * share <= (TOLERANCE + 1) * whole
}

fn runs(plan: &Plan, line: &Polyline) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for p in &line.points {
        if !(plan.classes.is_empty() || plan.classes.contains(&p.class)) {
            continue;
        }
        let right = side(plan, p);
        let mark = Mark { ts: p.ts, frame: p.frame, foot: p.foot, class: p.class, model: p.model };
        match runs.last_mut() {
            Some(run) if run.right == right => {
                run.last = mark;
                run.points += 1;
            }
            _ => {
                let ordinal = runs.len() as u32;
                runs.push(Run { minute: line.minute, ordinal, right, points: 1, first: mark, last: mark });
            }
        }
    }
    runs
}

/// A run on one side, with what lies in the band passed over.
struct Stay {
    right: bool,
    points: u32,
    first: Mark,
    last: Mark,
    /// When the track's points next to it were seen.
    before: Option<EventTime>,
    after: Option<EventTime>,
}

/// The stays in the minutes' runs of one track, in order of time.
fn stays(minutes: &[(&Run, isize)]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::new();
    for (i, (run, _)) in minutes.iter().enumerate() {
        let Some(right) = run.right else { continue };
        let after = minutes.get(i + 1).map(|(next, _)| next.first.ts);
        match stays.last_mut() {
            Some(stay) if stay.right == right => {
                stay.last = run.last;
                stay.points += run.points;
                stay.after = after;
            }
            _ => {
                let before = i.checked_sub(1).map(|i| minutes[i].0.last.ts);
                stays.push(Stay { right, points: run.points, first: run.first, last: run.last, before, after });
            }
        }
    }
    stays
}

/// A crossing, and whether it holds only if the track has ended.
type Draft = (Mark, Mark, bool, bool);

/// The crossings among the minutes' runs of one track, in order of time.
fn crossings(line: &LineKey, minutes: &[(&Run, isize)], out: &mut Vec<(Draft, isize)>) {
    let stays = stays(minutes);
    let mut settled: Option<&Stay> = None;
    for (i, stay) in stays.iter().enumerate() {
        let spans = stay.last.ts - stay.first.ts >= line.settle;
        let tentative = !spans && i + 1 == stays.len();
        let began = i == 0 && (stay.points >= 2 || stay.after.is_some_and(|at| at - stay.last.ts >= line.settle));
        let went_on =
            tentative && (stay.points >= 2 || stay.before.is_some_and(|at| stay.first.ts - at >= line.settle));
        if !(spans || began || went_on) {
            continue;
        }
        if let Some(old) = settled
            && old.right != stay.right
            && meets(line, old.last.foot, stay.first.foot)
        {
            out.push(((old.last, stay.first, stay.right, tentative), 1));
        }
        settled = Some(stay);
    }
}

fn crossing(track: TrackKey, line: &LineKey, (old, new, right, _): &Draft) -> LineCrossing {
    let (from_side, to_side) = if *right { (line.left, line.right) } else { (line.right, line.left) };
    LineCrossing {
        camera: track.camera,
        generation: track.generation,
        track: track.track,
        line: line.line,
        ts: new.ts,
        from_side,
        to_side,
        entry: to_side == line.inside,
        class: new.class,
        first_frame: old.frame,
        last_frame: new.frame,
        model: new.model,
        rules: line.rules,
    }
}

/// Every crossing of every line by every track of its camera.
pub fn line_crossings<'scope>(
    polylines: Rows<'scope, ((Name, u8), Polyline)>,
    fates: Rows<'scope, (TrackKey, Fate)>,
    rules: Rows<'scope, (LineRule, Name)>,
) -> Rows<'scope, LineCrossing> {
    let plans = rules.flat_map(|(r, rules)| {
        let key = LineKey {
            line: r.line,
            from: r.from,
            to: r.to,
            left: r.left,
            right: r.right,
            inside: r.inside,
            settle: r.settle,
            rules,
        };
        let plan = Plan { key, band: r.band, classes: r.classes };
        (0..SHARDS).map(move |shard| ((r.camera, shard), plan.clone()))
    });
    let drafts = polylines
        .join_by_key("Polylines at lines", plans, |_, line, plan| {
            let (track, key) = (line.track, plan.key);
            runs(plan, line).into_iter().map(move |run| ((track, key), run))
        })
        .reduce_by_key("Crossings of a line by a track", |(_, line), runs, out| crossings(line, runs, out));
    let sure = drafts.clone().flat_map(|((track, line), draft)| (!draft.3).then(|| crossing(track, &line, &draft)));
    let ended = fates.flat_map(|(track, fate)| fate.ended.map(|_| track));
    let tentative = drafts.flat_map(|((track, line), draft)| draft.3.then_some((track, (line, draft)))).join_by_key(
        "Crossings at a track's end",
        ended.map(|track| (track, ())),
        |&track, (line, draft), ()| [crossing(track, line, draft)],
    );
    sure.concat(tentative)
}
