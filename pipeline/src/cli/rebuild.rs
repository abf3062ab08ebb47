//! `gemba rebuild`: the store set aside and derived again from lake and journal.

use super::replay;
use crate::clock;
use crate::engine::{self, EngineError, Options};
use crate::footage::Speed;
use clap::Args;
use gemba_schemas::rule;
use gemba_sinks::{DirLock, Lake, Store};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba rebuild`.
#[derive(Debug, Args)]
#[command(after_help = "\
The store is moved to `quarantine` beside it, never deleted, and a new one is derived from the facts in lake and
journal under the site's rules; the views are published to the lake. With the same facts and rules the digest is the
same as before; exit code 1 says that it is not.")]
pub struct Rebuild {
    /// The site file.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub site: PathBuf,
    /// The data directory, over the site's.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// The result as one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What came of it.
#[derive(Serialize)]
struct Rebuilt {
    /// Digest before; none where the store did not open or was empty.
    before: Option<String>,
    after: String,
    equal: bool,
    /// Whether the rules are those of the store before.
    same_rules: bool,
    set_aside: Vec<PathBuf>,
}

/// Runs it.
pub fn run(args: Rebuild) -> anyhow::Result<ExitCode> {
    let (site, site_text) = super::load_site(&args.site)?;
    let paths = engine::data_paths(&site, args.out.as_deref());
    anyhow::ensure!(
        paths.lake.is_dir() || paths.journal().is_dir(),
        "{} holds neither lake nor journal; name the data directory with --out",
        paths.dir.display()
    );
    let (before, aside) = {
        let _lock = DirLock::take(&paths).map_err(EngineError::from)?;
        Store::begin_anew(&paths.store, engine::probing().as_deref()).map_err(EngineError::from)?
    };
    let options = Options {
        paths,
        workers: engine::default_workers(usize::MAX),
        speed: Speed::Max,
        facts: None,
        footage: None,
        site_text,
        serving: None,
    };
    let lake = options.paths.lake.clone();
    let summary = replay::replay((&site, &args.site), options, None, true)?;
    let mut rules = site.rules();
    // As the run has just kept it.
    let mut listed = Lake::open_read(&lake).and_then(|lake| lake.listed()).map_err(EngineError::from)?;
    listed.stamp(&mut rules, clock::now());
    let rebuilt = Rebuilt {
        equal: before.as_ref().is_some_and(|e| e.digest == summary.digest),
        same_rules: before.as_ref().is_some_and(|e| e.rules == rule::digest(&rules).as_str()),
        before: before.map(|e| e.digest),
        after: summary.digest,
        set_aside: aside.into_iter().filter_map(|d| d.quarantined).collect(),
    };
    if args.json {
        println!("{}", serde_json::to_string(&rebuilt)?);
    } else {
        println!("before:    {}", rebuilt.before.as_deref().unwrap_or("unknown: the store could not be read"));
        println!("after:     {}", rebuilt.after);
        println!("{}", verdict(&rebuilt));
        for path in &rebuilt.set_aside {
            println!("set aside: {}", path.display());
        }
    }
    Ok(if rebuilt.before.is_some() && rebuilt.same_rules && !rebuilt.equal {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn verdict(rebuilt: &Rebuilt) -> &'static str {
    match rebuilt {
        Rebuilt { before: None, .. } => "there was nothing to compare with",
        Rebuilt { equal: true, .. } => "equal",
        Rebuilt { same_rules: false, .. } => "different, and so are the rules",
        _ => "different, though the rules are the same: facts were lost, or the store was wrong (see `gemba diff`)",
    }
}
