//! The meaning of a site file whose structure is right: the site as a whole, its models, the endpoint.
//! Cameras are checked in [`validate_camera`].

use super::document::{Problems, Spot};
use super::error::hint;
use super::{
    ClassNames, MOTION_MODEL, Site, retention, validate_alerts, validate_attendance, validate_camera, validate_gate,
    validate_station,
};
use crate::time::Micros;
use std::net::SocketAddr;

/// Adds everything that is wrong with `site` to `problems`; `root` tells where it is written.
pub(super) fn site(site: &Site, root: &Spot<'_>, problems: &mut Problems<'_>) {
    place(site, &root.key("site"), problems);
    listen(&site.endpoint.listen, &root.key("endpoint").key("listen"), problems);
    if site.data.dir.as_os_str().is_empty() {
        problems.add(&root.key("data").key("dir"), "is empty; write a folder, such as \"gemba-data\"");
    }
    models(site, &root.key("model"), problems);
    work(site, root, problems);
    let cameras = root.key("camera");
    // Clients alone may report, where the site says of whom.
    let clients = site.workers.len() + site.stations.len() + site.shifts.len() + usize::from(site.gate.is_some());
    if site.cameras.is_empty() && clients == 0 {
        problems.add(&cameras, "the site has no camera; write at least one [[camera]]");
    }
    unique(&site.cameras, |c| &c.name, &cameras, &[], problems);
    for (i, camera) in site.cameras.iter().enumerate() {
        validate_camera::camera(site, camera, &cameras.item(i), problems);
    }
    retention::retention(site, &root.key("retention"), problems);
    validate_alerts::alerts(site, &root.key("alert"), problems);
    validate_attendance::attendance(site, root, problems);
    if let Some(gate) = &site.gate {
        validate_gate::gate(gate, &site.site.time_zone, &root.key("gate"), problems);
    }
    validate_station::stations(site, root, problems);
}

fn place(site: &Site, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    name(&site.site.name, &spot.key("name"), problems);
    time_zone(&site.site.time_zone, &spot.key("time_zone"), problems);
}

/// A time zone that is known.
pub(super) fn time_zone(zone: &str, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if jiff::tz::TimeZone::get(zone).is_err() {
        let known: Vec<_> = jiff::tz::db().available().map(|n| n.as_str().to_owned()).collect();
        problems.add(
            spot,
            format!(
                "unknown time zone `{zone}`{}",
                also(hint(zone, known.iter().map(String::as_str)), "write an IANA name, such as \"Asia/Kolkata\"")
            ),
        );
    }
}

fn work(site: &Site, root: &Spot<'_>, problems: &mut Problems<'_>) {
    let spot = root.key("productivity");
    for (key, length) in [("event_duration", site.productivity.event_duration), ("max_gap", site.productivity.max_gap)]
    {
        if !(1..=24 * Micros::HOUR.0).contains(&length.0.0) {
            problems.add(&spot.key(key), "must be longer than nothing and at most `24h`");
        }
    }
    for key in ["min_samples", "sustained"] {
        let value = if key == "sustained" { site.drift.sustained } else { site.drift.min_samples };
        if value == 0 {
            problems.add(&root.key("drift").key(key), "must be at least 1");
        }
    }
    drift(site, &root.key("drift"), problems);
    unique(&site.workers, |w| &w.name, &root.key("worker"), &[], problems);
    unique(&site.stations, |s| &s.name, &root.key("station"), &[], problems);
}

fn drift(site: &Site, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if let Some(baseline) = site.drift.baseline {
        let (from, to) = (baseline.from.0, baseline.to.0);
        let spot = spot.key("baseline").key("to");
        if to < from {
            problems.add(&spot, format!("expected a date from `from` ({from}) on, found {to}"));
        } else if site.baseline().is_none() {
            problems.add(&spot, format!("expected dates of this calendar, found {from} to {to}"));
        }
    }
    if let Some(most) = site.drift.max_psi.filter(|most| most.0 == 0.0 || most.0 > 6.0) {
        problems.add(&spot.key("max_psi"), format!("expected more than 0 and at most 6, found {}", most.0));
    }
}

fn also(hint: String, otherwise: &str) -> String {
    if hint.is_empty() { format!("; {otherwise}") } else { hint }
}

fn listen(text: &str, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => {}
        Ok(address) => problems.add(
            spot,
            format!(
                "only loopback addresses are accepted, found `{address}`; write \"127.0.0.1:{}\" and put a proxy that \
                 asks for a password in front of it",
                address.port()
            ),
        ),
        Err(_) => {
            problems.add(spot, format!("expected an address and a port, such as \"127.0.0.1:8686\", found `{text}`"))
        }
    }
}

fn models(site: &Site, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    unique(&site.models, |m| &m.name, spot, &[MOTION_MODEL], problems);
    for (i, model) in site.models.iter().enumerate() {
        let spot = spot.item(i);
        if model.path.as_os_str().is_empty() {
            problems.add(&spot.key("path"), "is empty; write the path of an .onnx file");
        }
        if let Some(digest) = &model.sha256
            && !(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            let found = digest.chars().count();
            problems.add(
                &spot.key("sha256"),
                format!("expected 64 hex digits, as `sha256sum` prints them, found {found} characters"),
            );
        }
        if let Some(ClassNames::List(names)) = &model.classes {
            let classes = spot.key("classes");
            if names.is_empty() {
                problems
                    .add(&classes, "is empty; leave it out, or name every class in the order of the model's outputs");
            }
            for (j, class) in names.iter().enumerate() {
                name(class, &classes.item(j), problems);
            }
        }
    }
}

/// A name that people will read and type again.
pub(super) fn name(name: &str, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if name.trim().is_empty() {
        problems.add(spot, "is empty; write a name");
    } else if name.trim() != name || name.chars().any(char::is_control) {
        problems.add(spot, format!("`{}` has spaces at its ends or control characters", name.escape_debug()));
    } else if name.chars().count() > 100 {
        problems.add(spot, "is longer than 100 characters");
    }
}

/// Each element's name is sound, not reserved, and no other's.
pub(super) fn unique<T>(
    items: &[T],
    name_of: fn(&T) -> &String,
    list: &Spot<'_>,
    reserved: &[&str],
    problems: &mut Problems<'_>,
) {
    for (i, item) in items.iter().enumerate() {
        let (text, spot) = (name_of(item), list.item(i).key("name"));
        name(text, &spot, problems);
        if reserved.contains(&text.as_str()) {
            problems.add(&spot, format!("`{text}` is taken: it is built in; choose another name"));
        }
        if items[..i].iter().any(|other| name_of(other) == text) {
            problems.add(&spot, format!("`{text}` is used twice; names must be unique"));
        }
    }
}
