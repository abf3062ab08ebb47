//! The demo: rendered footage with known truth.
//!
//! ```text
//! seed → bench, floor (scripts: who is where when) ─┬→ truth.json
//!                                                   ├→ site.toml
//!                                                   └→ bench_scene, floor_scene → encoder → clips
//! rows found by a replay + truth → compare → table, verdict
//! ```
//!
//! In: a folder. Out: `site.toml`, `truth.json`, `bench-1/*.mp4`, `floor-1/*.mp4` in it. Everything follows
//! from the seed; the clips carry their start as the container's creation time. `truth.json` is written last,
//! so a folder that has it is complete, and is used again as long as the truth is the same.

pub mod bench;
mod bench_scene;
mod compare;
mod figure;
pub mod floor;
mod floor_scene;
pub mod label;
mod render;
mod site;
pub mod truth;

pub use compare::{Comparison, compare};
pub use render::{FPS, HEIGHT, WIDTH};
pub use site::site_toml;

use gemba_operators::encode::{EncodeError, Encoder, Planes};
use gemba_schemas::time::{EventTime, Micros};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use truth::{ClipTruth, Truth};

/// Changes with every change of what is drawn.
const VERSION: u32 = 2;
/// The demo's seed.
pub const SEED: u64 = 7;
/// 2025-06-02 09:00:00 at the demo site.
const START: EventTime = EventTime(1_748_835_000_000_000);
/// Threads that render; more would only wait for each other on the machines that the demo is made for.
const THREADS: usize = 2;

/// Why the demo could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or folder of the demo could not be written.
    #[error("{}: {source}; the demo needs a folder that it can write to", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// A code's text does not fit a QR code.
    #[error("`{text}` cannot be printed as a QR code: {reason}")]
    Code {
        /// The text.
        text: String,
        /// Why.
        reason: String,
    },
    /// A clip could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The truth could not be written as JSON.
    #[error("truth.json: {0}")]
    Json(#[from] serde_json::Error),
    /// A rendering thread could not be started or broke down.
    #[error("a rendering thread failed: {0}")]
    Thread(String),
}

/// A demo that lies ready.
#[derive(Clone, Debug)]
pub struct DemoSite {
    /// Its `site.toml`; the cameras' sources in it are the folders of clips.
    pub site: PathBuf,
    /// The clips in order, each with its camera's name.
    pub clips: Vec<(String, PathBuf)>,
    /// What is in them.
    pub truth: Truth,
    /// Whether the clips were there already.
    pub reused: bool,
}

/// The truth about the demo of a seed, without drawing anything.
pub fn truth(seed: u64) -> Truth {
    let mut truth = Truth {
        version: VERSION,
        seed,
        edge_tolerance_us: site::CODE_PERIOD.0,
        floor_tolerance_us: 1_000_000,
        ..Truth::default()
    };
    for recording in bench::recordings(seed, START) {
        bench::add_truth(&recording, &mut truth);
    }
    floor::add_truth(START, &floor::simulate(), &mut truth);
    truth
}

/// Renders the demo into `dir`, or finds it there. `progress` is called with 0–1.
pub fn render(dir: &Path, progress: &mut dyn FnMut(f64)) -> Result<DemoSite, DemoError> {
    let truth = truth(SEED);
    let clips: Vec<_> = truth.clips.iter().map(|c| (c.camera.clone(), dir.join(&c.file))).collect();
    let site = dir.join("site.toml");
    let truth_file = dir.join("truth.json");
    let stored = std::fs::read(&truth_file).ok().and_then(|text| serde_json::from_slice::<Truth>(&text).ok());
    let reused = stored.as_ref() == Some(&truth) && clips.iter().all(|(_, path)| path.is_file());
    if !reused {
        let write = |path: &Path, result: std::io::Result<()>| {
            result.map_err(|source| DemoError::Write { path: path.into(), source })
        };
        if truth_file.exists() {
            write(&truth_file, std::fs::remove_file(&truth_file))?;
        }
        for (_, path) in &clips {
            let folder = path.parent().unwrap_or(dir);
            write(folder, std::fs::create_dir_all(folder))?;
        }
        render_clips(dir, &truth, progress)?;
        write(&site, std::fs::write(&site, site_toml()))?;
        write(&truth_file, std::fs::write(&truth_file, serde_json::to_string_pretty(&truth)?))?;
    }
    progress(1.0);
    Ok(DemoSite { site, clips, truth, reused })
}

/// Renders every clip, the longest first, on a few threads.
fn render_clips(dir: &Path, truth: &Truth, progress: &mut dyn FnMut(f64)) -> Result<(), DemoError> {
    let mut jobs: Vec<&ClipTruth> = truth.clips.iter().collect();
    jobs.sort_by_key(|clip| std::cmp::Reverse(clip.frames));
    let total: u64 = jobs.iter().map(|clip| clip.frames).sum();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(64);
    std::thread::scope(|scope| {
        let (jobs, next) = (&jobs, &next);
        let mut threads = Vec::new();
        for n in 0..THREADS {
            let sender = sender.clone();
            let work = move || {
                while let Some(clip) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A closed channel means that the demo is given up.
                    render_clip(dir, truth.seed, clip, &mut |_| sender.send(()).is_ok())?;
                }
                Ok(())
            };
            let thread = std::thread::Builder::new().name(format!("render-{n}")).spawn_scoped(scope, work);
            threads.push(thread.map_err(|e| DemoError::Thread(e.to_string()))?);
        }
        drop(sender);
        let mut done = 0;
        for () in receiver {
            done += 1;
            progress(done as f64 / total.max(1) as f64);
        }
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(DemoError::Thread("a drawing routine panicked".into())))
        })
    })
}

/// Draws one clip, frame by frame; `each` takes the planes and says whether to go on.
fn draw_clip(
    seed: u64,
    clip: &ClipTruth,
    each: &mut dyn FnMut(&Planes) -> Result<bool, DemoError>,
) -> Result<(), DemoError> {
    let mut planes = Planes::new(WIDTH, HEIGHT);
    if clip.camera == floor::CAMERA {
        let scene = floor_scene::Scene::new(seed);
        for (frame, stands) in floor::simulate().iter().enumerate() {
            scene.draw(stands, frame as u64, &mut planes);
            if !each(&planes)? {
                break;
            }
        }
        return Ok(());
    }
    // The recording that this file is a part of, and where in it the file starts.
    let recordings = bench::recordings(seed, START);
    let part = recordings.iter().rev().find(|r| r.start <= clip.start);
    let Some(recording) = part else { return Ok(()) };
    let first = (clip.start - recording.start).0 * i64::from(FPS) / Micros::from_secs(1).0;
    let scene = bench_scene::Scene::new(seed, recording)?;
    for frame in first as u64..first as u64 + clip.frames {
        scene.draw(recording, frame, &mut planes);
        if !each(&planes)? {
            break;
        }
    }
    Ok(())
}

fn render_clip(
    dir: &Path,
    seed: u64,
    clip: &ClipTruth,
    each: &mut dyn FnMut(&Planes) -> bool,
) -> Result<(), DemoError> {
    let mut encoder = Encoder::create(&dir.join(&clip.file), WIDTH, HEIGHT, FPS, Some(clip.start))?;
    draw_clip(seed, clip, &mut |planes| {
        encoder.push(&planes.y, &planes.u, &planes.v)?;
        Ok(each(planes))
    })?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests;
