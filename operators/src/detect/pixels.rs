//! The planes of a picture and how to turn their samples into red, green and blue.
//!
//! Conversion follows ITU-R BT.601, BT.709 or BT.2020 in limited or full range, as the decoder says; where it
//! does not say, pictures of 720 rows and more are BT.709 and smaller ones BT.601, in limited range.

use super::DetectError;
use crate::frame::{Frame, Picture, Plane};
use ffmpeg_next::color::{Range, Space};
use ffmpeg_next::format::Pixel;

/// The colour planes beside the luma.
#[derive(Clone, Copy, Debug)]
pub enum Chroma<'a> {
    /// None.
    Grey,
    /// One plane each for blue and red difference.
    Planar(Plane<'a>, Plane<'a>),
    /// One plane of pairs; `width` counts samples, not pairs. `true`: red difference first.
    Pairs(Plane<'a>, bool),
}

/// A picture's planes with what their values mean.
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a> {
    /// Brightness.
    pub luma: Plane<'a>,
    /// Colour.
    pub chroma: Chroma<'a>,
    /// Luma samples per chroma sample, across and down.
    pub subsampling: (usize, usize),
    /// The conversion.
    pub colour: Colour,
}

/// `R = gain·(Y − black) + red·V`, `G = … − green_u·U − green_v·V`, `B = … + blue·U`, with U and V about zero
/// and everything in 0–255.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Luma of black.
    pub black: f32,
    /// Luma's gain.
    pub gain: f32,
    /// V to red.
    pub red: f32,
    /// U to green, subtracted.
    pub green_u: f32,
    /// V to green, subtracted.
    pub green_v: f32,
    /// U to blue.
    pub blue: f32,
}

impl Colour {
    /// From the luma weights of red and blue.
    fn new(kr: f64, kb: f64, full: bool) -> Self {
        let (black, gain, chroma) = if full { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
        let (red, blue, kg) = (2.0 * (1.0 - kr) * chroma, 2.0 * (1.0 - kb) * chroma, 1.0 - kr - kb);
        Self {
            black,
            gain: gain as f32,
            red: red as f32,
            green_u: (blue * kb / kg) as f32,
            green_v: (red * kr / kg) as f32,
            blue: blue as f32,
        }
    }

    fn of(space: Space, full: bool, height: usize) -> Self {
        let (kr, kb) = match space {
            Space::BT709 => (0.2126, 0.0722),
            Space::BT470BG | Space::SMPTE170M | Space::FCC | Space::SMPTE240M => (0.299, 0.114),
            Space::BT2020NCL | Space::BT2020CL => (0.2627, 0.0593),
            _ if height >= 720 => (0.2126, 0.0722),
            _ => (0.299, 0.114),
        };
        Self::new(kr, kb, full)
    }
}

/// The planes of a frame, borrowed.
pub fn planes(frame: &Frame) -> Result<Planes<'_>, DetectError> {
    match &*frame.picture {
        Picture::Rendered { y, u, v, width, height } => {
            let small = |data| checked(data, width / 2, width / 2, height / 2);
            Some(())
                .and_then(|()| {
                    Some(Planes {
                        luma: checked(y, *width, *width, *height)?,
                        chroma: Chroma::Planar(small(u)?, small(v)?),
                        subsampling: (2, 2),
                        colour: Colour::of(Space::Unspecified, false, *height),
                    })
                })
                .ok_or_else(|| DetectError::PixelFormat { format: "of a rendered frame with short planes".into() })
        }
        Picture::Decoded(video) => {
            decoded(video).ok_or_else(|| DetectError::PixelFormat { format: format!("{:?}", video.format()) })
        }
    }
}

