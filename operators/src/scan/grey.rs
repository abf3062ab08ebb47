//! Small grey pictures of our own, and what is done to them before another try at decoding.
//!
//! In: a borrowed plane or another picture. Out: a new picture; nothing here keeps state. Everything is
//! integer or deterministic single-threaded float arithmetic, so a replay sees the same pixels.
//! Sources: Catmull–Rom cubic convolution (Keys 1981); unsharp masking; local contrast by integral images
//! in the manner of Sauvola & Pietikäinen (2000).

use super::quad::{Corners, Projection};
use crate::frame::Plane;

/// An owned 8-bit picture, tightly packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grey {
    pub data: Vec<u8>,
    pub width: usize,
    pub height: usize,
}

impl Grey {
    /// A copy of the plane.
    pub fn of(plane: &Plane) -> Self {
        let mut data = Vec::with_capacity(plane.width * plane.height);
        if plane.width > 0 {
            (0..plane.height).for_each(|y| data.extend_from_slice(plane.row(y)));
        }
        Self { data, width: plane.width, height: plane.height }
    }

    /// Borrowed.
    pub fn plane(&self) -> Plane<'_> {
        Plane { data: &self.data, stride: self.width, width: self.width, height: self.height }
    }

    fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.width..][..self.width]
    }

    /// Each sample through `f`.
    pub fn map(mut self, f: impl Fn(u8) -> u8) -> Self {
        self.data.iter_mut().for_each(|v| *v = f(*v));
        self
    }

    /// Light and dark exchanged.
    pub fn inverted(self) -> Self {
        self.map(|v| 255 - v)
    }

    /// 3×3 binomial blur (1 2 1).
    pub fn blurred(&self) -> Self {
        let (w, h) = (self.width, self.height);
        if w < 3 || h < 3 {
            return self.clone();
        }
        let mut sums = vec![0u16; w * h];
        for y in 0..h {
            let (up, here, down) = (self.row(y.saturating_sub(1)), self.row(y), self.row((y + 1).min(h - 1)));
            for (x, sum) in sums[y * w..][..w].iter_mut().enumerate() {
                *sum = u16::from(up[x]) + 2 * u16::from(here[x]) + u16::from(down[x]);
            }
        }
        let mut data = vec![0u8; w * h];
        for y in 0..h {
            let row = &sums[y * w..][..w];
            for (x, out) in data[y * w..][..w].iter_mut().enumerate() {
                *out = ((row[x.saturating_sub(1)] + 2 * row[x] + row[(x + 1).min(w - 1)] + 8) / 16) as u8;
            }
        }
        Self { data, width: w, height: h }
    }

    /// Unsharp mask: `amount` quarters of the difference to the blur (over `radius` passes) are added.
    pub fn sharpened(&self, radius: usize, amount: i32) -> Self {
        let mut soft = self.blurred();
        for _ in 1..radius {
            soft = soft.blurred();
        }
        for (s, &v) in soft.data.iter_mut().zip(&self.data) {
            *s = (i32::from(v) + (i32::from(v) - i32::from(*s)) * amount / 4).clamp(0, 255) as u8;
        }
        soft
    }

    /// Sums over all rectangles from the origin, `(width + 1) × (height + 1)`, of `f` of each sample.
    fn integral(&self, f: impl Fn(u8) -> u32) -> Vec<u32> {
        let w = self.width + 1;
        let mut sums = vec![0u32; w * (self.height + 1)];
        for y in 0..self.height {
            let mut run = 0u32;
            for (x, &v) in self.row(y).iter().enumerate() {
                run = run.wrapping_add(f(v));
                sums[(y + 1) * w + x + 1] = sums[y * w + x + 1].wrapping_add(run);
            }
        }
        sums
    }

    /// Runs `f(x, y, mean, deviation)` for the window of ± `radius` around each sample.
    fn windows(&self, radius: usize, f: impl Fn(u8, f32, f32) -> u8) -> Self {
        let (w, h) = (self.width, self.height);
        // Sums wrap; differences of four corners are right as long as one window's sum fits 32 bits.
        let radius = radius.min(120);
        let (sums, squares) = (self.integral(u32::from), self.integral(|v| u32::from(v) * u32::from(v)));
        let mut data = vec![0u8; w * h];
        for y in 0..h {
            let (y0, y1) = (y.saturating_sub(radius), (y + radius + 1).min(h));
            for x in 0..w {
                let (x0, x1) = (x.saturating_sub(radius), (x + radius + 1).min(w));
                let pick = |table: &[u32]| {
                    let at = |x: usize, y: usize| table[y * (w + 1) + x];
                    at(x1, y1).wrapping_sub(at(x0, y1)).wrapping_sub(at(x1, y0)).wrapping_add(at(x0, y0)) as f32
                };
                let n = ((x1 - x0) * (y1 - y0)) as f32;
                let mean = pick(&sums) / n;
                let deviation = (pick(&squares) / n - mean * mean).max(0.0).sqrt();
                data[y * w + x] = f(self.data[y * w + x], mean, deviation);
            }
        }
        Self { data, width: w, height: h }
    }

    /// Local contrast equalised over ± `radius`; flat ground stays flat.
    pub fn equalised(&self, radius: usize) -> Self {
        self.windows(radius, |v, mean, deviation| {
            (128.0 + (f32::from(v) - mean) * 50.0 / deviation.max(8.0)).clamp(0.0, 255.0) as u8
        })
    }

    /// Black or white against the local mean over ± `radius`, shifted by `bias` tenths of the deviation.
    pub fn binarised(&self, radius: usize, bias: f32) -> Self {
        self.windows(
            radius,
            |v, mean, deviation| {
                if deviation > 6.0 && f32::from(v) < mean + deviation * bias / 10.0 { 0 } else { 255 }
            },
        )
    }

    /// Resized to `width` × `height`: area mean where it shrinks, Catmull–Rom where it grows.
    pub fn resized(&self, width: usize, height: usize) -> Self {
        if width == 0 || height == 0 || self.width == 0 || self.height == 0 {
            return Self { data: Vec::new(), width: 0, height: 0 };
        }
        let (columns, rows) = (Taps::new(self.width, width), Taps::new(self.height, height));
        let mut wide = vec![0f32; width * self.height];
        for y in 0..self.height {
            let row = self.row(y);
            for (x, out) in wide[y * width..][..width].iter_mut().enumerate() {
                let (from, weights) = columns.at(x);
                *out = weights.iter().zip(&row[from..]).map(|(w, &v)| w * f32::from(v)).sum();
            }
        }
        let mut data = Vec::with_capacity(width * height);
        let mut sums = vec![0f32; width];
        for y in 0..height {
            let (from, weights) = rows.at(y);
            sums.fill(0.0);
            for (k, weight) in weights.iter().enumerate() {
                let row = &wide[(from + k) * width..][..width];
                sums.iter_mut().zip(row).for_each(|(s, v)| *s += weight * v);
            }
            data.extend(sums.iter().map(|s| (s + 0.5).clamp(0.0, 255.0) as u8));
        }
        Self { data, width, height }
    }

    /// Scaled by `scale`.
    pub fn scaled(&self, scale: f32) -> Self {
        let side = |n: usize| ((n as f32 * scale).round() as usize).max(1);
        self.resized(side(self.width), side(self.height))
    }

    /// The square seen through `corners` of `plane`, drawn upright: the unit square grown by `margin` on all
    /// sides becomes `side` × `side` samples. `None` if the corners are degenerate.
    pub fn rectified(plane: &Plane, corners: Corners, margin: f32, side: usize) -> Option<Self> {
        if plane.width == 0 || plane.height == 0 {
            return None;
        }
        let projection = Projection::onto(corners)?;
        let step = (1.0 + 2.0 * margin) / side as f32;
        let mut data = Vec::with_capacity(side * side);
        for y in 0..side {
            for x in 0..side {
                let at = projection.at((x as f32 + 0.5) * step - margin, (y as f32 + 0.5) * step - margin);
                data.push(at.map_or(255, |[x, y]| sample(plane, x, y) as u8));
            }
        }
        Some(Self { data, width: side, height: side })
    }
}

