//! Fits a part of a picture into a network's input: where each input pixel comes from, and the one pass that
//! fills the input straight from the decoder's planes.
//!
//! Sampling is bilinear at the input's resolution only, with pixel centres at half positions; a full-size RGB
//! picture never exists. Interpolation is in whole numbers (8-bit weights), so the result is the same on every
//! machine. A source row is first fitted to the input's width, then two of them are blended and converted, vectorised.

#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "calls what was compiled for AVX2, where there is one")
)]

use super::pixels::{Chroma, Colour, Planes};
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

/// Taps across, places and weights apart, so that the loops over them are vectorised.
#[derive(Debug, Default)]
struct Across {
    at: Vec<u32>,
    weights: Vec<u16>,
    /// The same places by fours; none where four lie too far apart.
    #[cfg(target_arch = "x86_64")]
    fours: Vec<Four>,
}

/// Four taps that lie within 16 bytes of a row: where these begin, and which of them are the pairs.
#[cfg(target_arch = "x86_64")]
#[derive(Debug)]
struct Four {
    from: u32,
    places: [u8; 16],
}

#[cfg(target_arch = "x86_64")]
impl Four {
    /// For samples `step` bytes apart in rows of at least `length` bytes.
    fn new(at: &[u32], step: usize, length: usize) -> Option<Self> {
        let (first, last) = (*at.first()? as usize, *at.last()? as usize);
        let from = first.min(length.checked_sub(16)?);
        let mut places = [0; 16];
        for (pair, &at) in places.chunks_exact_mut(2).zip(at) {
            pair.copy_from_slice(&[at as usize - from, at as usize - from + step].map(|place| place as u8));
        }
        (last + step - from < 16).then_some(Self { from: from as u32, places })
    }
}

/// The two source rows of one component that the last row of the input was blended from, already as wide as the
/// content, in 1/256. Where the input has more rows than the source, or as many, a source row is fitted once.
#[derive(Debug, Default)]
struct Rows {
    fitted: [Vec<u16>; 2],
    /// Which source row each is of.
    of: [Option<usize>; 2],
}

/// Buffers of [`fill`], kept between frames.
#[derive(Debug, Default)]
pub struct Scratch {
    across: Across,
    across_chroma: Across,
    pairs: Vec<u16>,
    luma: Rows,
    blue: Rows,
    red: Rows,
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
    /// `step`: bytes from one sample to the next.
    fn set(&mut self, axis: Axis, step: usize, count: usize) {
        let Self { at, weights, .. } = self;
        at.clear();
        weights.clear();
        for tap in (0..count).map(|i| axis.tap(i)) {
            // The last sample as the right one of its pair: a row has nothing after it. A row of one sample is
            // read by `fit::<0>`.
            let tap = if tap.at + 1 == axis.length && tap.at > 0 { Tap { at: tap.at - 1, weight: 256 } } else { tap };
            at.push((tap.at * step) as u32);
            weights.push(tap.weight);
        }
        #[cfg(target_arch = "x86_64")]
        {
            // The second component of pairs begins a byte later, and its rows are as much shorter.
            let length = axis.length * step - (step - 1);
            let wide = std::arch::is_x86_feature_detected!("avx2") && axis.length > 1;
            self.fours.clear();
            self.fours.extend(at.chunks_exact(4).map_while(|at| Four::new(at, step, length).filter(|_| wide)));
        }
    }

