//! Shifts and holidays in `site.toml`.

use gemba_schemas::calendar::Day;
use gemba_schemas::rule::Rule;
use gemba_schemas::site::Site;
use gemba_schemas::time::Micros;
use std::path::Path;

fn with(rest: &str) -> String {
    format!("[site]\nname = 's'\ntime_zone = 'Asia/Kolkata'\n[[camera]]\nname = 'c'\n{rest}\n")
}

fn parse(rest: &str) -> Site {
    Site::parse(&with(rest), Path::new("site.toml")).unwrap_or_else(|e| panic!("{e}"))
}

fn wrong(rest: &str) -> String {
    Site::parse(&with(rest), Path::new("site.toml")).expect_err("wrong on purpose").to_string()
}

#[test]
fn shifts_become_one_rule_for_each_employee_and_weekday() {
    let site = parse(
        "[[shift]]\nname = 'night'\nemployees = ['a', 'b']\ndays = ['fri', 'sun']\nstart = '22:00'\nend = '06:00'\n\
         grace_in = '5m'\nfrom = 2024-02-29\n[[holiday]]\nname = 'leap'\ndate = '2028-02-29'",
    );
    let rules = site.rules();
    let shifts: Vec<_> = rules.iter().filter_map(|r| if let Rule::Shift(s) = r { Some(s) } else { None }).collect();
    let who: Vec<_> = shifts.iter().map(|s| (s.employee.as_str(), s.weekday)).collect();
    assert_eq!(who, [("a", 5), ("a", 7), ("b", 5), ("b", 7)]);
    // Overnight: 22 h and 30 h after the same midnight.
    assert_eq!((shifts[0].start, shifts[0].end), (Micros(22 * Micros::HOUR.0), Micros(30 * Micros::HOUR.0)));
    assert_eq!((shifts[0].grace_in, shifts[0].grace_out), (Micros::from_secs(300), Micros::from_secs(600)));
    assert_eq!((shifts[0].time_zone.as_str(), shifts[0].from), ("Asia/Kolkata", Day::parse("2024-02-29")));
    assert!(rules.iter().any(|r| matches!(r, Rule::Holiday(h) if h.date.to_string() == "2028-02-29")));
}

#[test]
fn days_know_their_weekday() {
    let weekday = |text: &str| Day::parse(text).expect("a date").weekday();
    assert_eq!((weekday("1970-01-01"), weekday("2024-02-29"), weekday("2026-03-01")), (4, 4, 7));
    assert_eq!((Day(-4).weekday(), Day(-4).to_string()), (7, "1969-12-28".into()));
    assert_eq!(Day::parse("2026-02-29"), None);
}

#[test]
fn wrong_shifts_are_told() {
    let shift = |more: &str| format!("[[shift]]\nname = 'x'\nstart = '08:00'\n{more}");
    let fine = "employees = ['a']\ndays = ['mon']\nend = '16:00'";
    for (rest, expected) in [
        (
            shift("employees = ['a']\ndays = ['mon', 'tuesday']\nend = '16:00'"),
            "site.toml:10:16: shift.days: unknown value `tuesday`; did you mean `tue`? (valid values: `mon`, `tue`, `wed`, \
             `thu`, `fri`, `sat`, `sun`)",
        ),
        (shift("employees = []\ndays = []\nend = '16:00'"), "shift.employees: is empty; name at least one employee"),
        (shift("employees = ['a']\ndays = []\nend = '16:00'"), "shift.days: is empty; name at least one weekday"),
        (shift("employees = ['a', 'a']\ndays = ['mon']\nend = '16:00'"), "`a` is listed twice"),
        (
            shift("employees = ['a']\ndays = ['mon']\nend = '07:59'"),
            "site.toml:11:7: shift.end: expected an end at most 16 h after `start`, found 24.0 h",
        ),
        (shift(&format!("{fine}\ngrace_in = '5h'")), "shift.grace_in: expected at most \"4h\", found 18000 s"),
        (
            shift(&format!("{fine}\ntime_zone = 'Asia/Kolkatta'")),
            "shift.time_zone: unknown time zone `Asia/Kolkatta`; did you mean `Asia/Kolkata`?",
        ),
        (shift(&format!("{fine}\nfrom = 0202-01-01")), "expected a date from 2000-01-01 on, found 0202-01-01"),
        (
            shift(&format!("{fine}\nfrom = 'May'")),
            "shift.from: expected a date, such as 2026-01-26, found the text \"May\"",
        ),
        (
            format!("{}\n[[shift]]\nname = 'y'\nstart = '20:00'\n{fine}", shift(fine)),
            "site.toml:15:14: shift.employees: `a` has the shift `x` on `mon` already; one shift a weekday",
        ),
        (
            "[[holiday]]\nname = 'a'\ndate = 2026-01-26\n[[holiday]]\nname = 'b'\ndate = '2026-01-26'".into(),
            "site.toml:11:8: holiday.date: 2026-01-26 is `a` already",
        ),
    ] {
        let message = wrong(&rest);
        assert!(message.contains(expected), "{rest}\n{message}\n{expected}");
    }
}
