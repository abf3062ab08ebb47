//! What drove through a gate.

use crate::id::Name;
use crate::score::Score;
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

text_enum! {
    /// What the site's lists say of a plate.
    pub enum GateStatus {
        /// It must not pass.
        Blocked = "blocked",
        /// It may pass.
        Authorized = "authorized",
        /// It is on no list.
        Unknown = "unknown",
    }
}

text_enum! {
    /// What became of a plate read.
    pub enum ReadOutcome {
        /// It belongs to an event.
        Accepted = "accepted",
        /// Its confidence is not above `min_confidence`.
        LowConfidence = "low_confidence",
        /// No format matches it; confidence comes first.
        BadFormat = "bad_format",
        /// It belongs to a run with too few reads.
        Unconfirmed = "unconfirmed",
        /// It belongs to an event of another plate that differs in one character.
        Misread = "misread",
    }
}

row! {
    /// One visit of a vehicle to a gate camera. Of a read only A–Z (in upper case) and 0–9 are kept. If that matches a
    /// format as a whole it is the plate; else, if it is no longer than 12, characters may be taken for their
    /// look-alikes (O and 0, I and 1, B and 8, S and 5, Z and 2, G and 6): the fewest that make a format match, then the
    /// least text. Of several formats that match the least name counts. A run is the reads of one plate at one camera,
    /// each with a confidence above `min_confidence` and no more than `visit_gap` after the one before. It is confirmed if
    /// it has at least `agree` reads, or one with a confidence of at least `sure`. A confirmed run is an event, unless it
    /// is taken for misreads of another. A run gives way to each confirmed run of its camera that lies no more than
    /// `visit_gap` from it in time, whose plate has as many characters and differs in one, and that stands above it: that
    /// is confirmed where it is not, else has more reads, else the greater sum of confidences, else the lesser plate. A
    /// run whose plate is on a list, whenever that holds, gives way to none: two known plates are two vehicles, and no
    /// blocked one passes as its neighbour. Of the runs that a run gives way to, those that give way to none themselves may
    /// have its reads: the one that stands highest does, of one plate the earliest; without any it stays by itself.
    pub struct GateEvent in "gate_events", key(camera, plate, arrived), bucket(arrived) {
        /// Gate camera.
        pub camera: Name,
        /// Plate, as cleaned.
        pub plate: String,
        /// First read of the plate.
        pub arrived: EventTime,
        /// Last read of the plate.
        pub left: EventTime,
        /// `left − arrived` in µs.
        pub stay_us: Micros,
        /// Reads of the vehicle: of the plate, and misreads of it.
        pub reads: u32,
        /// Those of the plate.
        pub agreeing: u32,
        /// Greatest confidence of a read of the plate, in 1/10 000.
        pub confidence: Score,
        /// Format that the plate matches.
        pub format: Name,
        /// By the lists whose entry for the plate holds at `arrived`: `blocked` if one blocks, else `authorized` if one
        /// does; else `unknown`. An entry holds from `from` up to before `until`.
        pub status: GateStatus,
        /// Reason of the entry that decides: of several with that status the one added first (see `retroactive`), then
        /// the least reason. Empty without an entry.
        pub reason: String,
        /// Whether the entry that decides was added after `arrived`: its `added`, else when a start or a reload first found
        /// that plate on that list with that `from`. What was there at the site's first start was there before all.
        pub retroactive: bool,
        /// Digest of the rules that shaped the row: gate, formats, the site's clock, the entry that decides.
        pub rules: Name,
    }
}

row! {
    /// What became of a gate camera's plate reads in one local hour; see `gate_events`.
    pub struct GateReadHour in "gate_read_hours", key(camera, hour, outcome), bucket(hour) {
        /// Gate camera.
        pub camera: Name,
        /// Start of the hour on the site's clock.
        pub hour: EventTime,
        /// `accepted`, `misread`, `low_confidence`, `bad_format` or `unconfirmed`.
        pub outcome: ReadOutcome,
        /// Reads, at least one.
        pub reads: u64,
        /// Digest of the rules that shaped the row: gate, formats, the site's clock.
        pub rules: Name,
    }
}
