//! A decoded picture with its place in time, and borrowed views of its planes.
//!
//! Planes stay as the decoder wrote them; nothing is converted unless a detector needs RGB. A [`Frame`]
//! is shared by reference counting within its worker and is deliberately not `Serialize`: an exchange of
//! frames between workers does not compile.

use ffmpeg_next::color::Range;
use ffmpeg_next::format::Pixel;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::time::{EventTime, Micros};
use std::rc::Rc;

/// A borrowed 8-bit plane: `height` rows of `width` samples, `stride` bytes apart.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// The samples; row `y` starts at `y * stride`.
    pub data: &'a [u8],
    /// Bytes from one row to the next, at least `width`.
    pub stride: usize,
    /// Samples a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// A rectangle in whole pixels: `x0..x1` × `y0..y1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// Left, inclusive.
    pub x0: usize,
    /// Top, inclusive.
    pub y0: usize,
    /// Right, exclusive.
    pub x1: usize,
    /// Bottom, exclusive.
    pub y1: usize,
}

impl<'a> Plane<'a> {
    /// Row `y`.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.data[y * self.stride..][..self.width]
    }

    /// The part inside `rect` (clamped to the plane), without a copy.
    pub fn crop(&self, rect: Rect) -> Plane<'a> {
        let (x1, y1) = (rect.x1.min(self.width), rect.y1.min(self.height));
        let (x0, y0) = (rect.x0.min(x1), rect.y0.min(y1));
        let data = if x0 < x1 && y0 < y1 { &self.data[y0 * self.stride + x0..] } else { &[] };
        Plane { data, stride: self.stride, width: x1 - x0, height: y1 - y0 }
    }
}

impl Rect {
    /// A rectangle given as fractions `[left, top, right, bottom]` of a picture of `width` × `height` pixels,
    /// grown to whole pixels.
    pub fn from_fractions(rect: [f64; 4], width: usize, height: usize) -> Self {
        let low = |f: f64, n: usize| ((f * n as f64).floor().max(0.0) as usize).min(n);
        let high = |f: f64, n: usize| ((f * n as f64).ceil().max(0.0) as usize).min(n);
        Self { x0: low(rect[0], width), y0: low(rect[1], height), x1: high(rect[2], width), y1: high(rect[3], height) }
    }
}

/// Borrowed chroma samples, in the same way for planar and interleaved layouts.
#[derive(Clone, Copy, Debug)]
pub struct Chroma<'a> {
    /// Blue difference: the sample of column `x` in row `y` lies at `y * stride + x * step`.
    pub u: &'a [u8],
    /// Red difference, likewise.
    pub v: &'a [u8],
    /// Bytes from one row of `u` to the next.
    pub u_stride: usize,
    /// Bytes from one row of `v` to the next.
    pub v_stride: usize,
    /// Bytes from one sample to the next: 1 planar, 2 interleaved (NV12).
    pub step: usize,
    /// Columns of luma that share a sample, as a shift: 1 for 4:2:0 and 4:2:2, 0 for 4:4:4.
    pub shift_x: u32,
    /// Rows of luma that share a sample, as a shift: 1 for 4:2:0, 0 for 4:2:2 and 4:4:4.
    pub shift_y: u32,
}

impl Chroma<'_> {
    /// Blue and red difference at the luma position (`x`, `y`), which must lie in the picture.
    #[inline]
    pub fn at(&self, x: usize, y: usize) -> (u8, u8) {
        let (x, y) = (self.step * (x >> self.shift_x), y >> self.shift_y);
        (self.u[y * self.u_stride + x], self.v[y * self.v_stride + x])
    }
}

/// Which consumers want a frame, decided once by the sampler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Code reading.
    pub codes: bool,
    /// Motion.
    pub motion: bool,
    /// Detection.
    pub detect: bool,
}

impl Wanted {
    /// Whether anybody wants it.
    pub fn any(self) -> bool {
        self.codes || self.motion || self.detect
    }
}

/// Where a frame stands.
#[derive(Clone, Copy, Debug)]
pub struct FrameMeta {
    /// Camera name.
    pub camera: Name,
    /// Generation.
    pub generation: Generation,
    /// Event time of presentation.
    pub ts: EventTime,
    /// How long it is shown.
    pub duration: Micros,
    /// Number within its file, in order of presentation.
    pub number: u64,
    /// File name without the folder.
    pub file: Name,
    /// Who wants it.
    pub wanted: Wanted,
    /// The decoder flagged it as damaged.
    pub corrupt: bool,
}

/// The samples of a picture.
pub enum Picture {
    /// As the decoder wrote it: 8-bit planar or semi-planar YUV, or grey.
    Decoded(ffmpeg_next::frame::Video),
    /// Rendered: planar 4:2:0, full frame luma and quarter-size chroma, tightly packed.
    Rendered {
        /// Luma, `width * height`.
        y: Vec<u8>,
        /// Blue difference, `(width / 2) * (height / 2)`.
        u: Vec<u8>,
        /// Red difference, likewise.
        v: Vec<u8>,
        /// Width in pixels, even.
        width: usize,
        /// Height in pixels, even.
        height: usize,
    },
}

/// A picture and its place. Cloning shares the picture.
#[derive(Clone)]
pub struct Frame {
    /// Where it stands.
    pub meta: FrameMeta,
    /// The samples.
    pub picture: Rc<Picture>,
}

impl Frame {
    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.luma().width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.luma().height
    }

    /// The luma plane, borrowed.
    pub fn luma(&self) -> Plane<'_> {
        match &*self.picture {
            Picture::Decoded(video) => Plane {
                data: video.data(0),
                stride: video.stride(0),
                width: video.width() as usize,
                height: video.height() as usize,
            },
            Picture::Rendered { y, width, height, .. } => {
                Plane { data: y, stride: *width, width: *width, height: *height }
            }
        }
    }

    /// The chroma samples, borrowed; `None` for a grey picture.
    pub fn chroma(&self) -> Option<Chroma<'_>> {
        let video = match &*self.picture {
            Picture::Decoded(video) => video,
            Picture::Rendered { u, v, width, .. } => {
                let stride = width / 2;
                return Some(Chroma { u, v, u_stride: stride, v_stride: stride, step: 1, shift_x: 1, shift_y: 1 });
            }
        };
        let (shift_x, shift_y) = match video.format() {
            Pixel::YUV420P | Pixel::YUVJ420P | Pixel::NV12 => (1, 1),
            Pixel::YUV422P | Pixel::YUVJ422P => (1, 0),
            Pixel::YUV444P | Pixel::YUVJ444P => (0, 0),
            _ => return None,
        };
        let (u, v, step) = match video.format() {
            Pixel::NV12 => (video.data(1), video.data(1).get(1..)?, 2),
            _ => (video.data(1), video.data(2), 1),
        };
        let v_plane = if step == 2 { 1 } else { 2 };
        Some(Chroma { u, v, u_stride: video.stride(1), v_stride: video.stride(v_plane), step, shift_x, shift_y })
    }

    /// Whether luma spans 0–255 (JPEG range) rather than 16–235.
    pub fn full_range(&self) -> bool {
        match &*self.picture {
            Picture::Decoded(video) => {
                matches!(video.format(), Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P)
                    || video.color_range() == Range::JPEG
            }
            Picture::Rendered { .. } => false,
        }
    }
}
