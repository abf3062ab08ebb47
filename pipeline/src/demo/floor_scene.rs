//! Drawing the floor: a cached room with furniture and mats, then shadows and figures from far to near.

use super::figure;
use super::floor::{self, LINE_AT, Stand, ZONES, project, unproject};
use super::render::{HEIGHT, Sensor, WIDTH, light, noise};
use crate::draw::{Ink, Shape, blend, fill, line, outline, rect, shade};
use gemba_operators::encode::Planes;

const LAMP: [f32; 2] = [700.0, 380.0];
/// Distance of the back wall.
const WALL: f32 = 10.0;

/// A room ready to be drawn.
pub struct Scene {
    background: Planes,
    sensor: Sensor,
}

impl Scene {
    /// Draws what never moves.
    pub fn new(seed: u64) -> Self {
        Self { background: background(seed), sensor: Sensor::new(seed ^ 0xf1, 1.4) }
    }

    /// Draws a frame with these people.
    pub fn draw(&self, stands: &[Stand], frame: u64, planes: &mut Planes) {
        planes.clone_from(&self.background);
        let mut order: Vec<&Stand> = stands.iter().filter(|s| floor::visible(figure::bounds(s))).collect();
        order.sort_by(|a, b| b.at[1].total_cmp(&a.at[1]).then(a.person.cmp(&b.person)));
        for stand in &order {
            figure::shadow(planes, stand);
        }
        for stand in &order {
            figure::draw(planes, stand);
        }
        self.sensor.expose(planes, frame);
    }
}

fn background(seed: u64) -> Planes {
    let mut p = Planes::new(WIDTH, HEIGHT);
    let all = [0.0, 0.0, WIDTH as f32, HEIGHT as f32];
    let horizon = project(0.0, 0.0, WALL).0[1];
    let (tile, wall) = (Ink::rgb(206, 199, 188), Ink::rgb(214, 212, 205));
    blend(&mut p, all, |x, y| {
        if y < horizon {
            let plaster = 1.0 + 0.012 * noise(seed, x / 40.0, y / 40.0) + 0.006 * noise(seed ^ 1, x / 4.0, y / 4.0);
            return (1.0, wall.lit(plaster * light(LAMP, x, y) * (0.93 + 0.08 * y / horizon)));
        }
        let Some([wx, wz]) = unproject(x, y) else { return (1.0, wall) };
        // Tiles of 60 cm; the joint is as wide as a pixel at least.
        let (u, v) = (wx / 0.6, wz / 0.6);
        let tint = 0.02 * noise(seed ^ 2, u.floor() + 0.5, v.floor() + 0.5);
        let speckle = 0.012 * noise(seed ^ 3, wx * 22.0, wz * 22.0);
        let joint = |t: f32, width: f32| (1.0 - ((t - t.round()).abs() / width - 0.5).clamp(0.0, 1.0)).max(0.0);
        let metre = project(wx, 0.0, wz).1;
        let dark = joint(u, (1.4 / metre / 0.6).max(0.018)).max(joint(v, (2.2 / metre / 0.6).max(0.018)));
        (1.0, tile.lit((1.0 + tint + speckle - 0.10 * dark) * light(LAMP, x, y)))
    });
    // Where floor and wall meet.
    shade(
        &mut p,
        &Shape::polygon(&[
            [-40.0, horizon - 2.0],
            [1320.0, horizon - 2.0],
            [1320.0, horizon + 6.0],
            [-40.0, horizon + 6.0],
        ]),
        34.0,
        0.16,
    );
    rect(&mut p, [0.0, horizon - 9.0, 1280.0, horizon], 1.0, Ink::rgb(150, 132, 112));
    mats(&mut p);
    furniture(&mut p);
    p
}

/// Mats that mark the zones, and the door's threshold.
fn mats(p: &mut Planes) {
    for (zone, ink) in ZONES.iter().zip([Ink::rgb(196, 166, 158), Ink::rgb(158, 182, 192), Ink::rgb(188, 182, 148)]) {
        let corners = floor::zone_corners(zone);
        fill(p, &Shape::polygon(&corners), 1.2, 0.75, ink);
        outline(p, &corners, 2.0, ink.lit(0.86));
    }
    let on = |x: f32, z: f32| project(x, 0.0, z).0;
    let [[x, z0], [_, z1]] = LINE_AT;
    fill(
        p,
        &Shape::polygon(&[on(x - 0.9, z0), on(x, z0), on(x, z1), on(x - 0.9, z1)]),
        1.2,
        0.35,
        Ink::rgb(176, 176, 172),
    );
    line(p, on(x, z0), on(x, z1), 3.0, Ink::rgb(216, 190, 96));
}

