//! `/metrics`: Prometheus text format. The only label is the camera.

use super::{Shared, typed};
use crate::progress::CameraCounts;
use axum::extract::State;
use axum::response::Response;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// One metric of each camera: name, help, value.
type CameraMetric = (&'static str, &'static str, fn(&CameraCounts) -> f64);

const CAMERA_METRICS: &[CameraMetric] = &[
    ("gemba_frames_seen_total", "Frames in the footage.", |c| c.frames_seen as f64),
    ("gemba_frames_decoded_total", "Frames decoded.", |c| c.frames_decoded as f64),
    ("gemba_frames_skipped_total", "Frames that sampling did not need.", |c| c.frames_skipped as f64),
    ("gemba_frames_corrupt_total", "Frames flagged as damaged.", |c| c.frames_corrupt as f64),
    ("gemba_footage_seconds", "Footage seen, seconds.", |c| c.seen_us as f64 / 1e6),
    ("gemba_facts_total", "Facts journaled.", |c| c.facts.values().sum::<u64>() as f64),
    ("gemba_faults_total", "Faults survived.", |c| c.faults as f64),
];

/// The counters of this run.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let mut out = String::new();
    let cameras = shared.progress.cameras();
    for (name, help, value) in CAMERA_METRICS {
        head(&mut out, name, help, if name.ends_with("_total") { "counter" } else { "gauge" });
        for (camera, counts) in &cameras {
            let _ = writeln!(out, "{name}{{camera=\"{}\"}} {}", escaped(camera), value(counts));
        }
    }
    let progress = &shared.progress;
    for (name, help, kind, value) in [
        (
            "gemba_duplicates_total",
            "Facts that were known already.",
            "counter",
            progress.duplicates.load(Relaxed) as f64,
        ),
        ("gemba_epochs_total", "Epochs committed.", "counter", progress.epochs.load(Relaxed) as f64),
        (
            "gemba_row_changes_total",
            "Changed view rows committed.",
            "counter",
            progress.row_changes.load(Relaxed) as f64,
        ),
        (
            "gemba_commit_seconds_total",
            "Time spent in store commits.",
            "counter",
            progress.commit_us.load(Relaxed) as f64 / 1e6,
        ),
        (
            "gemba_committed_tick",
            "Tick of the last committed epoch.",
            "gauge",
            progress.committed_tick.load(Relaxed) as f64,
        ),
        (
            "gemba_disk_full",
            "1 while a disk is full and nothing is accepted.",
            "gauge",
            f64::from(u8::from(progress.disk_full.load(Relaxed))),
        ),
        (
            "gemba_journal_damaged_ranges",
            "Stretches of the journal that were found damaged and are lost, at this start or before.",
            "gauge",
            progress.damaged_ranges.load(Relaxed) as f64,
        ),
        (
            "gemba_journal_damaged_bytes",
            "Bytes in these stretches.",
            "gauge",
            progress.damaged_bytes.load(Relaxed) as f64,
        ),
        (
            "gemba_publications_total",
            "Publications to the lake.",
            "counter",
            progress.publications.load(Relaxed) as f64,
        ),
        (
            "gemba_publishing",
            "1 while a publication to the lake is under way.",
            "gauge",
            f64::from(u8::from(progress.publishing.load(Relaxed))),
        ),
        (
            "gemba_publish_seconds",
            "How long the last publication to the lake took.",
            "gauge",
            progress.publish_us.load(Relaxed) as f64 / 1e6,
        ),
        (
            "gemba_published_tick",
            "Tick of the last epoch that is in the lake; how far it lies behind gemba_committed_tick is the lake's lag.",
            "gauge",
            progress.published_tick.load(Relaxed) as f64,
        ),
        (
            "gemba_unpublished_facts",
            "Facts that are journaled and not in the lake yet.",
            "gauge",
            progress.unpublished.load(Relaxed) as f64,
        ),
        (
            "gemba_snapshot_rows",
            "Rows of views that are held in memory: those that are not final yet.",
            "gauge",
            shared.live.read().rows_held() as f64,
        ),
    ] {
        head(&mut out, name, help, kind);
        let _ = writeln!(out, "{name} {value}");
    }
    typed("text/plain; version=0.0.4; charset=utf-8", out)
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A label value, as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
