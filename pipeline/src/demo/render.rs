//! What every rendered scene shares: seeded noise, textured ground, projective labels, the sensor.
//!
//! In: a cached background and the drawings on it; out: a picture as a camera would give it. All of it is a
//! function of the seed and the frame's number; the only state is the table of sensor noise.

use crate::draw::{Ink, blend};
use gemba_operators::encode::Planes;

/// Width of every demo picture in pixels.
pub const WIDTH: usize = 1280;
/// Height of every demo picture in pixels.
pub const HEIGHT: usize = 720;
/// Frames a second of every demo clip.
pub const FPS: u32 = 25;

/// A small seeded generator (SplitMix64, Steele et al. 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly in 0..1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1 << 24) as f32
    }

    /// Evenly in `low..high`.
    pub fn within(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }
}

/// Smooth noise in −1..1 that changes over about one unit of `x` and `y` (value noise on a lattice).
pub fn noise(seed: u64, x: f32, y: f32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (ease(x - x0), ease(y - y0));
    let corner = |dx: i64, dy: i64| {
        let key = (x0 as i64 + dx).wrapping_mul(0x2545_f491) ^ (y0 as i64 + dy).wrapping_mul(0x9e37_79b9_7f4a);
        2.0 * Random::new(seed ^ key as u64).unit() - 1.0
    };
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * tx;
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * tx;
    top + (bottom - top) * ty
}

/// Smooth from 0 to 1 over 0..1, flat outside.
pub fn ease(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// How much light falls on a place: brightest at `centre`, less towards the corners.
pub fn light(centre: [f32; 2], x: f32, y: f32) -> f32 {
    let (dx, dy) = ((x - centre[0]) / WIDTH as f32, (y - centre[1]) / HEIGHT as f32);
    1.04 - 0.22 * (dx * dx + dy * dy)
}

/// A grey picture to be stuck onto things: a printed label, 8 bits a texel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texture {
    /// Luma, row by row.
    pub texels: Vec<u8>,
    /// Texels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Texture {
    /// An even surface.
    pub fn new(width: usize, height: usize, luma: u8) -> Self {
        Self { texels: vec![luma; width * height], width, height }
    }

    /// Fills a rectangle; parts outside are left out.
    pub fn rect(&mut self, x: usize, y: usize, width: usize, height: usize, luma: u8) {
        for row in y.min(self.height)..(y + height).min(self.height) {
            self.texels[row * self.width..][x.min(self.width)..(x + width).min(self.width)].fill(luma);
        }
    }

    /// Blurs with three box filters in each direction, which is close to a Gaussian of this `sigma` in texels.
    pub fn blur(&mut self, sigma: f32) {
        let radius = ((sigma * sigma * 4.0 + 1.0).sqrt() / 2.0 - 0.5).round() as usize;
        for _ in 0..3 {
            self.box_blur(radius, 1, self.width, self.width, self.height);
            self.box_blur(radius, self.width, self.height, 1, self.width);
        }
    }

    fn box_blur(&mut self, radius: usize, step: usize, length: usize, stride: usize, lines: usize) {
        let mut from = vec![0u32; length];
        for line in 0..lines {
            for (i, value) in from.iter_mut().enumerate() {
                *value = u32::from(self.texels[line * stride + i * step]);
            }
            for i in 0..length {
                let window = &from[i.saturating_sub(radius)..(i + radius + 1).min(length)];
                let sum: u32 = window.iter().sum();
                self.texels[line * stride + i * step] = (sum / window.len() as u32) as u8;
            }
        }
    }
}

/// The projective map that takes the unit square to `corners` (clockwise from the top left), as a 3×3 matrix
/// (Heckbert 1989, section 2.2).
fn square_to_quad(corners: [[f32; 2]; 4]) -> [[f32; 3]; 3] {
    let [a, b, c, d] = corners;
    let sum = [a[0] - b[0] + c[0] - d[0], a[1] - b[1] + c[1] - d[1]];
    let (e, f) = ([b[0] - c[0], b[1] - c[1]], [d[0] - c[0], d[1] - c[1]]);
    let det = e[0] * f[1] - f[0] * e[1];
    let det = if det.abs() < 1e-6 { 1e-6 } else { det };
    let g = (sum[0] * f[1] - f[0] * sum[1]) / det;
    let h = (e[0] * sum[1] - sum[0] * e[1]) / det;
    [
        [b[0] - a[0] + g * b[0], d[0] - a[0] + h * d[0], a[0]],
        [b[1] - a[1] + g * b[1], d[1] - a[1] + h * d[1], a[1]],
        [g, h, 1.0],
    ]
}

/// Where the unit square's point (`s`, `t`) lies in a quadrilateral seen in perspective.
pub fn project(corners: [[f32; 2]; 4], s: f32, t: f32) -> [f32; 2] {
    let m = square_to_quad(corners);
    let w = m[2][0] * s + m[2][1] * t + 1.0;
    [(m[0][0] * s + m[0][1] * t + m[0][2]) / w, (m[1][0] * s + m[1][1] * t + m[1][2]) / w]
}

