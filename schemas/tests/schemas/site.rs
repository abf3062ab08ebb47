//! `site.toml`: the examples are right, and whatever is wrong is told with its place and a way out.

use gemba_schemas::rule::{Rule, digest};
use gemba_schemas::site::{Site, SiteError};
use std::path::Path;

const EXAMPLES: [(&str, &str); 7] = [
    ("packing-bench.toml", include_str!("../../../pipeline/examples/packing-bench.toml")),
    ("salon.toml", include_str!("../../../pipeline/examples/salon.toml")),
    ("shop-floor.toml", include_str!("../../../pipeline/examples/shop-floor.toml")),
    ("entrance.toml", include_str!("../../../pipeline/examples/entrance.toml")),
    ("assembly.toml", include_str!("../../../pipeline/examples/assembly.toml")),
    ("attendance.toml", include_str!("../../../pipeline/examples/attendance.toml")),
    ("gate.toml", include_str!("../../../pipeline/examples/gate.toml")),
];

fn parse(text: &str) -> Result<Site, SiteError> {
    Site::parse(text, Path::new("site.toml"))
}

/// The messages for `text`, one a line.
fn wrong(text: &str) -> String {
    parse(text).expect_err("the text is wrong on purpose").to_string()
}

/// A camera `c` with an area `left`, and `rest` at its end.
fn with(rest: &str) -> String {
    format!(
        "[site]\nname = 's'\n[[camera]]\nname = 'c'\n[[camera.area]]\nname = 'left'\nrect = [0, 0, 0.5, 1]\n{rest}\n"
    )
}

#[test]
fn every_example_parses() {
    for (name, text) in EXAMPLES {
        let site = Site::parse(text, Path::new(name)).unwrap_or_else(|e| panic!("{e}"));
        assert!(site.rules().len() > 1, "{name} has rules");
    }
}

#[test]
fn examples_with_their_comments_taken_as_settings_parse_too() {
    for (name, text) in EXAMPLES {
        let uncommented: Vec<_> = text
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                // `# key = value` and `# [table]`, but not prose.
                Some(rest) if rest.starts_with('[') || rest.split(' ').nth(1) == Some("=") => rest,
                _ => line,
            })
            .collect();
        Site::parse(&uncommented.join("\n"), Path::new(name)).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn every_key_is_explained_in_an_example() {
    let all: String = EXAMPLES.map(|(_, text)| text).concat();
    let tables = [
        "[zz]",
        "[site]\nzz=0",
        "[data]\nzz=0",
        "[endpoint]\nzz=0",
        "[productivity]\nzz=0",
        "[drift]\nzz=0",
        "[drift]\nbaseline={zz=0}",
        "[[worker]]\nzz=0",
        "[[station]]\nzz=0",
        "[[model]]\nzz=0",
        "[[camera]]\nzz=0",
        "[[camera]]\nsample={zz=0}",
        "[[camera]]\n[[camera.area]]\nzz=0",
        "[[camera]]\n[camera.codes]\nzz=0",
        "[[camera]]\n[camera.motion]\nzz=0",
        "[[camera]]\n[camera.detect]\nzz=0",
        "[[camera]]\n[[camera.zone]]\nzz=0",
        "[[camera]]\n[[camera.line]]\nzz=0",
        "[[camera]]\n[[camera.packing]]\nzz=0",
        "[[alert]]\nzz=0",
        "[[shift]]\nzz=0",
        "[[holiday]]\nzz=0",
        "[gate]\nzz=0",
        "[[gate.format]]\nzz=0",
        "[[gate.plate]]\nzz=0",
        "[retention]\nzz=0",
    ];
    let mut keys = 0;
    for table in tables {
        let message = wrong(table);
        let list = message.split("(valid keys: ").nth(1).and_then(|m| m.split(')').next()).expect("a list of keys");
        for key in list.split(", ").map(|k| k.trim_matches('`')) {
            keys += 1;
            assert!(
                [format!("{key} = "), format!("[{key}]"), format!(".{key}]")].iter().any(|f| all.contains(f)),
                "no example explains `{key}` of {table:?}"
            );
        }
    }
    assert!(keys > 60, "{keys} keys");
}

