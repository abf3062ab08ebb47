//! `gemba verify`: is everything as it was written?

use clap::Args;
use gemba_schemas::site::Site;
use gemba_sinks::DataPaths;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Reads the journal, the store, every file of the lake and the catalog, compares them with each other, and changes
nothing. What is wrong is printed one line each, with what to do; a `note` is explained by a crash or by another
process and is no harm. Exit code 0: whole; 1: there are problems. While another gemba works on the directory the
store is left out.")]
pub struct Verify {
    /// Site file that names the data directory. Default: `gemba-data` is looked at.
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// The data directory, over the site's.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The report as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(args: Verify) -> anyhow::Result<ExitCode> {
    let paths = match (&args.out, &args.site) {
        (Some(dir), _) => DataPaths::under(dir),
        (None, Some(site)) => crate::engine::data_paths(&Site::load(site)?, None),
        (None, None) => DataPaths::under(&PathBuf::from("gemba-data")),
    };
    let report = gemba_sinks::verify(&paths, std::env::current_exe().ok().as_deref())?;
    let whole = report.problems.is_empty();
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        for problem in &report.problems {
            println!("{problem}");
        }
        for note in &report.notes {
            println!("note: {note}");
        }
        println!(
            "{}: {} journal entries, {} lake files with {} facts, {} rows of views in the store{}",
            match report.problems.len() {
                0 => "whole".to_owned(),
                1 => "1 problem".to_owned(),
                n => format!("{n} problems"),
            },
            report.journal_entries,
            report.lake_files,
            report.lake_facts,
            report.store_rows,
            report.digest.as_ref().map_or_else(String::new, |d| format!(", digest {d}"))
        );
    }
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