/// Bilinear sample at (x, y), where the sample in column 0 has its centre at 0.5; clamped to the plane.
pub(crate) fn sample(plane: &Plane, x: f32, y: f32) -> f32 {
    let x = (x - 0.5).clamp(0.0, (plane.width - 1) as f32);
    let y = (y - 0.5).clamp(0.0, (plane.height - 1) as f32);
    let (x0, y0) = (x as usize, y as usize);
    let (x1, y1) = ((x0 + 1).min(plane.width - 1), (y0 + 1).min(plane.height - 1));
    let (fx, fy) = (x - x0 as f32, y - y0 as f32);
    let (top, bottom) = (plane.row(y0), plane.row(y1));
    let mix = |row: &[u8]| f32::from(row[x0]) * (1.0 - fx) + f32::from(row[x1]) * fx;
    mix(top) * (1.0 - fy) + mix(bottom) * fy
}

/// The source samples and weights of each target sample along one axis.
struct Taps {
    spans: Vec<(usize, usize)>,
    weights: Vec<f32>,
}

impl Taps {
    fn new(from: usize, to: usize) -> Self {
        let scale = from as f32 / to as f32;
        let (mut spans, mut weights) = (Vec::with_capacity(to), Vec::new());
        for i in 0..to {
            let start = weights.len();
            let first = if scale > 1.0 {
                let (low, high) = (i as f32 * scale, (i + 1) as f32 * scale);
                let first = (low as usize).min(from - 1);
                for k in first..(high.ceil() as usize).min(from).max(first + 1) {
                    weights.push((high.min(k as f32 + 1.0) - low.max(k as f32)).max(1e-3));
                }
                first
            } else {
                let centre = (i as f32 + 0.5) * scale - 0.5;
                let first = (centre.floor() as isize - 1).max(0) as usize;
                for k in first..((centre.floor() as isize + 3).max(1) as usize).min(from) {
                    weights.push(catmull_rom((k as f32 - centre).abs()));
                }
                first.min(from - 1)
            };
            let total: f32 = weights[start..].iter().sum();
            weights[start..].iter_mut().for_each(|w| *w /= total);
            spans.push((first, start));
        }
        spans.push((0, weights.len()));
        Self { spans, weights }
    }

    fn at(&self, i: usize) -> (usize, &[f32]) {
        let ((first, start), (_, end)) = (self.spans[i], self.spans[i + 1]);
        (first, &self.weights[start..end])
    }
}

fn catmull_rom(t: f32) -> f32 {
    if t < 1.0 {
        (1.5 * t - 2.5) * t * t + 1.0
    } else if t < 2.0 {
        ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0
    } else {
        0.0
    }
}
