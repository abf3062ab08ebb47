//! Instants as texts.

use gemba_schemas::time::EventTime;
use jiff::Timestamp;
use proptest::prelude::*;

/// What a library that knows every form reads.
fn known(text: &str) -> Option<EventTime> {
    text.parse::<Timestamp>().ok().map(|instant| EventTime(instant.as_microsecond()))
}

#[test]
fn the_ends_of_days_months_and_centuries() {
    for text in [
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59.999999Z",
        "2000-02-28T00:00:00.5Z",
        "2000-02-29T12:00:00Z",
        "2023-02-29T12:00:00Z",
        "2026-04-31T00:00:00Z",
        "2100-02-28T23:59:59Z",
        "2100-03-01T00:00:00Z",
        "2026-01-15T24:00:00Z",
        "2026-01-15T10:60:00Z",
        "2026-01-15T10:15:60Z",
        "2026-01-15T10:15:00.Z",
        "2026-01-15T10:15:00.1234567Z",
        "2026-01-15T08:00:00+05:30",
        "2026-1-15T10:15:00Z",
        "2026:01:15T10:15:00Z",
        "202\u{ff11}01-15T10:15:00Z",
    ] {
        assert_eq!(EventTime::parse(text), known(text), "{text}");
    }
}

proptest! {
    /// Any instant of a few centuries, in any precision, whole or with a few letters changed.
    #[test]
    fn an_instant_is_what_the_library_reads(
        second in -2_000_000_000i64..10_000_000_000,
        fraction in "(\\.[0-9]{1,9})?",
        edits in prop::collection::vec((0..26usize, "[0-9A-Z:.+-]"), 0..2),
    ) {
        let whole = Timestamp::from_second(second).unwrap().to_string();
        let mut text = whole.replace('Z', &format!("{fraction}Z"));
        for (at, put) in edits {
            if at < text.len() {
                text.replace_range(at..at + 1, &put);
            }
        }
        prop_assert_eq!(EventTime::parse(&text), known(&text), "{}", text);
    }
}
