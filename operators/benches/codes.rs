//! What the README claims about reading codes: rates by set and size on the shared still images, and CPU per
//! sampled video frame. Prints the machine first. `cargo bench --bench codes [-- still|video]`.

#![expect(unsafe_code, reason = "reads the thread's CPU clock from libc")]

use gemba_operators::frame::{Frame, FrameMeta, Picture, Plane, Wanted};
use gemba_operators::scan::{Effort, ScanArea, ScanConfig, Scanner, look_still};
use gemba_operators::stage::{Outlet, Seen, Stage};
use gemba_schemas::fact::Fact;
use gemba_schemas::id::Generation;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

fn main() {
    let root = std::env::var_os("GEMBA_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let data = root.join("data");
    if !data.is_dir() {
        println!("skipped: no {} (set GEMBA_SHARED)", data.display());
        return;
    }
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |what: &str| words.is_empty() || words.iter().any(|w| w == what);
    println!("machine: {}", machine());
    if wanted("still") {
        still(&data);
    }
    if wanted("video") {
        for clip in ["packing-1.mp4", "bench-7.mp4", "floor-7.mp4"] {
            video(&data, clip);
        }
    }
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!("{model}, {cores} cores, load {}", load.split(' ').next().unwrap_or("?"))
}

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanos: i64,
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
}

/// CPU time of this thread in milliseconds: the machine may be busy with other things.
fn cpu_ms() -> f64 {
    const THREAD: i32 = 3;
    let mut time = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: the structure is the C one of 64-bit Linux and lives through the call.
    unsafe { clock_gettime(THREAD, &mut time) };
    time.seconds as f64 * 1e3 + time.nanos as f64 / 1e6
}

fn same(a: &str, b: &str) -> bool {
    let plain = |s: &str| s.replace("\r\n", "\n").trim_end().to_string();
    plain(a) == plain(b)
}

#[derive(Default)]
struct Rate {
    images: usize,
    read: usize,
    wrong: usize,
    ms: f64,
}

fn still(data: &Path) {
    let mut rates: BTreeMap<String, Rate> = BTreeMap::new();
    let mut look = |sets: &[&str], path: &Path, truth: Option<&str>, turns: usize| {
        let Ok(image) = image::open(path) else { return };
        let mut image = image.to_luma8();
        for _ in 0..turns {
            let (w, h) = (image.width() as usize, image.height() as usize);
            let plane = Plane { data: image.as_raw(), stride: w, width: w, height: h };
            let before = cpu_ms();
            let found = look_still(&plane, Effort::Full);
            let ms = cpu_ms() - before;
            let read = truth.is_some_and(|t| found.readings.iter().any(|r| same(&r.text, t)));
            for set in sets {
                let rate = rates.entry((*set).to_string()).or_default();
                rate.images += 1;
                rate.read += usize::from(read);
                rate.wrong += usize::from(!read && !found.readings.is_empty());
                rate.ms += ms;
            }
            image = image::imageops::rotate90(&image);
        }
    };
    let listed = |folder: &Path| {
        let mut paths: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        paths.sort();
        paths
    };
    for folder in listed(&data.join("qr")).into_iter().filter(|p| p.is_dir()) {
        let set = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let total = if set.starts_with("qrcode") { "qrcode, all" } else { "falsepositives, all" };
        for path in listed(&folder).iter().filter(|p| p.extension().is_some_and(|e| e != "txt")) {
            let truth = std::fs::read_to_string(path.with_extension("txt")).ok();
            if truth.is_some() || set.starts_with("false") {
                look(&[&set, total], path, truth.as_deref(), 4);
            }
        }
    }
    let scenes: Vec<serde_json::Value> = std::fs::read_to_string(data.join("qr-scenes/truth.json"))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    for scene in &scenes {
        let (size, file) = (scene["px_per_module"].as_f64().unwrap_or(0.0), scene["file"].as_str().unwrap_or(""));
        let set = format!("scenes, {size:.1} px a module");
        let total = if size >= 3.0 { "scenes, 3 px and more" } else { "scenes, below 3 px" };
        look(&[&set, "scenes, all", total], &data.join("qr-scenes").join(file), scene["text"].as_str(), 1);
    }
    println!("{:28} {:>6} {:>6} {:>7} {:>6} {:>10}", "set", "images", "read", "%", "wrong", "ms CPU");
    for (set, r) in rates {
        let percent = 100.0 * r.read as f64 / r.images as f64;
        println!("{set:28} {:6} {:6} {percent:7.1} {:6} {:10.1}", r.images, r.read, r.wrong, r.ms / r.images as f64);
    }
}

fn video(data: &Path, clip: &str) {
    let spawned = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(data.join("clips").join(clip))
        .args(["-vf", "select=not(mod(n\\,4)),format=gray", "-vsync", "0", "-f", "rawvideo", "-"])
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut ffmpeg) = spawned else { return println!("{clip}: skipped, no ffmpeg") };
    let Some(mut pipe) = ffmpeg.stdout.take() else { return };
    let area = ScanArea { name: "frame".into(), rect: [0.0, 0.0, 1.0, 1.0] };
    let mut scanner = Scanner::new(ScanConfig { areas: vec![area], retries: 6, triggers: vec!["TimeGo".into()] });
    let mut out = Outlet::default();
    let (width, height) = (1280, 720);
    let mut costs = Vec::new();
    for number in (0..).step_by(4) {
        let mut y = vec![0; width * height];
        if pipe.read_exact(&mut y).is_err() {
            break;
        }
        let meta = FrameMeta {
            camera: "bench".into(),
            generation: Generation(0),
            ts: EventTime(number as i64 * 40_000),
            duration: Micros::from_millis(40),
            number,
            file: clip.into(),
            wanted: Wanted { codes: true, ..Wanted::default() },
            corrupt: false,
        };
        let picture = Rc::new(Picture::Rendered { y, u: Vec::new(), v: Vec::new(), width, height });
        let before = cpu_ms();
        scanner.step(Seen::Item(Frame { meta, picture }), &mut out);
        costs.push(cpu_ms() - before);
    }
    let _ = ffmpeg.wait();
    let reads = out.facts.iter().filter(|f| matches!(f, Fact::CodeRead(_))).count();
    let misses = out.facts.iter().filter(|f| matches!(f, Fact::CodeMiss(_))).count();
    let (total, n) = (costs.iter().sum::<f64>(), costs.len().max(1));
    costs.sort_by(f64::total_cmp);
    let at = |share: f64| costs.get(((n - 1) as f64 * share) as usize).copied().unwrap_or(0.0);
    println!(
        "{clip:16} {n:5} samples: {:.2} ms CPU each (median {:.2}, 95 % {:.2}, most {:.2}), {:.0} ms in all; {reads} runs read, {misses} missed",
        total / n as f64,
        at(0.5),
        at(0.95),
        at(1.0),
        total
    );
}
