//! Frames back into a video: planar 4:2:0 pictures in, an mp4 file out (H.264 where FFmpeg has libx264,
//! else MPEG-4 part 2).
//!
//! The file looks like a camera recorder's: B-frames, a key frame every two seconds, the index in front
//! (`faststart`), and `creation_time` in the container, so that its event times are known without a
//! sidecar. mp4 keeps `creation_time` in whole seconds: start recordings on one.
//!
//! State: the open encoder and muxer. Times of presentation rise strictly; the first is 0. One thread
//! encodes, so equal pictures give equal files with one build of FFmpeg.

use crate::frame::{Frame, Picture};
use ffmpeg_next::{self as ffmpeg, Dictionary, Packet, Rational, codec, encoder, format, frame, software, util};
use gemba_schemas::time::{EventTime, Micros};
use std::path::{Path, PathBuf};

/// Ticks a second: 25, 30 and 29.97 frames a second all come out whole.
const CLOCK: i64 = 90_000;

/// Why a video could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The picture has no size that 4:2:0 video can have.
    #[error(
        "{width}×{height} px at {fps} fps cannot be encoded; width and height must be even, from 2 to 16384, and fps above 0"
    )]
    Shape {
        /// Width asked for.
        width: usize,
        /// Height asked for.
        height: usize,
        /// Frame rate asked for.
        fps: u32,
    },
    /// A picture differs in size from the video.
    #[error("a picture of {found:?} px does not fit a video of {expected:?} px; write it to a file of its own")]
    Size {
        /// The picture's width and height.
        found: (usize, usize),
        /// The video's width and height.
        expected: (usize, usize),
    },
    /// Neither libx264 nor mpeg4 is there.
    #[error("this FFmpeg has neither libx264 nor mpeg4; install one with an H.264 encoder")]
    NoEncoder,
    /// FFmpeg failed on the file.
    #[error("{}: {doing}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// FFmpeg's words.
        source: ffmpeg::Error,
    },
    /// A decoded picture could not be turned into planar 4:2:0.
    #[error("a picture in pixel format {format} could not be converted: {source}")]
    Convert {
        /// The format's name.
        format: String,
        /// FFmpeg's words.
        source: ffmpeg::Error,
    },
}

/// An owned planar 4:2:0 picture, tightly packed, that can be drawn on. Width and height are even.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    /// Luma, `width * height`.
    pub y: Vec<u8>,
    /// Blue difference, `(width / 2) * (height / 2)`.
    pub u: Vec<u8>,
    /// Red difference, likewise.
    pub v: Vec<u8>,
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
}

impl Planes {
    /// A mid-grey picture; odd sizes lose their last row or column.
    pub fn new(width: usize, height: usize) -> Self {
        let (width, height) = (width & !1, height & !1);
        let chroma = vec![128; (width / 2) * (height / 2)];
        Self { y: vec![128; width * height], u: chroma.clone(), v: chroma, width, height }
    }

    /// A copy of a frame's picture. Odd sizes lose their last row or column; formats other than 8-bit
    /// planar or semi-planar 4:2:0 are converted by FFmpeg.
    pub fn copy_of(frame: &Frame) -> Result<Self, EncodeError> {
        match &*frame.picture {
            Picture::Rendered { y, u, v, width, height } => {
                Ok(Self { y: y.clone(), u: u.clone(), v: v.clone(), width: *width, height: *height })
            }
            Picture::Decoded(video) => Self::copy_of_video(video),
        }
    }

    fn copy_of_video(video: &frame::Video) -> Result<Self, EncodeError> {
        use format::Pixel;
        let mut planes = Self::new(video.width() as usize, video.height() as usize);
        let (w, h) = (planes.width, planes.height);
        match video.format() {
            Pixel::YUV420P | Pixel::YUVJ420P => {
                copy_rows(&mut planes.y, video, 0, w, h);
                copy_rows(&mut planes.u, video, 1, w / 2, h / 2);
                copy_rows(&mut planes.v, video, 2, w / 2, h / 2);
            }
            Pixel::NV12 => {
                copy_rows(&mut planes.y, video, 0, w, h);
                let (data, stride) = (video.data(1), video.stride(1));
                for row in 0..h / 2 {
                    for (x, pair) in data[row * stride..][..w].chunks_exact(2).enumerate() {
                        planes.u[row * (w / 2) + x] = pair[0];
                        planes.v[row * (w / 2) + x] = pair[1];
                    }
                }
            }
            other => {
                let convert = |source| EncodeError::Convert { format: format!("{other:?}"), source };
                let (sw, sh) = (video.width(), video.height());
                let mut scaler = software::scaling::Context::get(
                    other,
                    sw,
                    sh,
                    Pixel::YUV420P,
                    w as u32,
                    h as u32,
                    software::scaling::Flags::FAST_BILINEAR,
                )
                .map_err(convert)?;
                let mut planar = frame::Video::empty();
                scaler.run(video, &mut planar).map_err(convert)?;
                return Self::copy_of_video(&planar);
            }
        }
        Ok(planes)
    }