/// A box in the world: x, h and z ranges.
fn cuboid(p: &mut Planes, x: [f32; 2], h: [f32; 2], z: [f32; 2], ink: Ink) {
    let at = |i: usize, j: usize, k: usize| project(x[i], h[j], z[k]).0;
    let mut face = |corners: [[f32; 2]; 4], tone: f32| fill(p, &Shape::polygon(&corners), 1.0, 1.0, ink.lit(tone));
    if x[0] > 0.0 {
        face([at(0, 0, 0), at(0, 0, 1), at(0, 1, 1), at(0, 1, 0)], 0.72);
    }
    if x[1] < 0.0 {
        face([at(1, 0, 0), at(1, 0, 1), at(1, 1, 1), at(1, 1, 0)], 0.78);
    }
    face([at(0, 1, 0), at(1, 1, 0), at(1, 1, 1), at(0, 1, 1)], 1.08);
    face([at(0, 0, 0), at(1, 0, 0), at(1, 1, 0), at(0, 1, 0)], 0.9);
}

/// A shadow on the floor under a piece of furniture.
fn under(p: &mut Planes, x: [f32; 2], z: [f32; 2]) {
    let on = |x: f32, z: f32| project(x, 0.0, z).0;
    let corners = [on(x[0], z[0] - 0.08), on(x[1] + 0.12, z[0] - 0.08), on(x[1] + 0.12, z[1]), on(x[0], z[1])];
    shade(p, &Shape::polygon(&corners), 14.0, 0.28);
}

fn furniture(p: &mut Planes) {
    // Mirrors and a picture on the wall, seen from above: only their lower parts.
    for (x, width) in [(-0.8, 0.7), (3.4, 0.9), (-5.6, 0.8), (7.2, 0.9)] {
        let at = |dx: f32, h: f32| project(x + dx, h, WALL).0;
        let pane = [at(-width, 1.05), at(width, 1.05), at(width, 2.1), at(-width, 2.1)];
        fill(p, &Shape::polygon(&pane), 1.0, 1.0, Ink::rgb(184, 198, 202));
        let glint = [at(-0.6 * width, 1.1), at(-0.2 * width, 1.1), at(0.3 * width, 2.05), at(-0.1 * width, 2.05)];
        fill(p, &Shape::polygon(&glint), 2.0, 0.35, Ink::rgb(232, 238, 240));
        outline(p, &pane, 5.0, Ink::rgb(96, 78, 62));
    }
    // Wash basin.
    under(p, [-1.5, -0.1], [9.35, 9.95]);
    cuboid(p, [-1.5, -0.1], [0.0, 0.85], [9.35, 9.95], Ink::rgb(222, 222, 218));
    fill(p, &Shape::ellipse(project(-0.8, 0.85, 9.62).0, [32.0, 9.0], 0.0), 1.2, 1.0, Ink::rgb(166, 176, 182));
    line(p, project(-0.8, 0.88, 9.86).0, project(-0.8, 1.05, 9.78).0, 4.0, Ink::rgb(120, 124, 128));
    // Salon chair, lighter than anybody's clothes.
    under(p, [3.05, 3.75], [9.0, 9.6]);
    cuboid(p, [3.33, 3.47], [0.0, 0.45], [9.2, 9.35], Ink::rgb(110, 112, 116));
    cuboid(p, [3.05, 3.75], [0.45, 0.58], [9.0, 9.6], Ink::rgb(214, 164, 150));
    cuboid(p, [3.05, 3.75], [0.58, 1.15], [9.52, 9.64], Ink::rgb(206, 154, 140));
    // Waiting bench, to the right of its mat.
    under(p, [3.75, 4.35], [3.4, 5.2]);
    cuboid(p, [3.78, 3.88], [0.0, 0.42], [3.5, 5.1], Ink::rgb(92, 78, 62));
    cuboid(p, [4.2, 4.3], [0.0, 0.42], [3.5, 5.1], Ink::rgb(92, 78, 62));
    cuboid(p, [3.75, 4.35], [0.42, 0.50], [3.4, 5.2], Ink::rgb(168, 130, 88));
    // A plant in the corner and a cupboard.
    under(p, [-5.9, -4.7], [9.3, 9.9]);
    cuboid(p, [-5.9, -4.7], [0.0, 1.0], [9.3, 9.9], Ink::rgb(128, 142, 124));
    under(p, [5.5, 5.95], [9.0, 9.5]);
    cuboid(p, [5.5, 5.95], [0.0, 0.45], [9.05, 9.5], Ink::rgb(156, 96, 70));
    for i in 0..16 {
        let turn = i as f32 * 2.39;
        let reach = 0.18 + 0.022 * i as f32;
        let tip = project(5.72 + reach * turn.cos(), 1.25 - 0.03 * i as f32, 9.28 + 0.4 * reach * turn.sin()).0;
        let root = project(5.72, 0.5, 9.28).0;
        fill(p, &Shape::capsule(root, tip, 2.0, 9.0), 1.2, 1.0, Ink::rgb(54, 104, 60).lit(0.8 + 0.03 * (i % 7) as f32));
    }
}
