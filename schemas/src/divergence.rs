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
        let [kl, psi, js] =
            [Statistic::Kl, Statistic::Psi, Statistic::Js].map(|statistic| divergence(statistic, current, baseline));
        Self { kl, psi, js }
    }
}

/// One of them alone.
fn divergence(statistic: Statistic, current: &[u64], baseline: &[u64]) -> f64 {
    let total = |counts: &[u64]| (counts.iter().sum::<u64>() + counts.len() as u64) as f64;
    let (all, base) = (total(current), total(baseline));
    let pairs = current.iter().zip(baseline);
    let shares = pairs.map(|(n, m)| ((n + 1) as f64 / all, (m + 1) as f64 / base));
    let part = |a: f64, b: f64| a * (a / b).ln();
    match statistic {
        Statistic::Kl => shares.map(|(p, q)| part(p, q)).sum(),
        Statistic::Psi => {
            let (there, back) =
                shares.fold((0.0, 0.0), |(there, back), (p, q)| (there + part(p, q), back + part(q, p)));
            there + back
        }
        Statistic::Js => {
            let (one, other) = shares.fold((0.0, 0.0), |(one, other), (p, q)| {
                let middle = (p + q) / 2.0;
                (one + part(p, middle), other + part(q, middle))
            });
            (one + other) / 2.0
        }
    }
}

/// One of them in parts per million, to the nearest.
pub fn divergence_ppm(statistic: Statistic, current: &[u64], baseline: &[u64]) -> u32 {
    // From a float `as` saturates: what rounding left below zero is zero.
    (divergence(statistic, current, baseline) * 1e6).round() as u32
}
