//! Plans, anchors and files that are not what they seem, on small clips that the `ffmpeg` command renders.

use super::*;
use gemba_schemas::fact::{Clock, Fact, Fault, FaultKind};
use gemba_schemas::site::{Camera, Site};
use std::path::PathBuf;
use std::process::Command;

/// 2024-05-01T08:00:00Z.
pub(crate) const START: i64 = 1_714_550_400_000_000;

/// Runs `ffmpeg` in `folder`; `None`, with a line that says so, where the command does not exist.
pub(crate) fn render(folder: &Path, arguments: &str) -> Option<()> {
    let mut command = Command::new("ffmpeg");
    command.current_dir(folder).args(["-v", "error", "-nostdin", "-y"]).args(arguments.split_whitespace());
    let Ok(status) = command.status() else {
        println!("skipped: no ffmpeg command");
        return None;
    };
    assert!(status.success(), "ffmpeg {arguments}");
    Some(())
}

/// A moving picture of `seconds` at 25 frames a second.
pub(crate) fn clip(folder: &Path, name: &str, seconds: f64, options: &str) -> Option<PathBuf> {
    let source = format!("-f lavfi -i testsrc2=s=160x120:r=25:d={seconds}");
    render(folder, &format!("{source} -pix_fmt yuv420p {options} {name}"))?;
    Some(folder.join(name))
}

pub(crate) fn camera(lines: &str) -> Camera {
    let text = format!("[site]\nname = 'test'\n[[camera]]\nname = 'cam'\n{lines}\n");
    Site::parse(&text, Path::new("site.toml")).unwrap().cameras.remove(0)
}

/// The plan of everything in `folder`.
pub(crate) fn planned(folder: &Path, lines: &str) -> Plan {
    let camera = camera(&format!("source = '.'\n{lines}"));
    plan(&Footage { camera: &camera, base: folder, zone: "Europe/Berlin", instead: None, start: None }).unwrap()
}

pub(crate) fn faults(facts: &[Fact]) -> Vec<&Fault> {
    facts
        .iter()
        .filter_map(|f| match f {
            Fact::Fault(fault) => Some(fault),
            _ => None,
        })
        .collect()
}

#[test]
fn contiguous_clips_are_one_generation() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["c-20240501-100000.mp4", "c-20240501-100004.mp4", "c-20240501-100020.mp4"] {
        if clip(at, name, 3.0, "-c:v libx264").is_none() {
            return;
        }
    }
    let pattern = "filename_time = 'c-%Y%m%d-%H%M%S'";
    let plan = planned(at, pattern);
    assert_eq!(plan.faults, []);
    // On the site's clock, two hours ahead of UTC in May; one second apart is bridged, 13 are not.
    let starts: Vec<i64> = plan.generations.iter().map(|g| g.generation.0 - START).collect();
    assert_eq!(starts, [0, 20_000_000]);
    let first = &plan.generations[0];
    assert_eq!((first.clips.len(), first.duration.0, first.frames), (2, 7_000_000, 150));
    assert_eq!(first.clips[0].clock, Clock::Filename);
    assert_ne!(first.footage, plan.generations[1].footage);
    assert_eq!(planned(at, pattern), plan, "planning twice gives the same");
    std::fs::write(at.join("c-20240501-100020.mp4.start"), "2024-05-01T08:00:07Z\n").unwrap();
    let plan = planned(at, pattern);
    assert_eq!(plan.generations.len(), 1);
    assert_eq!(plan.generations[0].clips[2].clock, Clock::Sidecar);
    // Another size is another generation.
    render(at, "-f lavfi -i testsrc2=s=80x60:r=25:d=3 -c:v libx264 c-20240501-100010.mp4").unwrap();
    let sizes: Vec<_> = planned(at, pattern).generations.iter().map(|g| g.clips[0].info.width).collect();
    assert_eq!(sizes, [160, 80]);
}

#[test]
fn anchors_in_order_of_trust() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let Some(path) = clip(at, "a2.mp4", 2.0, "-c:v libx264 -metadata creation_time=2024-05-01T08:00:00Z") else {
        return;
    };
    let anchor = |lines: &str| {
        let clip = planned(at, lines).generations[0].clips[0].clone();
        (clip.start.0, clip.clock)
    };
    assert_eq!(anchor(""), (START, Clock::Container));
    std::fs::write(at.join("a2.mp4.start"), "2024-05-01T10:00:05+02:00").unwrap();
    assert_eq!(anchor(""), (START + 5_000_000, Clock::Sidecar));
    assert_eq!(anchor("start = '2024-05-01T08:01:00Z'"), (START + 60_000_000, Clock::Start));
    std::fs::write(at.join("a2.mp4.start"), "yesterday").unwrap();
    let plan = planned(at, "");
    assert_eq!(plan.generations[0].clips[0].clock, Clock::Container);
    assert_eq!(faults(&plan.faults)[0].kind, FaultKind::Timestamp);
    std::fs::remove_file(at.join("a2.mp4.start")).unwrap();
    // A clip that was never dated: its modification time minus its length.
    clip(at, "a1.mkv", 2.0, "-c:v libx264").unwrap();
    std::fs::remove_file(path).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_micros(START as u64 + 2_000_000);
    std::fs::File::options().write(true).open(at.join("a1.mkv")).unwrap().set_modified(time).unwrap();
    assert_eq!(anchor(""), (START, Clock::Mtime));
    // Copies of one moment follow each other.
    std::fs::copy(at.join("a1.mkv"), at.join("a10.mkv")).unwrap();
    std::fs::copy(at.join("a1.mkv"), at.join("a9.mkv")).unwrap();
    for name in ["a9.mkv", "a10.mkv"] {
        std::fs::File::options().write(true).open(at.join(name)).unwrap().set_modified(time).unwrap();
    }
    let plan = planned(at, "");
    let files: Vec<_> = plan.generations[0].clips.iter().map(|c| (c.file.as_str(), c.start.0 - START)).collect();
    assert_eq!(files, [("a1.mkv", 0), ("a9.mkv", 2_000_000), ("a10.mkv", 4_000_000)]);
}

