//! The video stage on rendered frames: runs, cuts, coverings, misses, interruption.

use super::draw::{cover, frame, ground, noise, paint, square};
use crate::frame::Frame;
use crate::scan::grey::Grey;
use crate::scan::{ScanArea, ScanConfig, Scanner};
use crate::stage::{End, Outlet, Seen, Stage};
use gemba_schemas::fact::{CodeMiss, CodeRead, CoverageEnd, Fact, SPAN_LIMIT};
use gemba_schemas::id::{FactId, Generation};
use gemba_schemas::time::EventTime;

const PERIOD: i64 = 166_667;

fn scanner(areas: &[(&str, [f64; 4])]) -> Scanner {
    let areas = areas.iter().map(|&(name, rect)| ScanArea { name: name.into(), rect }).collect();
    Scanner::new(ScanConfig { areas, retries: 6, triggers: vec!["TimeGo".into()] })
}

fn end() -> Seen<Frame> {
    Seen::End(End {
        camera: "bench".into(),
        generation: Generation(0),
        ts: EventTime(i64::MAX),
        reason: CoverageEnd::EndOfFootage,
    })
}

/// Runs `samples` pictures through a reader of the whole frame; the end only if `finish`.
fn run(samples: usize, finish: bool, mut picture: impl FnMut(usize) -> Grey) -> Vec<Fact> {
    let mut scanner = scanner(&[("frame", [0.0, 0.0, 1.0, 1.0])]);
    let mut out = Outlet::default();
    for i in 0..samples {
        scanner.step(Seen::Item(frame(picture(i), 4 * i as u64, PERIOD * i as i64)), &mut out);
    }
    if finish {
        scanner.step(end(), &mut out);
    }
    out.facts
}

fn reads(facts: &[Fact]) -> Vec<&CodeRead> {
    facts.iter().filter_map(|f| if let Fact::CodeRead(r) = f { Some(&**r) } else { None }).collect()
}

fn misses(facts: &[Fact]) -> Vec<&CodeMiss> {
    facts.iter().filter_map(|f| if let Fact::CodeMiss(m) = f { Some(&**m) } else { None }).collect()
}

/// A bench with the trigger code, and noise that differs from frame to frame.
fn bench(i: usize, draw: impl FnOnce(&mut Grey)) -> Grey {
    let mut picture = ground(480, 320, 110);
    paint(&mut picture, "TimeGo", square([360.0, 200.0], 88.0, 3.0), 40, 210);
    draw(&mut picture);
    noise(&mut picture, 6, i as u32);
    picture
}

#[test]
fn a_still_code_is_one_run_cut_at_the_limit() {
    let facts = run(100, true, |i| bench(i, |_| ()));
    let runs = reads(&facts);
    assert_eq!(runs.iter().map(|r| r.sightings).collect::<Vec<_>>(), [60, 40]);
    assert!(runs.iter().all(|r| r.text == "TimeGo" && r.last_seen - r.first_seen < SPAN_LIMIT));
    assert_eq!((runs[0].first_frame, runs[0].last_frame, runs[1].first_frame), (0, 236, 240));
    let seen = runs[1].first_seen.0.to_le_bytes();
    let id = FactId::of("code_read", "bench".into(), Generation(0), &[b"frame", b"TimeGo", &seen]);
    assert_eq!(runs[1].id, id);
    assert!(misses(&facts).is_empty());
}

#[test]
fn covering_and_uncovering_are_noticed_in_the_same_sample() {
    let facts = run(60, true, |i| {
        bench(i, |picture| {
            if (20..40).contains(&i) {
                cover(picture, 300..400, 150..260, 150);
            }
        })
    });
    let spans: Vec<_> = reads(&facts).iter().map(|r| (r.first_frame / 4, r.last_frame / 4, r.sightings)).collect();
    assert_eq!(spans, [(0, 19, 20), (40, 59, 20)]);
}

#[test]
fn a_slow_cover_is_noticed_once_the_code_is_unreadable() {
    // A hand's shadow and then the hand: two grey levels a sample, then 3 px a sample from the left.
    let facts = run(80, true, |i| {
        bench(i, |picture| {
            for v in &mut picture.data {
                *v = v.saturating_sub((i.min(10) * 2) as u8);
            }
            cover(picture, 250..(250 + 3 * i).min(470), 120..290, 90);
        })
    });
    let last = reads(&facts).iter().map(|r| r.last_frame / 4).max().unwrap();
    // The code begins at about 314 px: from sample 22 it is touched; at 26 a finder pattern is gone.
    assert!((20..=27).contains(&last), "last seen in sample {last}");
}

