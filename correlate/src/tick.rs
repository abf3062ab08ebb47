//! The timely plumbing of correlate: operators that see all updates of a tick at once, and one that parts them.
//!
//! In: one collection or two, routed by a hash. Out: what `logic` makes of each tick, at that tick, when the tick is
//! closed (no more updates of it can arrive), ticks in order. State: the updates of open ticks, and whatever
//! `logic` keeps. Ticks are totally ordered, so `logic` may keep plain maps instead of traces.
//!
//! An operator is woken by updates, and by the passing of ticks only while it holds some: a tick costs those whom it
//! concerns, and nobody else.

use crate::rows::{Batch, Reader, Rows};
use differential_dataflow::{AsCollection, ExchangeData};
use gemba_schemas::time::Tick;
use std::collections::BTreeMap;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::progress::operate::FrontierInterest;

/// An update without its tick.
pub type Change<D> = (D, isize);

/// The one row of a collection after these changes to it; each worker has it from the copy that is for its index.
pub fn after<D: PartialEq>(mut row: Option<D>, changes: Vec<Change<(u64, D)>>) -> Option<D> {
    for ((_, changed), diff) in changes {
        if diff > 0 {
            row = Some(changed);
        } else if row.as_ref() == Some(&changed) {
            row = None;
        }
    }
    row
}

/// Runs `logic` once per closed tick over all its updates; what it pushes becomes updates of that tick.
pub fn at_close<'scope, D, D2>(
    input: Rows<'scope, D>,
    name: &str,
    route: impl Fn(&D) -> u64 + 'static,
    mut logic: impl FnMut(Vec<Change<D>>, &mut Vec<Change<D2>>) + 'static,
) -> Rows<'scope, D2>
where
    D: ExchangeData,
    D2: Clone + 'static,
{
    let input = input.ready();
    let mut builder = OperatorBuilder::new(name.into(), input.scope());
    let readers = input.routed(&mut builder, route);
    closing(builder, (readers, Vec::new()), move |rows, _: Vec<Change<()>>, changes| logic(rows, changes))
}

/// The same of two collections. What is routed alike meets on one worker.
pub fn at_close_two<'scope, A, B, D>(
    (left, right): (Rows<'scope, A>, Rows<'scope, B>),
    name: &str,
    (route_left, route_right): (impl Fn(&A) -> u64 + 'static, impl Fn(&B) -> u64 + 'static),
    logic: impl FnMut(Vec<Change<A>>, Vec<Change<B>>, &mut Vec<Change<D>>) + 'static,
) -> Rows<'scope, D>
where
    A: ExchangeData,
    B: ExchangeData,
    D: Clone + 'static,
{
    let (left, right) = (left.ready(), right.ready());
    let mut builder = OperatorBuilder::new(name.into(), left.scope());
    let left = left.routed(&mut builder, route_left);
    let right = right.routed(&mut builder, route_right);
    closing(builder, (left, right), logic)
}

/// The updates of an open tick, with what lets the operator answer at it.
type Open<A, B> = (Capability<Tick>, Vec<Change<A>>, Vec<Change<B>>);

fn closing<'scope, A, B, D>(
    mut builder: OperatorBuilder<'scope, Tick>,
    (mut left, mut right): (Vec<Reader<A>>, Vec<Reader<B>>),
    mut logic: impl FnMut(Vec<Change<A>>, Vec<Change<B>>, &mut Vec<Change<D>>) + 'static,
) -> Rows<'scope, D>
where
    A: 'static,
    B: 'static,
    D: Clone + 'static,
{
    (0..builder.shape().inputs()).for_each(|input| builder.set_notify_for(input, FrontierInterest::IfCapability));
    let (output, stream) = builder.new_output::<Vec<(D, Tick, isize)>>();
    let mut output = OutputBuilder::from(output);
    builder.build(move |_capabilities| {
        let mut open: BTreeMap<Tick, Open<A, B>> = BTreeMap::new();
        let mut changes = Vec::new();
        // Ticks are as large as the one before: to grow is to copy.
        let mut sizes = (0, 0);
        move |frontiers| {
            let mut output = output.activate();
            for reader in &mut left {
                reader(&mut |time, batch| {
                    let new =
                        |tick: &_| (time.delayed(tick, 0), Vec::with_capacity(sizes.0), Vec::with_capacity(sizes.1));
                    take_in(batch, &mut open, new, |(_, left, _)| left);
                });
            }
            for reader in &mut right {
                reader(&mut |time, batch| {
                    let new =
                        |tick: &_| (time.delayed(tick, 0), Vec::with_capacity(sizes.0), Vec::with_capacity(sizes.1));
                    take_in(batch, &mut open, new, |(.., right)| right);
                });
            }
            while let Some(entry) = open.first_entry() {
                if frontiers.iter().any(|frontier| frontier.less_equal(entry.key())) {
                    break;
                }
                let (tick, (capability, left, right)) = entry.remove_entry();
                sizes = (left.len(), right.len());
                logic(left, right, &mut changes);
                output.session(&capability).give_iterator(changes.drain(..).map(|(row, diff)| (row, tick, diff)));
            }
        }
    });
    stream.as_collection().into()
}

/// Puts a batch to the open ticks: nearly always all of it to one.
fn take_in<D, O>(
    batch: &mut Batch<D>,
    open: &mut BTreeMap<Tick, O>,
    new: impl Fn(&Tick) -> O,
    list: fn(&mut O) -> &mut Vec<Change<D>>,
) {
    while let Some(&(_, tick, _)) = batch.first() {
        let same = batch.iter().take_while(|(_, other, _)| *other == tick).count();
        let rows = list(open.entry(tick).or_insert_with(|| new(&tick)));
        rows.extend(batch.drain(..same).map(|(row, _, diff)| (row, diff)));
    }
}

/// Parts the rows of a collection by what they are, each once: a collection for each pattern, in a tuple.
macro_rules! part {
    ($rows:expr, $name:literal, { $($out:ident: $type:ty, $($pattern:pat $(if $guard:expr)? => $row:expr),+;)+ }) => {{
        let rows: $crate::rows::Rows<'_, _> = $rows;
        let mut builder =
            timely::dataflow::operators::generic::builder_rc::OperatorBuilder::new($name.into(), rows.scope());
        let mut readers = rows.readers(&mut builder);
        $crate::rows::silence(&mut builder);
        $(let $out = builder.new_output::<Vec<($type, gemba_schemas::time::Tick, isize)>>();)+
        let streams = ($($crate::rows::Rows::from(differential_dataflow::AsCollection::as_collection($out.1)),)+);
        let outputs = ($($out.0,)+);
        builder.build(move |_capabilities| {
            let ($($out,)+) = outputs;
            $(let mut $out = timely::dataflow::operators::generic::OutputBuilder::from($out);)+
            move |_frontiers| {
                $(let mut $out = $out.activate();)+
                for reader in &mut readers {
                    reader(&mut |time, batch| {
                        $(let mut $out = $out.session(time);)+
                        for (row, tick, diff) in batch.drain(..) {
                            match row {
                                $($($pattern $(if $guard)? => $out.give(($row, tick, diff)),)+)+
                            }
                        }
                    });
                }
            }
        });
        streams
    }};
}

pub(crate) use part;
