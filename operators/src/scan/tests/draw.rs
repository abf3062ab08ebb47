//! Rendered pictures: a QR code anywhere on a ground, with what cameras do to it.

use crate::frame::{Frame, FrameMeta, Picture, Wanted};
use crate::scan::grey::Grey;
use crate::scan::quad::Corners;
use gemba_schemas::id::Generation;
use gemba_schemas::time::{EventTime, Micros};
use qrcode::{Color, EcLevel, QrCode};
use std::rc::Rc;

/// A plain ground.
pub fn ground(width: usize, height: usize, level: u8) -> Grey {
    Grey { data: vec![level; width * height], width, height }
}

/// Corners of a square of `side` pixels around a point, turned by `degrees`.
pub fn square(centre: [f32; 2], side: f32, degrees: f32) -> Corners {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let h = side / 2.0;
    Corners(
        [[-h, -h], [h, -h], [h, h], [-h, h]]
            .map(|[x, y]| [centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos]),
    )
}

/// Modules a side of the code for `text`.
pub fn modules(text: &str) -> usize {
    QrCode::with_error_correction_level(text, EcLevel::M).unwrap().width()
}

/// Paints the code for `text` so that the symbol itself (without its quiet zone) fills the corners, by 4×4
/// samples a pixel. Dark modules are `dark`, light ones and the quiet zone `light`.
pub fn paint(picture: &mut Grey, text: &str, corners: Corners, dark: u8, light: u8) {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
    let (n, colours) = (code.width(), code.to_colors());
    let quiet = 3.0 / n as f32;
    let back = inverse(corners);
    for y in 0..picture.height {
        for x in 0..picture.width {
            let (mut sum, mut hits) = (0u32, 0u32);
            for k in 0..16u8 {
                let (px, py) = (x as f32 + f32::from(k % 4) * 0.25 + 0.125, y as f32 + f32::from(k / 4) * 0.25 + 0.125);
                let [u, v] = back(px, py);
                if u < -quiet || v < -quiet || u > 1.0 + quiet || v > 1.0 + quiet {
                    continue;
                }
                hits += 1;
                let inside = (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v);
                let is_dark = inside
                    && colours[((v * n as f32) as usize).min(n - 1) * n + ((u * n as f32) as usize).min(n - 1)]
                        == Color::Dark;
                sum += u32::from(if is_dark { dark } else { light });
            }
            if hits > 0 {
                let at = &mut picture.data[y * picture.width + x];
                *at = ((sum + u32::from(*at) * (16 - hits)) / 16) as u8;
            }
        }
    }
}

/// The map from pixels back to the unit square, by inverting the projection's 3×3 matrix.
fn inverse(corners: Corners) -> impl Fn(f32, f32) -> [f32; 2] {
    let [[x0, y0], [x1, y1], [x2, y2], [x3, y3]] = corners.0;
    let (dx1, dx2, sx) = (x1 - x2, x3 - x2, x0 - x1 + x2 - x3);
    let (dy1, dy2, sy) = (y1 - y2, y3 - y2, y0 - y1 + y2 - y3);
    let det = dx1 * dy2 - dx2 * dy1;
    let (g, h) = ((sx * dy2 - dx2 * sy) / det, (dx1 * sy - sx * dy1) / det);
    let (a, b, c) = (x1 - x0 + g * x1, x3 - x0 + h * x3, x0);
    let (d, e, f) = (y1 - y0 + g * y1, y3 - y0 + h * y3, y0);
    move |x, y| {
        let u = (e - f * h) * x + (c * h - b) * y + (b * f - c * e);
        let v = (f * g - d) * x + (a - c * g) * y + (c * d - a * f);
        let w = (d * h - e * g) * x + (b * g - a * h) * y + (a * e - b * d);
        [u / w, v / w]
    }
}

/// Adds noise of about ± `level`, the same for the same seed.
pub fn noise(picture: &mut Grey, level: i32, seed: u32) {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 16) as i32 % (level + 1)
    };
    for v in &mut picture.data {
        // A triangle distribution is close enough to a sensor's.
        *v = (i32::from(*v) + next() - next()).clamp(0, 255) as u8;
    }
}

/// Fills a rectangle.
pub fn cover(picture: &mut Grey, x: std::ops::Range<usize>, y: std::ops::Range<usize>, level: u8) {
    for row in y {
        picture.data[row * picture.width..][..picture.width][x.clone()].fill(level);
    }
}

/// The picture as a sampled frame.
pub fn frame(picture: Grey, number: u64, micros: i64) -> Frame {
    Frame {
        meta: FrameMeta {
            camera: "bench".into(),
            generation: Generation(0),
            ts: EventTime(micros),
            duration: Micros::from_millis(40),
            number,
            file: "rendered".into(),
            wanted: Wanted { codes: true, ..Wanted::default() },
            corrupt: false,
        },
        picture: Rc::new(Picture::Rendered {
            width: picture.width,
            height: picture.height,
            y: picture.data,
            u: Vec::new(),
            v: Vec::new(),
        }),
    }
}
