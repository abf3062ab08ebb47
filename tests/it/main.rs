//! The integration tests: one binary, so that the native libraries are linked once. Everything here goes
//! through the public surface: the `gemba` command, the lake, the endpoint, or a whole run of the engine.

mod bad_input;
mod browser;
mod cli;
mod command;
mod endpoint;
mod footage;
mod golden;
mod replay;
