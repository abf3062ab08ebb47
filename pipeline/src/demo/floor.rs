//! The script of the floor: a room seen from above at an angle, people who walk between zones and over the
//! entrance line, and therefore the truth. Nothing is drawn here ([`super::floor_scene`] does).
//!
//! World: metres; x to the right, z away from the camera, h upwards; the camera hangs at (0, 4.2, 0) and
//! looks 33° down. People are simulated step by step: they steer to the next place of their way with limited
//! speed and acceleration, so they walk smoothly and come to rest softly.

use super::render::{FPS, HEIGHT, WIDTH};
use super::truth::{ClipTruth, CrossingTruth, TrackTruth, Truth, VisitTruth};
use gemba_schemas::geometry::{self, Point};
use gemba_schemas::time::{EventTime, Micros};

/// Camera name.
pub const CAMERA: &str = "floor-1";
/// Length of the clip in whole seconds.
pub const SECONDS: u32 = 58;
/// The entrance line's name.
pub const LINE: &str = "entrance";
/// Ends of the entrance line in the world (x, z); inside lies to its right.
pub const LINE_AT: [[f32; 2]; 2] = [[-3.2, 3.3], [-3.2, 9.2]];

const EYE: f32 = 4.2;
const FOCUS: f32 = 760.0;
const STEP: f32 = 1.0 / FPS as f32;

/// A zone of the floor.
#[derive(Clone, Copy, Debug)]
pub struct Zone {
    /// Name, and kind.
    pub name: &'static str,
    /// Left, near, right, far edge in the world.
    pub rect: [f32; 4],
    /// Seconds from which a stay counts at the demo site.
    pub min_dwell: i64,
}

/// The zones.
pub const ZONES: [Zone; 3] = [
    Zone { name: "chair", rect: [2.5, 7.3, 4.3, 8.7], min_dwell: 5 },
    Zone { name: "wash", rect: [-1.7, 7.5, 0.1, 8.9], min_dwell: 4 },
    Zone { name: "wait", rect: [1.2, 3.6, 3.2, 4.9], min_dwell: 3 },
];

/// Where a place in the world is in the picture, and how many pixels a metre has there.
pub fn project(x: f32, h: f32, z: f32) -> ([f32; 2], f32) {
    let (sin, cos) = 0.576f32.sin_cos();
    let ahead = (z * cos + (EYE - h) * sin).max(0.1);
    let down = (EYE - h) * cos - z * sin;
    let scale = FOCUS / ahead;
    ([WIDTH as f32 / 2.0 + scale * x, HEIGHT as f32 / 2.0 + scale * down], scale)
}

/// The place on the floor that a pixel shows, if it shows the floor.
pub fn unproject(px: f32, py: f32) -> Option<[f32; 2]> {
    let (sin, cos) = 0.576f32.sin_cos();
    let slope = (py - HEIGHT as f32 / 2.0) / FOCUS;
    // down = slope · ahead, solved for z.
    let z = EYE * (cos - slope * sin) / (sin + slope * cos);
    let ahead = z * cos + EYE * sin;
    (z > 0.0 && ahead > 0.0).then(|| [(px - WIDTH as f32 / 2.0) * ahead / FOCUS, z])
}

/// A stop on somebody's way: x, z, and how long to stay there in seconds.
type Stop = [f32; 3];

/// A person and their way.
struct Walk {
    name: &'static str,
    starts: f32,
    speed: f32,
    way: &'static [Stop],
}

/// Off to the left of the picture, at the depth of the entrance.
const OUTSIDE: f32 = -6.6;

