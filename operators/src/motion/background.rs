//! The background: what the small picture looks like when nothing is in front of it.
//!
//! A running average and a running deviation per sample (C. Wren et al., *Pfinder*, IEEE PAMI 1997), updated
//! selectively (D. Koller et al., *Towards robust automatic traffic scene analysis in real-time*, 1994): a sample that is
//! in the foreground does not enter the average, so somebody who stands still for a minute is still seen. What lies still
//! for [`ABSORB`] seconds does become background, and so does a ghost (the hole that
//! a thing leaves which was there from the beginning) within seconds: see [`Background::adopt`]. Exposure and lamps change the
//! whole picture by a factor; it is estimated in each sample over the background and taken out.
//!
//! Times are event time: the rates do not depend on how often the picture is sampled.

use super::shrink::Small;

/// Time constant of the average, s.
const MEMORY: f32 = 12.0;
/// Still foreground becomes background after this, s.
const ABSORB: f32 = 240.0;
/// Least difference from the background that counts, in grey levels.
const FLOOR: f32 = 9.0;
/// And in mean absolute deviations.
const DEVIATIONS: f32 = 5.0;
/// Share of the picture in the foreground from which the scene itself must have changed.
const SCENE_CHANGE: f32 = 0.7;

/// The background and the foreground found against it. All of one length, the small picture's.
#[derive(Default)]
pub struct Background {
    width: usize,
    height: usize,
    mean: Vec<f32>,
    deviation: Vec<f32>,
    /// How long a sample has been foreground, s.
    age: Vec<f32>,
    /// The picture's brightness relative to the background.
    gain: f32,
    foreground: Vec<bool>,
}

impl Background {
    /// Forgets everything.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Which samples are in the foreground: those of the last picture.
    pub fn foreground(&self) -> &[bool] {
        &self.foreground
    }

    /// What the background would look like in the light of the last picture, at sample `i`.
    pub fn expected(&self, i: usize) -> f32 {
        self.mean[i] * self.gain
    }

    /// Takes in the next picture, `dt` seconds after the last. The first one is taken as background.
    pub fn step(&mut self, small: &Small, dt: f32) {
        if (self.width, self.height) != (small.width, small.height) {
            (self.width, self.height) = (small.width, small.height);
            self.begin(small);
            return;
        }
        self.gain = self.brightness(small);
        let gain = self.gain;
        let mut count = 0u32;
        for (((f, x), m), d) in self.foreground.iter_mut().zip(&small.data).zip(&self.mean).zip(&self.deviation) {
            let limit = FLOOR.max(DEVIATIONS * d);
            *f = (f32::from(*x) - m * gain).abs() > limit;
            count += u32::from(*f);
        }
        if count as f32 > SCENE_CHANGE * small.data.len() as f32 {
            self.begin(small);
            return;
        }
        let rate = 1.0 - (-dt.max(0.0) / MEMORY).exp();
        let inverse = 1.0 / gain;
        let samples = self.mean.iter_mut().zip(&mut self.deviation).zip(&mut self.age);
        for ((((m, d), age), x), f) in samples.zip(&small.data).zip(&self.foreground) {
            let difference = f32::from(*x) * inverse - *m;
            // Without a branch, so that it vectorises: foreground has a rate of zero.
            let r = if *f { 0.0 } else { rate };
            *m += r * difference;
            *d += r * (difference.abs() - *d);
            *age = if *f { *age + dt } else { 0.0 };
        }
        self.absorb(small);
    }

    /// Lets the foreground samples `indices` grow old faster: they take a `share` of the way to background.
    pub fn adopt(&mut self, indices: &[u32], share: f32) {
        for i in indices {
            self.age[*i as usize] += share * ABSORB;
        }
    }

    fn absorb(&mut self, small: &Small) {
        for (i, age) in self.age.iter_mut().enumerate().filter(|(_, age)| **age > ABSORB) {
            self.mean[i] = f32::from(small.data[i]) / self.gain;
            self.deviation[i] = 1.0;
            self.foreground[i] = false;
            *age = 0.0;
        }
    }

    fn begin(&mut self, small: &Small) {
        self.mean = small.data.iter().map(|x| f32::from(*x)).collect();
        self.deviation = vec![1.0; small.data.len()];
        self.age = vec![0.0; small.data.len()];
        self.foreground = vec![false; small.data.len()];
        self.gain = 1.0;
    }

    /// The factor between the picture and the background, over what was background and still looks like it.
    fn brightness(&self, small: &Small) -> f32 {
        let mut gain = self.gain;
        for limit in [4.0 * FLOOR, FLOOR] {
            // Sums in eight lanes: a fixed order that the compiler can keep in a vector.
            let (mut seen, mut known) = ([0f32; 8], [0f32; 8]);
            let rows = small.data.chunks_exact(8).zip(self.mean.chunks_exact(8)).zip(self.foreground.chunks_exact(8));
            for ((x, m), f) in rows {
                for i in 0..8 {
                    let value = f32::from(x[i]);
                    let used = !f[i] & ((value - m[i] * gain).abs() <= limit);
                    seen[i] += if used { value } else { 0.0 };
                    known[i] += if used { m[i] } else { 0.0 };
                }
            }
            let (seen, known): (f32, f32) = (seen.iter().sum(), known.iter().sum());
            if known > 0.0 {
                gain = (seen / known).clamp(0.5, 2.0);
            }
        }
        gain
    }
}
