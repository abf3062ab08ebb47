//! `[[alert]]` of `site.toml`.

use gemba_schemas::rule::{AlertKind, AlertRule, Rule, Severity};
use gemba_schemas::score::Score;
use gemba_schemas::site::{Site, SiteError};
use std::path::Path;

/// A site with two cameras, and `rest` at its end.
fn parse(rest: &str) -> Result<Site, SiteError> {
    let text = format!("[site]\nname = 's'\n[[camera]]\nname = 'bench-1'\n[[camera]]\nname = 'bench-2'\n{rest}\n");
    Site::parse(&text, Path::new("site.toml"))
}

fn wrong(rest: &str) -> String {
    parse(rest).expect_err("the text is wrong on purpose").to_string()
}

fn alerts(site: &Site) -> Vec<AlertRule> {
    site.rules().into_iter().filter_map(|r| if let Rule::Alert(a) = r { Some(a) } else { None }).collect()
}

fn rule(kind: AlertKind, severity: Severity, threshold: u16, clear: u16) -> AlertRule {
    AlertRule { kind, severity, camera: None, threshold: Score(threshold), clear: Score(clear), min_samples: 5 }
}

#[test]
fn a_site_that_says_nothing_has_the_built_in_alerts_and_the_example_writes_them_out() {
    let built_in = [
        rule(AlertKind::EmptyRate, Severity::Warning, 1_500, 1_000),
        rule(AlertKind::EmptyRate, Severity::Critical, 3_000, 2_500),
        rule(AlertKind::ExportSuccess, Severity::Critical, 9_000, 9_500),
        AlertRule { min_samples: 1, ..rule(AlertKind::DeviceOffline, Severity::Critical, 5_000, 0) },
        AlertRule { min_samples: 1, ..rule(AlertKind::BlockedVehicle, Severity::Critical, 0, 0) },
    ];
    assert_eq!(alerts(&parse("").unwrap_or_else(|e| panic!("{e}"))), built_in);
    let example = include_str!("../../../pipeline/examples/packing-bench.toml");
    let example = Site::parse(example, Path::new("packing-bench.toml")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(alerts(&example), built_in);
}

#[test]
fn an_empty_list_switches_alerts_off() {
    let text = "alert = []\n[site]\nname = 's'\n[[camera]]\nname = 'c'\n";
    let site = Site::parse(text, Path::new("site.toml")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(alerts(&site), []);
}

#[test]
fn what_is_left_out_follows_the_kind_and_the_threshold() {
    let text = "[[alert]]\nkind = 'empty_rate'\ncamera = 'bench-2'\nthreshold = 0.03\nmin_samples = 1\n\
                [[alert]]\nkind = 'export_success'\nthreshold = 0.99";
    let found = alerts(&parse(text).unwrap_or_else(|e| panic!("{e}")));
    let own = AlertRule {
        camera: Some("bench-2".into()),
        min_samples: 1,
        ..rule(AlertKind::EmptyRate, Severity::Warning, 300, 0)
    };
    assert_eq!(found, [own, rule(AlertKind::ExportSuccess, Severity::Warning, 9_900, 10_000)]);
}

#[test]
fn wrong_alerts_say_what_was_expected() {
    let text = "[[alert]]\nkind = 'empty_rat'\n[[alert]]\nkind = 'empty_rate'\nseverity = 'criticl'\nthreshhold = 1.5";
    assert_eq!(
        wrong(text).lines().collect::<Vec<_>>(),
        [
            "site.toml:8:8: alert.kind: unknown value `empty_rat`; did you mean `empty_rate`? (valid values: `empty_rate`, `export_success`, `device_offline`, `station_utilisation`, `floor_utilisation`, `confidence`, `blocked_vehicle`, `type_drift`, `confidence_drift`, `working_share`, `report_rate`)",
            "site.toml:11:12: alert.severity: unknown value `criticl`; did you mean `critical`? (valid values: `warning`, `critical`)",
            "site.toml:12:1: alert.threshhold: unknown key `threshhold` in [[alert]]; did you mean `threshold`? (valid keys: `kind`, `severity`, `camera`, `threshold`, `clear`, `most`, `most_clear`, `statistic`, `min_samples`, `min_observed`)",
        ]
    );
    let text = "[[alert]]\nkind = 'empty_rate'\ncamera = 'bench1'\nthreshold = 0.1\nclear = 0.2\nmin_samples = 0\n\
                [[alert]]\nkind = 'export_success'\nthreshold = 0\n\
                [[alert]]\nkind = 'export_success'\nclear = 0.5\n\
                [[alert]]\nkind = 'device_offline'\ncamera = 'any device'\nmin_samples = 1";
    assert_eq!(
        wrong(text).lines().collect::<Vec<_>>(),
        [
            "site.toml:9:10: alert.camera: there is no camera `bench1`; did you mean `bench-1`? (cameras: `bench-1`, `bench-2`)",
            "site.toml:11:9: alert.clear: expected at most the threshold 0.1: high is bad for `empty_rate`; found 0.2",
            "site.toml:12:15: alert.min_samples: expected at least 1, found 0",
            "site.toml:15:13: alert.threshold: expected more than 0: no share is below 0",
            "site.toml:16:1: alert: `export_success` of severity `warning` is there twice for all; keep one, or give one another severity or camera",
            "site.toml:18:9: alert.clear: expected at least the threshold 0.9: low is bad for `export_success`; found 0.5",
            "site.toml:22:15: alert.min_samples: is not for `device_offline`: every report counts; leave it out",
        ]
    );
}

#[test]
fn alerts_of_work_and_models_have_their_own_defaults() {
    let text = "[[alert]]\nkind = 'station_utilisation'\n\
                [[alert]]\nkind = 'floor_utilisation'\nseverity = 'critical'\nmin_observed = '1h'\n\
                [[alert]]\nkind = 'confidence'\ncamera = 'S1'\nthreshold = 0.98\n[[station]]\nname = 'S1'";
    let found = alerts(&parse(text).unwrap_or_else(|e| panic!("{e}")));
    let of = |kind, severity, threshold, clear, min_samples| AlertRule {
        min_samples,
        ..rule(kind, severity, threshold, clear)
    };
    let confidence = of(AlertKind::Confidence, Severity::Warning, 9_800, 10_000, 20);
    assert_eq!(
        found,
        [
            of(AlertKind::StationUtilisation, Severity::Warning, 5_000, 5_500, 900),
            of(AlertKind::FloorUtilisation, Severity::Critical, 3_000, 3_500, 3_600),
            AlertRule { camera: Some("S1".into()), ..confidence },
        ]
    );
}

#[test]
fn alerts_refuse_what_is_not_theirs() {
    let text = "[[alert]]\nkind = 'station_utilisation'\ncamera = 's1'\nmin_samples = 3\nmin_observed = '100ms'\n\
                [[alert]]\nkind = 'floor_utilisation'\ncamera = 'S1'\n\
                [[alert]]\nkind = 'confidence'\ncamera = 'bench1'\nmin_observed = '1h'\n\
                [[alert]]\nkind = 'blocked_vehicle'\ncamera = 'any gate'\nthreshold = 0.5\nmin_samples = 1\n\
                [[station]]\nname = 'S1'";
    assert_eq!(
        wrong(text).lines().map(|line| line.splitn(4, ':').nth(3).unwrap_or(line).trim()).collect::<Vec<_>>(),
        [
            "alert.camera: there is no station `s1`; did you mean `S1`? (stations: `S1`)",
            "alert.min_samples: is not for `station_utilisation`; write `min_observed`, the least presence of an hour",
            "alert.min_observed: expected from \"1s\" to \"24h\"",
            "alert.camera: is not for `floor_utilisation`: there is one floor; leave it out",
            "alert.camera: there is no camera or station `bench1`; did you mean `bench-1`? (names: `bench-1`, `bench-2`, `S1`)",
            "alert.min_observed: is for utilisations; `confidence` counts samples: write `min_samples`",
            "alert.threshold: is not for `blocked_vehicle`: every blocked visit is an alert; leave it out",
            "alert.min_samples: is not for `blocked_vehicle`: every blocked visit is an alert; leave it out",
        ]
    );
}