const WALKS: [Walk; 6] = [
    // To the wash basin and out again.
    Walk {
        name: "p1",
        starts: 2.4,
        speed: 1.30,
        way: &[[OUTSIDE, 5.6, 0.0], [-2.2, 5.8, 0.0], [-0.8, 8.2, 5.6], [-2.4, 6.4, 0.0], [OUTSIDE - 0.6, 6.0, 0.0]],
    },
    // Comes in while p1 is at the basin, sits down, leaves to the right.
    Walk {
        name: "p2",
        starts: 7.4,
        speed: 1.35,
        way: &[
            [OUTSIDE, 4.5, 0.0],
            [-1.5, 4.0, 0.0],
            [0.2, 4.3, 0.0],
            [1.0, 6.2, 0.0],
            [3.4, 8.0, 7.2],
            [7.4, 6.9, 0.0],
        ],
    },
    // Lingers on the line and turns back: no crossing.
    Walk { name: "p3", starts: 18.8, speed: 1.15, way: &[[OUTSIDE, 5.2, 0.0], [-3.16, 5.3, 3.0], [OUTSIDE, 5.5, 0.0]] },
    // Waits in front.
    Walk {
        name: "p4",
        starts: 27.6,
        speed: 1.30,
        way: &[[OUTSIDE, 5.0, 0.0], [-1.6, 4.6, 0.0], [2.2, 4.15, 6.0], [-1.6, 4.1, 0.0], [OUTSIDE + 0.8, 4.3, 0.0]],
    },
    // A short stop at the chair (too short to count), then the basin; passes p4 in front of them.
    Walk {
        name: "p5",
        starts: 31.4,
        speed: 1.40,
        way: &[
            [OUTSIDE - 0.6, 6.6, 0.0],
            [-2.2, 6.9, 0.0],
            [0.9, 7.0, 0.0],
            [1.6, 7.9, 0.0],
            [3.4, 8.0, 2.0],
            [1.3, 8.4, 0.0],
            [-0.8, 8.2, 5.0],
            [-2.6, 7.5, 0.0],
            [OUTSIDE - 1.8, 7.5, 0.0],
        ],
    },
    // In through the door and out of the picture at its lower edge: still inside at the end.
    Walk { name: "p6", starts: 47.1, speed: 1.25, way: &[[OUTSIDE, 5.0, 0.0], [-1.9, 4.4, 0.0], [-1.2, 0.4, 0.0]] },
];

/// A person in one frame.
#[derive(Clone, Copy, Debug)]
pub struct Stand {
    /// Which person, from 0.
    pub person: usize,
    /// Where the feet are in the world.
    pub at: [f32; 2],
    /// Direction of sight, rad: 0 is away from the camera, π/2 to the right.
    pub heading: f32,
    /// Phase of the step, rad.
    pub phase: f32,
    /// How much of a full stride is walked: 0 standing, 1 walking.
    pub stride: f32,
}

/// Every person in every frame.
pub fn simulate() -> Vec<Vec<Stand>> {
    let mut frames = vec![Vec::new(); (SECONDS * FPS) as usize];
    for (person, walk) in WALKS.iter().enumerate() {
        let [x, z, _] = walk.way[0];
        let (mut at, mut velocity) = ([x, z], [0.0f32; 2]);
        let (mut heading, mut phase) = (std::f32::consts::FRAC_PI_2, person as f32);
        let (mut next, mut waited) = (1, 0.0);
        let start = (walk.starts * FPS as f32) as usize;
        for stands in frames.iter_mut().skip(start) {
            let Some(&[tx, tz, wait]) = walk.way.get(next) else { break };
            let (dx, dz) = (tx - at[0], tz - at[1]);
            let distance = dx.hypot(dz);
            let halt = wait > 0.0;
            // Slow down to arrive; a place that is only passed is rounded off.
            let wanted = if halt { walk.speed.min(1.8 * distance) } else { walk.speed };
            let way = [dx / distance.max(1e-3) * wanted, dz / distance.max(1e-3) * wanted];
            for (v, w) in velocity.iter_mut().zip(way) {
                *v += (w - *v).clamp(-2.6 * STEP, 2.6 * STEP);
            }
            at = [at[0] + velocity[0] * STEP, at[1] + velocity[1] * STEP];
            let speed = velocity[0].hypot(velocity[1]);
            if speed > 0.15 {
                let turn = velocity[0].atan2(velocity[1]) - heading;
                heading += turn.sin().atan2(turn.cos()) * (8.0 * STEP);
            }
            phase += speed * STEP * 4.4 + 0.6 * STEP;
            if halt && distance < 0.12 {
                waited += STEP;
            }
            if (halt && waited >= wait) || (!halt && distance < 0.55) {
                (next, waited) = (next + 1, 0.0);
            }
            stands.push(Stand { person, at, heading, phase, stride: (speed / 1.2).min(1.0) });
        }
    }
    frames
}

