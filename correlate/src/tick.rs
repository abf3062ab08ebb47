//! The timely plumbing of correlate: operators that see all updates of a tick at once, and one that parts them.
//!
//! In: one collection or two, routed by a hash. Out: what `logic` makes of each tick, at that tick, when the tick is
//! closed (no more updates of it can arrive), ticks in order. State: the updates of open ticks, and whatever
//! `logic` keeps. Ticks are totally ordered, so `logic` may keep plain maps instead of traces.
//!
//! An operator is woken by updates, and by the passing of ticks only while it holds some: a tick costs those whom it
//! concerns, and nobody else.

use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use gemba_schemas::time::Tick;
use std::collections::BTreeMap;
use timely::dataflow::channels::pact::Exchange;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

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
    let mut builder = OperatorBuilder::new(name.into(), input.scope());
    let mut input = builder.new_input(input.inner, Exchange::new(move |(row, ..): &(D, Tick, isize)| route(row)));
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    let (output, stream) = builder.new_output::<Vec<(D2, Tick, isize)>>();
    let mut output = OutputBuilder::from(output);
    builder.build(move |_capabilities| {
        let mut open: BTreeMap<Tick, (Capability<Tick>, Vec<Change<D>>)> = BTreeMap::new();
        let mut changes = Vec::new();
        move |frontiers| {
            let mut output = output.activate();
            input.for_each(|capability, data| {
                for (row, tick, diff) in data.drain(..) {
                    let (_, rows) = open.entry(tick).or_insert_with(|| (capability.delayed(&tick, 0), Vec::new()));
                    rows.push((row, diff));
                }
            });
            while let Some(entry) = open.first_entry() {
                if frontiers[0].less_equal(entry.key()) {
                    break;
                }
                let (tick, (capability, rows)) = entry.remove_entry();
                logic(rows, &mut changes);
                output.session(&capability).give_iterator(changes.drain(..).map(|(row, diff)| (row, tick, diff)));
            }
        }
    });
    stream.as_collection()
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
    let mut builder = OperatorBuilder::new(name.into(), left.scope());
    let route_left = Exchange::new(move |(row, ..): &(A, Tick, isize)| route_left(row));
    let route_right = Exchange::new(move |(row, ..): &(B, Tick, isize)| route_right(row));
    let mut left = builder.new_input(left.inner, route_left);
    let mut right = builder.new_input(right.inner, route_right);
    builder.set_notify_for(0, FrontierInterest::IfCapability);
    builder.set_notify_for(1, FrontierInterest::IfCapability);
    let (output, stream) = builder.new_output::<Vec<(D, Tick, isize)>>();
    let mut output = OutputBuilder::from(output);
    builder.build(move |_capabilities| {
        let mut open: Open<A, B> = BTreeMap::new();
        let mut changes = Vec::new();
        move |frontiers| {
            let mut output = output.activate();
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
                if frontiers.iter().any(|frontier| frontier.less_equal(entry.key())) {
                    break;
                }
                let (tick, (capability, left, right)) = entry.remove_entry();
                logic(left, right, &mut changes);
                output.session(&capability).give_iterator(changes.drain(..).map(|(row, diff)| (row, tick, diff)));
            }
        }
    });
    stream.as_collection()
}

/// Parts the rows of a collection by what they are, each once: a collection for each pattern, in a tuple.
macro_rules! part {
    ($rows:expr, $name:literal, { $($out:ident: $type:ty, $($pattern:pat $(if $guard:expr)? => $row:expr),+;)+ }) => {{
        let rows: differential_dataflow::VecCollection<'_, gemba_schemas::time::Tick, _, isize> = $rows;
        let mut builder =
            timely::dataflow::operators::generic::builder_rc::OperatorBuilder::new($name.into(), rows.scope());
        let mut input = builder.new_input(rows.inner, timely::dataflow::channels::pact::Pipeline);
        builder.set_notify_for(0, timely::progress::operate::FrontierInterest::Never);
        $(let $out = builder.new_output::<Vec<($type, gemba_schemas::time::Tick, isize)>>();)+
        let streams = ($(differential_dataflow::AsCollection::as_collection($out.1),)+);
        let outputs = ($($out.0,)+);
        builder.build(move |_capabilities| {
            let ($($out,)+) = outputs;
            $(let mut $out = timely::dataflow::operators::generic::OutputBuilder::from($out);)+
            move |_frontiers| {
                $(let mut $out = $out.activate();)+
                input.for_each(|time, data| {
                    $(let mut $out = $out.session(&time);)+
                    for (row, tick, diff) in data.drain(..) {
                        match row {
                            $($($pattern $(if $guard)? => $out.give(($row, tick, diff)),)+)+
                        }
                    }
                });
            }
        });
        streams
    }};
}

pub(crate) use part;
