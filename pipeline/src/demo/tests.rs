//! The demo holds together: equal seeds give equal pictures, the truth is consistent with itself and with
//! the site file, codes can be read where the truth says so, and a replay that finds the truth is found right.

use super::*;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::site::Site;
use gemba_schemas::view::{LineCrossing, PackingSession, SessionStatus, SessionVerdict, ViewRow, VisitEnd, ZoneVisit};

/// The pictures of the given frames of a camera's first clip.
fn pictures(seed: u64, camera: &str, wanted: &[u64]) -> Vec<Planes> {
    let truth = truth(seed);
    let clip = truth.clips.iter().find(|c| c.camera == camera).unwrap();
    let (mut n, mut pictures) = (0, Vec::new());
    draw_clip(seed, clip, &mut |planes| {
        if wanted.contains(&n) {
            pictures.push(planes.clone());
        }
        n += 1;
        Ok(n <= *wanted.iter().max().unwrap())
    })
    .unwrap();
    pictures
}

#[test]
fn equal_seeds_give_equal_pictures_and_truth() {
    for camera in [bench::CAMERA, floor::CAMERA] {
        assert_eq!(pictures(3, camera, &[0, 12]), pictures(3, camera, &[0, 12]));
        assert_ne!(pictures(3, camera, &[0]), pictures(4, camera, &[0]));
    }
    assert_eq!(truth(3), truth(3));
    assert_ne!(truth(3).codes, truth(4).codes);
}

#[test]
fn the_truth_survives_json() {
    let truth = truth(SEED);
    assert_eq!(serde_json::from_slice::<Truth>(&serde_json::to_vec(&truth).unwrap()).unwrap(), truth);
}

#[test]
fn sessions_are_ordered_and_within_the_footage() {
    let truth = truth(SEED);
    let verdicts: Vec<_> = truth.sessions.iter().map(|s| s.verdict).collect();
    use SessionVerdict::{Cut, Ok, TooLong, TooShort};
    assert_eq!(verdicts, [Ok, Ok, TooShort, Ok, TooLong, Ok, Ok, Ok, Ok, Cut]);
    assert_eq!(truth.sessions.iter().filter(|s| s.status == SessionStatus::QrFailed).count(), 1);
    assert_eq!(truth.coverings.len(), 2);
    for pair in truth.sessions.windows(2) {
        assert!(pair[0].ended + Micros::from_secs(1) < pair[1].started);
    }
    for s in &truth.sessions {
        // In one recording: the clips that hold start and end follow each other without a gap.
        let clip = |t: EventTime| {
            truth.clips.iter().filter(|c| c.camera == s.camera).position(|c| {
                let end = c.start + Micros(c.frames as i64 * 40_000);
                c.start <= t && t <= end
            })
        };
        assert!(clip(s.started).is_some() && clip(s.ended).is_some(), "{s:?}");
        for code in &s.codes {
            let shown = truth.codes.iter().find(|c| c.text == *code).unwrap();
            assert!(
                shown.shown_to < s.started && s.started - shown.shown_from < Micros::from_secs(6),
                "within lookback"
            );
        }
    }
    assert!(truth.coverings.iter().all(|c| c.ended - c.started < Micros::from_millis(800)));
    let spans = truth.clips.windows(2).filter(|w| {
        let seam = w[0].start + Micros(w[0].frames as i64 * 40_000);
        w[1].start == seam && truth.sessions.iter().any(|s| s.started < seam && seam < s.ended)
    });
    assert_eq!(spans.count(), 1, "one session spans two files");
    assert!(truth.clips.iter().all(|c| c.start.0 % 1_000_000 == 0), "mp4 keeps whole seconds");
}

#[test]
fn the_trigger_is_covered_or_clear_but_nothing_between() {
    for recording in bench::recordings(SEED, START) {
        let share: Vec<f32> = (0..recording.frames()).map(|f| recording.covered(f)).collect();
        let truth = truth(SEED);
        for (f, c) in share.iter().enumerate().filter(|(_, c)| **c > 0.02 && **c < 0.3) {
            let ts = recording.time(f as u64);
            let reach = truth
                .coverings
                .iter()
                .any(|c| ts > c.started - Micros::from_secs(1) && ts < c.ended + Micros::from_secs(1));
            assert!(reach, "frame {f} shows the trigger {c} covered");
        }
    }
}

#[test]
fn the_site_file_parses_and_names_what_the_truth_names() {
    let site = Site::parse(&site_toml(), Path::new("site.toml")).unwrap();
    let names: Vec<_> = site.cameras.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, [bench::CAMERA, floor::CAMERA]);
    assert_eq!(site.cameras[0].packing[0].trigger.as_deref(), Some(bench::TRIGGER));
    assert_eq!(1.0 / site.cameras[0].sample.codes, truth(SEED).edge_tolerance_us as f64 / 1e6);
    let zones: Vec<_> = site.cameras[1].zones.iter().map(|z| z.name.as_str()).collect();
    assert!(truth(SEED).visits.iter().all(|v| zones.contains(&v.zone.as_str())));
    assert_eq!(site.cameras[1].lines[0].name, floor::LINE);
}