#[test]
fn a_start_corrects_the_clock_of_later_clips() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for (name, time) in [("x.mp4", "2011-01-01T00:00:00Z"), ("y.mp4", "2011-01-01T00:00:30Z")] {
        if clip(at, name, 1.0, &format!("-c:v libx264 -metadata creation_time={time}")).is_none() {
            return;
        }
    }
    let plan = planned(at, "start = '2024-05-01T08:00:00Z'");
    let starts: Vec<_> = plan.generations.iter().map(|g| (g.generation.0 - START, g.clips[0].clock)).collect();
    assert_eq!(starts, [(0, Clock::Start), (30_000_000, Clock::Start)]);
    // One that does not know its time follows on.
    clip(at, "z.mp4", 1.0, "-c:v libx264").unwrap();
    let plan = planned(at, "start = '2024-05-01T08:00:00Z'");
    assert_eq!(plan.generations[1].clips[1].start.0 - START, 31_000_000);
}

#[test]
fn wrong_settings_say_which() {
    let wrong = |lines: &str, zone: &str| {
        let camera = camera(lines);
        let footage = Footage { camera: &camera, base: Path::new("."), zone, instead: None, start: None };
        plan(&footage).unwrap_err().to_string()
    };
    assert!(wrong("source = '.'", "Mars/Olympus").contains("`Mars/Olympus` is no IANA time zone"));
    assert!(wrong("", "UTC").contains("source: no footage"));
}

#[test]
fn files_that_are_not_what_they_seem() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let Some(_) = clip(at, "good.mp4", 2.0, "-c:v libx264") else { return };
    std::fs::write(at.join("empty.mp4"), "").unwrap();
    std::fs::write(at.join("noise.mp4"), [7u8; 5000]).unwrap();
    let playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\ngood.mp4\n#EXT-X-ENDLIST\n";
    std::fs::write(at.join("playlist.mp4"), playlist).unwrap();
    std::fs::write(at.join("concat.mp4"), "ffconcat version 1.0\nfile good.mp4\n").unwrap();
    render(at, "-f lavfi -i sine=d=2 -c:a aac audio.mp4").unwrap();
    // The picture's size in the JPEG's own header and in the container's, enlarged to 16000×16000.
    let enlarge = |name: &str, options: &str| {
        render(at, &format!("-f lavfi -i testsrc=s=176x144:r=5:d=1 {options} {name}")).unwrap();
        let mut bytes = std::fs::read(at.join(name)).unwrap();
        let [w, h] = [176u16, 144].map(u16::to_be_bytes);
        let big = 16_000u16.to_be_bytes();
        for i in 0..bytes.len() - 4 {
            for (a, b) in [(w, h), (h, w)] {
                if bytes[i..i + 4] == [a, b].concat() {
                    bytes[i..i + 4].copy_from_slice(&[big, big].concat());
                }
            }
        }
        std::fs::write(at.join(name), bytes).unwrap();
    };
    enlarge("huge.mjpeg", "-c:v mjpeg -f mjpeg");
    enlarge("huge.mov", "-c:v mjpeg");
    let plan = planned(at, "start = '2024-05-01T08:00:00Z'");
    assert_eq!(plan.generations.len(), 1, "the others go on");
    assert_eq!(plan.generations[0].clips[0].file.as_str(), "good.mp4");
    let found = faults(&plan.faults);
    let detail = |file: &str| {
        let fault = found.iter().find(|f| f.file.as_str() == file).unwrap_or_else(|| panic!("{file}"));
        (fault.kind, fault.detail.as_str())
    };
    assert_eq!(detail("empty.mp4"), (FaultKind::Open, "the file is empty"));
    assert!(detail("playlist.mp4").1.contains("this is `hls`"), "{:?}", detail("playlist.mp4"));
    assert!(detail("concat.mp4").1.contains("this is `concat`"), "{:?}", detail("concat.mp4"));
    assert_eq!(detail("audio.mp4"), (FaultKind::Open, "has no video stream"));
    assert!(detail("noise.mp4").1.contains("cannot be opened"));
    assert_eq!(detail("huge.mov").0, FaultKind::Format, "{:?}", detail("huge.mov"));
    assert!(detail("huge.mjpeg").1.contains("larger than allowed"), "{:?}", detail("huge.mjpeg"));
    assert_eq!(found.len(), 7);
    assert!(probe(&at.join("gone.mp4")).unwrap_err().to_string().contains("check the path"));
    let good = probe(&at.join("good.mp4")).unwrap();
    assert_eq!((good.codec, good.width, good.height, good.frames), ("h264", 160, 120, 50));
    assert_eq!((good.fps, good.duration, good.pixels), (25.0, gemba_schemas::time::Micros(2_000_000), Some("yuv420p")));
}
