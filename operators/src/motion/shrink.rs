//! Box-averaged down-scaling of a luma plane: what motion is measured on.
//!
//! Averaging k × k samples removes most of the sensor's and the encoder's noise and leaves a picture small enough that
//! everything behind it costs microseconds. The loop over the full picture is a sum of rows into 16-bit columns, which
//! the compiler turns into vector instructions.

use crate::frame::Plane;

/// The widest small picture, px.
const WIDTH: usize = 320;

/// A small grey picture: `height` rows of `width` samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Small {
    /// The samples.
    pub data: Vec<u8>,
    /// Samples a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Source pixels per sample, in both directions.
    pub factor: usize,
}

/// Down-scales by whole factors, keeping its buffers.
#[derive(Default)]
pub struct Shrinker {
    sums: Vec<u16>,
}

impl Shrinker {
    /// Writes `plane`, shrunk to at most 320 samples wide, into `small`. Rows and columns that do not fill a whole sample at
    /// the right and bottom edges are left out.
    pub fn shrink(&mut self, plane: Plane, small: &mut Small) {
        // 255 · 256 rows fit the 16-bit sums, so the factor is capped there (pictures wider than 81 920 px).
        let factor = plane.width.div_ceil(WIDTH).clamp(1, 256);
        (small.factor, small.width, small.height) = (factor, plane.width / factor, plane.height / factor);
        small.data.clear();
        small.data.reserve(small.width * small.height);
        let used = small.width * factor;
        let area = (factor * factor) as u32;
        // Division by a reciprocal: exact for sums below 2²⁴ after the rounding term.
        let reciprocal = ((1u64 << 32) / u64::from(area)) + 1;
        for y in 0..small.height {
            self.sums.clear();
            self.sums.resize(used, 0);
            for row in y * factor..(y + 1) * factor {
                for (sum, sample) in self.sums.iter_mut().zip(&plane.row(row)[..used]) {
                    *sum += u16::from(*sample);
                }
            }
            small.data.extend(self.sums.chunks_exact(factor).map(|group| {
                let sum: u32 = group.iter().map(|s| u32::from(*s)).sum();
                ((u64::from(sum + area / 2) * reciprocal) >> 32).min(255) as u8
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_rounded_means() {
        let (width, height) = (960, 54);
        let data: Vec<u8> = (0..width * height).map(|i| (i * 7919 % 251) as u8).collect();
        let mut small = Small::default();
        Shrinker::default().shrink(Plane { data: &data, stride: width, width, height }, &mut small);
        assert_eq!((small.factor, small.width, small.height), (3, 320, 18));
        for (x, y) in [(0, 0), (319, 17), (100, 5)] {
            let sum: usize = (0..9).map(|i| usize::from(data[(y * 3 + i / 3) * width + x * 3 + i % 3])).sum();
            assert_eq!(usize::from(small.data[y * 320 + x]), (sum + 4) / 9);
        }
    }

    #[test]
    fn odd_and_tiny_pictures() {
        let data = vec![200u8; 641 * 3];
        let mut small = Small::default();
        Shrinker::default().shrink(Plane { data: &data, stride: 641, width: 641, height: 3 }, &mut small);
        assert_eq!((small.factor, small.width, small.height), (3, 213, 1));
        assert!(small.data.iter().all(|v| *v == 200));
        Shrinker::default().shrink(Plane { data: &[], stride: 0, width: 0, height: 0 }, &mut small);
        assert!(small.data.is_empty());
    }
}
