//! What the site says about number plates: how reads become visits, formats, lists. They are rules: facts do not
//! depend on them.

use super::value::{Fraction, Length, Moment};
use crate::calendar::Calendar;
use crate::id::Name;
use crate::rule::{GateRule, PlateFormatRule, PlateList, PlateRule, Rule};
use crate::score::Score;
use crate::time::{EventTime, Micros};
use serde::Deserialize;

/// `[gate]`: reading number plates. Without it no plate read counts.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// A read counts if its confidence is above this. Default 0.85.
    #[serde(default = "min_confidence")]
    pub min_confidence: Fraction,
    /// Reads of one plate that make a visit an event. Default 2.
    #[serde(default = "two")]
    pub agree: u32,
    /// Confidence from which a single read is enough. Default 0.97.
    #[serde(default = "sure")]
    pub sure: Fraction,
    /// Longest time between two reads of one visit, misreads too. Default `60s`.
    #[serde(default = "Length::one_minute")]
    pub visit_gap: Length,
    /// `[[gate.format]]`: what plates look like. Default: one, `india`.
    #[serde(default = "india", rename = "format")]
    pub formats: Vec<PlateFormat>,
    /// `[[gate.plate]]`: plates that are blocked or authorized. Default: none.
    #[serde(default, rename = "plate")]
    pub plates: Vec<ListedPlate>,
}

/// `[[gate.format]]`: what plates look like.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlateFormat {
    /// Name, unique among the formats.
    pub name: String,
    /// Regular expression that a whole plate must match, written in A–Z and 0–9.
    pub pattern: String,
}

/// `[[gate.plate]]`: a plate on a list.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedPlate {
    /// The plate; all but letters and digits is left out.
    pub plate: String,
    /// `blocked` or `authorized`; blocked wins.
    pub list: PlateList,
    /// Why; shown with events. Default: none.
    #[serde(default)]
    pub reason: String,
    /// When it begins to hold. Default: always.
    pub from: Option<Moment>,
    /// When it no longer holds. Default: never.
    pub until: Option<Moment>,
    /// When it was put on the list: events before it are marked `retroactive`. Default: when a start or a reload first
    /// found it there (the same plate, list and `from`); before all if that was the site's first start.
    pub added: Option<Moment>,
}

fn min_confidence() -> Fraction {
    Fraction(0.85)
}

fn two() -> u32 {
    2
}

fn sure() -> Fraction {
    Fraction(0.97)
}

fn india() -> Vec<PlateFormat> {
    vec![PlateFormat { name: "india".into(), pattern: "^[A-Z]{2}[0-9]{2}[A-Z]{1,2}[0-9]{4}$".into() }]
}

impl Moment {
    /// The instant; of a date its midnight on the clock of this zone.
    pub(super) fn instant(self, zone: &str) -> Option<EventTime> {
        match self {
            Self::Instant(ts) => Some(ts),
            Self::Date(day) => Calendar::default().instant(Name::new(zone), day, Micros::ZERO),
        }
    }
}

impl ListedPlate {
    /// The plate as reads are cleaned.
    pub(super) fn cleaned(&self) -> String {
        self.plate.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect()
    }
}

impl Gate {
    pub(super) fn rules(&self, site_zone: &str) -> Vec<Rule> {
        let score = |share: Fraction| Score((share.0 * 10_000.0).round() as u16);
        let gate = GateRule {
            min_confidence: score(self.min_confidence),
            agree: self.agree,
            sure: score(self.sure),
            visit_gap: self.visit_gap.0,
        };
        let formats = self.formats.iter().map(|format| {
            Rule::PlateFormat(PlateFormatRule { format: Name::new(&format.name), pattern: format.pattern.clone() })
        });
        let plates = self.plates.iter().map(|p| {
            let instant = |moment: Option<Moment>| moment.and_then(|m| m.instant(site_zone));
            Rule::Plate(PlateRule {
                plate: p.cleaned(),
                list: p.list,
                reason: p.reason.clone(),
                from: instant(p.from),
                until: instant(p.until),
                added: instant(p.added),
            })
        });
        std::iter::once(Rule::Gate(gate)).chain(formats).chain(plates).collect()
    }
}
