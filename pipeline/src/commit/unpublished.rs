//! What is journaled and not in the lake, and which partitions of views have changed: taken for a publication through a
//! journal sequence, and put back in front when that failed.

use gemba_schemas::fact::Fact;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::time::EventTime;
use gemba_sinks::Withdrawal;
use gemba_sinks::lake::Partition;
use std::collections::BTreeSet;

/// Everything that the next publications are to bring. Sequences ascend.
#[derive(Default)]
pub(super) struct Unpublished {
    facts: Vec<(u64, Batch)>,
    waiting: usize,
    retracted: Vec<(u64, (Name, Generation))>,
    withdrawn: Vec<(u64, Withdrawal)>,
    /// Copies of facts of clients that were there already: taken back, and kept out of the lake.
    refused: BTreeSet<(EventTime, FactId)>,
    /// Partitions of views that were changed by committed epochs.
    pub(super) dirty: BTreeSet<Partition>,
}

/// Facts that were journaled together.
struct Batch {
    facts: Vec<Fact>,
    /// When the last one of a client was accepted. Later batches have later ones only.
    newest: Option<EventTime>,
}

/// What one publication brings.
#[derive(Default)]
pub(super) struct Taken {
    /// The last journal entry of it.
    pub(super) through: u64,
    pub(super) facts: Vec<Vec<Fact>>,
    pub(super) retracted: Vec<(Name, Generation)>,
    pub(super) withdrawn: Vec<Withdrawal>,
    pub(super) dirty: BTreeSet<Partition>,
    refused: BTreeSet<(EventTime, FactId)>,
}

impl Unpublished {
    /// Adds journaled facts.
    pub(super) fn push(&mut self, seq: u64, facts: Vec<Fact>) {
        self.waiting += facts.len();
        if !facts.is_empty() {
            let newest = facts.iter().filter_map(Fact::received_at).max();
            self.facts.push((seq, Batch { facts, newest }));
        }
    }

    /// Adds generations whose facts are void.
    pub(super) fn retract(&mut self, seq: u64, generations: Vec<(Name, Generation)>) {
        self.retracted.extend(generations.into_iter().map(|of| (seq, of)));
    }

    /// Adds facts of clients that are void.
    pub(super) fn withdraw(&mut self, seq: u64, withdrawal: Withdrawal) {
        self.withdrawn.push((seq, withdrawal));
    }

    /// A copy of a fact stays out of the lake.
    pub(super) fn refuse(&mut self, copy: &Fact) {
        self.refused.extend(copy.received_at().map(|at| (at, copy.id())));
    }

    /// Facts that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether a generation is void already, though the lake still lists its facts.
    pub(super) fn is_retracted(&self, camera: Name, generation: Generation) -> bool {
        self.retracted.iter().any(|(_, of)| *of == (camera, generation))
    }

    /// Whether a fact is withdrawn, though the lake still lists it.
    pub(super) fn is_withdrawn(&self, fact: &Fact) -> bool {
        self.withdrawn.iter().any(|(_, withdrawal)| withdrawal.holds(fact))
    }

    /// Whether anything that the lake lists is void.
    pub(super) fn has_void(&self) -> bool {
        !(self.withdrawn.is_empty() && self.retracted.is_empty())
    }

    /// Whether a fact is a refused copy, which is not there to be taken back.
    pub(super) fn is_refused(&self, fact: &Fact) -> bool {
        fact.received_at().is_some_and(|at| self.refused.contains(&(at, fact.id())))
    }

    /// The facts that wait.
    pub(super) fn facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.iter().flat_map(|(_, batch)| &batch.facts)
    }

    /// Takes facts out that must not be published, and gives those that counted.
    pub(super) fn take_out(&mut self, wanted: impl Fn(&Fact) -> bool) -> Vec<Fact> {
        let mut out: Vec<Fact> = Vec::new();
        for (_, batch) in &mut self.facts {
            out.extend(batch.facts.extract_if(.., |f| wanted(f)));
        }
        self.waiting -= out.len();
        let refused = &mut self.refused;
        out.retain(|f| !f.received_at().is_some_and(|at| refused.remove(&(at, f.id()))));
        out
    }

    /// Whether anything of the journal through `through` is to be published, or of views.
    pub(super) fn has_news(&self, through: u64) -> bool {
        let first = [
            self.facts.first().map(|(seq, _)| seq),
            self.retracted.first().map(|(seq, _)| seq),
            self.withdrawn.first().map(|(seq, _)| seq),
        ];
        !self.dirty.is_empty() || first.into_iter().flatten().any(|seq| *seq <= through)
    }

    /// Takes everything through a committed journal sequence. All copies among it that are refused are known: their tick is
    /// complete.
    pub(super) fn take(&mut self, through: u64) -> Taken {
        let batches = up_to(&mut self.facts, through);
        self.waiting -= batches.iter().map(|batch| batch.facts.len()).sum::<usize>();
        let refused = match batches.iter().filter_map(|batch| batch.newest).max() {
            Some(EventTime(newest)) => {
                let later = self.refused.split_off(&(EventTime(newest.saturating_add(1)), FactId(0)));
                std::mem::replace(&mut self.refused, later)
            }
            None => BTreeSet::new(),
        };
        Taken {
            through,
            facts: batches.into_iter().map(|batch| batch.facts).collect(),
            retracted: up_to(&mut self.retracted, through),
            withdrawn: up_to(&mut self.withdrawn, through),
            dirty: std::mem::take(&mut self.dirty),
            refused,
        }
    }

    /// Puts back what is left of a publication, before what came since.
    pub(super) fn put_back(&mut self, taken: Taken) {
        let Taken { through, facts, retracted, withdrawn, dirty, refused } = taken;
        self.waiting += facts.iter().map(Vec::len).sum::<usize>();
        // The copies among them have left.
        let batches = facts.into_iter().map(|facts| (through, Batch { facts, newest: None }));
        self.facts.splice(..0, batches);
        self.retracted.splice(..0, retracted.into_iter().map(|of| (through, of)));
        self.withdrawn.splice(..0, withdrawn.into_iter().map(|w| (through, w)));
        self.dirty.extend(dirty);
        self.refused.extend(refused);
    }
}

impl Taken {
    /// Facts of it.
    pub(super) fn count(&self) -> usize {
        self.facts.iter().map(Vec::len).sum()
    }

    /// Drops the copies that are kept out of the lake.
    pub(super) fn leave_out_refused(&mut self) {
        let Self { facts, refused, .. } = self;
        if refused.is_empty() {
            return;
        }
        for batch in facts {
            batch.retain(|f| !f.received_at().is_some_and(|at| refused.remove(&(at, f.id()))));
        }
    }

    /// What is left when the lake has it: copies that were not among it.
    pub(super) fn published(&mut self) {
        *self = Self { through: self.through, refused: std::mem::take(&mut self.refused), ..Self::default() };
    }
}

/// What was journaled through a sequence, taken out.
fn up_to<T>(list: &mut Vec<(u64, T)>, through: u64) -> Vec<T> {
    let count = list.partition_point(|(seq, _)| *seq <= through);
    list.drain(..count).map(|(_, item)| item).collect()
}
