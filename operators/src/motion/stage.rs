//! Measuring motion as a stage: frames of a camera in, `motion_span` facts out.
//!
//! Energy is the share of an area that changed since the last sample ([`super::change`]), so what is laid down and lies still
//! is quiet at the next sample. State: the last small picture, and for each area the span that is running; both go at the
//! end of the generation. Invariant: a span holds only consecutive samples with motion, at most [`SPAN_LIMIT`] of time.

use super::change::Change;
use super::shrink::{Shrinker, Small};
use crate::frame::{Frame, Rect};
use crate::stage::{Outlet, Seen, Stage};
use gemba_schemas::fact::{MotionSpan, SPAN_LIMIT};
use gemba_schemas::id::{FactId, Generation, Name};
use std::convert::Infallible;

/// Energies up to this are noise: 0.1 %, in 1/10 000.
const NOISE: u16 = 10;

/// A named rectangle of the picture, in fractions `[left, top, right, bottom]`.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// Its name; the whole picture is called `frame`.
    pub name: Name,
    /// Its sides.
    pub rect: [f64; 4],
}

impl Area {
    /// The whole picture.
    pub fn frame() -> Self {
        Self { name: Name::new("frame"), rect: [0.0, 0.0, 1.0, 1.0] }
    }
}

/// Measures the motion in areas of one camera's picture.
pub struct MotionStage {
    areas: Vec<(Area, Option<MotionSpan>)>,
    shrinker: Shrinker,
    small: Small,
    change: Change,
    generation: Option<Generation>,
}

impl MotionStage {
    /// A stage that measures in `areas`.
    pub fn new(areas: impl IntoIterator<Item = Area>) -> Self {
        Self {
            areas: areas.into_iter().map(|a| (a, None)).collect(),
            shrinker: Shrinker::default(),
            small: Small::default(),
            change: Change::default(),
            generation: None,
        }
    }

    fn finish(&mut self, out: &mut Outlet<Infallible>) {
        for (_, span) in &mut self.areas {
            out.facts.extend(span.take().map(Into::into));
        }
        self.change.reset();
        self.generation = None;
    }

    fn look(&mut self, frame: &Frame, out: &mut Outlet<Infallible>) {
        self.shrinker.shrink(frame.luma(), &mut self.small);
        let Some(mask) = self.change.step(&self.small) else {
            // A picture without a predecessor: nothing is known of motion, so what ran has ended.
            for (_, span) in &mut self.areas {
                out.facts.extend(span.take().map(Into::into));
            }
            return;
        };
        for (area, span) in &mut self.areas {
            let energy = energy(mask, self.small.width, self.small.height, area.rect);
            // A frame that is not later than the last one adds nothing; the decoder does not give out any.
            let cut = energy <= NOISE || span.as_ref().is_some_and(|s| frame.meta.ts - s.started > SPAN_LIMIT);
            if cut {
                out.facts.extend(span.take().map(Into::into));
            }
            if energy > NOISE {
                match span {
                    Some(s) => extend(s, frame, energy),
                    None => *span = Some(begin(area.name, frame, energy)),
                }
            }
        }
    }
}

impl Stage for MotionStage {
    type In = Frame;
    type Out = Infallible;

    fn step(&mut self, item: Seen<Frame>, out: &mut Outlet<Infallible>) {
        match item {
            Seen::Item(frame) if frame.meta.wanted.motion => {
                if self.generation != Some(frame.meta.generation) {
                    self.finish(out);
                    self.generation = Some(frame.meta.generation);
                }
                self.look(&frame, out);
            }
            Seen::Item(_) => {}
            Seen::End(_) => self.finish(out),
        }
    }
}

/// The share of an area that changed, in 1/10 000.
fn energy(mask: &[bool], width: usize, height: usize, rect: [f64; 4]) -> u16 {
    let r = Rect::from_fractions(rect, width, height);
    let all = r.x1.saturating_sub(r.x0) * r.y1.saturating_sub(r.y0);
    if all == 0 {
        return 0;
    }
    let changed: usize =
        (r.y0..r.y1).map(|y| mask[y * width + r.x0..y * width + r.x1].iter().filter(|c| **c).count()).sum();
    (changed * 10_000 / all) as u16
}

fn begin(area: Name, frame: &Frame, energy: u16) -> MotionSpan {
    let m = &frame.meta;
    let parts: [&[u8]; 2] = [area.as_str().as_bytes(), &m.ts.0.to_le_bytes()];
    MotionSpan {
        id: FactId::of("motion_span", m.camera, m.generation, &parts),
        camera: m.camera,
        generation: m.generation,
        area,
        started: m.ts,
        ended: m.ts,
        first_frame: m.number,
        last_frame: m.number,
        offsets_ms: vec![0],
        energies: vec![energy],
    }
}

fn extend(span: &mut MotionSpan, frame: &Frame, energy: u16) {
    span.ended = frame.meta.ts;
    span.last_frame = frame.meta.number;
    span.offsets_ms.push(((frame.meta.ts - span.started).0.max(0) / 1000) as u32);
    span.energies.push(energy);
}
