//! `/`: one plain page, rendered here: cameras with their coverage, then the latest rows of each view.
//! No script: it reloads itself.

use super::{Problem, Shared, typed};
use crate::text::with_offsets;
use arrow::array::{Array, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use axum::extract::State;
use axum::response::Response;
use gemba_schemas::view::ViewKind;
use std::fmt::Write as _;
use std::sync::Arc;

/// Latest rows shown of each view.
const ROWS: usize = 12;

/// Columns that say where a row comes from, and sums that only ratios are made of: in the API, not on the page.
const HIDDEN: &[&str] = &[
    "generation",
    "first_frame",
    "last_frame",
    "rules",
    "points",
    "worker_utilisation_ppm",
    "station_utilisation_ppm",
    "confidence_squares",
    "histogram",
];

const CAMERAS: &str = "\
SELECT camera, count(*) AS hours, sum(observed_us) / 1e6 AS observed_s, sum(frames_seen) AS frames,
       sum(frames_decoded) AS decoded, sum(frames_corrupt) AS damaged, sum(faults) AS faults,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM coverage_hours GROUP BY camera ORDER BY camera";

/// The page.
pub async fn page(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let (epoch, cameras, views) = shared.read(|reader| {
        let views = ViewKind::ALL
            .iter()
            .map(|&kind| {
                let table = kind.table();
                let order: Vec<_> = table.key.iter().map(|k| format!("\"{k}\"")).collect();
                let latest = format!(
                    "SELECT * FROM {} ORDER BY \"{}\" DESC, {} LIMIT {ROWS}",
                    table.name,
                    table.bucket,
                    order.join(", ")
                );
                Ok((kind, reader.count(kind)?, reader.sql(&latest)?))
            })
            .collect::<Result<Vec<_>, gemba_sinks::SinkError>>()?;
        Ok((reader.epoch()?, reader.sql(CAMERAS)?, views))
    })?;

    let mut html = String::with_capacity(32 * 1024);
    let title = escape(&shared.site);
    let _ = write!(
        html,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"10\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title} · Gemba</title>\
         <style>{STYLE}</style></head><body><header><h1>{title}</h1>"
    );
    let _ = match &epoch {
        Some(epoch) => write!(
            html,
            "<p>through <time>{}</time> · tick {} · digest <code>{}</code></p>",
            epoch.now.rfc3339().split('.').next().unwrap_or_default().replace('T', " ") + " UTC",
            epoch.tick,
            escape(&epoch.digest[..12.min(epoch.digest.len())])
        ),
        None => write!(html, "<p>nothing has been committed yet</p>"),
    };
    html.push_str("<nav>");
    let (full, empty): (Vec<_>, Vec<_>) = views.iter().partition(|(_, rows, _)| *rows > 0);
    for (kind, rows, _) in &full {
        let name = kind.table_name();
        let _ = write!(html, "<a href=\"#{name}\">{} <b>{rows}</b></a>", words(name));
    }
    html.push_str("<a href=\"/metrics\">metrics</a><a href=\"/openapi.json\">API</a></nav></header><main>");

    let seen: usize = cameras.iter().map(RecordBatch::num_rows).sum();
    if seen + shared.cameras.len() > 0 {
        html.push_str("<section id=\"cameras\"><h2>cameras</h2>");
        table(&mut html, &cameras);
        if seen < shared.cameras.len() {
            let _ = write!(html, "<p class=\"note\">configured: {}</p>", escape(&shared.cameras.join(", ")));
        }
        html.push_str("</section>");
    }
    for (kind, rows, batches) in full {
        let name = kind.table_name();
        let shown = batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let _ = write!(
            html,
            "<section id=\"{name}\"><h2>{}</h2><p class=\"note\">{} <a href=\"/api/v1/views/{name}\">{shown} of {rows} rows, latest first</a></p>",
            words(name),
            escape(&kind.table().doc)
        );
        table(&mut html, batches);
        html.push_str("</section>");
    }
    if !empty.is_empty() {
        html.push_str("<section><h2>nothing yet</h2><dl>");
        for (kind, ..) in empty {
            let name = kind.table_name();
            let doc = kind.table().doc;
            let first = doc.split_inclusive(". ").next().unwrap_or_default();
            let _ = write!(
                html,
                "<dt id=\"{name}\"><a href=\"/api/v1/views/{name}\">{}</a></dt><dd>{}</dd>",
                words(name),
                escape(first)
            );
        }
        html.push_str("</dl></section>");
    }
    html.push_str("</main></body></html>");
    Ok(typed("text/html; charset=utf-8", html))
}

fn table(html: &mut String, batches: &[RecordBatch]) {
    let batches: Vec<_> = batches.iter().filter_map(|b| with_offsets(b).ok()).collect();
    let Some(first) = batches.iter().find(|b| b.num_rows() > 0) else {
        html.push_str("<p class=\"empty\">no rows</p>");
        return;
    };
    let schema = first.schema();
    let columns: Vec<usize> =
        (0..schema.fields().len()).filter(|&i| !HIDDEN.contains(&schema.field(i).name().as_str())).collect();
    html.push_str("<div class=\"scroll\"><table><thead><tr>");
    for &i in &columns {
        let field = schema.field(i);
        let name = field.name();
        let shown = name.strip_suffix("_us").map_or(name.clone(), |stem| format!("{stem}_s"));
        let class = if field.data_type().is_numeric() { " class=\"n\"" } else { "" };
        let _ = write!(html, "<th{class}>{}</th>", words(&shown));
    }
    html.push_str("</tr></thead><tbody>");
    for batch in &batches {
        for row in 0..batch.num_rows() {
            html.push_str("<tr>");
            for &i in &columns {
                let field = schema.field(i);
                let class = if field.data_type().is_numeric() { " class=\"n\"" } else { "" };
                let text = cell(batch.column(i).as_ref(), field.name(), row);
                let _ = write!(html, "<td{class} data-v=\"{0}\">{0}</td>", escape(&text));
            }
            html.push_str("</tr>");
        }
    }
    html.push_str("</tbody></table></div>");
}

/// A value as a person reads it: durations in seconds, times to the millisecond.
fn cell(column: &dyn Array, name: &str, row: usize) -> String {
    let options = FormatOptions::new().with_null("–").with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.3f"));
    let text = ArrayFormatter::try_new(column, &options)
        .and_then(|f| f.value(row).try_to_string())
        .unwrap_or_else(|e| e.to_string());
    match text.parse::<f64>() {
        Ok(value) if name.ends_with("_us") => format!("{:.1}", value / 1e6),
        Ok(value) if name.ends_with("_s") => format!("{value:.1}"),
        _ if text == "[]" => "–".into(),
        _ if text.starts_with('[') => text.trim_matches(['[', ']']).to_owned(),
        _ => text,
    }
}

fn words(name: &str) -> String {
    escape(&name.replace('_', " "))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#d9dde3;--dim:#5d6876;--bg:#fff;--card:#f7f8fa;--ink:#1a2029;--accent:#0b6e63}\
@media(prefers-color-scheme:dark){:root{--line:#323a45;--dim:#98a3b1;--bg:#12161b;--card:#1a2028;--ink:#e6eaef;--accent:#4cc7b8}}\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:14px/1.45 system-ui,sans-serif}\
header{padding:20px 28px 12px;border-bottom:1px solid var(--line);background:var(--card)}\
h1{margin:0;font-size:22px}header p{margin:4px 0 10px;color:var(--dim)}\
nav a{display:inline-block;margin:0 14px 4px 0;color:var(--accent);text-decoration:none}nav a:hover{text-decoration:underline}\
main{padding:8px 28px 40px;max-width:1500px}section{margin-top:22px}h2{margin:0 0 2px;font-size:16px}\
.note{margin:0 0 8px;color:var(--dim);max-width:110ch}.note a{color:var(--accent)}.empty{color:var(--dim);margin:4px 0}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 18px;margin:8px 0}dt a{color:var(--accent);text-decoration:none}dd{margin:0;color:var(--dim)}\
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{padding:5px 10px;text-align:left;white-space:nowrap}th{font-weight:600;color:var(--dim);background:var(--card)}\
td{border-top:1px solid var(--line)}.n{text-align:right}\
td[data-v=ok],td[data-v=completed],td[data-v=present],td[data-v=authorized]{color:#1b7f3b}td[data-v=qr_failed],td[data-v=cut],td[data-v=absent],td[data-v=blocked],td[data-v=critical]{color:#c0392b;font-weight:600}\
td[data-v=too_short],td[data-v=too_long],td[data-v=open],td[data-v=late],td[data-v=early_exit],td[data-v=warning]{color:#b8730a}code{font-size:12px}";
