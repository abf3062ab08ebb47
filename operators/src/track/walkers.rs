//! A floor full of simulated people, with known truth and any number of seeds: whatever is tuned to the recorded sequences
//! of [`super::sim`] must hold here too. Tests only.
//!
//! People come in over an edge, walk at a steady pace with a wandering heading, stop now and then, and go out. A
//! detector sees each with probability 0.94, less when nearer ones cover more than a third; every edge of a box is off by 3 %
//! of the side, and there is a false box in every seventh frame.

use super::kalman::Ltrb;
use super::overlap::visible;
use super::score::{Boxes, compare};
use super::sim::{SIZE, Sequence, line_events, miscount, track};
use crate::detect::Detection;
use gemba_schemas::id::Name;
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// xorshift64*: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03);
        for _ in 0..8 {
            dice.within(0.0, 1.0);
        }
        dice
    }

    fn within(&mut self, low: f64, high: f64) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        low + (high - low) * bits as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self, deviation: f64) -> f64 {
        let radius = (-2.0 * self.within(1e-12, 1.0).ln()).sqrt();
        deviation * radius * self.within(0.0, TAU).cos()
    }

    fn chance(&mut self, p: f64) -> bool {
        self.within(0.0, 1.0) < p
    }
}

struct Walker {
    id: u32,
    /// Foot point, px.
    at: (f64, f64),
    size: (f64, f64),
    stride: f64,
    /// px a frame.
    pace: f64,
    heading: f64,
    /// Frames that it still stands.
    rest: u32,
    entered: bool,
}

impl Walker {
    fn enter(id: u32, dice: &mut Dice) -> Self {
        let (w, h) = (f64::from(SIZE.0), f64::from(SIZE.1));
        let height = dice.within(130.0, 260.0);
        let at = match dice.within(0.0, 4.0) as u32 {
            0 => (0.0, dice.within(0.25, 1.0) * h),
            1 => (w, dice.within(0.25, 1.0) * h),
            2 => (dice.within(0.05, 0.95) * w, dice.within(0.3, 0.9) * height),
            _ => (dice.within(0.05, 0.95) * w, h + 0.9 * height),
        };
        let to = (dice.within(0.2, 0.8) * w, dice.within(0.25, 0.95) * h);
        Self {
            id,
            at,
            size: (height / dice.within(2.2, 2.9), height),
            stride: dice.within(0.0, TAU),
            pace: height * dice.within(0.19, 0.42) / 25.0,
            heading: (to.1 - at.1).atan2(to.0 - at.0),
            rest: 0,
            entered: false,
        }
    }

    fn step(&mut self, dice: &mut Dice) {
        if self.rest > 0 {
            self.rest -= 1;
        } else if dice.chance(1.0 / 480.0) {
            self.rest = dice.within(25.0, 100.0) as u32;
        } else {
            self.heading += dice.normal(0.02);
            self.at.0 += self.pace * self.heading.cos();
            self.at.1 += self.pace * self.heading.sin();
            self.stride += 0.25;
        }
    }

    /// The box within the picture, while at least a quarter of it is.
    fn bounds(&self) -> Option<Ltrb> {
        let half = self.size.0 * (1.0 + 0.06 * self.stride.sin()) / 2.0;
        let whole = [self.at.0 - half, self.at.1 - self.size.1, self.at.0 + half, self.at.1];
        let (w, h) = (f64::from(SIZE.0), f64::from(SIZE.1));
        let within = [whole[0].max(0.0), whole[1].max(0.0), whole[2].min(w), whole[3].min(h)];
        (visible(&whole, SIZE) > 0.25 * 2.0 * half * self.size.1).then_some(within)
    }
}

/// Share of a box that nearer ones cover, by 288 sample points.
fn covered(b: &Ltrb, nearer: &[(u32, Ltrb)]) -> f64 {
    let at = |i: usize, n: usize, low: f64, high: f64| low + (high - low) * (i as f64 + 0.5) / n as f64;
    let points = (0..12).flat_map(|i| (0..24).map(move |j| (i, j)));
    let points = points.map(|(i, j)| (at(i, 12, b[0], b[2]), at(j, 24, b[1], b[3])));
    let hit = |(x, y): &(f64, f64)| nearer.iter().any(|(_, o)| o[0] < *x && *x < o[2] && o[1] < *y && *y < o[3]);
    points.filter(hit).count() as f64 / 288.0
}

