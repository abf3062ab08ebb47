//! Zones that stand for stations, assignments and badges in `site.toml`.

use gemba_schemas::id::Name;
use gemba_schemas::rule::{BadgeRule, Rule, StationZoneRule, digest};
use gemba_schemas::site::{Site, SiteError};
use gemba_schemas::time::Micros;
use std::path::Path;

/// Two workers, two stations and a camera with a detector, and `rest` of it.
fn parse(rest: &str) -> Result<Site, SiteError> {
    let text = format!(
        "[site]\nname = 's'\n[[worker]]\nname = 'W1'\n[[worker]]\nname = 'W2'\nbadge = 'B2'\n\
         [[station]]\nname = 'S1'\nworker = 'W1'\n[[station]]\nname = 'S2'\n\
         [[camera]]\nname = 'c'\n{rest}\n"
    );
    Site::parse(&text, Path::new("site.toml"))
}

/// The messages, without file and place.
#[track_caller]
fn wrong(rest: &str) -> Vec<String> {
    let error = parse(rest).expect_err("the text is wrong on purpose").to_string();
    error.lines().map(|line| line.splitn(4, ':').nth(3).unwrap_or(line).trim().to_owned()).collect()
}

const DETECT: &str = "[camera.detect]\nmodel = 'motion'\n";
const ZONE: &str =
    "[[camera.zone]]\nname = 'bench'\nkind = 'station'\npolygon = [[0.25, 0.5], [0.5, 0.5], [0.4, 0.75]]\n";

fn rules(site: &Site) -> (Vec<StationZoneRule>, Vec<BadgeRule>) {
    let (mut zones, mut badges) = (Vec::new(), Vec::new());
    for rule in site.rules() {
        match rule {
            Rule::StationZone(zone) => zones.push(zone),
            Rule::Badge(badge) => badges.push(badge),
            _ => {}
        }
    }
    (zones, badges)
}

#[test]
fn a_zone_that_names_its_station_is_a_rule_with_defaults() {
    let site = parse(&format!("{DETECT}{ZONE}station = 'S1'\nbadges = true")).unwrap_or_else(|e| panic!("{e}"));
    let zone = site.rules().into_iter().find(|r| matches!(r, Rule::Zone(_))).expect("the zone");
    let (zones, badges) = rules(&site);
    let expected = StationZoneRule {
        camera: "c".into(),
        zone: "bench".into(),
        zone_rules: digest([&zone]),
        bridge: Micros::from_secs(2),
        station: "S1".into(),
        worker: Some("W1".into()),
        area: "zone:bench".into(),
        working_energy: 200,
        idle_after: Micros::from_secs(5),
        badges: true,
    };
    assert_eq!(zones, [expected]);
    assert_eq!(badges, [BadgeRule { badge: "B2".into(), worker: Name::new("W2") }]);
    // Motion is measured, and badges are read, in the rectangle around the polygon.
    let camera = &site.cameras[0];
    let needs = camera.needs();
    assert_eq!(needs.motion.map(|m| m.areas), Some(vec!["zone:bench".to_owned()]));
    assert_eq!(needs.codes.map(|c| c.areas), Some(vec!["zone:bench".to_owned()]));
    assert_eq!(camera.area_rect("zone:bench"), Some([0.25, 0.5, 0.5, 0.75]));
    assert_eq!(camera.area_rect("zone:elsewhere"), None);
}

#[test]
fn areas_of_stations_come_on_top_of_what_else_is_looked_at() {
    let zone = format!("{ZONE}station = 'S2'\nbadges = true\narea = 'hands'\n");
    let area = "[[camera.area]]\nname = 'hands'\nrect = [0, 0, 0.5, 0.5]\n";
    let site =
        parse(&format!("{DETECT}[camera.codes]\n[camera.motion]\n{area}{zone}")).unwrap_or_else(|e| panic!("{e}"));
    let needs = site.cameras[0].needs();
    assert_eq!(needs.codes.map(|c| c.areas.join("+")), Some("frame+hands".to_owned()));
    assert_eq!(needs.motion.map(|m| m.areas.join("+")), Some("frame+hands".to_owned()));
    // A move of the area is another look at the pixels; a threshold is not.
    let text = |zone: &str| {
        let site = parse(&format!("{DETECT}{area}{ZONE}badges = true\nstation = 'S2'\n{zone}"));
        site.unwrap_or_else(|e| panic!("{e}")).cameras[0].vision_digest_text()
    };
    assert_ne!(text(""), text("area = 'hands'"));
    assert_eq!(text(""), text("working_energy = 0.5\nidle_after = '1m'"));
}

