//! The meaning of the gate's settings, formats and lists.

use super::document::{Problems, Spot};
use super::error::quoted;
use super::validate::unique;
use super::validate_scene::{at_most, regex_words};
use super::{Gate, ListedPlate};
use crate::time::Micros;

/// Adds everything that is wrong with the gate.
pub(super) fn gate(gate: &Gate, site_zone: &str, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    if gate.agree == 0 {
        problems.add(&spot.key("agree"), "expected at least 1, found 0");
    }
    if gate.sure.0 < gate.min_confidence.0 {
        let key = if spot.key("sure").is_given() { "sure" } else { "min_confidence" };
        problems.add(
            &spot.key(key),
            format!("expected `min_confidence` ≤ `sure`, found {} and {}", gate.min_confidence.0, gate.sure.0),
        );
    }
    at_most(gate.visit_gap, Micros::HOUR, "1h", &spot.key("visit_gap"), problems);
    let formats = spot.key("format");
    if gate.formats.is_empty() {
        problems.add(&formats, "is empty: no plate would count; name a format, or leave it out");
    }
    unique(&gate.formats, |f| &f.name, &formats, &[], problems);
    let mut patterns = Vec::new();
    for (i, format) in gate.formats.iter().enumerate() {
        match regex::Regex::new(&format!(r"\A(?:{})\z", format.pattern)) {
            Ok(pattern) => patterns.push(pattern),
            Err(_) => {
                // The place is counted in the pattern as it is written.
                let words = match regex::Regex::new(&format.pattern) {
                    Err(error) => regex_words(&format.pattern, &error),
                    Ok(_) => format!("`{}` is no regular expression for a whole text", format.pattern),
                };
                problems.add(&formats.item(i).key("pattern"), words);
            }
        }
    }
    let plates = spot.key("plate");
    for (i, listed) in gate.plates.iter().enumerate() {
        let spot = plates.item(i);
        let cleaned = listed.cleaned();
        // With a broken pattern there is no telling.
        let known = patterns.len() < gate.formats.len() || patterns.iter().any(|p| p.is_match(&cleaned));
        if !known {
            let names = quoted(gate.formats.iter().map(|f| f.name.as_str()));
            problems.add(
                &spot.key("plate"),
                format!("`{cleaned}` matches no format, so no read could be this plate (formats: {names})"),
            );
        }
        validity(listed, site_zone, &spot, problems);
    }
}

fn validity(listed: &ListedPlate, site_zone: &str, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let [from, until] = [listed.from, listed.until].map(|moment| moment.and_then(|m| m.instant(site_zone)));
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        problems.add(&spot.key("until"), "expected `from` before `until`: the entry never holds");
    }
}
