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
pub(crate) const NOISE: u16 = 10;

/// A part of the picture, and the span that is running in it.
struct Area {
    name: Name,
    rect: [f64; 4],
    span: Option<MotionSpan>,
}

/// Measures the motion in areas of one camera's picture.
pub struct MotionStage {
    areas: Vec<Area>,
    shrinker: Shrinker,
    small: Small,
    change: Change,
    generation: Option<Generation>,
}

impl MotionStage {
    /// A stage that measures in `areas`: names and rectangles `[left, top, right, bottom]` in fractions.
    pub fn new(areas: Vec<(Name, [f64; 4])>) -> Self {
        Self {
            areas: areas.into_iter().map(|(name, rect)| Area { name, rect, span: None }).collect(),
            shrinker: Shrinker::default(),
            small: Small::default(),
            change: Change::default(),
            generation: None,
        }
    }

    fn finish(&mut self, out: &mut Outlet<Infallible>) {
        self.close(out);
        self.change.reset();
        self.generation = None;
    }

    fn close(&mut self, out: &mut Outlet<Infallible>) {
        out.facts.extend(self.areas.iter_mut().filter_map(|a| a.span.take()).map(Into::into));
    }

    fn look(&mut self, frame: &Frame, out: &mut Outlet<Infallible>) {
        self.shrinker.shrink(frame.luma(), &mut self.small);
        let Some(mask) = self.change.step(&self.small) else {
            // A picture without a predecessor: nothing is known of motion, so what ran has ended.
            return self.close(out);
        };
        for area in &mut self.areas {
            let energy = energy(mask, self.small.width, self.small.height, area.rect);
            let full = area.span.as_ref().is_some_and(|s| frame.meta.ts - s.started > SPAN_LIMIT);
            if energy <= NOISE || full {
                out.facts.extend(area.span.take().map(Into::into));
            }
            if energy > NOISE {
                match &mut area.span {
                    Some(span) => extend(span, frame, energy),
                    None => area.span = Some(begin(area.name, frame, energy)),
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
pub(crate) fn energy(mask: &[bool], width: usize, height: usize, rect: [f64; 4]) -> u16 {
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
