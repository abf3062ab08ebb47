//! Splitting facts by kind, and making each kind a set.
//!
//! In: facts as they were journaled, in any multiplicity. Out: one collection per kind in which every
//! present fact occurs exactly once. A fact is present while its multiplicity is above zero. Two bodies under
//! one id (which a camera never reports, but a rewritten retraction may pass through) count as one fact: the
//! least body that is present.
//!
//! State: one body and one count per id, and a list of bodies for the few ids that have several. The answer
//! after a tick depends on the sums of the tick's updates only, never on their order.

use super::event::Event;
use super::polyline::{Point, TrackKey};
use super::tick::{Change, at_close, part};
use crate::rows::Rows;
use differential_dataflow::ExchangeData;
use gemba_schemas::fact::{
    AttendanceMark, CodeMiss, CodeRead, Coverage, DeviceStatus, Fact, Fault, FrameExport, MotionSpan, PlateRead,
    Review, TrackEnd,
};
use gemba_schemas::id::FactId;
use gemba_schemas::time::EventTime;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

macro_rules! kinds {
    (
        $($(#[doc = $doc:literal])+ $kind:ident: $type:ty, $($pattern:pat $(if $guard:expr)? => $row:expr),+;)+
    ) => {
        /// The facts, one collection per kind.
        pub struct Kinds<'scope> {
            $($(#[doc = $doc])+ pub $kind: Rows<'scope, $type>,)+
        }

        impl<'scope> Kinds<'scope> {
            /// Splits the facts where they arrive, before anything is exchanged: points shrink to a quarter.
            pub fn split(facts: Rows<'scope, Fact>) -> Self {
                let ($($kind,)+) = part!(facts, "Split facts by kind", {
                    $($kind: $type, $($pattern $(if $guard)? => $row),+;)+
                });
                Self { $($kind),+ }
            }

            /// Makes each kind a set, but for events: the tally does that. Of what a client reported and was there
            /// already, a receipt.
            pub fn dedupe(self) -> (Self, Rows<'scope, Receipt>) {
                let mut receipts = Vec::new();
                let kinds = Self {
                    $($kind: Identified::dedupe(self.$kind, concat!("Dedupe ", stringify!($kind)), &mut receipts),)+
                };
                let first = receipts.pop().unwrap_or_else(|| unreachable!("clients report some kinds"));
                (kinds, first.concatenate(receipts))
            }
        }
    };
}

kinds! {
    /// Facts beyond the horizon; they are in no other collection, and whole, so that a second one can be answered.
    late: Late, fact if fact.is_late() => Late { received_at: fact.received_at().unwrap_or_default(), fact };
    /// Track points, already reduced to what correlate needs.
    points: (TrackKey, Point), Fact::TrackPoint(p) => (TrackKey::of(&p), Point::of(&p));
    /// Ends of tracks.
    ends: TrackEnd, Fact::TrackEnd(f) => f;
    /// Codes read.
    reads: CodeRead, Fact::CodeRead(f) => *f;
    /// Codes located only.
    misses: CodeMiss, Fact::CodeMiss(f) => *f;
    /// Motion.
    motion: MotionSpan, Fact::MotionSpan(f) => *f;
    /// Coverage.
    coverage: Coverage, Fact::Coverage(f) => *f;
    /// Faults.
    faults: Fault, Fact::Fault(f) => f;
    /// Events of workers at stations, under one identity whether activity or production.
    events: Event, Fact::Activity(f) => Event::from(f), Fact::Production(f) => Event::from(f);
    /// Attendance marks.
    marks: AttendanceMark, Fact::AttendanceMark(f) => f;
    /// Plate reads.
    plates: PlateRead, Fact::PlateRead(f) => f;
    /// Reviews of sessions.
    reviews: Review, Fact::Review(f) => f;
    /// Frame exports of sessions.
    exports: FrameExport, Fact::FrameExport(f) => f;
    /// Reports of how devices are.
    statuses: DeviceStatus, Fact::DeviceStatus(f) => f;
}

/// The answer to a client's fact that was there already. Of one that is new there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Receipt {
    /// The fact that does not count.
    pub refused: Fact,
    /// The one that arrived first under the same identity.
    pub stored: Fact,
}

/// A fact beyond the horizon. Of several under one id the first to arrive is the least, whatever their kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Late {
    received_at: EventTime,
    /// All of it.
    pub fact: Fact,
}

impl From<Late> for Fact {
    fn from(late: Late) -> Self {
        late.fact
    }
}

/// What carries a fact's identity.
pub trait Identified: ExchangeData {
    /// The identity.
    fn id(&self) -> FactId;

    /// Makes a kind a set.
    fn dedupe<'scope>(
        facts: Rows<'scope, Self>,
        name: &str,
        _receipts: &mut Vec<Rows<'scope, Receipt>>,
    ) -> Rows<'scope, Self> {
        let mut set = FactSet::default();
        at_close(
            facts,
            name,
            |fact: &Self| fact.id().0,
            move |rows, out| {
                for (fact, diff) in rows {
                    set.update(fact, diff, out);
                }
            },
        )
    }
}

