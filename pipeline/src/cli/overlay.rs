//! `gemba overlay`: a clip with everything that was seen drawn in.

use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba overlay`.
#[derive(Debug, Args)]
pub struct Overlay {
    /// The clip.
    pub clip: PathBuf,
}

/// Runs it.
pub fn run(_args: Overlay) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not yet")
}
