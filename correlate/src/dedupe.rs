//! Splitting facts by kind, and making each kind a set.
//!
//! In: facts as they were journaled, in any multiplicity. Out: one collection per kind in which every
//! present fact occurs exactly once. A fact is present while its multiplicity is above zero. Two bodies under
//! one id (which a camera never reports, but a rewritten retraction may pass through) count as one fact: the
//! least body that is present.
//!
//! State: one body and one count per id, and a list of bodies for the few ids that have several. The answer
//! after a tick depends on the sums of the tick's updates only, never on their order.

use super::polyline::{Point, TrackKey};
use super::tick::{Change, at_close};
use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use gemba_schemas::fact::{
    AttendanceMark, CodeMiss, CodeRead, Coverage, DeviceStatus, Fact, Fault, FrameExport, MotionSpan, PlateRead,
    Review, TrackEnd,
};
use gemba_schemas::id::FactId;
use gemba_schemas::time::Tick;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident: $type:ty, $variant:ident($fact:ident) => $row:expr;)+) => {
        /// The facts, one collection per kind.
        pub struct Kinds<'scope> {
            $($(#[doc = $doc])+ pub $kind: VecCollection<'scope, Tick, $type, isize>,)+
        }

        impl<'scope> Kinds<'scope> {
            /// Splits the facts where they arrive, before anything is exchanged: points shrink to a quarter.
            pub fn split(facts: VecCollection<'scope, Tick, Fact, isize>) -> Self {
                let mut builder = OperatorBuilder::new("Split facts by kind".into(), facts.scope());
                let mut input = builder.new_input(facts.inner, Pipeline);
                $(let $kind = builder.new_output::<Vec<($type, Tick, isize)>>();)+
                let streams = ($($kind.1,)+);
                let outputs = ($($kind.0,)+);
                builder.build(move |_capabilities| {
                    let ($($kind,)+) = outputs;
                    $(let mut $kind = OutputBuilder::from($kind);)+
                    move |_frontiers| {
                        $(let mut $kind = $kind.activate();)+
                        input.for_each(|time, data| {
                            $(let mut $kind = $kind.session(&time);)+
                            for (fact, tick, diff) in data.drain(..) {
                                match fact {
                                    $(Fact::$variant($fact) => $kind.give(($row, tick, diff)),)+
                                    // No view is derived from it.
                                    Fact::Activity(_) | Fact::Production(_) => {}
                                }
                            }
                        });
                    }
                });
                let ($($kind,)+) = streams;
                Self { $($kind: $kind.as_collection(),)+ }
            }

            /// Makes each kind a set.
            pub fn dedupe(self) -> Self {
                Self { $($kind: dedupe(self.$kind, concat!("Dedupe ", stringify!($kind))),)+ }
            }
        }
    };
}

kinds! {
    /// Track points, already reduced to what correlate needs.
    points: (TrackKey, Point), TrackPoint(p) => (TrackKey::of(&p), Point::of(&p));
    /// Ends of tracks.
    ends: TrackEnd, TrackEnd(f) => f;
    /// Codes read.
    reads: CodeRead, CodeRead(f) => f;
    /// Codes located only.
    misses: CodeMiss, CodeMiss(f) => f;
    /// Motion.
    motion: MotionSpan, MotionSpan(f) => f;
    /// Coverage.
    coverage: Coverage, Coverage(f) => f;
    /// Faults.
    faults: Fault, Fault(f) => f;
    /// Attendance marks.
    marks: AttendanceMark, AttendanceMark(f) => f;
    /// Plate reads.
    plates: PlateRead, PlateRead(f) => f;
    /// Reviews of sessions.
    reviews: Review, Review(f) => f;
    /// Frame exports of sessions.
    exports: FrameExport, FrameExport(f) => f;
    /// Reports of how devices are.
    statuses: DeviceStatus, DeviceStatus(f) => f;
}

/// What carries a fact's identity.
pub trait Identified {
    /// The identity.
    fn id(&self) -> FactId;
}

macro_rules! identified {
    ($($type:ty),+) => { $(impl Identified for $type { fn id(&self) -> FactId { self.id } })+ };
}

identified!(
    TrackEnd,
    CodeRead,
    CodeMiss,
    MotionSpan,
    Coverage,
    Fault,
    AttendanceMark,
    PlateRead,
    Review,
    FrameExport,
    DeviceStatus
);

impl Identified for (TrackKey, Point) {
    fn id(&self) -> FactId {
        self.1.id
    }
}

fn dedupe<'scope, B: Identified + ExchangeData>(
    facts: VecCollection<'scope, Tick, B, isize>,
    name: &str,
) -> VecCollection<'scope, Tick, B, isize> {
    let mut set = FactSet::default();
    at_close(
        facts,
        name,
        |fact: &B| fact.id().0,
        move |rows, out| {
            for (fact, diff) in rows {
                set.update(fact, diff, out);
            }
        },
    )
}

/// Fact ids are hashes already.
#[derive(Default)]
struct IdHasher(u64);

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
struct FactSet<B> {
    single: HashMap<FactId, (B, isize), BuildHasherDefault<IdHasher>>,
    several: BTreeMap<FactId, BTreeMap<B, isize>>,
}

impl<B> Default for FactSet<B> {
    fn default() -> Self {
        Self { single: HashMap::default(), several: BTreeMap::new() }
    }
}

impl<B: Identified + Clone + Ord> FactSet<B> {
    /// Adds `diff` occurrences of `fact`; pushes what that changes in the set.
    fn update(&mut self, fact: B, diff: isize, out: &mut Vec<Change<B>>) {
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
                self.several.insert(id, BTreeMap::from([(other, count)]));
                self.update_several(id, fact, diff, out);
            }
        }
    }

    fn update_several(&mut self, id: FactId, fact: B, diff: isize, out: &mut Vec<Change<B>>) {
        let bodies = self.several.entry(id).or_default();
        let winner = |bodies: &BTreeMap<B, isize>| bodies.iter().find(|(_, n)| **n > 0).map(|(b, _)| b.clone());
        let before = winner(bodies);
        *bodies.entry(fact).or_insert(0) += diff;
        bodies.retain(|_, n| *n != 0);
        let after = winner(bodies);
        if before != after {
            out.extend(before.map(|b| (b, -1)));
            out.extend(after.map(|b| (b, 1)));
        }
        if bodies.len() < 2 {
            for (body, count) in self.several.remove(&id).into_iter().flatten() {
                self.single.insert(id, (body, count));
            }
        }
    }
}
