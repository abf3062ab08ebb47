//! The script of the packing bench: what is shown and packed when, where everything is in every frame, and
//! therefore the truth. Nothing is drawn here ([`super::bench_scene`] does).
//!
//! A recording is a list of acts, one after another. A parcel is brought in, its label is held still, it is
//! turned over, pushed onto the trigger, packed, and pulled away. It moves onto and off the trigger within
//! one frame's time (a fast hand), so the moment of covering is sharp; [`Recording::settle`] shifts each
//! parcel by part of a frame until no frame shows the trigger half covered.

use super::label::Damage;
use super::render::{FPS, Random, ease};
use super::truth::{ClipTruth, CodeTruth, CoveringTruth, SessionTruth, Truth};
use crate::draw::Shape;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{SessionStatus, SessionVerdict};

/// Camera name.
pub const CAMERA: &str = "bench-1";
/// Text of the trigger.
pub const TRIGGER: &str = "GEMBA-START";
/// Left top corner of the trigger's symbol (without quiet zone) in pixels, and its side.
pub const TRIGGER_AT: [f32; 3] = [862.0, 246.0, 105.0];
/// Half width and height of a parcel in pixels.
pub const PARCEL: [f32; 2] = [158.0, 122.0];
/// Share of the trigger that must be covered.
const COVERED: f32 = 0.3;

/// How far the blur of a moving parcel reaches, px.
const BLUR: f32 = 16.0;

/// Sessions shorter than this are `too_short` at the demo site.
pub const MIN_DURATION: Micros = Micros::from_secs(4);
/// Sessions longer than this are `too_long` at the demo site.
pub const MAX_DURATION: Micros = Micros::from_secs(12);

const SHOW: [f32; 2] = [400.0, 392.0];
const PACK: [f32; 2] = [914.0, 318.0];
const ARRIVE: f32 = 0.72;
const FLIP: f32 = 0.40;
const SLIDE: f32 = 0.36;
const LEAVE: f32 = 0.36;

/// A parcel and its codes.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Codes on its face: one or two.
    pub codes: Vec<(String, Damage)>,
    /// How long the label is held still, s.
    pub hold: f32,
    /// How long it is packed, s; `None`: carried away again.
    pub pack: Option<f32>,
    /// Turn of the parcel while it is shown, rad.
    pub turn: f32,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Deed {
    /// A parcel comes and goes.
    Parcel(Parcel),
    /// An arm reaches over the trigger for the tape.
    Reach,
}

/// A deed and when it starts.
#[derive(Clone, Debug)]
pub struct Act {
    /// Start in seconds of the recording; moved by parts of a frame by [`Recording::settle`].
    pub at: f32,
    /// What.
    pub deed: Deed,
}

/// One uninterrupted recording, cut into files.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Event time of its first frame.
    pub start: EventTime,
    /// Length of each file in whole seconds.
    pub files: Vec<u32>,
    /// In order.
    pub acts: Vec<Act>,
}

/// Where a parcel is.
#[derive(Clone, Debug)]
pub struct Pose {
    /// Centre.
    pub at: [f32; 2],
    /// Turn in the picture's plane, rad.
    pub turn: f32,
    /// 1 face up, −1 turned over, between: how far it is turned about its upright axis.
    pub face: f32,
    /// Movement per frame, px.
    pub velocity: [f32; 2],
    /// 0 seen from straight above … 1 held at a steep angle.
    pub tilt: f32,
    /// 0 held at its edge … 1 hands at work on it.
    pub work: f32,
    /// How much of the packing is done, 0–1.
    pub done: f32,
}

impl Pose {
    /// The corners, clockwise from the face's top left.
    pub fn corners(&self) -> [[f32; 2]; 4] {
        let (sin, cos) = self.turn.sin_cos();
        let wide = self.face.abs().max(0.04);
        // What turns towards the camera looks larger: the leading edge grows while it is turned over.
        let bulge = 0.10 * (1.0 - self.face * self.face).max(0.0);
        [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[sx, sy]: [f32; 2]| {
            // Tilted, the upper edge is further away.
            let (x, y) = (sx * PARCEL[0] * wide, sy * PARCEL[1] * (1.0 + bulge * sx));
            let (x, y) = (x * (1.0 + 0.16 * self.tilt * sy), y * (1.0 - 0.24 * self.tilt));
            [self.at[0] + x * cos - y * sin, self.at[1] + x * sin + y * cos]
        })
    }
}

