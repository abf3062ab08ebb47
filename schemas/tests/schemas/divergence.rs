//! Worked examples of divergences.

use gemba_schemas::divergence::{Divergence, divergence_ppm};
use gemba_schemas::rule::Statistic;

#[test]
fn divergences_of_a_worked_example() {
    // Counts 2 and 0 against 0 and 2, each raised by one: p = (3/4, 1/4), q = (1/4, 3/4).
    let d = Divergence::of(&[2, 0], &[0, 2]);
    let kl = 0.75 * 3f64.ln() - 0.25 * 3f64.ln();
    assert!((d.kl - kl).abs() < 1e-12 && (d.psi - 2.0 * kl).abs() < 1e-12);
    // The middle is (1/2, 1/2): 3/4 ln 3/2 + 1/4 ln 1/2.
    assert!((d.js - (0.75 * 1.5f64.ln() + 0.25 * 0.5f64.ln())).abs() < 1e-12);
    // ln 3 = 1.098612…: half of it, all of it; 0.130812.
    assert_eq!(
        [Statistic::Kl, Statistic::Psi, Statistic::Js].map(|s| divergence_ppm(s, &[2, 0], &[0, 2])),
        [549_306, 1_098_612, 130_812]
    );
}

#[test]
fn what_is_alike_is_not_apart() {
    for statistic in Statistic::ALL {
        assert_eq!(divergence_ppm(*statistic, &[5, 7], &[5, 7]), 0);
        assert_eq!(divergence_ppm(*statistic, &[], &[]), 0);
    }
}
