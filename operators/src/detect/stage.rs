//! Detection as a stage: frames of a camera in, [`Detections`] out, one for each sampled frame that was looked at.
//!
//! What looks is a network ([`Detector`]) or the built-in detector of figures before the background ([`Blobs`]).
//!
//! With a [`Gate`] the network runs only when it could see something new; in between its last boxes are given out again,
//! because where nothing changed they still hold. Changed means: against the picture *of the last run*, so that what
//! creeps does not slip through. It also runs when the heartbeat is due, and for [`SETTLE`] samples after anything changed
//! in the picture or in its own answer: one glimpse, repeated, must not pass for the several detections that
//! confirm a track. Blobs are not gated, they cost no more than the gate.
//!
//! A run that fails is a fault row, and the sample is left out. State: the network, the last run; nothing of a generation
//! outlives it.

use super::{Detection, Detector};
use crate::frame::Frame;
use crate::motion::{Blobs, Change, NOISE, Shrinker, Small, energy};
use crate::source::fault_log::{FaultLog, Spot};
use crate::stage::{Outlet, Seen, Stage};
use crate::track::Detections;
use gemba_schemas::fact::{FaultKind, Stage as At};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::time::{EventTime, Micros};

/// Samples that are looked at after the last change.
const SETTLE: u32 = 3;
/// Overlap (IoU) from which boxes of two runs are the same thing.
const SAME: f32 = 0.5;

/// What looks at the frames.
pub enum Eye {
    /// Figures before the background; needs no model.
    Blobs(Blobs),
    /// A network.
    Network(Detector),
}

/// When a network is spared a run.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// It runs at least this often.
    pub heartbeat: Micros,
}

/// Detects in the frames of one camera.
pub struct DetectStage {
    eye: Option<Eye>,
    gate: Option<Gate>,
    area: [f64; 4],
    shrinker: Shrinker,
    small: Small,
    change: Change,
    last: Option<Run>,
    faults: Option<FaultLog>,
}

/// The last run of the network.
struct Run {
    generation: Generation,
    ts: EventTime,
    boxes: Vec<Detection>,
    /// Samples still to be looked at, whether anything changes or not.
    settle: u32,
}

impl DetectStage {
    /// A stage that looks with `eye`; without one nothing is ever detected.
    pub fn new(eye: Option<Eye>) -> Self {
        Self {
            eye,
            gate: None,
            area: [0.0, 0.0, 1.0, 1.0],
            shrinker: Shrinker::default(),
            small: Small::default(),
            change: Change::default(),
            last: None,
            faults: None,
        }
    }

    /// The same stage whose network runs only when something changes in `area` (fractions left, top, right, bottom).
    pub fn gated(mut self, gate: Gate, area: [f64; 4]) -> Self {
        (self.gate, self.area) = (Some(gate), area);
        self
    }

    fn look(&mut self, frame: &Frame, out: &mut Outlet<Detections>) {
        let meta = frame.meta;
        let faults = self.faults.get_or_insert_with(|| FaultLog::new(meta.camera, At::Detect));
        faults.enter(meta.generation, &mut out.facts);
        faults.close(meta.ts, &mut out.facts);
        let spared = self.spared(frame);
        let ran = spared.is_none();
        let (model, boxes) = match (&mut self.eye, spared) {
            (None, _) => return,
            (Some(Eye::Network(network)), Some(boxes)) => (network.digest(), boxes),
            (Some(Eye::Blobs(blobs)), _) => (Name::new("motion"), blobs.detect(frame)),
            (Some(Eye::Network(network)), None) => match network.detect(frame) {
                Ok(boxes) => (network.digest(), boxes),
                Err(error) => {
                    // Where it failed nothing is known: the next sample is looked at again.
                    self.last = None;
                    if let Some(faults) = &mut self.faults {
                        let spot = Spot { ts: meta.ts, file: meta.file, frame: meta.number };
                        faults.note(spot, FaultKind::Library, error.to_string());
                    }
                    return;
                }
            },
        };
        if ran && self.gate.is_some() {
            self.note_run(frame, &boxes);
        }
        let (width, height) = (frame.width() as u16, frame.height() as u16);
        out.items.push(Seen::Item(Detections { meta, width, height, boxes, model }));
    }

    /// The last boxes, if the network need not run for this frame.
    fn spared(&mut self, frame: &Frame) -> Option<Vec<Detection>> {
        let gate = self.gate.filter(|_| matches!(self.eye, Some(Eye::Network(_))))?;
        self.shrinker.shrink(frame.luma(), &mut self.small);
        let changed = self
            .change
            .compare(&self.small)
            .is_none_or(|mask| energy(mask, self.small.width, self.small.height, self.area) > NOISE);
        let run = self.last.as_mut().filter(|r| r.generation == frame.meta.generation)?;
        if changed {
            run.settle = SETTLE;
        }
        let due = frame.meta.ts - run.ts >= gate.heartbeat;
        (run.settle == 0 && !due).then(|| run.boxes.clone())
    }

    /// Remembers a run.
    fn note_run(&mut self, frame: &Frame, boxes: &[Detection]) {
        let generation = frame.meta.generation;
        let settle = match self.last.as_ref().filter(|r| r.generation == generation) {
            Some(last) if same(&last.boxes, boxes) => last.settle.saturating_sub(1),
            _ => SETTLE,
        };
        self.last = Some(Run { generation, ts: frame.meta.ts, boxes: boxes.to_vec(), settle });
        self.change.keep(&self.small);
    }
}

impl Stage for DetectStage {
    type In = Frame;
    type Out = Detections;

    fn step(&mut self, item: Seen<Frame>, out: &mut Outlet<Detections>) {
        match item {
            Seen::Item(frame) if frame.meta.wanted.detect => self.look(&frame, out),
            Seen::Item(_) => {}
            Seen::End(end) => {
                self.last = None;
                if let Some(faults) = &mut self.faults {
                    faults.finish(&mut out.facts);
                }
                out.items.push(Seen::End(end));
            }
        }
    }
}

/// Whether two answers are about the same things in the same places.
fn same(a: &[Detection], b: &[Detection]) -> bool {
    let known = |d: &Detection, all: &[Detection]| all.iter().any(|o| o.class == d.class && iou(o, d) >= SAME);
    a.len() == b.len() && a.iter().all(|d| known(d, b)) && b.iter().all(|d| known(d, a))
}

fn iou(a: &Detection, b: &Detection) -> f32 {
    let area = |x0: f32, y0: f32, x1: f32, y1: f32| (x1 - x0).max(0.0) * (y1 - y0).max(0.0);
    let both = area(a.x0.max(b.x0), a.y0.max(b.y0), a.x1.min(b.x1), a.y1.min(b.y1));
    both / (area(a.x0, a.y0, a.x1, a.y1) + area(b.x0, b.y0, b.x1, b.y1) - both).max(f32::MIN_POSITIVE)
}
