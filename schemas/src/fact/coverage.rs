//! Coverage: what was really seen. Faults: what went wrong while looking.

use crate::id::{FactId, Generation, Name};
use crate::time::EventTime;
use crate::{row, text_enum};

text_enum! {
    /// Where the event time of a generation comes from.
    pub enum Clock {
        /// `--start` on the command line or `start` of the camera.
        Start = "start",
        /// A sidecar file `<clip>.start` with one RFC 3339 instant.
        Sidecar = "sidecar",
        /// A pattern on the file's name.
        Filename = "filename",
        /// The container's creation time.
        Container = "container",
        /// The file's modification time minus its length.
        Mtime = "mtime",
        /// The arrival of a live stream's first packet.
        Arrival = "arrival",
    }
}

text_enum! {
    /// Why a stretch of coverage ended.
    pub enum CoverageEnd {
        /// The next row of the same generation goes on where this one stops.
        Continues = "continues",
        /// The footage ended.
        EndOfFootage = "end_of_footage",
        /// The file broke off: truncated, or unreadable from here on.
        Truncated = "truncated",
        /// Time jumped (a gap in PTS or between files); a new generation follows if footage does.
        Gap = "gap",
        /// The picture's size or format changed; a new generation follows.
        FormatChange = "format_change",
    }
}

row! {
    /// A stretch of time in which a camera was really seen. Rates divide by these. Rows of one generation
    /// follow each other without a gap and are at most a minute long.
    pub struct Coverage in "coverage", key(id), bucket(started) {
        /// Identity of the fact.
        pub id: FactId,
        /// Camera name.
        pub camera: Name,
        /// Start (µs UTC) of the generation's first frame.
        pub generation: Generation,
        /// Ordinal of the row within the generation, from 0.
        pub segment: u32,
        /// Event time of the first frame.
        pub started: EventTime,
        /// End of the last frame's display (its PTS plus its duration).
        pub ended: EventTime,
        /// Number of the first frame within its file.
        pub first_frame: u64,
        /// Number of the last frame within its file.
        pub last_frame: u64,
        /// Width of the picture in pixels.
        pub width: u16,
        /// Height of the picture in pixels.
        pub height: u16,
        /// Frames in the footage.
        pub frames_seen: u32,
        /// Frames that were decoded.
        pub frames_decoded: u32,
        /// Frames that sampling did not need and that were not decoded.
        pub frames_skipped: u32,
        /// Frames that the decoder flagged as damaged; they are looked at all the same.
        pub frames_corrupt: u32,
        /// File that the stretch began in (its name without the folder).
        pub file: Name,
        /// Where the event time comes from.
        pub clock: Clock,
        /// Why the stretch ended.
        pub end_reason: CoverageEnd,
        /// Digest of the generation's footage: its files' names, sizes and samples of their contents.
        pub footage: Name,
        /// Digest of everything that decides which facts these pixels give: models, sampling, areas, build.
        pub vision: Name,
    }
}

text_enum! {
    /// The stage that reported a fault.
    pub enum Stage {
        /// Opening and demuxing.
        Source = "source",
        /// Decoding.
        Decode = "decode",
        /// Code reading.
        Scan = "scan",
        /// Object detection.
        Detect = "detect",
        /// The journal: a stretch of it was found damaged at a start, and what it held is lost.
        Journal = "journal",
    }
}

text_enum! {
    /// What went wrong.
    pub enum FaultKind {
        /// The file or stream could not be opened or has no video.
        Open = "open",
        /// The container is damaged or breaks off.
        Container = "container",
        /// Packets, frames or a stretch of the journal are damaged.
        Corrupt = "corrupt",
        /// Time stamps jump or are missing.
        Timestamp = "timestamp",
        /// The picture is larger than allowed, or its size changed.
        Format = "format",
        /// A library failed on this input and was isolated.
        Library = "library",
    }
}

row! {
    /// Something that went wrong and was survived. Equal faults of one generation and minute are one row; so is each
    /// damaged stretch of the journal (`stage` is `journal`), which is no camera's.
    pub struct Fault in "fault", key(id), bucket(ts) {
        /// Identity of the fact.
        pub id: FactId,
        /// Camera name; empty for the journal, in which facts of every camera and client were lost.
        pub camera: Name,
        /// Start (µs UTC) of the generation's first frame; of a file that never opened, its anchor or 0; of the journal, 0.
        pub generation: Generation,
        /// Event time of the first occurrence; of the journal, when its file was last written before the damage was found.
        pub ts: EventTime,
        /// Number of the frame within its file; of the journal, the first damaged byte.
        pub frame: u64,
        /// File name without the folder.
        pub file: Name,
        /// Stage that reported it.
        pub stage: Stage,
        /// What went wrong.
        pub kind: FaultKind,
        /// The library's words.
        pub detail: String,
        /// How many times within the minute.
        pub count: u32,
    }
}
