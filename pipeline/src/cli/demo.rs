//! `gemba demo`: footage with known truth through the same graph, truth against found, and the result served.

use super::replay;
use crate::demo;
use crate::engine::{self, Options};
use crate::footage::Speed;
use crate::terminal;
use crate::unit::Override;
use clap::Args;
use gemba_schemas::site::Site;
use gemba_schemas::view::ViewKind;
use gemba_sinks::DataPaths;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Folder for footage and data.
    #[arg(long, value_name = "DIR", default_value = "demo-out")]
    pub out: PathBuf,
    /// Worker threads. Default: one per core.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
    /// Compare and end, without serving.
    #[arg(long)]
    pub no_serve: bool,
    /// Address to serve on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8686")]
    pub listen: String,
}

/// Runs it: 0 when everything that happens in the footage was found and nothing else, else 1.
pub fn run(args: Demo) -> anyhow::Result<ExitCode> {
    eprintln!("rendering a packing bench and a salon floor into {} …", args.out.join("footage").display());
    let mut percent = terminal::Percent::of("rendering");
    let rendered = demo::render(&args.out.join("footage"), &mut |done| percent.show(done))?;
    eprintln!("{}", if rendered.reused { "rendered before" } else { "rendered       " });

    let site_text = std::fs::read_to_string(&rendered.site)?;
    let site = Site::parse(&site_text, &rendered.site)?;
    let paths = DataPaths::under(&args.out.join("data"));
    let options = Options {
        paths: paths.clone(),
        workers: args.workers.map_or_else(|| engine::default_workers(usize::MAX), usize::from),
        speed: Speed::Max,
        facts: None,
        footage: Some(Override::default()),
        site_text,
        serving: None,
    };
    let summary = replay::replay((&site, &rendered.site), options, None, false)?;
    terminal::summary(&summary);
    if summary.interrupted {
        return Ok(replay::exit_code(&summary));
    }

    let mut rows = Vec::new();
    for &view in ViewKind::ALL {
        for batch in gemba_sinks::query(&paths.lake, &format!("FROM {}", view.table_name()))? {
            rows.extend(view.decode(&batch)?);
        }
    }
    let comparison = demo::compare(&rendered.truth, &rows);
    println!("\ntruth against found\n{comparison}");
    if !args.no_serve {
        eprintln!("\nCtrl-C ends it");
        let options = Options {
            paths,
            workers: 1,
            speed: Speed::Max,
            facts: None,
            footage: None,
            site_text: std::fs::read_to_string(&rendered.site)?,
            serving: None,
        };
        replay::replay((&site, &rendered.site), options, Some(&args.listen), false)?;
    }
    Ok(if comparison.all_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
