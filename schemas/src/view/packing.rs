//! Packing sessions: one row per covering of the trigger code (or per spell of motion).

use crate::id::{Generation, Name};
use crate::time::{EventTime, Micros};
use crate::{row, text_enum};

text_enum! {
    /// Whether the session is accounted for.
    pub enum SessionStatus {
        /// At least one code was read.
        Completed = "completed",
        /// No code was read: to be recovered by hand.
        QrFailed = "qr_failed",
    }
}

text_enum! {
    /// How the session's length is to be judged. `open` and `cut` come before the length.
    pub enum SessionVerdict {
        /// Within the profile's bounds.
        Ok = "ok",
        /// Shorter than `min_duration`.
        TooShort = "too_short",
        /// Longer than `max_duration`.
        TooLong = "too_long",
        /// Not ended yet.
        Open = "open",
        /// Coverage ended inside.
        Cut = "cut",
    }
}

row! {
    /// One packing session. It starts when the trigger code is covered (On→Off) and ends when it is
    /// visible again (Off→On); a profile without a trigger uses motion in the packing area. A session
    /// without a code is a row too. The trigger is On during a spell of sightings with no gap longer than
    /// `off_after` and at least `on_sightings` in all; everything is within one generation.
    pub struct PackingSession in "packing_sessions", key(camera, profile, started), bucket(started) {
        /// Camera name.
        pub camera: Name,
        /// Packing profile.
        pub profile: Name,
        /// Start: the trigger's last sighting before it was covered; with motion, the first moving sample.
        pub started: EventTime,
        /// End: the trigger's first sighting afterwards; with motion, the last moving sample; when cut, the
        /// end of coverage; NULL while open.
        pub ended: Option<EventTime>,
        /// `ended − started` in µs; while open, up to `now`.
        pub duration_us: Micros,
        /// `completed`, or `qr_failed` without a code.
        pub status: SessionStatus,
        /// `ok`, `too_short`, `too_long`, `open` or `cut`.
        pub verdict: SessionVerdict,
        /// Distinct codes with a sighting in `[started − lookback, ended]` (while open, up to now) and not before
        /// the previous session's end, in order of first sight there, then of text.
        pub codes: Vec<String>,
        /// Runs of sightings of a code that could not be decoded that overlap the same window.
        pub code_misses: u32,
        /// First sighting of the first code within that window.
        pub first_code_at: Option<EventTime>,
        /// Generation in which it started (µs UTC).
        pub generation: Generation,
        /// Frame number at the start; with motion, the first frame of the stored run.
        pub first_frame: u64,
        /// Frame number at the end; with motion, the last frame of the stored run; NULL while open or cut.
        pub last_frame: Option<u64>,
        /// Digest of the rules that shaped the row.
        pub rules: Name,
    }
}
