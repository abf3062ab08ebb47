//! What the site says, as far as it decides which facts are under a row; stretches of time, and how SQL says them.

use gemba_schemas::calendar::Calendar;
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::rule::{BaselineRule, ClockRule, Rule};
use gemba_schemas::time::{EventTime, Micros};
use std::sync::Arc;

/// From an instant up to before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// First instant.
    pub from: EventTime,
    /// First instant after it.
    pub to: EventTime,
}

impl Span {
    /// With both ends.
    pub fn through(from: EventTime, last: EventTime) -> Self {
        Self { from, to: last + Micros(1) }
    }

    /// As much longer at both ends.
    pub fn wider(self, by: Micros) -> Self {
        Self { from: self.from - by, to: self.to + by }
    }

    /// That an instant is within.
    pub fn holds(self, column: &str) -> String {
        format!("{column} >= {} AND {column} < {}", instant(self.from), instant(self.to))
    }

    /// That a stretch with both its ends has something in it.
    pub fn touches(self, first: &str, last: &str) -> String {
        format!("{first} < {} AND {last} >= {}", instant(self.to), instant(self.from))
    }

    /// That a row of `coverage` saw some of it, or began in it.
    pub fn covered(self) -> String {
        let (from, to) = (instant(self.from), instant(self.to));
        format!("t.started < {to} AND (t.ended > {from} OR t.started >= {from})")
    }
}

/// A text as SQL has it.
pub(super) fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Texts for `IN`.
pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let texts: Vec<_> = texts.into_iter().map(text).collect();
    // An empty list is no SQL.
    if texts.is_empty() { "(NULL)".into() } else { format!("({})", texts.join(", ")) }
}

/// An instant as SQL has it.
pub(super) fn instant(ts: EventTime) -> String {
    // The outermost numbers stand for infinity.
    format!("make_timestamptz({})", ts.0.clamp(i64::MIN / 4, i64::MAX / 4))
}

/// A length of time as SQL has it.
pub(super) fn length(micros: Micros) -> String {
    format!("to_microseconds({})", micros.0)
}

/// That a column is this name.
pub(super) fn is(column: &str, name: Name) -> String {
    format!("{column} = {}", text(name.as_str()))
}

/// That a fact is of this camera.
pub(super) fn of_camera(camera: Name) -> String {
    is("t.camera", camera)
}

/// That a fact is of this generation.
pub(super) fn of_generation(camera: Name, generation: Generation) -> String {
    format!("{} AND t.generation = {}", of_camera(camera), generation.0)
}

/// That one of these holds; never, if there is none.
pub(super) fn any(conditions: impl IntoIterator<Item = String>) -> String {
    let conditions: Vec<_> = conditions.into_iter().map(|c| format!("({c})")).collect();
    if conditions.is_empty() { "false".into() } else { format!("({})", conditions.join(" OR ")) }
}

/// The rules, with the site's clock.
pub(super) struct Ruled {
    rules: Arc<[Rule]>,
    clock: ClockRule,
    calendar: Calendar,
}

/// The rules of one kind.
macro_rules! of_kind {
    ($ruled:expr, $kind:ident) => {
        $ruled
            .rules()
            .iter()
            .filter_map(|rule| if let gemba_schemas::rule::Rule::$kind(rule) = rule { Some(rule) } else { None })
    };
}
pub(super) use of_kind;

impl Ruled {
    /// Of a site, which has one clock.
    pub fn new(rules: Arc<[Rule]>) -> Self {
        let utc = ClockRule { time_zone: Name::new("UTC"), day_reset: Micros::ZERO };
        let clock =
            rules.iter().find_map(|rule| if let Rule::Clock(clock) = rule { Some(clock.clone()) } else { None });
        Self { rules, clock: clock.unwrap_or(utc), calendar: Calendar::default() }
    }

    /// All of them.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What is pinned to compare reports with.
    pub fn baseline(&self) -> Option<BaselineRule> {
        of_kind!(self, Baseline).min().copied()
    }

    /// A local hour: shorter than an hour where the clock is put by less.
    pub fn hour(&mut self, hour: EventTime) -> Span {
        let minutes = (0..60).map(|m| hour + Micros(m * Micros::MINUTE.0));
        let minutes: Vec<_> = minutes.filter(|m| self.calendar.hour(&self.clock, *m) == hour).collect();
        match (minutes.first(), minutes.last()) {
            (Some(first), Some(last)) => Span { from: *first, to: *last + Micros::MINUTE },
            _ => Span { from: hour, to: hour + Micros::HOUR },
        }
    }

    /// The hours from one through another.
    pub fn hours(&mut self, first: EventTime, last: EventTime) -> Span {
        Span { from: self.hour(first).from, to: self.hour(last).to }
    }

    /// A calendar day.
    pub fn day(&mut self, day: EventTime) -> Span {
        // Always within the next one, be it as long or short as clocks make it.
        let next = day + Micros(36 * Micros::HOUR.0);
        Span { from: day, to: self.calendar.day(&self.clock, next) }
    }

    /// A calendar month.
    pub fn month(&mut self, month: EventTime) -> Span {
        let next = month + Micros(32 * 24 * Micros::HOUR.0);
        Span { from: month, to: self.calendar.month(&self.clock, next) }
    }

    /// The last daily reset at or before an instant.
    pub fn reset(&mut self, ts: EventTime) -> EventTime {
        self.calendar.reset_day(&self.clock, ts)
    }
}
