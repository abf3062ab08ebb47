//! People-like figures: joints in the world, projected one by one, limbs as tapered capsules.
//!
//! In: a [`Stand`]; out: strokes on the picture, or their bounds. Clothes are darker than the floor and
//! differ from person to person.

use super::floor::{Stand, project};
use crate::draw::{Bounds, Ink, Shape, fill, paint, shade};
use gemba_operators::encode::Planes;

/// Shirt, trousers, hair, skin.
const CLOTHES: [[Ink; 4]; 6] = [
    [Ink::rgb(34, 58, 112), Ink::rgb(38, 40, 48), Ink::rgb(40, 28, 22), Ink::rgb(186, 132, 102)],
    [Ink::rgb(128, 32, 40), Ink::rgb(44, 48, 70), Ink::rgb(26, 22, 22), Ink::rgb(150, 100, 74)],
    [Ink::rgb(38, 84, 58), Ink::rgb(58, 48, 40), Ink::rgb(84, 58, 34), Ink::rgb(196, 146, 118)],
    [Ink::rgb(80, 44, 104), Ink::rgb(34, 36, 42), Ink::rgb(30, 24, 22), Ink::rgb(170, 118, 90)],
    [Ink::rgb(104, 62, 26), Ink::rgb(36, 50, 60), Ink::rgb(58, 54, 52), Ink::rgb(190, 140, 112)],
    [Ink::rgb(22, 86, 98), Ink::rgb(54, 38, 46), Ink::rgb(70, 40, 22), Ink::rgb(134, 90, 66)],
];

/// One stroke: its shape and colour.
struct Stroke {
    shape: Shape,
    ink: Ink,
}

/// The figure's strokes from back to front.
fn strokes(stand: &Stand) -> Vec<Stroke> {
    let [shirt, trousers, hair, skin] = CLOTHES[stand.person % CLOTHES.len()];
    let (ahead_x, ahead_z) = (stand.heading.sin(), stand.heading.cos());
    // `forward` along the line of sight, `aside` to the person's right, `h` up, all in metres.
    let joint = |forward: f32, aside: f32, h: f32| {
        project(stand.at[0] + forward * ahead_x + aside * ahead_z, h, stand.at[1] + forward * ahead_z - aside * ahead_x)
    };
    let limb = |a: [f32; 3], b: [f32; 3], ra: f32, rb: f32, ink: Ink| {
        let ((pa, sa), (pb, sb)) = (joint(a[0], a[1], a[2]), joint(b[0], b[1], b[2]));
        Stroke { shape: Shape::capsule(pa, pb, ra * sa, rb * sb), ink }
    };
    let swing = stand.phase.sin() * stand.stride;
    let bob = 0.02 * (2.0 * stand.phase).cos() * stand.stride + 0.004 * (0.7 * stand.phase).sin();
    let mut strokes = Vec::with_capacity(20);
    // The side away from the camera first: its strokes are covered by the nearer ones.
    let far = if ahead_x > 0.0 { -1.0 } else { 1.0 };
    for side in [far, -far] {
        let dark = if side == far { 0.82 } else { 1.0 };
        let step = swing * side;
        let lift = (0.10 * (stand.phase + if side > 0.0 { 1.57 } else { 4.71 }).sin()).max(0.0) * stand.stride;
        let (hip, knee) = ([0.0, side * 0.09, 0.90 + bob], [0.18 * step + 0.05, side * 0.10, 0.48 + 0.5 * lift]);
        let ankle = [0.34 * step - 0.6 * lift, side * 0.10, 0.08 + lift];
        strokes.push(limb(hip, knee, 0.095, 0.07, trousers.lit(dark)));
        strokes.push(limb(knee, ankle, 0.07, 0.05, trousers.lit(dark)));
        strokes.push(limb(ankle, [ankle[0] + 0.14, ankle[1], 0.05 + lift], 0.05, 0.045, Ink::rgb(28, 26, 26)));
        let (shoulder, elbow) = ([0.0, side * 0.20, 1.40 + bob], [-0.16 * step - 0.03, side * 0.25, 1.12 + bob]);
        let wrist = [-0.32 * step + 0.08, side * 0.24, 0.90 + bob + 0.05 * step.abs()];
        strokes.push(limb(shoulder, elbow, 0.065, 0.052, shirt.lit(dark * 0.92)));
        strokes.push(limb(elbow, wrist, 0.050, 0.040, shirt.lit(dark * 0.88)));
        strokes.push(limb(wrist, [wrist[0] + 0.03, wrist[1], wrist[2] - 0.07], 0.042, 0.036, skin.lit(dark)));
        if side == far {
            strokes.push(limb([0.0, 0.0, 0.96 + bob], [0.0, 0.0, 1.30 + bob], 0.155, 0.175, shirt));
            strokes.push(limb([0.0, -0.15, 1.38 + bob], [0.0, 0.15, 1.38 + bob], 0.085, 0.085, shirt.lit(1.06)));
            strokes.push(limb([0.0, -0.06, 0.92 + bob], [0.0, 0.06, 0.92 + bob], 0.125, 0.125, trousers));
        }
    }
    strokes.push(limb([0.0, 0.0, 1.42 + bob], [0.01, 0.0, 1.54 + bob], 0.06, 0.055, skin.lit(0.85)));
    strokes.push(limb([0.03, 0.0, 1.58 + bob], [0.02, 0.0, 1.66 + bob], 0.095, 0.10, skin));
    strokes.push(limb([-0.03, 0.0, 1.62 + bob], [-0.02, 0.0, 1.70 + bob], 0.10, 0.105, hair));
    strokes
}

/// Left, top, right and bottom of the figure in pixels, without its shadow.
pub fn bounds(stand: &Stand) -> Bounds {
    strokes(stand)
        .iter()
        .map(|s| s.shape.bounds(0.0))
        .fold([f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY], |a, b| {
            [a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]
        })
}

/// The figure's shadow on the floor: faint, so that it is no part of the figure.
pub fn shadow(planes: &mut Planes, stand: &Stand) {
    let (at, scale) = project(stand.at[0] + 0.08, 0.0, stand.at[1] + 0.10);
    shade(planes, &Shape::ellipse(at, [0.34 * scale, 0.15 * scale], 0.0), 0.16 * scale, 0.13);
}

/// Draws the figure.
pub fn draw(planes: &mut Planes, stand: &Stand) {
    for Stroke { shape, ink } in strokes(stand) {
        // A little rounder than flat: light comes from above on the left.
        if let Shape::Capsule { ra, rb, a, .. } = shape {
            let round = 0.5 * (ra + rb);
            paint(planes, &shape, 1.2, 1.0, |x, _| {
                let side = ((a[0] - x) / (4.0 * round.max(1.0))).clamp(-0.5, 0.5);
                ink.lit(1.0 + 0.22 * side)
            });
        } else {
            fill(planes, &shape, 1.2, 1.0, ink);
        }
    }
}
