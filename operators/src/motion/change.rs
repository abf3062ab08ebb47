//! Change from one sample to another: what moved since then, and nothing that merely lies there.
//!
//! A sample of the small picture changed when it differs from the last one by more than [`FLOOR`] and five
//! standard deviations of the noise, after the change of the whole picture's brightness (exposure, lamps) is taken off. The
//! noise is estimated from the differences themselves by their median (P. Rousseeuw, C. Croux, *Alternatives to the
//! median absolute deviation*, 1993), which moving things hardly shift, and smoothed over about ten samples.

use super::shrink::Small;

/// Least difference that counts, in grey levels.
const FLOOR: f32 = 7.0;

/// Differences of consecutive samples. State: the last small picture and the noise.
#[derive(Default)]
pub struct Change {
    last: Small,
    noise: f32,
    mask: Vec<bool>,
}

impl Change {
    /// Forgets the last picture.
    pub fn reset(&mut self) {
        self.last = Small::default();
        self.noise = 0.0;
    }

    /// Which samples of `small` changed since the last picture, which it then replaces; `None` for the first one and
    /// after a change of size.
    pub fn step(&mut self, small: &Small) -> Option<&[bool]> {
        let known = self.compare(small).is_some();
        self.keep(small);
        known.then_some(&self.mask)
    }

    /// Makes `small` the picture with which the next ones are compared.
    pub fn keep(&mut self, small: &Small) {
        self.last.clone_from(small);
    }

    /// Which samples of `small` differ from the picture that was kept; `None` if there is none of its size.
    pub fn compare(&mut self, small: &Small) -> Option<&[bool]> {
        if (self.last.width, self.last.height) != (small.width, small.height) || small.data.is_empty() {
            return None;
        }
        let mut counts = [0u32; 511];
        for (a, b) in small.data.iter().zip(&self.last.data) {
            counts[(255 + i32::from(*a) - i32::from(*b)) as usize] += 1;
        }
        let shift = median(&counts, small.data.len()) - 255;
        let mut deviations = [0u32; 511];
        for (i, n) in counts.iter().enumerate() {
            deviations[(i as i32 - 255 - shift).unsigned_abs().min(510) as usize] += n;
        }
        // Whole grey levels hide a deviation below one half: take it as that.
        let seen = (median(&deviations, small.data.len()) as f32).max(0.5) * 1.4826;
        self.noise = if self.noise == 0.0 { seen } else { self.noise + 0.1 * (seen - self.noise) };
        let limit = FLOOR.max(5.0 * self.noise) as i16;
        let shift = shift as i16;
        self.mask.clear();
        self.mask.extend(
            small.data.iter().zip(&self.last.data).map(|(a, b)| (i16::from(*a) - i16::from(*b) - shift).abs() > limit),
        );
        Some(&self.mask)
    }
}

/// The index at which half of `n` counts are reached.
fn median(counts: &[u32], n: usize) -> i32 {
    let mut left = n as i64 / 2;
    for (i, count) in counts.iter().enumerate() {
        left -= i64::from(*count);
        if left < 0 {
            return i as i32;
        }
    }
    0
}
