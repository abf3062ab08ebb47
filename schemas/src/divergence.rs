//! How far one distribution is from another.
//!
//! Both are counts of the same things in the same order. Every count is raised by one (Laplace smoothing), so that no
//! share is 0:
//! * KL: Σ p ln(p/q), current against baseline (Kullback and Leibler 1951), in nats;
//! * PSI: Σ (p − q) ln(p/q), the population stability index; above 0.2 is usually taken for a shift;
//! * JS: the mean KL of both to their middle (Lin 1991), at most ln 2.
//!
//! Sums are taken in the order of the counts, so the same counts give the same number everywhere.

use crate::rule::Statistic;

/// The divergences of one distribution from another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Divergence {
    /// Kullback–Leibler.
    pub kl: f64,
    /// Population stability index.
    pub psi: f64,
    /// Jensen–Shannon.
    pub js: f64,
}

impl Divergence {
    /// Of these counts from those of the baseline; as many of both.
    pub fn of(current: &[u64], baseline: &[u64]) -> Self {
        let shares = |counts: &[u64]| -> Vec<f64> {
            let total = counts.iter().sum::<u64>() + counts.len() as u64;
            counts.iter().map(|n| (n + 1) as f64 / total as f64).collect()
        };
        let (p, q) = (shares(current), shares(baseline));
        let kl = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * (a / b).ln()).sum::<f64>();
        let middle: Vec<f64> = p.iter().zip(&q).map(|(p, q)| (p + q) / 2.0).collect();
        Self { kl: kl(&p, &q), psi: kl(&p, &q) + kl(&q, &p), js: (kl(&p, &middle) + kl(&q, &middle)) / 2.0 }
    }

    /// One of them in parts per million, to the nearest.
    pub fn ppm(&self, statistic: Statistic) -> u32 {
        let value = match statistic {
            Statistic::Psi => self.psi,
            Statistic::Kl => self.kl,
            Statistic::Js => self.js,
        };
        // From a float `as` saturates: what rounding left below zero is zero.
        (value * 1e6).round() as u32
    }
}
