//! The one piece of timely plumbing of the vision dataflow: turns a [`Stage`] into an operator.
//!
//! **In**: `(unit, item)` pairs; a unit is one run of footage, read by one worker. **Out**: two streams, the
//! stage's items for the next stage and its facts. Both keep the input's time (a position in the source).
//! A closed time means that the stage has seen everything up to that position.
//!
//! **State**: one stage instance per unit, made at its first item and dropped at the end of a generation.
//! Nothing is flushed when the dataflow is dropped: an interrupted run reports a prefix.

use crate::stage::{Outlet, Seen, Stage};
use gemba_schemas::fact::Fact;
use std::collections::BTreeMap;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// A run of footage: the index of its plan. Everything of one unit happens on one worker, in order.
pub type Unit = usize;

/// Time of the vision dataflow: the number of packets a worker has read before.
pub type Position = u64;

/// A stream of units' items.
pub type Units<'scope, T> = Stream<'scope, Position, Vec<(Unit, Seen<T>)>>;

/// A stream of facts.
pub type Facts<'scope> = Stream<'scope, Position, Vec<Fact>>;

/// Runs one instance of a stage per unit over `input`. `make` opens the stage for a unit.
pub fn drive<'scope, S>(
    input: Units<'scope, S::In>,
    name: &str,
    mut make: impl FnMut(Unit) -> S + 'static,
) -> (Units<'scope, S::Out>, Facts<'scope>)
where
    S: Stage + 'static,
    S::In: Clone + 'static,
    S::Out: Clone + 'static,
{
    let mut builder = OperatorBuilder::new(name.to_owned(), input.scope());
    let mut input = builder.new_input(input, Pipeline);
    let (items, item_stream) = builder.new_output();
    let (facts, fact_stream) = builder.new_output();
    let (mut items, mut facts) = (OutputBuilder::from(items), OutputBuilder::from(facts));

    builder.build(move |_capabilities| {
        let mut stages: BTreeMap<Unit, S> = BTreeMap::new();
        let mut outlet = Outlet::default();
        move |_frontiers| {
            let (mut items, mut facts) = (items.activate(), facts.activate());
            input.for_each(|time, batch| {
                for (unit, item) in batch.drain(..) {
                    match item {
                        Seen::End(_) => match stages.remove(&unit) {
                            Some(mut stage) => stage.step(item, &mut outlet),
                            // Nothing was seen of this generation here; those behind must hear of its end all the same.
                            None => outlet.items.extend(passed_on(item)),
                        },
                        item => stages.entry(unit).or_insert_with(|| make(unit)).step(item, &mut outlet),
                    }
                    if !outlet.items.is_empty() {
                        let cap = time.retain(0);
                        items.session(&cap).give_iterator(outlet.items.drain(..).map(|item| (unit, item)));
                    }
                    if !outlet.facts.is_empty() {
                        let cap = time.retain(1);
                        facts.session(&cap).give_iterator(outlet.facts.drain(..));
                    }
                }
            });
        }
    });
    (item_stream, fact_stream)
}

/// An end, as the next stage's kind of item.
fn passed_on<A, B>(item: Seen<A>) -> Option<Seen<B>> {
    match item {
        Seen::End(end) => Some(Seen::End(end)),
        Seen::Item(_) => None,
    }
}