/// A zone's corners in the picture: near left, near right, far right, far left.
pub fn zone_corners(zone: &Zone) -> [[f32; 2]; 4] {
    let [x0, z0, x1, z1] = zone.rect;
    [project(x0, 0.0, z0).0, project(x1, 0.0, z0).0, project(x1, 0.0, z1).0, project(x0, 0.0, z1).0]
}

/// A pixel as a normalised point.
pub fn point(px: [f32; 2]) -> Point {
    // Rounded to 1/10 000, as the site file writes it.
    let round = |v: f32, n: usize| (f64::from(v) / n as f64 * 1e4).round() / 1e4;
    Point::from_f64(round(px[0], WIDTH), round(px[1], HEIGHT))
}

/// Adds what the clip shows to the truth.
pub fn add_truth(start: EventTime, frames: &[Vec<Stand>], truth: &mut Truth) {
    let time = |frame: usize| start + Micros(frame as i64 * 1_000_000 / i64::from(FPS));
    let camera = || CAMERA.to_owned();
    let file = format!("{CAMERA}/{CAMERA}-01.mp4");
    truth.clips.push(ClipTruth { camera: camera(), file, start, frames: frames.len() as u64 });
    let line = LINE_AT.map(|[x, z]| point(project(x, 0.0, z).0));
    let (mut visits, mut crossings) = (Vec::new(), Vec::new());
    for (person, walk) in WALKS.iter().enumerate() {
        let name = || walk.name.to_owned();
        let seen: Vec<(usize, &Stand)> = frames
            .iter()
            .enumerate()
            .filter_map(|(f, stands)| Some((f, stands.iter().find(|s| s.person == person)?)))
            .filter(|(_, s)| visible(super::figure::bounds(s)))
            .collect();
        let foot = |s: &Stand| project(s.at[0], 0.0, s.at[1]).0;
        for zone in &ZONES {
            let polygon = zone_corners(zone).map(point);
            let inside: Vec<usize> =
                seen.iter().filter(|(_, s)| geometry::contains(&polygon, point(foot(s)))).map(|(f, _)| *f).collect();
            for stay in inside.chunk_by(|a, b| *b - *a <= 2 * FPS as usize) {
                let (entered, left) = (time(stay[0]), time(stay[stay.len() - 1]));
                let counted = left - entered >= Micros::from_secs(zone.min_dwell);
                visits.push(VisitTruth {
                    camera: camera(),
                    zone: zone.name.into(),
                    person: name(),
                    entered,
                    left,
                    counted,
                });
            }
        }
        // A crossing is a net change of side that lasts: the side is looked at outside a narrow band.
        let mut side = None;
        for (frame, stand) in &seen {
            if (stand.at[0] - LINE_AT[0][0]).abs() < 0.25 {
                continue;
            }
            let now = geometry::cross(line[0], line[1], point(foot(stand))) > 0;
            if side.replace(now).is_some_and(|before| before != now) {
                let ts = seen.iter().filter(|(f, _)| f <= frame).rev().find(|(_, s)| (s.at[0] > LINE_AT[0][0]) != now);
                let ts = time(ts.map_or(*frame, |(f, _)| f + 1));
                let to_side = if now { "in" } else { "out" }.to_owned();
                crossings.push(CrossingTruth { camera: camera(), line: LINE.into(), person: name(), ts, to_side });
            }
        }
        if let (Some((first, _)), Some((last, _))) = (seen.first(), seen.last()) {
            let boxes = seen.iter().step_by(5).map(|(f, s)| {
                let [x0, y0, x1, y1] = super::figure::bounds(s).map(|v| v.round() as i32);
                [*f as i32, x0, y0, x1, y1]
            });
            let (first, last) = (time(*first), time(*last));
            truth.tracks.push(TrackTruth { camera: camera(), person: name(), first, last, boxes: boxes.collect() });
        }
    }
    visits.sort_by_key(|v| v.entered);
    crossings.sort_by_key(|c| c.ts);
    truth.visits.append(&mut visits);
    truth.crossings.append(&mut crossings);
}

