//! Random plates, lists and reads. Plates are short, so that SQL can try every way to read them; times lie on a grid
//! of ten seconds around whole hours.

use super::scene::Random;
use gemba_schemas::fact::{Fact, PlateRead};
use gemba_schemas::id::{FactId, Generation};
use gemba_schemas::rule::{GateRule, PlateFormatRule, PlateList, PlateRule, Rule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

const STEP: i64 = 10_000_000;

/// Texts that are plates, nearly plates, plates in several ways, and none.
const TEXTS: [&str; 22] = [
    "AB12",
    "ab-12",
    " aB 1.2\n",
    "A812",
    "4B12",
    "ABI2",
    "OOOO",
    "0000",
    "GO05",
    "G0O5",
    "6OO5",
    "SZ18",
    "5Z1B",
    "é AB12 ü",
    "AB1",
    "AB13",
    "AC12",
    "AC13",
    "AD12",
    "",
    "---",
    "AB12AB12AB12AB",
];

/// Plates that differ in one character from those beside them, as a ring, and in two from the others.
const RING: [&str; 6] = ["AB12", "AB13", "AC13", "AC14", "AD14", "AD12"];

/// An instant near the others.
fn near(random: &mut Random, base: i64) -> EventTime {
    EventTime(base * 1_000_000 + (random.below(120) - 60) * STEP)
}

pub fn rules(random: &mut Random, base: i64) -> Vec<Rule> {
    let mut rules = vec![Rule::Gate(GateRule {
        min_confidence: Score(8500),
        agree: 1 + random.below(3) as u32,
        sure: Score(random.pick(&[9700, 10_000])),
        visit_gap: Micros(random.pick(&[0, 1, 2]) * STEP),
    })];
    let formats = [
        ("plain", "[A-Z]{2}[0-9]{2}"),
        ("anchored", "^[A-Z]{2}[0-9]{2}$|^[A-Z]+$"),
        ("turned", "[0-9]{2}[A-Z]{2}"),
        ("long", "(?:AB12)+AB"),
        ("mixed", "[A-Z][0-9]{3}|[0-9]{3}[A-Z]"),
    ];
    for (format, pattern) in formats {
        if format == "plain" || !random.one_in(3) {
            rules.push(Rule::PlateFormat(PlateFormatRule { format: format.into(), pattern: pattern.into() }));
        }
    }
    for n in 0..4 + random.below(6) {
        let mut maybe = || if random.one_in(3) { Some(near(random, base)) } else { None };
        let (from, until, added) = (maybe(), maybe(), maybe());
        rules.push(Rule::Plate(PlateRule {
            plate: random.pick(&["AB12", "AC13", "AD14", "GO05", "SZ18", "OO00", "OOOO"]).into(),
            list: random.pick(PlateList::ALL),
            // Unique, so that the choice is.
            reason: format!("reason {}", (n * 7) % 10),
            from,
            until,
            added,
        }));
    }
    rules
}

fn read(random: &mut Random, n: i64, camera: &str, ts: EventTime, text: &str) -> Fact {
    let camera = camera.into();
    PlateRead {
        id: FactId::of("plate_read", camera, Generation(0), &[&n.to_le_bytes()]),
        // Some come an hour late, and some just not.
        received_at: ts + Micros(n + random.pick(&[0, 0, 0, 3_600_000_000, 3_600_000_000 - n])),
        ts,
        camera,
        text: text.into(),
        confidence: Score(random.pick(&[8500, 8501, 9000, 9000, 9699, 9700, 10_000])),
        request: String::new(),
    }
    .into()
}

pub fn facts(random: &mut Random, base: i64, size: usize) -> Vec<Fact> {
    let mut facts = Vec::new();
    for n in 0..size as i64 * 16 {
        let (camera, ts, text) = (random.pick(&["cam-a", "cam-b"]), near(random, base), random.pick(&TEXTS));
        facts.push(read(random, n, camera, ts, text));
    }
    // One vehicle at a time that is read well, and others beside it, so that whose misreads are whose is not plain.
    for n in 0..size as i64 * 24 {
        let own = RING[(n / 24) as usize % RING.len()];
        let text = if random.one_in(2) { own } else { random.pick(&RING) };
        let camera = random.pick(&["cam-a", "cam-b"]);
        let ts = EventTime(base * 1_000_000) + Micros((n / 24 * 60 + random.below(8)) * STEP);
        facts.push(read(random, 1_000_000 + n, camera, ts, text));
    }
    facts
}
