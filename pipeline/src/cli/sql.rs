//! `gemba sql`: a question to the lake's catalog.

use super::{Data, Format, output};
use clap::Args;
use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::Name;
use gemba_schemas::site::Site;
use gemba_schemas::time::EventTime;
use std::path::Path;
use std::process::ExitCode;

/// Arguments of `gemba sql`.
#[derive(Debug, Args)]
#[command(after_help = "\
The tables are the views (packing_sessions, zone_visits, line_crossings, …) and the facts (code_read,
track_point, coverage, fault, …); `gemba tables` explains each column. Examples:

  gemba sql \"SELECT started, duration_s, status, verdict, codes FROM packing_sessions ORDER BY started\"
  gemba sql --format csv \"FROM zone_visits WHERE counted\" > visits.csv
  gemba sql --as-of 2026-01-20T10:00 \"SELECT count(*) FROM packing_sessions\"

--as-of answers for packing_sessions, zone_visits, alerts, attendance_days and gate_events.")]
pub struct Sql {
    /// The query, in DuckDB's SQL.
    pub query: String,
    /// How the answer is printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Answer with the rows as they were reported before this instant, on the site's clock or with an offset.
    #[arg(long, value_name = "TIME")]
    pub as_of: Option<String>,
    /// Where the lake is.
    #[command(flatten)]
    pub data: Data,
}

/// Runs it.
pub fn run(args: Sql) -> anyhow::Result<ExitCode> {
    let lake = args.data.paths()?.lake;
    let batches = match &args.as_of {
        None => gemba_sinks::query(&lake, &args.query)?,
        Some(text) => {
            let at = instant(text, args.data.site.as_deref(), &lake)?;
            gemba_sinks::query_as_of(&lake, &args.query, at)?
        }
    };
    output::batches(&batches, args.format)?;
    Ok(ExitCode::SUCCESS)
}

/// The instant that is meant: as it says, or on the clock of the site file, else of the site that the lake was
/// written with.
fn instant(text: &str, site: Option<&Path>, lake: &Path) -> anyhow::Result<EventTime> {
    if let Some(instant) = EventTime::parse(text) {
        return Ok(instant);
    }
    let path = site.map_or_else(|| lake.join("site.toml"), Path::to_path_buf);
    let zone = Site::load(&path)?.site.time_zone;
    Calendar::default().moment(Name::new(&zone), text).ok_or_else(|| {
        anyhow::anyhow!(
            "--as-of `{text}` is no time; write for example 2026-01-20T10:00 (on the clock of {zone}), \
             2026-01-20T10:00:00+05:30 or 2026-01-20T04:30:00Z"
        )
    })
}
