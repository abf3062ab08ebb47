//! Tests of code reading: rendered pictures (`still`, `video`) and the shared sets (`shared`).

mod draw;
mod shared;
mod still;
mod video;
