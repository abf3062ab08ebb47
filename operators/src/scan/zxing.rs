//! The first decoder: zxing-cpp on a borrowed luma plane.
//!
//! In: a plane (any stride, no copy) and how to look at it. Out: codes whose error correction held, and the
//! places where three finder patterns were found but nothing could be decoded. Coordinates are pixels of the
//! plane that was given. No state.

#![expect(unsafe_code, reason = "the strided image view of zxing-cpp")]

use super::quad::Corners;
use crate::frame::Plane;
use zxingcpp::{BarcodeFormat, BarcodeReader, Binarizer, ImageFormat, ImageView, TextMode};

/// Planes narrower or lower than this hold no code: a Micro QR code has 11 modules a side. The library's
/// filters also assume a few samples a row.
const MIN_SIDE: usize = 11;

/// How to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// How samples become black or white.
    pub binarizer: Binarizer,
    /// Also look for light codes on dark ground.
    pub invert: bool,
    /// Also look at the picture reduced by three, as long as it is large.
    pub downscale: bool,
    /// Report what was located but not decoded.
    pub errors: bool,
    /// Micro QR and rMQR too. Their error correction is weak and they have a single finder pattern, so they
    /// are only looked for in whole still images, never in retries.
    pub small: bool,
    /// The plane holds one upright code and a border, nothing else.
    pub pure: bool,
}

impl Look {
    /// A video frame: dark codes on light ground, at full size.
    pub const FRAME: Self = Self {
        binarizer: Binarizer::LocalAverage,
        invert: false,
        downscale: false,
        errors: true,
        small: false,
        pure: false,
    };
}

/// A code whose error correction held.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Decoded {
    pub payload: Vec<u8>,
    pub text: String,
    pub corners: Corners,
    pub inverted: bool,
    /// Share of the error correction that was not needed, 0–1: at 0 one more wrong codeword would have been
    /// too many, and a chance hit is the least unlikely.
    pub spare: f32,
}

/// What a look at a plane gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// Decoded codes.
    pub decoded: Vec<Decoded>,
    /// Where a code seems to be that could not be decoded.
    pub located: Vec<Corners>,
}

/// Looks at the plane.
pub(crate) fn read(plane: &Plane, look: Look) -> Found {
    let mut found = Found::default();
    let Some(view) = view(plane) else { return found };
    // The pure reader asks for the family by its name.
    let formats: &[BarcodeFormat] = if look.small || look.pure {
        &[BarcodeFormat::QRCode]
    } else {
        &[BarcodeFormat::QRCodeModel2, BarcodeFormat::QRCodeModel1]
    };
    let reader = BarcodeReader::new()
        .formats(formats)
        .binarizer(look.binarizer)
        .try_invert(look.invert)
        .try_downscale(look.downscale)
        .try_rotate(false) // finder patterns are found at any angle; this option is for bar codes
        .return_errors(look.errors)
        .is_pure(look.pure)
        .text_mode(TextMode::Plain);
    // The only error is an unusable view, and an unusable view shows nothing.
    for code in reader.from(&view).unwrap_or_default() {
        let at = code.position();
        let corners =
            Corners([at.top_left, at.top_right, at.bottom_right, at.bottom_left].map(|p| [p.x as f32, p.y as f32]));
        if code.is_valid() {
            let payload = code.bytes();
            if payload.is_empty() {
                continue;
            }
            let mut text = code.text();
            // The binding cuts texts at a NUL, which a payload may well hold.
            if payload.contains(&0) {
                text = String::from_utf8_lossy(&payload).into_owned();
            }
            let spare = code.extra_with_key("UEC").parse().unwrap_or(0.0);
            found.decoded.push(Decoded { payload, text, corners, inverted: code.is_inverted(), spare });
        } else {
            found.located.push(corners);
        }
    }
    found
}

/// The plane as the library sees it; `None` if it is too small or not what it says.
fn view<'a>(plane: &Plane<'a>) -> Option<ImageView<'a>> {
    let Plane { data, stride, width, height } = *plane;
    let side = MIN_SIDE..=usize::from(u16::MAX);
    if !side.contains(&width) || !side.contains(&height) || stride < width {
        return None;
    }
    let last = stride.checked_mul(height - 1)?.checked_add(width)?;
    if data.len() < last {
        return None;
    }
    // SAFETY: rows 0..height at `stride` bytes, each `width` long, lie within `data` (checked above), which
    // outlives the view ('a).
    unsafe { ImageView::from_ptr(data.as_ptr(), width, height, ImageFormat::Lum, stride, 1usize) }.ok()
}