impl Parcel {
    /// Seconds from its appearance to its disappearance.
    pub fn length(&self) -> f32 {
        ARRIVE + self.hold + self.pack.map_or(LEAVE, |pack| FLIP + SLIDE + pack + LEAVE)
    }

    /// From when to when the label is held still.
    pub fn shown(&self) -> [f32; 2] {
        [ARRIVE, ARRIVE + self.hold]
    }

    /// Where it is `t` seconds after its appearance.
    pub fn pose(&self, t: f32) -> Option<Pose> {
        let here = self.still(t)?;
        let before = self.still(t - 0.5 / FPS as f32).unwrap_or_else(|| here.clone());
        let velocity = [2.0 * (here.at[0] - before.at[0]), 2.0 * (here.at[1] - before.at[1])];
        Some(Pose { velocity, ..here })
    }

    fn still(&self, t: f32) -> Option<Pose> {
        let tilted = self.codes.iter().any(|(_, d)| *d == Damage::Tilted);
        let level = ease((t - 0.2) / 0.5).min(ease((ARRIVE + self.hold + 0.2 - t) / 0.2));
        let tilt = if tilted { level } else { 0.0 };
        let pose = |at, turn, face, work, done| Some(Pose { at, turn, face, velocity: [0.0; 2], tilt, work, done });
        let between = |a: [f32; 2], b: [f32; 2], s: f32| [a[0] + (b[0] - a[0]) * s, a[1] + (b[1] - a[1]) * s];
        // A hand is never quite still.
        let tremble = [1.1 * (2.3 * t).sin() + 0.5 * (5.9 * t).sin(), 0.9 * (3.1 * t + 1.0).sin()];
        let show = [SHOW[0] + tremble[0], SHOW[1] + tremble[1]];
        if !(0.0..self.length()).contains(&t) {
            return None;
        }
        if t < ARRIVE {
            let s = t / ARRIVE;
            let s = 1.0 - (1.0 - s) * (1.0 - s);
            return pose(between([250.0, 900.0], show, s), self.turn - 0.25 * (1.0 - s), 1.0, 0.0, 0.0);
        }
        let t = t - ARRIVE;
        if t < self.hold {
            return pose(show, self.turn + 0.008 * (1.9 * t).sin(), 1.0, 0.0, 0.0);
        }
        let t = t - self.hold;
        let Some(pack) = self.pack else {
            let s = t / LEAVE;
            return pose(between(show, [210.0, 900.0], s * s), self.turn, 1.0, 0.0, 0.0);
        };
        if t < FLIP {
            let s = ease(t / FLIP);
            return pose(show, self.turn * (1.0 - s), (std::f32::consts::PI * s).cos(), 0.0, 0.0);
        }
        let t = t - FLIP;
        let rest = [PACK[0] + 1.5 * (1.3 * t).sin(), PACK[1] + 1.5 * (1.7 * t).cos()];
        if t < SLIDE {
            return pose(between(show, rest, ease(t / SLIDE)), 0.0, -1.0, 0.0, 0.0);
        }
        let t = t - SLIDE;
        let work = ease((t - 0.2) / 0.5).min(ease((pack - 0.2 - t) / 0.5));
        if t < pack {
            return pose(rest, 0.02 * (0.9 * t).sin() * work, -1.0, work, t / pack);
        }
        let s = (t - pack) / LEAVE;
        pose(between(rest, [rest[0] + 620.0, rest[1] + 30.0], s * s), 0.0, -1.0, 0.0, 1.0)
    }
}

/// The arm that reaches over the trigger `t` seconds after it set out: its hand. `None` when it is gone.
pub fn reaching(t: f32) -> Option<[f32; 2]> {
    let s = ease(t / 0.34).min(ease((0.92 - t) / 0.34));
    (s > 0.0).then_some([1010.0 - 90.0 * s, 820.0 - 560.0 * s])
}

