//! Truth against found: which rows of the views match what was rendered.
//!
//! Each true event is paired with the nearest found row of its kind, in order of time; what is left over on
//! either side is an error. Nothing here knows how rows were found.

use super::truth::Truth;
use gemba_schemas::time::{EventTime, Micros};
use gemba_schemas::view::{LineCrossing, PackingSession, ViewRow, ZoneVisit};
use std::collections::BTreeSet;
use std::fmt;

/// How far apart a true event and a row may be and still be taken for a pair.
const PAIRING: Micros = Micros::from_secs(3);

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `session`, `code`, `crossing`, `visit`.
    pub kind: &'static str,
    /// What happened.
    pub truth: String,
    /// What the rows say.
    pub found: String,
    /// Whether it is right.
    pub right: bool,
}

/// The whole comparison; `Display` prints the table and the verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Line by line, by kind and time.
    pub lines: Vec<Line>,
}

impl Comparison {
    /// Whether everything was found, and nothing else.
    pub fn all_right(&self) -> bool {
        self.lines.iter().all(|line| line.right)
    }

    /// One sentence.
    pub fn verdict(&self) -> String {
        let kinds = [("session", "sessions"), ("code", "codes"), ("crossing", "crossings"), ("visit", "visits")];
        let counts: Vec<_> = kinds
            .iter()
            .map(|(kind, plural)| {
                let lines = self.lines.iter().filter(|l| l.kind == *kind);
                (lines.clone().filter(|l| l.right).count(), lines.count(), *plural)
            })
            .collect();
        if self.all_right() {
            let parts: Vec<_> = counts.iter().map(|(_, all, plural)| format!("{all} {plural}")).collect();
            format!("all {} right, and nothing else found", parts.join(", "))
        } else {
            let parts: Vec<_> =
                counts.iter().map(|(right, all, plural)| format!("{right} of {all} {plural}")).collect();
            format!("NOT all right: {} as they should be", parts.join(", "))
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&Line) -> &str, head: &str| {
            self.lines.iter().map(|l| text(l).chars().count()).chain([head.chars().count()]).max().unwrap_or(0)
        };
        let (kind, truth) = (width(|l| l.kind, "what"), width(|l| &l.truth, "truth"));
        writeln!(f, "   {:kind$}  {:truth$}  found", "what", "truth")?;
        for line in &self.lines {
            let mark = if line.right { "ok" } else { "!!" };
            writeln!(f, "{mark} {:kind$}  {:truth$}  {}", line.kind, line.truth, line.found)?;
        }
        write!(f, "{}", self.verdict())
    }
}

