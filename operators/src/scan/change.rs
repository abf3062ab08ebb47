//! What changed in the picture since each part of it was last scanned.
//!
//! In: luma planes of one size, and which rectangles were scanned. Out: the blocks of 16×16 pixels that
//! differ from their reference by more than the camera's noise, and rectangles around them. State: 16 of
//! each block's 256 samples as they were *when the block was last scanned* (not at the last frame: slow
//! changes add up until they count). Invariant: a block never scanned counts as changed.

use super::quad::Bounds;
use crate::frame::{Plane, Rect};

/// Side of a block in pixels.
pub(crate) const BLOCK: usize = 16;
/// Distance of the samples that are kept.
const STEP: usize = 4;
/// Samples of a block.
const SAMPLES: usize = (BLOCK / STEP) * (BLOCK / STEP);
/// Mean difference of a sample that always counts, however noisy the camera.
const STRONG: u32 = 18;
/// Mean difference below which nothing counts, however clean the camera.
const FAINT: u32 = 4;

/// The reference of a plane.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    width: usize,
    height: usize,
    columns: usize,
    samples: Vec<u8>,
    known: Vec<bool>,
}

/// Which blocks changed.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    columns: usize,
    rows: usize,
    blocks: Vec<bool>,
    /// How many blocks changed.
    pub count: usize,
}

/// Up to 16 samples of a block: the middle of each 4×4 cell.
fn samples(plane: &Plane, column: usize, row: usize) -> [u8; SAMPLES] {
    let mut out = [0; SAMPLES];
    let (x0, y0) = (column * BLOCK, row * BLOCK);
    if x0 + BLOCK <= plane.width && y0 + BLOCK <= plane.height {
        for (j, chunk) in out.chunks_exact_mut(BLOCK / STEP).enumerate() {
            let line = &plane.row(y0 + j * STEP + STEP / 2)[x0..x0 + BLOCK];
            chunk.iter_mut().enumerate().for_each(|(i, v)| *v = line[i * STEP + STEP / 2]);
        }
    } else {
        for (k, v) in out.iter_mut().enumerate() {
            let x = (x0 + (k % (BLOCK / STEP)) * STEP + STEP / 2).min(plane.width - 1);
            let y = (y0 + (k / (BLOCK / STEP)) * STEP + STEP / 2).min(plane.height - 1);
            *v = plane.row(y)[x];
        }
    }
    out
}

impl Reference {
    /// A reference that knows nothing, for planes of this size.
    pub fn new(width: usize, height: usize) -> Self {
        let (columns, rows) = (width.div_ceil(BLOCK), height.div_ceil(BLOCK));
        Self { width, height, columns, samples: vec![0; columns * rows * SAMPLES], known: vec![false; columns * rows] }
    }

    /// Whether it is for planes of this size.
    pub fn fits(&self, plane: &Plane) -> bool {
        (self.width, self.height) == (plane.width, plane.height)
    }

    /// Compares the blocks that `watched` touches with the reference.
    pub fn compare(&self, plane: &Plane, watched: &[Rect]) -> Changed {
        let rows = self.height.div_ceil(BLOCK);
        let mut sums = vec![None; self.columns * rows];
        for rect in watched {
            for row in rect.y0 / BLOCK..rect.y1.div_ceil(BLOCK).min(rows) {
                for column in rect.x0 / BLOCK..rect.x1.div_ceil(BLOCK).min(self.columns) {
                    let at = row * self.columns + column;
                    if sums[at].is_none() {
                        sums[at] = Some(self.difference(plane, column, row));
                    }
                }
            }
        }
        // Most of a watched scene is still, so the median difference is the camera's noise.
        let mut known: Vec<u32> = sums.iter().flatten().copied().filter(|&s| s != u32::MAX).collect();
        let middle = known.len() / 2;
        let noise = if known.is_empty() { 0 } else { *known.select_nth_unstable(middle).1 };
        let threshold = (noise * 2 + SAMPLES as u32).clamp(FAINT * SAMPLES as u32, STRONG * SAMPLES as u32);
        let over = |at: usize, limit: u32| sums[at].is_some_and(|s| s > limit);
        let mut changed = Changed { columns: self.columns, rows, blocks: vec![false; self.columns * rows], count: 0 };
        for row in 0..rows {
            for column in 0..self.columns {
                let at = row * self.columns + column;
                // A code covers more than one block: a faint block alone is noise.
                changed.blocks[at] = over(at, STRONG * SAMPLES as u32)
                    || over(at, threshold) && neighbours(column, row, self.columns, rows).any(|n| over(n, threshold));
                changed.count += usize::from(changed.blocks[at]);
            }
        }
        changed
    }

