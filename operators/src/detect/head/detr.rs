//! DETR-like heads (Carion et al. 2020, arXiv 2005.12872, and what followed): a set of boxes, each thing once.
//!
//! Three forms: *queries* (class scores before the activation beside boxes as centre and size in fractions; DETR
//! itself by softmax with a last class *no object*, Deformable DETR, RT-DETR and RF-DETR by sigmoid), *labelled*
//! (labels, corner boxes and scores, as RT-DETR and D-FINE deploy), *rows* (1×N×6: corners in input pixels, score,
//! class, as YOLOv10).

use super::{Candidates, Output, greatest, sigmoid};

pub fn read_queries(logits: &Output<'_>, boxes: &Output<'_>, softmax: bool, to: &mut Candidates) -> Option<()> {
    let [1, n, classes @ (1..)] = *logits.shape else { return None };
    if *boxes.shape != [1, n, 4] {
        return None;
    }
    let (w, h) = (to.size.0 as f32, to.size.1 as f32);
    let rows = logits.floats()?.chunks_exact(classes as usize);
    for (row, b) in rows.zip(boxes.floats()?.chunks_exact(4)) {
        let things = if softmax { &row[..row.len() - 1] } else { row };
        let Some((class, best)) = greatest(things.iter().copied()) else {
            to.dropped += 1;
            continue;
        };
        let score = if softmax {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            (best - most).exp() / row.iter().map(|v| (v - most).exp()).sum::<f32>()
        } else {
            sigmoid(best)
        };
        to.centred(class, score, [b[0] * w, b[1] * h, b[2] * w, b[3] * h]);
    }
    Some(())
}

pub fn read_labelled(labels: &Output<'_>, boxes: &Output<'_>, scores: &Output<'_>, to: &mut Candidates) -> Option<()> {
    let (values, scores) = (boxes.floats()?, scores.floats()?);
    if values.len() != 4 * scores.len() {
        return None;
    }
    // Corners come in fractions or in pixels of the input; pixels are told by any being well above one.
    let fractions = values.iter().all(|v| v.abs() <= 2.0);
    let (w, h) = if fractions { (to.size.0 as f32, to.size.1 as f32) } else { (1.0, 1.0) };
    for (i, (&score, b)) in scores.iter().zip(values.chunks_exact(4)).enumerate() {
        match labels.label(i) {
            Some(class) => to.corners(class, score, [b[0] * w, b[1] * h, b[2] * w, b[3] * h]),
            None if score < to.floor => (),
            None => to.dropped += 1,
        }
    }
    Some(())
}

pub fn read_rows(output: &Output<'_>, to: &mut Candidates) -> Option<()> {
    let [1, _, 6] = *output.shape else { return None };
    for row in output.floats()?.chunks_exact(6) {
        match row[5] {
            _ if row[4] < to.floor => (),
            class if class >= 0.0 && class.fract() == 0.0 => {
                to.corners(class as usize, row[4], [row[0], row[1], row[2], row[3]]);
            }
            _ => to.dropped += 1,
        }
    }
    Some(())
}
