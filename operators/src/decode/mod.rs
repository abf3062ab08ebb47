//! Packets in, the frames that somebody wants out, and an account of everything that was seen.
//!
//! In: a camera's packets in decoding order. Out: [`Frame`]s in presentation order with who wants them, ends of
//! generations, `Coverage` and `Fault` facts. Who wants a frame is known from its place in event time (see
//! `sample`), so pictures are decoded only where that is needed, with exactly the samples that decoding everything
//! would give:
//!
//! * a picture that nobody wants and no other refers to never reaches the decoder;
//! * one that others may refer to is held back until a wanted one follows; if the stream restarts before that
//!   (an IDR picture), the rest of the group is dropped undecoded;
//! * what was decoded for the sake of others is dropped at once, without a copy.
//!
//! Planes stay as the decoder wrote them; pictures that are not 8-bit YUV or grey are converted to it when
//! wanted. Damaged pictures are counted, reported and looked at all the same. Each clip gets a fresh decoder, on
//! this thread alone.
//!
//! State: one decoder; the pictures that were sent and have not come out; those held back, at most [`HELD`] bytes.

mod account;
mod picture;
mod references;
#[cfg(test)]
mod tests;

use crate::frame::{Frame, FrameMeta, Picture, Wanted};
use crate::sample::Sampler;
use crate::source::fault_log::{FaultLog, Spot};
use crate::source::{Packet, Place, Stream, decoder_options, quiet};
use crate::stage::{End, Outlet, Seen, Stage};
use account::{Account, Outcome};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Context;
use ffmpeg_next::frame::Video;
use gemba_schemas::fact::{self, FaultKind};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::time::EventTime;
use picture::Converter;
use references::{Importance, References};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Most bytes of packets that are held back undecoded.
const HELD: usize = 16 << 20;

/// Packets of a clip that may pass without a key frame before decoding starts anyway.
const BLIND: u32 = 300;

/// The decoder of one camera.
pub struct Decode {
    sampler: Sampler,
    camera: Name,
    account: Account,
    faults: FaultLog,
    clip: Option<Clip>,
    /// Frames of the footage that were not yet accounted for, in presentation order.
    pending: BTreeMap<EventTime, Pending>,
    held: VecDeque<Packet>,
    held_bytes: usize,
    converter: Converter,
}

/// An open decoder.
struct Clip {
    stream: Rc<Stream>,
    decoder: Option<ffmpeg::decoder::Video>,
    references: References,
    /// A key frame was seen.
    synced: bool,
    /// Packets seen without one.
    blind: u32,
    /// Receives pictures; its buffers are taken along only by wanted ones.
    scratch: Video,
}

/// A frame that is not accounted for.
struct Pending {
    place: Place,
    wanted: Wanted,
    state: State,
    stream: Rc<Stream>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Sent,
    Skipped,
    Lost,
}

impl Decode {
    /// A decoder for `camera`. `vision` is the digest that its coverage rows carry.
    pub fn new(camera: Name, vision: Name, sampler: Sampler) -> Self {
        quiet();
        Self {
            sampler,
            camera,
            account: Account::new(camera, vision),
            faults: FaultLog::new(camera, fact::Stage::Decode),
            clip: None,
            pending: BTreeMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            converter: Converter::default(),
        }
    }

    fn packet(&mut self, packet: Packet, out: &mut Outlet<Frame>) {
        if self.clip.as_ref().is_none_or(|clip| !Rc::ptr_eq(&clip.stream, &packet.stream)) {
            self.leave(out);
            if let Some(place) = packet.place.filter(|_| !self.account.is_open()) {
                self.faults.enter(place.generation, &mut out.facts);
            }
            self.enter(&packet);
        }
        let Some(clip) = &mut self.clip else { return };
        let settled = packet.settled;
        let importance = clip.references.importance(&packet.data);
        clip.synced |= packet.data.is_key() || clip.blind >= BLIND;
        clip.blind += 1;
        let usable = clip.synced && clip.decoder.is_some();
        let wanted =
            packet.place.map(|p| self.sampler.wanted(EventTime(p.generation.0), p.ts, p.duration)).unwrap_or_default();
        if let Some(place) = packet.place {
            let state = match importance {
                _ if !usable => State::Lost,
                Importance::Disposable if !wanted.any() && !packet.guessed => State::Skipped,
                _ => State::Held,
            };
            self.pending.insert(place.ts, Pending { place, wanted, state, stream: packet.stream.clone() });
        }
        if !usable {
            if clip.decoder.is_some() {
                self.fault(packet.place, &packet.stream, FaultKind::Corrupt, "before the first key frame".into());
            }
        } else if importance != Importance::Disposable || wanted.any() || packet.guessed {
            if importance == Importance::Restart {
                self.skip_held();
            }
            // A packet with a guessed time is sent at once: skipping would confuse which picture is which.
            let send = wanted.any() || packet.guessed;
            self.held_bytes += packet.data.size();
            self.held.push_back(packet);
            if send || self.held_bytes > HELD {
                self.send_held(out);
            }
        }
        self.settle(settled, out);
    }

