//! The meaning of zones that stand for workstations, of assignments and badges.

use super::document::{Problems, Spot};
use super::error::{hint, quoted};
use super::station::ZONE_AREA;
use super::validate_camera::{area_exists, positive};
use super::validate_scene::at_most;
use super::{Camera, Site, Zone};
use crate::rule::STATION_KIND;
use crate::time::Micros;

/// Energies up to this are noise and are not stored, in 1/10 000.
const NOISE: u16 = 10;

/// Adds everything that is wrong with stations that cameras watch to `problems`.
pub(super) fn stations(site: &Site, root: &Spot<'_>, problems: &mut Problems<'_>) {
    badges(site, root, problems);
    assignments(site, &root.key("station"), problems);
    let cameras = root.key("camera");
    let mut watched: Vec<(&str, &Camera, &Zone)> = Vec::new();
    for (i, camera) in site.cameras.iter().enumerate() {
        let spot = cameras.item(i);
        for (j, area) in camera.areas.iter().enumerate().filter(|(_, a)| a.name.starts_with(ZONE_AREA)) {
            let message = format!("`{}`: names that begin with `{ZONE_AREA}` are taken: they are built in", area.name);
            problems.add(&spot.key("area").item(j).key("name"), message);
        }
        for (j, zone) in camera.zones.iter().enumerate() {
            let spot = spot.key("zone").item(j);
            let Some(station) = &zone.station else {
                without_station(&spot, problems);
                continue;
            };
            let at = spot.key("station");
            if let Some((_, other, there)) = watched.iter().find(|(name, ..)| name == station) {
                let message = format!(
                    "`{station}` is watched already, by the zone `{}` of the camera `{}`; one zone a station",
                    there.name, other.name
                );
                problems.add(&at, message);
            } else if !site.stations.iter().any(|s| s.name == *station) {
                let known = || site.stations.iter().map(|s| s.name.as_str());
                let message = format!(
                    "there is no station `{station}`{} (stations: {})",
                    hint(station, known()),
                    quoted(known())
                );
                problems.add(&at, message);
            }
            watched.push((station, camera, zone));
            zone_of_station(site, camera, zone, &spot, problems);
        }
    }
}

/// A worker's badge is one worker's, and is read somewhere.
fn badges(site: &Site, root: &Spot<'_>, problems: &mut Problems<'_>) {
    let read = site.cameras.iter().flat_map(|c| &c.zones).any(|z| z.badges == Some(true));
    for (i, worker) in site.workers.iter().enumerate() {
        let Some(badge) = &worker.badge else { continue };
        let spot = root.key("worker").item(i).key("badge");
        if badge.is_empty() {
            problems.add(&spot, "is empty; write the text of the badge's code, or leave it out");
        } else if let Some(other) = site.workers[..i].iter().find(|w| w.badge.as_ref() == Some(badge)) {
            problems.add(&spot, format!("`{badge}` is the badge of `{}` too; a badge is one worker's", other.name));
        } else if !read {
            problems
                .add(&spot, "no badge is read anywhere: set `badges = true` in a [[camera.zone]] of kind `station`");
        }
    }
}

/// A station's worker is known, and assigned to one station.
fn assignments(site: &Site, list: &Spot<'_>, problems: &mut Problems<'_>) {
    for (i, station) in site.stations.iter().enumerate() {
        let Some(worker) = &station.worker else { continue };
        let spot = list.item(i).key("worker");
        if let Some(other) = site.stations[..i].iter().find(|s| s.worker.as_ref() == Some(worker)) {
            let message = format!("`{worker}` is the worker of `{}` already; a worker has one station", other.name);
            problems.add(&spot, message);
        } else if !site.workers.iter().any(|w| w.name == *worker) {
            let known = || site.workers.iter().map(|w| w.name.as_str());
            let message =
                format!("there is no worker `{worker}`{} (workers: {})", hint(worker, known()), quoted(known()));
            problems.add(&spot, message);
        }
    }
}

fn without_station(spot: &Spot<'_>, problems: &mut Problems<'_>) {
    for key in ["area", "working_energy", "idle_after", "badges"] {
        let at = spot.key(key);
        if at.is_given() {
            problems.add(&at, "needs `station`, the workstation that the zone stands for");
        }
    }
}

fn zone_of_station(site: &Site, camera: &Camera, zone: &Zone, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if zone.kind != STATION_KIND {
        let message = format!("is for zones of kind `{STATION_KIND}`; this one is of kind `{}`", zone.kind);
        problems.add(&spot.key("station"), message);
    }
    if let Some(area) = &zone.area {
        area_exists(camera, area, &spot.key("area"), problems);
    }
    if zone.working_energy() <= NOISE {
        problems
            .add(&spot.key("working_energy"), "expected more than 0.001: what moves less is noise, and is not stored");
    }
    if let Some(still) = zone.idle_after {
        positive(still, &spot.key("idle_after"), problems);
        at_most(still, Micros(10 * Micros::MINUTE.0), "10m", &spot.key("idle_after"), problems);
    }
    let at = spot.key("station");
    if camera.detect.is_none() {
        problems.add(
            &at,
            format!(
                "whether somebody is there is seen by a detector, and `{}` has none; write [camera.detect] with \
                 `model = \"motion\"`, or name a [[model]]",
                camera.name
            ),
        );
    } else if camera.sample.detect == 0.0 {
        problems.add(&at, "whether somebody is there cannot be seen: `camera.sample.detect` is 0");
    }
    if camera.sample.motion == 0.0 {
        problems.add(&at, "whether somebody works cannot be seen: `camera.sample.motion` is 0");
    }
    if zone.badges == Some(true) {
        let at = spot.key("badges");
        if camera.sample.codes == 0.0 {
            problems.add(&at, "badges cannot be read: `camera.sample.codes` is 0");
        }
        if site.workers.iter().all(|w| w.badge.is_none()) {
            problems.add(&at, "no [[worker]] has a `badge`; write the text of their codes there");
        }
    }
}
