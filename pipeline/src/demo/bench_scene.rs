//! Drawing the packing bench: a cached background with the trigger card, then parcels, labels and hands in
//! the places that the script ([`super::bench`]) gives.

use super::DemoError;
use super::bench::{self, Deed, PARCEL, Parcel, Pose, Recording, TRIGGER_AT};
use super::label::{self, Damage, Label, QUIET};
use super::render::{FPS, HEIGHT, Sensor, WIDTH, ease, light, noise, project, stick};
use crate::draw::{Bounds, Ink, Shape, blend, fill, line, outline, paint, rect, shade};
use gemba_operators::encode::Planes;
use std::collections::BTreeMap;

const LAMP: [f32; 2] = [560.0, 300.0];
const CARDBOARD: Ink = Ink::rgb(188, 146, 96);
const SKIN: Ink = Ink::rgb(198, 142, 112);
const SLEEVE: Ink = Ink::rgb(62, 82, 118);
/// Share of a frame's time during which the sensor is exposed: what moves is blurred by it.
const SHUTTER: f32 = 0.3;
/// Side of the table of paper fibres.
const FIBRES: usize = 256;

/// A bench ready to be drawn.
pub struct Scene {
    background: Planes,
    labels: BTreeMap<String, Label>,
    fibres: Vec<f32>,
    sensor: Sensor,
}

impl Scene {
    /// Prints the labels and draws what never moves.
    pub fn new(seed: u64, recording: &Recording) -> Result<Self, DemoError> {
        let mut labels = BTreeMap::new();
        for act in &recording.acts {
            if let Deed::Parcel(parcel) = &act.deed {
                for (text, damage) in &parcel.codes {
                    labels.insert(text.clone(), label::shipping(text, *damage)?);
                }
            }
        }
        let fibres = (0..FIBRES * FIBRES).map(|i| {
            let (x, y) = ((i % FIBRES) as f32, (i / FIBRES) as f32);
            1.0 + 0.03 * noise(seed, x / 3.0, y / 28.0) + 0.05 * noise(seed ^ 1, x / 60.0, y / 50.0)
        });
        let (fibres, sensor) = (fibres.collect(), Sensor::new(seed, 1.5));
        Ok(Self { background: background(seed)?, labels, fibres, sensor })
    }

    /// Draws a frame of the recording; `number` seeds the sensor and differs between files.
    pub fn draw(&self, recording: &Recording, frame: u64, planes: &mut Planes) {
        planes.clone_from(&self.background);
        let now = frame as f32 / FPS as f32;
        for act in &recording.acts {
            match &act.deed {
                Deed::Parcel(parcel) => {
                    if let Some(pose) = parcel.pose(now - act.at) {
                        self.parcel(planes, parcel, &pose);
                        hands(planes, &pose, now);
                        dim(planes, parcel, now - act.at);
                    }
                }
                Deed::Reach => {
                    if let Some(at) = bench::reaching(now - act.at) {
                        hand(planes, at, [1040.0, 980.0], 1.0);
                    }
                }
            }
        }
        self.sensor.expose(planes, frame);
    }

    fn parcel(&self, planes: &mut Planes, parcel: &Parcel, pose: &Pose) {
        let corners = pose.corners();
        let shape = Shape::polygon(&corners);
        shade(planes, &Shape::polygon(&corners.map(|[x, y]| [x + 9.0, y + 13.0])), 26.0, 0.34);
        let soft = 1.0 + SHUTTER * pose.velocity[0].hypot(pose.velocity[1]);
        let (sin, cos) = pose.turn.sin_cos();
        let tone = if pose.face >= 0.0 { 1.0 } else { 0.95 };
        paint(planes, &shape, soft, 1.0, |x, y| {
            let (dx, dy) = (x - pose.at[0], y - pose.at[1]);
            let (u, v) = ((dx * cos + dy * sin) as i32, (dy * cos - dx * sin) as i32);
            let fibre = self.fibres[(v & 255) as usize * FIBRES + (u & 255) as usize];
            CARDBOARD.lit(fibre * tone * light(LAMP, x, y))
        });
        let at = |s: f32, t: f32| project(corners, s, t);
        outline(
            planes,
            &[at(0.004, 0.006), at(0.996, 0.006), at(0.996, 0.994), at(0.004, 0.994)],
            1.6,
            CARDBOARD.lit(0.72),
        );
        if pose.face < 0.0 {
            line(planes, at(0.0, 0.5), at(1.0, 0.5), 2.0, CARDBOARD.lit(0.62));
            let end = (0.08 + 1.3 * pose.done).min(1.0);
            let tape = Shape::polygon(&[at(0.0, 0.43), at(end, 0.43), at(end, 0.57), at(0.0, 0.57)]);
            fill(planes, &tape, 1.0, 0.55 * ease(pose.done * 20.0), Ink::rgb(222, 190, 138));
            return;
        }
        line(planes, at(0.0, 0.93), at(1.0, 0.93), 1.5, CARDBOARD.lit(0.86));
        for (i, (text, damage)) in parcel.codes.iter().enumerate() {
            let Some(label) = self.labels.get(text) else { continue };
            let (s, t) = match (parcel.codes.len(), i) {
                (1, _) => (0.5, 0.45),
                (_, 0) => (0.28, 0.42),
                _ => (0.77, 0.46),
            };
            self.label(planes, label, *damage, pose, [s, t]);
        }
    }

