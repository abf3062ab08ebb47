//! What is wrong with a model or its configuration is said when it is opened, with what to do.

use super::*;

#[track_caller]
fn refused(config: &DetectorConfig, words: &[&str]) {
    let Err(error) = Detector::open(config) else { panic!("opened") };
    let text = error.to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{words:?} in: {text}");
}

#[test]
fn files_that_are_no_models() {
    let mut config = config("nothing-here");
    refused(&config, &["nothing-here.onnx", "no such file", "path"]);
    config.model.path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    refused(&config, &["Cargo.toml", "not an ONNX model"]);
    config.model.path = env!("CARGO_MANIFEST_DIR").into();
    refused(&config, &["cannot be read"]);
}

#[test]
fn damaged_models() {
    let whole = std::fs::read(fixture("yolox")).unwrap();
    let folder = std::env::temp_dir().join(format!("gemba-detect-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut config = config("yolox");
    config.model.path = folder.join("damaged.onnx");
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&config.model.path, &whole[..length]).unwrap();
        let Err(error) = Detector::open(&config) else { panic!("opened {length} bytes") };
        assert!(error.to_string().contains("damaged.onnx"), "{error}");
    }
    // Bytes changed in the middle: opened or refused, never a crash.
    for at in (0..whole.len()).step_by(53) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x15;
        std::fs::write(&config.model.path, &bytes).unwrap();
        if let Ok(mut detector) = Detector::open(&config) {
            let _ = detector.detect(&rectangle(SIZE, PLACE, 0));
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn weights_elsewhere() {
    refused(&config("external"), &["external.onnx", "weights.bin", "refused", "onnx.save"]);
}

#[test]
fn another_file_than_the_pinned_one() {
    let mut config = config("yolox");
    config.model.sha256 = Some("0123abcd".into());
    refused(
        &config,
        &["yolox.onnx", "0123abcd", "sha256", &hex(&Sha256::digest(std::fs::read(fixture("yolox")).unwrap()))],
    );
}

#[test]
fn outputs_that_fit_no_family_or_several() {
    refused(&config("unknown"), &["unknown.onnx", "output: float32 1×7", "set `family`"]);
    let mut ambiguous = config("ambiguous");
    ambiguous.model.classes = Some(ClassNames::List(vec!["thing".into()]));
    refused(&ambiguous, &["1×84×6", "detr, yolox", "set `family`"]);
    for family in [ModelFamily::Yolox, ModelFamily::Detr] {
        ambiguous.model.family = Some(family);
        assert_eq!(Detector::open(&ambiguous).unwrap().family(), family);
    }
}

#[test]
fn a_family_that_is_not_the_models() {
    for (name, family, words) in [
        ("yolox", ModelFamily::Yolov8, ["`family = \"yolov8\"`", "1×84×8", "`yolox`"]),
        ("yolov8", ModelFamily::Yolox, ["`family = \"yolox\"`", "1×7×84", "`yolov8`"]),
        ("detr", ModelFamily::Fastestdet, ["`family = \"fastestdet\"`", "logits: float32 1×5×3", "`detr`"]),
    ] {
        let mut config = config(name);
        config.model.family = Some(family);
        refused(&config, &words);
    }
}

#[test]
fn inputs_that_are_no_picture() {
    refused(&config("grey-input"), &["grey-input.onnx", "images", "float32 1×3×height×width"]);
}

#[test]
fn class_names() {
    let mut config = config("yolox");
    config.model.classes = Some(ClassNames::List(vec!["one".into(), "two".into()]));
    refused(&config, &["has 3 classes", "2 names", "`classes`"]);
    config.model.classes = None;
    refused(&config, &["has 3 classes", "COCO", "`classes`"]);
    config.model.classes = Some(ClassNames::File("/nowhere/names.txt".into()));
    refused(&config, &["/nowhere/names.txt", "one name a line"]);
    config.model.classes = Some(ClassNames::List(COLOURS.map(str::to_owned).into()));
    config.classes = vec!["grene".into()];
    refused(&config, &["no class `grene`", "`classes`", "`green`"]);
    config.classes.clear();
    config.thresholds.insert("person".into(), 0.3);
    refused(&config, &["no class `person`", "`thresholds`", "red, green, blue"]);
}