#[test]
fn unknown_keys_say_where_and_what_was_meant() {
    let text = with("zonee = 3\n[[camera.zone]]\nname = 'z'\nkindd = 'chair'\npolygon = [[0,0],[1,0],[1,1]]");
    assert_eq!(
        wrong(&text),
        "site.toml:8:1: camera.area.zonee: unknown key `zonee` in [[camera.area]] (valid keys: `name`, `rect`)\n\
         site.toml:11:1: camera.zone.kindd: unknown key `kindd` in [[camera.zone]]; did you mean `kind`? \
         (valid keys: `name`, `kind`, `polygon`, `min_dwell`, `bridge`, `classes`, `station`, `area`, `working_energy`, \
         `idle_after`, `badges`)"
    );
}

#[test]
fn everything_wrong_in_the_structure_is_told_at_once() {
    let text =
        "[site]\nname = 5\ntime_zon = 'UTC'\n[data]\ndir = 7\n[camera]\nname = 'x'\n[[model]]\nfamily = 'yolo'\n";
    assert_eq!(
        wrong(text).lines().collect::<Vec<_>>(),
        [
            "site.toml:2:8: site.name: expected text in quotes, found the number `5`",
            "site.toml:3:1: site.time_zon: unknown key `time_zon` in [site]; did you mean `time_zone`? (valid keys: `name`, `time_zone`, `day_reset`)",
            "site.toml:5:7: data.dir: expected text in quotes, found the number `7`",
            "site.toml:6:1: camera: expected a list, found a table; write it in double brackets: [[camera]]",
            "site.toml:8:1: model: missing key `name` in [[model]]",
            "site.toml:9:10: model.family: unknown value `yolo`; did you mean `yolox`? (valid values: `yolox`, `yolov8`, `fastestdet`, `detr`)",
        ]
    );
}

#[test]
fn mistakes_of_meaning_are_told_beside_those_of_structure() {
    let packing =
        "[[camera.packing]]\nname = 'p'\ntrigger = 'T'\ntrigger_area = 'lefft'\n[productivity]\nmaxgap = '5m'";
    let message = wrong(&with(packing));
    assert_eq!(
        message.lines().map(|line| line.splitn(4, ':').nth(3).unwrap_or(line).trim()).collect::<Vec<_>>(),
        [
            "camera.packing.trigger_area: camera `c` has no area `lefft`; did you mean `left`? (areas: `left`, `frame`)",
            "productivity.maxgap: unknown key `maxgap` in [productivity]; did you mean `max_gap`? (valid keys: `duration`, \
             `event_duration`, `max_gap`, `require_registered`)",
        ]
    );
    // What may only follow from the key that is gone is not told: the profile has a trigger, and the worker a badge.
    let packing = "[[camera.packing]]\nname = 'p'\ntriger = 'T'\ntrigger_area = 'left'";
    assert_eq!(wrong(&with(packing)).lines().count(), 1);
    let zone = "[camera.detect]\nmodel = 'motion'\n[[camera.zone]]\nname = 'z'\nkind = 'station'\nstation = 'S'\n\
                badges = true\npolygon = [[0,0],[1,0],[1,1]]\n[[station]]\nname = 'S'\n[[worker]]\nname = 'W'\nbage = 'B'";
    let message = wrong(&with(zone));
    assert!(message.contains("did you mean `badge`?") && message.lines().count() == 1, "{message}");
    // Where a whole table had to go nothing is known of what refers to it.
    let text = with("[[model]]\nname = 'm'\n[camera.detect]\nmodel = 'm'");
    assert_eq!(wrong(&text).lines().count(), 1);
}

