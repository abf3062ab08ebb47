//! FastestDet (dog-qiuqiu, 2022): one box a cell of a single grid.
//!
//! 1×(5+C)×H×W: objectness and classes (activated already), and between them x, y as the arc tangent hyperbolic
//! of the offset from the cell's corner in cells, and w, h before a sigmoid to fractions of the picture.
//! Score = objectness^0.6 × best class^0.4, as its own evaluation has it.

use super::{Candidates, Output, greatest, sigmoid};

pub fn read(output: &Output<'_>, to: &mut Candidates) -> Option<()> {
    let values = output.floats()?;
    let [1, channels @ (6..), height @ (1..), width @ (1..)] = *output.shape else { return None };
    let (channels, height, width) = (channels as usize, height as usize, width as usize);
    let cells = height * width;
    let (w, h) = (to.size.0 as f32, to.size.1 as f32);
    // A class is at most one, so the score is at most objectness^0.6 (a little is left for rounding).
    let least = to.floor.max(0.0).powf(1.0 / 0.6) * 0.999;
    for (i, &objectness) in values[..cells].iter().enumerate() {
        let at = |channel: usize| values[channel * cells + i];
        if objectness < least {
            continue;
        }
        let Some((class, best)) = greatest((5..channels).map(at)) else {
            to.dropped += 1;
            continue;
        };
        // NaN stays NaN, and is dropped.
        let score = objectness.powf(0.6) * best.max(0.0).powf(0.4);
        let x = ((i % width) as f32 + at(1).tanh()) / width as f32;
        let y = ((i / width) as f32 + at(2).tanh()) / height as f32;
        to.centred(class, score, [x * w, y * h, sigmoid(at(3)) * w, sigmoid(at(4)) * h]);
    }
    Some(())
}