    /// Sum of the samples' differences; `u32::MAX` for a block that was never scanned.
    fn difference(&self, plane: &Plane, column: usize, row: usize) -> u32 {
        let at = row * self.columns + column;
        if !self.known[at] {
            return u32::MAX;
        }
        let now = samples(plane, column, row);
        let then = &self.samples[at * SAMPLES..][..SAMPLES];
        now.iter().zip(then).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
    }

    /// Takes the blocks that lie wholly in `rect` as scanned now.
    pub fn scanned(&mut self, plane: &Plane, rect: Rect) {
        let end = |v: usize, whole: usize| if v >= whole { v.div_ceil(BLOCK) } else { v / BLOCK };
        for row in rect.y0.div_ceil(BLOCK)..end(rect.y1, self.height) {
            for column in rect.x0.div_ceil(BLOCK)..end(rect.x1, self.width) {
                let at = row * self.columns + column;
                self.samples[at * SAMPLES..][..SAMPLES].copy_from_slice(&samples(plane, column, row));
                self.known[at] = true;
            }
        }
    }
}

/// The up to eight blocks around one.
fn neighbours(column: usize, row: usize, columns: usize, rows: usize) -> impl Iterator<Item = usize> {
    (row.saturating_sub(1)..(row + 2).min(rows)).flat_map(move |r| {
        (column.saturating_sub(1)..(column + 2).min(columns))
            .filter(move |&c| (c, r) != (column, row))
            .map(move |c| r * columns + c)
    })
}

impl Changed {
    /// Whether a changed block touches the box.
    pub fn touches(&self, bounds: Bounds) -> bool {
        let index = |v: f32, n: usize| ((v.max(0.0) as usize) / BLOCK).min(n.saturating_sub(1));
        if self.blocks.is_empty() {
            return false;
        }
        (index(bounds.y0, self.rows)..=index(bounds.y1, self.rows)).any(|row| {
            let line = &self.blocks[row * self.columns..][..self.columns];
            line[index(bounds.x0, self.columns)..=index(bounds.x1, self.columns)].contains(&true)
        })
    }

    /// Rectangles in whole blocks around the groups of changed blocks, each grown by `margin` blocks so that
    /// unchanged parts of a code (its quiet zone, a light corner) are inside; they do not overlap.
    pub fn rects(&self, margin: usize) -> Vec<Rect> {
        let mut seen = vec![false; self.blocks.len()];
        let mut rects = Vec::new();
        for start in 0..self.blocks.len() {
            if seen[start] || !self.blocks[start] {
                continue;
            }
            let (mut x0, mut y0, mut x1, mut y1) = (usize::MAX, usize::MAX, 0, 0);
            let mut queue = vec![start];
            seen[start] = true;
            while let Some(at) = queue.pop() {
                let (column, row) = (at % self.columns, at / self.columns);
                (x0, y0, x1, y1) = (x0.min(column), y0.min(row), x1.max(column), y1.max(row));
                for n in neighbours(column, row, self.columns, self.rows) {
                    if self.blocks[n] && !seen[n] {
                        seen[n] = true;
                        queue.push(n);
                    }
                }
            }
            rects.push(Rect {
                x0: x0.saturating_sub(margin) * BLOCK,
                y0: y0.saturating_sub(margin) * BLOCK,
                x1: (x1 + 1 + margin).min(self.columns) * BLOCK,
                y1: (y1 + 1 + margin).min(self.rows) * BLOCK,
            });
        }
        merged(rects)
    }
}