#[test]
fn wrong_values_say_what_was_expected() {
    for (rest, expected) in [
        (
            "[[camera.area]]\nname = 'b'\nrect = [0, 0, '1', 1]",
            "camera.area.rect: expected a number from 0 to 1, found the text \"1\"",
        ),
        (
            "[[camera.area]]\nname = 'b'\nrect = [0, 0, 1.5, 1]",
            "site.toml:10:15: camera.area.rect: expected a number from 0 to 1, found the number `1.5`",
        ),
        ("[[camera.area]]\nname = 'b'\nrect = [0, 0, 1]", "expected a list of length 4, found a list of length 3"),
        (
            "[camera.detect]\nmodel = 'motion'\nheartbeat = 5",
            "expected a length of time with its unit, such as \"500ms\"",
        ),
        ("[camera.detect]\nmodel = 'motion'\nheartbeat = '5 parsecs'", "found the text \"5 parsecs\""),
        (
            "[camera.detect]\nmodel = 'motion'\ngate = 'yes'",
            "camera.detect.gate: expected true or false, found the text \"yes\"",
        ),
        (
            "[camera.codes]\nretries = -1",
            "camera.codes.retries: expected a whole number from 0 to 4294967295, found the number `-1`",
        ),
    ] {
        let message = wrong(&with(rest));
        assert!(message.contains(expected), "{message}\n  for {expected}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn broken_toml_says_where() {
    let message = wrong("[site\nname = 's'\n");
    assert!(message.starts_with("site.toml:1:6: no valid TOML: "), "{message}");
    assert!(wrong("").contains("the table `[site]` is missing"));
}

#[test]
fn meaning_is_checked_with_places() {
    let zone = "[[camera.zone]]\nname = 'z'\nkind = 'chair'\npolygon = ";
    let packing = "[[camera.packing]]\nname = 'p'\n";
    let line = "[[camera.line]]\nname = 'l'\nfrom = [0, 0]\nto = ";
    let detect = "[camera.detect]\nmodel = 'motion'\n";
    for (rest, expected) in [
        (
            format!("{zone}[[0,0],[1,1]]"),
            "site.toml:11:11: camera.zone.polygon: expected at least three corners [x, y], found 2",
        ),
        (format!("{zone}[[0,0],[0.5,0.5],[1,1]]"), "the corners enclose nothing"),
        (format!("{zone}[[0,0],[1,1],[1,0],[0,1]]"), "the edges after corners 1 and 3 cross"),
        (
            format!("{zone}[[0,0],[1,0],[1,1]]\n{zone}[[0,0],[1,0],[1,1]]"),
            "site.toml:13:8: camera.zone.name: `z` is used twice",
        ),
        (
            format!("{zone}[[0,0],[1,0],[1,1]]\nclasses = ['persn']\n{detect}classes = ['person']"),
            "there is no class `persn`; did you mean `person`?",
        ),
        (format!("{line}[0, 0]"), "camera.line.to: both ends are the same point"),
        (format!("{line}[1, 0]\nleft = 'in'"), "both sides are called `in`"),
        (
            format!("{line}[1, 0]\ninside = 'inn'"),
            "the line has no side `inn`; did you mean `in`? (sides: `out`, `in`)",
        ),
        (format!("{line}[1, 0]\nband = 0.4"), "expected at most 0.25"),
        (
            format!("{packing}trigger = 'T'\ntrigger_area = 'lefft'"),
            "site.toml:11:16: camera.packing.trigger_area: camera `c` has no area `lefft`; did you mean `left`? (areas: `left`, `frame`)",
        ),
        (format!("{packing}trigger_area = 'left'"), "needs `trigger`"),
        (format!("{packing}code_pattern = 'a(b'"), "is no regular expression: unclosed group at character 2"),
        (format!("{packing}motion_threshold = 0"), "expected more than 0"),
        (
            format!("{packing}min_duration = '2m'"),
            "site.toml:10:16: camera.packing.min_duration: expected `min_duration` < `max_duration`, found 120 s and 120 s",
        ),
        (format!("{packing}on_sightings = 0"), "expected at least 1"),
        (format!("{packing}lookback = '2h'"), "expected at most \"1h\", found 7200 s"),
        (format!("{detect}area = 'rigth'"), "has no area `rigth` (areas"),
        ("[camera.detect]\nmodel = 'peeple'".into(), "there is no model `peeple` (models: `motion`)"),
        (
            "[camera.sample]\ncodes = 200".into(),
            "camera.sample.codes: expected samples per second from 0 to 120, found 200",
        ),
        ("[camera.sample]\ncodes = nan".into(), "found NaN"),
        ("[[camera.area]]\nname = 'frame'\nrect = [0.5, 0, 0.5, 1]".into(), "`frame` is taken"),
        ("[[camera.area]]\nname = 'x'\nrect = [0.5, 0, 0.5, 1]".into(), "left < right"),
        ("[[camera]]\nname = 'c'".into(), "camera.name: `c` is used twice"),
        ("[[camera]]\nname = 'd'\nstart = '2025-03-01 09:00'".into(), "expected an instant with its offset"),
        ("[[camera]]\nname = 'd'\nfilename_time = 'clip-%Y%m%d'".into(), "does not hold date, hour and minute"),
        ("[[camera]]\nname = 'd'\nfilename_time = 'clip-%Y%m%d-%!'".into(), "is no strptime pattern"),
        ("[[camera]]\nname = 'd'\nresolution = [0, 720]".into(), "each from 16 to 16384"),
        ("[[camera]]\nname = 'a=b'".into(), "cannot hold `=`"),
        ("[[model]]\nname = 'motion'\npath = 'a.onnx'".into(), "`motion` is taken"),
        (
            "[[model]]\nname = 'm'\npath = 'a.onnx'\nsha256 = 'abc'".into(),
            "expected 64 hex digits, as `sha256sum` prints them, found 3 characters",
        ),
        (
            "[endpoint]\nlisten = '0.0.0.0:80'".into(),
            "endpoint.listen: only loopback addresses are accepted, found `0.0.0.0:80`",
        ),
        ("[endpoint]\nlisten = 'localhost'".into(), "expected an address and a port"),
    ] {
        let message = wrong(&with(&rest));
        assert!(message.contains(expected), "{message}\n  for {expected}");
    }
    let message = wrong("[site]\nname = 's'\ntime_zone = 'Asia/Calcuta'\n");
    assert!(
        message.contains(
            "site.toml:3:13: site.time_zone: unknown time zone `Asia/Calcuta`; did you mean `Asia/Calcutta`?"
        ),
        "{message}"
    );
    assert!(message.contains("the site has no camera"), "{message}");
}

#[test]
fn filename_patterns_with_zone_epoch_or_short_year_are_fine() {
    for pattern in ["%Y-%m-%dT%H%M%S%z", "cam_%s", "%y%m%d%H%M", "bench-%Y%m%d-%H%M%S"] {
        let text = with(&format!("[[camera]]\nname = 'd'\nfilename_time = '{pattern}'"));
        parse(&text).unwrap_or_else(|e| panic!("{e}"));
    }
}

#[test]
fn columns_count_characters() {
    assert!(wrong("[site]\nname = 's'\n[data]\n\"größe\" = 1\n").contains("site.toml:4:1: "));
    assert!(wrong("site = { name = 'größe', nam = 1 }\n").contains("site.toml:1:26: site.nam: unknown key `nam`"));
}

#[test]
fn needs_follow_profiles_and_settings() {
    let needs = |rest: &str| {
        let site = parse(&with(rest)).unwrap_or_else(|e| panic!("{e}"));
        let needs = site.cameras[0].needs();
        let codes = needs.codes.map(|c| c.areas.join("+")).unwrap_or_default();
        let motion = needs.motion.map(|m| m.areas.join("+")).unwrap_or_default();
        (codes, motion, needs.codes_rate, needs.motion_rate, needs.detect_rate)
    };
    let off = String::new;
    assert_eq!(needs(""), (off(), off(), 0.0, 0.0, 0.0));
    assert_eq!(needs("[camera.codes]"), ("frame".into(), off(), 6.0, 0.0, 0.0));
    assert_eq!(needs("[camera.codes]\nareas = ['left']"), ("left".into(), off(), 6.0, 0.0, 0.0));
    let packing = "[[camera.packing]]\nname = 'p'\n";
    assert_eq!(needs(&format!("{packing}trigger = 'T'")), ("frame".into(), off(), 6.0, 0.0, 0.0));
    assert_eq!(
        needs(&format!("{packing}trigger = 'T'\ntrigger_area = 'left'\ncode_area = 'left'")),
        ("left".into(), off(), 6.0, 0.0, 0.0)
    );
    assert_eq!(
        needs(&format!("{packing}trigger = 'T'\ntrigger_area = 'left'")),
        ("frame+left".into(), off(), 6.0, 0.0, 0.0),
        "parcels are shown anywhere"
    );
    assert_eq!(
        needs(&format!("{packing}motion_area = 'left'\ncode_area = 'left'")),
        ("left".into(), "left".into(), 6.0, 6.0, 0.0)
    );
    assert_eq!(needs(packing).1, "frame");
    assert_eq!(needs("[camera.motion]\n[camera.sample]\nmotion = 0").1, "");
    assert_eq!(needs("[camera.detect]\nmodel = 'motion'\n[camera.sample]\ndetect = 2.5").4, 2.5);
}

#[test]
fn only_what_decides_facts_changes_the_vision_digest() {
    let text = |rest: &str| parse(&with(rest)).unwrap_or_else(|e| panic!("{e}")).cameras[0].vision_digest_text();
    let detect = "[camera.detect]\nmodel = 'motion'\n";
    let base = text(detect);
    assert_eq!(base, text(&format!("{detect}[[camera.zone]]\nname = 'z'\nkind = 'k'\npolygon = [[0,0],[1,0],[1,1]]")));
    assert_eq!(base, text(&format!("{detect}[[camera.area]]\nname = 'unused'\nrect = [0,0,1,1]")));
    assert_eq!(base, text(&format!("{detect}heartbeat = '2s'")), "no gate, no heartbeat");
    assert_ne!(base, text(&format!("{detect}area = 'left'")));
    assert_ne!(base, text(&format!("{detect}threshold = 0.4")));
    assert_ne!(base, text(&format!("{detect}[camera.sample]\ndetect = 5")));
    assert_eq!(base, text(&format!("{detect}[camera.sample]\ncodes = 5")), "codes are off");
    let packing = "[[camera.packing]]\nname = 'p'\ntrigger = 'T'\n";
    assert_eq!(text(packing), text(&format!("{packing}off_after = '2s'")));
    assert_ne!(text(packing), text(&format!("{packing}trigger_area = 'left'")));
}

#[test]
fn paths_start_at_the_files_folder() {
    let text = with("source = 'clips'").replace("source = 'clips'\n", "");
    let site =
        Site::parse(&text.replace("name = 'c'", "name = 'c'\nsource = 'clips'"), Path::new("/etc/gemba/site.toml"))
            .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(site.source_of(&site.cameras[0]).as_deref(), Some(Path::new("/etc/gemba/clips")));
    assert_eq!(site.data_paths(None).lake, Path::new("/etc/gemba/gemba-data/lake"));
    assert_eq!(site.data_paths(Some(Path::new("out"))).store, Path::new("out/store.duckdb"));
    assert_eq!(site.camera("c").and_then(|c| c.area_rect("frame")), Some([0.0, 0.0, 1.0, 1.0]));
    assert_eq!(site.camera("nobody"), None);
}

#[test]
fn an_edit_of_a_zone_is_one_changed_rule() {
    let rules = |x: &str| -> Vec<Rule> {
        let zone = format!("[[camera.zone]]\nname = 'z'\nkind = 'wait'\npolygon = [[0,0],[{x},0],[1,1]]");
        parse(&with(&zone)).unwrap_or_else(|e| panic!("{e}")).rules()
    };
    let (before, after) = (rules("1"), rules("0.9"));
    assert_eq!(before.iter().filter(|r| !after.contains(r)).count(), 1);
    assert_ne!(digest(&before), digest(&after));
}

#[test]
fn facts_stay_at_least_for_the_horizon() {
    let text = with("[retention]\nfacts_days = 30\nviews_days = 0");
    let message = wrong(&text);
    assert!(message.contains("retention.facts_days: facts cannot leave after 30 days"), "{message}");
    assert!(message.contains("write 35 or more") && message.contains("retention.views_days: must be at least 1"));
    let site = parse(&with("[retention]\nfacts_days = 35")).unwrap();
    assert_eq!((site.retention.facts_days, site.retention.evidence_days), (Some(35), 90));
    assert_eq!(parse(&with("")).unwrap().retention, Default::default());
}
