//! Marks appear where and when they should, and nothing wild breaks the drawing.

use super::*;
use gemba_operators::frame::{FrameMeta, Wanted};
use gemba_schemas::fact::{Attempt, CodeRead, Decoder};
use gemba_schemas::id::FactId;
use gemba_schemas::score::Score;
use gemba_schemas::site::Site;
use gemba_schemas::view::{SessionStatus, SessionVerdict};
use std::rc::Rc;

fn site() -> Site {
    Site::parse(&crate::demo::site_toml(), Path::new("site.toml")).unwrap()
}

fn at(millis: i64) -> EventTime {
    EventTime(1_748_835_000_000_000) + Micros::from_millis(millis)
}

fn point(track: u32, millis: i64, x: i32, y: i32) -> Fact {
    Fact::TrackPoint(TrackPoint {
        id: FactId(u64::from(track) << 32 | millis as u64),
        camera: Name::new("floor-1"),
        generation: Generation(1),
        track,
        ts: at(millis),
        frame: (millis / 40) as u64,
        class: Name::new("person"),
        score: Score::ONE,
        x0: x * 16,
        y0: y * 16,
        x1: (x + 60) * 16,
        y1: (y + 150) * 16,
        width: 1280,
        height: 720,
        model: Name::new("motion"),
    })
}

fn read(text: &str, millis: [i64; 2], x: i32) -> Fact {
    Fact::from(CodeRead {
        id: FactId(9),
        camera: Name::new("bench-1"),
        generation: Generation(1),
        area: Name::new("show"),
        text: text.into(),
        payload: text.into(),
        first_seen: at(millis[0]),
        last_seen: at(millis[1]),
        sightings: 3,
        first_frame: 0,
        last_frame: 9,
        corners: Quad([x, 300, x + 90, 300, x + 90, 390, x, 390]),
        area_px: 8100,
        decoder: Decoder::Zxing,
        attempt: Attempt::Plain,
    })
}

fn session() -> ViewRow {
    ViewRow::from(PackingSession {
        camera: Name::new("bench-1"),
        profile: Name::new("packing"),
        started: at(1000),
        ended: Some(at(6000)),
        duration_us: Micros::from_secs(5),
        status: SessionStatus::Completed,
        verdict: SessionVerdict::Ok,
        codes: vec!["GMB0001-0002".into()],
        code_misses: 0,
        first_code_at: Some(at(0)),
        generation: Generation(1),
        first_frame: 25,
        last_frame: Some(150),
        rules: Name::new("r"),
    })
}

#[test]
fn a_box_is_drawn_between_its_points_and_gone_after_the_last() {
    let site = site();
    let facts = [point(3, 0, 100, 300), point(3, 1000, 200, 300), point(3, 4000, 600, 300)];
    let overlay = Overlay::new(&site.cameras[1], &facts, &[]);
    let bounds = |millis| overlay.tracks_at(at(millis)).first().map(|m| m.bounds[0]);
    assert_eq!(bounds(-1), None);
    assert_eq!(bounds(0), Some(100.0));
    assert_eq!(bounds(500), Some(150.0));
    assert_eq!(bounds(2000), None, "not seen between 1 s and 4 s");
    assert_eq!(bounds(4100), Some(600.0));
    assert_eq!(bounds(4500), None);
    let mut planes = Planes::new(1280, 720);
    overlay.draw(at(0), &mut planes);
    assert!(
        planes.u[(400 / 2) * 640 + 100 / 2] != 128 || planes.v[(400 / 2) * 640 + 100 / 2] != 128,
        "left edge of the box"
    );
}

#[test]
fn codes_and_sessions_show_while_they_last() {
    let site = site();
    let overlay = Overlay::new(&site.cameras[0], &[read("GMB0001-0002", [0, 800], 400)], &[session()]);
    let drawn = |millis| {
        let mut planes = Planes::new(1280, 720);
        overlay.draw(at(millis), &mut planes);
        planes.v[(345 / 2) * 640 + 400 / 2] != 128
    };
    assert!(drawn(0) && drawn(900) && !drawn(1200) && !drawn(-40));
    assert!(overlay.session_at(at(999)).is_none());
    assert!(overlay.session_at(at(3000)).is_some() && overlay.session_at(at(9900)).is_some());
    assert!(overlay.session_at(at(10_100)).is_none());
}

#[test]
fn wild_facts_and_small_pictures_do_not_break_it() {
    let site = site();
    let facts =
        [point(u32::MAX, 0, i32::MAX / 32, -5000), point(1, 0, -90, -90), read("é→\u{1F600}", [0, 10], i32::MAX / 2)];
    for camera in &site.cameras {
        let overlay = Overlay::new(camera, &facts, &[session()]);
        for (w, h) in [(1280, 720), (64, 36), (2, 2)] {
            for ts in [at(0), at(1500), EventTime::MIN, EventTime::MAX] {
                overlay.draw(ts, &mut Planes::new(w, h));
            }
        }
    }
}

#[test]
fn an_annotated_clip_has_every_frame_of_the_first_size() {
    let site = site();
    let overlay = Overlay::new(&site.cameras[1], &[point(1, 0, 100, 100)], &[]);
    let frame = |n: u64, width: usize| Frame {
        meta: FrameMeta {
            camera: Name::new("floor-1"),
            generation: Generation(1),
            ts: at(40 * n as i64),
            duration: Micros::from_millis(40),
            number: n,
            file: Name::new("a.mp4"),
            wanted: Wanted::default(),
            corrupt: false,
        },
        picture: Rc::new(Planes::new(width, 180).into_picture()),
    };
    let path = std::env::temp_dir().join(format!("gemba-overlay-{}.mp4", std::process::id()));
    let frames = (0..20).map(|n| frame(n, if n == 7 { 160 } else { 320 }));
    let done = annotate(frames, &overlay, &path, 25, &mut |_| {}).unwrap();
    assert_eq!(done, Annotated { frames: 19, skipped: 1 });
    assert!(std::fs::metadata(&path).unwrap().len() > 1000);
    std::fs::remove_file(path).unwrap();
}
