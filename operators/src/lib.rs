//! The verbs of vision: **how** frames become facts.
//!
//! ```text
//! source → decode → sample ┬→ scan                 vision: stateful stages, one camera's state each,
//! (packets)  (frames)      ├→ motion               turned into operators by `drive`
//!                          └→ detect → track
//! encode                                           frames back into a video (demo, overlay)
//! ```

#![deny(missing_docs)]

pub mod decode;
pub mod detect;
pub mod drive;
pub mod encode;
pub mod frame;
pub mod motion;
pub mod sample;
pub mod scan;
pub mod source;
pub mod stage;
pub mod track;
