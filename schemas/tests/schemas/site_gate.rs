//! The gate in `site.toml`.

use gemba_schemas::rule::{PlateList, Rule};
use gemba_schemas::site::Site;
use gemba_schemas::time::{EventTime, Micros};
use std::path::Path;

fn with(rest: &str) -> String {
    format!("[site]\nname = 's'\ntime_zone = 'Asia/Kolkata'\n[[camera]]\nname = 'c'\n{rest}\n")
}

fn rules(rest: &str) -> Vec<Rule> {
    Site::parse(&with(rest), Path::new("site.toml")).unwrap_or_else(|e| panic!("{e}")).rules()
}

fn wrong(rest: &str) -> String {
    Site::parse(&with(rest), Path::new("site.toml")).expect_err("wrong on purpose").to_string()
}

#[test]
fn a_gate_has_defaults_and_a_site_may_have_none() {
    let is_gate = |r: &Rule| matches!(r, Rule::Gate(_) | Rule::PlateFormat(_) | Rule::Plate(_));
    let of_gate = |rules: Vec<Rule>| -> Vec<Rule> { rules.into_iter().filter(is_gate).collect() };
    assert_eq!(of_gate(rules("")), []);
    match &of_gate(rules("[gate]"))[..] {
        [Rule::Gate(gate), Rule::PlateFormat(format)] => {
            assert_eq!((gate.min_confidence.0, gate.agree, gate.sure.0), (8500, 2, 9700));
            assert_eq!(gate.visit_gap, Micros::MINUTE);
            assert_eq!(format.format.as_str(), "india");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn listed_plates_are_cleaned_and_hold_from_midnight_on_the_sites_clock() {
    let rules = rules(
        "[[gate.plate]]\nplate = 'ka-01 ab 1234'\nlist = 'blocked'\nfrom = 2026-03-01\nuntil = '2026-04-01'\n\
         added = 2026-03-02T10:00:00+05:30",
    );
    let plates: Vec<_> = rules.iter().filter_map(|r| if let Rule::Plate(p) = r { Some(p) } else { None }).collect();
    assert_eq!((plates[0].plate.as_str(), plates[0].list), ("KA01AB1234", PlateList::Blocked));
    // Midnight in Kolkata is 18:30 UTC of the day before.
    assert_eq!(plates[0].from, EventTime::parse("2026-02-28T18:30:00Z"));
    assert_eq!(plates[0].until, EventTime::parse("2026-03-31T18:30:00Z"));
    assert_eq!(plates[0].added, EventTime::parse("2026-03-02T04:30:00Z"));
}

#[test]
fn wrong_gates_are_told() {
    for (rest, expected) in [
        ("[gate]\nagre = 1", "unknown key `agre` in [gate]; did you mean `agree`?"),
        ("[gate]\nagree = 0", "site.toml:7:9: gate.agree: expected at least 1, found 0"),
        ("[gate]\nsure = 0.5", "gate.sure: expected `min_confidence` ≤ `sure`, found 0.85 and 0.5"),
        ("[gate]\nvisit_gap = '2h'", "gate.visit_gap: expected at most \"1h\", found 7200 s"),
        ("[gate]\nformat = []", "gate.format: is empty: no plate would count"),
        (
            "[[gate.format]]\nname = 'x'\npattern = '[A-Z'",
            "gate.format.pattern: `[A-Z` is no regular expression: unclosed character class at character 1",
        ),
        (
            "[[gate.format]]\nname = 'x'\npattern = 'A'\n[[gate.format]]\nname = 'x'\npattern = 'B'",
            "gate.format.name: `x` is used twice",
        ),
        (
            "[[gate.plate]]\nplate = 'KA 01'\nlist = 'blocked'",
            "site.toml:7:9: gate.plate.plate: `KA01` matches no format, so no read could be this plate (formats: `india`)",
        ),
        (
            "[[gate.plate]]\nplate = 'KA01AB1234'\nlist = 'block'",
            "gate.plate.list: unknown value `block`; did you mean `blocked`? (valid values: `blocked`, `authorized`)",
        ),
        (
            "[[gate.plate]]\nplate = 'KA01AB1234'\nlist = 'blocked'\nfrom = 2026-01-02\nuntil = 2026-01-02",
            "gate.plate.until: expected `from` before `until`: the entry never holds",
        ),
        (
            "[[gate.plate]]\nplate = 'KA01AB1234'\nlist = 'blocked'\nadded = 2026-01-02T10:00:00",
            "gate.plate.added: expected a date, such as 2026-01-26, or an instant, such as 2026-01-26T08:00:00+05:30",
        ),
    ] {
        let message = wrong(rest);
        assert!(message.contains(expected), "{rest}\n{message}\n{expected}");
    }
}
