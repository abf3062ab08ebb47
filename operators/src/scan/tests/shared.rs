//! The shared sets: rates of still images, and the two packing clips. Skipped where the folder is absent.
//!
//! By default one rotation of each image and the scenes from 2.5 px a module are looked at; `GEMBA_FULL=1` takes
//! all, as the figures of the README do.

use crate::frame::{Frame, FrameMeta, Picture, Wanted};
use crate::scan::grey::Grey;
use crate::scan::{Effort, ScanArea, ScanConfig, Scanner, look_still};
use crate::stage::{End, Outlet, Seen, Stage};
use gemba_schemas::fact::{CodeRead, CoverageEnd, Fact};
use gemba_schemas::id::Generation;
use gemba_schemas::time::{EventTime, Micros};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn data() -> Option<PathBuf> {
    let root = std::env::var_os("GEMBA_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let data = root.join("data");
    if data.is_dir() {
        return Some(data);
    }
    eprintln!("skipped: no {} (set GEMBA_SHARED)", data.display());
    None
}

fn full() -> bool {
    std::env::var_os("GEMBA_FULL").is_some_and(|v| v == "1")
}

struct Item {
    set: String,
    name: String,
    path: PathBuf,
    quarters: usize,
    /// `None`: nothing may be read.
    truth: Option<String>,
}

fn black_box(data: &Path) -> Vec<Item> {
    let mut items = Vec::new();
    let folders = std::fs::read_dir(data.join("qr")).unwrap().flatten().map(|e| e.path()).filter(|p| p.is_dir());
    for folder in folders {
        let set = folder.file_name().unwrap().to_string_lossy().into_owned();
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().map(|e| e.path()).collect();
        files.sort();
        for (i, path) in files.into_iter().filter(|p| p.extension().is_some_and(|e| e != "txt")).enumerate() {
            let truth = std::fs::read_to_string(path.with_extension("txt")).ok();
            if truth.is_none() && set.starts_with("qrcode") {
                continue; // its truth is that of several images together
            }
            for quarters in (0..4).filter(|q| full() || *q == i % 4) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                items.push(Item { set: set.clone(), name, path: path.clone(), quarters, truth: truth.clone() });
            }
        }
    }
    items
}

fn scenes(data: &Path) -> Vec<Item> {
    let folder = data.join("qr-scenes");
    let truth: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    truth
        .iter()
        .filter(|s| full() || s["px_per_module"].as_f64().unwrap() >= 2.5)
        .map(|s| {
            let name = s["file"].as_str().unwrap().to_string();
            Item {
                set: format!("scenes at {:.1} px", s["px_per_module"].as_f64().unwrap()),
                path: folder.join(&name),
                name,
                quarters: 0,
                truth: Some(s["text"].as_str().unwrap().into()),
            }
        })
        .collect()
}

fn load(item: &Item) -> Grey {
    let image = image::open(&item.path).unwrap().to_luma8();
    let (w, h) = image.dimensions();
    let upright = Grey { data: image.into_raw(), width: w as usize, height: h as usize };
    (0..item.quarters).fold(upright, |g, _| {
        let (w, h) = (g.width, g.height);
        let mut data = vec![0; w * h];
        (0..w * h).for_each(|i| data[(i % w) * h + (h - 1 - i / w)] = g.data[i]);
        Grey { data, width: h, height: w }
    })
}

#[derive(Clone, Copy, Default)]
struct Rate {
    images: usize,
    read: usize,
    wrong: usize,
    panics: usize,
}

/// Reads every item on two threads; gives out rates by set.
fn rates(items: &[Item]) -> BTreeMap<String, Rate> {
    let (next, rates) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<String, Rate>::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let still = look_still(&load(item).plane(), Effort::Full);
                    let plain = |s: &str| s.replace("\r\n", "\n").trim_end().to_string();
                    let right = |text: &str| item.truth.as_ref().is_some_and(|t| plain(t) == plain(text));
                    let read = still.readings.iter().any(|r| right(&r.text));
                    // An image with several codes has one truth; only what is read *instead* is wrong.
                    let wrong = !read && !still.readings.is_empty();
                    if wrong || (!read && item.truth.is_some()) {
                        println!("{}/{} turned {}: {:?}", item.set, item.name, item.quarters, still.readings);
                    }
                    let mut rates = rates.lock().unwrap();
                    let rate = rates.entry(item.set.clone()).or_default();
                    rate.images += 1;
                    rate.read += usize::from(read);
                    rate.wrong += usize::from(wrong);
                    rate.panics += still.panics.len();
                }
            });
        }
    });
    let rates = rates.into_inner().unwrap();
    for (set, rate) in &rates {
        println!("{set}: {} of {}, {} wrong, {} panics isolated", rate.read, rate.images, rate.wrong, rate.panics);
    }
    rates
}

/// Share read over the sets that `pick` chooses.
fn share(rates: &BTreeMap<String, Rate>, pick: impl Fn(&str) -> bool) -> f64 {
    let (read, images) = rates
        .iter()
        .filter(|(set, _)| pick(set))
        .fold((0, 0), |sum, (_, rate)| (sum.0 + rate.read, sum.1 + rate.images));
    read as f64 / images.max(1) as f64
}

#[test]
fn black_box_reads_are_at_least_93_percent_and_never_wrong() {
    let Some(data) = data() else { return };
    let rates = rates(&black_box(&data));
    let reads = share(&rates, |set| set.starts_with("qrcode"));
    assert!(reads >= 0.93, "{reads}");
    assert_eq!(rates.values().map(|r| r.wrong).sum::<usize>(), 0);
}

