//! Footage through source and decode, compared with decoding everything and with FFmpeg's own output.

use super::*;
use crate::source::tests::{START, clip, faults, planned, render};
use crate::source::{Plan, Source};
use gemba_schemas::fact::{Coverage, CoverageEnd, Fact};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[derive(Default)]
struct Run {
    frames: Vec<(FrameMeta, Vec<u8>)>,
    ends: Vec<End>,
    facts: Vec<Fact>,
    packets: usize,
}

impl Run {
    fn coverage(&self) -> Vec<&Coverage> {
        let rows = self.facts.iter().filter_map(|f| match f {
            Fact::Coverage(row) => Some(&**row),
            _ => None,
        });
        rows.collect()
    }

    fn sum(&self, counter: fn(&Coverage) -> u32) -> u32 {
        self.coverage().into_iter().map(counter).sum()
    }

    /// What must hold for any footage.
    fn check(&self) -> &Self {
        for pair in self.frames.windows(2) {
            let (a, b) = (&pair[0].0, &pair[1].0);
            assert!(a.ts < b.ts, "in order of time");
            if a.generation == b.generation && a.file == b.file {
                assert!(a.number < b.number && a.ts + a.duration <= b.ts);
            }
        }
        for row in self.coverage() {
            assert!(row.frames_decoded + row.frames_skipped <= row.frames_seen);
            assert!(row.frames_corrupt <= row.frames_decoded);
            assert!(row.started < row.ended && row.ended.0 - row.started.0 <= 62_000_000);
        }
        for pair in self.coverage().windows(2) {
            let (a, b) = (pair[0], pair[1]);
            assert_eq!(a.end_reason == CoverageEnd::Continues, a.generation == b.generation);
            if a.generation == b.generation {
                assert_eq!((a.ended, a.segment + 1), (b.started, b.segment));
            }
        }
        self
    }
}

/// Everything in order; stops after `packets`, as if interrupted.
fn run_until(plan: &Plan, rate: f64, packets: usize) -> Run {
    let mut source = Source::new(Name::new("cam"), plan.generations.clone(), None);
    let mut decode = Decode::new(Name::new("cam"), Name::new("vision"), Sampler::new(rate, 0.0, 0.0));
    let mut run = Run::default();
    let (mut packet, mut frame) = (Outlet::default(), Outlet::default());
    while run.packets < packets && source.pull(&mut packet) {
        run.packets += 1;
        for item in packet.items.drain(..) {
            decode.step(item, &mut frame);
        }
        run.facts.append(&mut packet.facts);
        run.facts.append(&mut frame.facts);
        for item in frame.items.drain(..) {
            match item {
                Seen::Item(frame) => run.frames.push((frame.meta, luma(&frame))),
                Seen::End(end) => run.ends.push(end),
            }
        }
    }
    run
}

fn run(plan: &Plan, rate: f64) -> Run {
    let run = run_until(plan, rate, usize::MAX);
    run.check();
    run
}

fn luma(frame: &Frame) -> Vec<u8> {
    let plane = frame.luma();
    (0..plane.height).flat_map(|y| plane.row(y)).copied().collect()
}

/// The frames that an observer who decodes everything would look at: of each instant the one shown then.
fn sampled(all: &Run, rate: i64) -> Vec<(EventTime, u64)> {
    let mut picked = BTreeSet::new();
    for (meta, _) in &all.frames {
        let since = meta.ts.0 - meta.generation.0;
        let hit = (0..).map(|k| k * 1_000_000).find(|t| *t >= since * rate);
        if hit.is_some_and(|t| t < (since + meta.duration.0) * rate) {
            picked.insert((meta.ts, meta.number));
        }
    }
    picked.into_iter().collect()
}

/// The luma planes that the `ffmpeg` command writes for the file.
fn reference(folder: &Path, name: &str, size: usize) -> Vec<Vec<u8>> {
    // As decoded: a conversion would change the range of Motion JPEG.
    let format = if name == "i.avi" { "yuvj420p" } else { "yuv420p" };
    let arguments = format!("-v error -i {name} -map 0:v:0 -fps_mode passthrough -pix_fmt {format} -f rawvideo -");
    let out = Command::new("ffmpeg").current_dir(folder).args(arguments.split_whitespace()).output().unwrap();
    out.stdout.chunks_exact(size * 3 / 2).map(|f| f[..size].to_vec()).collect()
}