/// Whether any part of a box is in the picture.
pub fn visible([x0, y0, x1, y1]: [f32; 4]) -> bool {
    x1 > 0.0 && y1 > 0.0 && x0 < WIDTH as f32 && y0 < HEIGHT as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_projects_there_and_back() {
        for (x, z) in [(-3.0, 4.0), (0.0, 6.0), (2.5, 8.5)] {
            let ([px, py], _) = project(x, 0.0, z);
            let back = unproject(px, py).unwrap();
            assert!((back[0] - x).abs() < 1e-2 && (back[1] - z).abs() < 1e-2, "{back:?}");
        }
    }

    #[test]
    fn the_room_is_empty_at_first_and_people_never_merge() {
        let frames = simulate();
        assert!(frames.iter().take(60).all(|stands| stands.iter().all(|s| !visible(super::super::figure::bounds(s)))));
        let mut close = Vec::new();
        for (f, stands) in frames.iter().enumerate() {
            for (i, a) in stands.iter().enumerate() {
                for b in &stands[i + 1..] {
                    let (p, q) = (super::super::figure::bounds(a), super::super::figure::bounds(b));
                    let gap = (q[0] - p[2]).max(p[0] - q[2]).max(q[1] - p[3]).max(p[1] - q[3]);
                    let hidden = !visible(p) || !visible(q);
                    if !hidden && gap < 12.0 {
                        close.push((f, a.person, b.person, gap));
                    }
                }
            }
        }
        assert!(close.is_empty(), "(frame, person, person, px apart): {close:?}");
    }

    #[test]
    fn people_enter_zones_or_stay_well_clear_of_them() {
        let frames = simulate();
        let mut truth = Truth::default();
        add_truth(EventTime(0), &frames, &mut truth);
        let list: Vec<_> = truth.visits.iter().map(|v| (v.person.as_str(), v.zone.as_str(), v.counted)).collect();
        assert_eq!(
            list,
            [
                ("p1", "wash", true),
                ("p2", "chair", true),
                ("p4", "wait", true),
                ("p5", "chair", false),
                ("p5", "wash", true)
            ]
        );
        assert!(truth.visits.iter().all(|v| v.left - v.entered > Micros::from_secs(1)));
        let list: Vec<_> = truth.crossings.iter().map(|c| (c.person.as_str(), c.to_side.as_str())).collect();
        assert_eq!(
            list,
            [
                ("p1", "in"),
                ("p2", "in"),
                ("p1", "out"),
                ("p4", "in"),
                ("p5", "in"),
                ("p4", "out"),
                ("p6", "in"),
                ("p5", "out")
            ]
        );
        // Nobody skims a zone: outside a visit every foot point is half a metre away from it.
        for (f, stand) in frames.iter().enumerate().flat_map(|(f, s)| s.iter().map(move |s| (f, s))) {
            for zone in &ZONES {
                let [x0, z0, x1, z1] = zone.rect;
                let [x, z] = stand.at;
                let away = (x0 - x).max(x - x1).max(z0 - z).max(z - z1);
                let ts = EventTime(f as i64 * 40_000);
                let name = WALKS[stand.person].name;
                let near = truth.visits.iter().any(|v| {
                    v.person == name
                        && v.zone == zone.name
                        && ts >= v.entered - Micros::from_secs(1)
                        && ts <= v.left + Micros::from_secs(1)
                });
                assert!(near || away > 0.4, "{name} skims {} at frame {f}: {away}", zone.name);
            }
        }
    }
}
