//! `gemba check`: what a site file says, and what is really there.

use crate::unit::{self, Override};
use clap::Args;
use gemba_operators::detect::Detector;
use gemba_operators::source;
use gemba_schemas::fact::Fact;
use gemba_schemas::rule::STATION_KIND;
use gemba_schemas::site::{Camera, Site};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `gemba check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The site file.
    #[arg(default_value = "site.toml")]
    pub site: PathBuf,
    /// Footage to look at instead of the cameras' own, as for `gemba replay`.
    pub footage: Vec<String>,
}

/// Runs it: 0 when everything is as the file says, 3 when footage or a model cannot be used.
pub fn run(args: Check) -> anyhow::Result<ExitCode> {
    let site = Site::load(&args.site)?;
    let footage = Override::parse(&args.footage, None, &site)?;
    println!("{}: {} ({}), {} rules", args.site.display(), site.site.name, site.site.time_zone, site.rules().len());
    let mut problems = 0;
    for camera in &site.cameras {
        println!("\ncamera {}", camera.name);
        problems += clips(&site, camera, &footage)?;
        looks(camera);
        stations(&site, camera);
        problems += model(&site, camera);
    }
    println!();
    match problems {
        0 => println!("ok"),
        1 => println!("1 problem"),
        n => println!("{n} problems"),
    }
    Ok(if problems == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// The footage, clip by clip; returns the number of problems.
fn clips(site: &Site, camera: &Camera, footage: &Override) -> anyhow::Result<usize> {
    if !footage.reads(camera) {
        println!("  no source: name footage on the command line of `gemba replay`");
        return Ok(0);
    }
    let plan = source::plan(&footage.of(site, camera))?;
    let mut problems = 0;
    for generation in &plan.generations {
        for (i, clip) in generation.clips.iter().enumerate() {
            let info = &clip.info;
            println!(
                "  {} {}  {} {}×{}  {:.4} fps  {:.1} s  starts {} (by {})",
                if i == 0 { "┌" } else { "│" },
                clip.file,
                info.codec,
                info.width,
                info.height,
                info.fps,
                info.duration.as_secs_f64(),
                clip.start.rfc3339(),
                clip.clock
            );
            if let Some([width, height]) = camera.resolution
                && (width, height) != (info.width, info.height)
            {
                println!("    ! the site file expects {width}×{height}");
                problems += 1;
            }
        }
        println!("  └ one run of {:.1} s, about {} frames", generation.duration.as_secs_f64(), generation.frames);
    }
    for fault in &plan.faults {
        if let Fact::Fault(fault) = fault {
            println!("  ! {}: {}", fault.file, fault.detail);
            problems += 1;
        }
    }
    Ok(problems)
}

/// What is looked for, how often and where.
fn looks(camera: &Camera) {
    let needs = camera.needs();
    if let Some(codes) = &needs.codes {
        println!("  codes    {} times a second in {}", needs.codes_rate, codes.areas.join(", "));
    }
    if let Some(motion) = &needs.motion {
        println!("  motion   {} times a second in {}", needs.motion_rate, motion.areas.join(", "));
    }
    if let Some(detect) = needs.detect {
        println!("  detect   {} times a second with `{}`", needs.detect_rate, detect.model);
    }
    let named = |what: &str, names: Vec<&str>| {
        if !names.is_empty() {
            println!("  {what:<8} {}", names.join(", "));
        }
    };
    named("zones", camera.zones.iter().map(|z| z.name.as_str()).collect());
    named("lines", camera.lines.iter().map(|l| l.name.as_str()).collect());
    named("packing", camera.packing.iter().map(|p| p.name.as_str()).collect());
}

/// Which stations the camera watches, and what that changes.
fn stations(site: &Site, camera: &Camera) {
    for zone in &camera.zones {
        let Some(station) = &zone.station else {
            if zone.kind == STATION_KIND {
                println!(
                    "  note     zone {} is of kind `{STATION_KIND}` and names no `station`: visits alone",
                    zone.name
                );
            }
            continue;
        };
        let worker = site.stations.iter().find(|s| s.name == *station).and_then(|s| s.worker.as_deref());
        let badges = if zone.badges == Some(true) { ", or the badge's" } else { "" };
        println!(
            "  station  {station} by zone {}: time of {}{badges}; activity that clients report there stands for no time",
            zone.name,
            worker.map_or("no worker".into(), |worker| format!("worker {worker}"))
        );
    }
}

/// The camera's model, opened for a moment; returns the number of problems.
fn model(site: &Site, camera: &Camera) -> usize {
    let Some(config) = unit::detector_config(site, camera) else { return 0 };
    match Detector::open(&config) {
        Ok(detector) => {
            let (width, height) = detector.input_size();
            println!(
                "  model    {}  {:?}, input {width}×{height}, {} classes\n           sha256 {}",
                config.model.path.display(),
                detector.family(),
                detector.classes().len(),
                detector.sha256()
            );
            0
        }
        Err(error) => {
            println!("  ! model: {error}");
            1
        }
    }
}
