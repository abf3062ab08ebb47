//! Detection end to end on the formula models of `tests/fixtures/models` (see `make_models.py`): a coloured rectangle
//! must come back at its place, in its colour, through every family, pixel format and area.

mod filling;
mod footage;
mod refusals;

use super::*;
use crate::frame::{FrameMeta, Picture, Wanted};
use ffmpeg_next::format::Pixel;
use gemba_schemas::id::Generation;
use gemba_schemas::site::ClassNames;
use gemba_schemas::time::{EventTime, Micros};
use std::path::PathBuf;

const COLOURS: [&str; 3] = ["red", "green", "blue"];
/// Y, U, V (BT.601, limited) of nearly saturated red, green, blue.
const SAMPLES: [[u8; 3]; 3] = [[78, 94, 230], [137, 58, 42], [40, 230, 113]];
const SIZE: (usize, usize) = (128, 96);
const PLACE: [usize; 4] = [20, 40, 60, 80];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name).with_extension("onnx")
}

fn config(name: &str) -> DetectorConfig {
    DetectorConfig {
        model: Model {
            name: name.into(),
            path: fixture(name),
            sha256: None,
            family: None,
            classes: Some(ClassNames::List(COLOURS.map(str::to_owned).into())),
        },
        classes: Vec::new(),
        threshold: 0.5,
        thresholds: BTreeMap::new(),
        low_threshold: 0.1,
        area: None,
    }
}

fn frame(picture: Picture) -> Frame {
    let meta = FrameMeta {
        camera: Name::new("test"),
        generation: Generation(0),
        ts: EventTime(0),
        duration: Micros(0),
        number: 0,
        file: Name::new("test"),
        wanted: Wanted { detect: true, ..Wanted::default() },
        corrupt: false,
    };
    Frame { meta, picture: Rc::new(picture) }
}

/// A dark picture with a rectangle of a colour, planar 4:2:0.
fn rectangle((width, height): (usize, usize), place: [usize; 4], colour: usize) -> Frame {
    let plane = |sub: usize, component: usize, ground: u8| {
        let inside = |i: usize| {
            let (x, y) = (i % (width / sub) * sub, i / (width / sub) * sub);
            (place[0]..place[2]).contains(&x) && (place[1]..place[3]).contains(&y)
        };
        (0..width / sub * (height / sub)).map(|i| if inside(i) { SAMPLES[colour][component] } else { ground }).collect()
    };
    frame(Picture::Rendered { y: plane(1, 0, 30), u: plane(2, 1, 128), v: plane(2, 2, 128), width, height })
}

#[track_caller]
fn assert_found(found: &[Detection], colour: usize, place: [usize; 4]) {
    let [d] = found else { panic!("{found:?}") };
    assert_eq!(d.class.as_str(), COLOURS[colour]);
    assert!(d.score > 0.7, "{d:?}");
    for (edge, at) in [d.x0, d.y0, d.x1, d.y1].into_iter().zip(place) {
        assert!((edge - at as f32).abs() < 2.0, "{d:?} {place:?}");
    }
}

#[test]
fn every_family_finds_a_rectangle_at_its_place() {
    for (name, family) in [
        ("yolox", ModelFamily::Yolox),
        ("yolox-batch", ModelFamily::Yolox),
        ("yolov8", ModelFamily::Yolov8),
        ("fastestdet", ModelFamily::Fastestdet),
        ("detr", ModelFamily::Detr),
        ("detr-dynamic", ModelFamily::Detr),
        ("detr-softmax", ModelFamily::Detr),
        ("labelled", ModelFamily::Detr),
        ("rows", ModelFamily::Detr),
    ] {
        let mut config = config(name);
        if name == "fastestdet" {
            let names = (0..80).map(|i| COLOURS.get(i).map_or(format!("other {i}"), |c| c.to_string()));
            config.model.classes = Some(ClassNames::List(names.collect()));
        }
        let mut detector = Detector::open(&config).unwrap();
        assert_eq!(detector.family(), family, "{name}");
        for colour in 0..3 {
            let mut place = PLACE;
            // FastestDet's box must have its centre in the cell where the formula puts it.
            if name != "fastestdet" {
                place = place.map(|v| v + 4 * colour);
            }
            let found = detector.detect(&rectangle(SIZE, place, colour)).unwrap();
            assert_found(&found, colour, place);
        }
        assert_eq!(detector.detect(&rectangle(SIZE, [0; 4], 0)).unwrap(), [], "{name}");
        assert_eq!(detector.dropped(), 0, "{name}");
    }
}