    /// Sticks a label on, centred at a place of the parcel's face (fractions).
    fn label(&self, planes: &mut Planes, label: &Label, damage: Damage, pose: &Pose, centre: [f32; 2]) {
        let corners = pose.corners();
        let px = damage.module_px();
        let (hs, ht) = (label.width * px / (4.0 * PARCEL[0]), label.height * px / (4.0 * PARCEL[1]));
        let [s, t] = centre;
        let quad = [(-hs, -ht), (hs, -ht), (hs, ht), (-hs, ht)].map(|(ds, dt)| project(corners, s + ds, t + dt));
        let smear = pose.velocity.map(|v| SHUTTER * v);
        stick(planes, &label.texture, quad, smear, light(LAMP, quad[0][0], quad[0][1]));
        if damage == Damage::Covered {
            // A thumb on the corner that has no finder pattern.
            let on =
                |m: f32, n: f32| project(quad, (QUIET as f32 + m) / label.width, (QUIET as f32 + n) / label.height);
            let n = label.modules as f32;
            let (tip, root) = (on(n - 3.5, n - 3.0), on(n + 14.0, n + 26.0));
            shade(planes, &Shape::capsule([tip[0] + 3.0, tip[1] + 4.0], root, 17.0, 24.0), 8.0, 0.25);
            fill(planes, &Shape::capsule(tip, root, 15.0, 22.0), 1.5, 1.0, SKIN);
            fill(planes, &Shape::ellipse(tip, [8.0, 10.0], -0.5), 3.0, 0.35, Ink::rgb(232, 196, 176));
        }
    }
}

/// The packer's own shadow over a label that is shown in dim light.
fn dim(planes: &mut Planes, parcel: &Parcel, t: f32) {
    if parcel.codes.iter().any(|(_, d)| *d == Damage::Dim) {
        let [from, to] = parcel.shown();
        let strength = ease((t - from + 0.4) / 0.4).min(ease((to + 0.4 - t) / 0.4));
        if strength > 0.0 {
            shade(planes, &Shape::ellipse([400.0, 470.0], [290.0, 260.0], 0.0), 130.0, 0.62 * strength);
        }
    }
}

/// Both hands of the packer: at the parcel's lower edge, or at work on it.
fn hands(planes: &mut Planes, pose: &Pose, now: f32) {
    let corners = pose.corners();
    // While it is turned over its width shrinks; the hands do not meet.
    let spread = 0.28 * pose.face.abs().max(0.5);
    let edge = |s: f32| {
        let (sin, cos) = pose.turn.sin_cos();
        let (x, y) = (s * 2.0 * PARCEL[0], PARCEL[1] * (1.0 - 0.24 * pose.tilt) + 14.0);
        [pose.at[0] + x * cos - y * sin, pose.at[1] + x * sin + y * cos]
    };
    let pull = (0.08 + 1.3 * pose.done).min(0.9);
    let busy = [
        project(corners, 0.16 + 0.03 * (2.1 * now).sin(), 0.80 + 0.05 * (1.6 * now).cos()),
        project(corners, pull + 0.02 * (3.0 * now).sin(), 0.74 + 0.06 * (2.4 * now).sin()),
    ];
    for (side, busy) in [-1.0, 1.0].into_iter().zip(busy) {
        let held = edge(side * spread);
        let at = [held[0] + (busy[0] - held[0]) * pose.work, held[1] + (busy[1] - held[1]) * pose.work];
        hand(planes, at, [at[0] * 0.9 + 64.0 + side * 70.0, 1010.0], side);
    }
}