macro_rules! cameras {
    ($($type:ty),+) => { $(impl Identified for $type { fn id(&self) -> FactId { self.id } })+ };
}

cameras!(TrackEnd, CodeRead, CodeMiss, MotionSpan, Coverage, Fault);

impl Identified for (TrackKey, Point) {
    fn id(&self) -> FactId {
        self.1.id
    }
}

macro_rules! clients {
    ($($type:ty, $id:expr);+) => { $(
        impl Identified for $type {
            fn id(&self) -> FactId { $id(self) }

            fn dedupe<'scope>(
                facts: Rows<'scope, Self>,
                name: &str,
                receipts: &mut Vec<Rows<'scope, Receipt>>,
            ) -> Rows<'scope, Self> {
                let mut set = FactSet::default();
                let mut changes = Vec::new();
                let all = at_close(facts, name, |fact: &Self| Identified::id(fact).0, move |mut rows, out| {
                    set.update_all(&mut rows, &mut changes);
                    out.extend(changes.drain(..).map(|(fact, diff)| (Ok(fact), diff)));
                    out.extend(set.receipts(&rows).map(|(refused, stored)| {
                        (Err(Receipt { refused: refused.clone().into(), stored: stored.clone().into() }), 1)
                    }));
                });
                receipts.push(all.clone().flat_map(Result::err));
                all.flat_map(Result::ok)
            }
        }
    )+ };
}

clients! {
    Late, |late: &Self| late.fact.id();
    AttendanceMark, |f: &Self| f.id;
    PlateRead, |f: &Self| f.id;
    Review, |f: &Self| f.id;
    FrameExport, |f: &Self| f.id;
    DeviceStatus, |f: &Self| f.id
}

impl Identified for Event {
    fn id(&self) -> FactId {
        self.id
    }

    fn dedupe<'scope>(
        facts: Rows<'scope, Self>,
        _name: &str,
        _receipts: &mut Vec<Rows<'scope, Receipt>>,
    ) -> Rows<'scope, Self> {
        facts
    }
}

/// A map from ids of facts.
pub type IdMap<V> = HashMap<FactId, V, BuildHasherDefault<IdHasher>>;

/// Fact ids are hashes already.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }
}

/// The facts of one kind that are present, or whose count is not zero.
pub struct FactSet<B> {
    single: IdMap<(B, isize)>,
    /// The bodies of an id in order; no count is zero.
    several: IdMap<Vec<(B, isize)>>,
}

impl<B> Default for FactSet<B> {
    fn default() -> Self {
        Self { single: HashMap::default(), several: HashMap::default() }
    }
}

impl<B: Identified> FactSet<B> {
    /// Applies the updates of a tick; pushes what that changes in the set.
    pub fn update_all(&mut self, rows: &mut [Change<B>], out: &mut Vec<Change<B>>) {
        for (fact, diff) in rows {
            self.update(fact.clone(), *diff, out);
        }
    }

