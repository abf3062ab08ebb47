//! Whether a located place really shows a QR code, and exactly where its modules lie.
//!
//! In: a plane and corners that a decoder located but could not decode. Out: the number of modules a side,
//! refined corners, and how well the parts every QR code has (three finder patterns with their separators,
//! two timing lines; ISO/IEC 18004:2015 §6.3) agree with the picture. The agreement is what makes a
//! `code_miss` credible; the refined corners are what lets a blurred code be sampled module by module.
//! No state.

use super::grey::{Grey, sample};
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
fn known(modules: usize, mut visit: impl FnMut(usize, usize, usize, bool)) {
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
    let modules = (21..=most)
        .step_by(4)
        .filter_map(|n| Some((fit(plane, corners, n)?, n)))
        .max_by(|a, b| a.0.total_cmp(&b.0))?
        .1;
    let corners = refined(plane, corners, modules);
    let (all, weakest) = agreement(plane, corners, modules)?;
    (all >= CREDIBLE && weakest >= WEAKEST).then_some(Structure { modules, corners, agreement: all })
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

/// The symbol drawn afresh: each module sampled around its centre, compared with its neighbourhood, and
/// painted as a square of `SCALE` samples with a quiet zone, for a decoder that expects a clean print.
/// `bias` moves the threshold towards light (positive) or dark, in sixteenths of the local contrast.
pub(crate) fn redrawn(plane: &Plane, structure: &Structure, bias: i32) -> Option<Grey> {
    const SCALE: usize = 4;
    const QUIET: usize = 4;
    let n = structure.modules;
    let projection = Projection::onto(structure.corners)?;
    let spots = [(0.5, 0.5, 2.0), (0.3, 0.5, 1.0), (0.7, 0.5, 1.0), (0.5, 0.3, 1.0), (0.5, 0.7, 1.0)];
    let mut cells = Grey { data: vec![255; n * n], width: n, height: n };
    for y in 0..n {
        for x in 0..n {
            let mut sum = 0.0;
            for (dx, dy, weight) in spots {
                let [px, py] = projection.at((x as f32 + dx) / n as f32, (y as f32 + dy) / n as f32)?;
                sum += weight * sample(plane, px, py);
            }
            cells.data[y * n + x] = (sum / 6.0) as u8;
        }
    }
    let threshold = local_threshold(&cells, bias);
    let side = (n + 2 * QUIET) * SCALE;
    let mut data = vec![255u8; side * side];
    for y in 0..n * SCALE {
        for x in 0..n * SCALE {
            let cell = (y / SCALE) * n + x / SCALE;
            if cells.data[cell] < threshold[cell] {
                data[(y + QUIET * SCALE) * side + x + QUIET * SCALE] = 0;
            }
        }
    }
    Some(Grey { data, width: side, height: side })
}

/// Midway between the darkest and lightest cells nearby (± 4 modules): both colours occur in any such window
/// of a masked symbol.
fn local_threshold(cells: &Grey, bias: i32) -> Vec<u8> {
    let n = cells.width;
    let mut out = Vec::with_capacity(n * n);
    for y in 0..n {
        for x in 0..n {
            let (mut low, mut high) = (255i32, 0i32);
            for row in y.saturating_sub(4)..(y + 5).min(n) {
                for &v in &cells.data[row * n + x.saturating_sub(4)..row * n + (x + 5).min(n)] {
                    low = low.min(i32::from(v));
                    high = high.max(i32::from(v));
                }
            }
            out.push(((low + high) / 2 + (high - low) * bias / 16).clamp(0, 255) as u8);
        }
    }
    out
}
