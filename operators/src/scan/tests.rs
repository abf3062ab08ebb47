//! Accuracy on the shared sets.
use super::grey::Grey;
use super::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

fn turned(grey: &Grey, quarters: usize) -> Grey {
    (0..quarters).fold(grey.clone(), |g, _| {
        let (w, h) = (g.width, g.height);
        let mut data = vec![0; w * h];
        for y in 0..h {
            for x in 0..w {
                data[x * h + (h - 1 - y)] = g.data[y * w + x];
            }
        }
        Grey { data, width: h, height: w }
    })
}

fn load(path: &Path) -> Grey {
    let image = image::open(path).unwrap().to_luma8();
    let (w, h) = image.dimensions();
    Grey { data: image.into_raw(), width: w as usize, height: h as usize }
}

fn same(a: &str, b: &str) -> bool {
    let plain = |s: &str| s.replace("\r\n", "\n").trim_end().to_string();
    plain(a) == plain(b)
}

#[test]
fn still_sets() {
    let root = std::env::var("GEMBA_SHARED").map(PathBuf::from).unwrap_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")));
    let root = root.join("data");
    let mut items: Vec<(String, Option<String>, PathBuf, usize)> = vec![];
    for d in std::fs::read_dir(root.join("qr")).unwrap().flatten() {
        let d = d.path();
        if !d.is_dir() { continue; }
        let set = d.file_name().unwrap().to_str().unwrap().to_string();
        for f in std::fs::read_dir(&d).unwrap().flatten() {
            let p = f.path();
            if p.extension().unwrap() == "txt" { continue; }
            let t = std::fs::read_to_string(p.with_extension("txt")).ok();
            if t.is_none() && !set.starts_with("false") { continue; }
            for q in 0..4 { items.push((format!("{set}/{}@{q}", p.file_name().unwrap().to_str().unwrap()), t.clone(), p.clone(), q)); }
        }
    }
    for l in std::fs::read_to_string(root.join("qr-scenes/truth.json")).unwrap().split('{') {
        let get = |k: &str| l.lines().find(|x| x.contains(k)).and_then(|x| x.split("\": ").nth(1)).map(|x| x.trim_matches(|c| c == '"' || c == ',').to_string());
        let Some(f) = get("\"file\"") else { continue };
        items.push((format!("scene {}/{f}", get("px_per").unwrap()), get("\"text\""), root.join("qr-scenes").join(&f), 0));
    }
    items.sort();
    let next = AtomicUsize::new(0);
    let tally: Mutex<BTreeMap<String, (usize, usize, usize, f64)>> = Mutex::default();
    std::thread::scope(|s| for _ in 0..2 { s.spawn(|| loop {
        let i = next.fetch_add(1, Ordering::SeqCst);
        let Some((name, truth, path, quarters)) = items.get(i) else { break };
        let grey = turned(&load(path), *quarters);
        let t = std::time::Instant::now();
        let still = look_still(&grey.plane(), Effort::Full);
        let ms = t.elapsed().as_secs_f64() * 1e3;
        let ok = truth.as_ref().is_some_and(|t| still.readings.iter().any(|r| same(&r.text, t)));
        let wrong = still.readings.iter().filter(|r| !truth.as_ref().is_some_and(|t| same(&r.text, t))).count();
        if !ok && truth.is_some() || wrong > 0 || !still.panics.is_empty() {
            println!("{name}: ok {ok} {:?} located {} panics {:?}", still.readings.iter().map(|r| (&r.text, r.attempt, r.decoder)).collect::<Vec<_>>(), still.located.len(), still.panics);
        } else if let Some(r) = still.readings.first() && r.attempt != gemba_schemas::fact::Attempt::Plain {
            println!("   {name}: {:?} {:?}", r.attempt, r.decoder);
        }
        let mut tally = tally.lock().unwrap();
        for key in [name.split('/').next().unwrap().to_string(), name.split(['-', ' ']).next().unwrap().to_string()] {
            let e = tally.entry(key).or_default();
            e.0 += usize::from(ok); e.1 += 1; e.2 += wrong; e.3 += ms;
        }
    }); });
    for (k, (ok, n, wrong, ms)) in tally.into_inner().unwrap() { println!("{k}: {ok}/{n} {:.1}% wrong {wrong} {:.1} ms", 100.0 * ok as f64 / n as f64, ms / n as f64); }
}

