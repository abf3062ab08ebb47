//! The meaning of one `[[camera]]`: its clock, rates, areas and detector, and that whatever is
//! referred to exists. Zones, lines and profiles are checked in [`validate_scene`](super::validate_scene).

use super::document::{Problems, Spot};
use super::error::{hint, quoted};
use super::validate::unique;
use super::validate_scene::{line, packing, zone};
use super::{Area, Camera, ClassNames, Detect, FRAME_AREA, Length, MOTION_MODEL, Site};
use crate::time::Micros;

/// The widest and highest picture in pixels.
const MAX_SIDE: u16 = 16_384;

/// Most samples a second.
const MAX_RATE: f64 = 120.0;

pub(super) fn camera(site: &Site, camera: &Camera, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if let Some(c) = camera.name.chars().find(|c| "=/\\".contains(*c)) {
        problems.add(&spot.key("name"), format!("a camera's name cannot hold `{c}`: it is part of `camera=path`"));
    }
    clock(camera, spot, problems);
    if camera.source.as_deref() == Some("") {
        problems.add(&spot.key("source"), "is empty; write a file, a folder or a glob, or leave it out");
    }
    if let Some(resolution) = camera.resolution
        && !resolution.iter().all(|side| (16..=MAX_SIDE).contains(side))
    {
        problems.add(
            &spot.key("resolution"),
            format!("expected [width, height] in pixels, each from 16 to {MAX_SIDE}, found {resolution:?}"),
        );
    }
    let sample = spot.key("sample");
    for (key, rate) in
        [("codes", camera.sample.codes), ("motion", camera.sample.motion), ("detect", camera.sample.detect)]
    {
        if !(0.0..=MAX_RATE).contains(&rate) {
            problems.add(&sample.key(key), format!("expected samples per second from 0 to {MAX_RATE}, found {rate}"));
        }
    }
    unique(&camera.areas, |a| &a.name, &spot.key("area"), &[FRAME_AREA], problems);
    for (i, area) in camera.areas.iter().enumerate() {
        rect(area, &spot.key("area").item(i).key("rect"), problems);
    }
    for (key, areas) in
        [("codes", camera.codes.as_ref().map(|c| &c.areas)), ("motion", camera.motion.as_ref().map(|m| &m.areas))]
    {
        for (i, name) in areas.into_iter().flatten().enumerate() {
            area_exists(camera, name, &spot.key(key).key("areas").item(i), problems);
        }
    }
    if let Some(d) = &camera.detect {
        detect(site, camera, d, &spot.key("detect"), problems);
    }
    unique(&camera.zones, |z| &z.name, &spot.key("zone"), &[], problems);
    for (i, z) in camera.zones.iter().enumerate() {
        zone(camera, z, &spot.key("zone").item(i), problems);
    }
    unique(&camera.lines, |l| &l.name, &spot.key("line"), &[], problems);
    for (i, l) in camera.lines.iter().enumerate() {
        line(camera, l, &spot.key("line").item(i), problems);
    }
    unique(&camera.packing, |p| &p.name, &spot.key("packing"), &[], problems);
    for (i, p) in camera.packing.iter().enumerate() {
        packing(camera, p, &spot.key("packing").item(i), problems);
    }
}

fn clock(camera: &Camera, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if let Some(start) = &camera.start
        && let Err(error) = start.parse::<jiff::Timestamp>()
    {
        problems.add(
            &spot.key("start"),
            format!(
                "expected an instant with its offset, such as \"2025-03-01T09:00:00+05:30\", found `{start}` ({error})"
            ),
        );
    }
    if let Some(pattern) = &camera.filename_time
        && let Err(why) = names_an_instant(pattern)
    {
        problems.add(
            &spot.key("filename_time"),
            format!("`{pattern}` {why}; write a pattern such as \"bench-%Y%m%d-%H%M%S\""),
        );
    }
}

/// Whether a `strptime` pattern gives back, to the minute, an instant that was written with it.
fn names_an_instant(pattern: &str) -> Result<(), String> {
    use jiff::fmt::strtime;
    let date = jiff::civil::date(2033, 11, 22).at(13, 44, 55, 0);
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|e| e.to_string())?;
    let text = strtime::format(pattern, &zoned).map_err(|e| format!("is no strptime pattern ({e})"))?;
    let broken = strtime::parse(pattern, &text).map_err(|e| format!("cannot be read back ({e})"))?;
    let minute = |t: jiff::civil::DateTime| (t.date(), t.hour(), t.minute());
    match broken
        .to_timestamp()
        .map(|t| t.to_zoned(jiff::tz::TimeZone::UTC).datetime())
        .or_else(|_| broken.to_datetime())
    {
        Ok(read) if minute(read) == minute(date) => Ok(()),
        _ => Err("does not hold date, hour and minute".into()),
    }
}

fn rect(area: &Area, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let [left, top, right, bottom] = area.rect.map(|f| f.0);
    if left >= right || top >= bottom {
        problems.add(
            spot,
            format!(
                "expected [left, top, right, bottom] with left < right and top < bottom, found \
                 [{left}, {top}, {right}, {bottom}]"
            ),
        );
    }
}

pub(super) fn area_exists(camera: &Camera, name: &str, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if camera.area_rect(name).is_some() {
        return;
    }
    let known = || camera.areas.iter().map(|a| a.name.as_str()).chain([FRAME_AREA]);
    problems.add(
        spot,
        format!("camera `{}` has no area `{name}`{} (areas: {})", camera.name, hint(name, known()), quoted(known())),
    );
}

fn detect(site: &Site, camera: &Camera, d: &Detect, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let model = site.model(&d.model);
    if model.is_none() && d.model != MOTION_MODEL {
        let known = || site.models.iter().map(|m| m.name.as_str()).chain([MOTION_MODEL]);
        problems.add(
            &spot.key("model"),
            format!("there is no model `{}`{} (models: {})", d.model, hint(&d.model, known()), quoted(known())),
        );
    }
    area_exists(camera, &d.area, &spot.key("area"), problems);
    if d.model == MOTION_MODEL && d.classes.len() > 1 {
        problems.add(&spot.key("classes"), "the detector `motion` gives things of one class; name one");
    }
    if let Some(ClassNames::List(known)) = model.and_then(|m| m.classes.as_ref()) {
        for (i, class) in d.classes.iter().enumerate() {
            class_exists(class, known, &spot.key("classes").item(i), problems);
        }
        for class in d.thresholds.keys() {
            class_exists(class, known, &spot.key("thresholds").key(class), problems);
        }
    }
    positive(d.heartbeat, &spot.key("heartbeat"), problems);
    positive(d.lost_after, &spot.key("lost_after"), problems);
}

pub(super) fn class_exists(class: &str, known: &[String], spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if !known.iter().any(|k| k == class) {
        let known = || known.iter().map(String::as_str);
        problems
            .add(spot, format!("there is no class `{class}`{} (classes: {})", hint(class, known()), quoted(known())));
    }
}

pub(super) fn positive(length: Length, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if length.0 <= Micros::ZERO {
        problems.add(spot, "expected more than no time, such as \"1s\"");
    }
}
