//! Random shifts and marks. Shifts and marks lie on a grid of ten minutes, so that starts, ends and graces are met.

use super::scene::Random;
use gemba_schemas::calendar::{Calendar, Day};
use gemba_schemas::fact::{AttendanceMark, Fact, MarkKind};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::rule::{HolidayRule, Rule, ShiftRule};
use gemba_schemas::score::Score;
use gemba_schemas::time::{EventTime, Micros};

const MINUTE: i64 = 60_000_000;
/// Who has shifts; the last has none.
const EMPLOYEES: [&str; 4] = ["ann", "bob", "cai", "dev"];

fn minutes(n: i64) -> Micros {
    Micros(n * MINUTE)
}

/// Four shifts; each employee has one of them, or none, on each weekday.
pub fn rules(random: &mut Random, zone: &str, base: i64) -> Vec<Rule> {
    let today = Day::utc(EventTime(base * 1_000_000));
    let mut rules: Vec<Rule> = (0..random.below(3))
        .map(|n| HolidayRule { date: today.plus(-2 * n as i32), name: Name::new(&format!("holiday-{n}")) })
        .map(Rule::Holiday)
        .collect();
    let shifts: Vec<ShiftRule> = ["office", "early", "late", "night"]
        .map(|shift| {
            let start = random.pick(&[0, 120, 150, 180, 300, 360, 840, 1320, 1410]);
            // The last two are longer than a site may say.
            let length = random.pick(&[30, 240, 480, 480, 540, 960, 1200, 1440]);
            ShiftRule {
                employee: "".into(),
                shift: shift.into(),
                weekday: 0,
                start: minutes(start),
                end: minutes(start + length),
                grace_in: minutes(random.pick(&[0, 10, 10, 30])),
                grace_out: minutes(random.pick(&[0, 10, 10, 30])),
                time_zone: random.pick(&[zone, zone, zone, "Asia/Kolkata"]).into(),
                from: random.pick(&[None, None, Some(-45), Some(-3)]).map(|days| today.plus(days)),
            }
        })
        .into();
    for employee in &EMPLOYEES[..3] {
        for weekday in 1..=7 {
            if let Some(shift) = shifts.get(random.below(5) as usize) {
                rules.push(Rule::Shift(ShiftRule { employee: (*employee).into(), weekday, ..shift.clone() }));
            }
        }
    }
    rules
}

/// Marks of five days, up to half an hour after the middle of the scene: most of them about the starts and ends of
/// somebody's shifts, the rest anywhere.
pub fn facts(random: &mut Random, rules: &[Rule], base: i64, size: usize) -> Vec<Fact> {
    let shifts: Vec<_> = rules.iter().filter_map(|r| if let Rule::Shift(s) = r { Some(s) } else { None }).collect();
    let today = Day::utc(EventTime(base * 1_000_000));
    let mut calendar = Calendar::default();
    let mut facts = Vec::new();
    for n in 0..size as i64 * 20 {
        let mut ts = base * 1_000_000 - random.below(5 * 144) * 10 * MINUTE;
        let mut employee: Name = random.pick(&EMPLOYEES).into();
        let mut kind = random.pick(MarkKind::ALL);
        if let Some(shift) = shifts.get(random.below(shifts.len() as i64 * 4 / 3) as usize) {
            // The latest day with that shift, or the week before's.
            let days = (today.weekday() + 7 - shift.weekday) % 7 + random.pick(&[0, 0, 0, 7]);
            let at = if kind == MarkKind::In { shift.start } else { shift.end };
            let instant = calendar.instant(shift.time_zone, today.plus(-i32::from(days)), at);
            ts = instant.unwrap_or_default().0 + random.pick(&[-30, -20, -10, -10, 0, 0, 10, 10, 20, 40, 300]) * MINUTE;
            employee = shift.employee;
            if random.one_in(9) {
                kind = random.pick(MarkKind::ALL);
            }
        }
        let ts = EventTime(ts.min(base * 1_000_000 + 30 * MINUTE) + random.pick(&[0, 0, 0, 1, -1]));
        let id = FactId::of("attendance_mark", employee, Generation(0), &[&n.to_le_bytes()]);
        let mark = AttendanceMark {
            id,
            received_at: random.arrival(ts, ts + Micros(n)),
            ts,
            employee,
            kind,
            camera: "door".into(),
            confidence: Score::ONE,
            request: String::new(),
        };
        facts.push(mark.clone().into());
        // Somebody else's report of the same, at the same instant.
        if random.one_in(9) {
            let id = FactId(id.0 ^ 1);
            facts.push(AttendanceMark { id, kind: random.pick(MarkKind::ALL), ..mark }.into());
        }
    }
    facts
}
