//! Real models on real pictures, from the shared folder (`GEMBA_SHARED`); skipped where it is absent.

use super::*;
use std::process::Command;

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("GEMBA_SHARED")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into(), PathBuf::from);
    let path = root.join("data").join(path);
    if !path.exists() {
        println!("skipped: {} is absent (set GEMBA_SHARED)", path.display());
        return None;
    }
    Some(path)
}

fn person(path: PathBuf) -> Detector {
    let mut config = config("real");
    (config.model.path, config.model.classes) = (path, None);
    config.classes = vec!["person".into()];
    Detector::open(&config).unwrap()
}

/// Frames of a clip at a rate, read through the `ffmpeg` command.
fn frames(clip: &Path, (width, height): (usize, usize), rate: &str) -> Vec<Frame> {
    let size = format!("{width}x{height}");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-r", rate, "-s", &size, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let (luma, chroma) = (width * height, width * height / 4);
    let one = |raw: &[u8]| {
        let (y, rest) = raw.split_at(luma);
        let (u, v) = rest.split_at(chroma);
        frame(Picture::Rendered { y: y.into(), u: u.into(), v: v.into(), width, height })
    };
    output.stdout.chunks_exact(luma + 2 * chroma).map(one).collect()
}

const MODELS: [(&str, ModelFamily, (usize, usize)); 2] = [
    ("models/fastestdet/FastestDet.onnx", ModelFamily::Fastestdet, (352, 352)),
    ("models/yolox-nano/yolox_nano.onnx", ModelFamily::Yolox, (416, 416)),
];

/// `GEMBA_BOXES=1` prints the boxes, for drawing.
fn show(what: &str, number: usize, found: &[Detection]) {
    if std::env::var_os("GEMBA_BOXES").is_some() {
        for d in found {
            println!("box {what} {number} {} {:.3} {:.1} {:.1} {:.1} {:.1}", d.class, d.score, d.x0, d.y0, d.x1, d.y1);
        }
    }
}

#[test]
fn people_are_found_in_a_photograph() {
    let Some(photograph) = shared("models/fastestdet/3.jpg") else { return };
    let size = image::image_dimensions(&photograph).unwrap();
    let size = (size.0 as usize & !1, size.1 as usize & !1);
    let picture = &frames(&photograph, size, "1")[0];
    for (model, family, input) in MODELS {
        let mut detector = person(shared(model).unwrap());
        assert_eq!((detector.family(), detector.input_size()), (family, input));
        let found = detector.detect(picture).unwrap();
        show(model, 0, &found);
        assert!(found.iter().filter(|d| d.score >= 0.5).count() >= 1, "{model} {found:?}");
        assert_eq!(detector.detect(picture).unwrap(), found);
    }
}

#[test]
fn one_person_at_a_time_is_found_at_the_table() {
    let Some(clip) = shared("clips/one-by-one-person-detection.mp4") else { return };
    let frames = frames(&clip, (768, 432), "1");
    assert!(frames.len() > 130);
    for (model, ..) in MODELS {
        let mut detector = person(shared(model).unwrap());
        let (mut with, mut several) = (0, 0);
        for (i, frame) in frames.iter().enumerate() {
            let found = detector.detect(frame).unwrap();
            show(model, i, &found);
            let sure = found.iter().filter(|d| d.score >= 0.5).count();
            with += usize::from(sure > 0);
            several += usize::from(sure > 1);
            assert!(found.iter().all(|d| d.x0 >= 0.0 && d.y0 >= 0.0 && d.x1 <= 768.0 && d.y1 <= 432.0));
        }
        println!("{model}: of {} frames {with} with a person, {several} with several", frames.len());
        // Six visits fill about half of the clip.
        assert!((40..120).contains(&with) && several < 15, "{model}: {with} {several}");
        assert_eq!(detector.dropped(), 0);
    }
}

/// CPU time of this thread in milliseconds, as Linux counts it.
fn cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e6
}

fn memory(field: &str) -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    text.lines().find(|l| l.starts_with(field)).unwrap().split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}

/// `cargo test -p gemba-operators --lib -- --ignored --nocapture detection_costs`
#[test]
#[ignore = "a measurement"]
fn detection_costs_little_more_than_inference() {
    for (clip, size) in [("clips/one-by-one-person-detection.mp4", (768, 432)), ("clips/floor-7.mp4", (1280, 720))] {
        let Some(clip) = shared(clip) else { return };
        let frames = frames(&clip, size, "1");
        for (model, ..) in MODELS {
            let before = memory("VmRSS");
            let mut detector = person(shared(model).unwrap());
            let (mut inference, mut total, mut filling) = (0.0, 0.0, 0.0);
            // Frame by frame in turn, so that a busy machine is equally unkind to each.
            for frame in frames.iter().take(90) {
                detector.detect(frame).unwrap();
                let start = cpu();
                detector.detect(frame).unwrap();
                let middle = cpu();
                detector.network.borrow_mut().run(|_| ()).unwrap();
                let end = cpu();
                let (planes, region) = (pixels::planes(frame).unwrap(), Rect { x0: 0, y0: 0, x1: size.0, y1: size.1 });
                let geometry = Geometry::new(region, detector.size, detector.fit).unwrap();
                let mut network = detector.network.borrow_mut();
                let (input, scratch) = network.input();
                letterbox::fill(&planes, &geometry, &detector.channels, detector.size, scratch, input);
                total += middle - start;
                inference += end - middle;
                filling += cpu() - end;
            }
            let n = frames.len().min(90) as f64;
            println!(
                "{model} {size:?}: inference {:.2} ms, detect {:.2} ms ({:.3} ×), filling the input {:.2} ms; memory {before} → {}",
                inference / n,
                total / n,
                total / inference,
                filling / n,
                memory("VmRSS")
            );
        }
    }
}
