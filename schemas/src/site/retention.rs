//! `[retention]`: how long what is kept.

use super::Site;
use super::document::{Problems, Spot};
use crate::fact::HORIZON;
use crate::time::Micros;
use serde::Deserialize;

/// Days for which evidence frames and snapshots are kept unless the site says otherwise.
const PICTURES_DAYS: u32 = 90;

/// `[retention]`. The age of facts and of rows of views is counted back from the site's latest time; that of
/// pictures from the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Days for which facts stay in the lake, at least the horizon of 35 days; they leave month by month. Default:
    /// for ever.
    pub facts_days: Option<u32>,
    /// Days for which rows of views stay in the lake. Default: for ever.
    pub views_days: Option<u32>,
    /// Days for which files in the data directory's `evidence` stay. Default 90.
    pub evidence_days: u32,
    /// Days for which files in the data directory's `snapshots` stay. Default 90.
    pub snapshots_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { facts_days: None, views_days: None, evidence_days: PICTURES_DAYS, snapshots_days: PICTURES_DAYS }
    }
}

pub(super) fn retention(site: &Site, spot: &Spot<'_>, problems: &mut Problems<'_>) {
    let kept = &site.retention;
    let horizon = (HORIZON.0 / (24 * Micros::HOUR.0)) as u32;
    if let Some(days) = kept.facts_days.filter(|days| *days < horizon) {
        problems.add(
            &spot.key("facts_days"),
            format!(
                "facts cannot leave after {days} days: until {horizon} days a late one may still correct the past; \
                 write {horizon} or more, or leave it out to keep them for ever"
            ),
        );
    }
    for (key, days) in [
        ("views_days", kept.views_days.unwrap_or(1)),
        ("evidence_days", kept.evidence_days),
        ("snapshots_days", kept.snapshots_days),
    ] {
        if days == 0 {
            problems.add(&spot.key(key), "must be at least 1");
        }
    }
}
