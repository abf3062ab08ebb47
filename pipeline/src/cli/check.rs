//! `gemba check`.
