//! Motion on rendered frames: what is quiet, what is seen, for how long.

use super::{Blobs, MotionStage};
use crate::frame::{Frame, FrameMeta, Picture, Wanted};
use crate::stage::{End, Outlet, Seen, Stage};
use crate::track::judge::cpu;
use gemba_schemas::fact::{CoverageEnd, Fact, MotionSpan, SPAN_LIMIT};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::time::{EventTime, Micros};
use std::rc::Rc;

const SIZE: (usize, usize) = (640, 360);
/// Six samples a second.
const SAMPLE: i64 = 166_667;

/// A rectangle of a picture: left, top, right, bottom, grey level.
type Thing = (usize, usize, usize, usize, u8);

/// A noisy grey room, `light` per cent bright, with things in it.
fn room(number: u64, light: u32, things: &[Thing]) -> Frame {
    let (width, height) = SIZE;
    let mut noise = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut y = Vec::with_capacity(width * height);
    for row in 0..height {
        for column in 0..width {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            let wall = 120 + (row / 8) as u32 + if column % 64 < 2 { 20 } else { 0 };
            let seen = things.iter().rev().find(|t| (t.0..t.2).contains(&column) && (t.1..t.3).contains(&row));
            let level = seen.map_or(wall, |t| u32::from(t.4)) * light / 100;
            y.push((level + (noise >> 60) as u32 / 3).min(255) as u8);
        }
    }
    let chroma = vec![128; width * height / 4];
    let meta = FrameMeta {
        camera: Name::new("c"),
        generation: Generation(0),
        ts: EventTime(number as i64 * SAMPLE),
        duration: Micros(SAMPLE),
        number,
        file: Name::new("clip"),
        wanted: Wanted { codes: false, motion: true, detect: true },
        corrupt: false,
    };
    Frame { meta, picture: Rc::new(Picture::Rendered { y, u: chroma.clone(), v: chroma, width, height }) }
}

fn spans(frames: impl Iterator<Item = Frame>) -> Vec<MotionSpan> {
    let areas = vec![(Name::new("frame"), [0.0, 0.0, 1.0, 1.0]), (Name::new("right"), [0.5, 0.0, 1.0, 1.0])];
    let mut stage = MotionStage::new(areas);
    let mut out = Outlet::default();
    let mut ts = EventTime(0);
    for frame in frames {
        ts = frame.meta.ts;
        stage.step(Seen::Item(frame), &mut out);
    }
    let reason = CoverageEnd::EndOfFootage;
    stage.step(Seen::End(End { camera: Name::new("c"), generation: Generation(0), ts, reason }), &mut out);
    let span = |f: Fact| if let Fact::MotionSpan(s) = f { *s } else { panic!("{f:?}") };
    out.facts.into_iter().map(span).collect()
}

#[test]
fn what_is_laid_down_is_quiet_at_the_next_sample() {
    let parcel = |n: u64| (200 + 10 * n as usize, 200, 260 + 10 * n as usize, 260, 40);
    let frames = (0..30).map(|n| match n {
        0..5 => room(n, 100, &[]),
        5..10 => room(n, 100, &[parcel(n - 5)]),
        _ => room(n, 100, &[parcel(4)]),
    });
    let spans = spans(frames);
    assert_eq!(spans.len(), 1, "{spans:?}");
    assert_eq!((spans[0].area, spans[0].first_frame, spans[0].last_frame), (Name::new("frame"), 5, 9));
    assert_eq!(spans[0].offsets_ms, [0, 166, 333, 500, 666]);
    // 60 × 60 of 640 × 360 pixels.
    assert!((150..=180).contains(&spans[0].energies[0]), "{:?}", spans[0].energies);
}

#[test]
fn light_that_changes_as_a_whole_is_no_motion() {
    assert_eq!(spans((0..40).map(|n| room(n, 100 - (n as u32 % 10), &[]))), []);
}

#[test]
fn long_motion_is_cut_without_losing_a_sample() {
    let frames =
        (0..200).map(|n| room(n, 100, &[(350 + 4 * (n as usize % 50), 100, 420 + 4 * (n as usize % 50), 200, 30)]));
    let spans = spans(frames);
    for area in ["frame", "right"] {
        let spans: Vec<_> = spans.iter().filter(|s| s.area == Name::new(area)).collect();
        assert!(spans.len() >= 3);
        assert!(spans.iter().all(|s| s.ended - s.started <= SPAN_LIMIT && s.energies.len() == s.offsets_ms.len()));
        assert_eq!(spans.iter().map(|s| s.energies.len()).sum::<usize>(), 199);
        assert!(spans.windows(2).all(|w| w[0].last_frame + 1 == w[1].first_frame));
    }
}

