//! Codes: what was read, and what was seen but could not be read.

use crate::geometry::Quad;
use crate::id::{FactId, Generation, Name};
use crate::time::EventTime;
use crate::{row, text_enum};

text_enum! {
    /// The library that decoded.
    pub enum Decoder {
        /// zxing-cpp.
        Zxing = "zxing",
        /// rqrr.
        Rqrr = "rqrr",
    }
}

text_enum! {
    /// What had to be done to the picture before the code could be read.
    pub enum Attempt {
        /// Nothing.
        Plain = "plain",
        /// Rectified from its corners.
        Rectified = "rectified",
        /// 3×3 blur.
        Blurred = "blurred",
        /// Sharpened.
        Sharpened = "sharpened",
        /// Up-scaled.
        Upscaled = "upscaled",
        /// Down-scaled.
        Downscaled = "downscaled",
        /// Another binarisation.
        Binarised = "binarised",
        /// Local contrast equalised.
        Equalised = "equalised",
        /// Light on dark.
        Inverted = "inverted",
    }
}

row! {
    /// A run of sampled frames in each of which the same code was read in the same area. The run ends at
    /// the first sampled frame without the code, so sightings are kept without loss.
    pub struct CodeRead in "code_read", key(id), bucket(first_seen) {
        /// Identity of the fact.
        pub id: FactId,
        /// Camera name.
        pub camera: Name,
        /// Start (µs UTC) of the generation's first frame.
        pub generation: Generation,
        /// Area it was read in.
        pub area: Name,
        /// Payload as text (invalid UTF-8 replaced).
        pub text: String,
        /// Payload as bytes.
        pub payload: Vec<u8>,
        /// Event time of the first sighting.
        pub first_seen: EventTime,
        /// Event time of the last sighting.
        pub last_seen: EventTime,
        /// Sampled frames in which it was read.
        pub sightings: u32,
        /// Frame number of the first sighting.
        pub first_frame: u64,
        /// Frame number of the last sighting.
        pub last_frame: u64,
        /// Corners at the first sighting, px.
        pub corners: Quad,
        /// Enclosed area at the first sighting, px².
        pub area_px: u32,
        /// Library that read it first.
        pub decoder: Decoder,
        /// What it took at the first sighting.
        pub attempt: Attempt,
    }
}

row! {
    /// A run of sampled frames in which a code was located but not decoded.
    pub struct CodeMiss in "code_miss", key(id), bucket(first_seen) {
        /// Identity of the fact.
        pub id: FactId,
        /// Camera name.
        pub camera: Name,
        /// Start (µs UTC) of the generation's first frame.
        pub generation: Generation,
        /// Area it was located in.
        pub area: Name,
        /// Event time of the first sighting.
        pub first_seen: EventTime,
        /// Event time of the last sighting.
        pub last_seen: EventTime,
        /// Sampled frames in which it was located.
        pub sightings: u32,
        /// Frame number of the first sighting.
        pub first_frame: u64,
        /// Frame number of the last sighting.
        pub last_frame: u64,
        /// Corners at the first sighting, px.
        pub corners: Quad,
        /// Enclosed area at the first sighting, px².
        pub area_px: u32,
    }
}