/// Pairs `truth` events with rows: for each event in turn the nearest unused row within [`PAIRING`] for which
/// `same` holds. Returns the pairs, and the rows left over.
fn pair<'t, 'r, T, R>(
    events: &'t [T],
    rows: &[&'r R],
    same: impl Fn(&T, &R) -> bool,
    distance: impl Fn(&T, &R) -> Micros,
) -> (Vec<(&'t T, Option<&'r R>)>, Vec<&'r R>) {
    let mut used = vec![false; rows.len()];
    let pairs = events
        .iter()
        .map(|event| {
            let free = (0..rows.len()).filter(|i| !used[*i] && same(event, rows[*i]));
            let near = free.map(|i| (distance(event, rows[i]).0.abs(), i)).filter(|(d, _)| *d <= PAIRING.0).min();
            let row = near.map(|(_, i)| {
                used[i] = true;
                rows[i]
            });
            (event, row)
        })
        .collect();
    (pairs, rows.iter().zip(used).filter(|(_, used)| !used).map(|(row, _)| *row).collect())
}

/// `HH:MM:SS.mmm` in UTC.
fn clock(t: EventTime) -> String {
    t.rfc3339().get(11..23).unwrap_or("?").to_owned()
}

fn millis(d: Micros) -> String {
    format!("{:+} ms", d.0 / 1000)
}

/// Compares the rows of all views with the truth. Rows of other cameras are ignored.
pub fn compare(truth: &Truth, rows: &[ViewRow]) -> Comparison {
    let cameras: BTreeSet<&str> = truth.clips.iter().map(|c| c.camera.as_str()).collect();
    let mut sessions: Vec<&PackingSession> = Vec::new();
    let mut crossings: Vec<&LineCrossing> = Vec::new();
    let mut visits: Vec<&ZoneVisit> = Vec::new();
    for row in rows {
        match row {
            ViewRow::PackingSession(r) if cameras.contains(r.camera.as_str()) => sessions.push(r),
            ViewRow::LineCrossing(r) if cameras.contains(r.camera.as_str()) => crossings.push(r),
            ViewRow::ZoneVisit(r) if cameras.contains(r.camera.as_str()) => visits.push(r),
            _ => {}
        }
    }
    sessions.sort_by_key(|r| r.started);
    crossings.sort_by_key(|r| r.ts);
    visits.sort_by_key(|r| r.entered);
    let mut lines = session_lines(truth, &sessions);
    lines.extend(code_lines(truth, &sessions));
    lines.extend(crossing_lines(truth, &crossings));
    lines.extend(visit_lines(truth, &visits));
    Comparison { lines }
}

const NOTHING: &str = "nothing";

fn session_lines(truth: &Truth, rows: &[&PackingSession]) -> Vec<Line> {
    let (pairs, extra) =
        pair(&truth.sessions, rows, |t, r| t.camera == r.camera.as_str(), |t, r| r.started - t.started);
    let mut lines: Vec<Line> = pairs
        .into_iter()
        .map(|(t, row)| {
            let text = format!(
                "{} to {} {} {} {}",
                clock(t.started),
                clock(t.ended),
                t.status,
                t.verdict,
                if t.codes.is_empty() { "no code".into() } else { t.codes.join(" ") }
            );
            let Some(r) = row else {
                return Line { kind: "session", truth: text, found: NOTHING.into(), right: false };
            };
            let start = r.started - t.started;
            let end = r.ended.map(|ended| ended - t.ended);
            let within = |d: Micros| d.0.abs() <= truth.edge_tolerance_us;
            let (mut found_codes, mut true_codes) = (r.codes.clone(), t.codes.clone());
            found_codes.sort();
            true_codes.sort();
            let right = within(start)
                && end.is_some_and(within)
                && r.status == t.status
                && r.verdict == t.verdict
                && found_codes == true_codes;
            let mut found = format!("start {}, end {}", millis(start), end.map_or("open".into(), millis));
            if r.status != t.status || r.verdict != t.verdict {
                found += &format!(", {} {}", r.status, r.verdict);
            }
            if found_codes != true_codes {
                found += &format!(", codes [{}]", r.codes.join(" "));
            }
            Line { kind: "session", truth: text, found, right }
        })
        .collect();
    lines.extend(extra.into_iter().map(|r| Line {
        kind: "session",
        truth: NOTHING.into(),
        found: format!("{} for {:.1} s {} {}", clock(r.started), r.duration_us.as_secs_f64(), r.status, r.verdict),
        right: false,
    }));
    lines
}

/// A code is right when it is in a session's row exactly if it can be read and its parcel was packed.
fn code_lines(truth: &Truth, rows: &[&PackingSession]) -> Vec<Line> {
    let found: BTreeSet<&str> = rows.iter().flat_map(|r| r.codes.iter().map(String::as_str)).collect();
    let mut lines: Vec<Line> = truth
        .codes
        .iter()
        .map(|c| {
            let expected = c.decodable && c.packed;
            let why = match (c.packed, c.decodable) {
                (false, _) => ", shown but not packed",
                (_, false) => ", cannot be read",
                _ => "",
            };
            let is = found.contains(c.text.as_str());
            Line {
                kind: "code",
                truth: format!(
                    "{} {} at {}.{:02} px a module{why}",
                    c.text,
                    c.degradation,
                    c.module_px_100 / 100,
                    c.module_px_100 % 100
                ),
                found: if is { "in a session" } else { "in no session" }.into(),
                right: is == expected,
            }
        })
        .collect();
    let known: BTreeSet<&str> = truth.codes.iter().map(|c| c.text.as_str()).collect();
    lines.extend(found.difference(&known).map(|text| Line {
        kind: "code",
        truth: NOTHING.into(),
        found: format!("{text}, which was never shown"),
        right: false,
    }));
    lines
}

fn crossing_lines(truth: &Truth, rows: &[&LineCrossing]) -> Vec<Line> {
    let same = |t: &super::truth::CrossingTruth, r: &LineCrossing| {
        t.camera == r.camera.as_str() && t.line == r.line.as_str() && t.to_side == r.to_side.as_str()
    };
    let (pairs, extra) = pair(&truth.crossings, rows, same, |t, r| r.ts - t.ts);
    let mut lines: Vec<Line> = pairs
        .into_iter()
        .map(|(t, row)| Line {
            kind: "crossing",
            truth: format!("{} {} {} {}", clock(t.ts), t.person, t.line, t.to_side),
            found: row.map_or(NOTHING.into(), |r| format!("track {} {}", r.track, millis(r.ts - t.ts))),
            right: row.is_some_and(|r| (r.ts - t.ts).0.abs() <= truth.floor_tolerance_us),
        })
        .collect();
    lines.extend(extra.into_iter().map(|r| Line {
        kind: "crossing",
        truth: NOTHING.into(),
        found: format!("{} track {} {} {}", clock(r.ts), r.track, r.line, r.to_side),
        right: false,
    }));
    lines
}

fn visit_lines(truth: &Truth, rows: &[&ZoneVisit]) -> Vec<Line> {
    let same = |t: &super::truth::VisitTruth, r: &ZoneVisit| t.camera == r.camera.as_str() && t.zone == r.zone.as_str();
    let (pairs, extra) = pair(&truth.visits, rows, same, |t, r| r.entered - t.entered);
    let counted = |c: bool| if c { "counted" } else { "too short to count" };
    let mut lines: Vec<Line> = pairs
        .into_iter()
        .map(|(t, row)| Line {
            kind: "visit",
            truth: format!("{} to {} {} {} {}", clock(t.entered), clock(t.left), t.person, t.zone, counted(t.counted)),
            found: row.map_or(NOTHING.into(), |r| {
                let edges = format!("{}, {}", millis(r.entered - t.entered), millis(r.left - t.left));
                format!("track {} {edges}, {}", r.track, counted(r.counted))
            }),
            right: row.is_some_and(|r| {
                let within = |d: Micros| d.0.abs() <= truth.floor_tolerance_us;
                within(r.entered - t.entered) && within(r.left - t.left) && r.counted == t.counted
            }),
        })
        .collect();
    lines.extend(extra.into_iter().map(|r| Line {
        kind: "visit",
        truth: NOTHING.into(),
        found: format!("{} track {} {} for {:.1} s", clock(r.entered), r.track, r.zone, r.dwell_us.as_secs_f64()),
        right: false,
    }));
    lines
}
