//! Events as nearly every client writes them: one flat object of plain texts and numbers.
//!
//! In: the text of one JSON value. Out: what `serde_json` and the checks of a body give, or `None` for whatever is not
//! plain: escapes, letters beyond ASCII, `null`, unknown or repeated fields, anything wrong. The caller then asks
//! `serde_json`, which knows all of JSON and says what is wrong.

use super::body::{EventBody, FUTURE, LONGEST, Report, Wrong, confidence, event_id, read};
use gemba_schemas::fact::{Activity, ActivityState, Fact, Production};
use gemba_schemas::id::{FactId, Name};
use gemba_schemas::score::Score;
use gemba_schemas::time::EventTime;
use std::borrow::Cow;

/// The fact that one event is, still to be received; `now` is the wall clock.
///
/// # Errors
/// What `serde_json` says of the text, or the first field that cannot be taken.
pub fn fact(text: &str, now: EventTime) -> Result<Fact, Wrong> {
    usual(text, now).map_or_else(|| event(text)?.fact(now), Ok)
}

/// The body of one event.
///
/// # Errors
/// What `serde_json` says of it.
pub fn event(text: &str) -> Result<EventBody<'_>, Wrong> {
    plain(text).map_or_else(|| read(text), Ok)
}

/// Whether a byte ends or spoils a plain text: quotes, escapes, control characters, and what is beyond ASCII.
const NOT_PLAIN: [bool; 256] = {
    let mut table = [true; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        table[byte] = byte == b'"' as usize || byte == b'\\' as usize;
        byte += 1;
    }
    table
};

/// How many bytes of a word, the lowest first, are visible letters of ASCII that mean themselves: all eight looked at
/// together (H. S. Warren, *Hacker's Delight*, 6-1). Those after the first that is not may be misjudged, and do not matter.
fn graphic_bytes(word: u64) -> usize {
    const ONES: u64 = u64::MAX / 255;
    let below = |bytes: u64, least: u8| bytes.wrapping_sub(ONES * u64::from(least));
    let [quote, escape] = [b'"', b'\\'].map(|byte| below(word ^ (ONES * u64::from(byte)), 1));
    let beyond = word.wrapping_add(ONES * u64::from(0x7F - b'~'));
    let odd = (word | below(word, b'!') | beyond | quote | escape) & ONES << 7;
    odd.trailing_zeros() as usize / 8
}

