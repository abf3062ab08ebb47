//! `gemba sql`: a question to the lake's catalog.

use super::{Data, Format, output};
use clap::Args;
use std::process::ExitCode;

/// Arguments of `gemba sql`.
#[derive(Debug, Args)]
#[command(after_help = "\
The tables are the views (packing_sessions, zone_visits, line_crossings, …) and the facts (code_read,
track_point, coverage, fault, …); `gemba tables` explains each column. Examples:

  gemba sql \"SELECT started, duration_s, status, verdict, codes FROM packing_sessions ORDER BY started\"
  gemba sql --format csv \"FROM zone_visits WHERE counted\" > visits.csv")]
pub struct Sql {
    /// The query, in DuckDB's SQL.
    pub query: String,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Where the lake is.
    #[command(flatten)]
    pub data: Data,
}

/// Runs it.
pub fn run(args: Sql) -> anyhow::Result<ExitCode> {
    let batches = gemba_sinks::query(&args.data.paths()?.lake, &args.query)?;
    output::batches(&batches, args.format)?;
    Ok(ExitCode::SUCCESS)
}