#[test]
fn a_passing_parcel_is_read_while_it_is_there() {
    let facts = run(60, true, |i| {
        bench(i, |picture| {
            if (10..50).contains(&i) {
                // In over 5 samples, at rest, out.
                let x = if i < 15 { 40.0 + 20.0 * (i - 10) as f32 } else { 140.0 };
                cover(picture, x as usize - 40..x as usize + 60, 60..200, 170);
                paint(picture, "PKG-7", square([x + 10.0, 130.0], 63.0, 15.0), 50, 200);
            }
        })
    });
    let runs = reads(&facts);
    let parcel: Vec<_> = runs.iter().filter(|r| r.text == "PKG-7").collect();
    assert!(parcel.iter().all(|r| (10..50).contains(&(r.first_frame / 4)) && r.last_frame / 4 < 50));
    assert!(parcel.iter().any(|r| r.first_frame / 4 <= 15 && r.last_frame / 4 == 49), "{parcel:?}");
    assert_eq!(runs.iter().filter(|r| r.text == "TimeGo").map(|r| r.sightings).sum::<u32>(), 60);
}

#[test]
fn an_undecodable_code_is_a_miss_and_nothing_else_is() {
    let facts = run(40, true, |i| {
        bench(i, |picture| {
            if (10..30).contains(&i) {
                paint(picture, "PKG-20260001-9503", square([120.0, 130.0], 105.0, 0.0), 40, 210);
                cover(picture, 108..165, 115..170, 120);
            }
        })
    });
    let missed = misses(&facts);
    assert_eq!(missed.len(), 1, "{missed:?}");
    assert!(missed[0].sightings >= 18 && missed[0].last_frame / 4 == 29, "{missed:?}");
    assert!(reads(&facts).iter().all(|r| r.text == "TimeGo"));
}

#[test]
fn a_code_belongs_to_every_area_that_holds_it() {
    let mut scanner =
        scanner(&[("left", [0.0, 0.0, 0.5, 1.0]), ("right", [0.5, 0.0, 1.0, 1.0]), ("frame", [0.0, 0.0, 1.0, 1.0])]);
    let mut out = Outlet::default();
    (0..5).for_each(|i| scanner.step(Seen::Item(frame(bench(i, |_| ()), i as u64, PERIOD * i as i64)), &mut out));
    scanner.step(end(), &mut out);
    let mut areas: Vec<_> = reads(&out.facts).iter().map(|r| (r.area.as_str(), r.sightings)).collect();
    areas.sort_unstable();
    assert_eq!(areas, [("frame", 5), ("right", 5)]);
    assert!(matches!(out.items.as_slice(), [Seen::End(_)]));
}

#[test]
fn an_interrupted_run_reports_a_prefix_and_a_second_run_the_same() {
    let scene = |i: usize| {
        bench(i, |p| {
            if i % 20 > 14 {
                cover(p, 300..400, 150..260, 150)
            }
        })
    };
    let whole = run(90, true, scene);
    assert_eq!(whole, run(90, true, scene));
    for stop in [7, 33, 64, 90] {
        let part = run(stop, false, scene);
        assert_eq!(part, whole[..part.len()], "stopped after {stop}");
    }
}

#[test]
fn frames_nobody_wants_and_odd_sizes_are_survived() {
    let mut scanner = scanner(&[("frame", [0.0, 0.0, 1.0, 1.0]), ("void", [0.5, 0.5, 0.5, 0.5])]);
    let mut out = Outlet::default();
    for (i, (w, h)) in [(0, 0), (1, 40), (40, 1), (17, 33), (480, 320), (30, 30)].into_iter().enumerate() {
        scanner.step(Seen::Item(frame(ground(w, h, 90), i as u64, PERIOD * i as i64)), &mut out);
    }
    let mut unwanted = frame(bench(0, |_| ()), 9, 0);
    unwanted.meta.wanted.codes = false;
    scanner.step(Seen::Item(unwanted), &mut out);
    scanner.step(end(), &mut out);
    assert_eq!(out.facts, []);
}
