//! What was really seen: coverage rows, generations and their ends, from frames in presentation order.
//!
//! In: each frame of the footage as it is shown, with what became of it. Out: `Coverage` facts and ends of
//! generations. A row is cut at the first frame at or after each whole minute since the generation's start, so where
//! it ends depends on event time alone and it is never changed after it was given out.
//!
//! A generation ends when the source says so (a jump in time) or when the decoded picture changes size or format;
//! in the latter case the new one starts with the first picture decoded in the new format. Frames that were skipped
//! just before it count for the old one.
//!
//! State: the open row.

use crate::source::{Place, Stream};
use crate::stage::End;
use ffmpeg_next::format::Pixel;
use gemba_schemas::fact::{COVERAGE_LIMIT, Coverage, CoverageEnd, Fact};
use gemba_schemas::id::{FactId, Generation, Name};
use gemba_schemas::time::EventTime;

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It came out of the decoder with this size and format.
    Decoded { width: u16, height: u16, format: Pixel, corrupt: bool },
    /// It was not sent to the decoder, because nobody needs it.
    Skipped,
    /// It should have come out of the decoder and did not.
    Lost,
}

/// The account of one camera.
#[derive(Debug)]
pub(super) struct Account {
    camera: Name,
    vision: Name,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    /// The generation as the source numbered it; a change of format does not change it.
    source: Generation,
    generation: Generation,
    format: Option<(u16, u16, Pixel)>,
    /// Minute since the generation's start.
    minute: i64,
    row: Coverage,
}

impl Account {
    pub(super) fn new(camera: Name, vision: Name) -> Self {
        Self { camera, vision, open: None }
    }

    /// Whether a generation is open.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the next frame in order of presentation. Gives the generation it belongs to, and the end of the one
    /// before if it is the first of a new one.
    pub(super) fn shown(
        &mut self,
        place: Place,
        stream: &Stream,
        outcome: Outcome,
        facts: &mut Vec<Fact>,
    ) -> (Generation, Option<End>) {
        let mut end = None;
        let format = match outcome {
            Outcome::Decoded { width, height, format, .. } => Some((width, height, format)),
            _ => None,
        };
        if let Some(open) = &self.open {
            let changed = format.is_some() && open.format.is_some() && format != open.format;
            if open.source != place.generation {
                end = self.end(CoverageEnd::Gap, facts);
            } else if changed {
                end = self.end(CoverageEnd::FormatChange, facts);
            }
            if end.is_some_and(|e| e.reason == CoverageEnd::FormatChange) {
                self.open = Some(self.start(place, Generation(place.ts.0), stream));
            }
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.start(place, place.generation, stream),
        };
        let minute = (place.ts.0 - open.generation.0).div_euclid(COVERAGE_LIMIT.0);
        if minute > open.minute {
            let (segment, generation) = (open.row.segment + 1, open.generation);
            let next = self.row(place, generation, segment, stream);
            let mut row = std::mem::replace(&mut open.row, next);
            (open.row.width, open.row.height) = (row.width, row.height);
            row.ended = place.ts;
            facts.push(row.into());
            open.minute = minute;
        }
        let row = &mut open.row;
        row.last_frame = place.number;
        row.ended = place.ts + place.duration;
        row.frames_seen += 1;
        match outcome {
            Outcome::Decoded { width, height, corrupt, .. } => {
                (row.width, row.height) = (width, height);
                open.format = format;
                row.frames_decoded += 1;
                row.frames_corrupt += u32::from(corrupt);
            }
            Outcome::Skipped => row.frames_skipped += 1,
            Outcome::Lost => {}
        }
        let generation = open.generation;
        self.open = Some(open);
        (generation, end)
    }

    /// Ends the open generation.
    pub(super) fn end(&mut self, reason: CoverageEnd, facts: &mut Vec<Fact>) -> Option<End> {
        let mut row = self.open.take()?.row;
        row.end_reason = reason;
        let end = End { camera: self.camera, generation: row.generation, ts: row.ended, reason };
        facts.push(row.into());
        Some(end)
    }

    fn start(&self, place: Place, generation: Generation, stream: &Stream) -> Open {
        let row = self.row(place, generation, 0, stream);
        Open { source: place.generation, generation, format: None, minute: 0, row }
    }

    fn row(&self, place: Place, generation: Generation, segment: u32, stream: &Stream) -> Coverage {
        Coverage {
            id: FactId::of("coverage", self.camera, generation, &[&segment.to_le_bytes()]),
            camera: self.camera,
            generation,
            segment,
            started: place.ts,
            ended: EventTime(place.ts.0),
            first_frame: place.number,
            last_frame: place.number,
            width: stream.width,
            height: stream.height,
            frames_seen: 0,
            frames_decoded: 0,
            frames_skipped: 0,
            frames_corrupt: 0,
            file: stream.file,
            clock: stream.clock,
            end_reason: CoverageEnd::Continues,
            footage: stream.footage,
            vision: self.vision,
        }
    }
}
