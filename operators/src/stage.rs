//! What a stage of the vision dataflow is: a plain struct that is stepped, tested without a dataflow.
//!
//! One stage instance serves one camera. Items arrive in order of time; [`Seen::End`] closes a generation,
//! and the stage then gives out what it still holds and forgets it. A run that is interrupted is simply
//! dropped, without an end: what it reported so far is a prefix of what an uninterrupted run reports.

use gemba_schemas::fact::{CoverageEnd, Fact};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::time::EventTime;

/// An item of a camera's stream, or the end of a generation.
#[derive(Clone, Debug)]
pub enum Seen<T> {
    /// The next item.
    Item(T),
    /// The generation ended; the next item, if any, belongs to another.
    End(End),
}

/// The end of a generation.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Camera name.
    pub camera: Name,
    /// The generation that ended.
    pub generation: Generation,
    /// End of its last frame's display.
    pub ts: EventTime,
    /// Why.
    pub reason: CoverageEnd,
}

/// What a step gives out.
#[derive(Debug)]
pub struct Outlet<T> {
    /// For the next stage, in order.
    pub items: Vec<Seen<T>>,
    /// For the journal.
    pub facts: Vec<Fact>,
}

impl<T> Default for Outlet<T> {
    fn default() -> Self {
        Self { items: Vec::new(), facts: Vec::new() }
    }
}

/// A stage for one camera.
pub trait Stage {
    /// What it takes.
    type In;
    /// What it hands to the next stage ([`std::convert::Infallible`] for a last stage).
    type Out;

    /// Takes the next item of the camera's stream. Never panics on data; what goes wrong is a `Fault` fact.
    fn step(&mut self, item: Seen<Self::In>, out: &mut Outlet<Self::Out>);
}
