//! Non-maximum suppression, class by class: of boxes of one class that overlap, the best stays.
//!
//! Greedy, as in Faster R-CNN and everything since. Fully determined: boxes are taken in order of score, and
//! equal scores in order of coordinates, so the order in which a model lists its boxes does not matter.

use super::head::Candidate;
use std::cmp::Ordering;

/// Overlap (intersection over union) from which two boxes of a class are one thing.
pub const OVERLAP: f32 = 0.45;

/// Most boxes that are compared, so that a model gone wild costs a bounded time.
const MOST: usize = 1_000;

/// Score descending, then coordinates, then class: no two different candidates are equal.
pub fn order(a: &Candidate, b: &Candidate) -> Ordering {
    let coordinates = || a.bounds.iter().zip(&b.bounds).map(|(a, b)| a.total_cmp(b)).find(|o| o.is_ne());
    b.score
        .total_cmp(&a.score)
        .then_with(|| coordinates().unwrap_or(Ordering::Equal))
        .then_with(|| a.class.cmp(&b.class))
}

/// Sorts the candidates and, if asked to, removes those that a better one of their class overlaps.
pub fn settle(candidates: &mut Vec<Candidate>, suppress: bool) {
    candidates.sort_unstable_by(order);
    candidates.truncate(MOST);
    if !suppress {
        return;
    }
    let mut kept = 0;
    for i in 0..candidates.len() {
        let candidate = candidates[i];
        let beaten = candidates[..kept]
            .iter()
            .any(|k| k.class == candidate.class && overlap(&k.bounds, &candidate.bounds) > OVERLAP);
        if !beaten {
            candidates[kept] = candidate;
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

/// Intersection over union of two boxes.
pub fn overlap(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let area = |b: &[f32; 4]| (b[2] - b[0]) * (b[3] - b[1]);
    let inner = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0) * (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let union = area(a) + area(b) - inner;
    if union > 0.0 { inner / union } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(class: usize, score: f32, bounds: [f32; 4]) -> Candidate {
        Candidate { class, score, bounds }
    }

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        let mut boxes = vec![
            candidate(0, 0.6, [0.0, 0.0, 10.0, 10.0]),
            candidate(0, 0.9, [1.0, 0.0, 11.0, 10.0]),
            candidate(1, 0.5, [1.0, 0.0, 11.0, 10.0]),
            candidate(0, 0.4, [20.0, 0.0, 30.0, 10.0]),
        ];
        settle(&mut boxes, true);
        let left: Vec<_> = boxes.iter().map(|c| (c.class, c.score)).collect();
        assert_eq!(left, [(0, 0.9), (1, 0.5), (0, 0.4)]);
    }

    proptest! {
        #[test]
        fn the_order_of_the_boxes_does_not_matter(
            raw in prop::collection::vec((0usize..2, 0u8..4, 0u8..12, 0u8..12, 1u8..9, 1u8..9), 0..30),
            seed in any::<u64>(),
        ) {
            let boxes: Vec<Candidate> = raw
                .iter()
                .map(|&(class, score, x, y, w, h)| {
                    let (x, y) = (f32::from(x), f32::from(y));
                    candidate(class, f32::from(score) / 4.0, [x, y, x + f32::from(w), y + f32::from(h)])
                })
                .collect();
            let (mut a, mut b) = (boxes.clone(), boxes);
            let mut state = seed | 1;
            for i in (1..b.len()).rev() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                b.swap(i, (state >> 33) as usize % (i + 1));
            }
            settle(&mut a, true);
            settle(&mut b, true);
            prop_assert_eq!(&a, &b);
            for (i, x) in a.iter().enumerate() {
                for y in &a[..i] {
                    prop_assert!(x.class != y.class || overlap(&x.bounds, &y.bounds) <= OVERLAP);
                }
            }
        }
    }
}
