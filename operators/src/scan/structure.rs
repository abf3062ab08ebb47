//! Whether a located place really shows a QR code, and exactly where its modules lie.
//!
//! In: a plane and corners that a decoder located but could not decode. Out: the number of modules a side,
//! refined corners, and how well the parts every QR code has (three finder patterns with their separators,
//! two timing lines; ISO/IEC 18004:2015 §6.3) agree with the picture. The agreement is what makes a
//! `code_miss` credible; the refined corners are what lets a blurred code be sampled module by module.
//! No state.

use super::grey::sample;
use super::quad::{Corners, Projection};
use crate::frame::Plane;

/// Agreement from which a place counts as a QR code; chance alone gives about 0.5.
const CREDIBLE: f32 = 0.80;
/// The finder pattern that agrees least must agree at least so well.
const WEAKEST: f32 = 0.68;
/// Grey levels between the light and the dark parts of the finder patterns.
const CONTRAST: f32 = 16.0;

/// A place that shows a QR code.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Structure {
    /// Modules a side: 21, 25, … 177.
    pub modules: usize,
    /// Corners of the symbol, refined.
    pub corners: Corners,
    /// Share of the finder and timing modules that agree.
    pub agreement: f32,
}

/// Whether module (x, y) of an 8×8 corner (finder pattern and separator) is dark.
fn finder(x: usize, y: usize) -> bool {
    let ring = (x as i32 - 3).abs().max((y as i32 - 3).abs());
    ring == 3 || ring <= 1
}

/// Calls `visit(group, x, y, dark)` for every module whose colour is known: groups 0–2 are the finder
/// patterns (top left, top right, bottom left), 3 the timing lines, 4 the lower right alignment pattern.
pub(crate) fn known(modules: usize, mut visit: impl FnMut(usize, usize, usize, bool)) {
    let last = modules - 1;
    for y in 0..8 {
        for x in 0..8 {
            let dark = x < 7 && y < 7 && finder(x, y);
            visit(0, x, y, dark);
            visit(1, last - x, y, dark);
            visit(2, x, last - y, dark);
        }
    }
    for i in 8..modules - 8 {
        visit(3, i, 6, i % 2 == 0);
        visit(3, 6, i, i % 2 == 0);
    }
    if modules > 21 {
        for y in 0..5usize {
            for x in 0..5usize {
                let ring = x.abs_diff(2).max(y.abs_diff(2));
                visit(4, modules - 9 + x, modules - 9 + y, ring != 1);
            }
        }
    }
}

/// How far light known modules are lighter than dark ones (the larger the better placed), or `None`
/// where the corners leave the plane.
fn fit(plane: &Plane, corners: Corners, modules: usize) -> Option<f32> {
    let projection = Projection::onto(corners)?;
    let (mut light, mut dark) = ((0.0f32, 0u32), (0.0f32, 0u32));
    let mut outside = false;
    let n = modules as f32;
    known(modules, |_, x, y, is_dark| match projection.at((x as f32 + 0.5) / n, (y as f32 + 0.5) / n) {
        Some([px, py]) if inside(plane, px, py) => {
            let side = if is_dark { &mut dark } else { &mut light };
            side.0 += sample(plane, px, py);
            side.1 += 1;
        }
        _ => outside = true,
    });
    (!outside && light.1 > 0 && dark.1 > 0).then(|| light.0 / light.1 as f32 - dark.0 / dark.1 as f32)
}

fn inside(plane: &Plane, x: f32, y: f32) -> bool {
    x >= -2.0 && y >= -2.0 && x <= plane.width as f32 + 2.0 && y <= plane.height as f32 + 2.0
}

