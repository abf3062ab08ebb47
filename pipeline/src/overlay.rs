//! Annotated video: what was found, drawn over the footage it was found in.
//!
//! In: a camera of the site, its facts, the view rows, and its frames. Out: an mp4 with boxes and track
//! numbers, zones and lines with their counts so far, codes where they were read (or only located), the
//! packing session, faults, and a bar with camera and event time. [`Overlay`] is an index by event time; a
//! frame's drawing depends on its event time alone, so any part of the footage can be annotated by itself.

mod marks;

use gemba_operators::encode::{EncodeError, Encoder, Planes};
use gemba_operators::frame::Frame;
use gemba_schemas::fact::{Fact, Fault, TrackPoint};
use gemba_schemas::geometry::Quad;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::site::Camera;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{LineCrossing, PackingSession, ViewRow, ZoneVisit};
use std::collections::BTreeMap;
use std::path::Path;

/// Points of one track further apart than this are not joined: the track was not seen between them. (While
/// it is seen a point is stored at least once a second.)
const JOIN: Micros = Micros::from_millis(1_600);
/// How long a mark stays after its last observation: about one sample, so that marks do not flicker.
const STAY: Micros = Micros::from_millis(240);
/// How long the result of a session or a fault stays in the picture.
const LINGER: Micros = Micros::from_secs(4);

/// A code that was read, or located without being read.
struct CodeMark {
    from: EventTime,
    to: EventTime,
    corners: Quad,
    text: Option<String>,
}

/// A zone: its name and corners as fractions of the picture.
struct ZoneMark {
    name: String,
    corners: Vec<[f32; 2]>,
}

/// A line: its name, ends as fractions, and the names of its sides.
struct LineMark {
    name: String,
    ends: [[f32; 2]; 2],
    left: String,
    right: String,
}

/// A track's box at one moment, in pixels of a picture of `size`.
struct TrackMark {
    track: u32,
    class: Name,
    bounds: [f32; 4],
    size: [f32; 2],
    /// Where the foot was before, oldest first.
    trail: Vec<[f32; 2]>,
}

/// Everything that is to be drawn for one camera, by event time.
pub struct Overlay {
    camera: String,
    zones: Vec<ZoneMark>,
    lines: Vec<LineMark>,
    packing: bool,
    tracks: BTreeMap<(Generation, u32), Vec<TrackPoint>>,
    codes: Vec<CodeMark>,
    faults: Vec<Fault>,
    sessions: Vec<PackingSession>,
    visits: Vec<ZoneVisit>,
    crossings: Vec<LineCrossing>,
}

impl Overlay {
    /// Indexes the facts and rows of this camera; those of others are left out.
    pub fn new(camera: &Camera, facts: &[Fact], rows: &[ViewRow]) -> Self {
        let name = Name::new(&camera.name);
        let fraction = |[x, y]: [gemba_schemas::site::Fraction; 2]| [x.0 as f32, y.0 as f32];
        let zone = |z: &gemba_schemas::site::Zone| ZoneMark {
            name: z.name.clone(),
            corners: z.polygon.iter().copied().map(fraction).collect(),
        };
        let line = |l: &gemba_schemas::site::Line| LineMark {
            name: l.name.clone(),
            ends: [fraction(l.from), fraction(l.to)],
            left: l.left.clone(),
            right: l.right.clone(),
        };
        let mut overlay = Self {
            camera: camera.name.clone(),
            zones: camera.zones.iter().map(zone).collect(),
            lines: camera.lines.iter().map(line).collect(),
            packing: !camera.packing.is_empty(),
            tracks: BTreeMap::new(),
            codes: Vec::new(),
            faults: Vec::new(),
            sessions: Vec::new(),
            visits: Vec::new(),
            crossings: Vec::new(),
        };
        for fact in facts.iter().filter(|f| f.camera() == name) {
            overlay.add_fact(fact);
        }
        for row in rows {
            match row {
                ViewRow::PackingSession(r) if r.camera == name => overlay.sessions.push((**r).clone()),
                ViewRow::ZoneVisit(r) if r.camera == name => overlay.visits.push((**r).clone()),
                ViewRow::LineCrossing(r) if r.camera == name => overlay.crossings.push((**r).clone()),
                _ => {}
            }
        }
        overlay.tracks.values_mut().for_each(|points| points.sort_by_key(|p| (p.ts, p.frame)));
        overlay.codes.sort_by(|a, b| (a.from, &a.text).cmp(&(b.from, &b.text)));
        overlay.faults.sort_by_key(|f| (f.ts, f.id));
        overlay.sessions.sort_by_key(|r| r.started);
        overlay
    }

