//! The text of a site file as a tree of keys and values that know their place, and the list of problems
//! found in it.

use super::error::Problem;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Collects what is wrong, with places worked out from byte offsets.
pub(super) struct Problems<'t> {
    path: &'t Path,
    text: &'t str,
    found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str, path: &'t Path) -> Self {
        Self { path, text, found: Vec::new() }
    }

    /// Notes a problem at a byte offset of the text.
    pub(super) fn at(&mut self, offset: usize, key: impl Into<String>, message: impl Into<String>) {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        // Characters, not bytes: continuation bytes of UTF-8 start no character.
        let characters = before[line_start..].iter().filter(|b| (**b & 0xC0) != 0x80).count();
        self.found.push(Problem {
            path: self.path.into(),
            line: before.iter().filter(|b| **b == b'\n').count() + 1,
            column: characters + 1,
            key: key.into(),
            message: message.into(),
        });
    }

    /// Notes a problem of the value at `spot`.
    pub(super) fn add(&mut self, spot: &Spot<'_>, message: impl Into<String>) {
        self.at(spot.span.start, spot.key.clone(), message);
    }

    /// Takes in those problems of another list that are to be kept.
    pub(super) fn extend(&mut self, others: Self, keep: impl Fn(&Problem) -> bool) {
        self.found.extend(others.found.into_iter().filter(keep));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problems in order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort();
        self.found.dedup();
        self.found
    }
}

/// A place in the document: a value, or where it would stand.
#[derive(Clone)]
pub(super) struct Spot<'d> {
    value: Option<&'d DeValue<'d>>,
    table: Option<&'d DeTable<'d>>,
    /// Bytes of the value; for a key that is not given, of the table that lacks it.
    pub(super) span: Range<usize>,
    /// Dotted key.
    pub(super) key: String,
}

impl<'d> Spot<'d> {
    /// The whole document.
    pub(super) fn root(root: &'d Spanned<DeTable<'d>>) -> Self {
        Self { value: None, table: Some(root.get_ref()), span: 0..0, key: String::new() }
    }

    fn of(value: &'d Spanned<DeValue<'d>>, key: String) -> Self {
        Self { value: Some(value.get_ref()), table: value.get_ref().as_table(), span: value.span(), key }
    }

    /// The value of a key of this table.
    pub(super) fn key(&self, name: &str) -> Self {
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        match self.table.and_then(|t| t.get(name)) {
            Some(value) => Self::of(value, key),
            None => Self { value: None, table: None, span: self.span.clone(), key },
        }
    }

    /// An element of this list.
    pub(super) fn item(&self, index: usize) -> Self {
        match self.value.and_then(|v| v.get(index)) {
            Some(value) => Self::of(value, self.key.clone()),
            None => Self { value: None, table: None, span: self.span.clone(), key: self.key.clone() },
        }
    }

    /// Whether the value is written in the file.
    pub(super) fn is_given(&self) -> bool {
        self.value.is_some()
    }
}