    /// As a frame's picture.
    pub fn into_picture(self) -> Picture {
        Picture::Rendered { y: self.y, u: self.u, v: self.v, width: self.width, height: self.height }
    }
}

fn copy_rows(into: &mut [u8], video: &frame::Video, plane: usize, width: usize, height: usize) {
    let (data, stride) = (video.data(plane), video.stride(plane));
    for (row, out) in into.chunks_exact_mut(width.max(1)).take(height).enumerate() {
        out.copy_from_slice(&data[row * stride..][..width]);
    }
}

/// Writes one video file. Without [`Encoder::finish`] the file is not playable.
pub struct Encoder {
    output: format::context::Output,
    video: encoder::video::Encoder,
    path: PathBuf,
    width: usize,
    height: usize,
    frame_ticks: i64,
    /// Time of the next picture, in ticks.
    next: i64,
    stream_base: Rational,
    packet: Packet,
}

impl Encoder {
    /// Opens `path` for a video of `width` × `height` pixels (even) at nominally `fps` frames a second.
    /// An existing file is replaced. `creation_time` is the event time of the first picture.
    pub fn create(
        path: &Path,
        width: usize,
        height: usize,
        fps: u32,
        creation_time: Option<EventTime>,
    ) -> Result<Self, EncodeError> {
        let even = |n: usize| n.is_multiple_of(2) && (2..=16_384).contains(&n);
        if !even(width) || !even(height) || fps == 0 {
            return Err(EncodeError::Shape { width, height, fps });
        }
        let failed = |doing| move |source| EncodeError::File { path: path.into(), doing, source };
        ffmpeg::init().map_err(failed("starting FFmpeg"))?;
        util::log::set_level(util::log::Level::Error);
        let x264 = encoder::find_by_name("libx264");
        let codec = x264.or_else(|| encoder::find(codec::Id::MPEG4)).ok_or(EncodeError::NoEncoder)?;

        let mut output = format::output_as(path, "mp4").map_err(failed("could not be created"))?;
        let mut video = codec::context::Context::new_with_codec(codec)
            .encoder()
            .video()
            .map_err(failed("the encoder could not be set up"))?;
        video.set_width(width as u32);
        video.set_height(height as u32);
        video.set_format(format::Pixel::YUV420P);
        video.set_frame_rate(Some(Rational(fps as i32, 1)));
        video.set_gop(2 * fps);
        video.set_max_b_frames(2);
        video.set_colorspace(util::color::Space::BT709);
        video.set_color_range(util::color::Range::MPEG);
        video.set_color_primaries(util::color::Primaries::BT709);
        video.set_color_transfer_characteristic(util::color::TransferCharacteristic::BT709);
        // Closed groups of pictures: a reader that seeks to a key frame needs nothing before it.
        let mut flags = codec::Flags::CLOSED_GOP;
        if output.format().flags().contains(format::Flags::GLOBAL_HEADER) {
            flags |= codec::Flags::GLOBAL_HEADER;
        }
        video.set_flags(flags);
        let mut options = Dictionary::new();
        options.set("threads", "1");
        if x264.is_some() {
            video.set_time_base(Rational(1, CLOCK as i32));
            options.set("preset", "veryfast");
            options.set("crf", "23");
        } else {
            // MPEG-4 cannot count finer than 1/65535 s.
            video.set_time_base(Rational(1, 60_000));
            video.set_bit_rate(6_000_000);
        }
        let video = video.open_as_with(codec, options).map_err(failed("the encoder could not be opened"))?;

        let mut stream = output.add_stream(codec).map_err(failed("no stream could be added"))?;
        stream.set_parameters(&video);
        stream.set_time_base(Rational(1, CLOCK as i32));
        stream.set_avg_frame_rate(Rational(fps as i32, 1));
        if let Some(start) = creation_time {
            let mut metadata = Dictionary::new();
            metadata.set("creation_time", &start.rfc3339());
            output.set_metadata(metadata);
        }
        let mut options = Dictionary::new();
        options.set("movflags", "+faststart");
        output.write_header_with(options).map_err(failed("the header could not be written"))?;
        let stream_base = output.stream(0).map_or(Rational(1, CLOCK as i32), |s| s.time_base());
        Ok(Self {
            output,
            video,
            path: path.into(),
            width,
            height,
            frame_ticks: CLOCK / i64::from(fps),
            next: 0,
            stream_base,
            packet: Packet::empty(),
        })
    }