/// Replaces rectangles that overlap or touch by their common box, until none do.
pub(crate) fn merged(mut rects: Vec<Rect>) -> Vec<Rect> {
    let mut i = 0;
    while i < rects.len() {
        let a = rects[i];
        let other = (i + 1..rects.len()).find(|&j| {
            let b = rects[j];
            a.x0 <= b.x1 && b.x0 <= a.x1 && a.y0 <= b.y1 && b.y0 <= a.y1
        });
        match other {
            Some(j) => {
                let b = rects.swap_remove(j);
                rects[i] = Rect { x0: a.x0.min(b.x0), y0: a.y0.min(b.y0), x1: a.x1.max(b.x1), y1: a.y1.max(b.y1) };
                // The grown box may reach those already passed.
                i = 0;
            }
            None => i += 1,
        }
    }
    rects.sort_by_key(|r| (r.y0, r.x0, r.y1, r.x1));
    rects
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noisy(seed: u32, width: usize, height: usize) -> Vec<u8> {
        let mut state = seed;
        (0..width * height)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                100 + (state >> 29) as u8
            })
            .collect()
    }

    #[test]
    fn noise_is_no_change_but_an_object_is() {
        let (w, h) = (160, 100);
        let all = Rect { x0: 0, y0: 0, x1: w, y1: h };
        let first = noisy(1, w, h);
        let mut reference = Reference::new(w, h);
        let plane = Plane { data: &first, stride: w, width: w, height: h };
        assert_eq!(reference.compare(&plane, &[all]).count, 70, "nothing is known at first");
        reference.scanned(&plane, all);
        let mut second = noisy(2, w, h);
        let plane = Plane { data: &second, stride: w, width: w, height: h };
        assert_eq!(reference.compare(&plane, &[all]).count, 0);
        for y in 40..70 {
            second[y * w + 60..y * w + 90].fill(180);
        }
        let plane = Plane { data: &second, stride: w, width: w, height: h };
        let changed = reference.compare(&plane, &[all]);
        assert!(changed.touches(Bounds { x0: 70.0, y0: 50.0, x1: 75.0, y1: 55.0 }));
        assert!(!changed.touches(Bounds { x0: 0.0, y0: 0.0, x1: 30.0, y1: 30.0 }));
        let rects = changed.rects(1);
        assert_eq!(rects.len(), 1);
        assert!(rects[0].x0 <= 48 && rects[0].x1 >= 96 && rects[0].x1 <= 128);
    }

    #[test]
    fn slow_changes_add_up() {
        let (w, h) = (64, 64);
        let all = Rect { x0: 0, y0: 0, x1: w, y1: h };
        let mut reference = Reference::new(w, h);
        let start = vec![100u8; w * h];
        reference.scanned(&Plane { data: &start, stride: w, width: w, height: h }, all);
        let shade = |level: u8| {
            let mut data = vec![100u8; w * h];
            (0..32).for_each(|y| data[y * w..y * w + 32].fill(100 - level));
            data
        };
        let count = |level: u8| {
            let data = shade(level);
            reference.compare(&Plane { data: &data, stride: w, width: w, height: h }, &[all]).count
        };
        assert_eq!((count(1), count(3), count(20)), (0, 0, 4));
    }

    #[test]
    fn merging_leaves_no_overlap() {
        let rect = |x0, y0, x1, y1| Rect { x0, y0, x1, y1 };
        let out = merged(vec![rect(0, 0, 10, 10), rect(50, 50, 60, 60), rect(5, 5, 52, 20), rect(51, 10, 55, 55)]);
        assert_eq!(out, vec![rect(0, 0, 60, 60)]);
    }
}