/// The shapes of an arm with its hand at a place: forearm, palm.
pub fn arm(hand: [f32; 2], elbow: [f32; 2]) -> [Shape; 2] {
    let (dx, dy) = (hand[0] - elbow[0], hand[1] - elbow[1]);
    let angle = dy.atan2(dx);
    let wrist = [hand[0] - 34.0 * angle.cos(), hand[1] - 34.0 * angle.sin()];
    [Shape::capsule(wrist, elbow, 25.0, 38.0), Shape::ellipse(hand, [44.0, 31.0], angle)]
}

impl Recording {
    /// Length in frames.
    pub fn frames(&self) -> u64 {
        u64::from(self.files.iter().sum::<u32>() * FPS)
    }

    /// Share of the trigger's symbol that is covered in a frame.
    pub fn covered(&self, frame: u64) -> f32 {
        self.covered_by(frame, 0.0)
    }

    /// Share of the trigger's symbol that lies under anything, or within `reach` pixels of it.
    fn covered_by(&self, frame: u64, reach: f32) -> f32 {
        let now = frame as f32 / FPS as f32;
        let mut shapes: Vec<Shape> = Vec::new();
        for act in &self.acts {
            match &act.deed {
                Deed::Parcel(parcel) => {
                    shapes.extend(parcel.pose(now - act.at).map(|pose| Shape::polygon(&pose.corners())));
                }
                Deed::Reach => shapes.extend(reaching(now - act.at).into_iter().flat_map(|h| arm(h, [1040.0, 980.0]))),
            }
        }
        let [x, y, side] = TRIGGER_AT;
        let grid = 24;
        let step = side / grid as f32;
        let hits = (0..grid * grid).filter(|i| {
            let (px, py) = (x + ((i % grid) as f32 + 0.5) * step, y + ((i / grid) as f32 + 0.5) * step);
            shapes.iter().any(|s| s.distance(px, py) < reach)
        });
        hits.count() as f32 / (grid * grid) as f32
    }

    /// Shifts every parcel by less than a frame, a twentieth at a time, so that a frame that shows the trigger
    /// as uncovered shows all of it: neither the parcel nor its blur in motion touches the symbol.
    fn settle(mut self) -> Self {
        for i in 0..self.acts.len() {
            let Deed::Parcel(Parcel { pack: Some(_), .. }) = &self.acts[i].deed else { continue };
            let at = self.acts[i].at;
            let touched = |shift: f32| {
                let act = Act { at: at + shift, ..self.acts[i].clone() };
                let first = (at * FPS as f32) as u64;
                let last = first + ((act.length() + 0.2) * FPS as f32) as u64;
                let alone = Self { acts: vec![act], ..self.clone() };
                let open = (first..last).filter(|f| alone.covered(*f) < COVERED);
                open.map(|f| alone.covered_by(f, BLUR)).sum::<f32>()
            };
            let shifts = (0..20).map(|n| n as f32 / (20.0 * FPS as f32));
            let best = shifts.map(|shift| (touched(shift), shift)).min_by(|a, b| a.0.total_cmp(&b.0));
            self.acts[i].at += best.map_or(0.0, |(_, shift)| shift);
        }
        self
    }

    /// Event time of a frame.
    pub fn time(&self, frame: u64) -> EventTime {
        self.start + Micros(frame as i64 * 1_000_000 / i64::from(FPS))
    }
}

impl Act {
    fn length(&self) -> f32 {
        match &self.deed {
            Deed::Parcel(parcel) => parcel.length(),
            Deed::Reach => 0.92,
        }
    }
}

/// A text that looks like a tracking number.
fn tracking(random: &mut Random) -> String {
    format!("GMB{:04}-{:04}", random.bits() % 10_000, random.bits() % 10_000)
}