/// A figure with head, body and a shadow at its feet.
fn figure(x: usize, shade: u8) -> [Thing; 3] {
    [(x.saturating_sub(20), 290, x + 60, 300, 115), (x, 140, x + 40, 296, shade), (x + 12, 110, x + 28, 140, 30)]
}

#[test]
fn who_stands_still_for_a_minute_is_still_seen_and_where_it_stood_is_forgotten() {
    let mut blobs = Blobs::new(Name::new("person"), None);
    for n in 0..500u64 {
        let seen = match n {
            0..10 => blobs.detect(&room(n, 100, &[])),
            10..400 => {
                blobs.detect(&room(n, 100 - (n as u32 / 40 % 4), &figure(100 + 10 * (n as usize - 10).min(20), 60)))
            }
            _ => blobs.detect(&room(n, 100, &[])),
        };
        if !(11..400).contains(&n) {
            assert!(n == 10 || seen.is_empty(), "{n} {seen:?}");
            continue;
        }
        let [d] = seen[..] else { panic!("{n} {seen:?}") };
        let x = (100 + 10 * (n as usize - 10).min(20)) as f32;
        let off = [d.x0 - x, d.y0 - 110.0, d.x1 - x - 40.0, d.y1 - 296.0].map(f32::abs);
        assert!(d.score >= 0.5 && off.iter().all(|o| *o <= 6.0), "{n} {d:?}");
    }
}

#[test]
fn two_who_meet_stay_two() {
    let mut blobs = Blobs::new(Name::new("person"), None);
    for n in 0..60u64 {
        let step = n.saturating_sub(10) as usize;
        let (left, right) = (figure(100 + 6 * step.min(28), 60), figure(450 - 6 * step.min(23), 70));
        let things: Vec<Thing> = if n < 10 { vec![] } else { left.into_iter().chain(right).collect() };
        let seen = blobs.detect(&room(n, 100, &things));
        assert_eq!(seen.len(), if n < 10 { 0 } else { 2 }, "{n} {seen:?}");
    }
}

#[test]
fn what_was_there_from_the_beginning_leaves_no_ghost() {
    let mut blobs = Blobs::new(Name::new("person"), None);
    let seen: Vec<usize> = (0..80u64)
        .map(|n| blobs.detect(&room(n, 100, if n < 20 { &[(300, 100, 380, 300, 40)] } else { &[] })).len())
        .collect();
    assert!(seen[..20].iter().all(|n| *n == 0), "{seen:?}");
    assert!(seen[20..30].contains(&1), "{seen:?}");
    assert!(seen[50..].iter().all(|n| *n == 0), "{seen:?}");
}

/// `cargo test --release … -- --ignored --nocapture`: time a 720p frame.
#[test]
#[ignore = "measures"]
fn time_a_frame() {
    let big = |n: u64| {
        let y: Vec<u8> = (0..1280 * 720).map(|i| ((i / 1280 + i % 1280 * 3 + n as usize % 3) % 200) as u8).collect();
        let chroma = vec![128; 640 * 360];
        let meta = FrameMeta { ts: EventTime(n as i64 * SAMPLE), number: n, ..room(0, 100, &[]).meta };
        Frame {
            meta,
            picture: Rc::new(Picture::Rendered { y, u: chroma.clone(), v: chroma, width: 1280, height: 720 }),
        }
    };
    let frames: Vec<Frame> = (0..20).map(big).collect();
    let mut blobs = Blobs::new(Name::new("person"), None);
    let mut stage = MotionStage::new(vec![(Name::new("frame"), [0.0, 0.0, 1.0, 1.0])]);
    let mut out = Outlet::default();
    for round in 0..3 {
        let before = cpu();
        frames.iter().for_each(|f| drop(blobs.detect(f)));
        let blobs = (cpu() - before) / 20;
        let before = cpu();
        frames.iter().for_each(|f| stage.step(Seen::Item(f.clone()), &mut out));
        println!("round {round}: blobs {blobs:.1?}, energy {:.1?} a 720p frame", (cpu() - before) / 20);
    }
}