/// A minute with about `people` at a time, and the boxes of those of them that were detected.
fn floor(seed: u64, people: f64) -> (Sequence, Boxes) {
    let mut dice = Dice::new(seed * 1000 + people as u64);
    let (mut walkers, mut next): (Vec<Walker>, u32) = (Vec::new(), 1);
    let frames = 1500;
    let (mut truth, mut whole, mut detected) = (Boxes::new(), Boxes::new(), Boxes::new());
    let mut seen: BTreeMap<u64, Vec<Detection>> = BTreeMap::new();
    for frame in 1..=frames {
        if dice.chance(people / 276.0) {
            walkers.push(Walker::enter(next, &mut dice));
            next += 1;
        }
        for walker in &mut walkers {
            walker.step(&mut dice);
            walker.entered |= walker.bounds().is_some();
        }
        walkers.retain(|w| w.bounds().is_some() || !w.entered && w.at.1 < 1100.0);
        walkers.sort_by(|a, b| a.at.1.total_cmp(&b.at.1));
        let all: Vec<(u32, Ltrb)> = walkers.iter().filter_map(|w| Some((w.id, w.bounds()?))).collect();
        for (i, (id, b)) in all.iter().enumerate() {
            let cover = covered(b, &all[i + 1..]);
            whole.entry(frame).or_default().push((*id, *b));
            if cover < 0.92 {
                truth.entry(frame).or_default().push((*id, *b));
            }
            if dice.chance(0.94 * (1.0 - ((cover - 0.35) / 0.57).clamp(0.0, 1.0))) {
                let score = (0.8 * (1.0 - 0.6 * cover) + dice.normal(0.12)).clamp(0.05, 0.99);
                let mut off = |v: f64, side: f64| (v + dice.normal(0.03 * side)) as f32;
                let (w, h) = (b[2] - b[0], b[3] - b[1]);
                let [x0, y0, x1, y1] = [off(b[0], w), off(b[1], h), off(b[2], w), off(b[3], h)];
                let d = Detection { class: Name::new("person"), score: score as f32, x0, y0, x1, y1 };
                seen.entry(frame).or_default().push(d);
                detected.entry(frame).or_default().push((*id, *b));
            }
        }
        if dice.chance(0.15) {
            let h = dice.within(60.0, 260.0);
            let (x0, y0) = (dice.within(0.0, 1280.0 - h * 0.4) as f32, dice.within(0.0, 720.0 - h) as f32);
            let (x1, y1) = (x0 + h as f32 * 0.4, y0 + h as f32);
            let d = Detection { class: Name::new("person"), score: dice.within(0.05, 0.75) as f32, x0, y0, x1, y1 };
            seen.entry(frame).or_default().push(d);
        }
    }
    let line = 360.0;
    let events = changes(&whole, line);
    (Sequence { truth, seen, frames, line, events }, detected)
}

/// Changes of side of the line by feet that go 5 px beyond it, as (frame, downwards).
fn changes(whole: &Boxes, line: f64) -> Vec<(u64, bool)> {
    let mut sides: BTreeMap<u32, bool> = BTreeMap::new();
    let mut all = Vec::new();
    for (frame, boxes) in whole {
        for (id, b) in boxes {
            let down = b[3] > line;
            let side = sides.entry(*id).or_insert(down);
            if *side != down && (b[3] - line).abs() > 5.0 {
                *side = down;
                all.push((*frame, down));
            }
        }
    }
    all
}

fn nth(boxes: &Boxes, every: u64, first: u64) -> Boxes {
    boxes.clone().into_iter().filter(|(f, _)| f % every == first % every).collect()
}

/// The counts may be off by little more than they are when everybody who is detected carries a name tag.
#[test]
fn golden_walkers_keep_their_numbers() {
    let floors: Vec<(Sequence, Boxes)> =
        (1..=6).flat_map(|seed| [3.0, 8.0, 16.0].map(|people| floor(seed, people))).collect();
    for every in [1, 4] {
        let (mut idf1, mut runs, mut off, mut tagged, mut all) = (0.0, 0.0, 0, 0, 0);
        for (s, detected) in &floors {
            for first in 1..=every {
                let found = track(s, every, first);
                (idf1, runs) = (idf1 + compare(&nth(&s.truth, every, first), &found).idf1, runs + 1.0);
                off += miscount(&s.events, &line_events(&found, s.line));
                tagged += miscount(&s.events, &line_events(&nth(detected, every, first), s.line));
                all += s.events.len();
            }
        }
        let mean = idf1 / runs * 100.0;
        println!("every {every}: mean IDF1 {mean:.2}; counts off by {off} of {all}, with name tags {tagged}");
        assert!(mean >= if every == 1 { 91.0 } else { 89.5 }, "IDF1 {mean}");
        assert!((off - tagged.min(off)) * 50 <= all, "off by {off} of {all}, with name tags {tagged}");
    }
}