#[test]
fn every_module_of_the_trigger_is_where_it_should_be() {
    let [x, y, side] = bench::TRIGGER_AT;
    let planes = &pictures(SEED, bench::CAMERA, &[5])[0];
    let code = qrcode::QrCode::with_error_correction_level(bench::TRIGGER, qrcode::EcLevel::Q).unwrap();
    let step = side / code.width() as f32;
    assert!(step >= 4.0, "large enough to be read from any frame");
    for (i, colour) in code.to_colors().into_iter().enumerate() {
        let (mx, my) = ((i % code.width()) as f32 + 0.5, (i / code.width()) as f32 + 0.5);
        let luma = planes.y[(y + my * step) as usize * WIDTH + (x + mx * step) as usize];
        assert_eq!(luma < 120, colour == qrcode::Color::Dark, "module {i}: {luma}");
    }
}

/// Rows as a replay that makes no mistake would give them.
fn perfect_rows(truth: &Truth) -> Vec<ViewRow> {
    let name = Name::new;
    let mut rows = Vec::new();
    for s in &truth.sessions {
        rows.push(ViewRow::from(PackingSession {
            camera: name(&s.camera),
            profile: name("packing"),
            started: s.started - Micros::from_millis(40),
            ended: Some(s.ended),
            duration_us: s.ended - s.started,
            status: s.status,
            verdict: s.verdict,
            codes: s.codes.clone(),
            code_misses: 0,
            first_code_at: None,
            generation: Generation(0),
            first_frame: 0,
            last_frame: None,
            rules: name("r"),
        }));
    }
    for (track, c) in truth.crossings.iter().enumerate() {
        rows.push(ViewRow::from(LineCrossing {
            camera: name(&c.camera),
            generation: Generation(0),
            track: track as u32,
            line: name(&c.line),
            ts: c.ts + Micros::from_millis(200),
            from_side: name("out"),
            to_side: name(&c.to_side),
            entry: c.to_side == "in",
            class: name("person"),
            first_frame: 0,
            last_frame: 0,
            model: name("motion"),
            rules: name("r"),
        }));
    }
    for (track, v) in truth.visits.iter().enumerate() {
        rows.push(ViewRow::from(ZoneVisit {
            camera: name(&v.camera),
            generation: Generation(0),
            track: track as u32,
            zone: name(&v.zone),
            kind: name(&v.zone),
            class: name("person"),
            entered: v.entered,
            left: v.left,
            dwell_us: v.left - v.entered,
            counted: v.counted,
            end_reason: VisitEnd::Left,
            points: 9,
            first_frame: 0,
            last_frame: 0,
            model: name("motion"),
            rules: name("r"),
        }));
    }
    rows
}

#[test]
fn what_is_right_is_called_right_and_each_mistake_wrong() {
    let truth = truth(SEED);
    let rows = perfect_rows(&truth);
    let good = compare(&truth, &rows);
    assert!(good.all_right(), "{good}");
    assert_eq!(good.verdict(), "all 10 sessions, 12 codes, 8 crossings, 5 visits right, and nothing else found");
    for i in 0..rows.len() {
        let mut missing = rows.clone();
        let row = missing.remove(i);
        assert!(!compare(&truth, &missing).all_right(), "without {row:?}");
        let mut twice = rows.clone();
        twice.push(row);
        assert!(!compare(&truth, &twice).all_right());
    }
    let mut late = rows.clone();
    if let ViewRow::PackingSession(s) = &mut late[0] {
        s.started = s.started + Micros::from_millis(300);
        s.codes.push("GMB0000-0000".into());
    }
    let text = compare(&truth, &late).to_string();
    assert!(
        text.contains("start +260 ms") && text.contains("never shown") && text.contains("9 of 10 sessions"),
        "{text}"
    );
}

#[test]
fn an_unwritable_folder_is_named() {
    let file = std::env::temp_dir().join(format!("gemba-demo-{}", std::process::id()));
    std::fs::write(&file, "in the way").unwrap();
    let error = render(&file, &mut |_| {}).unwrap_err().to_string();
    std::fs::remove_file(&file).unwrap();
    assert!(error.contains("gemba-demo-") && error.contains("folder"), "{error}");
}

/// Takes about a minute: `GEMBA_DEMO=folder cargo test --lib demo::tests::the_whole -- --ignored` keeps the clips.
#[test]
#[ignore = "renders all of the footage"]
fn the_whole_demo_is_rendered_once_and_then_reused() {
    let kept = std::env::var_os("GEMBA_DEMO").map(std::path::PathBuf::from);
    let dir =
        kept.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("gemba-demo-all-{}", std::process::id())));
    let mut last = 0.0;
    let site = render(&dir, &mut |share| {
        assert!((last..=1.0).contains(&share));
        last = share;
    })
    .unwrap();
    assert!(site.clips.iter().all(|(_, path)| std::fs::metadata(path).unwrap().len() > 100_000));
    Site::load(&site.site).unwrap();
    assert!(render(&dir, &mut |_| {}).unwrap().reused);
    if kept.is_none() {
        std::fs::remove_dir_all(dir).unwrap();
    }
}