/// An arm from `elbow` with a hand at `at`; `side` −1 is a left hand.
fn hand(planes: &mut Planes, at: [f32; 2], elbow: [f32; 2], side: f32) {
    let [sleeve, palm] = bench::arm(at, elbow);
    let (dx, dy) = (at[0] - elbow[0], at[1] - elbow[1]);
    let length = dx.hypot(dy).max(1.0);
    let (dx, dy) = (dx / length, dy / length);
    let on = |along: f32, across: f32| [at[0] + dx * along - dy * across, at[1] + dy * along + dx * across];
    shade(planes, &Shape::capsule(on(14.0, 8.0), [elbow[0] + 16.0, elbow[1]], 34.0, 46.0), 24.0, 0.22);
    for (i, reach) in [48.0, 57.0, 55.0, 43.0].into_iter().enumerate() {
        let across = (i as f32 - 1.5) * 14.5;
        let finger = Shape::capsule(on(22.0, across), on(reach, across * 1.12), 8.5, 6.5);
        fill(planes, &finger, 1.2, 1.0, SKIN.lit(0.97 + 0.02 * (i % 2) as f32));
    }
    fill(planes, &Shape::capsule(on(-8.0, -side * 24.0), on(26.0, -side * 42.0), 11.0, 8.0), 1.2, 1.0, SKIN.lit(0.95));
    fill(planes, &palm, 1.5, 1.0, SKIN);
    for i in 0..3 {
        let across = (i as f32 - 1.0) * 14.0;
        line(planes, on(26.0, across), on(40.0, across), 1.4, SKIN.lit(0.72));
    }
    paint(planes, &sleeve, 1.5, 1.0, |x, y| {
        let depth = (sleeve.distance(x, y) / 36.0).clamp(-1.0, 0.0);
        SLEEVE.lit(0.78 - 0.4 * depth)
    });
    let cuff = on(-36.0, 0.0);
    fill(planes, &Shape::ellipse(cuff, [9.0, 27.0], dy.atan2(dx)), 1.5, 1.0, SLEEVE.lit(0.7));
}

