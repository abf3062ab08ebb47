//! Rows on their way from one operator to the next.
//!
//! A collection is one stream or several, each with what is to be made of its updates on the way. Mapping, filtering and
//! putting together are no operators: whoever takes the rows in does it while reading. So a tick costs the progress of the
//! operators that keep something, and of no others. Where rows go to other workers they are made before they leave.

use differential_dataflow::{AsCollection, ExchangeData, VecCollection};
use gemba_schemas::time::Tick;
use std::rc::Rc;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Concatenate, InputCapability};
use timely::dataflow::{Scope, Stream};
use timely::progress::operate::FrontierInterest;

/// Updates that came together.
pub type Batch<D> = Vec<(D, Tick, isize)>;

/// Updates as they travel.
pub type Updates<'scope, D> = Stream<'scope, Tick, Batch<D>>;

/// Takes in a batch and leaves nothing in it.
pub type Take<'a, D> = &'a mut dyn FnMut(&InputCapability<Tick>, &mut Batch<D>);

/// Hands on what has come to one input of an operator.
pub type Reader<D> = Box<dyn FnMut(Take<'_, D>)>;

/// Makes rows of a row: of how many of it, how many of which.
type Make<D, D2> = Rc<dyn Fn(D, isize, &mut dyn FnMut(D2, isize))>;

/// A collection of rows, in any multiplicity.
pub struct Rows<'scope, D> {
    scope: Scope<'scope, Tick>,
    sources: Vec<Rc<dyn Source<'scope, D> + 'scope>>,
}

/// Where rows come from.
trait Source<'scope, D> {
    /// Makes it an input of an operator.
    fn read(&self, builder: &mut OperatorBuilder<'scope, Tick>) -> Reader<D>;

    /// The stream, where nothing is to be made of it.
    fn stream(&self) -> Option<Updates<'scope, D>> {
        None
    }
}

/// A stream as it is.
struct Plain<'scope, D>(Updates<'scope, D>);

impl<'scope, D: Clone + 'static> Source<'scope, D> for Plain<'scope, D> {
    fn read(&self, builder: &mut OperatorBuilder<'scope, Tick>) -> Reader<D> {
        let mut input = builder.new_input(self.0.clone(), Pipeline);
        Box::new(move |take| input.for_each(|time, batch| take(&time, batch)))
    }

    fn stream(&self) -> Option<Updates<'scope, D>> {
        Some(self.0.clone())
    }
}

/// A source, and what is made of its rows.
struct Made<'scope, D, D2> {
    of: Rc<dyn Source<'scope, D> + 'scope>,
    make: Make<D, D2>,
}

impl<'scope, D: 'static, D2: 'static> Source<'scope, D2> for Made<'scope, D, D2> {
    fn read(&self, builder: &mut OperatorBuilder<'scope, Tick>) -> Reader<D2> {
        let (mut of, make) = (self.of.read(builder), self.make.clone());
        let mut made = Vec::new();
        Box::new(move |take| {
            of(&mut |time, batch| {
                for (row, tick, diff) in batch.drain(..) {
                    make(row, diff, &mut |row, diff| made.push((row, tick, diff)));
                }
                take(time, &mut made);
            });
        })
    }
}

impl<D> Clone for Rows<'_, D> {
    fn clone(&self) -> Self {
        Self { scope: self.scope, sources: self.sources.clone() }
    }
}

impl<'scope, D: Clone + 'static> From<VecCollection<'scope, Tick, D, isize>> for Rows<'scope, D> {
    fn from(collection: VecCollection<'scope, Tick, D, isize>) -> Self {
        Self { scope: collection.scope(), sources: vec![Rc::new(Plain(collection.inner))] }
    }
}

impl<'scope, D: Clone + 'static> From<Rows<'scope, D>> for VecCollection<'scope, Tick, D, isize> {
    fn from(rows: Rows<'scope, D>) -> Self {
        rows.stream().as_collection()
    }
}