    /// The pairs of a row's bytes at the taps.
    fn gather<const STEP: usize>(&self, row: &[u8], pairs: &mut Vec<u16>) {
        pairs.clear();
        #[cfg(target_arch = "x86_64")]
        if !self.fours.is_empty() {
            pairs.resize(4 * self.fours.len(), 0);
            // SAFETY: there are fours only where the processor has what the function was compiled for.
            unsafe { gather_wide(row, &self.fours, pairs) };
        }
        pairs.extend(self.at[pairs.len()..].iter().map(|&at| {
            let right = row[at as usize + STEP];
            u16::from_le_bytes([row[at as usize], right])
        }));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn gather_wide(row: &[u8], fours: &[Four], pairs: &mut [u16]) {
    use std::arch::x86_64::{_mm_loadu_si128, _mm_shuffle_epi8, _mm_storel_epi64};
    for (four, out) in fours.iter().zip(pairs.chunks_exact_mut(4)) {
        let from = &row[four.from as usize..][..16];
        // SAFETY: 16 bytes are read from arrays of 16 bytes, and 8 written to 4 numbers of 2 bytes.
        unsafe {
            let bytes = _mm_loadu_si128(from.as_ptr().cast());
            let places = _mm_loadu_si128(four.places.as_ptr().cast());
            _mm_storel_epi64(out.as_mut_ptr().cast(), _mm_shuffle_epi8(bytes, places));
        }
    }
}

/// One component of a picture: its plane, its first byte in a row, bytes from one sample to the next.
#[derive(Clone, Copy)]
struct Component<'a> {
    plane: Plane<'a>,
    first: usize,
    step: usize,
}

impl Rows {
    fn forget(&mut self) {
        self.of = [None; 2];
    }