    /// Adds a picture one frame after the last.
    pub fn push(&mut self, y: &[u8], u: &[u8], v: &[u8]) -> Result<(), EncodeError> {
        let at = self.next;
        self.push_ticks(at, y, u, v)
    }

    /// Adds a picture `since_start` after the first, for footage whose frames are not evenly spaced. A time
    /// that does not rise is moved to one tick (11 µs) after the last.
    pub fn push_at(&mut self, since_start: Micros, y: &[u8], u: &[u8], v: &[u8]) -> Result<(), EncodeError> {
        let asked = (i128::from(since_start.0) * i128::from(CLOCK) / 1_000_000) as i64;
        let earliest = if self.next == 0 { 0 } else { self.next - self.frame_ticks + 1 };
        self.push_ticks(asked.max(earliest), y, u, v)
    }

    fn push_ticks(&mut self, at: i64, y: &[u8], u: &[u8], v: &[u8]) -> Result<(), EncodeError> {
        let (w, h) = (self.width, self.height);
        let chroma = (w / 2) * (h / 2);
        if y.len() != w * h || u.len() != chroma || v.len() != chroma {
            return Err(EncodeError::Size { found: (y.len() / h, h), expected: (w, h) });
        }
        // A frame of its own each time: the encoder may hold on to the last ones for its B-frames.
        let mut picture = frame::Video::new(format::Pixel::YUV420P, w as u32, h as u32);
        for (plane, (data, width)) in [(y, w), (u, w / 2), (v, w / 2)].into_iter().enumerate() {
            let stride = picture.stride(plane);
            for (row, into) in data.chunks_exact(width).zip(picture.data_mut(plane).chunks_mut(stride)) {
                into[..width].copy_from_slice(row);
            }
        }
        let base = self.video.time_base();
        picture.set_pts(Some(rescale(at, Rational(1, CLOCK as i32), base)));
        self.next = at + self.frame_ticks;
        let sent = self.video.send_frame(&picture);
        sent.map_err(|source| self.failed("a picture could not be encoded", source))?;
        self.drain()
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<(), EncodeError> {
        let sent = self.video.send_eof();
        sent.map_err(|source| self.failed("the encoder could not be ended", source))?;
        self.drain()?;
        let written = self.output.write_trailer();
        written.map_err(|source| self.failed("the file could not be ended", source))
    }

    /// Writes what the encoder has ready.
    fn drain(&mut self) -> Result<(), EncodeError> {
        loop {
            match self.video.receive_packet(&mut self.packet) {
                Ok(()) => {}
                Err(ffmpeg::Error::Eof) => return Ok(()),
                Err(ffmpeg::Error::Other { errno }) if errno == util::error::EAGAIN => return Ok(()),
                Err(source) => return Err(self.failed("encoding", source)),
            }
            self.packet.set_stream(0);
            let base = self.video.time_base();
            self.packet.rescale_ts(base, self.stream_base);
            if self.packet.duration() == 0 {
                self.packet.set_duration(rescale(self.frame_ticks, Rational(1, CLOCK as i32), self.stream_base));
            }
            let written = self.packet.write_interleaved(&mut self.output);
            written.map_err(|source| self.failed("writing", source))?;
        }
    }

    fn failed(&self, doing: &'static str, source: ffmpeg::Error) -> EncodeError {
        EncodeError::File { path: self.path.clone(), doing, source }
    }
}

/// `value` in units of `from`, in units of `to`, rounded to the nearest.
fn rescale(value: i64, from: Rational, to: Rational) -> i64 {
    let up = i128::from(value) * i128::from(from.0) * i128::from(to.1);
    let down = i128::from(from.1) * i128::from(to.0);
    ((2 * up + down).div_euclid(2 * down.max(1))) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg_next::media;

    /// A grey ramp that moves a little with every picture.
    fn picture(n: usize, width: usize, height: usize) -> Planes {
        let mut planes = Planes::new(width, height);
        for (i, y) in planes.y.iter_mut().enumerate() {
            *y = 40 + ((i % width + 3 * n) % 160) as u8;
        }
        planes
    }

    fn folder(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("gemba-encode-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn what_is_written_reads_back() {
        let dir = folder("roundtrip");
        let path = dir.join("a.mp4");
        let start = EventTime(1_748_835_000_000_000);
        let mut encoder = Encoder::create(&path, 320, 180, 25, Some(start)).unwrap();
        for n in 0..60 {
            let p = picture(n, 320, 180);
            encoder.push(&p.y, &p.u, &p.v).unwrap();
        }
        encoder.finish().unwrap();

        let mut input = format::input(&path).unwrap();
        assert_eq!(input.metadata().get("creation_time"), Some("2025-06-02T03:30:00.000000Z"));
        let stream = input.streams().best(media::Type::Video).unwrap();
        let (index, base) = (stream.index(), stream.time_base());
        assert_eq!(stream.avg_frame_rate(), Rational(25, 1));
        let mut decoder =
            codec::context::Context::from_parameters(stream.parameters()).unwrap().decoder().video().unwrap();
        let mut times = Vec::new();
        let mut worst = 0;
        let mut receive = |decoder: &mut ffmpeg::decoder::Video| {
            let mut got = frame::Video::empty();
            while decoder.receive_frame(&mut got).is_ok() {
                let planes = Planes::copy_of_video(&got).unwrap();
                let sent = picture(times.len(), 320, 180);
                let error: u64 = planes.y.iter().zip(&sent.y).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
                worst = worst.max(error / planes.y.len() as u64);
                times.push(got.timestamp().unwrap());
            }
        };
        let mut keys = 0;
        for (s, packet) in input.packets() {
            if s.index() == index {
                keys += usize::from(packet.is_key());
                decoder.send_packet(&packet).unwrap();
                receive(&mut decoder);
            }
        }
        decoder.send_eof().unwrap();
        receive(&mut decoder);
        assert_eq!(times.len(), 60);
        assert!(worst <= 4, "mean error {worst}");
        assert!(keys >= 2);
        for (n, t) in times.iter().enumerate() {
            assert_eq!(t * 25 * i64::from(base.0), n as i64 * i64::from(base.1), "frame {n}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn uneven_times_are_kept_and_made_to_rise() {
        let dir = folder("uneven");
        let path = dir.join("a.mp4");
        let mut encoder = Encoder::create(&path, 64, 48, 25, None).unwrap();
        let p = picture(0, 64, 48);
        for at in [0, 100, 100, 250] {
            encoder.push_at(Micros::from_millis(at), &p.y, &p.u, &p.v).unwrap();
        }
        encoder.finish().unwrap();
        let mut input = format::input(&path).unwrap();
        let mut times: Vec<f64> =
            input.packets().map(|(s, p)| p.pts().unwrap() as f64 * f64::from(s.time_base())).collect();
        times.sort_by(f64::total_cmp);
        assert_eq!(times.len(), 4);
        assert!((times[1] - 0.1).abs() < 1e-3 && times[2] > times[1] && (times[3] - 0.25).abs() < 1e-3, "{times:?}");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn wrong_shapes_and_places_are_errors() {
        let dir = folder("errors");
        assert!(matches!(
            Encoder::create(&dir.join("a.mp4"), 321, 180, 25, None),
            Err(EncodeError::Shape { width: 321, .. })
        ));
        let missing = Encoder::create(&dir.join("no/such/a.mp4"), 320, 180, 25, None).err().unwrap();
        assert!(missing.to_string().contains("could not be created"), "{missing}");
        let mut encoder = Encoder::create(&dir.join("b.mp4"), 320, 180, 25, None).unwrap();
        let p = picture(0, 160, 90);
        assert!(matches!(encoder.push(&p.y, &p.u, &p.v), Err(EncodeError::Size { .. })));
        std::fs::remove_dir_all(dir).unwrap();
    }
}