    /// The facts of which one occurrence counts.
    pub fn iter(&self) -> impl Iterator<Item = &B> {
        let single = self.single.values().filter(|(_, n)| *n > 0).map(|(fact, _)| fact);
        single.chain(self.several.values().filter_map(|bodies| Self::winner(bodies)))
    }

    fn winner(bodies: &[(B, isize)]) -> Option<&B> {
        bodies.iter().find(|(_, n)| *n > 0).map(|(body, _)| body)
    }

    /// Of the facts that the tick brought, those that another one precedes, each with that one.
    pub fn receipts<'a>(&'a self, rows: &'a [Change<B>]) -> impl Iterator<Item = (&'a B, &'a B)> {
        let new = rows.iter().filter(|(_, diff)| *diff > 0);
        new.filter_map(|(fact, _)| Some((fact, self.preceding(fact)?)))
    }

    /// The fact that counts under the identity of this one, if that is another.
    pub fn preceding(&self, fact: &B) -> Option<&B> {
        Self::winner(self.several.get(&fact.id())?).filter(|stored| *stored != fact)
    }

    /// Whether it knows anything of this id.
    pub fn holds(&self, id: FactId) -> bool {
        self.single.contains_key(&id) || self.several.contains_key(&id)
    }

    /// Puts in a fact that is known to be there once, and of which nothing was known here.
    pub fn put(&mut self, fact: B) {
        self.single.insert(fact.id(), (fact, 1));
    }

    /// Takes out the fact of this id, if it is the only one and there once.
    pub fn take_single(&mut self, id: FactId) -> Option<B> {
        self.single.get(&id).filter(|(_, count)| *count == 1)?;
        self.single.remove(&id).map(|(fact, _)| fact)
    }

    /// Adds `diff` occurrences of `fact`; pushes what that changes in the set.
    pub fn update(&mut self, fact: B, diff: isize, out: &mut Vec<Change<B>>) {
        let id = fact.id();
        if !self.several.is_empty() && self.several.contains_key(&id) {
            return self.update_several(id, fact, diff, out);
        }
        match self.single.entry(id) {
            Entry::Vacant(slot) => {
                if diff > 0 {
                    out.push((fact.clone(), 1));
                }
                if diff != 0 {
                    slot.insert((fact, diff));
                }
            }
            Entry::Occupied(mut slot) if slot.get().0 == fact => {
                let count = &mut slot.get_mut().1;
                let before = *count > 0;
                *count += diff;
                let (after, gone) = (*count > 0, *count == 0);
                if before != after {
                    out.push((fact, if after { 1 } else { -1 }));
                }
                if gone {
                    slot.remove();
                }
            }
            Entry::Occupied(slot) => {
                let (other, count) = slot.remove();
                self.several.insert(id, vec![(other, count)]);
                self.update_several(id, fact, diff, out);
            }
        }
    }

    fn update_several(&mut self, id: FactId, fact: B, diff: isize, out: &mut Vec<Change<B>>) {
        let bodies = self.several.entry(id).or_default();
        let before = Self::winner(bodies).cloned();
        match bodies.binary_search_by(|(body, _)| body.cmp(&fact)) {
            Ok(at) => {
                bodies[at].1 += diff;
                if bodies[at].1 == 0 {
                    bodies.remove(at);
                }
            }
            Err(at) if diff != 0 => {
                // Nearly always the second, and the last.
                bodies.reserve_exact(1);
                bodies.insert(at, (fact, diff));
            }
            Err(_) => {}
        }
        let after = Self::winner(bodies).cloned();
        if before != after {
            out.extend(before.map(|b| (b, -1)));
            out.extend(after.map(|b| (b, 1)));
        }
        if bodies.len() < 2 {
            self.single.extend(self.several.remove(&id).into_iter().flatten().map(|body| (id, body)));
        }
    }
}
