//! Shapes as signed distances: negative inside, positive outside, in pixels. Coverage at an edge follows
//! from the distance, so anti-aliasing, soft shadows and hit tests share one definition.

use super::Bounds;

/// A convex shape. Build it with one of the constructors.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A convex polygon as half planes `(nx, ny, d)`: inside where `nx·x + ny·y ≤ d` for all.
    Polygon {
        /// Unit normals with their offsets.
        planes: Vec<[f32; 3]>,
        /// Left, top, right, bottom.
        bounds: Bounds,
    },
    /// An ellipse, turned by an angle.
    Ellipse {
        /// Centre.
        centre: [f32; 2],
        /// Half axes.
        radii: [f32; 2],
        /// Cosine and sine of the angle.
        turn: [f32; 2],
    },
    /// A line with round ends whose radius changes evenly from `ra` to `rb`.
    Capsule {
        /// One end.
        a: [f32; 2],
        /// The other end.
        b: [f32; 2],
        /// Radius at `a`.
        ra: f32,
        /// Radius at `b`.
        rb: f32,
    },
}

impl Shape {
    /// A convex polygon; corners in either direction. Fewer than three corners make an empty shape.
    pub fn polygon(corners: &[[f32; 2]]) -> Self {
        let n = corners.len();
        let area: f32 =
            (0..n).map(|i| (corners[i], corners[(i + 1) % n])).map(|(p, q)| p[0] * q[1] - p[1] * q[0]).sum();
        let sign = if area < 0.0 { -1.0 } else { 1.0 };
        let mut bounds = [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY];
        let mut planes = Vec::with_capacity(n);
        for i in 0..n {
            let (p, q) = (corners[i], corners[(i + 1) % n]);
            let (dx, dy) = (q[0] - p[0], q[1] - p[1]);
            let length = dx.hypot(dy);
            if length > 1e-6 {
                let (nx, ny) = (sign * dy / length, -sign * dx / length);
                planes.push([nx, ny, nx * p[0] + ny * p[1]]);
            }
            bounds = [bounds[0].min(p[0]), bounds[1].min(p[1]), bounds[2].max(p[0]), bounds[3].max(p[1])];
        }
        if planes.len() < 3 {
            bounds = [0.0; 4];
            planes = vec![[0.0, 0.0, -1e9]];
        }
        Self::Polygon { planes, bounds }
    }

    /// An ellipse with its first half axis turned `angle` radians from the x axis.
    pub fn ellipse(centre: [f32; 2], radii: [f32; 2], angle: f32) -> Self {
        Self::Ellipse { centre, radii: radii.map(|r| r.max(0.1)), turn: [angle.cos(), angle.sin()] }
    }

    /// A thick line with round ends.
    pub fn capsule(a: [f32; 2], b: [f32; 2], ra: f32, rb: f32) -> Self {
        Self::Capsule { a, b, ra, rb }
    }

    /// Distance to the edge in pixels, negative inside. Exact near straight edges, close near round ones.
    #[inline]
    pub fn distance(&self, x: f32, y: f32) -> f32 {
        match self {
            Self::Polygon { planes, .. } => {
                planes.iter().map(|p| p[0] * x + p[1] * y - p[2]).fold(f32::NEG_INFINITY, f32::max)
            }
            Self::Ellipse { centre, radii, turn } => {
                let (dx, dy) = (x - centre[0], y - centre[1]);
                let p = (dx * turn[0] + dy * turn[1]) / radii[0];
                let q = (dy * turn[0] - dx * turn[1]) / radii[1];
                // First-order distance: value of the implicit function over the length of its gradient.
                let k = p.hypot(q);
                let g = (p / radii[0]).hypot(q / radii[1]);
                if g > 1e-9 { (k - 1.0) * k / g } else { -radii[0].min(radii[1]) }
            }
            Self::Capsule { a, b, ra, rb } => {
                let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
                let (px, py) = (x - a[0], y - a[1]);
                let t = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-9)).clamp(0.0, 1.0);
                (px - t * dx).hypot(py - t * dy) - (ra + t * (rb - ra))
            }
        }
    }

    /// Whether [`Shape::distance`] never changes by more than the way gone, so that it can be trusted far away.
    pub fn is_metric(&self) -> bool {
        match self {
            Self::Polygon { .. } => true,
            Self::Capsule { ra, rb, .. } => ra.is_finite() && rb.is_finite(),
            Self::Ellipse { .. } => false,
        }
    }

    /// How much of a pixel the shape covers, for an edge `soft` pixels wide.
    #[inline]
    pub fn cover(&self, x: f32, y: f32, soft: f32) -> f32 {
        (0.5 - self.distance(x, y) / soft).clamp(0.0, 1.0)
    }

    /// Whether the point is inside.
    pub fn holds(&self, x: f32, y: f32) -> bool {
        self.distance(x, y) < 0.0
    }

    /// Everything that a fill with this edge may touch.
    pub fn bounds(&self, soft: f32) -> Bounds {
        let grow = 0.5 * soft + 0.5;
        let [x0, y0, x1, y1] = match self {
            Self::Polygon { bounds, .. } => *bounds,
            Self::Ellipse { centre, radii, turn } => {
                let (hx, hy) =
                    ((radii[0] * turn[0]).hypot(radii[1] * turn[1]), (radii[0] * turn[1]).hypot(radii[1] * turn[0]));
                [centre[0] - hx, centre[1] - hy, centre[0] + hx, centre[1] + hy]
            }
            Self::Capsule { a, b, ra, rb } => [
                (a[0] - ra).min(b[0] - rb),
                (a[1] - ra).min(b[1] - rb),
                (a[0] + ra).max(b[0] + rb),
                (a[1] + ra).max(b[1] + rb),
            ],
        };
        [x0 - grow, y0 - grow, x1 + grow, y1 + grow]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_make_the_same_polygon() {
        let corners = [[0.0, 0.0], [10.0, 0.0], [10.0, 6.0], [0.0, 6.0]];
        let mut back = corners;
        back.reverse();
        for s in [Shape::polygon(&corners), Shape::polygon(&back)] {
            assert!((s.distance(5.0, 3.0) + 3.0).abs() < 1e-5);
            assert!((s.distance(12.0, 3.0) - 2.0).abs() < 1e-5);
        }
    }

    #[test]
    fn round_shapes_measure_from_their_edge() {
        let ball = Shape::ellipse([5.0, 5.0], [3.0, 3.0], 0.7);
        assert!((ball.distance(10.0, 5.0) - 2.0).abs() < 0.7 && ball.holds(7.0, 5.0) && ball.holds(5.0, 5.0));
        let rod = Shape::capsule([0.0, 0.0], [10.0, 0.0], 1.0, 3.0);
        assert!((rod.distance(0.0, 2.0) - 1.0).abs() < 1e-5 && rod.holds(10.0, 2.5) && !rod.holds(0.0, 1.5));
    }
}
