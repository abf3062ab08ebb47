//! `gemba whatif`: what other rules would change, without touching anything.

use super::{Format, diff};
use crate::engine;
use anyhow::Context as _;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba whatif`.
#[derive(Debug, Args)]
#[command(after_help = "\
Derives everything twice from the stored facts, under the rules that the lake was written with and under those of
--site, and prints the rows that differ: - gone, + new, < before, > after.")]
pub struct WhatIf {
    /// Site file with the other rules.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub site: PathBuf,
    /// The lake (or data directory) whose facts are used. Default: the site's.
    #[arg(long, value_name = "LAKE")]
    pub facts: Option<PathBuf>,
    /// Only this view.
    #[arg(long)]
    pub view: Option<String>,
    /// How the rows are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs it.
pub fn run(args: WhatIf) -> anyhow::Result<ExitCode> {
    diff::known_view(args.view.as_deref())?;
    let (site, _) = super::load_site(&args.site)?;
    let lake = match &args.facts {
        Some(dir) if dir.join("manifest.json").exists() => dir.clone(),
        Some(dir) => dir.join("lake"),
        None => engine::data_paths(&site, None).lake,
    };
    let (before, _) = super::load_site(&lake.join("site.toml"))
        .with_context(|| format!("{} holds no lake; name one with --facts", lake.display()))?;
    let diffs = crate::whatif::what_if(&lake, before.rules(), site.rules())?;
    diff::print(diffs, args.view.as_deref(), args.format)
}