impl<'scope, D: Clone + 'static> Rows<'scope, D> {
    /// No rows.
    pub fn none(scope: Scope<'scope, Tick>) -> Self {
        Self { scope, sources: Vec::new() }
    }

    /// The number of workers.
    pub fn peers(&self) -> usize {
        self.scope.peers()
    }

    /// Where the dataflow is built.
    pub fn scope(&self) -> Scope<'scope, Tick> {
        self.scope
    }

    fn made<D2: 'static>(self, make: impl Fn(D, isize, &mut dyn FnMut(D2, isize)) + 'static) -> Rows<'scope, D2> {
        let make: Make<D, D2> = Rc::new(make);
        let made = |of| Rc::new(Made { of, make: make.clone() }) as Rc<dyn Source<'scope, D2> + 'scope>;
        Rows { scope: self.scope, sources: self.sources.into_iter().map(made).collect() }
    }

    /// Another row of each.
    pub fn map<D2: 'static>(self, make: impl Fn(D) -> D2 + 'static) -> Rows<'scope, D2> {
        self.made(move |row, diff, give| give(make(row), diff))
    }

    /// Any number of rows of each.
    pub fn flat_map<I: IntoIterator<Item: 'static>>(self, make: impl Fn(D) -> I + 'static) -> Rows<'scope, I::Item> {
        self.made(move |row, diff, give| make(row).into_iter().for_each(|row| give(row, diff)))
    }

    /// Any number of rows of each, each as often as is said.
    pub fn explode<D2: 'static, I: IntoIterator<Item = (D2, isize)>>(
        self,
        make: impl Fn(D) -> I + 'static,
    ) -> Rows<'scope, D2> {
        self.made(move |row, diff, give| make(row).into_iter().for_each(|(row, n)| give(row, n * diff)))
    }

    /// The rows that satisfy a condition.
    pub fn filter(self, wanted: impl Fn(&D) -> bool + 'static) -> Self {
        self.made(move |row, diff, give| {
            if wanted(&row) {
                give(row, diff);
            }
        })
    }

    /// The rows of both.
    pub fn concat(self, other: Self) -> Self {
        self.concatenate([other])
    }

    /// The rows of all.
    pub fn concatenate(mut self, others: impl IntoIterator<Item = Self>) -> Self {
        self.sources.extend(others.into_iter().flat_map(|other| other.sources));
        self
    }

    /// Makes each source an input of an operator, for rows of this worker.
    pub fn readers(&self, builder: &mut OperatorBuilder<'scope, Tick>) -> Vec<Reader<D>> {
        self.sources.iter().map(|source| source.read(builder)).collect()
    }

    /// One stream of all of it. Streams of which nothing is to be made go into it as they are.
    fn stream(mut self) -> Updates<'scope, D> {
        let mut streams: Vec<_> = self.sources.iter().filter_map(|source| source.stream()).collect();
        self.sources.retain(|source| source.stream().is_none());
        if !self.sources.is_empty() {
            streams.push(self.remade());
        }
        match (streams.pop(), streams.is_empty()) {
            (Some(only), true) => only,
            (last, _) => self.scope.concatenate(streams.into_iter().chain(last)),
        }
    }

    /// A stream of what is made of all sources.
    fn remade(&self) -> Updates<'scope, D> {
        let mut builder = OperatorBuilder::new("Rows".into(), self.scope);
        let mut readers = self.readers(&mut builder);
        silence(&mut builder);
        let (output, stream) = builder.new_output::<Vec<(D, Tick, isize)>>();
        let mut output = OutputBuilder::from(output);
        builder.build(move |_capabilities| {
            move |_frontiers| {
                let mut output = output.activate();
                for reader in &mut readers {
                    reader(&mut |time, batch| output.session(time).give_iterator(batch.drain(..)));
                }
            }
        });
        stream
    }
}

/// Lets no passing of ticks wake an operator that keeps nothing.
pub fn silence(builder: &mut OperatorBuilder<'_, Tick>) {
    (0..builder.shape().inputs()).for_each(|input| builder.set_notify_for(input, FrontierInterest::Never));
}

impl<'scope, D: ExchangeData> Rows<'scope, D> {
    /// The same, ready to be routed by an operator that is not begun yet.
    pub fn ready(self) -> Ready<'scope, D> {
        if self.peers() == 1 { Ready::Here(self) } else { Ready::Made(self.stream()) }
    }
}

/// Rows that an operator can take in, each at its worker.
pub enum Ready<'scope, D> {
    /// All are at the one worker there is, and made while they are read.
    Here(Rows<'scope, D>),
    /// They are made, and go to others.
    Made(Updates<'scope, D>),
}

impl<'scope, D: ExchangeData> Ready<'scope, D> {
    /// Where the dataflow is built.
    pub fn scope(&self) -> Scope<'scope, Tick> {
        match self {
            Self::Here(rows) => rows.scope(),
            Self::Made(stream) => stream.scope(),
        }
    }

    /// Makes them inputs of an operator, each row at the worker that `route` says.
    pub fn routed(
        self,
        builder: &mut OperatorBuilder<'scope, Tick>,
        route: impl Fn(&D) -> u64 + 'static,
    ) -> Vec<Reader<D>> {
        match self {
            Self::Here(rows) => rows.readers(builder),
            Self::Made(stream) => {
                let route = Exchange::new(move |(row, ..): &(D, Tick, isize)| route(row));
                let mut input = builder.new_input(stream, route);
                vec![Box::new(move |take| input.for_each(|time, batch| take(&time, batch)))]
            }
        }
    }
}
