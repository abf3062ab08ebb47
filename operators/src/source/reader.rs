//! The loop that reads plans packet by packet; see the module's head for what goes in and out.

#![expect(unsafe_code, reason = "FFmpeg's C interface, where its Rust binding does not reach")]

use super::fault_log::{FaultLog, Spot};
use super::open::{self, Opened, StopFlag, Stream, to_micros};
use super::plan::{Clip, GenerationPlan};
use super::timeline::{BRIDGE, Timeline};
use super::{Packet, SourceError};
use crate::stage::{End, Outlet, Seen};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::ffi;
use gemba_schemas::fact::{CoverageEnd, FaultKind, Stage};
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Micros};
use std::collections::VecDeque;
use std::rc::Rc;

/// Unreadable packets in a row after which a file counts as broken off.
const PATIENCE: u32 = 256;

/// One camera's footage, read in order of time.
pub struct Source {
    camera: Name,
    plans: VecDeque<GenerationPlan>,
    stop: Option<StopFlag>,
    faults: FaultLog,
    reading: Option<Reading>,
}

/// The plan being read.
struct Reading {
    clips: VecDeque<Clip>,
    footage: Name,
    timeline: Timeline,
    clip: Option<Open>,
    /// In decoding order, waiting for their place.
    queue: VecDeque<Waiting>,
    /// The last clip that was read broke off.
    truncated: bool,
}

/// The clip being read.
struct Open {
    opened: Opened,
    stream: Rc<Stream>,
    /// PTS in units of the time base ↔ event time in µs, of one point. Set by the first packet.
    origin: Option<(i64, i64)>,
    /// Event time at which the footage goes on.
    start: EventTime,
    /// DTS of the packet before and its length, in units of the time base.
    before: Option<(i64, i64)>,
    bad: u32,
    /// End of the last packet of any stream, in the container's µs.
    reached: i64,
    /// The last picture's packet was incomplete.
    partial: bool,
    /// A PTS was missing: the times of this clip are those of decoding, and the decoder tells the order. AVI gives
    /// a PTS only to pictures that are not reordered, which would contradict the others.
    guessing: bool,
    /// By how much the first packet's PTS is after its DTS: in presentation order all are, at a constant rate.
    delay: i64,
}

struct Waiting {
    data: ffmpeg::Packet,
    stream: Rc<Stream>,
    /// Key into the timeline; `None`: never shown.
    ts: Option<EventTime>,
    guessed: bool,
}

/// What became of an attempt to read.
enum Got {
    Packet(ffmpeg::Packet),
    Nothing,
    End { broken: bool },
}

impl Source {
    /// A source over these plans of `camera`, in order. `stop` rises to abandon a read that blocks.
    pub fn new(camera: Name, plans: impl IntoIterator<Item = GenerationPlan>, stop: Option<StopFlag>) -> Self {
        let faults = FaultLog::new(camera, Stage::Source);
        Self { camera, plans: plans.into_iter().collect(), stop, faults, reading: None }
    }

    /// Gives out the next packet or end, with the faults met on the way. `false`: there is nothing more.
    pub fn pull(&mut self, out: &mut Outlet<Packet>) -> bool {
        loop {
            let Some(reading) = &mut self.reading else {
                let Some(plan) = self.plans.pop_front() else { return false };
                self.faults.start(plan.generation, &mut out.facts);
                self.reading = Some(Reading {
                    timeline: Timeline::new(plan.generation),
                    clips: plan.clips.into(),
                    footage: plan.footage,
                    clip: None,
                    queue: VecDeque::new(),
                    truncated: false,
                });
                continue;
            };
            if let Some(packet) = reading.take(self.camera) {
                // Faults are noted at times at or after the last placed frame's.
                self.faults.close(packet.settled, &mut out.facts);
                out.items.push(Seen::Item(packet));
                return true;
            }
            if reading.clip.is_some() {
                reading.read(&mut self.faults);
            } else if let Some(clip) = reading.clips.pop_front() {
                reading.enter(clip, self.stop.as_ref(), &mut self.faults);
            } else {
                let end = reading.timeline.end().map(|ts| End {
                    camera: self.camera,
                    generation: reading.timeline.generation(),
                    ts,
                    reason: if reading.truncated { CoverageEnd::Truncated } else { CoverageEnd::EndOfFootage },
                });
                self.reading = None;
                self.faults.finish(&mut out.facts);
                if let Some(end) = end {
                    out.items.push(Seen::End(end));
                    return true;
                }
            }
        }
    }
}

