//! `gemba diff`: the rows in which two data directories differ.

use super::{Format, output};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// Data directory or lake before.
    pub a: PathBuf,
    /// Data directory or lake after.
    pub b: PathBuf,
    /// Only this view.
    #[arg(long)]
    pub view: Option<String>,
    /// How the rows are printed.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs it.
pub fn run(args: Diff) -> anyhow::Result<ExitCode> {
    if let Some(view) = &args.view
        && gemba_schemas::view::ViewKind::by_name(view).is_none()
    {
        let names: Vec<_> = gemba_schemas::view::ViewKind::ALL.iter().map(|k| k.table_name()).collect();
        anyhow::bail!("no view is called `{view}`; the views are {}", names.join(", "));
    }
    let mut same = true;
    for view in gemba_sinks::diff(&args.a, &args.b)? {
        if args.view.as_deref().is_some_and(|only| only != view.view.table_name()) {
            continue;
        }
        let (gone, come, changed) = (view.only_a, view.only_b, view.changed);
        same &= gone + come + changed == 0;
        if args.format == Format::Table {
            println!("{}: {gone} gone, {come} new, {changed} changed", view.view.table_name());
        }
        if !view.rows.is_empty() {
            output::batches(&view.rows, args.format)?;
        }
    }
    if same && args.format == Format::Table {
        println!("no difference");
    }
    Ok(ExitCode::SUCCESS)
}