/// Shares of agreeing modules: all, and the weakest finder pattern. Each group has its own threshold, since
/// light often falls off across a code.
fn agreement(plane: &Plane, corners: Corners, modules: usize) -> Option<(f32, f32)> {
    let projection = Projection::onto(corners)?;
    let n = modules as f32;
    let mut values: [Vec<(f32, bool)>; 4] = Default::default();
    let mut outside = false;
    known(modules, |group, x, y, dark| match projection.at((x as f32 + 0.5) / n, (y as f32 + 0.5) / n) {
        Some([px, py]) if inside(plane, px, py) => {
            if let Some(values) = values.get_mut(group) {
                values.push((sample(plane, px, py), dark));
            }
        }
        _ => outside = true,
    });
    if outside {
        return None;
    }
    let (mut right, mut total, mut weakest) = (0usize, 0usize, 1.0f32);
    for (group, values) in values.iter().enumerate() {
        let mean = |of: bool| {
            let (sum, count) = values.iter().filter(|v| v.1 == of).fold((0.0, 0u32), |a, v| (a.0 + v.0, a.1 + 1));
            sum / count.max(1) as f32
        };
        let (light, dark) = (mean(false), mean(true));
        if group < 3 && light - dark < CONTRAST {
            return None;
        }
        let threshold = (light + dark) / 2.0;
        let good = values.iter().filter(|(v, is_dark)| (*v < threshold) == *is_dark).count();
        right += good;
        total += values.len();
        if group < 3 {
            weakest = weakest.min(good as f32 / values.len() as f32);
        }
    }
    Some((right as f32 / total as f32, weakest))
}

/// Looks for the structure of a QR code at `corners`, moving them to where it fits best.
pub(crate) fn examine(plane: &Plane, corners: Corners) -> Option<Structure> {
    if plane.width == 0 || plane.height == 0 || !corners.plausible() {
        return None;
    }
    // Below 1.2 px a module nothing can be read, above the largest version nothing exists.
    let most = ((corners.side() / 1.2) as usize).min(177);
    let guess =
        (21..=most).step_by(4).filter_map(|n| Some((fit(plane, corners, n)?, n))).max_by(|a, b| a.0.total_cmp(&b.0))?.1;
    // The locator put the corners where they would be for its own guess of the size, which is often a version
    // or two off. The centres of the finder patterns are right all the same: keep them, and let the timing
    // lines tell how many modules lie between.
    let mut sizes: Vec<(f32, usize, Corners)> = (guess.saturating_sub(8).max(21)..=(guess + 8).min(177))
        .step_by(4)
        .filter_map(|n| {
            let moved = resized(corners, guess, n)?;
            Some((fit(plane, moved, n)?, n, moved))
        })
        .collect();
    sizes.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    sizes
        .into_iter()
        .take(2)
        .filter_map(|(_, modules, corners)| {
            let corners = refined(plane, corners, modules);
            let (agreement, weakest) = agreement(plane, corners, modules)?;
            (agreement >= CREDIBLE && weakest >= WEAKEST).then_some(Structure { modules, corners, agreement })
        })
        .max_by(|a, b| a.agreement.total_cmp(&b.agreement).then(b.modules.cmp(&a.modules)))
}

/// The corners of a symbol of `to` modules a side whose finder patterns lie where those of a symbol of `from`
/// modules with these corners would.
fn resized(corners: Corners, from: usize, to: usize) -> Option<Corners> {
    let projection = Projection::onto(corners)?;
    let half = 0.5 * (0.5 - 3.5 / from as f32) / (0.5 - 3.5 / to as f32);
    let (low, high) = (0.5 - half, 0.5 + half);
    let at = |u, v| projection.at(u, v);
    Some(Corners([at(low, low)?, at(high, low)?, at(high, high)?, at(low, high)?]))
}

/// Moves each coordinate of each corner in ever smaller steps to where the known modules fit best.
fn refined(plane: &Plane, corners: Corners, modules: usize) -> Corners {
    let mut best = corners;
    let Some(mut score) = fit(plane, best, modules) else { return best };
    let module = corners.side() / modules as f32;
    for step in [0.8, 0.4, 0.2] {
        for _ in 0..3 {
            let before = score;
            for i in 0..8 {
                for direction in [-step, step] {
                    let mut moved = best;
                    moved.0[i / 2][i % 2] += direction * module;
                    if let Some(s) = fit(plane, moved, modules)
                        && s > score
                    {
                        (best, score) = (moved, s);
                    }
                }
            }
            if score <= before {
                break;
            }
        }
    }
    best
}