impl Reading {
    /// The front packet, if its place is known.
    fn take(&mut self, camera: Name) -> Option<Packet> {
        let front = self.queue.front()?;
        let place = match front.ts {
            Some(ts) => Some(self.timeline.take(ts)?),
            None => None,
        };
        let Waiting { mut data, stream, guessed, .. } = self.queue.pop_front()?;
        data.set_pts(place.map(|p| p.ts.0));
        data.set_dts(None);
        Some(Packet { camera, data, stream, place, guessed, settled: self.timeline.settled() })
    }

    fn spot(&self, file: Name) -> Spot {
        let start = self.clip.as_ref().map_or(EventTime(self.timeline.generation().0), |c| c.start);
        let ts = self.timeline.end().map_or(start, |end| end.max(start));
        Spot { ts, file, frame: self.timeline.number() }
    }

    fn enter(&mut self, clip: Clip, stop: Option<&StopFlag>, faults: &mut FaultLog) {
        self.truncated = false;
        let opened = match open::open(&clip.info.path, stop) {
            Ok(opened) => opened,
            Err(error) => {
                let (kind, detail) = match &error {
                    SourceError::Clip { problem, .. } => (problem.kind(), problem.to_string()),
                    SourceError::Setting { .. } => (FaultKind::Open, error.to_string()),
                };
                faults.note(self.spot(clip.file), kind, detail);
                return;
            }
        };
        let end = self.timeline.end().unwrap_or(clip.start);
        if end - clip.start > BRIDGE {
            let detail = "the clip begins before the one before it ends; moved to that end";
            faults.note(self.spot(clip.file), FaultKind::Timestamp, detail.into());
        }
        let stream = Stream {
            file: clip.file,
            parameters: opened.input.stream(opened.index).map(|s| s.parameters()).unwrap_or_default(),
            width: opened.info.width,
            height: opened.info.height,
            clock: clip.clock,
            footage: self.footage,
        };
        self.timeline.restart(opened.nominal, opened.declared);
        self.timeline.new_file();
        self.clip = Some(Open {
            opened,
            stream: Rc::new(stream),
            origin: None,
            start: clip.start.max(end),
            before: None,
            bad: 0,
            reached: i64::MIN,
            partial: false,
            guessing: false,
            delay: 0,
        });
    }

    /// Reads one packet of the open clip, or closes the clip.
    fn read(&mut self, faults: &mut FaultLog) {
        let Some(clip) = &mut self.clip else { return };
        let file = clip.stream.file;
        let got = clip.read();
        match got {
            Ok(Got::Packet(packet)) => self.accept(packet, faults),
            Ok(Got::Nothing) => {}
            Ok(Got::End { broken }) => {
                self.timeline.place_all();
                if broken {
                    self.truncated = true;
                    let detail = "the file ends before its announced length";
                    faults.note(self.spot(file), FaultKind::Container, detail.into());
                }
                self.clip = None;
            }
            Err(error) => {
                let over = clip.bad >= PATIENCE || error != ffmpeg::Error::InvalidData;
                faults.note(self.spot(file), FaultKind::Container, format!("unreadable: {error}"));
                if over {
                    self.timeline.place_all();
                    self.truncated = true;
                    self.clip = None;
                }
            }
        }
    }