fn clip(name: &str, mut each: impl FnMut(crate::frame::Frame)) {
    use std::io::Read;
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/clips/{}"), name);
    let mut child = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-threads", "1", "-i", &path, "-vf", "fps=6:round=down,format=gray", "-f", "rawvideo", "-"])
        .stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdout.take().unwrap();
    let (width, height) = (1280, 720);
    let mut n = 0u64;
    loop {
        let mut y = vec![0; width * height];
        if pipe.read_exact(&mut y).is_err() { break; }
        let ts = gemba_schemas::time::EventTime((n as i64 * 1_000_000) / 6);
        each(crate::frame::Frame {
            meta: crate::frame::FrameMeta {
                camera: "c".into(), generation: gemba_schemas::id::Generation(0), ts, duration: gemba_schemas::time::Micros(166_667), number: n,
                file: name.into(), wanted: crate::frame::Wanted { codes: true, ..Default::default() }, corrupt: false,
            },
            picture: std::rc::Rc::new(crate::frame::Picture::Rendered { y, u: vec![], v: vec![], width, height }),
        });
        n += 1;
    }
    child.wait().unwrap();
}

fn cpu_ms() -> f64 {
    let s = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    s.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn replay(name: &str) {
    use crate::stage::*;
    use gemba_schemas::fact::Fact;
    let mut scanner = Scanner::new(ScanConfig { areas: vec![ScanArea { name: "frame".into(), rect: [0.0, 0.0, 1.0, 1.0] }], retries: 6, triggers: vec!["TimeGo".into()] });
    let mut out = Outlet::default();
    let (mut ms, mut n, mut quiet, mut nq) = (0.0, 0, 0.0, 0);
    clip(name, |f| { let t = cpu_ms(); scanner.step(Seen::Item(f), &mut out); let d = cpu_ms() - t; ms += d; n += 1; if d < 1.0 { quiet += d; nq += 1; } });
    scanner.step(Seen::End(End { camera: "c".into(), generation: gemba_schemas::id::Generation(0), ts: gemba_schemas::time::EventTime(0), reason: gemba_schemas::fact::CoverageEnd::EndOfFootage }), &mut out);
    println!("{name}: {n} samples {:.2} ms CPU each; {nq} cheap of {:.2}", ms / n as f64, quiet / nq as f64);
    for f in &out.facts {
        match f {
            Fact::CodeRead(r) => println!("  READ {:8.2} {:8.2} n {:3} {} {:?} {:?} {:?}", r.first_seen.0 as f64 / 1e6, r.last_seen.0 as f64 / 1e6, r.sightings, r.text, r.attempt, r.decoder, r.corners.0),
            Fact::CodeMiss(r) => println!("  MISS {:8.2} {:8.2} n {:3} {:?}", r.first_seen.0 as f64 / 1e6, r.last_seen.0 as f64 / 1e6, r.sightings, r.corners.0),
            f => println!("  {f:?}"),
        }
    }
}

#[test]
fn video_packing() { replay("packing-1.mp4"); }
#[test]
fn video_bench() { replay("bench-7.mp4"); }
#[test]
fn video_floor() { replay("floor-7.mp4"); }

#[test]
fn debug_dump() {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    for (k, f) in ["qr/qrcode-4/08.webp", "qr/qrcode-4/13.webp", "qr/qrcode-4/30.webp", "qr/qrcode-4/06.webp", "qr/qrcode-4/33.webp", "qr-scenes/blur1-2-4.jpg", "qr-scenes/motion5-3-0.jpg"].iter().enumerate() {
        let g = load(&root.join(f));
        for c in zxing::read(&g.plane(), zxing::Look::FRAME).located {
            let s = structure::examine(&g.plane(), c);
            println!("{f} {c:?} -> {s:?}");
            if let Some(s) = s {
                for (name, warp) in [("flat", false), ("warp", true)] {
                    let mut grid = cells::Grid::new(&s).unwrap();
                    if warp { grid.warp(&g.blurred().plane(), s.corners.side() / s.modules as f32); }
                    let d = grid.cells(&g.plane()).unwrap();
                    for (e, how) in [cells::Equalise::No, cells::Equalise::All(10)].iter().enumerate() {
                        let d = d.equalised(*how).drawn(0);
                        image::GrayImage::from_raw(d.width as u32, d.height as u32, d.data.clone()).unwrap().save(format!("/tmp/dump-{k}-{name}-{e}.png")).unwrap();
                    }
                }
                let r = grey::Grey::rectified(&g.plane(), s.corners, 0.1, 240).unwrap();
                image::GrayImage::from_raw(240, 240, r.data).unwrap().save(format!("/tmp/dump-{k}-rect.png")).unwrap();
            }
        }
    }
}
