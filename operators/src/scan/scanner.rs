//! The video stage: one camera's sampled frames in, `code_read` and `code_miss` runs out.
//!
//! [`Watch`](super::watch) says what a frame shows; this file turns that into rows, area by area. An area holds the
//! codes whose centre lies in it.
//! State: that of the watch, and the open runs; all dropped at the end of a generation. A library's panic
//! becomes a `fault` row; equal ones within a minute are one row.

use super::faults::Faults;
use super::runs::Runs;
use super::watch::Watch;
use crate::frame::{Frame, Rect};
use crate::stage::{Outlet, Seen, Stage};
use gemba_schemas::fact::Fact;
use gemba_schemas::id::Name;
use std::convert::Infallible;

/// What to read and where.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanConfig {
    /// Where to read; areas may overlap. A code belongs to each area that holds its centre.
    pub areas: Vec<ScanArea>,
    /// Extra attempts a frame on codes that were located but not decoded.
    pub retries: u32,
    /// Texts of trigger codes: their last place is never forgotten.
    pub triggers: Vec<String>,
}

/// A named part of the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanArea {
    /// Name, unique within the camera.
    pub name: Name,
    /// `[left, top, right, bottom]` as fractions of the picture.
    pub rect: [f64; 4],
}

/// The QR reader of one camera.
pub struct Scanner {
    config: ScanConfig,
    state: Option<State>,
}

/// Everything that belongs to a generation.
struct State {
    runs: Runs,
    faults: Faults,
    watch: Watch,
}

impl Scanner {
    /// A reader that has seen nothing.
    pub fn new(config: ScanConfig) -> Self {
        Self { config, state: None }
    }

    /// Gives out everything that is open and forgets the generation.
    fn close(&mut self, out: &mut Vec<Fact>) {
        if let Some(state) = self.state.take() {
            state.runs.close(out);
            state.faults.close(out);
        }
    }
}

impl Stage for Scanner {
    type In = Frame;
    type Out = Infallible;

    fn step(&mut self, item: Seen<Frame>, out: &mut Outlet<Infallible>) {
        let frame = match item {
            Seen::Item(frame) if frame.meta.wanted.codes => frame,
            Seen::Item(_) => return,
            Seen::End(end) => {
                self.close(&mut out.facts);
                out.items.push(Seen::End(end));
                return;
            }
        };
        let (meta, plane) = (frame.meta, frame.luma());
        if self.state.as_ref().is_some_and(|s| s.runs.generation() != meta.generation) {
            self.close(&mut out.facts);
        }
        let config = &self.config;
        let state = self.state.get_or_insert_with(|| State {
            runs: Runs::new(meta.camera, meta.generation, config.areas.iter().map(|a| a.name).collect()),
            faults: Faults::new(meta.camera, meta.generation),
            watch: Watch::new(config.retries, config.triggers.clone()),
        });
        let areas: Vec<Rect> =
            config.areas.iter().map(|a| Rect::from_fractions(a.rect, plane.width, plane.height)).collect();
        state.faults.turn(&meta, &mut out.facts);
        for words in state.watch.look(&plane, &areas) {
            state.faults.add(&meta, words);
        }
        let inside = |area: &Rect, [x, y]: [f32; 2]| {
            x >= area.x0 as f32 && x < area.x1 as f32 && y >= area.y0 as f32 && y < area.y1 as f32
        };
        let (mut reads, mut misses) = (Vec::new(), Vec::new());
        for (index, area) in areas.iter().enumerate() {
            reads.extend(state.watch.reads().filter(|r| inside(area, r.place().centre())).map(|r| (index, r)));
            misses.extend(state.watch.misses().filter(|c| inside(area, c.centre())).map(|c| (index, c)));
        }
        state.runs.observe(&meta, &reads, &misses, &mut out.facts);
    }
}
