//! The demo's `site.toml`, written from the scripts, so that zones lie where they are drawn.

use super::bench::{self, MAX_DURATION, MIN_DURATION, TRIGGER, TRIGGER_AT};
use super::floor::{self, LINE, LINE_AT, ZONES};
use super::render::{HEIGHT, WIDTH};
use gemba_schemas::geometry::{Point, UNIT};
use gemba_schemas::time::Micros;
use std::fmt::Write;

/// Every fourth frame of 25 a second.
pub const CODE_PERIOD: Micros = Micros::from_millis(160);

/// The text of the demo's site file.
pub fn site_toml() -> String {
    let mut text = format!(
        r#"# The demo: a packing bench and a salon floor, rendered with known truth (truth.json).
[site]
name = "Gemba demo"
time_zone = "Asia/Kolkata"

[[camera]]
name = "{bench}"
source = "{bench}"                # the folder of clips beside this file
resolution = [{WIDTH}, {HEIGHT}]
sample = {{ codes = 6.25, motion = 6.25 }}   # every fourth frame of 25 a second

[[camera.area]]
name = "trigger"
rect = {trigger}

[[camera.area]]
name = "show"
rect = [0.10, 0.26, 0.57, 0.92]

[[camera.packing]]
name = "packing"
trigger = "{TRIGGER}"
trigger_area = "trigger"
code_area = "show"
code_pattern = "GMB[0-9]{{4}}-[0-9]{{4}}"
# The demo is in a hurry: a real bench keeps the defaults of 10 s and 120 s.
min_duration = "{min}s"
max_duration = "{max}s"
lookback = "6s"

[[camera]]
name = "{floor}"
source = "{floor}"
resolution = [{WIDTH}, {HEIGHT}]
sample = {{ detect = 12.5, motion = 12.5 }}

[camera.detect]
model = "motion"                  # moving blobs: no model needed

[[camera.line]]
name = "{LINE}"
from = {from}
to = {to}
left = "out"
right = "in"
"#,
        bench = bench::CAMERA,
        floor = floor::CAMERA,
        trigger = trigger_area(),
        min = MIN_DURATION.0 / 1_000_000,
        max = MAX_DURATION.0 / 1_000_000,
        from = pair(corner(LINE_AT[0])),
        to = pair(corner(LINE_AT[1])),
    );
    for zone in &ZONES {
        let corners: Vec<_> = floor::zone_corners(zone).map(|c| pair(floor::point(c))).to_vec();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n[[camera.zone]]\nname = \"{}\"\nkind = \"{}\"\npolygon = [{}]\nmin_dwell = \"{}s\"\n",
            zone.name,
            zone.name,
            corners.join(", "),
            zone.min_dwell
        );
    }
    text
}

fn corner([x, z]: [f32; 2]) -> Point {
    floor::point(floor::project(x, 0.0, z).0)
}

fn pair(p: Point) -> String {
    let part = |v: i32| f64::from(v) / f64::from(UNIT);
    format!("[{:.4}, {:.4}]", part(p.x), part(p.y))
}

/// The trigger with a margin of half its size.
fn trigger_area() -> String {
    let [x, y, side] = TRIGGER_AT;
    let (w, h, margin) = (WIDTH as f32, HEIGHT as f32, 0.5 * side);
    let rect = [(x - margin) / w, (y - margin) / h, (x + side + margin) / w, (y + side + margin) / h];
    format!("[{}]", rect.map(|v| format!("{v:.3}")).join(", "))
}
