//! Still images: rendered codes under what cameras do, and no panic on anything.

use super::draw::{cover, ground, modules, noise, paint, square};
use crate::frame::Plane;
use crate::scan::grey::Grey;
use crate::scan::quad::Corners;
use crate::scan::{Effort, look_still, read_still, rqrr, structure};
use gemba_schemas::fact::Attempt;
use proptest::prelude::*;

const TEXT: &str = "PKG-20260001-9503";

fn texts(picture: &Grey) -> Vec<String> {
    read_still(&picture.plane(), Effort::Full).into_iter().map(|r| r.text).collect()
}

/// A code of so many pixels a module in the middle of a picture.
fn picture(px: f32, degrees: f32) -> Grey {
    let mut picture = ground(400, 300, 120);
    paint(&mut picture, TEXT, square([203.3, 149.6], px * modules(TEXT) as f32, degrees), 40, 215);
    picture
}

#[test]
fn reads_every_size_and_rotation() {
    for px in [2.0, 2.5, 3.0, 4.0, 6.0, 8.0] {
        for degrees in [0.0, 17.0, 45.0, 90.0, 133.0, 180.0, 270.0] {
            assert_eq!(texts(&picture(px, degrees)), [TEXT], "{px} px a module, {degrees}°");
        }
    }
}

#[test]
fn corners_are_those_of_the_symbol() {
    let readings = read_still(&picture(5.0, 20.0).plane(), Effort::Quick);
    let truth = square([203.3, 149.6], 5.0 * modules(TEXT) as f32, 20.0).fixed();
    assert_eq!(readings.len(), 1);
    assert_eq!((readings[0].attempt, readings[0].payload.as_slice()), (Attempt::Plain, TEXT.as_bytes()));
    for (found, truth) in readings[0].corners.0.iter().zip(truth.0) {
        assert!((found - truth).abs() <= 4, "{:?} {truth:?}", readings[0].corners);
    }
}

#[test]
fn reads_blurred_noisy_inverted_tilted_and_covered_codes() {
    let mut blurred = picture(3.0, 10.0);
    (0..4).for_each(|_| blurred = blurred.blurred());
    assert_eq!(texts(&blurred), [TEXT], "blurred");

    let mut noisy = picture(4.0, 30.0);
    noise(&mut noisy, 45, 7);
    assert_eq!(texts(&noisy), [TEXT], "noisy");

    let inverted = texts(&picture(4.0, 5.0).inverted());
    assert_eq!(inverted, [TEXT], "light on dark");

    let mut tilted = ground(400, 300, 120);
    let corners = Corners([[130.0, 70.0], [260.0, 95.0], [245.0, 210.0], [120.0, 235.0]]);
    paint(&mut tilted, TEXT, corners, 40, 215);
    assert_eq!(texts(&tilted), [TEXT], "in perspective");

    let mut covered = picture(6.0, 0.0);
    cover(&mut covered, 235..255, 150..165, 120);
    assert_eq!(texts(&covered), [TEXT], "covered by less than the error correction");
}

#[test]
fn a_covered_code_is_located_but_never_misread() {
    let mut covered = picture(6.0, 0.0);
    // Everything between the finder patterns.
    cover(&mut covered, 192..262, 140..205, 120);
    let still = look_still(&covered.plane(), Effort::Full);
    assert_eq!(still.readings, []);
    assert_eq!(still.located.len(), 1);
}

#[test]
fn structure_tells_codes_from_other_things() {
    let good = picture(4.0, 12.0);
    let corners = square([203.3, 149.6], 4.0 * modules(TEXT) as f32, 12.0);
    let found = structure::examine(&good.plane(), corners).unwrap();
    assert_eq!(found.modules, modules(TEXT));
    assert!(found.agreement > 0.95);
    let mut other = ground(400, 300, 120);
    noise(&mut other, 120, 3);
    assert_eq!(structure::examine(&other.plane(), corners), None);
}

#[test]
fn two_codes_in_one_picture_are_both_read() {
    let mut picture = ground(500, 250, 150);
    paint(&mut picture, "LEFT-1", square([120.0, 120.0], 100.0, 8.0), 30, 230);
    paint(&mut picture, "RIGHT-2", square([370.0, 130.0], 90.0, -20.0), 30, 230);
    let mut found = texts(&picture);
    found.sort();
    assert_eq!(found, ["LEFT-1", "RIGHT-2"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_panics_and_nothing_is_read_in_noise(
        width in 0usize..70, height in 0usize..70, extra in 0usize..9, seed in any::<u32>(), levels in 1u32..=255,
    ) {
        let stride = width + extra;
        let mut state = seed | 1;
        let data: Vec<u8> = (0..stride * height).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 24) % levels) as u8
        }).collect();
        let plane = Plane { data: &data, stride, width, height };
        prop_assert_eq!(read_still(&plane, Effort::Full), vec![]);
        // A panic of the second library is its own; it must come back as words.
        let _ = rqrr::read(&plane);
    }

    #[test]
    fn corners_anywhere_are_survived(points in proptest::array::uniform8(-500f32..900.0)) {
        let picture = picture(3.0, 0.0);
        let corners = Corners(std::array::from_fn(|i| [points[2 * i], points[2 * i + 1]]));
        let _ = structure::examine(&picture.plane(), corners);
        let place = crate::scan::attempt::Place { corners, structure: None };
        for &how in crate::scan::attempt::LADDER.iter().step_by(3) {
            if corners.plausible() {
                let _ = crate::scan::attempt::attempt(&picture.plane(), &place, how);
            }
        }
    }
}
