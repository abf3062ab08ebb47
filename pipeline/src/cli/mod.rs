//! The command line: arguments, and one file per command.

pub mod check;
pub mod demo;
pub mod diff;
pub mod output;
pub mod overlay;
pub mod probe_store;
pub mod rebuild;
pub mod reload;
pub mod replay;
pub mod retention;
pub mod serve;
pub mod sql;
pub mod verify;
pub mod whatif;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use gemba_schemas::site::{Site, SiteError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Turns cameras into an exact, queryable account of what happens on a floor.
#[derive(Debug, Parser)]
#[command(name = "gemba", version, about, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say more on stderr: -v progress of the engine, -vv everything.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// Logs as JSON lines.
    #[arg(long, global = true)]
    pub log_json: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed (the message says why); of `verify` and `rebuild`: something is not as it should be
  2    wrong arguments or a wrong site file
  3    done, but some footage could not be read or was damaged (see the table `fault`)
  4    in use: another gemba works on the data directory, or the port is taken
  130  interrupted; run the same command again to go on
  141  whoever reads the output has stopped reading";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Turn recorded footage into facts, views, a DuckDB store and a Parquet lake.
    Replay(replay::Replay),
    /// Serve a data directory: JSON, Arrow, metrics and a page.
    Serve(serve::Serve),
    /// Validate a site file, open its sources and models for a moment, and say what was found.
    Check(check::Check),
    /// Ask a question of the lake in SQL.
    Sql(sql::Sql),
    /// Print the rows in which two data directories differ, per view.
    Diff(diff::Diff),
    /// Print the rows that other rules would change; nothing is written.
    Whatif(whatif::WhatIf),
    /// Ask a running `gemba serve` to read its site file again.
    Reload(reload::Reload),
    /// Write a copy of a clip with boxes, track ids, zones, codes and sessions drawn in.
    Overlay(overlay::Overlay),
    /// Render footage with known truth, replay it, print truth against found, and serve the result.
    Demo(demo::Demo),
    /// Print the data dictionary (Markdown), as in docs/tables.md.
    Tables,
    /// Check the journal, the store and the lake, and change nothing.
    Verify(verify::Verify),
    /// Set the store aside and derive it again from lake and journal.
    Rebuild(rebuild::Rebuild),
    /// Let leave what is older than the site file wants to keep.
    Retention(retention::Retention),
    /// Try to open a store, in a process of its own.
    #[command(hide = true)]
    ProbeStore(probe_store::ProbeStore),
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// An aligned table.
    #[default]
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a row.
    Json,
}

/// Which data directory to look at.
#[derive(Clone, Debug, Args)]
pub struct Data {
    /// Data directory (or lake) to read. Default: `gemba-data`, or that of --site.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Site file that names the data directory.
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
}

impl Data {
    /// The directories that are meant.
    pub fn paths(&self) -> anyhow::Result<gemba_sinks::DataPaths> {
        match (&self.data, &self.site) {
            (Some(dir), _) if dir.join("manifest.json").exists() => {
                let parent = dir.parent().unwrap_or(dir);
                Ok(gemba_sinks::DataPaths { lake: dir.clone(), ..gemba_sinks::DataPaths::under(parent) })
            }
            (Some(dir), _) => Ok(gemba_sinks::DataPaths::under(dir)),
            (None, Some(site)) => {
                let site = gemba_schemas::site::Site::load(site)?;
                Ok(crate::engine::data_paths(&site, None))
            }
            (None, None) => Ok(gemba_sinks::DataPaths::under(&PathBuf::from("gemba-data"))),
        }
    }
}

/// Reads a site file: its meaning and its text.
fn load_site(path: &Path) -> anyhow::Result<(Site, String)> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SiteError::Read { path: path.into(), source })
        .context("cannot read the site file; name it with --site")?;
    Ok((Site::parse(&text, path)?, text))
}

/// Runs the command. Errors are for `main` to print.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Replay(args) => replay::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Check(args) => check::run(args),
        Command::Sql(args) => sql::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Whatif(args) => whatif::run(args),
        Command::Reload(args) => reload::run(args),
        Command::Overlay(args) => overlay::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Tables => {
            std::io::Write::write_all(&mut output::stdout(), gemba_schemas::registry::dictionary().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Verify(args) => verify::run(args),
        Command::Rebuild(args) => rebuild::run(args),
        Command::Retention(args) => retention::run(args),
        Command::ProbeStore(args) => Ok(probe_store::run(args)),
    }
}
