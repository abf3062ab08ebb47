//! Named places at which a test lets the process end as a power cut would: after one effect, before the next.
//!
//! In a build with debug assertions `GEMBA_CRASH_AT=lake.manifest:3` ends the process when it is at `lake.manifest` for
//! the third time. A release has none of this.

/// Every place, in the order of one run. The tests visit each.
pub const CRASH_POINTS: &[&str] = &[
    "journal.created",
    "journal.written",
    "journal.synced",
    "store.begun",
    "store.written",
    "store.committed",
    "lake.draft",
    "lake.named",
    "lake.files",
    "lake.manifest",
    "lake.catalog",
    "journal.rolled",
    "journal.released",
];

/// Ends the process here if it was asked to.
#[cfg(debug_assertions)]
pub(crate) fn crash_point(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    static ASKED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static VISITS: AtomicU64 = AtomicU64::new(0);
    debug_assert!(CRASH_POINTS.contains(&name), "{name} is not listed");
    let asked = ASKED.get_or_init(|| {
        let text = std::env::var("GEMBA_CRASH_AT").ok()?;
        let (name, visit) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), visit.parse().ok()?))
    });
    if let Some((asked, visit)) = asked
        && asked == name
        && VISITS.fetch_add(1, Relaxed) + 1 == *visit
    {
        // Nothing is flushed and nothing dropped, as with `kill -9`.
        std::process::abort();
    }
}

/// Nothing, in a release.
#[cfg(not(debug_assertions))]
pub(crate) fn crash_point(_name: &'static str) {}
