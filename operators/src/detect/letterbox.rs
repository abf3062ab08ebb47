//! Fits a part of a picture into a network's input: where each input pixel comes from, and the one pass that
//! fills the input straight from the decoder's planes.
//!
//! Sampling is bilinear at the input's resolution only, with pixel centres at half positions; a full-size RGB
//! picture never exists. Interpolation is in whole numbers (8-bit weights), so the result is the same on every
//! machine. A row of the input costs one vertical blend of two source rows a plane (vectorised), then one
//! horizontal blend an input pixel.

use super::pixels::{Chroma, Planes};
use crate::frame::{Plane, Rect};

/// How a region of another shape is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Shape kept, at the top left, the rest padded (YOLOX).
    TopLeft,
    /// Shape kept, in the middle, the rest padded (YOLOv8).
    Centre,
    /// Stretched to the whole input (FastestDet, DETR).
    Stretch,
}

/// Channel order and scale of the input: `value = level·scale + offset` for levels 0–255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Channels {
    /// Blue first.
    pub bgr: bool,
    /// For channel 0, 1, 2 of the input.
    pub scale: [f32; 3],
    /// Likewise.
    pub offset: [f32; 3],
}

impl Channels {
    /// Levels 0–255 as they are.
    pub const BGR_LEVELS: Self = Self { bgr: true, scale: [1.0; 3], offset: [0.0; 3] };
    /// 0–1, blue first.
    pub const BGR_UNIT: Self = Self { bgr: true, scale: [1.0 / 255.0; 3], offset: [0.0; 3] };
    /// 0–1.
    pub const RGB_UNIT: Self = Self { bgr: false, scale: [1.0 / 255.0; 3], offset: [0.0; 3] };
    /// Mean and deviation of ImageNet, as the DETR paper's models want it.
    pub const RGB_IMAGENET: Self = Self {
        bgr: false,
        scale: [1.0 / (255.0 * 0.229), 1.0 / (255.0 * 0.224), 1.0 / (255.0 * 0.225)],
        offset: [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
    };
}

/// Level of the padding, as both YOLOX and YOLOv8 were trained with.
const PAD: f32 = 114.0;

/// Which part of the source lies where in the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    /// Part of the source, px.
    pub region: Rect,
    /// Where it lies in the input, px.
    content: Rect,
    /// Input pixels per source pixel, across and down.
    scale: (f64, f64),
}

impl Geometry {
    /// Fits `region` into an input of `size` (width, height); `None` when there is nothing to fit.
    pub fn new(region: Rect, size: (usize, usize), fit: Fit) -> Option<Self> {
        let (w, h) = (region.x1.checked_sub(region.x0)?, region.y1.checked_sub(region.y0)?);
        if w == 0 || h == 0 || size.0 == 0 || size.1 == 0 {
            return None;
        }
        let (cw, ch) = match fit {
            Fit::Stretch => size,
            Fit::TopLeft | Fit::Centre => {
                let ratio = (size.0 as f64 / w as f64).min(size.1 as f64 / h as f64);
                let whole = |n: usize, most: usize| ((n as f64 * ratio).round() as usize).clamp(1, most);
                (whole(w, size.0), whole(h, size.1))
            }
        };
        let (x0, y0) = if fit == Fit::Centre { ((size.0 - cw) / 2, (size.1 - ch) / 2) } else { (0, 0) };
        Some(Self {
            region,
            content: Rect { x0, y0, x1: x0 + cw, y1: y0 + ch },
            scale: (cw as f64 / w as f64, ch as f64 / h as f64),
        })
    }

    /// A box `[x0, y0, x1, y1]` of the input in source pixels, not clipped.
    pub fn in_source(&self, b: [f32; 4]) -> [f32; 4] {
        let x = |v: f32| ((f64::from(v) - self.content.x0 as f64) / self.scale.0 + self.region.x0 as f64) as f32;
        let y = |v: f32| ((f64::from(v) - self.content.y0 as f64) / self.scale.1 + self.region.y0 as f64) as f32;
        [x(b[0]), y(b[1]), x(b[2]), y(b[3])]
    }
}

