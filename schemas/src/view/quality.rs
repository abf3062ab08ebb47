//! How packing sessions turned out, and what became of them: reviews and exports.

use crate::id::Name;
use crate::row;
use crate::time::EventTime;

row! {
    /// The packing sessions of one camera (all profiles) that started in one local hour and have ended (verdict other
    /// than `open`), and the frame exports of sessions that started then, whether or not there is such a session. A
    /// review or export belongs to the sessions with its camera and a start equal to its `session`, in whatever
    /// generation. There is a row for every hour with an ended session or an export.
    pub struct QualityHour in "quality_hours", key(camera, hour), bucket(hour) {
        /// Camera name.
        pub camera: Name,
        /// Start of the hour on the site's clock, of the session's start.
        pub hour: EventTime,
        /// Ended sessions.
        pub sessions: u32,
        /// Of these, without a code (status `qr_failed`).
        pub qr_failed: u32,
        /// Of these, shorter than `min_duration`.
        pub too_short: u32,
        /// Of these, longer than `max_duration`.
        pub too_long: u32,
        /// Of these, cut by the end of coverage.
        pub cut: u32,
        /// Of these, with a review.
        pub reviewed: u32,
        /// Of these, those whose latest review (by `ts`, then `received_at`, then `id`) says `fault`.
        pub faulty: u32,
        /// Of these, without a review.
        pub pending: u32,
        /// Start of the oldest of these without a review; NULL if there is none.
        pub oldest_pending: Option<EventTime>,
        /// Frame exports.
        pub exports: u32,
        /// Of these, those that worked.
        pub exports_ok: u32,
        /// Digest of the rules that shaped the row: the camera's packing profiles, and the clock.
        pub rules: Name,
    }
}

row! {
    /// Where the reviewing of one camera's packing sessions stands. There is a row for every camera with an ended
    /// session, a review or an export.
    pub struct QualityCamera in "quality_cameras", key(camera), bucket(last_activity) {
        /// Camera name.
        pub camera: Name,
        /// Latest start of an ended session, or time (`ts`) of a review or export of this camera.
        pub last_activity: EventTime,
        /// Time of the latest review of this camera, whether or not its session exists; NULL if there is none.
        pub last_review: Option<EventTime>,
        /// Sessions that have ended.
        pub sessions: u64,
        /// Of these, without a review.
        pub pending: u64,
        /// Start of the oldest of these without a review; NULL if there is none.
        pub oldest_pending: Option<EventTime>,
        /// Digest of the rules that shaped the row: the camera's packing profiles.
        pub rules: Name,
    }
}
