//! Reading codes: QR on luma planes, in video ([`Scanner`]) and in still images ([`read_still`]).
//!
//! ```text
//! plane → zxing-cpp ─ decoded ───────────────────────────────► Reading
//!            │ located, not decoded
//!            └► structure (is it a code? where exactly?) → attempts ┬► Reading
//!          rqrr (second locator and decoder) ─────────┘             └► a miss
//! ```
//!
//! A reading is given out only where the symbol's own error correction held: a wrong text is worse than none.
//! Every reading says which library got it ([`Decoder`]) and after what preparation ([`Attempt`]).

mod attempt;
mod cells;
mod change;
mod faults;
mod grey;
mod quad;
mod rqrr;
mod runs;
mod scanner;
mod still;
mod structure;
mod watch;
mod zxing;

#[cfg(test)]
mod tests;

pub use scanner::{ScanArea, ScanConfig, Scanner};
pub use still::{Effort, Still, look_still, read_still};

use gemba_schemas::fact::{Attempt, Decoder};
use gemba_schemas::geometry::Quad;
use quad::Corners;

/// A code that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Payload as bytes.
    pub payload: Vec<u8>,
    /// Payload as text, in the character set the symbol says or seems to be in.
    pub text: String,
    /// Corners in pixels of the plane, clockwise from the symbol's own top left.
    pub corners: Quad,
    /// The library that decoded.
    pub decoder: Decoder,
    /// What was done to the picture before.
    pub attempt: Attempt,
}

impl Reading {
    /// From what a decoder gave, its corners put through `place`.
    fn new(code: zxing::Decoded, decoder: Decoder, attempt: Attempt, place: impl Fn(Corners) -> Corners) -> Self {
        let attempt = if code.inverted && attempt == Attempt::Plain { Attempt::Inverted } else { attempt };
        Self { payload: code.payload, text: code.text, corners: place(code.corners).fixed(), decoder, attempt }
    }

    fn place(&self) -> Corners {
        Corners::of(self.corners)
    }
}
