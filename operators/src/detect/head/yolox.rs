//! YOLOX (Ge et al. 2021, arXiv 2107.08430): one anchor-free box a cell on grids of stride 8, 16 and 32.
//!
//! 1×N×(5+C): x, y from the cell's corner in strides, logarithms of w, h in strides, objectness, classes
//! (activated already). Score = objectness × best class.

use super::{Candidates, Output, greatest};

/// Strides of the grids, in the order in which their cells are listed.
pub const STRIDES: [usize; 3] = [8, 16, 32];

/// Cells of all grids over an input of `size`.
pub fn cells((width, height): (usize, usize)) -> usize {
    STRIDES.iter().map(|s| (width / s) * (height / s)).sum()
}

pub fn read(output: &Output<'_>, to: &mut Candidates) -> Option<()> {
    let values = output.floats()?;
    let [1, n, length @ (6..)] = *output.shape else { return None };
    if n as usize != cells(to.size) {
        return None;
    }
    let mut rows = values.chunks_exact(length as usize);
    for stride in STRIDES {
        let (across, down) = (to.size.0 / stride, to.size.1 / stride);
        for (y, x) in (0..down).flat_map(|y| (0..across).map(move |x| (y, x))) {
            let row = rows.next()?;
            // A class is at most one, so the score is at most the objectness.
            if row[4] < to.floor {
                continue;
            }
            let Some((class, best)) = greatest(row[5..].iter().copied()) else {
                to.dropped += 1;
                continue;
            };
            let s = stride as f32;
            let centre = [(row[0] + x as f32) * s, (row[1] + y as f32) * s];
            to.centred(class, row[4] * best, [centre[0], centre[1], row[2].exp() * s, row[3].exp() * s]);
        }
    }
    Some(())
}
