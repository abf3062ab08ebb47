//! Rows of every kind for the tests of this crate, varied by a number and the same for the same number.

use gemba_schemas::fact::{Fact, FactKind};
use gemba_schemas::samples;
pub(crate) use gemba_schemas::samples::{DAY, row};

/// A small generator.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        samples::spread(self.0) % below
    }
}

/// The `n`-th fact: kinds take turns, times spread over three days.
pub(crate) fn fact(n: u64) -> Fact {
    samples::fact(FactKind::ALL[n as usize % FactKind::ALL.len()], n, n)
}
