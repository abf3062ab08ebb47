//! Finds out how a model's outputs are to be read: from the shapes of a first run, the configured family, and how
//! many class names there are.
//!
//! All layouts that fit the shapes are listed; the configured family and the number of classes (80 when no names
//! are given) thin the list; one must be left.

use super::yolox::cells;
use super::{Head, Output, Values};
use crate::detect::error::family_name;
use gemba_schemas::site::ModelFamily;
use std::collections::BTreeSet;

/// A head and the number of its classes, where the shapes tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitting {
    /// The layout.
    pub head: Head,
    /// Number of classes.
    pub classes: Option<usize>,
    /// A layout so rare that a common one is preferred.
    rare: bool,
}

/// Why no head was found.
#[derive(Debug, PartialEq)]
pub enum NoHead {
    /// Nothing fits.
    Unknown,
    /// These families fit.
    Ambiguous(String),
    /// The configured family does not fit; this one would.
    Wrong(Option<ModelFamily>),
    /// The number of class names does not fit: the model has these.
    Count(String),
}

/// A model has at most this many queries; more boxes are anchors of a dense head.
const MOST_QUERIES: i64 = 1_000;

/// The head of a model with these outputs and this input size.
pub fn head(
    outputs: &[Output<'_>],
    size: (usize, usize),
    configured: Option<ModelFamily>,
    names: Option<usize>,
) -> Result<Fitting, NoHead> {
    let all = fitting(outputs, size, configured);
    let of_family: Vec<Fitting> =
        all.iter().filter(|f| configured.is_none_or(|c| f.head.family() == c)).cloned().collect();
    let looks = || choose(all.clone(), names.or(Some(80))).ok().map(|f| f.head.family());
    if of_family.is_empty() {
        return Err(if configured.is_some() { NoHead::Wrong(looks()) } else { NoHead::Unknown });
    }
    // A configured family whose class count is off may be the wrong family.
    match (choose(of_family, names), configured) {
        (Err(NoHead::Count(counts)), Some(c)) => Err(match looks() {
            Some(other) if other != c => NoHead::Wrong(Some(other)),
            _ => NoHead::Count(counts),
        }),
        (Ok(f), Some(c)) if names.is_none() && f.classes.is_some_and(|n| n != 80) => match looks() {
            Some(other) if other != c => Err(NoHead::Wrong(Some(other))),
            _ => Ok(f),
        },
        (other, _) => other,
    }
}

fn choose(mut list: Vec<Fitting>, names: Option<usize>) -> Result<Fitting, NoHead> {
    let fits = |f: &Fitting, n: usize| f.classes.is_none_or(|c| c == n);
    match names {
        Some(n) if !list.iter().any(|f| fits(f, n)) => {
            let common = list.iter().any(|f| !f.rare);
            let counts: BTreeSet<usize> = list.iter().filter(|f| f.rare != common).filter_map(|f| f.classes).collect();
            let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
            return Err(NoHead::Count(counts.join(" or ")));
        }
        Some(n) => list.retain(|f| fits(f, n)),
        None if list.iter().any(|f| fits(f, 80)) => list.retain(|f| fits(f, 80)),
        None => (),
    }
    if list.iter().any(|f| !f.rare) {
        list.retain(|f| !f.rare);
    }
    if list.len() > 1 {
        let families: BTreeSet<&str> = list.iter().map(|f| family_name(f.head.family())).collect();
        return Err(NoHead::Ambiguous(families.into_iter().collect::<Vec<_>>().join(", ")));
    }
    list.pop().ok_or(NoHead::Unknown)
}

/// Every layout that these shapes allow.
fn fitting(outputs: &[Output<'_>], size: (usize, usize), configured: Option<ModelFamily>) -> Vec<Fitting> {
    let mut list = Vec::new();
    let mut add = |head, classes: Option<i64>, rare| {
        list.push(Fitting { head, classes: classes.map(|c| c as usize), rare });
    };
    let floats = |o: &Output<'_>| matches!(o.values, Values::Floats(_));
    match outputs {
        [one] if floats(one) => match *one.shape {
            [1, a, b] => {
                let grid = cells(size) as i64;
                if a == grid && b >= 6 {
                    add(Head::Yolox, Some(b - 5), false);
                }
                // Models with other strides (P6) list other numbers of boxes: believed when the family is given.
                let told = configured == Some(ModelFamily::Yolov8);
                if a >= 5 && (b == grid || (told && b > a)) {
                    add(Head::Yolov8 { rows: false }, Some(a - 4), false);
                }
                if b >= 5 && (a == grid || (told && a > b)) {
                    add(Head::Yolov8 { rows: true }, Some(b - 4), true);
                }
                if b == 6 && (a <= MOST_QUERIES || configured == Some(ModelFamily::Detr)) {
                    add(Head::Rows, None, false);
                }
            }
            [1, channels @ (6..), height @ (1..), width @ (1..)] => {
                let (w, h) = (size.0 as i64, size.1 as i64);
                if w % width == 0 && h % height == 0 && w / width == h / height {
                    add(Head::Fastestdet, Some(channels - 5), false);
                }
            }
            _ => (),
        },
        [a, b] if floats(a) && floats(b) => {
            let named = |o: &Output<'_>| o.name.contains("box") || o.name.contains("dets");
            let mut ways = Vec::new();
            for (logits, boxes) in [(0, 1), (1, 0)] {
                let (l, b) = (&outputs[logits], &outputs[boxes]);
                let ([1, n, classes @ (1..)], [1, m, 4]) = (l.shape, b.shape) else { continue };
                if n == m && (*n <= MOST_QUERIES || configured == Some(ModelFamily::Detr)) {
                    ways.push((logits, boxes, *classes));
                }
            }
            // With four classes both look like boxes; the names must tell.
            if ways.len() > 1 {
                ways.retain(|&(logits, boxes, _)| named(&outputs[boxes]) && !named(&outputs[logits]));
            }
            for (logits, boxes, classes) in ways {
                add(Head::Queries { logits, boxes, softmax: false }, Some(classes), false);
                if classes > 1 {
                    add(Head::Queries { logits, boxes, softmax: true }, Some(classes - 1), true);
                }
            }
        }
        [_, _, _] => {
            let find = |test: &dyn Fn(&Output<'_>) -> bool| outputs.iter().position(test);
            let labels = find(&|o| matches!(o.values, Values::Longs(_) | Values::Ints(_)) && o.shape.len() <= 2);
            let boxes = find(&|o| floats(o) && o.shape.last() == Some(&4) && o.shape.len() >= 2);
            let scores = find(&|o| floats(o) && o.shape.len() <= 2 && o.shape.last() != Some(&4))
                .or_else(|| find(&|o| floats(o) && o.name.contains("score")));
            if let (Some(labels), Some(boxes), Some(scores)) = (labels, boxes, scores)
                && boxes != scores
            {
                add(Head::Labelled { labels, boxes, scores }, None, false);
            }
        }
        _ => (),
    }
    list
}