#[test]
fn every_codec_gives_the_frames_that_ffmpeg_gives() {
    let files = [
        ("b.mp4", "-c:v libx264 -bf 3 -x264-params b-pyramid=normal:keyint=30", true),
        ("open.ts", "-c:v libx264 -bf 2 -x264-params open-gop=1:keyint=12", false),
        ("h.mkv", "-c:v libx265 -x265-params log-level=none:keyint=20", true),
        ("h.mp4", "-c:v libx265 -x265-params log-level=none:temporal-layers=1:keyint=20", true),
        ("i.avi", "-c:v mjpeg -q:v 3", true),
        ("m.avi", "-c:v mpeg4 -bf 2", false),
        ("x.avi", "-c:v libx264 -bf 2", false),
        ("v.webm", "-c:v libvpx -auto-alt-ref 0 -b:v 200k -deadline realtime -cpu-used 8", true),
        ("w.webm", "-c:v libvpx-vp9 -b:v 200k -deadline realtime -cpu-used 8", true),
        ("t.mpg", "-c:v mpeg2video -bf 2", false),
    ];
    for (name, options, skips) in files {
        let folder = tempfile::tempdir().unwrap();
        let Some(_) = clip(folder.path(), name, 3.0, options) else { return };
        let plan = planned(folder.path(), "start = '2024-05-01T08:00:00Z'");
        assert_eq!(plan.faults, [], "{name}");
        let all = run(&plan, 1000.0);
        let expected = reference(folder.path(), name, 160 * 120);
        assert_eq!(all.frames.len(), expected.len(), "{name}");
        for (i, ((meta, luma), expected)) in all.frames.iter().zip(&expected).enumerate() {
            assert_eq!(meta.number, i as u64, "{name}");
            assert!((meta.ts.0 - START - i as i64 * 40_000).abs() <= 1_000, "{name} frame {i} at {:?}", meta.ts);
            assert!(luma == expected, "{name} frame {i}");
        }
        assert_eq!(all.ends.iter().map(|e| e.reason).collect::<Vec<_>>(), [CoverageEnd::EndOfFootage], "{name}");
        assert_eq!((all.sum(|r| r.frames_seen), all.sum(|r| r.frames_decoded)), (75, 75), "{name}");
        for rate in [1, 6, 10] {
            let some = run(&plan, rate as f64);
            let chosen: Vec<_> = some.frames.iter().map(|(m, _)| (m.ts, m.number)).collect();
            assert_eq!(chosen, sampled(&all, rate), "{name} at {rate}");
            for (meta, luma) in &some.frames {
                assert!(*luma == all.frames[meta.number as usize].1, "{name} at {rate}: frame {} differs", meta.number);
            }
            let counts = [some.sum(|r| r.frames_seen), some.sum(|r| r.frames_decoded) + some.sum(|r| r.frames_skipped)];
            assert_eq!(counts, [75, 75], "{name} at {rate}");
            assert!(!skips || rate > 1 || some.sum(|r| r.frames_skipped) > 0, "{name} at {rate} skips nothing");
        }
        let none = run(&plan, 0.0);
        assert_eq!(none.frames.len(), 0);
        assert_eq!(none.sum(|r| r.frames_seen), 75, "{name}: what nobody looks at is seen all the same");
    }
}

