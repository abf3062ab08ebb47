//! Counts of a source's reports, of an hour or of all hours up to one.

use gemba_schemas::view::CONFIDENCE_BINS;

/// Reports by bin of confidence and by event type, and the sum of their confidences. As differences they may be below
/// zero; the counts of a set of reports never are.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    bins: [i64; CONFIDENCE_BINS],
    sum: i64,
    /// By the place of the type; those beyond the end are 0.
    types: Vec<i64>,
}

impl Counts {
    /// Adds `times` times the reports of one event type.
    pub fn report(&mut self, bins: [i64; CONFIDENCE_BINS], sum: i64, place: usize, times: i64) {
        self.bins.iter_mut().zip(bins).for_each(|(all, n)| *all += n * times);
        self.sum += sum * times;
        if self.types.len() <= place {
            self.types.resize(place + 1, 0);
        }
        self.types[place] += bins.iter().sum::<i64>() * times;
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.plus(other, 1);
    }

    /// Without others, if there are some.
    pub fn less(&self, other: Option<&Self>) -> Self {
        let mut less = self.clone();
        if let Some(other) = other {
            less.plus(other, -1);
        }
        less
    }

    fn plus(&mut self, other: &Self, times: i64) {
        self.bins.iter_mut().zip(other.bins).for_each(|(all, n)| *all += n * times);
        self.sum += other.sum * times;
        if self.types.len() < other.types.len() {
            self.types.resize(other.types.len(), 0);
        }
        self.types.iter_mut().zip(&other.types).for_each(|(all, n)| *all += n * times);
    }

    /// How many reports.
    pub fn reports(&self) -> u64 {
        self.of_bins().iter().sum()
    }

    /// The sum of their confidences, in 1/10 000.
    pub fn sum(&self) -> u64 {
        self.sum.max(0) as u64
    }

    /// How many by bin of confidence.
    pub fn of_bins(&self) -> [u64; CONFIDENCE_BINS] {
        self.bins.map(|n| n.max(0) as u64)
    }

    /// How many of the type at a place.
    pub fn of_type(&self, place: usize) -> u64 {
        self.types.get(place).map_or(0, |n| (*n).max(0) as u64)
    }
}
