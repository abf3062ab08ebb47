//! `[drift]` of `site.toml`, and the alerts about what is reported of a station or camera.

use gemba_schemas::rule::{AlertKind, BaselineRule, DriftBoundRule, Rule, Statistic};
use gemba_schemas::score::Score;
use gemba_schemas::site::{Site, SiteError};
use gemba_schemas::time::EventTime;
use std::path::Path;

/// A site in India with a station, and `rest` at its end.
fn parse(rest: &str) -> Result<Site, SiteError> {
    let text = format!("[site]\nname = 's'\ntime_zone = 'Asia/Kolkata'\n[[station]]\nname = 'S1'\n{rest}\n");
    Site::parse(&text, Path::new("site.toml"))
}

fn rules(rest: &str) -> Vec<Rule> {
    parse(rest).unwrap_or_else(|e| panic!("{e}")).rules()
}

fn wrong(rest: &str) -> Vec<String> {
    parse(rest).expect_err("the text is wrong on purpose").to_string().lines().map(String::from).collect()
}

/// Kind, severity and statistic; threshold, clear, whether high is bad, least samples.
fn alerts(rest: &str) -> Vec<(AlertKind, Option<Statistic>, u16, u16, bool, u32)> {
    let of = |r| if let Rule::ReportAlert(r) = r { Some(r) } else { None };
    let found = rules(rest).into_iter().filter_map(of);
    let shape = |r: gemba_schemas::rule::ReportAlertRule| {
        (r.alert.kind, r.statistic, r.alert.threshold.0, r.alert.clear.0, r.high_is_bad, r.alert.min_samples)
    };
    found.map(shape).collect()
}

#[test]
fn dates_of_a_baseline_are_those_of_the_sites_clock() {
    let found = rules("[drift]\nbaseline = { from = '2026-01-01', to = 2026-01-31 }\nmax_psi = 0.25");
    let at = |text: &str| EventTime::parse(text).expect("an instant");
    let from = at("2026-01-01T00:00:00+05:30");
    let until = at("2026-02-01T00:00:00+05:30");
    assert!(found.contains(&Rule::Baseline(BaselineRule { from, until })));
    let bound = DriftBoundRule { max_psi: Score(2_500), min_samples: 20, sustained: 2 };
    assert!(found.contains(&Rule::DriftBound(bound)));
    // Without them there are none: nothing is pinned, and nothing is worked out.
    let none = rules("[drift]\nsustained = 3");
    assert!(!none.iter().any(|r| matches!(r, Rule::Baseline(_) | Rule::DriftBound(_))));
}

#[test]
fn wrong_baselines_say_what_was_expected() {
    assert_eq!(
        wrong("[drift]\nbaseline = { from = '2026-01-31', to = '2026-01-01' }\nmax_psi = 0"),
        [
            "site.toml:7:40: drift.baseline.to: expected a date from `from` (2026-01-31) on, found 2026-01-01",
            "site.toml:8:11: drift.max_psi: expected more than 0 and at most 6, found 0",
        ]
    );
    let lines = wrong("[drift]\nbaseline = { from = '2026-01-01', untill = '2026-01-31' }");
    assert!(lines.iter().any(|line| line.contains("unknown key `untill`")), "{lines:?}");
    let lines = wrong("[drift]\nbaseline = { from = 'January', to = '2026-01-31' }");
    assert!(lines.iter().any(|line| line.contains("a date, such as 2026-01-26")), "{lines:?}");
}

#[test]
fn alerts_about_reports_have_their_own_defaults() {
    use AlertKind::{ConfidenceDrift, ReportRate, TypeDrift, WorkingShare};
    let text = "[[alert]]\nkind = 'type_drift'\n\
                [[alert]]\nkind = 'confidence_drift'\nseverity = 'critical'\nstatistic = 'js'\nmin_samples = 7\n\
                [[alert]]\nkind = 'working_share'\ncamera = 'S1'\n\
                [[alert]]\nkind = 'report_rate'\nthreshold = 2.5\nmost = 40\nmost_clear = 35";
    assert_eq!(
        alerts(text),
        [
            (TypeDrift, Some(Statistic::Psi), 2_000, 1_500, true, 100),
            (ConfidenceDrift, Some(Statistic::Js), 5_000, 4_500, true, 7),
            (WorkingShare, None, 5_000, 5_500, false, 100),
            (WorkingShare, None, 8_500, 8_000, true, 100),
            (ReportRate, None, 250, 350, false, 1),
            (ReportRate, None, 4_000, 3_500, true, 1),
        ]
    );
    // A PSI may be above 1.
    assert_eq!(alerts("[[alert]]\nkind = 'type_drift'\nthreshold = 1.5")[0].2, 15_000);
}

#[test]
fn alerts_about_reports_refuse_what_is_not_theirs() {
    let text = "[[alert]]\nkind = 'working_share'\nthreshold = 0.9\nstatistic = 'kl'\n\
                [[alert]]\nkind = 'report_rate'\nmost = 20\nmost_clear = 21\nclear = 2\n\
                [[alert]]\nkind = 'type_drift'\nstatistic = 'js'\nthreshold = 0.8\nmost = 0.9\n\
                [[alert]]\nkind = 'confidence'\nthreshold = 1.5\n\
                [[alert]]\nkind = 'confidence_drift'\ncamera = 's1'\nclear = 0.3";
    assert_eq!(
        wrong(text).iter().map(|line| line.splitn(4, ':').nth(3).unwrap_or(line).trim()).collect::<Vec<_>>(),
        [
            "alert.threshold: expected `threshold` < `most`, found 0.9 and 0.85",
            "alert.statistic: is for `type_drift` and `confidence_drift`, not for `working_share`; leave it out",
            "alert.most_clear: expected at most `most` 20: high is bad for `report_rate`; found 21",
            "alert.clear: expected at least the threshold 5: low is bad for `report_rate`; found 2",
            "alert.threshold: expected a number from 0 to 0.69, found 0.8",
            "alert.most: is for `working_share` and `report_rate`; `type_drift` has one bound: leave it out",
            "alert.threshold: expected a number from 0 to 1, found 1.5",
            "alert.camera: there is no camera or station `s1`; did you mean `S1`? (names: `S1`)",
            "alert.clear: expected at most the threshold 0.2: high is bad for `confidence_drift`; found 0.3",
        ]
    );
    let one = wrong("[[alert]]\nkind = 'confidence'\nmost = 0.9");
    assert!(one[0].ends_with("is for `working_share` and `report_rate`; `confidence` has one bound: leave it out"));
}
