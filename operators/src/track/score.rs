//! Scoring tracks against truth: IDF1 (E. Ristani et al., *Performance measures and a data set for
//! multi-target, multi-camera tracking*, 2016) and MOTA (K. Bernardin, R. Stiefelhagen, *CLEAR MOT*, 2008).
//! Tests only.

use super::assign::assign;
use super::kalman::Ltrb;
use std::collections::BTreeMap;

/// Boxes by frame and identity.
pub type Boxes = BTreeMap<u64, Vec<(u32, Ltrb)>>;

/// What a comparison gives; rates are shares.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scores {
    pub idf1: f64,
    pub mota: f64,
    pub switches: usize,
    pub missed: usize,
    pub false_boxes: usize,
    pub truth: usize,
}

pub fn overlap(a: &Ltrb, b: &Ltrb) -> f64 {
    let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |r: &Ltrb| (r[2] - r[0]) * (r[3] - r[1]);
    w * h / (area(a) + area(b) - w * h)
}

/// Compares at IoU 0.5.
pub fn compare(truth: &Boxes, found: &Boxes) -> Scores {
    let count = |boxes: &Boxes| boxes.values().map(Vec::len).sum::<usize>();
    let (truth_n, found_n) = (count(truth), count(found));
    // Frames in which each pair of identities overlaps enough.
    let mut together: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    let (mut switches, mut hits) = (0, 0);
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    for (frame, truth) in truth {
        let empty = Vec::new();
        let found = found.get(frame).unwrap_or(&empty);
        for (t, a) in truth {
            for (f, b) in found {
                if overlap(a, b) >= 0.5 {
                    *together.entry((*t, *f)).or_default() += 1;
                }
            }
        }
        let pairs = assign(truth.len(), found.len(), 1000.0, |t, f| {
            let iou = overlap(&truth[t].1, &found[f].1);
            let kept = last.get(&truth[t].0) == Some(&found[f].0);
            if iou < 0.5 {
                1000.0
            } else if kept {
                0.0
            } else {
                2.0 - iou
            }
        });
        for (t, f) in pairs.into_iter().enumerate() {
            let Some(f) = f else { continue };
            hits += 1;
            if last.insert(truth[t].0, found[f].0).is_some_and(|before| before != found[f].0) {
                switches += 1;
            }
        }
    }
    let mut truths: Vec<u32> = together.keys().map(|k| k.0).collect();
    let mut founds: Vec<u32> = together.keys().map(|k| k.1).collect();
    truths.sort_unstable();
    truths.dedup();
    founds.sort_unstable();
    founds.dedup();
    let weight = |t: usize, f: usize| together.get(&(truths[t], founds[f])).copied().unwrap_or(0);
    let limit = truth_n as f64;
    let pairs = assign(truths.len(), founds.len(), limit, |t, f| limit - weight(t, f) as f64);
    let idtp: usize = pairs.iter().enumerate().filter_map(|(t, f)| f.map(|f| weight(t, f))).sum();
    let (missed, false_boxes) = (truth_n - hits, found_n - hits);
    Scores {
        idf1: 2.0 * idtp as f64 / (truth_n + found_n) as f64,
        mota: 1.0 - (missed + false_boxes + switches) as f64 / truth_n as f64,
        switches,
        missed,
        false_boxes,
        truth: truth_n,
    }
}
