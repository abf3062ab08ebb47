//! From text to [`Site`]: structure first (unknown and missing keys, wrong types), then meaning
//! ([`validate`]).
//!
//! serde stops at its first error. To report all of them at once the offending key is taken out of the parsed
//! tree and the rest is tried again; every round removes something, so it ends. The meaning of what is left is checked,
//! too, as long as no whole table had to go; what may only follow from a key that is gone is not told.

use super::document::{Problems, Spot};
use super::error::{Problem, SiteError, hint, quoted};
use super::{Site, validate};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

impl Site {
    /// Reads and validates a site file.
    ///
    /// # Errors
    /// When it cannot be read, and for everything that is wrong in it, all at once.
    pub fn load(path: &Path) -> Result<Self, SiteError> {
        let text = std::fs::read_to_string(path).map_err(|source| SiteError::Read { path: path.into(), source })?;
        Self::parse(&text, path)
    }

    /// Parses and validates the text of a site file; `path` is for messages and as the base of relative paths.
    ///
    /// # Errors
    /// For everything that is wrong, all at once.
    pub fn parse(text: &str, path: &Path) -> Result<Self, SiteError> {
        let mut problems = Problems::new(text, path);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            problems.at(
                error.span().map_or(text.len(), |s| s.start),
                "",
                format!("no valid TOML: {}", error.message()),
            );
        }
        // What a broken line leaves behind is guesswork: no further complaints about it.
        let found = if problems.is_empty() { structure(&root, &mut problems) } else { None };
        if let Some((mut site, lost)) = found {
            site.base = path.parent().unwrap_or(Path::new("")).into();
            let mut meaning = Problems::new(text, path);
            validate::site(&site, &Spot::root(&root), &mut meaning);
            if problems.is_empty() && meaning.is_empty() {
                return Ok(site);
            }
            problems.extend(meaning, |problem| !lost.concern(problem));
        }
        Err(SiteError::Invalid(problems.into_sorted()))
    }
}

/// The tables that lost a key because of its structure.
struct Lost(Vec<String>);

impl Lost {
    /// Whether a problem is in such a table, or tells of what could stand there: it may follow from the loss.
    fn concern(&self, problem: &Problem) -> bool {
        self.0.iter().any(|table| {
            let inside =
                problem.key.strip_prefix(table.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            table.is_empty() || inside || problem.message.contains(&format!("[{table}]"))
        })
    }
}

/// The site without what is wrong in its structure, which joins the problems; none if whole tables had to go.
fn structure(root: &Spanned<DeTable<'_>>, problems: &mut Problems<'_>) -> Option<(Site, Lost)> {
    let mut rest = root.clone();
    let mut lost = Some(Lost(Vec::new()));
    // Tables by their first byte, and keys that they lack for a reason that is already reported.
    let mut excused: BTreeSet<(usize, String)> = BTreeSet::new();
    loop {
        let error = match Site::deserialize(toml::de::Deserializer::from(rest.clone())) {
            Ok(site) => return lost.map(|lost| (site, lost)),
            Err(error) => error,
        };
        let (message, span) = (error.message(), error.span().unwrap_or(0..0));
        let missing = message.strip_prefix("missing field ").map(|name| name.trim_matches('`').to_owned());
        let Some(taken) = take(&mut rest, &span, missing.is_some()) else {
            // The document as a whole: a table that it must have is not there.
            let name = missing.unwrap_or_default();
            if !excused.contains(&(0, name.clone())) {
                problems.at(0, "", format!("the table `[{name}]` is missing"));
            }
            return None;
        };
        if let Some(name) = missing {
            if !excused.contains(&(span.start, name.clone())) {
                problems.at(span.start, taken.inside(), format!("missing key `{name}` in {}", taken.header()));
            }
            excused.insert((taken.table, taken.key));
            lost = None;
        } else {
            let (message, meant) = explain(message, &taken);
            problems.at(span.start, taken.dotted(), message);
            excused.extend(meant.map(|key| (taken.table, key)));
            lost.iter_mut().for_each(|lost| lost.0.push(taken.parents.join(".")));
            excused.insert((taken.table, taken.key));
        }
    }
}

/// What was taken out of the tree because of an error.
struct Taken {
    /// Keys of the tables around it, from the root.
    parents: Vec<String>,
    /// Whether the innermost of them is an element of `[[…]]`.
    listed: bool,
    /// First byte of that table; 0 for the document.
    table: usize,
    /// The key.
    key: String,
    /// Whether a whole element `[[key]]` was taken.
    element: bool,
}

impl Taken {
    fn dotted(&self) -> String {
        self.parents.iter().chain([&self.key]).cloned().collect::<Vec<_>>().join(".")
    }

    /// The key of the table that lacks something: the one that was taken.
    fn inside(&self) -> String {
        self.dotted()
    }

    /// How the taken table is written in the file.
    fn header(&self) -> String {
        if self.element { format!("[[{}]]", self.dotted()) } else { format!("[{}]", self.dotted()) }
    }