#[test]
fn a_configured_family_is_believed_where_it_fits() {
    let mut config = config("yolov8-rows");
    config.model.family = Some(ModelFamily::Yolov8);
    let mut detector = Detector::open(&config).unwrap();
    assert_found(&detector.detect(&rectangle(SIZE, PLACE, 1)).unwrap(), 1, PLACE);
}

#[test]
fn names_in_the_file_are_used() {
    let mut config = config("rows");
    config.model.classes = None;
    let mut detector = Detector::open(&config).unwrap();
    assert_eq!(detector.classes(), COLOURS.map(Name::new));
    assert_found(&detector.detect(&rectangle(SIZE, PLACE, 2)).unwrap(), 2, PLACE);
}

#[test]
fn the_picture_may_have_any_shape() {
    for (size, place) in
        [((64, 64), [10, 20, 30, 40]), ((200, 60), [150, 20, 180, 50]), ((50, 300), [10, 200, 40, 240])]
    {
        for name in ["yolox", "yolov8", "labelled"] {
            let found = Detector::open(&config(name)).unwrap().detect(&rectangle(size, place, 0)).unwrap();
            let [d] = found[..] else { panic!("{found:?}") };
            // An input pixel is up to five source pixels.
            for (edge, at) in [d.x0, d.y0, d.x1, d.y1].into_iter().zip(place) {
                assert!((edge - at as f32).abs() < 6.0, "{name} {d:?} {place:?}");
            }
        }
    }
}

#[test]
fn an_area_is_all_that_is_looked_at() {
    for name in ["yolox", "yolov8", "labelled"] {
        let mut config = config(name);
        config.area = Some([0.0, 0.25, 0.5, 1.0]);
        let mut detector = Detector::open(&config).unwrap();
        assert_found(&detector.detect(&rectangle(SIZE, PLACE, 0)).unwrap(), 0, PLACE);
        assert_eq!(detector.detect(&rectangle(SIZE, [70, 40, 110, 80], 0)).unwrap(), []);
        // Cut off at the area's edge.
        assert_found(&detector.detect(&rectangle(SIZE, [44, 40, 84, 80], 0)).unwrap(), 0, [44, 40, 64, 80]);
        config.area = Some([0.5, 0.5, 0.5, 1.0]);
        assert_eq!(Detector::open(&config).unwrap().detect(&rectangle(SIZE, PLACE, 0)).unwrap(), []);
    }
}

#[test]
fn cameras_that_share_a_model_do_not_disturb_each_other() {
    let (mut a, mut b) = (Detector::open(&config("yolov8")).unwrap(), Detector::open(&config("yolov8")).unwrap());
    assert!(Rc::ptr_eq(&a.network, &b.network));
    let (wide, tall) = (rectangle(SIZE, PLACE, 0), rectangle((64, 128), [10, 20, 40, 60], 1));
    let first = (a.detect(&wide).unwrap(), b.detect(&tall).unwrap());
    assert_found(&first.0, 0, PLACE);
    assert_found(&first.1, 1, [10, 20, 40, 60]);
    for _ in 0..3 {
        assert_eq!((a.detect(&wide).unwrap(), b.detect(&tall).unwrap()), first);
    }
}

#[test]
fn classes_and_thresholds_select() {
    let red = rectangle(SIZE, PLACE, 0);
    let found = |change: &dyn Fn(&mut DetectorConfig)| {
        let mut config = config("yolox");
        change(&mut config);
        Detector::open(&config).unwrap().detect(&red).unwrap().len()
    };
    assert_eq!(found(&|c| c.classes = vec!["red".into()]), 1);
    assert_eq!(found(&|c| c.classes = vec!["green".into(), "blue".into()]), 0);
    // The threshold starts tracks; down to the low one detections are given out all the same.
    assert_eq!(found(&|c| c.threshold = 0.99), 1);
    assert_eq!(found(&|c| (c.threshold, c.low_threshold) = (0.995, 0.99)), 0);
    let mut config = config("yolox");
    config.thresholds = BTreeMap::from([("red".into(), 0.7)]);
    let detector = Detector::open(&config).unwrap();
    let thresholds = ["red", "blue", "cow"].map(|class| detector.threshold(Name::new(class)));
    assert_eq!(thresholds, [Some(0.7), Some(0.5), None]);
}