/// What is left to read.
struct Rest<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rest<'a> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.byte() {
            self.at += 1;
        }
    }

    /// Takes this byte, and the space before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// Takes exactly these bytes.
    fn literal<const N: usize>(&mut self, what: &[u8; N]) -> Option<()> {
        // An array of known length is compared without a call.
        (self.text.as_bytes().get(self.at..)?.first_chunk::<N>()? == what).then(|| self.at += N)
    }

    /// A text in quotes without escapes.
    fn text(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        self.rest_of_text()
    }

    /// What is left of a text whose first quote was taken.
    fn rest_of_text(&mut self) -> Option<&'a str> {
        let from = self.at;
        while !NOT_PLAIN[usize::from(self.byte()?)] {
            self.at += 1;
        }
        self.end_of_text(from)
    }

    /// The same, if all of it can be seen.
    fn graphic(&mut self) -> Option<&'a str> {
        let from = self.at;
        while let Some(eight) = self.text.as_bytes().get(self.at..).and_then(|rest| rest.first_chunk()) {
            let graphic = graphic_bytes(u64::from_le_bytes(*eight));
            self.at += graphic;
            if graphic < 8 {
                return self.end_of_text(from);
            }
        }
        while self.byte()?.is_ascii_graphic() && !NOT_PLAIN[usize::from(self.byte()?)] {
            self.at += 1;
        }
        self.end_of_text(from)
    }

    /// The text from there on, if a quote ends it here.
    fn end_of_text(&mut self, from: usize) -> Option<&'a str> {
        let text = self.text.get(from..self.at)?;
        (self.byte()? == b'"').then(|| self.at += 1)?;
        Some(text)
    }

    /// What is left of the name of something; there need not be one.
    fn name(&mut self) -> Option<Name> {
        let text = self.graphic()?;
        (text.len() <= LONGEST).then(|| if text.is_empty() { Name::EMPTY } else { Name::new(text) })
    }

    /// What is left of an instant of the usual length.
    fn instant(&mut self) -> Option<EventTime> {
        let from = self.at;
        self.at = from + "2026-01-15T10:15:00".len();
        while self.at - from <= "2026-01-15T10:15:00.123456Z".len() && self.byte()? != b'"' {
            self.at += 1;
        }
        EventTime::parse(self.end_of_text(from)?)
    }

    /// A confidence: with up to four decimals it is stored as it is written.
    fn score(&mut self) -> Option<Score> {
        let (number, decimals) = self.number()?;
        match decimals.unwrap_or(0) {
            places @ 0..=4 => {
                let score = u16::try_from(number * [10_000, 1_000, 100, 10, 1][places]).ok().map(Score);
                score.filter(|score| *score <= Score::ONE)
            }
            places => confidence(Some(number as f64 / TENS[places])).ok(),
        }
    }

    /// A number that is a fraction or whole.
    fn decimal(&mut self) -> Option<f64> {
        let (number, decimals) = self.number()?;
        Some(number as f64 / TENS[decimals.unwrap_or(0)])
    }

    /// A whole number.
    fn whole(&mut self) -> Option<i64> {
        let (number, None) = self.number()? else { return None };
        Some(number as i64)
    }

    /// A number without sign and exponent, of at most 15 digits: all of them, and how many come after the point.
    fn number(&mut self) -> Option<(u64, Option<usize>)> {
        self.space();
        let zero = self.byte()? == b'0';
        let (mut number, whole) = self.digits(0);
        let mut decimals = None;
        if self.byte() == Some(b'.') {
            self.at += 1;
            let (all, count) = self.digits(number);
            (number, decimals) = (all, Some(count));
        }
        let written = whole > 0 && decimals != Some(0) && !(zero && whole > 1);
        let exact = whole + decimals.unwrap_or(0) <= 15;
        let ends = matches!(self.byte(), Some(b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n'));
        (written && exact && ends).then_some((number, decimals))
    }

    /// Digits that go on with a number, and how many; too many are too many to count as one.
    fn digits(&mut self, mut number: u64) -> (u64, usize) {
        let from = self.at;
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit & 0xF));
            self.at += 1;
        }
        (number, self.at - from)
    }
}

/// Both a number of 15 digits and each of these are exact, so their quotient is the nearest (W. Clinger, *How to Read
/// Floating Point Numbers Accurately*).
const TENS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

fn is<const N: usize>(text: &str, what: &[u8; N]) -> bool {
    text.len() == N && text.as_bytes().first_chunk() == Some(what)
}

/// An event whose fields come in the order of the documentation, without spaces: keys are compared whole, and nothing is
/// looked at twice.
fn usual(text: &str, now: EventTime) -> Option<Fact> {
    let mut rest = Rest { text, at: 0 };
    rest.literal(b"{\"timestamp\":\"")?;
    let ts = rest.instant().filter(|ts| *ts <= now + FUTURE)?;
    rest.literal(b",\"worker_id\":\"")?;
    let worker = rest.name().filter(|name| *name != Name::EMPTY)?;
    rest.literal(b",\"workstation_id\":\"")?;
    let station = rest.name().filter(|name| *name != Name::EMPTY)?;
    rest.literal(b",\"event_type\":\"")?;
    // A state, or else units.
    let state = if rest.literal(b"working\"").is_some() {
        Some(ActivityState::Working)
    } else if rest.literal(b"idle\"").is_some() {
        Some(ActivityState::Idle)
    } else if rest.literal(b"absent\"").is_some() {
        Some(ActivityState::Absent)
    } else {
        rest.literal(b"product_count\"")?;
        None
    };
    let confidence = match rest.literal(b",\"confidence\":") {
        Some(()) => rest.score()?,
        None => Score::ONE,
    };
    let count = match rest.literal(b",\"count\":") {
        Some(()) => Some(rest.whole()?),
        None => None,
    };
    let model = match rest.literal(b",\"model_id\":\"") {
        Some(()) => rest.name()?,
        None => Name::EMPTY,
    };
    let model_version = match rest.literal(b",\"model_version\":\"") {
        Some(()) => rest.name()?,
        None => Name::EMPTY,
    };
    let own = match rest.literal(b",\"id\":\"") {
        Some(()) => Some(rest.graphic().filter(|own| (1..=LONGEST).contains(&own.len()))?),
        None => None,
    };
    rest.literal(b"}")?;
    (rest.at == text.len()).then_some(())?;
    let received_at = EventTime::default();
    let request = own.map(str::to_owned).unwrap_or_default();
    let id = |event_type| own.map_or_else(|| FactId::of_event(ts, worker, station, event_type), event_id);
    let fact = match (state, count) {
        (Some(state), None | Some(0)) => {
            let id = id(state.event_type());
            Activity { id, received_at, ts, worker, station, state, confidence, model, model_version, request }.into()
        }
        (None, Some(count)) => {
            let (id, count) = (id(Production::event_type()), u32::try_from(count).ok()?);
            Production { id, received_at, ts, worker, station, count, confidence, model, model_version, request }.into()
        }
        _ => return None,
    };
    Some(fact)
}

