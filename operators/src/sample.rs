//! Which frames the consumers look at: sample and hold on a grid of event time.
//!
//! In: a frame's place (start of its generation, presentation time, how long it is shown). Out: who wants it.
//! For a rate of r samples a second the grid instants are `start + k / r`, k = 0, 1, …; an instant takes the
//! frame that is shown at it, that is the one with `ts ≤ instant < ts + duration`. The frames of a generation
//! partition its time, so every instant takes exactly one frame, and which one follows from that frame alone:
//! it is known before anything is decoded, and does not depend on where a run was interrupted.
//!
//! The arithmetic is exact (rates in thousandths, products in `i128`). No state is kept.

use crate::frame::Wanted;
use gemba_schemas::site::Sample;
use gemba_schemas::time::{EventTime, Micros};

/// Time stamps in whole milliseconds (Matroska, FLV) are off by up to one at each end of a frame. A rate whose
/// period is longer than the frame by no more than this means every frame.
const JITTER: i128 = 2_000;

/// The sampler of one camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    codes: Rate,
    motion: Rate,
    detect: Rate,
}

/// Samples per 1,000 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate(i128);

impl Rate {
    /// From samples a second, rounded to the nearest thousandth; zero, negative and non-finite rates mean never.
    fn new(per_second: f64) -> Self {
        Self(if per_second.is_finite() { (per_second.clamp(0.0, 1e6) * 1000.0).round() as i128 } else { 0 })
    }

    /// Whether a grid instant lies in `[since, since + duration)`, both in µs and `since ≥ 0`.
    fn wants(self, since: i64, duration: i64) -> bool {
        /// Microseconds in 1,000 seconds: instant k is at `k * SCALE / rate`.
        const SCALE: i128 = 1_000_000_000;
        let (rate, since, until) = (self.0, i128::from(since), i128::from(since) + i128::from(duration));
        if rate == 0 {
            return false;
        }
        if SCALE <= (i128::from(duration) + JITTER) * rate {
            return true;
        }
        let k = (since * rate + SCALE - 1).div_euclid(SCALE);
        k * SCALE < until * rate
    }
}

impl Sampler {
    /// A sampler with these rates in samples a second of event time. A rate of 0 means never, a rate at or above
    /// the footage's frame rate means every frame.
    pub fn new(codes: f64, motion: f64, detect: f64) -> Self {
        Self { codes: Rate::new(codes), motion: Rate::new(motion), detect: Rate::new(detect) }
    }

    /// Who wants the frame shown from `ts` for `duration` in the generation that starts at `start`.
    pub fn wanted(&self, start: EventTime, ts: EventTime, duration: Micros) -> Wanted {
        let (since, duration) = ((ts - start).0.max(0), duration.0.max(1));
        Wanted {
            codes: self.codes.wants(since, duration),
            motion: self.motion.wants(since, duration),
            detect: self.detect.wants(since, duration),
        }
    }
}

impl From<Sample> for Sampler {
    fn from(sample: Sample) -> Self {
        Self::new(sample.codes, sample.motion, sample.detect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn picks(rate: f64, ends: &[i64]) -> Vec<usize> {
        let sampler = Sampler::new(rate, 0.0, 0.0);
        let mut from = 0;
        let mut picked = Vec::new();
        for (i, &end) in ends.iter().enumerate() {
            if sampler.wanted(EventTime(0), EventTime(from), Micros(end - from)).codes {
                picked.push(i);
            }
            from = end;
        }
        picked
    }

    #[test]
    fn six_a_second_of_twenty_five() {
        let ends: Vec<i64> = (1..=25).map(|i| i * 40_000).collect();
        // Instants 0, 1/6, 2/6, … s fall into the frames that are shown then.
        assert_eq!(picks(6.0, &ends), [0, 4, 8, 12, 16, 20]);
        assert_eq!(picks(0.0, &ends), [0_usize; 0]);
        assert_eq!(picks(25.0, &ends).len(), 25);
        assert_eq!(picks(1000.0, &ends).len(), 25);
        assert_eq!(picks(f64::NAN, &ends).len(), 0);
    }

    #[test]
    fn millisecond_stamps_do_not_lose_frames() {
        // 30 fps as Matroska writes it.
        let ends: Vec<i64> = (1..=300).map(|i| (i as f64 * 100.0 / 3.0).round() as i64 * 1000).collect();
        assert_eq!(picks(30.0, &ends).len(), 300);
        assert_eq!(picks(6.0, &ends).len(), 60);
    }

    proptest! {
        /// Whatever the frame lengths, each grid instant takes the one frame shown at it.
        #[test]
        fn every_instant_takes_one_frame(
            rate in 0.1f64..9.0,
            lengths in proptest::collection::vec(5_000i64..100_000, 1..200),
        ) {
            let rate = (rate * 1000.0).round() / 1000.0;
            let ends: Vec<i64> = lengths.iter().scan(0, |t, l| { *t += l; Some(*t) }).collect();
            let milli = (rate * 1000.0).round() as i64;
            let mut expected: Vec<usize> = (0..)
                .map(|k: i64| k * 1_000_000_000)
                .take_while(|t| *t < ends[ends.len() - 1] * milli)
                .map(|t| ends.partition_point(|&end| end * milli <= t))
                .collect();
            expected.dedup();
            prop_assert_eq!(picks(rate, &ends), expected);
        }
    }
}
