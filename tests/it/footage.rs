//! Footage drawn by the tests: a bench with a trigger code that is covered at known times and parcels that are
//! shown at known times, and a floor over which a figure walks at known speed. 640 × 360, 10 frames a second.
//!
//! A clip is encoded once and kept under the target folder, named by everything that decides what is in it.

use gemba_operators::encode::{Encoder, Planes};
use gemba_schemas::time::{EventTime, Micros};
use qrcode::QrCode;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Frames a second.
pub const FPS: u32 = 10;
/// Picture size.
pub const SIZE: (usize, usize) = (640, 360);
/// The bench's trigger code.
pub const TRIGGER: &str = "TimeGo";
/// Changes with every change of what is drawn.
const VERSION: u32 = 1;

/// What is in a clip. Times are seconds from its first frame.
#[derive(Clone, Debug, Default)]
pub struct Clip {
    /// Recording start, RFC 3339, on a whole second; none leaves the container undated.
    pub start: Option<&'static str>,
    /// Length in seconds.
    pub seconds: f64,
    /// A bench: when a box lies over the trigger.
    pub covered: Vec<(f64, f64)>,
    /// A bench: when a parcel with this code is shown.
    pub shown: Vec<(f64, f64, &'static str)>,
    /// A floor: when a figure walks from the left edge to the right, or back if the times are the other way round.
    pub walks: Vec<(f64, f64)>,
    /// A floor: when a figure stands in the middle, and when it moves an arm there.
    pub stands: Vec<(f64, f64)>,
    /// See `stands`.
    pub works: Vec<(f64, f64)>,
    /// Frames from this time on carry times that are `.1` seconds later.
    pub jump: Option<(f64, f64)>,
}

/// The clip as a file `name` in `folder`.
pub fn clip(folder: &Path, name: &str, clip: &Clip) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    std::fs::copy(encoded(clip), &path).expect("a writable folder");
    path
}

fn encoded(clip: &Clip) -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(|e| e.into_inner());
    let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("clips");
    let digest = gemba_schemas::id::text_digest(&format!("{VERSION} {FPS} {SIZE:?} {clip:?}"));
    let path = kept.join(format!("{digest}.mp4"));
    if !path.exists() {
        std::fs::create_dir_all(&kept).expect("a writable target folder");
        // Another test process may encode the same clip; whoever is last wins with the same bytes.
        let part = kept.join(format!("{digest}.{}.part", std::process::id()));
        encode(clip, &part);
        std::fs::rename(part, &path).expect("a writable target folder");
    }
    path
}

fn encode(clip: &Clip, path: &Path) {
    let start = clip.start.map(|t| EventTime::parse(t).expect("RFC 3339"));
    let mut encoder = Encoder::create(path, SIZE.0, SIZE.1, FPS, start).expect("an encoder");
    for frame in 0..(clip.seconds * f64::from(FPS)).round() as i64 {
        let t = frame as f64 / f64::from(FPS);
        let planes = draw(clip, t);
        let late = clip.jump.map_or(0.0, |(from, by)| if t >= from { by } else { 0.0 });
        let at = Micros(((t + late) * 1e6).round() as i64);
        encoder.push_at(at, &planes.y, &planes.u, &planes.v).expect("encoded");
    }
    encoder.finish().expect("a finished file");
}

/// The picture at `t`.
fn draw(clip: &Clip, t: f64) -> Planes {
    let mut planes = Planes::new(SIZE.0, SIZE.1);
    for y in 0..SIZE.1 {
        for x in 0..SIZE.0 {
            // A bench top with some grain, the same in every frame.
            planes.y[y * SIZE.0 + x] = 120 + ((x * 7 + y * 13 + (x * y) % 11) % 9) as u8;
        }
    }
    // A time within a tenth of a frame of an edge belongs after it.
    let within = |from: f64, to: f64| from - 0.01 <= t && t < to - 0.01;
    let bench = !clip.covered.is_empty() || !clip.shown.is_empty();
    if bench {
        if clip.covered.iter().any(|&(from, to)| within(from, to)) {
            rect(&mut planes, 20, 20, 150, 150, 80);
        } else {
            code(&mut planes, TRIGGER, 30, 30, 4);
        }
    }
    for &(from, to, text) in &clip.shown {
        if within(from, to) {
            rect(&mut planes, 300, 90, 240, 240, 170);
            code(&mut planes, text, 340, 130, 5);
        }
    }
    for &(from, to) in &clip.walks {
        if within(from.min(to), from.max(to)) {
            let x = ((t - from) / (to - from) * (SIZE.0 + 60) as f64) as i64 - 60;
            figure(&mut planes, x, 140);
        }
    }
    if clip.stands.iter().any(|&(from, to)| within(from, to)) {
        figure(&mut planes, 290, 140);
        if clip.works.iter().any(|&(from, to)| within(from, to)) {
            // Up and down before the body, never twice the same at any rate of sampling.
            let frame = (t * f64::from(FPS)).round() as usize;
            rect(&mut planes, 280, 150 + frame * 5 % 7 * 12, 80, 24, 235);
        }
    }
    planes
}

/// Somebody 60 px wide and 160 px tall, darker than the floor and not evenly so.
fn figure(planes: &mut Planes, x: i64, y: usize) {
    for dy in 0..160 {
        for dx in 0..60 {
            let px = x + dx;
            if (0..SIZE.0 as i64).contains(&px) {
                planes.y[(y + dy) * SIZE.0 + px as usize] = if (dy / 20) % 2 == 0 { 25 } else { 215 };
            }
        }
    }
}

fn rect(planes: &mut Planes, x: usize, y: usize, width: usize, height: usize, luma: u8) {
    for row in y..y + height {
        planes.y[row * SIZE.0 + x..][..width].fill(luma);
    }
}

/// A QR code with its quiet zone, `scale` pixels a module.
fn code(planes: &mut Planes, text: &str, x: usize, y: usize, scale: usize) {
    let code = QrCode::new(text).expect("a short text");
    let n = code.width();
    rect(planes, x, y, (n + 8) * scale, (n + 8) * scale, 235);
    for (i, colour) in code.to_colors().into_iter().enumerate() {
        if colour == qrcode::Color::Dark {
            rect(planes, x + (4 + i % n) * scale, y + (4 + i / n) * scale, scale, scale, 20);
        }
    }
}

/// Pictures as a raw stream of JPEGs, `count` of each size.
pub fn mjpeg(sizes: &[(u32, u32, usize)]) -> Vec<u8> {
    let mut stream = Vec::new();
    for &(width, height, count) in sizes {
        for n in 0..count {
            let picture =
                image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x + n as u32 * 4) as u8, y as u8, 90]));
            let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut stream, 80);
            picture.write_with_encoder(encoder).expect("a JPEG");
        }
    }
    stream
}
