//! encode.
