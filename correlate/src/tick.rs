//! The timely plumbing of correlate: operators that see all updates of a tick at once.
//!
//! In: one collection or two, routed by a hash. Out: what `logic` makes of each tick, at that tick, when the tick is
//! closed (no more updates of it can arrive), ticks in order. State: the updates of open ticks, and whatever
//! `logic` keeps. Ticks are totally ordered, so `logic` may keep plain maps instead of traces.

use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use gemba_schemas::time::Tick;
use std::collections::BTreeMap;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

/// An update without its tick.
pub type Change<D> = (D, isize);

/// Runs `logic` once per closed tick over all its updates; what it pushes becomes updates of that tick.
pub fn at_close<'scope, D, D2>(
    input: VecCollection<'scope, Tick, D, isize>,
    name: &str,
    route: impl Fn(&D) -> u64 + 'static,
    mut logic: impl FnMut(Vec<Change<D>>, &mut Vec<Change<D2>>) + 'static,
) -> VecCollection<'scope, Tick, D2, isize>
where
    D: ExchangeData,
    D2: Clone + 'static,
{
    let exchange = Exchange::new(move |update: &(D, Tick, isize)| route(&update.0));
    input
        .inner
        .unary_frontier(exchange, name, |_capability, _info| {
            let mut open: BTreeMap<Tick, (Capability<Tick>, Vec<Change<D>>)> = BTreeMap::new();
            let mut changes = Vec::new();
            move |(input, frontier), output| {
                input.for_each(|capability, data| {
                    for (row, tick, diff) in data.drain(..) {
                        let (_, rows) = open.entry(tick).or_insert_with(|| (capability.delayed(&tick, 0), Vec::new()));
                        rows.push((row, diff));
                    }
                });
                while let Some(entry) = open.first_entry() {
                    if frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (tick, (capability, rows)) = entry.remove_entry();
                    logic(rows, &mut changes);
                    output.session(&capability).give_iterator(changes.drain(..).map(|(row, diff)| (row, tick, diff)));
                }
            }
        })
        .as_collection()
}

/// The same of two collections. What is routed alike meets on one worker.
pub fn at_close_two<'scope, A, B, D>(
    (left, right): (VecCollection<'scope, Tick, A, isize>, VecCollection<'scope, Tick, B, isize>),
    name: &str,
    (route_left, route_right): (impl Fn(&A) -> u64 + 'static, impl Fn(&B) -> u64 + 'static),
    mut logic: impl FnMut(Vec<Change<A>>, Vec<Change<B>>, &mut Vec<Change<D>>) + 'static,
) -> VecCollection<'scope, Tick, D, isize>
where
    A: ExchangeData,
    B: ExchangeData,
    D: Clone + 'static,
{
    type Open<A, B> = BTreeMap<Tick, (Capability<Tick>, Vec<Change<A>>, Vec<Change<B>>)>;
    let left_route = Exchange::new(move |update: &(A, Tick, isize)| route_left(&update.0));
    let right_route = Exchange::new(move |update: &(B, Tick, isize)| route_right(&update.0));
    left.inner
        .binary_frontier(right.inner, left_route, right_route, name, |_capability, _info| {
            let mut open: Open<A, B> = BTreeMap::new();
            let mut changes = Vec::new();
            move |(left, left_frontier), (right, right_frontier), output| {
                left.for_each(|capability, data| {
                    for (row, tick, diff) in data.drain(..) {
                        let new = || (capability.delayed(&tick, 0), Vec::new(), Vec::new());
                        open.entry(tick).or_insert_with(new).1.push((row, diff));
                    }
                });
                right.for_each(|capability, data| {
                    for (row, tick, diff) in data.drain(..) {
                        let new = || (capability.delayed(&tick, 0), Vec::new(), Vec::new());
                        open.entry(tick).or_insert_with(new).2.push((row, diff));
                    }
                });
                while let Some(entry) = open.first_entry() {
                    if left_frontier.less_equal(entry.key()) || right_frontier.less_equal(entry.key()) {
                        break;
                    }
                    let (tick, (capability, left, right)) = entry.remove_entry();
                    logic(left, right, &mut changes);
                    output.session(&capability).give_iterator(changes.drain(..).map(|(row, diff)| (row, tick, diff)));
                }
            }
        })
        .as_collection()
}
