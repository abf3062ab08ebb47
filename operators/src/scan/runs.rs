//! Runs of sightings: sampled frames in a row with the same text (or the same undecodable place) in the same
//! area, as `code_read` and `code_miss` rows.
//!
//! In: what one sampled frame showed, area by area. Out: a row for each run that ended with the frame before,
//! or that reached [`SPAN_LIMIT`]. A closed run is final; an open one is given out only by [`Runs::close`],
//! so what an interrupted reader has reported is a prefix of what it would have. State: one entry an open run.

use super::Reading;
use super::quad::Corners;
use crate::frame::FrameMeta;
use gemba_schemas::fact::{CodeMiss, CodeRead, Fact, SPAN_LIMIT};
use gemba_schemas::geometry::Quad;
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::time::EventTime;
use std::collections::BTreeMap;

/// What a run has seen so far.
#[derive(Clone, Copy, Debug)]
struct Span {
    first_seen: EventTime,
    last_seen: EventTime,
    sightings: u32,
    first_frame: u64,
    last_frame: u64,
}

impl Span {
    fn start(meta: &FrameMeta) -> Self {
        Self {
            first_seen: meta.ts,
            last_seen: meta.ts,
            sightings: 1,
            first_frame: meta.number,
            last_frame: meta.number,
        }
    }

    /// Adds a sighting; `false` if the run is as long as it may be.
    fn extend(&mut self, meta: &FrameMeta) -> bool {
        if meta.ts - self.first_seen >= SPAN_LIMIT {
            return false;
        }
        (self.last_seen, self.last_frame) = (meta.ts, meta.number);
        self.sightings += 1;
        true
    }
}

#[derive(Debug)]
struct ReadRun {
    span: Span,
    reading: Reading,
    seen: bool,
}

#[derive(Debug)]
struct MissRun {
    area: usize,
    span: Span,
    /// At the first sighting, for the row.
    first: Corners,
    /// At the last sighting, for association.
    last: Corners,
    seen: bool,
}

/// The open runs of one generation.
#[derive(Debug)]
pub(crate) struct Runs {
    camera: Name,
    generation: Generation,
    areas: Vec<Name>,
    reads: BTreeMap<(usize, String), ReadRun>,
    misses: Vec<MissRun>,
}

impl Runs {
    /// Nothing seen yet.
    pub fn new(camera: Name, generation: Generation, areas: Vec<Name>) -> Self {
        Self { camera, generation, areas, reads: BTreeMap::new(), misses: Vec::new() }
    }

    /// The generation whose runs these are.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// Takes what a sampled frame showed, and gives out the runs that ended before it.
    pub fn observe(
        &mut self,
        meta: &FrameMeta,
        reads: &[(usize, &Reading)],
        misses: &[(usize, Corners)],
        out: &mut Vec<Fact>,
    ) {
        for &(area, reading) in reads {
            let key = (area, reading.text.clone());
            if let Some(run) = self.reads.get_mut(&key) {
                // Equal labels in one area are one sighting.
                if run.seen || run.span.extend(meta) {
                    run.seen = true;
                    continue;
                }
            }
            let new = ReadRun { span: Span::start(meta), reading: reading.clone(), seen: true };
            if let Some(cut) = self.reads.insert(key, new) {
                out.push(self.read_row(area, &cut));
            }
        }
        for &(area, corners) in misses {
            let known = self.misses.iter().position(|m| m.area == area && !m.seen && m.last.meets(corners));
            let new = MissRun { area, span: Span::start(meta), first: corners, last: corners, seen: true };
            let Some(i) = known else {
                self.misses.push(new);
                continue;
            };
            if self.misses[i].span.extend(meta) {
                (self.misses[i].last, self.misses[i].seen) = (corners, true);
            } else {
                let cut = std::mem::replace(&mut self.misses[i], new);
                out.push(self.miss_row(&cut));
            }
        }
        self.sweep(out);
    }

    /// Gives out the runs without a sighting in the frame just taken, and makes ready for the next.
    fn sweep(&mut self, out: &mut Vec<Fact>) {
        let (open, ended) = std::mem::take(&mut self.reads).into_iter().partition(|(_, run)| run.seen);
        self.reads = open;
        let ended: BTreeMap<(usize, String), ReadRun> = ended;
        out.extend(ended.iter().map(|((area, _), run)| self.read_row(*area, run)));
        let (open, ended): (Vec<_>, Vec<_>) = std::mem::take(&mut self.misses).into_iter().partition(|m| m.seen);
        self.misses = open;
        out.extend(ended.iter().map(|run| self.miss_row(run)));
        self.reads.values_mut().for_each(|run| run.seen = false);
        self.misses.iter_mut().for_each(|run| run.seen = false);
    }

    /// Gives out every open run.
    pub fn close(mut self, out: &mut Vec<Fact>) {
        self.sweep(out); // nothing was seen since the last frame, so nothing stays open
    }

    fn read_row(&self, area: usize, run: &ReadRun) -> Fact {
        let (span, reading, name) = (run.span, &run.reading, self.areas[area]);
        let parts: [&[u8]; 3] = [name.as_str().as_bytes(), reading.text.as_bytes(), &span.first_seen.0.to_le_bytes()];
        Fact::from(CodeRead {
            id: FactId::of("code_read", self.camera, self.generation, &parts),
            camera: self.camera,
            generation: self.generation,
            area: name,
            text: reading.text.clone(),
            payload: reading.payload.clone(),
            first_seen: span.first_seen,
            last_seen: span.last_seen,
            sightings: span.sightings,
            first_frame: span.first_frame,
            last_frame: span.last_frame,
            corners: reading.corners,
            area_px: enclosed(reading.corners),
            decoder: reading.decoder,
            attempt: reading.attempt,
        })
    }

    fn miss_row(&self, run: &MissRun) -> Fact {
        let (span, name, corners) = (run.span, self.areas[run.area], run.first.fixed());
        let place: Vec<u8> = corners.0.iter().flat_map(|v| v.to_le_bytes()).collect();
        let parts: [&[u8]; 3] = [name.as_str().as_bytes(), &place, &span.first_seen.0.to_le_bytes()];
        Fact::from(CodeMiss {
            id: FactId::of("code_miss", self.camera, self.generation, &parts),
            camera: self.camera,
            generation: self.generation,
            area: name,
            first_seen: span.first_seen,
            last_seen: span.last_seen,
            sightings: span.sightings,
            first_frame: span.first_frame,
            last_frame: span.last_frame,
            corners,
            area_px: enclosed(corners),
        })
    }
}

fn enclosed(corners: Quad) -> u32 {
    u32::try_from(corners.double_area() / 2).unwrap_or(u32::MAX)
}
