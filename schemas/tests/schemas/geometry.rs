//! Geometry in integers agrees with what floats say where floats are exact.

use gemba_schemas::geometry::{PixelBox, Point, Quad, UNIT, contains, cross};
use proptest::prelude::*;

/// The crossing rule in floats; products of millionths are exact in an `f64`.
fn contains_by_floats(polygon: &[Point], p: Point) -> bool {
    let (px, py) = (f64::from(p.x), f64::from(p.y));
    let mut inside = false;
    for (i, a) in polygon.iter().enumerate() {
        let b = polygon[(i + 1) % polygon.len()];
        let (ax, ay, bx, by) = (f64::from(a.x), f64::from(a.y), f64::from(b.x), f64::from(b.y));
        let (upper, lower) = if ay < by { ((ax, ay), (bx, by)) } else { ((bx, by), (ax, ay)) };
        // Rows from the upper end (inclusive) to the lower (exclusive) meet the edge once.
        if upper.1 <= py && py < lower.1 {
            let along = (lower.0 - upper.0) * (py - upper.1) - (px - upper.0) * (lower.1 - upper.1);
            inside ^= along > 0.0;
        }
    }
    inside
}

fn point(range: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = Point> {
    (range.clone(), range).prop_map(|(x, y)| Point { x, y })
}

proptest! {
    #[test]
    fn inside_is_what_floats_say(
        polygon in proptest::collection::vec(point(0..=UNIT), 3..9),
        p in point(-UNIT..=2 * UNIT),
    ) {
        prop_assert_eq!(contains(&polygon, p), contains_by_floats(&polygon, p));
    }

    // On a small grid points lie on corners and edges all the time.
    #[test]
    fn inside_is_what_floats_say_on_edges(
        polygon in proptest::collection::vec(point(0..=4), 3..7),
        p in point(0..=4),
    ) {
        prop_assert_eq!(contains(&polygon, p), contains_by_floats(&polygon, p));
    }

    #[test]
    fn inside_does_not_depend_on_where_the_corners_start(
        mut polygon in proptest::collection::vec(point(0..=20), 3..7),
        p in point(0..=20),
        turn in 0usize..6,
    ) {
        let before = contains(&polygon, p);
        let turn = turn % polygon.len();
        polygon.rotate_left(turn);
        prop_assert_eq!(contains(&polygon, p), before);
        polygon.reverse();
        prop_assert_eq!(contains(&polygon, p), before);
    }

    // A square cut into two by any chord from its left to its right edge: each point is in exactly one part.
    #[test]
    fn neighbours_share_no_point_and_leave_none(left in 1..100i32, right in 1..100i32, p in point(1..=99)) {
        let at = |x, y| Point { x, y };
        let upper = [at(0, 0), at(100, 0), at(100, right), at(0, left)];
        let lower = [at(0, left), at(100, right), at(100, 100), at(0, 100)];
        prop_assert!(contains(&upper, p) != contains(&lower, p));
    }

    #[test]
    fn sides_change_sign_with_the_lines_direction(a in point(0..=UNIT), b in point(0..=UNIT), p in point(0..=UNIT)) {
        prop_assert_eq!(cross(a, b, p), -cross(b, a, p));
        prop_assert_eq!(cross(a, b, p), cross(b, p, a));
        prop_assert_eq!(cross(a, b, a), 0);
    }
}

#[test]
fn the_right_side_is_positive() {
    // Looking up the picture (towards smaller y) the right side has larger x.
    let (a, b) = (Point { x: 500, y: 900 }, Point { x: 500, y: 100 });
    assert!(cross(a, b, Point { x: 700, y: 500 }) > 0);
    assert!(cross(a, b, Point { x: 300, y: 500 }) < 0);
}

#[test]
fn fewer_than_three_corners_hold_nothing() {
    let p = Point { x: 0, y: 0 };
    assert!(!contains(&[], p) && !contains(&[p], p) && !contains(&[p, Point { x: 9, y: 9 }], p));
}

#[test]
fn a_box_stands_on_its_bottom_centre() {
    let foot = PixelBox::from_f32(320.0, 100.0, 960.0, 540.0).foot(1280, 720);
    assert_eq!(foot, Point { x: 500_000, y: 750_000 });
    assert_eq!(foot, Point::from_f64(0.5, 0.75));
    // A picture without a size is a broken stream, not a division by zero.
    let _ = PixelBox::default().foot(0, 0);
}

#[test]
fn a_quads_area_has_no_sign() {
    let clockwise = Quad([0, 0, 10, 0, 10, 5, 0, 5]);
    let other = Quad([0, 0, 0, 5, 10, 5, 10, 0]);
    assert_eq!((clockwise.double_area(), other.double_area()), (100, 100));
}
