//! How each kind of mark looks. Pure drawing: [`Overlay`] says what there is at a moment.
//!
//! Letters are 8, 16 or 24 px high by the picture's height, always on a dark plate, so they can be read on
//! any ground.

use super::{CodeMark, LINGER, LineMark, Overlay, STAY, TrackMark, ZoneMark};
use crate::draw::{Ink, Shape, fill, frame, line, outline, rect, text, text_width};
use gemba_operators::encode::Planes;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::PackingSession;

const PLATE: Ink = Ink::rgb(12, 14, 18);
const WHITE: Ink = Ink::rgb(245, 245, 245);
const ZONE: Ink = Ink::rgb(90, 190, 250);
const LINE: Ink = Ink::rgb(255, 205, 60);
const READ: Ink = Ink::rgb(70, 230, 110);
const MISS: Ink = Ink::rgb(255, 150, 40);
const FAULT: Ink = Ink::rgb(235, 60, 50);
/// Colours of tracks, by number.
const TRACKS: [Ink; 8] = [
    Ink::rgb(255, 110, 90),
    Ink::rgb(90, 220, 255),
    Ink::rgb(190, 240, 80),
    Ink::rgb(240, 130, 255),
    Ink::rgb(255, 190, 70),
    Ink::rgb(110, 170, 255),
    Ink::rgb(90, 240, 180),
    Ink::rgb(255, 140, 180),
];

/// Scale of letters and lines for a picture of this height.
fn scale(planes: &Planes) -> usize {
    match planes.height {
        0..=479 => 1,
        480..=1199 => 2,
        _ => 3,
    }
}

pub(super) fn draw(overlay: &Overlay, ts: EventTime, planes: &mut Planes) {
    for mark in &overlay.zones {
        zone(overlay, mark, ts, planes);
    }
    for mark in &overlay.lines {
        tripwire(overlay, mark, ts, planes);
    }
    for mark in overlay.tracks_at(ts) {
        track(&mark, planes);
    }
    let upto = overlay.codes.partition_point(|c| c.from <= ts);
    for mark in overlay.codes[..upto].iter().filter(|c| ts <= c.to + STAY) {
        code(mark, planes);
    }
    bar(overlay, ts, planes);
}

fn zone(overlay: &Overlay, mark: &ZoneMark, ts: EventTime, planes: &mut Planes) {
    let s = scale(planes);
    let (w, h) = (planes.width as f32, planes.height as f32);
    let corners: Vec<_> = mark.corners.iter().map(|[x, y]| [x * w, y * h]).collect();
    let of_zone = || overlay.visits.iter().filter(|v| v.zone.as_str() == mark.name && v.entered <= ts);
    let inside = of_zone().filter(|v| ts <= v.left).count();
    let counted = of_zone().filter(|v| v.counted && v.left <= ts).count();
    if inside > 0 && corners.len() <= 4 {
        fill(planes, &Shape::polygon(&corners), 1.0, 0.18, ZONE);
    }
    outline(planes, &corners, s as f32, ZONE);
    let label = match (inside, counted) {
        (0, 0) => mark.name.clone(),
        (0, n) => format!("{} {n} counted", mark.name),
        (m, n) => format!("{} {m} in, {n} counted", mark.name),
    };
    // Under the zone's lowest left corner, where nobody's body is.
    let low = corners.iter().copied().fold([f32::INFINITY, 0.0], |a, [x, y]| [a[0].min(x), f32::max(a[1], y)]);
    let y = (low[1] + 4.0 * s as f32).min(h - (8 * s) as f32 - 4.0);
    text(planes, low[0].max(4.0) + 3.0, y, s, &label, ZONE, Some(PLATE));
}

fn tripwire(overlay: &Overlay, mark: &LineMark, ts: EventTime, planes: &mut Planes) {
    let s = scale(planes);
    let (w, h) = (planes.width as f32, planes.height as f32);
    let [from, to] = mark.ends.map(|[x, y]| [x * w, y * h]);
    let crossed = |side: &str| {
        let of_line = overlay.crossings.iter().filter(|c| c.line.as_str() == mark.name && c.ts <= ts);
        of_line.filter(|c| c.to_side.as_str() == side).count()
    };
    let recent = overlay
        .crossings
        .iter()
        .any(|c| c.line.as_str() == mark.name && c.ts <= ts && ts - c.ts <= Micros::from_millis(600));
    line(planes, from, to, if recent { 4.0 } else { 1.5 } * s as f32, if recent { WHITE } else { LINE });
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = dx.hypot(dy).max(1.0);
    // To the right of from→to on the screen (y downwards).
    let (nx, ny) = (-dy / length, dx / length);
    let middle = [(from[0] + to[0]) / 2.0, (from[1] + to[1]) / 2.0];
    for (name, way) in [(&mark.right, 1.0), (&mark.left, -1.0)] {
        let label = format!("{name} {}", crossed(name));
        let half = text_width(s, &label) / 2.0;
        let off = way * (half + 10.0 * s as f32);
        let (x, y) = (middle[0] + nx * off - half, middle[1] + ny * off - (4 * s) as f32);
        text(planes, x, y, s, &label, LINE, Some(PLATE));
    }
    let top = if from[1] < to[1] { from } else { to };
    text(planes, top[0] + 4.0, top[1] - (10 * s) as f32, s, &mark.name, LINE, Some(PLATE));
}

