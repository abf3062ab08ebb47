//! `gemba replay`: recorded footage (or stored facts) in, facts, views, store and lake out.

use crate::endpoint;
use crate::engine::{self, EngineError, Handle, Options, Serving, Summary};
use crate::footage::Speed;
use crate::inbox;
use crate::reload::Reload;
use crate::terminal::{self, Ticker};
use crate::unit::Override;
use clap::Args;
use gemba_schemas::site::Site;
use gemba_sinks::Live;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

/// Arguments of `gemba replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without footage the cameras' own `source` is read. Finished footage is not read again; an interrupted replay
goes on with the same command and ends with the same rows. Examples:

  gemba replay --site site.toml
  gemba replay bench-1=monday/*.mp4 floor-1=floor/ --site site.toml --out out
  gemba replay --facts out/lake --site new-zones.toml --out what-if && gemba diff out what-if")]
pub struct Replay {
    /// Footage: a file, a folder or a glob, as `camera=path` where the site has several cameras.
    pub footage: Vec<String>,
    /// The site file.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub site: PathBuf,
    /// Data directory to write. Default: the site's.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Worker threads. Default: one per core, as far as there is footage to share.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,
    /// How fast to read: `max`, or a multiple of real time such as `1x` or `8x`.
    #[arg(long, default_value = "max")]
    pub speed: Speed,
    /// Derive everything from the facts of this lake under the site's rules; nothing is decoded.
    #[arg(long, value_name = "LAKE", conflicts_with_all = ["footage", "start"])]
    pub facts: Option<PathBuf>,
    /// Recording start of the first clip (RFC 3339), over what the footage says.
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// Serve the result (and the progress) until Ctrl-C.
    #[arg(long)]
    pub serve: bool,
    /// Address to serve on, over the site's.
    #[arg(long, value_name = "ADDR", requires = "serve")]
    pub listen: Option<String>,
    /// No progress and no summary.
    #[arg(short, long)]
    pub quiet: bool,
    /// The summary as one JSON object on stdout.
    #[arg(long)]
    pub json: bool,
}

impl FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        text.strip_suffix('x')
            .and_then(|n| n.parse::<f64>().ok())
            .filter(|n| n.is_finite() && *n > 0.0)
            .map(Self::Times)
            .ok_or_else(|| "write `max`, or a multiple of real time such as `1x`, `0.5x` or `8x`".into())
    }
}

/// Runs it.
pub fn run(args: Replay) -> anyhow::Result<ExitCode> {
    let (site, site_text) = super::load_site(&args.site)?;
    let footage = Override::parse(&args.footage, args.start.as_deref(), &site)?;
    // A worker without footage costs more than it helps, unless there are clients or stored facts to derive from.
    let shared = if args.serve || args.facts.is_some() { usize::MAX } else { footage.runs(&site) };
    let workers = args.workers.map_or_else(|| engine::default_workers(shared), usize::from);
    let options = Options {
        paths: engine::data_paths(&site, args.out.as_deref()),
        workers,
        speed: args.speed,
        facts: args.facts,
        footage: Some(footage),
        site_text,
        serving: None,
    };
    let listen = args.serve.then(|| args.listen.unwrap_or_else(|| site.endpoint.listen.clone()));
    let summary = replay((&site, &args.site), options, listen.as_deref(), args.quiet || args.json)?;
    if args.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else if !args.quiet {
        terminal::summary(&summary);
    }
    Ok(exit_code(&summary))
}

/// Runs a replay with progress on the terminal, and serves it when asked to.
pub fn replay(
    (site, site_path): (&Site, &Path),
    mut options: Options,
    listen: Option<&str>,
    quiet: bool,
) -> anyhow::Result<Summary> {
    let handle = Handle::new(&options);
    let (inbox, outbox) = inbox::inbox();
    let live = Arc::new(Live::default());
    options.serving = listen.is_some().then(|| Serving { outbox, live: live.clone() });
    let shared = endpoint::Shared::new(site, handle.progress.clone(), (inbox, live), options.paths.lake.clone());
    let reload = Reload::new(site_path.to_owned(), site, shared.inbox.clone());
    shared.reload_with(reload.clone());
    crate::signal::on_signals(
        {
            let footage = handle.footage.clone();
            move || footage.stop()
        },
        listen.map(|_| Box::new(move || reload.start()) as Box<dyn Fn() + Send>),
    );
    let server =
        listen.map(|listen| endpoint::start(listen, shared.clone()).map_err(|e| in_use(listen, &e))).transpose()?;
    if let Some(server) = &server
        && !quiet
    {
        eprintln!("serving http://{}/", server.address);
    }
    let mut ticker = None;
    let summary = engine::run(
        site,
        options,
        &handle,
        |reader, units| {
            shared.open(reader);
            ticker = (!quiet && !units.is_empty()).then(|| Ticker::start(&handle, units));
            Ok::<_, EngineError>(())
        },
        |summary| {
            if server.is_some() && !summary.interrupted {
                if !quiet && summary.units_read > 0 {
                    terminal::summary(summary);
                }
                if !quiet {
                    eprintln!("still serving; Ctrl-C ends it");
                }
            }
        },
    );
    drop(ticker);
    Ok(summary?)
}

/// A port that cannot be had, said so that one knows what to do.
pub fn in_use(listen: &str, error: &std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "another program listens there; choose another address with --listen or `[endpoint] listen`"
        }
        _ => "choose an address of this machine with --listen or `[endpoint] listen`",
    };
    anyhow::Error::new(crate::InUse(format!("{listen}: {error}; {hint}")))
}

/// 0, 3 with faults, 130 when interrupted.
pub fn exit_code(summary: &Summary) -> ExitCode {
    match summary {
        s if s.interrupted => ExitCode::from(130),
        s if s.faults() > 0 || s.unreadable > 0 => ExitCode::from(3),
        _ => ExitCode::SUCCESS,
    }
}