    /// The two rows at a tap, fitted to the content's width.
    fn at(&mut self, tap: Tap, component: Component<'_>, across: &Across, pairs: &mut Vec<u16>) -> [&[u16]; 2] {
        if self.of[0] != Some(tap.at) && self.of[1] == Some(tap.at) {
            self.of.swap(0, 1);
            self.fitted.swap(0, 1);
        }
        // A lower row without weight is not looked at: there may be none.
        let lower = usize::from(tap.weight > 0);
        for i in 0..=lower {
            if self.of[i] != Some(tap.at + i) {
                let row = &component.plane.row(tap.at + i)[component.first..];
                let fit = match (row.len() <= component.step, component.step) {
                    (true, _) => fit::<0>,
                    (false, 1) => fit::<1>,
                    (false, _) => fit::<2>,
                };
                fit(row, across, pairs, &mut self.fitted[i]);
                self.of[i] = Some(tap.at + i);
            }
        }
        [&self.fitted[0], &self.fitted[lower]]
    }
}

/// A source row as wide as the content, its samples `STEP` bytes apart: gathered first, then blended, since only the
/// second is vectorised.
fn fit<const STEP: usize>(row: &[u8], across: &Across, pairs: &mut Vec<u16>, out: &mut Vec<u16>) {
    across.gather::<STEP>(row, pairs);
    out.clear();
    out.extend(pairs.iter().zip(&across.weights).map(|(&pair, &weight)| {
        let (left, right) = (pair & 255, pair >> 8);
        // At most 255 · 256, though a step on the way there may wrap.
        (left << 8).wrapping_add(right.wrapping_sub(left).wrapping_mul(weight))
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
    let Scratch { across, across_chroma, pairs, luma, blue, red } = scratch;
    let (region, content) = (geometry.region, geometry.content);
    let (width, height) = (content.x1 - content.x0, content.y1 - content.y0);
    let whole = |plane| Component { plane, first: 0, step: 1 };
    let half = |plane, first| Component { plane, first, step: 2 };
    let chroma = match planes.chroma {
        Chroma::Grey => None,
        Chroma::Planar(u, v) => Some((whole(u), whole(v))),
        Chroma::Pairs(p, swapped) => Some((half(p, usize::from(swapped)), half(p, usize::from(!swapped)))),
    };
    let (sub_x, sub_y) = planes.subsampling;
    let x = Axis { scale: geometry.scale.0, from: region.x0, to: region.x1, sub: 1, length: planes.luma.width };
    let y = Axis { scale: geometry.scale.1, from: region.y0, to: region.y1, sub: 1, length: planes.luma.height };
    across.set(x, 1, width);
    if let Some((Component { plane, step, .. }, _)) = chroma {
        across_chroma.set(Axis { sub: sub_x, length: plane.width / step, ..x }, step, width);
    }
    [&mut *luma, &mut *blue, &mut *red].into_iter().for_each(Rows::forget);
    if chroma.is_none() {
        for rows in [&mut *blue, &mut *red] {
            rows.fitted[0].clear();
            rows.fitted[0].resize(width, 128 << 8);
        }
    }
    let convert = convert();
    let (first, rest) = input.split_at_mut(size.0 * size.1);
    let (second, third) = rest.split_at_mut(size.0 * size.1);
    for row in 0..height {
        let tap = y.tap(row);
        let luma = luma.at(tap, whole(planes.luma), across, pairs);
        let (tap_chroma, blue, red) = match chroma {
            None => (Tap { at: 0, weight: 0 }, [&blue.fitted[0][..]; 2], [&red.fitted[0][..]; 2]),
            Some((u, v)) => {
                let tap = Axis { sub: sub_y, length: u.plane.height, ..y }.tap(row);
                (tap, blue.at(tap, u, across_chroma, pairs), red.at(tap, v, across_chroma, pairs))
            }
        };
        let start = (content.y0 + row) * size.0 + content.x0;
        let out = [&mut first[start..][..width], &mut second[start..][..width], &mut third[start..][..width]];
        convert(planes.colour, channels, [luma, blue, red], [tap.weight, tap_chroma.weight], out);
    }
}

/// Blends two rows of each component and makes a row of the input of them. Arguments: the conversion, the channels, the
/// rows of luma, blue and red difference, the weights of the lower rows of luma and of the others, a row of each channel.
type Convert = fn(Colour, &Channels, [[&[u16]; 2]; 3], [u16; 2], [&mut [f32]; 3]);

/// The same arithmetic for all machines, twice as fast where there are wide registers.
fn convert() -> Convert {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has what the function was compiled for.
        return |colour, channels, rows, weights, out| unsafe { convert_wide(colour, channels, rows, weights, out) };
    }
    convert_row
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn convert_wide(c: Colour, channels: &Channels, rows: [[&[u16]; 2]; 3], weights: [u16; 2], out: [&mut [f32]; 3]) {
    convert_row(c, channels, rows, weights, out);
}

#[inline(always)]
fn convert_row(c: Colour, channels: &Channels, rows: [[&[u16]; 2]; 3], weights: [u16; 2], out: [&mut [f32]; 3]) {
    let [c0, c1, c2] = out;
    let (r, b) = if channels.bgr { (c2, c0) } else { (c0, c2) };
    let (ir, ib) = if channels.bgr { (2, 0) } else { (0, 2) };
    let level = |v: f32, i: usize| v.clamp(0.0, 255.0) * channels.scale[i] + channels.offset[i];
    // Whole numbers of at most 255 · 2¹⁶, below 2²⁴: exact.
    let blend = |[upper, lower]: [u16; 2], weight: u16| {
        let (upper, lower) = (i32::from(upper), i32::from(lower));
        // Nothing wraps, but saying so lets checked builds vectorise it too.
        let sum = (upper << 8).wrapping_add(lower.wrapping_sub(upper).wrapping_mul(i32::from(weight)));
        sum as f32 * (1.0 / 65536.0)
    };
    let n = r.len();
    let (g, b) = (&mut c1[..n], &mut b[..n]);
    let [[l0, l1], [u0, u1], [v0, v1]] = rows.map(|pair| pair.map(|row| &row[..n]));
    for i in 0..n {
        let l = (blend([l0[i], l1[i]], weights[0]) - c.black) * c.gain;
        let u = blend([u0[i], u1[i]], weights[1]) - 128.0;
        let v = blend([v0[i], v1[i]], weights[1]) - 128.0;
        r[i] = level(l + c.red * v, ir);
        g[i] = level(l - c.green_u * u - c.green_v * v, 1);
        b[i] = level(l + c.blue * u, ib);
    }
}
