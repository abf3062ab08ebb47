//! `gemba probe-store`, for ourselves: tries to open the store in a process that a damaged file may end.

use clap::Args;
use gemba_sinks::{PROBE_DAMAGED, SinkError};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba probe-store`.
#[derive(Debug, Args)]
pub struct ProbeStore {
    /// The store's file.
    pub path: PathBuf,
    /// Leave its log where it is.
    #[arg(long)]
    pub read_only: bool,
}

/// Runs it: [`PROBE_DAMAGED`] when the file is damaged; 1 when it cannot be tried (in use, not writable, disk full).
pub fn run(args: ProbeStore) -> ExitCode {
    match gemba_sinks::probe(&args.path, args.read_only) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            let damaged = matches!(error, SinkError::Duck { .. } | SinkError::Damaged { .. });
            if damaged { ExitCode::from(PROBE_DAMAGED) } else { ExitCode::FAILURE }
        }
    }
}
