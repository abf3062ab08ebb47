//! The gate by hand: how texts are read, when reads make an event, what the lists say.

use super::scenarios::{clock, once};
use gemba_schemas::fact::{Fact, PlateRead};
use gemba_schemas::id::{FactId, Generation};
use gemba_schemas::rule::{GateRule, PlateFormatRule, PlateList, PlateRule, Rule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{GateEvent, GateStatus, ReadOutcome, ViewRow};

const INDIA: &str = "^[A-Z]{2}[0-9]{2}[A-Z]{1,2}[0-9]{4}$";

fn s(seconds: i64) -> EventTime {
    EventTime(seconds * 1_000_000)
}

fn read(text: &str, at: i64, confidence: u16) -> Fact {
    PlateRead {
        id: FactId::of("plate_read", "gate".into(), Generation(0), &[text.as_bytes(), &at.to_le_bytes()]),
        received_at: s(at),
        ts: s(at),
        camera: "gate".into(),
        text: text.into(),
        confidence: Score(confidence),
        request: String::new(),
    }
    .into()
}

fn rules(formats: &[(&str, &str)]) -> Vec<Rule> {
    let gate = GateRule { min_confidence: Score(8500), agree: 2, sure: Score(9700), visit_gap: Micros::MINUTE };
    let format = |(name, pattern): &(&str, &str)| {
        Rule::PlateFormat(PlateFormatRule { format: (*name).into(), pattern: (*pattern).into() })
    };
    formats.iter().map(format).chain([Rule::Gate(gate), clock()]).collect()
}

fn listed(list: PlateList, reason: &str, times: [Option<i64>; 3]) -> Rule {
    let [from, until, added] = times.map(|at| at.map(s));
    Rule::Plate(PlateRule { plate: "KA01AB1234".into(), list, reason: reason.into(), from, until, added })
}

fn events(facts: Vec<Fact>, rules: Vec<Rule>) -> Vec<GateEvent> {
    let rows = once(facts, rules, s(0));
    let mut events: Vec<_> =
        rows.into_iter().filter_map(|r| if let ViewRow::GateEvent(e) = r { Some(*e) } else { None }).collect();
    events.sort_by_key(|e| e.arrived);
    events
}

/// The plate that a text is read as, with its format.
fn plate(text: &str, formats: &[(&str, &str)]) -> Option<(String, String)> {
    let events = events(vec![read(text, 0, 9900)], rules(formats));
    events.into_iter().next().map(|e| (e.plate, e.format.as_str().to_owned()))
}

#[test]
fn texts_are_cleaned_and_look_alikes_put_right() {
    let india = |text: &str| plate(text, &[("india", INDIA)]).map(|(plate, _)| plate);
    let read_as = |text: &str| Some(text.to_owned());
    assert_eq!(india("KA01AB1234"), read_as("KA01AB1234"));
    assert_eq!(india(" ka-01 ab·1234\n"), read_as("KA01AB1234"));
    // O for 0, I for 1 and 8 for B: three at their places.
    assert_eq!(india("KAOIA81234"), read_as("KA01AB1234"));
    // `OO` are letters where letters belong: nothing to change.
    assert_eq!(india("KA01OO1234"), read_as("KA01OO1234"));
    // Nine characters fit with one letter in the middle, ten with two.
    assert_eq!(india("KA01A1234"), read_as("KA01A1234"));
    assert_eq!(india("KA01A81234"), read_as("KA01AB1234"));
    // X is nothing's look-alike, and a character too many stays one.
    assert_eq!(india("KAX1AB1234"), None);
    assert_eq!(india("KA01AB12345"), None);
    assert_eq!(india(""), None);
}

#[test]
fn the_fewest_changes_count_then_the_least_text_then_the_least_format() {
    // `0B` and `O8` are both one change away from either text; digits sort before letters.
    assert_eq!(plate("08", &[("x", "[0-9][A-Z]|[A-Z][0-9]")]), Some(("0B".into(), "x".into())));
    assert_eq!(plate("OB", &[("x", "[0-9][A-Z]|[A-Z][0-9]")]), Some(("0B".into(), "x".into())));
    // `O8` needs no change for `b`; for `a` it would need one.
    assert_eq!(plate("O8", &[("a", "[A-Z]{2}"), ("b", "[A-Z][0-9]")]), Some(("O8".into(), "b".into())));
    assert_eq!(plate("O8", &[("z", "[A-Z][0-9]"), ("y", ".*")]), Some(("O8".into(), "y".into())));
    // Twelve characters are tried, thirteen are not.
    let zeros = |n: usize| plate(&"O".repeat(n), &[("x", "0+")]);
    assert_eq!(zeros(12), Some(("0".repeat(12), "x".into())));
    assert_eq!(zeros(13), None);
}

#[test]
fn two_reads_that_agree_or_a_sure_one_make_an_event() {
    let plate = "KA01AB1234";
    let facts = vec![
        // 60 s apart is one visit; the third, 61 s after, is alone and not sure.
        read(plate, 0, 9000),
        read("KA O1 AB 1234", 60, 8501),
        read(plate, 121, 9699),
        // One sure read.
        read(plate, 3590, 9700),
        // Not above 0.85, and no plate.
        read(plate, 3595, 8500),
        read("PIZZA", 3600, 9999),
    ];
    let all = once(facts.clone(), rules(&[("india", INDIA)]), s(0));
    let shape: Vec<_> = events(facts, rules(&[("india", INDIA)]))
        .iter()
        .map(|e| (e.arrived, e.left, e.reads, e.confidence.0, e.status))
        .collect();
    assert_eq!(shape, [(s(0), s(60), 2, 9000, GateStatus::Unknown), (s(3590), s(3590), 1, 9700, GateStatus::Unknown)]);
    let mut hours: Vec<_> = all
        .iter()
        .filter_map(|r| if let ViewRow::GateReadHour(h) = r { Some((h.hour, h.outcome, h.reads)) } else { None })
        .collect();
    hours.sort();
    assert_eq!(
        hours,
        [
            (s(0), ReadOutcome::Accepted, 3),
            (s(0), ReadOutcome::LowConfidence, 1),
            (s(0), ReadOutcome::Unconfirmed, 1),
            (s(3600), ReadOutcome::BadFormat, 1)
        ]
    );
}

/// Plate, reads of it, reads in all, status.
type Visit = (String, u32, u32, GateStatus);

/// One vehicle, read at 0, 1 and 4 s, and whatever else is read. The lists hold no longer; they make plates known.
fn visits(more: &[(&str, i64, u16)], lists: &[(&str, PlateList)]) -> (Vec<Visit>, Vec<(ReadOutcome, u64)>) {
    let own = [("MH12AB1234", 0, 9000), ("MH12AB1234", 1, 9100), ("MH12AB1234", 4, 9000)];
    let facts: Vec<_> = own.iter().chain(more).map(|&(text, at, confidence)| read(text, at, confidence)).collect();
    let mut rules = rules(&[("india", INDIA)]);
    rules.extend(lists.iter().map(|&(plate, list)| {
        let (plate, reason) = (plate.to_owned(), String::new());
        Rule::Plate(PlateRule { plate, list, reason, from: None, until: Some(s(-1)), added: None })
    }));
    let rows = once(facts, rules, s(0));
    let (mut visits, mut outcomes) = (Vec::new(), Vec::new());
    for row in rows {
        match row {
            ViewRow::GateEvent(e) => visits.push((e.plate, e.agreeing, e.reads, e.status)),
            ViewRow::GateReadHour(h) => outcomes.push((h.outcome, h.reads)),
            _ => {}
        }
    }
    visits.sort();
    outcomes.sort();
    (visits, outcomes)
}

fn visit(plate: &str, agreeing: u32, reads: u32) -> Visit {
    (plate.to_owned(), agreeing, reads, GateStatus::Unknown)
}

#[test]
fn a_misread_belongs_to_the_vehicle_however_sure_it_is() {
    // Three of four reads agree; the one with an 8 for the 3 is no vehicle of its own, not even at 0.975.
    let (visits, outcomes) = visits(&[("MH12AB1284", 2, 9750)], &[]);
    assert_eq!(visits, [visit("MH12AB1234", 3, 4)]);
    assert_eq!(outcomes, [(ReadOutcome::Accepted, 3), (ReadOutcome::Misread, 1)]);
}

#[test]
fn two_characters_or_a_long_time_apart_are_two_vehicles() {
    let all = |more: &[(&str, i64, u16)]| visits(more, &[]).0;
    let own = || visit("MH12AB1234", 3, 3);
    assert_eq!(all(&[("MH12AB1285", 2, 9750)]), [own(), visit("MH12AB1285", 1, 1)]);
    assert_eq!(all(&[("MH12A1234", 2, 9750)]), [visit("MH12A1234", 1, 1), own()]);
    // 60 s after the last is the same visit, 61 s is none.
    assert_eq!(all(&[("MH12AB1284", 64, 9750)]), [visit("MH12AB1234", 3, 4)]);
    assert_eq!(all(&[("MH12AB1284", 65, 9750)]), [own(), visit("MH12AB1284", 1, 1)]);
}

#[test]
fn a_plate_on_a_list_is_no_misread_even_before_and_after_it_holds() {
    let both = [visit("MH12AB1234", 3, 3), visit("MH12AB1284", 1, 1)];
    assert_eq!(visits(&[("MH12AB1284", 2, 9750)], &[("MH12AB1284", PlateList::Blocked)]).0, both);
    let two = [("MH12AB1234", PlateList::Authorized), ("MH12AB1284", PlateList::Blocked)];
    assert_eq!(visits(&[("MH12AB1284", 2, 9750)], &two).0, both);
    // The other way round it attracts as any plate does.
    let (visits, _) = visits(&[("MH12AB1284", 2, 9750)], &[("MH12AB1234", PlateList::Authorized)]);
    assert_eq!(visits, [visit("MH12AB1234", 3, 4)]);
}

#[test]
fn a_misread_has_no_misreads() {
    // …84 is next to …34 and goes to it; …85 and …86 are next to …84, and two characters from …34. …85 stays by itself, and
    // …86 finds nobody who would have it: the one read of it counts for nothing.
    let more = [("MH12AB1284", 2, 9000), ("MH12AB1284", 3, 9000), ("MH12AB1285", 3, 9800), ("MH12AB1286", 3, 9000)];
    let (visits, outcomes) = visits(&more, &[]);
    assert_eq!(visits, [visit("MH12AB1234", 3, 5), visit("MH12AB1285", 1, 1)]);
    assert_eq!(outcomes, [(ReadOutcome::Accepted, 4), (ReadOutcome::Unconfirmed, 1), (ReadOutcome::Misread, 2)]);
}

#[test]
fn blocked_wins_within_its_time_and_late_entries_are_told() {
    let facts: Vec<_> = [0, 1000, 2000, 3000].map(|at| read("KA01AB1234", at, 9900)).into();
    let mut rules = rules(&[("india", INDIA)]);
    rules.extend([
        listed(PlateList::Authorized, "staff", [None, None, None]),
        // Holds at 1000 and no longer at 2000; known only at 1500.
        listed(PlateList::Blocked, "unpaid", [Some(1000), Some(2000), Some(1500)]),
        // Known before 3000.
        listed(PlateList::Blocked, "stolen", [Some(3000), None, Some(2999)]),
        listed(PlateList::Blocked, "a later entry", [Some(3000), None, Some(4000)]),
    ]);
    let events = events(facts, rules);
    let shape: Vec<_> = events.iter().map(|e| (e.status, e.reason.as_str(), e.retroactive)).collect();
    assert_eq!(
        shape,
        [
            (GateStatus::Authorized, "staff", false),
            (GateStatus::Blocked, "unpaid", true),
            (GateStatus::Authorized, "staff", false),
            (GateStatus::Blocked, "stolen", false),
        ]
    );
}