/// The body of an event, fields and spaces as they come.
fn plain(text: &str) -> Option<EventBody<'_>> {
    let mut rest = Rest { text, at: 0 };
    let mut body = EventBody::default();
    rest.take(b'{')?;
    loop {
        let key = rest.text()?;
        rest.take(b':')?;
        // Compared as arrays: a length that is known needs no call.
        let field = match key {
            key if is(key, b"confidence") && body.confidence.is_none() => {
                body.confidence = Some(rest.decimal()?);
                None
            }
            key if is(key, b"count") && body.count.is_none() => {
                body.count = Some(rest.whole()?);
                None
            }
            key if is(key, b"timestamp") => Some(&mut body.timestamp),
            key if is(key, b"worker_id") => Some(&mut body.worker_id),
            key if is(key, b"workstation_id") => Some(&mut body.workstation_id),
            key if is(key, b"event_type") => Some(&mut body.event_type),
            key if is(key, b"model_id") => Some(&mut body.model_id),
            key if is(key, b"model_version") => Some(&mut body.model_version),
            key if is(key, b"id") => Some(&mut body.id),
            _ => return None,
        };
        if let Some(field) = field
            && field.replace(Cow::Borrowed(rest.text()?)).is_some()
        {
            return None;
        }
        if rest.take(b',').is_none() {
            break;
        }
    }
    rest.take(b'}')?;
    rest.space();
    rest.byte().is_none().then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"timestamp":"2026-01-15T10:15:00Z","worker_id":"W1","workstation_id":"S3","event_type":"working","confidence":0.93,"count":0,"model_id":"m","model_version":"2.1.0"}"#;

    #[test]
    fn a_plain_body_is_read_without_serde() {
        for text in
            [GOOD.to_owned(), GOOD.replace(':', " : ").replace("10 : 15 : 00", "10:15:00"), r#"{"id":"a"}"#.into()]
        {
            assert!(plain(&text).is_some(), "{text}");
        }
        for text in [
            GOOD.to_owned(),
            GOOD.replace("working", "product_count"),
            GOOD.replace(":00Z", ":00.123456Z"),
            GOOD.replace(",\"count\":0,\"model_id\":\"m\"", "").replace('}', ",\"id\":\"a\"}"),
        ] {
            assert!(usual(&text, now()).is_some(), "{text}");
        }
    }

    fn now() -> EventTime {
        EventTime::parse("2026-01-15T12:00:00Z").expect("an instant")
    }

    proptest! {
        /// Whatever is cut out of, put into or changed in a body: either nothing is said, or what serde says.
        #[test]
        fn says_what_serde_says_or_nothing(
            edits in prop::collection::vec((0..GOOD.len(), 0..4usize, "[ -~\n\u{e9}]{0,3}|[0-9.eE+-]{1,20}|\"id\":\"x\",|null"), 0..4),
        ) {
            let mut text = GOOD.to_owned();
            for (at, cut, put) in edits {
                let at = at.min(text.len());
                let end = (at + cut).min(text.len());
                if text.is_char_boundary(at) && text.is_char_boundary(end) {
                    text.replace_range(at..end, &put);
                }
            }
            if let Some(fact) = usual(&text, now()) {
                let known: EventBody<'_> = serde_json::from_str(&text).expect("serde reads it");
                prop_assert_eq!(Ok(fact), known.fact(now()));
            }
            if let Some(body) = plain(&text) {
                let known: EventBody<'_> = serde_json::from_str(&text).expect("serde reads it");
                prop_assert_eq!(format!("{body:?}"), format!("{known:?}"));
            }
        }
    }
}