/// The demo's two recordings for a seed: one of two contiguous files, one later that ends inside a session.
pub fn recordings(seed: u64, start: EventTime) -> Vec<Recording> {
    let mut random = Random::new(seed ^ 0xbe7c);
    let mut schedule = |acts: Vec<(Option<f32>, Vec<Damage>)>| {
        let mut at = 1.4;
        let mut list = Vec::new();
        for (pack, damages) in acts {
            if damages.is_empty() {
                list.push(Act { at, deed: Deed::Reach });
                at += 0.92 + 0.9;
                continue;
            }
            let codes: Vec<_> = damages.into_iter().map(|d| (tracking(&mut random), d)).collect();
            let hold = random.within(1.2, 1.5);
            let turn = random.within(-0.16, 0.16);
            let parcel = Parcel { codes, hold, pack, turn };
            // A parcel that is not packed must be forgotten before the next session looks back.
            let pause = if pack.is_some() { random.within(0.9, 1.1) } else { 4.0 };
            let length = parcel.length();
            list.push(Act { at, deed: Deed::Parcel(parcel) });
            at += length + pause;
        }
        list
    };
    use Damage::{Blurred, Covered, Dim, Impossible, None as Clean, Small, Tilted};
    let first = schedule(vec![
        (Some(5.2), vec![Clean]),
        (Some(5.6), vec![Tilted]),
        (Some(2.2), vec![Clean]),
        (None, vec![]),
        (Some(4.8), vec![Blurred]),
        (Some(13.0), vec![Dim]),
        (Some(4.6), vec![Impossible]),
        (Some(6.4), vec![Covered]),
        (None, vec![Clean]),
        (Some(4.9), vec![Clean, Small]),
        (None, vec![]),
    ]);
    let later = schedule(vec![(Some(4.7), vec![Small]), (Some(30.0), vec![Clean])]);
    let recordings = [
        Recording { start, files: vec![58, 36], acts: first },
        Recording { start: start + Micros::from_secs(600), files: vec![17], acts: later },
    ];
    recordings.into_iter().map(Recording::settle).collect()
}

/// Adds what a recording shows to the truth.
pub fn add_truth(recording: &Recording, truth: &mut Truth) {
    let mut first = 0;
    for (i, seconds) in recording.files.iter().enumerate() {
        let start = recording.time(first);
        let frames = u64::from(seconds * FPS);
        let file = format!("{CAMERA}/{CAMERA}-{:02}-{}.mp4", truth.clips.len() + 1, if i == 0 { "a" } else { "b" });
        truth.clips.push(ClipTruth { camera: CAMERA.into(), file, start, frames });
        first += frames;
    }
    let frames = recording.frames();
    let covered: Vec<bool> = (0..frames).map(|f| recording.covered(f) >= COVERED).collect();
    // Each stretch of covering belongs to the act during which it started.
    let mut at = 0;
    while let Some(from) = (at..frames).find(|f| covered[*f as usize]) {
        let to = (from..frames).find(|f| !covered[*f as usize]).unwrap_or(frames);
        at = to;
        let (started, ended) = (recording.time(from), recording.time(to));
        let second = from as f32 / FPS as f32;
        let camera = CAMERA.to_owned();
        match recording.acts.iter().rev().find(|a| a.at <= second).map(|a| &a.deed) {
            Some(Deed::Parcel(parcel)) => {
                let codes: Vec<String> =
                    parcel.codes.iter().filter(|(_, d)| *d != Damage::Impossible).map(|(t, _)| t.clone()).collect();
                let status = if codes.is_empty() { SessionStatus::QrFailed } else { SessionStatus::Completed };
                let verdict = match ended - started {
                    _ if to == frames => SessionVerdict::Cut,
                    length if length < MIN_DURATION => SessionVerdict::TooShort,
                    length if length > MAX_DURATION => SessionVerdict::TooLong,
                    _ => SessionVerdict::Ok,
                };
                truth.sessions.push(SessionTruth { camera, started, ended, codes, status, verdict });
            }
            _ => truth.coverings.push(CoveringTruth { camera, started, ended }),
        }
    }
    for act in &recording.acts {
        let Deed::Parcel(parcel) = &act.deed else { continue };
        let [from, to] = parcel.shown().map(|t| recording.time(((act.at + t) * FPS as f32).ceil() as u64));
        truth.codes.extend(parcel.codes.iter().map(|(text, damage)| CodeTruth {
            camera: CAMERA.into(),
            text: text.clone(),
            shown_from: from,
            shown_to: to,
            module_px_100: (damage.module_px() * 100.0) as u32,
            degradation: damage.as_str().into(),
            decodable: *damage != Damage::Impossible,
            packed: parcel.pack.is_some(),
        }));
    }
}
