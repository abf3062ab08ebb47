//! Text in the 8×8 bitmap font of the crate `font8x8` (public domain shapes), scaled by whole numbers so
//! that its edges stay sharp. Characters outside Latin-1 are drawn as `?`.

use super::{Ink, rect};
use font8x8::UnicodeFonts;
use gemba_operators::encode::Planes;

/// The character's rows from the top, the leftmost pixel in the lowest bit.
pub fn glyph(c: char) -> [u8; 8] {
    let find = |c| font8x8::BASIC_FONTS.get(c).or_else(|| font8x8::LATIN_FONTS.get(c));
    find(c).or_else(|| find('?')).unwrap_or_default()
}

/// Width in pixels of a line of text at a scale.
pub fn text_width(scale: usize, text: &str) -> f32 {
    (text.chars().count() * 8 * scale) as f32
}

/// One line of text with its top left corner at (`x`, `y`), 8 × `scale` pixels high, on a plate of
/// `ground` if given, which reaches two pixels further on each side.
pub fn text(planes: &mut Planes, x: f32, y: f32, scale: usize, text: &str, ink: Ink, ground: Option<Ink>) {
    if !x.is_finite() || !y.is_finite() || x.abs() > 1e6 || y.abs() > 1e6 {
        return;
    }
    let scale = scale.clamp(1, 64);
    if let Some(ground) = ground {
        let right = x + text_width(scale, text);
        rect(planes, [x - 3.0, y - 3.0, right + 2.0, y + (8 * scale) as f32 + 2.0], 0.8, ground);
    }
    let (left, top) = (x.round() as i64, y.round() as i64);
    for (i, c) in text.chars().enumerate() {
        let start = left + (i * 8 * scale) as i64;
        if start >= planes.width as i64 {
            break;
        }
        for (row, bits) in glyph(c).into_iter().enumerate().filter(|(_, bits)| *bits != 0) {
            for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                block(planes, start + (column * scale) as i64, top + (row * scale) as i64, scale, ink);
            }
        }
    }
}

/// A filled square; chroma follows the pixels whose left upper corner it shares.
fn block(planes: &mut Planes, x: i64, y: i64, side: usize, ink: Ink) {
    let (w, cw) = (planes.width, planes.width / 2);
    for py in y.max(0)..(y + side as i64).clamp(0, planes.height as i64) {
        for px in x.max(0)..(x + side as i64).clamp(0, w as i64) {
            let (px, py) = (px as usize, py as usize);
            planes.y[py * w + px] = ink.y as u8;
            let chroma = (py / 2).min(planes.height / 2 - 1) * cw + (px / 2).min(cw - 1);
            planes.u[chroma] = ink.u as u8;
            planes.v[chroma] = ink.v as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_differ_and_unknown_ones_are_question_marks() {
        assert_ne!(glyph('A'), glyph('B'));
        assert_eq!(glyph('\u{4e00}'), glyph('?'));
        assert_ne!(glyph('é'), glyph('?'));
    }

    #[test]
    fn text_has_the_size_it_says_and_contrast() {
        let mut p = Planes::new(64, 32);
        text(&mut p, 8.0, 8.0, 2, "HI", Ink::rgb(255, 255, 255), Some(Ink::rgb(0, 0, 0)));
        let lit: Vec<_> = (0..p.y.len()).filter(|i| p.y[*i] > 200).map(|i| (i % 64, i / 64)).collect();
        assert!(lit.len() > 60);
        assert!(lit.iter().all(|(x, y)| (8..8 + text_width(2, "HI") as usize).contains(x) && (8..24).contains(y)));
        assert!(p.y[8 * 64 + 7] < 60, "the plate is dark");
    }
}