    fn enter(&mut self, packet: &Packet) {
        let stream = packet.stream.clone();
        let references = References::new(&stream.parameters);
        let decoder = open_decoder(&stream);
        if let Err(error) = &decoder {
            let detail = format!("the decoder cannot be opened: {error}");
            self.fault(packet.place, &stream, FaultKind::Library, detail);
        }
        let scratch = Video::empty();
        self.clip = Some(Clip { stream, decoder: decoder.ok(), references, synced: false, blind: 0, scratch });
    }

    /// Takes out what the decoder still holds, and closes it.
    fn leave(&mut self, out: &mut Outlet<Frame>) {
        if self.clip.is_none() {
            return;
        }
        // Nothing that is wanted was held back, so nobody needs it.
        self.skip_held();
        if let Some(decoder) = self.clip.as_mut().and_then(|c| c.decoder.as_mut())
            && let Err(error) = decoder.send_eof()
        {
            tracing::debug!(%error, "decoder refused the end of its stream");
        }
        self.receive(out);
        self.settle(EventTime::MAX, out);
        self.clip = None;
    }

    fn skip_held(&mut self) {
        self.held_bytes = 0;
        for packet in self.held.drain(..) {
            mark(&mut self.pending, packet.place, State::Skipped);
        }
    }

    fn send_held(&mut self, out: &mut Outlet<Frame>) {
        self.held_bytes = 0;
        for mut packet in std::mem::take(&mut self.held) {
            let Some(decoder) = self.clip.as_mut().and_then(|c| c.decoder.as_mut()) else { return };
            if packet.guessed {
                packet.data.set_pts(None);
            }
            match decoder.send_packet(&packet.data) {
                Ok(()) => mark(&mut self.pending, packet.place, State::Sent),
                Err(error) => {
                    mark(&mut self.pending, packet.place, State::Lost);
                    self.fault(packet.place, &packet.stream, FaultKind::Corrupt, format!("not decodable: {error}"));
                }
            }
            self.receive(out);
        }
    }

