//! The verbs of Gemba: **how** frames become facts and facts become views.
//!
//! ```text
//! source → decode → sample ┬→ scan                 vision: stateful stages, one camera's state each,
//! (packets)  (frames)      ├→ motion               turned into operators by `drive`
//!                          └→ detect → track
//! correlate                                        differential: (facts, rules, now) → view rows
//! encode                                           frames back into a video (demo, overlay)
//! ```

#![deny(missing_docs)]

pub mod correlate;
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
