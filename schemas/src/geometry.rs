//! Exact geometry: pixels in sixteenths, normalised coordinates in millionths, predicates in integers.
//!
//! Predicates use `i128`-free arithmetic: millionths squared fit an `i64` with room to spare.

use serde::{Deserialize, Serialize};

/// Sixteenths of a source pixel per pixel.
pub const SUBPIXEL: i32 = 16;

/// Millionths per frame width (x) or height (y): the unit of [`Point`].
pub const UNIT: i32 = 1_000_000;

/// A box in source pixels, in sixteenths: `x0 ≤ x1`, `y0 ≤ y1`, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PixelBox {
    /// Left edge, 1/16 px.
    pub x0: i32,
    /// Top edge, 1/16 px.
    pub y0: i32,
    /// Right edge, 1/16 px.
    pub x1: i32,
    /// Bottom edge, 1/16 px.
    pub y1: i32,
}

/// A point in normalised coordinates: millionths of the frame's width and height, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Point {
    /// Millionths of the width.
    pub x: i32,
    /// Millionths of the height.
    pub y: i32,
}

/// Four corners in source pixels (whole pixels), clockwise from the symbol's own top left:
/// `[x0, y0, x1, y1, x2, y2, x3, y3]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Quad(pub [i32; 8]);

impl PixelBox {
    /// From float pixels (a detector's or tracker's numbers), rounded to the nearest sixteenth.
    pub fn from_f32(x0: f32, y0: f32, x1: f32, y1: f32) -> Self {
        let fix = |v: f32| (v * SUBPIXEL as f32).round() as i32;
        Self { x0: fix(x0), y0: fix(y0), x1: fix(x1), y1: fix(y1) }
    }

    /// The bottom centre, where a standing thing touches the floor, normalised to a frame of
    /// `width` × `height` pixels. This is the point that zones and lines look at.
    pub fn foot(self, width: u16, height: u16) -> Point {
        let scale =
            |v: i64, pixels: u16| (v * i64::from(UNIT) / (i64::from(pixels.max(1)) * i64::from(SUBPIXEL))) as i32;
        Point {
            x: scale((i64::from(self.x0) + i64::from(self.x1)).div_euclid(2), width),
            y: scale(i64::from(self.y1), height),
        }
    }
}

impl Point {
    /// From fractions of the frame (0–1), rounded to the nearest millionth.
    pub fn from_f64(x: f64, y: f64) -> Self {
        let fix = |v: f64| (v * f64::from(UNIT)).round() as i32;
        Self { x: fix(x), y: fix(y) }
    }
}

impl Quad {
    /// Twice the enclosed area in px² (the shoelace sum), always non-negative.
    pub fn double_area(self) -> i64 {
        let q = self.0.map(i64::from);
        (0..4)
            .map(|i| {
                let j = (i + 1) % 4;
                q[2 * i] * q[2 * j + 1] - q[2 * j] * q[2 * i + 1]
            })
            .sum::<i64>()
            .abs()
    }
}

/// Twice the signed area of the triangle (a, b, p): positive when p lies to the right of a→b as seen on
/// the screen (y downwards), zero when on the line.
pub fn cross(a: Point, b: Point, p: Point) -> i64 {
    let (ax, ay) = (i64::from(a.x), i64::from(a.y));
    (i64::from(b.x) - ax) * (i64::from(p.y) - ay) - (i64::from(b.y) - ay) * (i64::from(p.x) - ax)
}

/// Whether `p` is inside the polygon, by the even–odd crossing rule (W. R. Franklin's PNPOLY in integers).
/// Points on an edge belong to one side consistently: neighbouring polygons never both claim a point
/// strictly between their shared edge's ends.
pub fn contains(polygon: &[Point], p: Point) -> bool {
    let mut inside = false;
    let mut j = polygon.len().wrapping_sub(1);
    for i in 0..polygon.len() {
        let (a, b) = (polygon[i], polygon[j]);
        if (a.y > p.y) != (b.y > p.y) {
            // x < ax + (bx − ax)(py − ay)/(by − ay), multiplied out; the sign of (by − ay) flips it.
            let (dx, dy) = (i64::from(b.x) - i64::from(a.x), i64::from(b.y) - i64::from(a.y));
            let left = (i64::from(p.x) - i64::from(a.x)) * dy;
            let right = dx * (i64::from(p.y) - i64::from(a.y));
            if if dy > 0 { left < right } else { left > right } {
                inside = !inside;
            }
        }
        j = i;
    }
    inside
}
