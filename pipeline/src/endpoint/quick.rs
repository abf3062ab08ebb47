//! Events as nearly every client writes them: one flat object of plain texts and numbers.
//!
//! In: the text of one JSON value. Out: the same body that `serde_json` gives, or `None` for whatever is not plain: escapes,
//! letters beyond ASCII, `null`, unknown or repeated fields, anything wrong. The caller then asks `serde_json`, which
//! knows all of JSON and says what is wrong.

use super::body::{EventBody, Wrong};
use std::borrow::Cow;

/// The body of one event.
///
/// # Errors
/// What `serde_json` says of it.
pub fn event(text: &str) -> Result<EventBody<'_>, Wrong> {
    // Filled in its place: to move a body takes as long as to read a field.
    let mut body = EventBody::default();
    if usual(text, &mut body).is_some() {
        return Ok(body);
    }
    plain(text).map_or_else(|| serde_json::from_str(text).map_err(Wrong::from), Ok)
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

/// How many bytes of a word, the lowest first, are plain: all eight looked at together (H. S. Warren, *Hacker's Delight*,
/// 6-1). A byte after one that is not may be taken for one too, which does not matter.
fn plain_bytes(word: u64) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let odd = (word | control | zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5C))) & HIGH;
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

    /// The same, for a body.
    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        self.rest_of_text().map(Cow::Borrowed)
    }

    /// What is left of a text whose first quote was taken.
    fn rest_of_text(&mut self) -> Option<&'a str> {
        let from = self.at;
        while let Some(eight) = self.text.as_bytes().get(self.at..).and_then(|rest| rest.first_chunk()) {
            let plain = plain_bytes(u64::from_le_bytes(*eight));
            self.at += plain;
            if plain < 8 {
                return self.end_of_text(from);
            }
        }
        while !NOT_PLAIN[usize::from(self.byte()?)] {
            self.at += 1;
        }
        self.end_of_text(from)
    }

    /// The text from here on, if it ends with a quote where it is no longer plain.
    fn end_of_text(&mut self, from: usize) -> Option<&'a str> {
        (self.byte()? == b'"').then_some(())?;
        let text = &self.text[from..self.at];
        self.at += 1;
        Some(text)
    }

    /// A number that is a fraction or whole.
    fn decimal(&mut self) -> Option<f64> {
        const TENS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        let (number, decimals) = self.number()?;
        // Both are exact, so the quotient is the nearest (W. Clinger, *How to Read Floating Point Numbers Accurately*).
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
        let bytes = &self.text.as_bytes()[self.at..];
        let (mut length, mut number, mut point) = (0, 0u64, None);
        // One more than 15 digits and a point are.
        for byte in &bytes[..bytes.len().min(17)] {
            match byte {
                b'0'..=b'9' => number = number * 10 + u64::from(byte & 0xF),
                b'.' if point.is_none() && length > 0 => point = Some(length),
                _ => break,
            }
            length += 1;
        }
        let whole = point.unwrap_or(length);
        let decimals = point.map(|point| length - point - 1);
        let digits = whole + decimals.unwrap_or(0);
        let written = (1..=15).contains(&digits) && decimals != Some(0) && !(bytes[0] == b'0' && whole > 1);
        let ends = matches!(bytes.get(length), Some(b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n'));
        self.at += length;
        (written && ends).then_some((number, decimals))
    }
}

fn is<const N: usize>(text: &str, what: &[u8; N]) -> bool {
    text.len() == N && text.as_bytes().first_chunk() == Some(what)
}

/// Fills in a body whose fields come in the order of the documentation, without spaces: keys are compared whole.
fn usual<'a>(text: &'a str, body: &mut EventBody<'a>) -> Option<()> {
    let mut rest = Rest { text, at: 0 };
    rest.literal(b"{\"timestamp\":\"")?;
    body.timestamp = Some(rest.quoted()?);
    rest.literal(b",\"worker_id\":\"")?;
    body.worker_id = Some(rest.quoted()?);
    rest.literal(b",\"workstation_id\":\"")?;
    body.workstation_id = Some(rest.quoted()?);
    rest.literal(b",\"event_type\":\"")?;
    body.event_type = Some(rest.quoted()?);
    if rest.literal(b",\"confidence\":").is_some() {
        body.confidence = Some(rest.decimal()?);
    }
    if rest.literal(b",\"count\":").is_some() {
        body.count = Some(rest.whole()?);
    }
    if rest.literal(b",\"model_id\":\"").is_some() {
        body.model_id = Some(rest.quoted()?);
    }
    if rest.literal(b",\"model_version\":\"").is_some() {
        body.model_version = Some(rest.quoted()?);
    }
    if rest.literal(b",\"id\":\"").is_some() {
        body.id = Some(rest.quoted()?);
    }
    rest.literal(b"}")?;
    (rest.at == text.len()).then_some(())
}

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
        assert!(usual(GOOD, &mut EventBody::default()).is_some());
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
            let mut body = EventBody::default();
            if usual(&text, &mut body).is_some() {
                prop_assert_eq!(format!("{body:?}"), format!("{:?}", plain(&text).expect("what is usual is plain")));
            }
            if let Some(body) = plain(&text) {
                let known: EventBody<'_> = serde_json::from_str(&text).expect("serde reads it");
                prop_assert_eq!(format!("{body:?}"), format!("{known:?}"));
            }
        }
    }
}
