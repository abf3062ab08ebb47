//! Printed labels with QR codes, and what can go wrong with them.
//!
//! A label is laid out in modules of its code: the code with its quiet zone on the left, bars of small print
//! on the right, its text in letters underneath. Damage that belongs to the print (blur, tape) is done here,
//! in texels, so that it is the same from every side; tilt and dim light belong to the scene.

use super::DemoError;
use super::render::Texture;
use crate::draw::glyph;
use qrcode::{EcLevel, QrCode};
use serde::{Deserialize, Serialize};

/// Texels per module.
const TEXELS: usize = 8;
/// Quiet zone in modules.
pub const QUIET: usize = 4;
/// Columns for the small print, in modules.
const PRINT: usize = 12;
/// Rows for the letters, in modules.
const LETTERS: usize = 4;

/// What was done to a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// Nothing.
    None,
    /// Out of focus.
    Blurred,
    /// Held at an angle.
    Tilted,
    /// A thumb lies over a corner without a finder pattern.
    Covered,
    /// In the shade.
    Dim,
    /// Printed small.
    Small,
    /// Small, blurred, and with tape over two finder patterns: nobody can read it.
    Impossible,
}

impl Damage {
    /// Its name in `truth.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Blurred => "blurred",
            Self::Tilted => "tilted",
            Self::Covered => "covered",
            Self::Dim => "dim",
            Self::Small => "small",
            Self::Impossible => "impossible",
        }
    }

    /// Pixels per module when shown.
    pub fn module_px(self) -> f32 {
        match self {
            Self::Small => 3.0,
            Self::Blurred => 4.5,
            Self::Impossible => 1.6,
            _ => 4.0,
        }
    }
}

/// A label ready to be stuck on.
#[derive(Clone, Debug)]
pub struct Label {
    /// The print.
    pub texture: Texture,
    /// Width in modules.
    pub width: f32,
    /// Height in modules.
    pub height: f32,
    /// Modules along one side of the code.
    pub modules: usize,
}

fn code(text: &str, level: EcLevel) -> Result<QrCode, DemoError> {
    QrCode::with_error_correction_level(text, level)
        .map_err(|e| DemoError::Code { text: text.into(), reason: e.to_string() })
}

fn print_code(texture: &mut Texture, code: &QrCode, x: usize, y: usize) {
    let n = code.width();
    for (i, dark) in code.to_colors().into_iter().enumerate() {
        if dark == qrcode::Color::Dark {
            texture.rect((x + i % n) * TEXELS, (y + i / n) * TEXELS, TEXELS, TEXELS, 18);
        }
    }
}

fn print_text(texture: &mut Texture, text: &str, x: usize, y: usize, scale: usize) {
    for (i, c) in text.chars().enumerate() {
        for (row, bits) in glyph(c).into_iter().enumerate() {
            for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                texture.rect(x + (i * 8 + column) * scale, y + row * scale, scale, scale, 30);
            }
        }
    }
}

/// The trigger card: the code alone on white, quiet zone included.
pub fn trigger(text: &str) -> Result<Label, DemoError> {
    let code = code(text, EcLevel::Q)?;
    let side = code.width() + 2 * QUIET;
    let mut texture = Texture::new(side * TEXELS, side * TEXELS, 245);
    print_code(&mut texture, &code, QUIET, QUIET);
    Ok(Label { texture, width: side as f32, height: side as f32, modules: code.width() })
}

/// A shipping label.
pub fn shipping(text: &str, damage: Damage) -> Result<Label, DemoError> {
    let level = if damage == Damage::Covered { EcLevel::H } else { EcLevel::M };
    let code = code(text, level)?;
    let n = code.width();
    let (w, h) = (n + 2 * QUIET + PRINT, n + 2 * QUIET + LETTERS);
    let mut texture = Texture::new(w * TEXELS, h * TEXELS, 240);
    print_code(&mut texture, &code, QUIET, QUIET);
    let right = (n + 2 * QUIET) * TEXELS;
    for (i, length) in [80, 62, 74, 40, 0, 68, 80, 52].into_iter().enumerate() {
        texture.rect(right, (QUIET + 1 + 2 * i) * TEXELS, length, 7, 110);
    }
    texture.rect(right, (n + QUIET - 3) * TEXELS, 80, 3 * TEXELS, 30);
    print_text(&mut texture, text, QUIET * TEXELS, (n + 2 * QUIET - 1) * TEXELS, 2);
    match damage {
        // Under half a module: every module still has a middle of its own.
        Damage::Blurred => texture.blur(0.4 * TEXELS as f32),
        Damage::Impossible => {
            texture.blur(1.2 * TEXELS as f32);
            texture.rect((QUIET - 2) * TEXELS, (QUIET - 1) * TEXELS, (n + 4) * TEXELS, 8 * TEXELS, 165);
        }
        _ => {}
    }
    Ok(Label { texture, width: w as f32, height: h as f32, modules: n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_their_code_in_the_upper_left() {
        let label = shipping("TRK-1", Damage::None).unwrap();
        let luma =
            |mx: usize, my: usize| label.texture.texels[(my * TEXELS + 4) * label.texture.width + mx * TEXELS + 4];
        assert!(luma(QUIET, QUIET) < 40 && luma(QUIET + 1, QUIET + 1) > 200 && luma(QUIET + 3, QUIET + 3) < 40);
        assert!(luma(1, 1) > 200, "quiet zone");
    }

    #[test]
    fn too_long_a_text_is_an_error() {
        assert!(shipping(&"x".repeat(5000), Damage::None).is_err());
    }
}