#[test]
fn odd_pictures_become_plain_ones() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let files = [
        ("ten.mkv", "-pix_fmt yuv420p10le -c:v libx264", 75, true),
        ("rgb.avi", "-pix_fmt bgr24 -c:v rawvideo", 75, true),
        ("full.mkv", "-pix_fmt yuvj422p -c:v mjpeg", 75, true),
        ("four.mkv", "-pix_fmt yuv444p -c:v libx264", 75, true),
        ("grey.mkv", "-pix_fmt gray -c:v ffv1", 75, false),
        ("pal.gif", "", 75, true),
    ];
    for (name, options, count, coloured) in files {
        if render(at, &format!("-f lavfi -i testsrc2=s=162x122:r=25:d=3 {options} {name}")).is_none() {
            return;
        }
        let plan = planned(at, "start = '2024-05-01T08:00:00Z'");
        let mut source = Source::new(Name::new("cam"), plan.generations.clone(), None);
        let mut decode = Decode::new(Name::new("cam"), Name::new(""), Sampler::new(1000.0, 0.0, 0.0));
        let (mut packet, mut frame) = (Outlet::default(), Outlet::default());
        while source.pull(&mut packet) {
            packet.items.drain(..).for_each(|item| decode.step(item, &mut frame));
        }
        assert_eq!(faults(&frame.facts).len(), 0, "{name}");
        let frames: Vec<_> = frame
            .items
            .iter()
            .filter_map(|item| match item {
                Seen::Item(frame) => Some(frame),
                Seen::End(_) => None,
            })
            .collect();
        assert_eq!(frames.len(), count, "{name}");
        for frame in &frames {
            assert_eq!((frame.width(), frame.height()), (162, 122));
            assert_eq!(frame.luma().row(121).len(), 162);
            assert_eq!(frame.chroma().is_some(), coloured, "{name}");
            if let Some(chroma) = frame.chroma() {
                chroma.at(161, 121);
            }
            assert_eq!(frame.full_range(), ["full.mkv", "grey.mkv"].contains(&name), "{name}");
        }
        std::fs::remove_file(at.join(name)).unwrap();
    }
}

#[test]
fn two_clips_are_one_generation_and_its_grid_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["c1.mp4", "c2.mp4"] {
        if clip(at, name, 3.0, "-c:v libx264 -bf 2").is_none() {
            return;
        }
    }
    let plan = planned(at, "start = '2024-05-01T08:00:00Z'");
    let whole = run(&plan, 6.0);
    assert_eq!(whole.ends.len(), 1);
    assert_eq!(whole.frames.len(), 36);
    let last = &whole.frames[35].0;
    assert_eq!((last.generation.0, last.file.as_str(), last.number), (START, "c2.mp4", 70));
    assert_eq!(whole.sum(|r| r.frames_seen), 150);
    std::fs::write(at.join("c2.mp4.start"), "2024-05-01T08:00:10Z").unwrap();
    let apart = run(&planned(at, "start = '2024-05-01T08:00:00Z'"), 6.0);
    assert_eq!(apart.ends.iter().map(|e| e.generation.0 - START).collect::<Vec<_>>(), [0, 10_000_000]);
}

#[test]
fn coverage_is_cut_by_the_minute_and_a_prefix_is_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    if render(at, "-f lavfi -i testsrc2=s=64x48:r=5:d=200 -pix_fmt yuv420p -c:v libx264 -bf 2 -g 50 long.mkv").is_none()
    {
        return;
    }
    // Damage, so that there are faults too.
    let mut bytes = std::fs::read(at.join("long.mkv")).unwrap();
    for i in (20_000..bytes.len()).step_by(9_973) {
        bytes[i] ^= 0x55;
    }
    std::fs::write(at.join("long.mkv"), bytes).unwrap();
    let plan = planned(at, "start = '2024-05-01T08:00:00Z'");
    let whole = run(&plan, 1.0);
    let starts: Vec<_> = whole.coverage().iter().map(|r| (r.started.0 - START) / 1_000_000).collect();
    assert_eq!(starts, [0, 60, 120, 180]);
    assert!(!faults(&whole.facts).is_empty());
    let facts: BTreeSet<&Fact> = whole.facts.iter().collect();
    assert_eq!(facts.len(), whole.facts.len(), "no fact twice");
    for packets in [0, 1, 7, 299, 301, 310, 320, 640, 998, 1000] {
        let part = run_until(&plan, 1.0, packets);
        assert!(part.facts.iter().all(|f| facts.contains(f)), "after {packets} packets");
        assert!(part.frames.iter().zip(&whole.frames).all(|(a, b)| a.0.ts == b.0.ts && a.1 == b.1));
    }
}

