//! `gemba overlay`: a clip with everything that was seen drawn in.

use super::replay;
use crate::engine::Options;
use crate::footage::Speed;
use crate::overlay;
use crate::terminal;
use crate::unit::Override;
use anyhow::Context as _;
use clap::Args;
use gemba_operators::decode::Decode;
use gemba_operators::frame::Frame;
use gemba_operators::sample::Sampler;
use gemba_operators::source::{self, Packet, Source};
use gemba_operators::stage::{Outlet, Seen, Stage};
use gemba_schemas::fact::Fact;
use gemba_schemas::id::Name;
use gemba_schemas::site::Camera;
use gemba_schemas::view::ViewKind;
use gemba_sinks::{DataPaths, Lake};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;

/// A rate that no footage reaches: every frame.
const EVERY_FRAME: f64 = 1_000.0;

/// Arguments of `gemba overlay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --data the clip is analysed first, into a folder that is removed afterwards. Example:

  gemba overlay clips/monday.mp4 --site site.toml --camera bench-1 --to monday-seen.mp4")]
pub struct Overlay {
    /// The clip.
    pub clip: PathBuf,
    /// The site file.
    #[arg(long, value_name = "FILE", default_value = "site.toml")]
    pub site: PathBuf,
    /// Camera that recorded it. Default: the site's only one.
    #[arg(long, value_name = "NAME")]
    pub camera: Option<String>,
    /// Data directory whose facts and rows are drawn, instead of analysing the clip.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Recording start (RFC 3339), if it was given to the replay.
    #[arg(long, value_name = "TIME")]
    pub start: Option<String>,
    /// File to write. Default: the clip's name with `-overlay.mp4`, in the working directory.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// Runs it.
pub fn run(args: Overlay) -> anyhow::Result<ExitCode> {
    let (site, site_text) = super::load_site(&args.site)?;
    let clip = args.clip.display().to_string();
    let footage = match &args.camera {
        Some(camera) => vec![format!("{camera}={clip}")],
        None => vec![clip],
    };
    let footage = Override::parse(&footage, args.start.as_deref(), &site)?;
    let camera = site
        .cameras
        .iter()
        .find(|c| footage.reads(c))
        .with_context(|| format!("no camera is called `{}`", args.camera.clone().unwrap_or_default()))?;
    let to = args.to.clone().unwrap_or_else(|| {
        let stem = args.clip.file_stem().unwrap_or_default().to_string_lossy();
        PathBuf::from(format!("{stem}-overlay.mp4"))
    });

    let mut scratch = None;
    let paths = match &args.data {
        Some(dir) => DataPaths::under(dir),
        None => {
            let folder = Scratch::beside(&to)?;
            let paths = DataPaths::under(&folder.0);
            scratch = Some(folder);
            let options = Options {
                paths: paths.clone(),
                workers: 1,
                speed: Speed::Max,
                facts: None,
                footage: Some(footage.clone()),
                site_text,
                serving: None,
            };
            let summary = replay::replay((&site, &args.site), options, None, false)?;
            if summary.interrupted {
                return Ok(replay::exit_code(&summary));
            }
            paths
        }
    };
    let mut facts = Vec::new();
    Lake::open_read(&paths.lake)?.facts(&mut |batch| {
        facts.extend(batch.into_iter().filter(|f| f.camera().as_str() == camera.name));
        Ok(())
    })?;
    let mut rows = Vec::new();
    for &view in ViewKind::ALL {
        for batch in gemba_sinks::query(&paths.lake, &format!("FROM {}", view.table_name()))? {
            rows.extend(view.decode(&batch)?);
        }
    }
    drop(scratch);

    let plan = source::plan(&footage.of(&site, camera))?;
    for fault in &plan.faults {
        if let Fact::Fault(fault) = fault {
            eprintln!("gemba: {}: {}", fault.file, fault.detail);
        }
    }
    let info = plan.generations.first().and_then(|g| g.clips.first()).map(|c| c.info.clone());
    let info = info.with_context(|| format!("{}: no footage in it", args.clip.display()))?;
    let frames = Frames::new(camera, Source::new(Name::new(&camera.name), plan.generations, None));
    let total: u64 = info.frames.max(1);
    let mut percent = terminal::Percent::of("drawing");
    let marks = overlay::Overlay::new(camera, &facts, &rows);
    let fps = info.fps.round().clamp(1.0, 120.0) as u32;
    let done = overlay::annotate(frames, &marks, &to, fps, &mut |frames| {
        percent.show(frames as f64 / total as f64);
    })?;
    eprintln!("drawn        ");
    anyhow::ensure!(done.frames > 0, "{}: no frame could be decoded", args.clip.display());
    if done.skipped > 0 {
        eprintln!("{} frames of another size were left out", done.skipped);
    }
    println!("{}", to.display());
    Ok(ExitCode::SUCCESS)
}

/// Every frame of a source, decoded in order.
struct Frames {
    source: Source,
    decoder: Decode,
    packets: Outlet<Packet>,
    frames: Outlet<Frame>,
    ready: VecDeque<Frame>,
    more: bool,
}

impl Frames {
    fn new(camera: &Camera, source: Source) -> Self {
        let every = Sampler::new(EVERY_FRAME, 0.0, 0.0);
        Self {
            source,
            decoder: Decode::new(Name::new(&camera.name), Name::default(), every),
            packets: Outlet::default(),
            frames: Outlet::default(),
            ready: VecDeque::new(),
            more: true,
        }
    }
}

impl Iterator for Frames {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        while self.ready.is_empty() && self.more {
            self.more = self.source.pull(&mut self.packets);
            for packet in self.packets.items.drain(..) {
                self.decoder.step(packet, &mut self.frames);
            }
            let frames = self.frames.items.drain(..);
            self.ready.extend(frames.filter_map(|seen| if let Seen::Item(frame) = seen { Some(frame) } else { None }));
            // What goes wrong here went wrong in the analysis too, and is drawn from its facts.
            self.packets.facts.clear();
            self.frames.facts.clear();
        }
        self.ready.pop_front()
    }
}

/// A folder that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn beside(file: &std::path::Path) -> anyhow::Result<Self> {
        let folder = file.with_extension(format!("gemba-{}", std::process::id()));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{}: cannot be written; choose another file with --to", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("{}: not removed: {error}", self.0.display());
        }
    }
}
