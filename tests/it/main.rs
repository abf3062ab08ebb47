//! The integration tests: one binary, so that the native libraries are linked once. Everything here goes
//! through the public surface: the `gemba` command, the lake, the endpoint, or a whole run of the engine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and have deadlines and threads of their own"
)]

mod analyst;
mod answers;
mod bad_input;
mod browser;
mod cli;
mod clients;
mod command;
mod damage;
mod disk;
mod endpoint;
mod footage;
mod golden;
mod golden_data;
mod keep;
mod lineage;
mod listed;
mod power;
mod replay;
mod sealed;
mod station;