    /// How the table around the taken key is written.
    fn around(&self) -> String {
        match (self.parents.is_empty(), self.listed) {
            (true, _) => "the file".into(),
            (false, true) => format!("[[{}]]", self.parents.join(".")),
            (false, false) => format!("[{}]", self.parents.join(".")),
        }
    }
}

/// Takes the key at (or around) `span` out of the tree; with `whole_table` the table at `span`.
fn take(root: &mut Spanned<DeTable<'_>>, span: &Range<usize>, whole_table: bool) -> Option<Taken> {
    let mut taken = Taken { parents: Vec::new(), listed: false, table: 0, key: String::new(), element: false };
    take_from(root.get_mut(), span, whole_table, &mut taken).then_some(taken)
}

fn take_from(table: &mut DeTable<'_>, span: &Range<usize>, whole_table: bool, taken: &mut Taken) -> bool {
    let mut hit: Option<String> = None;
    for (key, value) in table.iter_mut() {
        let name = key.get_ref().to_string();
        let same = value.span() == *span;
        if (!whole_table && key.span() == *span) || (same && !(whole_table && value.get_ref().is_array())) {
            hit = Some(name);
            break;
        }
        let around = (taken.listed, taken.table);
        taken.parents.push(name.clone());
        let start = value.span().start;
        let inner = match value.get_mut() {
            DeValue::Table(inner) => {
                (taken.listed, taken.table) = (false, start);
                take_from(inner, span, whole_table, taken)
            }
            DeValue::Array(items) => {
                let lost = items.iter().position(|i| whole_table && i.get_ref().is_table() && i.span() == *span);
                if let Some(lost) = lost {
                    *items = items.iter().enumerate().filter(|(i, _)| *i != lost).map(|(_, v)| v.clone()).collect();
                    taken.parents.pop();
                    (taken.key, taken.element) = (name, true);
                    return true;
                }
                items.iter_mut().any(|item| {
                    let start = item.span().start;
                    match item.get_mut() {
                        DeValue::Table(inner) => {
                            (taken.listed, taken.table) = (true, start);
                            take_from(inner, span, whole_table, taken)
                        }
                        _ => false,
                    }
                })
            }
            _ => false,
        };
        if inner {
            return true;
        }
        taken.parents.pop();
        (taken.listed, taken.table) = around;
        if !whole_table && value.span().start <= span.start && span.end <= value.span().end {
            hit = Some(name);
            break;
        }
    }
    let Some(name) = hit else { return false };
    table.remove(name.as_str());
    taken.key = name;
    true
}

/// serde's words in ours, and the missing key that an unknown one was probably meant to be.
fn explain(message: &str, taken: &Taken) -> (String, Option<String>) {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        // `unknown field `x`, expected one of `a`, `b``: every second piece between backticks is a name.
        let mut names = rest.split('`').skip(1).step_by(2);
        let wrong = names.next().unwrap_or_default();
        let valid: Vec<_> = names.collect();
        let meant = super::error::nearest(wrong, valid.iter().copied()).map(str::to_owned);
        let text = format!(
            "unknown key `{wrong}` in {}{} (valid keys: {})",
            taken.around(),
            hint(wrong, valid.iter().copied()),
            quoted(valid.iter().copied())
        );
        return (text, meant);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let mut names = rest.split('`').skip(1).step_by(2);
        let wrong = names.next().unwrap_or_default();
        let valid: Vec<_> = names.collect();
        let text = format!(
            "unknown value `{wrong}`{} (valid values: {})",
            hint(wrong, valid.iter().copied()),
            quoted(valid.iter().copied())
        );
        return (text, None);
    }
    for prefix in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, wanted)) = message.strip_prefix(prefix).and_then(|rest| rest.rsplit_once(", expected ")) {
            let list = if prefix == "invalid length " { "a list of length " } else { "" };
            let mut text = format!("expected {}, found {list}{}", wanted_words(wanted), found_words(found));
            if wanted == "a sequence" && found == "map" {
                text.push_str(&format!("; write it in double brackets: [[{}]]", taken.dotted()));
            }
            return (text, None);
        }
    }
    (message.to_owned(), None)
}

fn wanted_words(wanted: &str) -> String {
    match wanted {
        "a string" | "string" | "path string" => "text in quotes".into(),
        "a boolean" => "true or false".into(),
        "f64" => "a number".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "a sequence" => "a list".into(),
        "a map" => "a table".into(),
        _ if wanted.starts_with("struct ") => "a table".into(),
        _ => wanted.replace("an array of length", "a list of length").replace(" elements in sequence", ""),
    }
}

fn found_words(found: &str) -> String {
    match found {
        "map" => "a table".into(),
        "sequence" => "a list".into(),
        _ => found
            .replace("integer `", "the number `")
            .replace("floating point `", "the number `")
            .replace("string ", "the text "),
    }
}
