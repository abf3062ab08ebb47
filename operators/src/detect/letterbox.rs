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
    pub fn to_source(&self, b: [f32; 4]) -> [f32; 4] {
        let x = |v: f32| ((f64::from(v) - self.content.x0 as f64) / self.scale.0 + self.region.x0 as f64) as f32;
        let y = |v: f32| ((f64::from(v) - self.content.y0 as f64) / self.scale.1 + self.region.y0 as f64) as f32;
        [x(b[0]), y(b[1]), x(b[2]), y(b[3])]
    }
}

/// Two neighbouring samples and the weight of the second, in 1/256.
#[derive(Clone, Copy, Debug)]
struct Tap {
    at: u32,
    weight: u32,
}

/// Buffers of [`fill`], kept between frames.
#[derive(Debug, Default)]
pub struct Scratch {
    across: Vec<Tap>,
    across_chroma: Vec<Tap>,
    down: Vec<Tap>,
    down_chroma: Vec<Tap>,
    blended: Vec<u16>,
    luma: Vec<f32>,
    blue: Vec<f32>,
    red: Vec<f32>,
}

/// Where the samples `0..count` of an axis lie on a plane of `length` samples, `sub` source pixels each, when the
/// source starts at `from` and ends before `to`.
fn taps(count: usize, scale: f64, (from, to): (usize, usize), sub: usize, length: usize, out: &mut Vec<Tap>) {
    out.clear();
    let last = (length - 1) as f64;
    out.extend((0..count).map(|i| {
        let source = ((i as f64 + 0.5) / scale - 0.5 + from as f64).clamp(from as f64, (to - 1) as f64);
        let here = ((source + 0.5) / sub as f64 - 0.5).clamp(0.0, last);
        let (at, weight) = (here.floor(), ((here - here.floor()) * 256.0).round() as u32);
        // A weight of 256 is the next sample itself; the last sample has no next one, and needs none.
        if weight == 256 { Tap { at: at as u32 + 1, weight: 0 } } else { Tap { at: at as u32, weight } }
    }));
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
    let Scratch { across, across_chroma, down, down_chroma, blended, luma, blue, red } = scratch;
    let (region, content) = (geometry.region, geometry.content);
    let (width, height) = (content.x1 - content.x0, content.y1 - content.y0);
    let (sub_x, sub_y) = planes.subsampling;
    let (chroma_width, chroma_height) = match planes.chroma {
        Chroma::Grey => (1, 1),
        Chroma::Planar(u, _) => (u.width, u.height),
        Chroma::Pairs(p, _) => (p.width / 2, p.height),
    };
    let (columns, rows) = ((region.x0, region.x1), (region.y0, region.y1));
    taps(width, geometry.scale.0, columns, 1, planes.luma.width, across);
    taps(width, geometry.scale.0, columns, sub_x, chroma_width, across_chroma);
    taps(height, geometry.scale.1, rows, 1, planes.luma.height, down);
    taps(height, geometry.scale.1, rows, sub_y, chroma_height, down_chroma);
    for row in [&mut *luma, &mut *blue, &mut *red] {
        row.clear();
        row.resize(width, 128.0);
    }
    let (first, rest) = input.split_at_mut(size.0 * size.1);
    let (second, third) = rest.split_at_mut(size.0 * size.1);
    for y in 0..height {
        blend_rows(planes.luma, down[y], blended);
        blend_columns::<1>(blended, 0, across, luma);
        match planes.chroma {
            Chroma::Grey => (),
            Chroma::Planar(u, v) => {
                blend_rows(u, down_chroma[y], blended);
                blend_columns::<1>(blended, 0, across_chroma, blue);
                blend_rows(v, down_chroma[y], blended);
                blend_columns::<1>(blended, 0, across_chroma, red);
            }
            Chroma::Pairs(p, swapped) => {
                blend_rows(p, down_chroma[y], blended);
                blend_columns::<2>(blended, usize::from(swapped), across_chroma, blue);
                blend_columns::<2>(blended, usize::from(!swapped), across_chroma, red);
            }
        }
        let start = (content.y0 + y) * size.0 + content.x0;
        let out = [&mut first[start..][..width], &mut second[start..][..width], &mut third[start..][..width]];
        convert(planes, channels, luma, blue, red, out);
    }
}

/// One row between two rows of a plane, in 1/256, and two samples more: the last sample (or pair) has no right
/// neighbour, and `blend_columns` reads one all the same, with weight 0.
fn blend_rows(plane: Plane<'_>, tap: Tap, out: &mut Vec<u16>) {
    let upper = plane.row(tap.at as usize);
    let lower = plane.row((tap.at as usize + 1).min(plane.height - 1));
    let (a, b) = (256 - tap.weight as u16, tap.weight as u16);
    out.clear();
    out.extend(upper.iter().zip(lower).map(|(&u, &l)| u16::from(u) * a + u16::from(l) * b));
    out.extend([0, 0]);
}

/// The samples of an input row from a blended row of `STEP` interleaved components.
fn blend_columns<const STEP: usize>(row: &[u16], offset: usize, taps: &[Tap], out: &mut [f32]) {
    for (value, tap) in out.iter_mut().zip(taps) {
        let pair = &row[tap.at as usize * STEP + offset..][..STEP + 1];
        let sum = u32::from(pair[0]) * (256 - tap.weight) + u32::from(pair[STEP]) * tap.weight;
        // At most 255 · 2¹⁶, below 2²⁴: exact.
        *value = sum as i32 as f32 * (1.0 / 65536.0);
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
