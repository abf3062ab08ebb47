//! `gemba retention`: what is old leaves.

use crate::engine::{self, EngineError};
use crate::terminal::print_table;
use clap::Args;
use gemba_sinks::{DirLock, Lake, Leaving};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba retention`.
#[derive(Debug, Args)]
#[command(after_help = "\
How long what is kept stands in `[retention]` of the site file. A server does this once a day by itself, a replay at
its end. Files of the lake are taken off its list at once, and unlinked a minute later at the earliest, by the next
start or publication: somebody may be reading them.")]
pub struct Retention {
    /// The site file.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub site: PathBuf,
    /// The data directory, over the site's.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Only print what would leave.
    #[arg(long)]
    pub dry_run: bool,
    /// The result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(args: Retention) -> anyhow::Result<ExitCode> {
    let (site, _) = super::load_site(&args.site)?;
    let paths = engine::data_paths(&site, args.out.as_deref());
    let leaving = if args.dry_run {
        let lake = Lake::open_read(&paths.lake)?.with_retention(site.retention, &paths.dir);
        lake.leaving(lake.epoch().map(|e| e.now).unwrap_or_default())?
    } else {
        anyhow::ensure!(paths.lake.is_dir(), "{} is no lake; name the data directory with --out", paths.lake.display());
        let _lock = DirLock::take(&paths).map_err(EngineError::from)?;
        let mut lake = Lake::open(&paths.lake)?.with_retention(site.retention, &paths.dir);
        let now = lake.epoch().map(|e| e.now).unwrap_or_default();
        lake.retain(now)?
    };
    if args.json {
        println!("{}", serde_json::to_string(&leaving)?);
    } else {
        print(&leaving, args.dry_run);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(leaving: &Leaving, dry: bool) {
    if leaving.is_empty() {
        println!("nothing is old enough");
        return;
    }
    let row = |(what, a): (&String, &gemba_sinks::Amount)| {
        vec![what.clone(), a.files.to_string(), a.rows.to_string(), a.bytes.to_string()]
    };
    print_table(&["what", "files", "rows", "bytes"], leaving.parts.iter().map(row).collect());
    for (what, from) in [("facts", &leaving.facts_from), ("rows of views", &leaving.views_from)] {
        if let Some(from) = from {
            println!("{what} before {from} (UTC) {}", if dry { "would leave the lake" } else { "have left the lake" });
        }
    }
    let lake = leaving.parts.keys().any(|what| what.contains('/'));
    match (dry, lake) {
        (true, _) => println!("{} bytes would become free", leaving.bytes()),
        (false, false) => println!("{} bytes freed", leaving.bytes()),
        (false, true) => println!("{} bytes freed, the lake's with the next start or publication", leaving.bytes()),
    }
}
