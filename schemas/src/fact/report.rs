//! What other systems report of vehicles, packing sessions and devices. See [`super::floor`] for `received_at`.

use crate::id::{FactId, Name};
use crate::score::Score;
use crate::time::EventTime;
use crate::{row, text_enum};

text_enum! {
    /// What a reviewer says of a session.
    pub enum ReviewOutcome {
        /// As it should be.
        Ok = "ok",
        /// Something is wrong.
        Fault = "fault",
        /// Cannot be told.
        Unclear = "unclear",
    }
}

text_enum! {
    /// How a device is.
    pub enum DeviceState {
        /// It answers.
        Online = "online",
        /// It answers, with trouble.
        Degraded = "degraded",
        /// It does not answer.
        Offline = "offline",
    }
}

row! {
    /// A number plate as an OCR read it, before any cleaning.
    pub struct PlateRead in "plate_read", key(id), bucket(ts) {
        /// Identity: of the client's `id`, else of instant, camera and text.
        pub id: FactId,
        /// When it was accepted; strictly increasing, so the first arrival is the least.
        pub received_at: EventTime,
        /// Event time.
        pub ts: EventTime,
        /// Gate camera.
        pub camera: Name,
        /// The text as read.
        pub text: String,
        /// The OCR's confidence, in 1/10 000.
        pub confidence: Score,
        /// The client's own id; empty if not given.
        pub request: String,
    }
}

row! {
    /// What a person or a model says of a packing session.
    pub struct Review in "review", key(id), bucket(ts) {
        /// Identity: of the client's `id`, else of instant, camera, session and reviewer.
        pub id: FactId,
        /// When it was accepted; strictly increasing, so the first arrival is the least.
        pub received_at: EventTime,
        /// When it was reviewed.
        pub ts: EventTime,
        /// Camera of the session.
        pub camera: Name,
        /// Start of the session.
        pub session: EventTime,
        /// `ok`, `fault` or `unclear`.
        pub outcome: ReviewOutcome,
        /// Who: a person or a model.
        pub reviewer: Name,
        /// The client's own id; empty if not given.
        pub request: String,
    }
}

row! {
    /// Frames of a packing session that were to be exported as evidence.
    pub struct FrameExport in "frame_export", key(id), bucket(ts) {
        /// Identity: of the client's `id`, else of instant, camera and session.
        pub id: FactId,
        /// When it was accepted; strictly increasing, so the first arrival is the least.
        pub received_at: EventTime,
        /// When it was exported.
        pub ts: EventTime,
        /// Camera of the session.
        pub camera: Name,
        /// Start of the session.
        pub session: EventTime,
        /// Whether it worked.
        pub ok: bool,
        /// Frames exported.
        pub frames: u32,
        /// The client's own id; empty if not given.
        pub request: String,
    }
}

row! {
    /// How a device was at an instant.
    pub struct DeviceStatus in "device_status", key(id), bucket(ts) {
        /// Identity: of the client's `id`, else of instant, device and state.
        pub id: FactId,
        /// When it was accepted; strictly increasing, so the first arrival is the least.
        pub received_at: EventTime,
        /// Event time.
        pub ts: EventTime,
        /// Device.
        pub device: Name,
        /// `online`, `degraded` or `offline`.
        pub state: DeviceState,
        /// What it said; empty if nothing.
        pub detail: String,
        /// The client's own id; empty if not given.
        pub request: String,
    }
}
