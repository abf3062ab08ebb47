//! The second decoder, and the locator of what was seen but could not be read: rqrr.
//!
//! In: a plane. Out: decoded codes, located ones, and what the library said if it panicked. It panics on a
//! few real images, so every call is isolated: a panic costs this one look and becomes a fault row.
//! State: none but a process-wide panic hook that stays silent for isolated calls.

use super::quad::Corners;
use super::zxing::{Decoded, Found};
use crate::frame::Plane;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

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
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(plane.width, plane.height, |x, y| plane.row(y)[x]);
        for grid in image.detect_grids() {
            let corners = Corners(grid.bounds.map(|p| [p.x as f32, p.y as f32]));
            let mut payload = Vec::new();
            match grid.decode_to(&mut payload) {
                Ok(_) if !payload.is_empty() => {
                    let text = String::from_utf8_lossy(&payload).into_owned();
                    found.decoded.push(Decoded { payload, text, corners, inverted: false, spare: 0.0 });
                }
                _ => found.located.push(corners),
            }
        }
        found
    })
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
    #[test]
    fn a_panic_becomes_its_words() {
        let failed: Result<(), String> = super::isolated(|| panic!("found {} stones", 3));
        assert_eq!(failed, Err("found 3 stones".into()));
        assert_eq!(super::isolated(|| 7), Ok(7));
    }
}