/// Two neighbouring samples of an axis: the first's place, and the second's weight in 1/256.
#[derive(Clone, Copy, Debug)]
struct Tap {
    at: usize,
    weight: u16,
}

/// Taps across, apart: the weights of both samples as floats (whole numbers up to 256), so that the loops over them
/// are vectorised.
#[derive(Debug, Default)]
struct Across {
    at: Vec<u32>,
    left: Vec<f32>,
    right: Vec<f32>,
}

/// Buffers of [`fill`], kept between frames.
#[derive(Debug, Default)]
pub struct Scratch {
    across: Across,
    across_chroma: Across,
    blended: Vec<u16>,
    pairs: Vec<[u16; 2]>,
    luma: Vec<f32>,
    blue: Vec<f32>,
    red: Vec<f32>,
}

/// One axis of a plane: input pixels per source pixel, first and last source pixel of the region, source pixels per
/// sample, samples.
#[derive(Clone, Copy)]
struct Axis {
    scale: f64,
    from: usize,
    to: usize,
    sub: usize,
    length: usize,
}

impl Axis {
    /// Where the input pixel `i` of the content lies.
    fn tap(self, i: usize) -> Tap {
        let source =
            ((i as f64 + 0.5) / self.scale - 0.5 + self.from as f64).clamp(self.from as f64, (self.to - 1) as f64);
        let here = ((source + 0.5) / self.sub as f64 - 0.5).clamp(0.0, (self.length - 1) as f64);
        let (at, weight) = (here.floor() as usize, ((here - here.floor()) * 256.0).round() as u16);
        // A weight of 256 is the next sample itself; the last sample has no next one, and needs none.
        if weight == 256 { Tap { at: at + 1, weight: 0 } } else { Tap { at, weight } }
    }
}

impl Across {
    fn set(&mut self, axis: Axis, count: usize) {
        let Self { at, left, right } = self;
        at.clear();
        left.clear();
        right.clear();
        for tap in (0..count).map(|i| axis.tap(i)) {
            at.push(tap.at as u32);
            left.push(f32::from(256 - tap.weight));
            right.push(f32::from(tap.weight));
        }
    }
}

/// Pads the whole input.
pub fn pad(channels: &Channels, input: &mut [f32]) {
    let size = input.len() / 3;
    for (c, plane) in input.chunks_exact_mut(size.max(1)).take(3).enumerate() {
        plane.fill(PAD * channels.scale[c] + channels.offset[c]);
    }
}

/// Fills the content part of `input` (3 × `size.1` × `size.0`); the padding is left as it is.
pub fn fill(
    planes: &Planes<'_>,
    geometry: &Geometry,
    channels: &Channels,
    size: (usize, usize),
    scratch: &mut Scratch,
    input: &mut [f32],
) {
    let Scratch { across, across_chroma, blended, pairs, luma, blue, red } = scratch;
    let (region, content) = (geometry.region, geometry.content);
    let (width, height) = (content.x1 - content.x0, content.y1 - content.y0);
    let (chroma_width, chroma_height) = match planes.chroma {
        Chroma::Grey => (1, 1),
        Chroma::Planar(u, _) => (u.width, u.height),
        Chroma::Pairs(p, _) => (p.width / 2, p.height),
    };
    let (sub_x, sub_y) = planes.subsampling;
    let x = Axis { scale: geometry.scale.0, from: region.x0, to: region.x1, sub: 1, length: planes.luma.width };
    let y = Axis { scale: geometry.scale.1, from: region.y0, to: region.y1, sub: 1, length: planes.luma.height };
    across.set(x, width);
    across_chroma.set(Axis { sub: sub_x, length: chroma_width, ..x }, width);
    let y_chroma = Axis { sub: sub_y, length: chroma_height, ..y };
    for row in [&mut *luma, &mut *blue, &mut *red] {
        row.clear();
        row.resize(width, 128.0);
    }
    let (first, rest) = input.split_at_mut(size.0 * size.1);
    let (second, third) = rest.split_at_mut(size.0 * size.1);
    for row in 0..height {
        blend_rows(planes.luma, y.tap(row), blended);
        blend_columns::<1>(blended, 0, across, pairs, luma);
        let tap = y_chroma.tap(row);
        match planes.chroma {
            Chroma::Grey => (),
            Chroma::Planar(u, v) => {
                blend_rows(u, tap, blended);
                blend_columns::<1>(blended, 0, across_chroma, pairs, blue);
                blend_rows(v, tap, blended);
                blend_columns::<1>(blended, 0, across_chroma, pairs, red);
            }
            Chroma::Pairs(p, swapped) => {
                blend_rows(p, tap, blended);
                blend_columns::<2>(blended, usize::from(swapped), across_chroma, pairs, blue);
                blend_columns::<2>(blended, usize::from(!swapped), across_chroma, pairs, red);
            }
        }
        let start = (content.y0 + row) * size.0 + content.x0;
        let out = [&mut first[start..][..width], &mut second[start..][..width], &mut third[start..][..width]];
        convert(planes, channels, luma, blue, red, out);
    }
}

