//! The meaning of a camera's zones, lines and packing profiles.

use super::document::{Problems, Spot};
use super::error::{hint, quoted};
use super::validate::name;
use super::validate_camera::{area_exists, class_exists, positive};
use super::{Camera, Fraction, Length, Line, Packing, Zone};
use crate::geometry::{Point, cross};
use crate::time::Micros;

/// A zone or line for classes that the camera does not keep would stay empty for ever.
fn classes_kept(camera: &Camera, classes: &[String], spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let kept = camera.detect.as_ref().map_or(&[][..], |d| &d.classes);
    for (i, class) in classes.iter().enumerate().filter(|_| !kept.is_empty()) {
        class_exists(class, kept, &spot.item(i), problems);
    }
}

fn point(p: [Fraction; 2]) -> Point {
    Point::from_f64(p[0].0, p[1].0)
}

pub(super) fn zone(camera: &Camera, z: &Zone, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    name(&z.kind, &spot.key("kind"), problems);
    let corners: Vec<Point> = z.polygon.iter().copied().map(point).collect();
    let polygon = spot.key("polygon");
    if corners.len() < 3 {
        problems.add(&polygon, format!("expected at least three corners [x, y], found {}", corners.len()));
    } else if let Some((i, j)) = crossing_edges(&corners) {
        problems.add(
            &polygon,
            format!("the edges after corners {} and {} cross; list the corners in order around the zone", i + 1, j + 1),
        );
    } else if double_area(&corners) == 0 {
        problems.add(&polygon, "the corners enclose nothing: they lie on one line");
    }
    classes_kept(camera, &z.classes, &spot.key("classes"), problems);
}

/// Twice the area, in square millionths (the shoelace sum).
fn double_area(corners: &[Point]) -> i64 {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(a, b)| i64::from(a.x) * i64::from(b.y) - i64::from(b.x) * i64::from(a.y)).sum()
}

/// The first two edges that properly cross, by the corners they start at.
fn crossing_edges(corners: &[Point]) -> Option<(usize, usize)> {
    let edge = |i: usize| (corners[i], corners[(i + 1) % corners.len()]);
    let opposite = |a, b, p, q| cross(a, b, p).signum() * cross(a, b, q).signum() < 0;
    (0..corners.len()).flat_map(|i| (i + 1..corners.len()).map(move |j| (i, j))).find(|&(i, j)| {
        let ((a, b), (c, d)) = (edge(i), edge(j));
        opposite(a, b, c, d) && opposite(c, d, a, b)
    })
}

pub(super) fn line(camera: &Camera, l: &Line, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if point(l.from) == point(l.to) {
        problems.add(&spot.key("to"), "both ends are the same point");
    }
    let [left, right] = ["left", "right"].map(|key| spot.key(key));
    name(&l.left, &left, problems);
    name(&l.right, &right, problems);
    if l.left == l.right {
        let spot = if right.is_given() { right } else { left };
        problems.add(&spot, format!("both sides are called `{}`; give them different names", l.left));
    }
    if let Some(inside) = &l.inside
        && *inside != l.left
        && *inside != l.right
    {
        let sides = [l.left.as_str(), l.right.as_str()];
        problems.add(
            &spot.key("inside"),
            format!("the line has no side `{inside}`{} (sides: {})", hint(inside, sides), quoted(sides)),
        );
    }
    if l.band.0 > 0.25 {
        problems.add(&spot.key("band"), format!("expected at most 0.25 of the picture's height, found {}", l.band.0));
    }
    at_most(l.settle, Micros::MINUTE, "1m", &spot.key("settle"), problems);
    classes_kept(camera, &l.classes, &spot.key("classes"), problems);
}

pub(super) fn packing(camera: &Camera, p: &Packing, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    for (key, area) in [("trigger_area", &p.trigger_area), ("code_area", &p.code_area), ("motion_area", &p.motion_area)]
    {
        if let Some(area) = area {
            area_exists(camera, area, &spot.key(key), problems);
        }
    }
    if let Some(pattern) = &p.code_pattern
        && let Err(error) = regex::Regex::new(pattern)
    {
        problems.add(&spot.key("code_pattern"), regex_words(pattern, &error));
    }
    if p.trigger.as_deref() == Some("") {
        problems.add(&spot.key("trigger"), "is empty; write the text of the trigger code, or leave it out");
    }
    if p.trigger.is_none() {
        if p.trigger_area.is_some() {
            problems.add(&spot.key("trigger_area"), "needs `trigger`, the text of the trigger code");
        }
        if p.motion_threshold.0 == 0.0 {
            problems.add(
                &spot.key("motion_threshold"),
                "expected more than 0: without a trigger, motion drives the sessions",
            );
        }
        positive(p.stable_duration, &spot.key("stable_duration"), problems);
        if camera.sample.motion == 0.0 {
            problems.add(spot, "without a trigger, motion drives the sessions, but `camera.sample.motion` is 0");
        }
    } else if camera.sample.codes == 0.0 {
        problems.add(spot, "the trigger code cannot be read: `camera.sample.codes` is 0");
    }
    if p.on_sightings == 0 {
        problems.add(&spot.key("on_sightings"), "expected at least 1, found 0");
    }
    positive(p.off_after, &spot.key("off_after"), problems);
    at_most(p.lookback, Micros::HOUR, "1h", &spot.key("lookback"), problems);
    if p.min_duration.0 >= p.max_duration.0 {
        let (min, max) = (spot.key("min_duration"), spot.key("max_duration"));
        let seconds = |l: Length| l.0.as_secs_f64();
        problems.add(
            if max.is_given() { &max } else { &min },
            format!(
                "expected `min_duration` < `max_duration`, found {} s and {} s",
                seconds(p.min_duration),
                seconds(p.max_duration)
            ),
        );
    }
}

/// What a regular expression's error says, on one line: where and why.
pub(super) fn regex_words(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let why = text.lines().rev().find_map(|l| l.trim().strip_prefix("error: ").map(str::to_owned));
    // The library underlines the place with `^` below the pattern, both indented by four.
    let place = text.lines().find(|l| l.trim_start().starts_with('^')).and_then(|l| l.find('^')).map(|c| c - 3);
    match (why, place) {
        (Some(why), Some(place)) => format!("`{pattern}` is no regular expression: {why} at character {place}"),
        _ => format!("`{pattern}` is no regular expression: {}", text.replace('\n', " ")),
    }
}

pub(super) fn at_most(length: Length, most: Micros, words: &str, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if length.0 > most {
        problems.add(spot, format!("expected at most \"{words}\", found {} s", length.0.as_secs_f64()));
    }
}
