//! `gemba overlay`.