/// Draws a texture onto a quadrilateral, 3×3 samples a pixel, spread further along `smear` (the way that the
/// thing moved during the exposure, in pixels).
pub fn stick(planes: &mut Planes, texture: &Texture, corners: [[f32; 2]; 4], smear: [f32; 2], tone: f32) {
    let m = square_to_quad(corners);
    // The inverse up to scale, which the division by w cancels: the matrix of cofactors.
    let cofactor = |r: usize, c: usize| {
        let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
        m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
    };
    let inverse: [[f32; 3]; 3] = std::array::from_fn(|i| std::array::from_fn(|j| cofactor(j, i)));
    let (w, h) = (texture.width as f32, texture.height as f32);
    let sample = |x: f32, y: f32| {
        let k = inverse[2][0] * x + inverse[2][1] * y + inverse[2][2];
        let s = (inverse[0][0] * x + inverse[0][1] * y + inverse[0][2]) / k;
        let t = (inverse[1][0] * x + inverse[1][1] * y + inverse[1][2]) / k;
        let inside = (0.0..1.0).contains(&s) && (0.0..1.0).contains(&t);
        inside.then(|| f32::from(texture.texels[(t * h) as usize * texture.width + (s * w) as usize]))
    };
    let xs = corners.map(|c| c[0]);
    let ys = corners.map(|c| c[1]);
    let low = |v: [f32; 4]| v.into_iter().fold(f32::INFINITY, f32::min) - 1.0;
    let high = |v: [f32; 4]| v.into_iter().fold(f32::NEG_INFINITY, f32::max) + 1.0;
    let (mx, my) = (smear[0].abs() / 2.0, smear[1].abs() / 2.0);
    blend(planes, [low(xs) - mx, low(ys) - my, high(xs) + mx, high(ys) + my], |x, y| {
        let (mut sum, mut hits) = (0.0, 0.0);
        for (n, (dx, dy)) in (-1..=1).flat_map(|a| (-1..=1).map(move |b| (a as f32, b as f32))).enumerate() {
            let along = (n as f32 - 4.0) / 9.0;
            if let Some(luma) = sample(x + dx / 3.0 + along * smear[0], y + dy / 3.0 + along * smear[1]) {
                sum += luma;
                hits += 1.0;
            }
        }
        let luma = if hits > 0.0 { sum / hits } else { 0.0 };
        (hits / 9.0, Ink { y: 16.0 + (luma * 0.86) * tone, u: 128.0, v: 128.0 })
    });
}

/// The sensor: exposure that flickers a little, and noise.
pub struct Sensor {
    grain: Vec<i8>,
    seed: u64,
}

impl Sensor {
    /// A sensor whose noise has a standard deviation of about `sigma` levels.
    pub fn new(seed: u64, sigma: f32) -> Self {
        let mut random = Random::new(seed ^ 0x005e_450e);
        // The sum of four even numbers is close enough to a Gaussian.
        let mut next = || (0..4).map(|_| random.unit() - 0.5).sum::<f32>() * sigma * 1.73;
        let grain = (0..WIDTH * HEIGHT + 65_536).map(|_| next().round() as i8).collect();
        Self { grain, seed }
    }

    /// Exposes frame `number`: gain within ±0.6 %, then noise on luma.
    pub fn expose(&self, planes: &mut Planes, number: u64) {
        let t = number as f32 / FPS as f32;
        let flicker = 0.004 * (t * 1.7).sin() + 0.002 * (t * 7.3).sin();
        let gain = (256.0 * (1.0 + flicker)).round() as u16;
        let shift = (Random::new(self.seed ^ number.wrapping_mul(0x9e37)).bits() % 65_536) as usize;
        for (y, grain) in planes.y.iter_mut().zip(&self.grain[shift..]) {
            *y = ((u16::from(*y) * gain + 128) >> 8).min(255).to_le_bytes()[0].saturating_add_signed(*grain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_project_onto_themselves() {
        let quad = [[10.0, 12.0], [90.0, 8.0], [100.0, 70.0], [4.0, 60.0]];
        for (at, corner) in [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].into_iter().zip(quad) {
            let p = project(quad, at.0, at.1);
            assert!((p[0] - corner[0]).abs() < 1e-3 && (p[1] - corner[1]).abs() < 1e-3, "{p:?} {corner:?}");
        }
    }

    #[test]
    fn a_label_is_stuck_where_its_corners_are() {
        let mut planes = Planes::new(64, 64);
        let mut texture = Texture::new(20, 20, 255);
        texture.rect(10, 0, 10, 20, 0);
        stick(&mut planes, &texture, [[10.0, 10.0], [50.0, 10.0], [50.0, 50.0], [10.0, 50.0]], [0.0; 2], 1.0);
        assert!(planes.y[30 * 64 + 20] > 220 && planes.y[30 * 64 + 40] < 25 && planes.y[30 * 64 + 5] == 128);
    }

    #[test]
    fn the_sensor_is_deterministic_and_fair() {
        let mut a = Planes::new(WIDTH, HEIGHT);
        let mut b = a.clone();
        let sensor = Sensor::new(1, 1.5);
        sensor.expose(&mut a, 7);
        Sensor::new(1, 1.5).expose(&mut b, 7);
        assert_eq!(a, b);
        let mean = a.y.iter().map(|y| u64::from(*y)).sum::<u64>() as f64 / a.y.len() as f64;
        assert!((mean - 128.0).abs() < 1.2, "{mean}");
        sensor.expose(&mut b, 8);
        assert_ne!(a, b);
    }
}