#[test]
fn nonsense_is_dropped_and_counted() {
    let mut config = config("wild");
    config.model.family = Some(ModelFamily::Detr);
    let mut detector = Detector::open(&config).unwrap();
    let found = detector.detect(&rectangle((64, 64), PLACE, 0)).unwrap();
    let [d] = found[..] else { panic!("{found:?}") };
    assert_eq!((d.x0, d.y0, d.x1, d.y1), (10.0, 10.0, 30.0, 40.0));
    assert_eq!(detector.dropped(), 10);
}

#[test]
fn the_digest_identifies_the_file() {
    let mut config = config("yolox");
    let sha256 = Detector::open(&config).unwrap().sha256().to_owned();
    assert_eq!(sha256.len(), 64);
    config.model.sha256 = Some(sha256.to_uppercase());
    let detector = Detector::open(&config).unwrap();
    assert_eq!((detector.digest().as_str(), detector.input_size()), (&sha256[..16], (64, 64)));
}

/// The rectangle as a decoder would hand it over in another pixel format.
fn decoded(format: Pixel, colour: usize) -> Frame {
    let mut video = ffmpeg_next::frame::Video::new(format, SIZE.0 as u32, SIZE.1 as u32);
    let pairs = matches!(format, Pixel::NV12 | Pixel::NV21 | Pixel::NV16);
    for plane in 0..video.planes() {
        let (stride, height) = (video.stride(plane), video.plane_height(plane) as usize);
        // Luma samples per sample of this plane.
        let down = SIZE.1 / height;
        let across = SIZE.0 / video.plane_width(plane) as usize;
        for (i, sample) in video.data_mut(plane).iter_mut().enumerate() {
            let (column, y) = (i % stride, i / stride * down);
            let (x, component) = match (plane, pairs) {
                (0, _) => (column, 0),
                (_, true) => (column / 2 * across, 1 + (column + usize::from(format == Pixel::NV21)) % 2),
                (_, false) => (column * across, plane),
            };
            let inside = (PLACE[0]..PLACE[2]).contains(&x) && (PLACE[1]..PLACE[3]).contains(&y);
            *sample = if inside { SAMPLES[colour][component] } else { [30, 128, 128][component] };
        }
    }
    frame(Picture::Decoded(video))
}

#[test]
fn decoders_planes_are_read_as_they_are() {
    let mut detector = Detector::open(&config("yolov8")).unwrap();
    for format in [
        Pixel::YUV420P,
        Pixel::YUV422P,
        Pixel::YUV444P,
        Pixel::YUV440P,
        Pixel::YUV411P,
        Pixel::NV12,
        Pixel::NV21,
        Pixel::NV16,
    ] {
        for colour in 0..3 {
            assert_found(&detector.detect(&decoded(format, colour)).unwrap(), colour, PLACE);
        }
    }
    // The same samples in the same layout give the same answer to the last digit.
    let rendered = detector.detect(&rectangle(SIZE, PLACE, 2)).unwrap();
    assert_eq!(detector.detect(&decoded(Pixel::YUV420P, 2)).unwrap(), rendered);
    assert_eq!(detector.detect(&decoded(Pixel::NV12, 2)).unwrap(), rendered);
    let error = detector.detect(&frame(Picture::Decoded(ffmpeg_next::frame::Video::new(Pixel::RGB24, 64, 64))));
    assert!(error.unwrap_err().to_string().contains("RGB24"));
    assert!(detector.detect(&frame(Picture::Decoded(ffmpeg_next::frame::Video::empty()))).is_err());
}

#[test]
fn grey_pictures_are_read_too() {
    let mut video = ffmpeg_next::frame::Video::new(Pixel::GRAY8, SIZE.0 as u32, SIZE.1 as u32);
    let stride = video.stride(0);
    for (i, sample) in video.data_mut(0).iter_mut().enumerate() {
        let (x, y) = (i % stride, i / stride);
        *sample = if (PLACE[0]..PLACE[2]).contains(&x) && (PLACE[1]..PLACE[3]).contains(&y) { 220 } else { 30 };
    }
    let found = Detector::open(&config("yolov8")).unwrap().detect(&frame(Picture::Decoded(video))).unwrap();
    // White is as much of one colour as of the next: the first is taken.
    assert_found(&found, 0, PLACE);
}