#[test]
fn a_jump_in_time_starts_a_generation() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, options) in [("jump.mp4", "-bf 2"), ("jump.ts", "-bf 0"), ("jump.mkv", "-bf 3")] {
        let jump = format!("-vf setpts=PTS+gte(N\\,50)*900/TB -fps_mode passthrough -c:v libx264 {options}");
        if clip(at, name, 4.0, &jump).is_none() {
            return;
        }
        let run = run(&planned(at, "start = '2024-05-01T08:00:00Z'"), 1000.0);
        let ends: Vec<_> = run.ends.iter().map(|e| (e.generation.0 - START, e.reason)).collect();
        assert_eq!(ends, [(0, CoverageEnd::Gap), (902_000_000, CoverageEnd::EndOfFootage)], "{name}");
        assert_eq!(run.ends[0].ts.0 - START, 2_000_000, "{name}");
        assert_eq!(run.frames.len(), 100, "{name}");
        assert!(faults(&run.facts).iter().any(|f| f.kind == FaultKind::Timestamp), "{name}");
        std::fs::remove_file(at.join(name)).unwrap();
    }
    // Backward: two recordings behind each other in one file.
    let Some(one) = clip(at, "one.ts", 2.0, "-c:v libx264 -bf 2") else { return };
    let bytes = std::fs::read(&one).unwrap();
    std::fs::write(&one, [&bytes[..], &bytes[..]].concat()).unwrap();
    let run = run(&planned(at, "start = '2024-05-01T08:00:00Z'"), 1000.0);
    assert_eq!(run.ends.len(), 1);
    assert_eq!((run.frames.len(), run.ends[0].ts.0 - START), (100, 4_000_000));
    assert_eq!(faults(&run.facts)[0].kind, FaultKind::Timestamp);
}

#[test]
fn a_change_of_size_starts_a_generation() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    if clip(at, "a.ts", 2.0, "-c:v libx264 -bf 2").is_none() {
        return;
    }
    render(at, "-f lavfi -i testsrc2=s=96x64:r=25:d=2 -pix_fmt yuv420p -c:v libx264 -output_ts_offset 2 b.ts").unwrap();
    let both = [std::fs::read(at.join("a.ts")).unwrap(), std::fs::read(at.join("b.ts")).unwrap()].concat();
    std::fs::write(at.join("a.ts"), both).unwrap();
    std::fs::remove_file(at.join("b.ts")).unwrap();
    let run = run(&planned(at, "start = '2024-05-01T08:00:00Z'"), 1000.0);
    let ends: Vec<_> = run.ends.iter().map(|e| e.reason).collect();
    assert_eq!(ends, [CoverageEnd::FormatChange, CoverageEnd::EndOfFootage]);
    let sizes: Vec<_> = run.coverage().iter().map(|r| (r.width, r.height, r.frames_decoded)).collect();
    assert_eq!(sizes, [(160, 120, 50), (96, 64, 50)]);
    assert_eq!(run.frames.len(), 100);
}

#[test]
fn files_that_break_off() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, options) in [("t.mp4", "-c:v libx264 -movflags faststart"), ("t.mkv", "-c:v libx264")] {
        let Some(path) = clip(at, name, 6.0, options) else { return };
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
        let run = run(&planned(at, "start = '2024-05-01T08:00:00Z'"), 1000.0);
        assert_eq!(run.ends[0].reason, CoverageEnd::Truncated, "{name}");
        assert!((40..130).contains(&run.frames.len()), "{name}: {}", run.frames.len());
        assert!(faults(&run.facts).iter().any(|f| f.kind == FaultKind::Container), "{name}");
        std::fs::remove_file(path).unwrap();
    }
    // In the middle of a plan the next clip goes on in its own time.
    for name in ["c1.mp4", "c2.mp4"] {
        clip(at, name, 6.0, "-c:v libx264 -movflags faststart").unwrap();
    }
    let bytes = std::fs::read(at.join("c1.mp4")).unwrap();
    std::fs::write(at.join("c1.mp4"), &bytes[..bytes.len() / 2]).unwrap();
    let run = run(&planned(at, "start = '2024-05-01T08:00:00Z'"), 6.0);
    let ends: Vec<_> = run.ends.iter().map(|e| e.reason).collect();
    assert_eq!(ends, [CoverageEnd::Gap, CoverageEnd::EndOfFootage]);
    assert_eq!(run.ends[1].generation.0, START + 6_000_000);
    let (first, last) = (run.coverage()[0], run.coverage()[1]);
    assert_eq!(first.footage, last.footage);
}