    /// Takes every picture that the decoder has ready.
    fn receive(&mut self, out: &mut Outlet<Frame>) {
        loop {
            let Some(clip) = &mut self.clip else { return };
            let Some(decoder) = &mut clip.decoder else { return };
            match decoder.receive_frame(&mut clip.scratch) {
                Ok(()) => self.picture(out),
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Other { errno: ffmpeg::ffi::EAGAIN }) => return,
                Err(error) => {
                    let stream = clip.stream.clone();
                    self.fault(None, &stream, FaultKind::Corrupt, format!("not decodable: {error}"));
                }
            }
        }
    }

    /// Accounts for the picture in the scratch frame and everything shown before it.
    fn picture(&mut self, out: &mut Outlet<Frame>) {
        let Some(clip) = &mut self.clip else { return };
        let sent = |pending: &BTreeMap<EventTime, Pending>| {
            pending.iter().find(|(_, p)| p.state == State::Sent).map(|(ts, _)| *ts)
        };
        let ts = match clip.scratch.pts() {
            Some(ts) => Some(EventTime(ts)),
            None => sent(&self.pending),
        };
        // A picture that is not shown (cut away, or of before the start) has no entry.
        let Some(ts) = ts.filter(|ts| self.pending.contains_key(ts)) else { return };
        let wanted = self.pending.get(&ts).is_some_and(|p| p.wanted.any());
        let video = wanted.then(|| std::mem::replace(&mut clip.scratch, Video::empty()));
        let source = video.as_ref().unwrap_or(&clip.scratch);
        let size = |v: u32| u16::try_from(v).unwrap_or(u16::MAX);
        let outcome = Outcome::Decoded {
            width: size(source.width()),
            height: size(source.height()),
            format: source.format(),
            corrupt: source.is_corrupt() || source.has_decode_errors(),
        };
        let mut earlier = std::mem::take(&mut self.pending);
        self.pending = earlier.split_off(&ts);
        for (_, pending) in earlier {
            self.undecoded(pending, out);
        }
        let Some(pending) = self.pending.remove(&ts) else { return };
        let generation = self.shown(&pending, outcome, out);
        let Some(video) = video else { return };
        let corrupt = matches!(outcome, Outcome::Decoded { corrupt: true, .. });
        match self.converter.convert(video) {
            Ok(video) => {
                let meta = FrameMeta {
                    camera: self.camera,
                    generation,
                    ts,
                    duration: pending.place.duration,
                    number: pending.place.number,
                    file: pending.stream.file,
                    wanted: pending.wanted,
                    corrupt,
                };
                out.items.push(Seen::Item(Frame { meta, picture: Rc::new(Picture::Decoded(video)) }));
            }
            Err(error) => {
                let detail = format!("the picture's format cannot be converted: {error}");
                self.fault(Some(pending.place), &pending.stream, FaultKind::Format, detail);
            }
        }
    }

    /// Accounts for what is shown before `ts` and waits for nothing.
    fn settle(&mut self, ts: EventTime, out: &mut Outlet<Frame>) {
        while let Some(first) = self.pending.first_entry() {
            let state = first.get().state;
            if *first.key() >= ts || (ts != EventTime::MAX && matches!(state, State::Held | State::Sent)) {
                break;
            }
            let pending = first.remove();
            self.undecoded(pending, out);
        }
    }

    fn undecoded(&mut self, pending: Pending, out: &mut Outlet<Frame>) {
        let outcome = if pending.state == State::Skipped { Outcome::Skipped } else { Outcome::Lost };
        self.shown(&pending, outcome, out);
    }

    /// The next frame in order of presentation; gives its generation.
    fn shown(&mut self, pending: &Pending, outcome: Outcome, out: &mut Outlet<Frame>) -> Generation {
        let place = pending.place;
        let (generation, end) = self.account.shown(place, &pending.stream, outcome, &mut out.facts);
        if let Some(end) = end {
            self.ended(end, out);
        }
        self.faults.enter(generation, &mut out.facts);
        if let Some(end) = end {
            let what = match end.reason {
                fact::CoverageEnd::FormatChange => (FaultKind::Format, "the picture's size or format changed"),
                _ => (FaultKind::Timestamp, "time jumped forward; a new generation starts here"),
            };
            self.fault(Some(place), &pending.stream, what.0, what.1.into());
        }
        if matches!(outcome, Outcome::Decoded { corrupt: true, .. }) {
            self.fault(Some(place), &pending.stream, FaultKind::Corrupt, "the picture is damaged".into());
        }
        self.faults.close(place.ts, &mut out.facts);
        generation
    }

    fn ended(&mut self, end: End, out: &mut Outlet<Frame>) {
        self.faults.finish(&mut out.facts);
        out.items.push(Seen::End(end));
    }

    /// Counts a fault at a place, or at the first frame that is not accounted for.
    fn fault(&mut self, place: Option<Place>, stream: &Stream, kind: FaultKind, detail: String) {
        let first = || self.pending.values().next().map(|p| p.place);
        let Some(place) = place.or_else(first) else { return };
        self.faults.note(Spot { ts: place.ts, file: stream.file, frame: place.number }, kind, detail);
    }
}

fn mark(pending: &mut BTreeMap<EventTime, Pending>, place: Option<Place>, state: State) {
    if let Some(entry) = place.and_then(|p| pending.get_mut(&p.ts)) {
        entry.state = state;
    }
}

fn open_decoder(stream: &Stream) -> Result<ffmpeg::decoder::Video, ffmpeg::Error> {
    let mut decoder = Context::from_parameters(stream.parameters.clone())?.decoder();
    decoder.set_packet_time_base((1, 1_000_000));
    decoder.set_flags(ffmpeg::codec::Flags::OUTPUT_CORRUPT);
    let codec = ffmpeg::decoder::find(stream.parameters.id()).ok_or(ffmpeg::Error::DecoderNotFound)?;
    decoder.open_as_with(codec, decoder_options())?.video()
}

impl Stage for Decode {
    type In = Packet;
    type Out = Frame;

    fn step(&mut self, item: Seen<Packet>, out: &mut Outlet<Frame>) {
        match item {
            Seen::Item(packet) => self.packet(packet, out),
            Seen::End(end) => {
                self.leave(out);
                if let Some(end) = self.account.end(end.reason, &mut out.facts) {
                    self.ended(end, out);
                } else {
                    self.faults.finish(&mut out.facts);
                }
            }
        }
    }
}
