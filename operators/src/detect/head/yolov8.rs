//! YOLOv8, v9, v11 (Ultralytics; decoupled anchor-free heads): centre boxes in input pixels, classes activated.
//!
//! 1×(4+C)×N as exported: all x, then all y, w, h, then the scores class by class. Some exporters turn it to
//! one row a box. Score = best class.

use super::{Candidates, Output, greatest};

pub fn read_columns(output: &Output<'_>, to: &mut Candidates) -> Option<()> {
    let values = output.floats()?;
    let [1, (5..), n @ (1..)] = *output.shape else { return None };
    let n = n as usize;
    let (boxes, scores) = values.split_at(4 * n);
    // Class by class over all boxes: in the order of memory, and vectorised.
    let mut best = std::mem::take(&mut to.best);
    best.clear();
    best.resize(n, (f32::NEG_INFINITY, 0));
    for (class, row) in scores.chunks_exact(n).enumerate() {
        for (best, &score) in best.iter_mut().zip(row) {
            *best = if score > best.0 { (score, class as u32) } else { *best };
        }
    }
    for (i, &(score, class)) in best.iter().enumerate() {
        if score >= to.floor {
            to.centred(class as usize, score, [boxes[i], boxes[n + i], boxes[2 * n + i], boxes[3 * n + i]]);
        } else if score == f32::NEG_INFINITY {
            to.dropped += 1;
        }
    }
    to.best = best;
    Some(())
}

pub fn read_rows(output: &Output<'_>, to: &mut Candidates) -> Option<()> {
    let values = output.floats()?;
    let [1, _, length @ (5..)] = *output.shape else { return None };
    for row in values.chunks_exact(length as usize) {
        match greatest(row[4..].iter().copied()) {
            Some((class, score)) => to.centred(class, score, [row[0], row[1], row[2], row[3]]),
            None => to.dropped += 1,
        }
    }
    Some(())
}