#[test]
fn damage_is_counted_and_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let Some(path) = clip(at, "d.ts", 6.0, "-c:v libx264 -b:v 800k") else { return };
    let mut bytes = std::fs::read(&path).unwrap();
    for i in (10_000..bytes.len()).step_by(7_919) {
        bytes[i] ^= 1 << (i % 8);
    }
    std::fs::write(&path, bytes).unwrap();
    let run = run(&planned(at, "start = '2024-05-01T08:00:00Z'"), 1000.0);
    assert!(run.frames.len() > 130, "{}", run.frames.len());
    let corrupt = run.sum(|r| r.frames_corrupt);
    assert!(corrupt > 0);
    assert_eq!(run.frames.iter().filter(|(m, _)| m.corrupt).count() as u32, corrupt);
    let damage = faults(&run.facts).into_iter().find(|f| f.detail == "the picture is damaged").unwrap();
    assert_eq!(damage.count, corrupt, "one row a minute");
}

/// Real footage, where it is at hand: sampling and skipping change nothing in what is looked at.
#[test]
fn real_clips() {
    let shared = std::env::var("GEMBA_SHARED").unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let clips = Path::new(&shared).join("data/clips");
    if !clips.is_dir() {
        println!("skipped: no clips under {}", clips.display());
        return;
    }
    let expected = [
        ("packing-1.mp4", 1255),
        ("one-by-one-person-detection.mp4", 1394),
        ("bottle-detection.mp4", 1189),
        ("people-detection.gif", 23),
        ("worker-zone-detection.gif", 71),
    ];
    for (name, frames) in expected {
        let camera = crate::source::tests::camera(&format!("source = '{name}'\nstart = '2024-05-01T08:00:00Z'"));
        let footage = crate::source::Footage { camera: &camera, base: &clips, zone: "UTC", instead: None, start: None };
        let plan = crate::source::plan(&footage).unwrap();
        let all = hashes(&plan, 1000.0);
        assert_eq!((all.frames.len(), all.sum(|r| r.frames_seen)), (frames, frames as u32), "{name}");
        let some = hashes(&plan, 6.0);
        let chosen: Vec<_> = some.frames.iter().map(|(m, _)| (m.ts, m.number)).collect();
        assert_eq!(chosen, sampled(&all, 6), "{name}");
        assert!(some.frames.iter().all(|(m, luma)| *luma == all.frames[m.number as usize].1), "{name}");
        assert_eq!(faults(&some.facts).len(), 0, "{name}");
        let (seen, skipped) = (some.sum(|r| r.frames_seen), some.sum(|r| r.frames_skipped));
        println!("{name}: {seen} frames, {skipped} skipped, {} looked at", some.frames.len());
    }
}

/// As [`run`], with digests in place of the samples.
fn hashes(plan: &Plan, rate: f64) -> Run {
    let mut source = Source::new(Name::new("cam"), plan.generations.clone(), None);
    let mut decode = Decode::new(Name::new("cam"), Name::new("vision"), Sampler::new(rate, 0.0, 0.0));
    let mut run = Run::default();
    let (mut packet, mut frame) = (Outlet::default(), Outlet::default());
    while source.pull(&mut packet) {
        packet.items.drain(..).for_each(|item| decode.step(item, &mut frame));
        run.facts.append(&mut packet.facts);
        run.facts.append(&mut frame.facts);
        for item in frame.items.drain(..) {
            if let Seen::Item(frame) = item {
                let digest = xxhash_rust::xxh3::xxh3_64(&luma(&frame)).to_le_bytes();
                run.frames.push((frame.meta, digest.into()));
            }
        }
    }
    run.check();
    run
}
