//! `gemba serve`: a data directory over HTTP.

use super::replay;
use crate::engine::{self, Options};
use crate::footage::Speed;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Data directory to serve. Default: that of the site file, else `gemba-data`.
    #[arg(value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Site file whose rules apply. Default: the one that the directory was last written with.
    #[arg(long, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// Address to serve on, over the site's.
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

/// Runs it: the store is brought up to the facts and rules, then served until Ctrl-C.
pub fn run(args: Serve) -> anyhow::Result<ExitCode> {
    let kept = || args.data.clone().unwrap_or_else(|| "gemba-data".into()).join("lake/site.toml");
    let path = args.site.clone().unwrap_or_else(kept);
    let (site, site_text) = super::load_site(&path)?;
    let data = args.data.clone().or_else(|| args.site.is_none().then(|| "gemba-data".into()));
    let options = Options {
        paths: engine::data_paths(&site, data.as_deref()),
        workers: 1,
        speed: Speed::Max,
        facts: None,
        footage: None,
        site_text,
        serving: None,
    };
    let listen = args.listen.unwrap_or_else(|| site.endpoint.listen.clone());
    replay::replay((&site, &path), options, Some(&listen), false)?;
    Ok(ExitCode::SUCCESS)
}
