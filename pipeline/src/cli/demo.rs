//! `gemba demo`.
