//! Four corners in pixels, as floats, and the plane geometry on them. The edge to rows is [`Corners::fixed`].
//!
//! Source of the projective map: P. Heckbert, *Fundamentals of Texture Mapping and Image Warping* (1989),
//! the closed form from the unit square to a quadrilateral.

use gemba_schemas::geometry::Quad;

/// Corners in pixels, clockwise from the symbol's own top left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Corners(pub [[f32; 2]; 4]);

/// An axis-parallel box in pixels: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub x0: f32,
    pub y0: f32,
    pub x1: f32,
    pub y1: f32,
}

impl Corners {
    /// Moved and scaled: `p * scale + offset`.
    pub fn mapped(self, scale: f32, offset: [f32; 2]) -> Self {
        Self(self.0.map(|[x, y]| [x * scale + offset[0], y * scale + offset[1]]))
    }

    /// From whole pixels.
    pub fn of(quad: Quad) -> Self {
        Self(std::array::from_fn(|i| [quad.0[2 * i] as f32, quad.0[2 * i + 1] as f32]))
    }

    /// In whole pixels.
    pub fn fixed(self) -> Quad {
        let [a, b, c, d] = self.0.map(|p| p.map(|v| v.round() as i32));
        Quad([a[0], a[1], b[0], b[1], c[0], c[1], d[0], d[1]])
    }

    /// The smallest upright box around them.
    pub fn bounds(self) -> Bounds {
        let fold = |axis: usize, pick: fn(f32, f32) -> f32| {
            self.0.iter().skip(1).fold(self.0[0][axis], |best, p| pick(best, p[axis]))
        };
        Bounds { x0: fold(0, f32::min), y0: fold(1, f32::min), x1: fold(0, f32::max), y1: fold(1, f32::max) }
    }

    /// The mean of the corners.
    pub fn centre(self) -> [f32; 2] {
        [0, 1].map(|axis| self.0.iter().map(|p| p[axis]).sum::<f32>() / 4.0)
    }

    /// Lengths of the four sides.
    pub fn sides(self) -> [f32; 4] {
        std::array::from_fn(|i| {
            let (a, b) = (self.0[i], self.0[(i + 1) % 4]);
            (a[0] - b[0]).hypot(a[1] - b[1])
        })
    }

    /// Mean length of a side.
    pub fn side(self) -> f32 {
        self.sides().iter().sum::<f32>() / 4.0
    }

    /// Whether this can be a printed square seen by a camera: finite, convex, sides not too unequal.
    pub fn plausible(self) -> bool {
        if !self.0.iter().flatten().all(|v| v.is_finite() && v.abs() < 1e5) {
            return false;
        }
        let turn = |i: usize| {
            let [a, b, c] = [self.0[i], self.0[(i + 1) % 4], self.0[(i + 2) % 4]];
            (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])
        };
        let turns: [f32; 4] = std::array::from_fn(turn);
        let sides = self.sides();
        let (low, high) = sides.iter().fold((f32::MAX, 0.0f32), |(l, h), &s| (l.min(s), h.max(s)));
        (turns.iter().all(|&t| t > 0.0) || turns.iter().all(|&t| t < 0.0)) && low > 8.0 && high < 3.0 * low
    }

    /// Whether two places are the same: each holds the other's centre, more or less.
    pub fn meets(self, other: Self) -> bool {
        let near = |a: Bounds, p: [f32; 2]| p[0] > a.x0 && p[0] < a.x1 && p[1] > a.y0 && p[1] < a.y1;
        near(self.bounds(), other.centre()) || near(other.bounds(), self.centre())
    }
}

/// A projective map of the unit square onto four corners.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Projection([f32; 8]);

impl Projection {
    /// The map that takes (0,0), (1,0), (1,1), (0,1) to the corners in order; `None` if they are degenerate.
    pub fn onto(corners: Corners) -> Option<Self> {
        let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = corners.0;
        let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
        let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
        let det = dx1 * dy2 - dx2 * dy1;
        if det.abs() < 1e-6 {
            return None;
        }
        let g = (sx * dy2 - dx2 * sy) / det;
        let h = (dx1 * sy - sx * dy1) / det;
        Some(Self([x1 - x0 + g * x1, x3 - x0 + h * x3, x0, y1 - y0 + g * y1, y3 - y0 + h * y3, y0, g, h]))
    }

    /// Where (u, v) goes; `None` beyond the horizon.
    pub fn at(&self, u: f32, v: f32) -> Option<[f32; 2]> {
        let [a, b, c, d, e, f, g, h] = self.0;
        let w = g * u + h * v + 1.0;
        (w > 1e-3).then(|| [(a * u + b * v + c) / w, (d * u + e * v + f) / w])
    }
}