    fn add_fact(&mut self, fact: &Fact) {
        match fact {
            Fact::TrackPoint(p) => self.tracks.entry((p.generation, p.track)).or_default().push(p.clone()),
            Fact::CodeRead(f) => {
                let text = Some(f.text.clone());
                self.codes.push(CodeMark { from: f.first_seen, to: f.last_seen, corners: f.corners, text });
            }
            Fact::CodeMiss(f) => {
                self.codes.push(CodeMark { from: f.first_seen, to: f.last_seen, corners: f.corners, text: None });
            }
            Fact::Fault(fault) => self.faults.push(fault.clone()),
            _ => {}
        }
    }

    /// Draws what was so at `ts` onto a picture of any size.
    pub fn draw(&self, ts: EventTime, planes: &mut Planes) {
        marks::draw(self, ts, planes);
    }

    /// The tracks that were seen at `ts`, each with its box between the stored points around it.
    fn tracks_at(&self, ts: EventTime) -> Vec<TrackMark> {
        self.tracks
            .iter()
            .filter_map(|(&(_, track), points)| {
                let after = points.partition_point(|p| p.ts <= ts);
                let last = points.get(after.checked_sub(1)?)?;
                let [a, b] = [Some(last), points.get(after)].map(|p| p.map(|p| (p.ts, pixels(p))));
                let (from, start) = a?;
                let bounds = match b {
                    Some((to, end)) if to - from <= JOIN => {
                        let share = (ts - from).0 as f32 / (to - from).0.max(1) as f32;
                        std::array::from_fn(|i| start[i] + (end[i] - start[i]) * share)
                    }
                    _ if ts - from <= STAY => start,
                    _ => return None,
                };
                let since = ts - Micros::from_secs(3);
                let foot = |b: [f32; 4]| [(b[0] + b[2]) / 2.0, b[3]];
                let first = points.partition_point(|p| p.ts < since);
                let mut trail: Vec<_> = points[first.min(after)..after].iter().map(|p| foot(pixels(p))).collect();
                trail.push(foot(bounds));
                let size = [f32::from(last.width.max(1)), f32::from(last.height.max(1))];
                Some(TrackMark { track, class: last.class, bounds, size, trail })
            })
            .collect()
    }

    /// The session under way at `ts`, or the one that ended a moment ago.
    fn session_at(&self, ts: EventTime) -> Option<&PackingSession> {
        let started = &self.sessions[..self.sessions.partition_point(|r| r.started <= ts)];
        started.last().filter(|r| r.ended.is_none_or(|ended| ts <= ended + LINGER))
    }
}

fn pixels(p: &TrackPoint) -> [f32; 4] {
    [p.x0, p.y0, p.x1, p.y1].map(|v| v as f32 / gemba_schemas::geometry::SUBPIXEL as f32)
}

/// What [`annotate`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Annotated {
    /// Frames written.
    pub frames: u64,
    /// Frames left out because their size differs from the first one's.
    pub skipped: u64,
}

/// Writes an annotated copy of `frames` (in order, of one camera) to the mp4 file `path`. Frames keep their
/// distances in event time; `fps` is nominal. `progress` is called with the number of frames written.
/// Without a frame no file is written.
pub fn annotate(
    frames: impl IntoIterator<Item = Frame>,
    overlay: &Overlay,
    path: &Path,
    fps: u32,
    progress: &mut dyn FnMut(u64),
) -> Result<Annotated, EncodeError> {
    let mut done = Annotated::default();
    let mut open: Option<(Encoder, EventTime, (usize, usize))> = None;
    for frame in frames {
        let mut planes = Planes::copy_of(&frame)?;
        let size = (planes.width, planes.height);
        let (encoder, start, first_size) = match &mut open {
            Some(open) => open,
            None => {
                let encoder = Encoder::create(path, size.0, size.1, fps, Some(frame.meta.ts))?;
                open.insert((encoder, frame.meta.ts, size))
            }
        };
        if size != *first_size {
            done.skipped += 1;
            continue;
        }
        overlay.draw(frame.meta.ts, &mut planes);
        encoder.push_at(frame.meta.ts - *start, &planes.y, &planes.u, &planes.v)?;
        done.frames += 1;
        progress(done.frames);
    }
    if let Some((encoder, ..)) = open {
        encoder.finish()?;
    }
    Ok(done)
}

#[cfg(test)]
mod tests;