#[test]
fn scenes_are_read_from_three_pixels_a_module() {
    let Some(data) = data() else { return };
    let rates = rates(&scenes(&data));
    let large = share(&rates, |set| !set.contains("1.5") && !set.contains("2."));
    assert!(large >= 0.95, "{large}");
    let all = share(&rates, |_| true);
    assert!(all >= if full() { 0.72 } else { 0.9 }, "{all}");
    assert_eq!(rates.values().map(|r| r.wrong).sum::<usize>(), 0);
}

/// Every fourth frame of a 25 fps clip through a reader of the whole picture.
fn replay(data: &Path, name: &str) -> Option<Vec<Fact>> {
    let clip = data.join("clips").join(name);
    let filter = "select=not(mod(n\\,4)),format=gray";
    let spawned = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&clip)
        .args(["-vf", filter, "-vsync", "0", "-f", "rawvideo", "-"])
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut ffmpeg) = spawned else {
        eprintln!("skipped: no ffmpeg to decode {}", clip.display());
        return None;
    };
    let mut pipe = ffmpeg.stdout.take().unwrap();
    let area = ScanArea { name: "frame".into(), rect: [0.0, 0.0, 1.0, 1.0] };
    let mut scanner = Scanner::new(ScanConfig { areas: vec![area], retries: 6, triggers: vec!["TimeGo".into()] });
    let mut out = Outlet::default();
    let (width, height) = (1280, 720);
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
            file: name.into(),
            wanted: Wanted { codes: true, ..Wanted::default() },
            corrupt: false,
        };
        let picture = Rc::new(Picture::Rendered { y, u: Vec::new(), v: Vec::new(), width, height });
        scanner.step(Seen::Item(Frame { meta, picture }), &mut out);
    }
    ffmpeg.wait().unwrap();
    let ts = EventTime(i64::MAX);
    let reason = CoverageEnd::EndOfFootage;
    scanner.step(Seen::End(End { camera: "bench".into(), generation: Generation(0), ts, reason }), &mut out);
    Some(out.facts)
}

fn reads(facts: &[Fact]) -> impl Iterator<Item = &CodeRead> {
    facts.iter().filter_map(|f| if let Fact::CodeRead(r) = f { Some(&**r) } else { None })
}

fn seconds(ts: EventTime) -> f64 {
    ts.0 as f64 / 1e6
}

fn truth(data: &Path, name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(data.join("clips").join(name)).unwrap()).unwrap()
}

#[test]
fn packing_1_every_parcel_soon_after_it_rests() {
    let Some(data) = data() else { return };
    let Some(facts) = replay(&data, "packing-1.mp4") else { return };
    let truth = truth(&data, "packing-1.json");
    let parcels = truth["parcels"].as_array().unwrap();
    for parcel in parcels {
        let text = parcel["code"].as_str().unwrap();
        let first = reads(&facts).filter(|r| r.text == text).map(|r| seconds(r.first_seen)).reduce(f64::min);
        let stop = parcel["stop"].as_f64().unwrap();
        assert!(first.is_some_and(|t| t <= stop + 0.35), "{text} rests at {stop}, read at {first:?}");
    }
    assert!(reads(&facts).all(|r| parcels.iter().any(|p| p["code"] == r.text.as_str())));
}

#[test]
fn bench_7_trigger_edges_and_codes() {
    let Some(data) = data() else { return };
    let Some(facts) = replay(&data, "bench-7.mp4") else { return };
    let truth = truth(&data, "bench-7.json");
    let codes = truth["codes"].as_array().unwrap();
    // No wrong code, the easy ones and one of the hard ones.
    let known = |text: &str| text == "TimeGo" || codes.iter().any(|c| c["text"] == text);
    assert!(reads(&facts).all(|r| known(&r.text)));
    let read = |c: &&Value| reads(&facts).any(|r| c["text"] == r.text.as_str());
    let of = |difficulty: &str| codes.iter().filter(|c| c["difficulty"] == difficulty).filter(read).count();
    assert_eq!(of("easy"), 5);
    assert!(of("hard") >= 1);
    // What the rule "off after a second unseen, on after two sightings, both corrected back" makes of the runs.
    let mut runs: Vec<_> = reads(&facts).filter(|r| r.text == "TimeGo").collect();
    runs.sort_by_key(|r| r.first_seen);
    let (mut sessions, mut off_since, mut last_seen) = (Vec::new(), None, 0.0);
    for run in runs {
        let first = seconds(run.first_seen);
        if off_since.is_none() && first - last_seen >= 1.0 {
            off_since = Some(last_seen);
        }
        if let Some(start) = off_since.filter(|_| run.sightings > 1) {
            sessions.push((start, first));
            off_since = None;
        }
        last_seen = seconds(run.last_seen);
    }
    let expected: Vec<(f64, f64)> = truth["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| (s["start_s"].as_f64().unwrap(), s["end_s"].as_f64().unwrap()))
        .collect();
    assert_eq!(sessions.len(), expected.len(), "{sessions:?}");
    for (found, truth) in sessions.iter().zip(&expected) {
        assert!((found.0 - truth.0).abs() <= 0.3 && (found.1 - truth.1).abs() <= 0.3, "{found:?} {truth:?}");
    }
    let misses = facts.iter().filter(|f| matches!(f, Fact::CodeMiss(_))).count();
    println!(
        "bench-7: {misses} misses, starts {:?}",
        sessions.iter().zip(&expected).map(|(f, t)| f.0 - t.0).collect::<Vec<_>>()
    );
    assert!(misses <= 12, "{misses}");
}

#[test]
fn floor_7_has_nothing_to_read() {
    let Some(data) = data() else { return };
    if full()
        && let Some(facts) = replay(&data, "floor-7.mp4")
    {
        assert_eq!(facts, []);
    }
}