/// One row between two rows of a plane, in 1/256, and two samples more: the last sample (or pair) has no right
/// neighbour, and `blend_columns` reads one all the same, with weight 0.
fn blend_rows(plane: Plane<'_>, tap: Tap, out: &mut Vec<u16>) {
    let upper = plane.row(tap.at);
    let lower = plane.row((tap.at + 1).min(plane.height - 1));
    let (a, b) = (256 - tap.weight, tap.weight);
    out.clear();
    // At most 255 · 256: nothing wraps, but saying so lets checked builds vectorise it too.
    let blend = |(&u, &l): (&u8, &u8)| u16::from(u).wrapping_mul(a).wrapping_add(u16::from(l).wrapping_mul(b));
    out.extend(upper.iter().zip(lower).map(blend));
    out.extend([0, 0]);
}

/// The samples of an input row from a blended row of `STEP` interleaved components: gathered first, then blended,
/// since only the second is vectorised.
fn blend_columns<const STEP: usize>(
    row: &[u16],
    offset: usize,
    across: &Across,
    pairs: &mut Vec<[u16; 2]>,
    out: &mut [f32],
) {
    let row = &row[offset..];
    pairs.clear();
    pairs.extend(across.at.iter().map(|&at| {
        let pair = &row[at as usize * STEP..][..STEP + 1];
        [pair[0], pair[STEP]]
    }));
    let weights = across.left.iter().zip(&across.right);
    for ((value, pair), (left, right)) in out.iter_mut().zip(&*pairs).zip(weights) {
        // Whole numbers of at most 255 · 2¹⁶, below 2²⁴: exact.
        *value = (f32::from(pair[0]) * left + f32::from(pair[1]) * right) * (1.0 / 65536.0);
    }
}

fn convert(planes: &Planes<'_>, channels: &Channels, luma: &[f32], blue: &[f32], red: &[f32], out: [&mut [f32]; 3]) {
    let c = planes.colour;
    let [c0, c1, c2] = out;
    let (r, b) = if channels.bgr { (c2, c0) } else { (c0, c2) };
    let (ir, ib) = if channels.bgr { (2, 0) } else { (0, 2) };
    let level = |v: f32, i: usize| v.clamp(0.0, 255.0) * channels.scale[i] + channels.offset[i];
    let n = luma.len();
    let (blue, red, r, g, b) = (&blue[..n], &red[..n], &mut r[..n], &mut c1[..n], &mut b[..n]);
    for i in 0..n {
        let (l, u, v) = ((luma[i] - c.black) * c.gain, blue[i] - 128.0, red[i] - 128.0);
        r[i] = level(l + c.red * v, ir);
        g[i] = level(l - c.green_u * u - c.green_v * v, 1);
        b[i] = level(l + c.blue * u, ib);
    }
}