fn track(mark: &TrackMark, planes: &mut Planes) {
    let s = scale(planes);
    let ink = TRACKS[mark.track as usize % TRACKS.len()];
    let (kx, ky) = (planes.width as f32 / mark.size[0], planes.height as f32 / mark.size[1]);
    let [x0, y0, x1, y1] = [mark.bounds[0] * kx, mark.bounds[1] * ky, mark.bounds[2] * kx, mark.bounds[3] * ky];
    for pair in mark.trail.windows(2) {
        let [a, b] = [pair[0], pair[1]].map(|[x, y]| [x * kx, y * ky]);
        line(planes, a, b, s as f32 * 0.8, ink);
    }
    frame(planes, [x0, y0, x1, y1], s as f32, ink);
    fill(planes, &Shape::ellipse([(x0 + x1) / 2.0, y1], [2.5 * s as f32; 2], 0.0), 1.0, 1.0, ink);
    let label = format!("{} {}", mark.track, mark.class);
    let above = y0 - (8 * s) as f32 - 4.0;
    let y = if above < (8 * s) as f32 + 12.0 { y0 + 4.0 } else { above };
    text(planes, x0 + 3.0, y, s, &label, ink, Some(PLATE));
}

fn code(mark: &CodeMark, planes: &mut Planes) {
    let s = scale(planes);
    let q = mark.corners.0.map(|v| v as f32);
    let corners = [[q[0], q[1]], [q[2], q[3]], [q[4], q[5]], [q[6], q[7]]];
    let (ink, label) = match &mark.text {
        Some(text) => (READ, text.chars().take(40).collect::<String>()),
        None => (MISS, "not decoded".to_owned()),
    };
    outline(planes, &corners, 1.5 * s as f32, ink);
    let left = corners.iter().map(|c| c[0]).fold(f32::INFINITY, f32::min);
    let top = corners.iter().map(|c| c[1]).fold(f32::INFINITY, f32::min);
    let x = left.min(planes.width as f32 - text_width(s, &label) - 4.0).max(4.0);
    text(planes, x, top - (8 * s) as f32 - 6.0, s, &label, ink, Some(PLATE));
}

/// The bar along the top: camera, time, session; under it what went wrong.
fn bar(overlay: &Overlay, ts: EventTime, planes: &mut Planes) {
    let s = scale(planes);
    let height = (8 * s + 12) as f32;
    let w = planes.width as f32;
    rect(planes, [0.0, 0.0, w, height], 0.75, PLATE);
    let time = ts.rfc3339();
    let time = time.get(..23).unwrap_or(&time).replace('T', " ");
    text(planes, 8.0, 6.0, s, &format!("{}  {time} UTC", overlay.camera), WHITE, None);
    if overlay.packing {
        let (label, ink) = overlay.session_at(ts).map_or(("waiting".to_owned(), WHITE), |r| session(r, ts));
        text(planes, (w - text_width(s, &label) - 8.0).max(0.0), 6.0, s, &label, ink, None);
    }
    let faults = overlay.faults.iter().filter(|f| f.ts <= ts && ts - f.ts <= LINGER);
    for (i, fault) in faults.take(3).enumerate() {
        let label = format!("{} {}: {}", fault.stage, fault.kind, fault.detail);
        let y = height + 6.0 + (i * (8 * s + 8)) as f32;
        text(planes, 8.0, y, s, &label, FAULT, Some(PLATE));
    }
}

fn session(row: &PackingSession, ts: EventTime) -> (String, Ink) {
    let codes = if row.codes.is_empty() { "no code".to_owned() } else { row.codes.join(" ") };
    match row.ended {
        Some(ended) if ended < ts => {
            let ink = if row.codes.is_empty() { MISS } else { READ };
            (format!("packed in {:.1} s, {} {codes}", row.duration_us.as_secs_f64(), row.verdict), ink)
        }
        _ => (format!("packing {:.1} s  {codes}", (ts - row.started).as_secs_f64()), LINE),
    }
}