#[test]
fn a_zone_without_a_station_only_counts_visits() {
    let read = format!("{ZONE}station = 'S1'\nbadges = true\n");
    let zone = ZONE.replace("bench", "door");
    let site = parse(&format!("{DETECT}{read}{zone}")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(rules(&site).0.len(), 1);
    assert_eq!(site.cameras[0].area_rect("zone:door"), None);
}

#[test]
fn wrong_stations_say_what_to_do() {
    assert_eq!(
        wrong(&format!("{DETECT}{ZONE}station = 's1'\nbadges = true")),
        ["camera.zone.station: there is no station `s1`; did you mean `S1`? (stations: `S1`, `S2`)"]
    );
    let zone = format!("{ZONE}station = 'S1'\nbadges = true\n");
    let twice = zone.replace("'bench'", "'other'");
    assert_eq!(
        wrong(&format!("{DETECT}{zone}{twice}")),
        ["camera.zone.station: `S1` is watched already, by the zone `bench` of the camera `c`; one zone a station"]
    );
    assert_eq!(
        wrong(&format!("{DETECT}{}", zone.replace("'station'", "'wait'"))),
        ["camera.zone.station: is for zones of kind `station`; this one is of kind `wait`"]
    );
    assert_eq!(
        wrong(&zone),
        ["camera.zone.station: whether somebody is there is seen by a detector, and `c` has none; write \
          [camera.detect] with `model = \"motion\"`, or name a [[model]]"]
    );
    assert_eq!(
        wrong(&format!("sample = {{ motion = 0, codes = 0, detect = 0 }}\n{DETECT}{zone}")),
        [
            "camera.zone.station: whether somebody is there cannot be seen: `camera.sample.detect` is 0",
            "camera.zone.station: whether somebody works cannot be seen: `camera.sample.motion` is 0",
            "camera.zone.badges: badges cannot be read: `camera.sample.codes` is 0",
        ]
    );
    assert_eq!(
        wrong(&format!("{DETECT}{zone}area = 'hand'\nworking_energy = 0.001\nidle_after = '11m'")),
        [
            "camera.zone.area: camera `c` has no area `hand` (areas: `frame`)",
            "camera.zone.working_energy: expected more than 0.001: what moves less is noise, and is not stored",
            "camera.zone.idle_after: expected at most \"10m\", found 660 s",
        ]
    );
    let area = "[[camera.area]]\nname = 'zone:bench'\nrect = [0, 0, 1, 1]\n";
    assert_eq!(
        wrong(&format!("{DETECT}{area}{zone}")),
        ["camera.area.name: `zone:bench`: names that begin with `zone:` are taken: they are built in"]
    );
    let door = ZONE.replace("bench", "door");
    assert_eq!(
        wrong(&format!("{DETECT}{zone}{door}idle_after = '1s'")),
        ["camera.zone.idle_after: needs `station`, the workstation that the zone stands for"]
    );
}

#[test]
fn workers_and_badges_are_told_apart() {
    let read = format!("{DETECT}{ZONE}station = 'S2'\nbadges = true\n");
    assert_eq!(
        wrong(
            "[[worker]]\nname = 'W3'\nbadge = ''\n[[station]]\nname = 'S3'\nworker = 'W1'\n[[station]]\nname = 'S4'\nworker = 'w2'"
        ),
        [
            "worker.badge: no badge is read anywhere: set `badges = true` in a [[camera.zone]] of kind `station`",
            "worker.badge: is empty; write the text of the badge's code, or leave it out",
            "station.worker: `W1` is the worker of `S1` already; a worker has one station",
            "station.worker: there is no worker `w2`; did you mean `W2`? (workers: `W1`, `W2`, `W3`)",
        ]
    );
    assert_eq!(
        wrong(&format!("{read}[[worker]]\nname = 'W3'\nbadge = 'B2'")),
        ["worker.badge: `B2` is the badge of `W2` too; a badge is one worker's"]
    );
    let text = format!("[site]\nname = 's'\n[[station]]\nname = 'S2'\n[[camera]]\nname = 'c'\n{read}");
    let error = Site::parse(&text, Path::new("site.toml")).expect_err("nobody has a badge").to_string();
    assert!(error.ends_with("camera.zone.badges: no [[worker]] has a `badge`; write the text of their codes there"));
}