    /// Gives a packet its event time and queues it.
    fn accept(&mut self, data: ffmpeg::Packet, faults: &mut FaultLog) {
        let spot = self.clip.as_ref().map(|c| self.spot(c.stream.file));
        let (Some(clip), Some(spot)) = (&mut self.clip, spot) else { return };
        let mut note = |detail: &str| faults.note(spot, FaultKind::Timestamp, detail.into());
        // SAFETY: reads a plain field of the packet.
        let flags = unsafe { (*ffmpeg::packet::Ref::as_ptr(&data)).flags };
        let stream = clip.stream.clone();
        if flags & ffi::AV_PKT_FLAG_DISCARD != 0 {
            self.queue.push_back(Waiting { data, stream, ts: None, guessed: false });
            return;
        }
        let length = data.duration().max(0);
        let follows = clip.before.map(|(dts, length)| dts.saturating_add(length.max(1)));
        if data.pts().is_none() {
            note("presentation time missing; taken from the decoding time");
            clip.guessing = true;
        }
        let guessed = clip.guessing;
        let decoded = data.dts().map(|dts| dts.saturating_add(clip.delay));
        let known = if guessed { decoded.or(data.pts()) } else { data.pts() };
        let pts = known.or(follows).or(clip.opened.first_pts).unwrap_or(0);
        let dts = data.dts().or(guessed.then_some(pts));
        // Without a DTS a clock that ran backward shows in the PTS falling behind what was placed already.
        let backward = match (dts, clip.before) {
            (Some(dts), Some((before, _))) => dts < before,
            _ => clip.time(pts).is_some_and(|ts| self.timeline.last().is_some_and(|last| last - ts > BRIDGE)),
        };
        if backward {
            note("the clock ran backward; the footage goes on where it was");
            self.timeline.restart(clip.opened.nominal, clip.opened.declared);
            clip.start = self.timeline.end().unwrap_or(clip.start);
            clip.origin = None;
        }
        if clip.origin.is_none() {
            let near = |first: &i64| !backward && clip.micros(pts.saturating_sub(*first)) <= BRIDGE.0 && *first <= pts;
            clip.origin = Some((clip.opened.first_pts.filter(near).unwrap_or(pts), clip.start.0));
            clip.delay = data.dts().filter(|_| !guessed).map_or(0, |dts| pts.saturating_sub(dts));
        }
        clip.before = dts.map(|dts| (dts, length)).or(clip.before);
        let ts = clip.time(pts).filter(|ts| *ts >= clip.start);
        let floor = dts.and_then(|dts| clip.time(dts));
        let length = Micros(clip.micros(length));
        let kept = ts.and_then(|ts| self.timeline.add(ts, length, floor));
        if ts.is_some() && kept.is_none() {
            note("out of order: a later frame was shown already; not shown");
        }
        self.queue.push_back(Waiting { data, stream, ts: kept, guessed: guessed && kept.is_some() });
    }
}

impl Open {
    fn micros(&self, units: i64) -> i64 {
        to_micros(units, self.opened.time_base)
    }

    /// Event time of a PTS. Rounded down from the exact instant, so that a frame never seems to begin after it.
    fn time(&self, pts: i64) -> Option<EventTime> {
        self.origin.map(|(first, start)| EventTime(start.saturating_add(self.micros(pts.saturating_sub(first)))))
    }

    fn read(&mut self) -> Result<Got, ffmpeg::Error> {
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut self.opened.input) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => return Ok(Got::End { broken: self.broke_off() }),
            Err(error) => {
                self.bad += 1;
                return Err(error);
            }
        }
        self.bad = 0;
        let index = packet.stream();
        if let (Some(stream), Some(pts)) = (self.opened.input.stream(index), packet.pts().or(packet.dts())) {
            let base = stream.time_base();
            let base = (i64::from(base.numerator()), i64::from(base.denominator().max(1)));
            self.reached = self.reached.max(to_micros(pts.saturating_add(packet.duration().max(0)), base));
        }
        let ours = index == self.opened.index && packet.size() > 0;
        if ours {
            self.partial = packet.is_corrupt();
        }
        Ok(if ours { Got::Packet(packet) } else { Got::Nothing })
    }

    /// Whether the last picture is incomplete, or a header announced clearly more than there was.
    fn broke_off(&self) -> bool {
        let slack = 1_000_000 + self.opened.nominal.0;
        self.partial
            || self.opened.announced.is_some_and(|(length, start)| {
                self.reached == i64::MIN || start.saturating_add(length).saturating_sub(self.reached) > slack
            })
    }
}