/// Everything that never moves.
fn background(seed: u64) -> Result<Planes, DemoError> {
    let mut p = Planes::new(WIDTH, HEIGHT);
    let all: Bounds = [0.0, 0.0, WIDTH as f32, HEIGHT as f32];
    let wood = Ink::rgb(172, 158, 140);
    blend(&mut p, all, |x, y| {
        let grain = 0.05 * noise(seed, x / 210.0, y / 8.0) + 0.03 * noise(seed ^ 2, x / 60.0, y / 3.0);
        let board = 0.03 * noise(seed ^ 3, 7.0, (y / 110.0).floor());
        (1.0, wood.lit((1.0 + grain + board) * light(LAMP, x, y)))
    });
    for y in [170.0, 280.0, 390.0, 500.0, 610.0] {
        line(&mut p, [0.0, y], [1280.0, y], 1.4, wood.lit(0.78));
    }
    // The floor beyond the bench.
    let strip = Shape::polygon(&[[-4.0, -4.0], [1284.0, -4.0], [1284.0, 56.0], [-4.0, 56.0]]);
    paint(&mut p, &strip, 1.5, 1.0, |x, y| Ink::rgb(78, 78, 84).lit(1.0 + 0.06 * noise(seed ^ 4, x / 5.0, y / 5.0)));
    shade(&mut p, &Shape::polygon(&[[0.0, 40.0], [1280.0, 40.0], [1280.0, 54.0], [0.0, 54.0]]), 16.0, 0.35);
    // Cutting mat, where labels are shown.
    let mat = [150.0, 210.0, 690.0, 640.0];
    let quad = |[x0, y0, x1, y1]: Bounds| [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    shade(&mut p, &Shape::polygon(&quad([154.0, 215.0, 695.0, 646.0])), 12.0, 0.3);
    let green = Ink::rgb(58, 104, 86);
    let shape = Shape::polygon(&quad(mat));
    paint(&mut p, &shape, 1.0, 1.0, |x, y| {
        green.lit((1.0 + 0.03 * noise(seed ^ 5, x / 4.0, y / 4.0)) * light(LAMP, x, y))
    });
    for i in 1..14 {
        let x = mat[0] + 38.5 * i as f32;
        line(&mut p, [x, mat[1] + 8.0], [x, mat[3] - 8.0], 1.0, green.lit(1.18));
    }
    for i in 1..11 {
        let y = mat[1] + 39.0 * i as f32;
        line(&mut p, [mat[0] + 8.0, y], [mat[2] - 8.0, y], 1.0, green.lit(1.18));
    }
    props(&mut p);
    trigger_card(&mut p)?;
    Ok(p)
}

/// Tape, knife, empty boxes, a scale.
fn props(p: &mut Planes) {
    shade(p, &Shape::ellipse([84.0, 150.0], [50.0, 50.0], 0.0), 14.0, 0.35);
    fill(p, &Shape::ellipse([78.0, 142.0], [48.0, 48.0], 0.0), 1.2, 1.0, Ink::rgb(176, 132, 74));
    fill(p, &Shape::ellipse([78.0, 142.0], [29.0, 29.0], 0.0), 1.2, 1.0, Ink::rgb(118, 96, 66));
    fill(p, &Shape::ellipse([79.0, 143.0], [25.0, 25.0], 0.0), 1.2, 1.0, Ink::rgb(158, 145, 128));
    shade(p, &Shape::capsule([62.0, 334.0], [104.0, 432.0], 9.0, 9.0), 9.0, 0.35);
    fill(p, &Shape::capsule([58.0, 328.0], [98.0, 424.0], 8.0, 8.0), 1.0, 1.0, Ink::rgb(186, 44, 38));
    fill(p, &Shape::capsule([52.0, 312.0], [58.0, 328.0], 3.0, 6.0), 1.0, 1.0, Ink::rgb(196, 198, 202));
    for (i, turn) in [0.05f32, -0.03, 0.08].into_iter().enumerate() {
        let (sin, cos) = turn.sin_cos();
        let (cx, cy) = (1172.0 - 6.0 * i as f32, 158.0 - 7.0 * i as f32);
        let corners = [[-86.0, -66.0], [86.0, -66.0], [86.0, 66.0], [-86.0, 66.0]]
            .map(|[x, y]: [f32; 2]| [cx + x * cos - y * sin, cy + x * sin + y * cos]);
        shade(p, &Shape::polygon(&corners.map(|[x, y]| [x + 8.0, y + 10.0])), 14.0, 0.4);
        fill(p, &Shape::polygon(&corners), 1.0, 1.0, CARDBOARD.lit(0.82 + 0.07 * i as f32));
        line(p, project(corners, 0.0, 0.5), project(corners, 1.0, 0.5), 2.0, CARDBOARD.lit(0.6));
    }
    shade(p, &Shape::polygon(&[[1112.0, 466.0], [1246.0, 466.0], [1246.0, 640.0], [1112.0, 640.0]]), 18.0, 0.4);
    rect(p, [1104.0, 456.0, 1236.0, 628.0], 1.0, Ink::rgb(44, 47, 52));
    rect(p, [1116.0, 468.0, 1224.0, 566.0], 1.0, Ink::rgb(126, 130, 134));
    rect(p, [1134.0, 584.0, 1206.0, 612.0], 1.0, Ink::rgb(120, 146, 116));
    crate::draw::text(p, 1142.0, 590.0, 2, "0.00", Ink::rgb(28, 38, 28), None);
}

/// The trigger: a white card taped to the bench.
fn trigger_card(p: &mut Planes) -> Result<(), DemoError> {
    let card = label::trigger(bench::TRIGGER)?;
    let [x, y, side] = TRIGGER_AT;
    let px = side / card.modules as f32;
    let quiet = QUIET as f32 * px;
    let (x0, y0, x1, y1) = (x - quiet, y - quiet, x + side + quiet, y + side + quiet);
    shade(
        p,
        &Shape::polygon(&[[x0 + 2.0, y0 + 3.0], [x1 + 3.0, y0 + 3.0], [x1 + 3.0, y1 + 4.0], [x0 + 2.0, y1 + 4.0]]),
        5.0,
        0.35,
    );
    stick(p, &card.texture, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], [0.0; 2], light(LAMP, x, y));
    for (cx, cy) in [(x0, y0), (x1, y0), (x1, y1), (x0, y1)] {
        let way = if (cx < x) == (cy < y) { 1.0 } else { -1.0 };
        let strip = Shape::capsule([cx - 9.0, cy + way * 9.0], [cx + 9.0, cy - way * 9.0], 7.0, 7.0);
        fill(p, &strip, 1.0, 0.5, Ink::rgb(214, 200, 160));
    }
    Ok(())
}
