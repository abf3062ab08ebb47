//! The second decoder, and the locator of what was seen but could not be read: rqrr.
//!
//! In: a plane. Out: decoded codes, located ones, and what the library said if it panicked. It panics on a
//! few real images, so every call is isolated: a panic costs this one look and becomes a fault row.
//! State: none but a process-wide panic hook that stays silent for isolated calls.

use super::quad::Corners;
use super::zxing::{self, Decoded, Found, Look};
use crate::frame::Plane;
use rqrr::BitGrid;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use zxingcpp::Binarizer;

thread_local! {
    static ISOLATED: Cell<bool> = const { Cell::new(false) };
}

/// Looks at the plane. `Err` holds the words of a panic.
pub(crate) fn read(plane: &Plane) -> Result<Found, String> {
    if plane.width < 21 || plane.height < 21 {
        return Ok(Found::default());
    }
    isolated(|| {
        let mut found = Found::default();
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(plane.width, plane.height, |x, y| plane.row(y)[x]);
        for grid in image.detect_grids() {
            let corners = Corners(grid.bounds.map(|p| [p.x as f32, p.y as f32]));
            let mut payload = Vec::new();
            match grid.decode_to(&mut payload) {
                Ok(_) if !payload.is_empty() => {
                    // It knows no character sets: what is not UTF-8 is put into words by the first decoder.
                    let text = match std::str::from_utf8(&payload) {
                        Ok(text) => text.to_string(),
                        Err(_) => {
                            printed_text(&grid.grid).unwrap_or_else(|| String::from_utf8_lossy(&payload).into_owned())
                        }
                    };
                    found.decoded.push(Decoded { payload, text, corners, inverted: false, spare: 0.0 });
                }
                _ => found.located.push(corners),
            }
        }
        found
    })
}

/// The text of a sampled symbol, drawn afresh as a clean print.
fn printed_text(grid: &impl BitGrid) -> Option<String> {
    const SCALE: usize = 3;
    const QUIET: usize = 4;
    let (n, side) = (grid.size(), (grid.size() + 2 * QUIET) * SCALE);
    let mut data = vec![255u8; side * side];
    for y in 0..n * SCALE {
        for x in 0..n * SCALE {
            if grid.bit(y / SCALE, x / SCALE) {
                data[(y + QUIET * SCALE) * side + x + QUIET * SCALE] = 0;
            }
        }
    }
    let look = Look { binarizer: Binarizer::FixedThreshold, errors: false, pure: true, ..Look::FRAME };
    let print = Plane { data: &data, stride: side, width: side, height: side };
    zxing::read(&print, look).decoded.into_iter().next().map(|d| d.text)
}

/// Runs `work`, turning a panic into its message without the usual print on stderr.
fn isolated<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !ISOLATED.get() {
                previous(info);
            }
        }));
    });
    ISOLATED.set(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    ISOLATED.set(false);
    result.map_err(|cause| {
        let words = cause.downcast_ref::<&str>().map(|s| (*s).to_string());
        words.or_else(|| cause.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".into())
    })
}

#[cfg(test)]
mod tests {
    use crate::frame::Plane;

    #[test]
    fn bytes_that_are_not_utf8_become_words() {
        let payload = [0x82, 0xB1, 0x82, 0xF1, 0x82, 0xC9, 0x82, 0xBF, 0x82, 0xCD]; // Shift-JIS
        let code = qrcode::QrCode::new(payload).unwrap();
        let (n, colours) = (code.width(), code.to_colors());
        let side = (n + 8) * 5;
        let at = |i: usize| (i / 5).checked_sub(4).filter(|&i| i < n);
        let data: Vec<u8> = (0..side * side)
            .map(|i| match (at(i % side), at(i / side)) {
                (Some(x), Some(y)) if colours[y * n + x] == qrcode::Color::Dark => 20,
                _ => 230,
            })
            .collect();
        let found = super::read(&Plane { data: &data, stride: side, width: side, height: side }).unwrap();
        assert_eq!(found.decoded.len(), 1);
        assert_eq!((found.decoded[0].payload.as_slice(), found.decoded[0].text.as_str()), (&payload[..], "こんにちは"));
    }

    #[test]
    fn a_panic_becomes_its_words() {
        let failed: Result<(), String> = super::isolated(|| panic!("found {} stones", 3));
        assert_eq!(failed, Err("found 3 stones".into()));
        assert_eq!(super::isolated(|| 7), Ok(7));
    }
}