fn decoded(video: &ffmpeg_next::frame::Video) -> Option<Planes<'_>> {
    let (grey, pairs, swapped, subsampling, full) = match video.format() {
        Pixel::GRAY8 => (true, false, false, (1, 1), false),
        Pixel::YUV420P => (false, false, false, (2, 2), false),
        Pixel::YUVJ420P => (false, false, false, (2, 2), true),
        Pixel::YUV422P => (false, false, false, (2, 1), false),
        Pixel::YUVJ422P => (false, false, false, (2, 1), true),
        Pixel::YUV444P => (false, false, false, (1, 1), false),
        Pixel::YUVJ444P => (false, false, false, (1, 1), true),
        Pixel::YUV440P => (false, false, false, (1, 2), false),
        Pixel::YUVJ440P => (false, false, false, (1, 2), true),
        Pixel::YUV411P => (false, false, false, (4, 1), false),
        Pixel::NV12 => (false, true, false, (2, 2), false),
        Pixel::NV21 => (false, true, true, (2, 2), false),
        Pixel::NV16 => (false, true, false, (2, 1), false),
        _ => return None,
    };
    let (width, height) = (video.width() as usize, video.height() as usize);
    let plane = |index: usize, width: usize, height: usize| {
        (index < video.planes()).then(|| checked(video.data(index), video.stride(index), width, height)).flatten()
    };
    let small = (width.div_ceil(subsampling.0), height.div_ceil(subsampling.1));
    Some(Planes {
        luma: plane(0, width, height)?,
        chroma: match (grey, pairs) {
            (true, _) => Chroma::Grey,
            (false, true) => Chroma::Pairs(plane(1, small.0 * 2, small.1)?, swapped),
            (false, false) => Chroma::Planar(plane(1, small.0, small.1)?, plane(2, small.0, small.1)?),
        },
        subsampling,
        colour: Colour::of(video.color_space(), full || video.color_range() == Range::JPEG, height),
    })
}

/// A plane whose every row lies inside its data (a bottom-up picture has a negative stride and does not).
fn checked(data: &[u8], stride: usize, width: usize, height: usize) -> Option<Plane<'_>> {
    let enough = width > 0 && height > 0 && stride >= width && data.len() >= stride.checked_mul(height - 1)? + width;
    enough.then_some(Plane { data, stride, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(c: Colour, y: f32, u: f32, v: f32) -> [f32; 3] {
        let (l, u, v) = ((y - c.black) * c.gain, u - 128.0, v - 128.0);
        [l + c.red * v, l - c.green_u * u - c.green_v * v, l + c.blue * u]
    }

    #[test]
    fn colour_bars_have_their_standard_values() {
        // 8-bit 75 % bars of BT.601 and 100 % bars of BT.709, limited range.
        let bt601 = Colour::of(Space::SMPTE170M, false, 1080);
        for (yuv, rgb) in [
            ([235.0, 128.0, 128.0], [255.0, 255.0, 255.0]),
            ([16.0, 128.0, 128.0], [0.0, 0.0, 0.0]),
            ([65.0, 100.0, 212.0], [191.0, 0.0, 0.0]),
            ([35.0, 212.0, 114.0], [0.0, 0.0, 191.0]),
        ] {
            for (a, b) in convert(bt601, yuv[0], yuv[1], yuv[2]).into_iter().zip(rgb) {
                assert!((a - b).abs() < 2.0, "{a} {b}");
            }
        }
        let bt709 = Colour::of(Space::Unspecified, false, 720);
        for (a, b) in convert(bt709, 173.0, 42.0, 26.0).into_iter().zip([0.0, 255.0, 0.0]) {
            assert!((a - b).abs() < 2.5, "{a} {b}");
        }
        assert_eq!(convert(Colour::of(Space::BT709, true, 480), 77.0, 128.0, 128.0), [77.0; 3]);
    }

    #[test]
    fn short_planes_are_refused() {
        assert!(checked(&[0; 11], 4, 4, 3).is_none());
        assert!(checked(&[0; 11], 4, 3, 3).is_some());
        assert!(checked(&[0; 64], usize::MAX - 3, 4, 3).is_none());
        assert!(checked(&[], 0, 0, 0).is_none());
    }
}
