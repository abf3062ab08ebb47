//! Footage in, packets out: each with its exact place in event time, before anything is decoded.
//!
//! In: a camera's [`GenerationPlan`]s ([`plan()`]). Out: `Seen::Item`s of [`Packet`], in decoding order, an
//! `Seen::End` at the end of each plan, and faults. A packet's event time is its clip's anchor plus the
//! distance of its PTS to the clip's first: a PTS is used only as a difference within one clip, never as a time.
//!
//! What is repaired, each time with a `timestamp` fault: a missing PTS is taken from the DTS or from the packet
//! before (then the decoder decides on the order, see [`Packet::guessed`]); footage whose clock runs backward
//! goes on where it was; a clip that begins before the one before it ended is moved to that end. A jump
//! forward of more than [`BRIDGE`] is believed: the frame after it starts a new generation at the jumped time.
//!
//! A file that breaks off is `truncated` if it is the last of its plan; within a plan the gap tells, and
//! a fault. A file that vanished since it was planned is a fault; the others go on.
//!
//! State: one open clip and the packets that wait for their place (see `timeline`). A source that is dropped
//! closes its file; what it gave out is a prefix of what an uninterrupted one gives out.

mod anchor;
mod error;
pub(crate) mod fault_log;
mod find;
mod open;
mod plan;
mod reader;
#[cfg(test)]
pub(crate) mod tests;
mod timeline;

pub use error::{Problem, SourceError};
pub use find::EXTENSIONS;
pub use open::{CONTAINERS, ClipInfo, MAX_PIXELS, StopFlag, Stream};
pub(crate) use open::{decoder_options, quiet};
pub use plan::{Clip, Footage, GenerationPlan, Plan, plan};
pub use reader::Source;
pub use timeline::{BRIDGE, Place};

use gemba_schemas::id::Name;
use gemba_schemas::time::EventTime;
use std::path::Path;
use std::rc::Rc;

/// A compressed picture, and what is known of it before it is decoded.
#[derive(Clone)]
pub struct Packet {
    /// Camera name.
    pub camera: Name,
    /// The packet; its PTS is replaced by the event time in µs, and by none where there is no place.
    pub data: ffmpeg_next::Packet,
    /// Parameters of its clip. Packets of one clip share them.
    pub stream: Rc<Stream>,
    /// Where the picture stands in presentation order. `None`: it is never shown (cut away by an edit list, or it
    /// belongs before the start) but others may refer to it.
    pub place: Option<Place>,
    /// The PTS was missing and the place is only a guess: the decoder knows the order of the pictures.
    pub guessed: bool,
    /// Every frame shown before this was given out.
    pub settled: EventTime,
}

/// Opens a clip for a moment and says what it is.
pub fn probe(path: &Path) -> Result<ClipInfo, SourceError> {
    open::open(path, None).map(|opened| opened.info)
}
