//! Opening footage, safely: a file is what a stranger may have named `.mp4`.
//!
//! In: a path. Out: a demuxer positioned at the first packet and a [`ClipInfo`], or a [`SourceError`] that says
//! what is wrong with the file. Only containers of moving pictures are read ([`CONTAINERS`]; a playlist is
//! refused, whatever its name), only local files are opened on its behalf, no picture above [`MAX_PIXELS`] is
//! allocated, and probing is bounded in bytes and in stream time. The demuxer, its packets and its parameters
//! stay on the thread that opened it.
//!
//! Blocking reads are abandoned when the caller's stop flag rises; who owns a clock (the pipeline's watchdog)
//! decides when that is.

#![expect(unsafe_code, reason = "FFmpeg's C interface, where its Rust binding does not reach")]

use super::error::{Problem, SourceError};
use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::Parameters;
use ffmpeg_next::ffi;
use ffmpeg_next::format::context::Input;
use gemba_schemas::id::Name;
use gemba_schemas::time::{EventTime, Micros};
use std::ffi::{CStr, CString, c_int};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{io::Read, sync::Arc};

/// Demuxers that may be used, by FFmpeg's names.
pub const CONTAINERS: &str =
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,mxf,gif,mjpeg,jpeg_pipe,h264,hevc,ivf,m4v";

/// The largest picture that is decoded, in pixels: 8192 × 8192.
pub const MAX_PIXELS: u64 = 8192 * 8192;

/// Rises to abandon a blocking read.
pub type StopFlag = Arc<AtomicBool>;

/// What opening a clip tells, without decoding it.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipInfo {
    /// The file.
    pub path: PathBuf,
    /// FFmpeg's name of the container.
    pub container: String,
    /// FFmpeg's name of the codec.
    pub codec: &'static str,
    /// FFmpeg's name of the pixel format, if it is known before decoding.
    pub pixels: Option<&'static str>,
    /// Width in pixels.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Average frames a second; 0 if unknown.
    pub fps: f64,
    /// Length: as the container says, or measured by reading its packets where it does not say.
    pub duration: Micros,
    /// Number of frames, estimated from the container's index or from length and rate.
    pub frames: u64,
    /// When the container says that it was recorded.
    pub created: Option<EventTime>,
}

/// Parameters of an open clip's video stream, shared by its packets.
pub struct Stream {
    /// File name without the folder.
    pub file: Name,
    /// What the decoder needs to know.
    pub parameters: Parameters,
    /// Width in pixels, as the container says.
    pub width: u16,
    /// Height in pixels.
    pub height: u16,
    /// Where event time comes from.
    pub clock: gemba_schemas::fact::Clock,
    /// Digest of the footage of the whole plan.
    pub footage: Name,
}

/// An open clip.
pub(super) struct Opened {
    pub input: Input,
    pub index: usize,
    pub info: ClipInfo,
    pub time_base: (i64, i64),
    /// Presentation time of the first picture in units of the time base, if the container announces it.
    pub first_pts: Option<i64>,
    /// Distance of frames.
    pub nominal: Micros,
    /// Declared lengths are meant (GIF).
    pub declared: bool,
    /// Length that a header announces (not one measured on the file itself), with the start of the container, in µs.
    pub announced: Option<(i64, i64)>,
}

/// Initialises FFmpeg once: its messages are returned as errors and facts, not printed.
pub(crate) fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Only fills a table of error texts; it cannot fail.
        let _ = ffmpeg::init();
        ffmpeg::log::set_level(ffmpeg::log::Level::Quiet);
    });
}

/// Opens `path` and finds its video stream.
pub(super) fn open(path: &Path, stop: Option<&StopFlag>) -> Result<Opened, SourceError> {
    quiet();
    let at = |problem| SourceError::Clip { path: path.into(), problem };
    let meta = std::fs::metadata(path).map_err(|e| at(Problem::Io(e.kind())))?;
    if meta.len() == 0 {
        return Err(at(Problem::Empty));
    }
    refuse_foreign(path).map_err(at)?;
    let name = url(path).ok_or_else(|| at(Problem::Io(std::io::ErrorKind::InvalidFilename)))?;
    let input = open_context(&name, stop).map_err(at)?;
    describe(path, input).map_err(at)
}

/// The path as FFmpeg must see it: without the prefix, `a:b.mp4` would be taken for a protocol.
fn url(path: &Path) -> Option<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new([b"file:", path.as_os_str().as_bytes()].concat()).ok()
}

/// Looks at the first bytes for what the file really is, to name it in the error. The whitelist given to the
/// demuxer is what protects; this only explains.
fn refuse_foreign(path: &Path) -> Result<(), Problem> {
    const PADDING: usize = ffi::AVPROBE_PADDING_SIZE as usize;
    let mut head = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| Problem::Io(e.kind()))?;
    file.take(64 << 10).read_to_end(&mut head).map_err(|e| Problem::Io(e.kind()))?;
    let size = head.len() as c_int;
    head.resize(head.len() + PADDING, 0);
    let probe =
        ffi::AVProbeData { filename: c"".as_ptr(), buf: head.as_mut_ptr(), buf_size: size, mime_type: ptr::null() };
    let mut score = 0;
    // SAFETY: `probe` points to `head`, which outlives the call and carries the padding that probing may read;
    // the format returned is a static description with a NUL-terminated name.
    let name = unsafe {
        let format = ffi::av_probe_input_format3(&raw const probe, 1, &raw mut score);
        (!format.is_null()).then(|| CStr::from_ptr((*format).name).to_string_lossy().into_owned())
    };
    match name {
        Some(name) if score > 25 && !name.split(',').any(|n| CONTAINERS.split(',').any(|c| c == n)) => {
            Err(Problem::Foreign(name))
        }
        _ => Ok(()),
    }
}

fn open_context(name: &CStr, stop: Option<&StopFlag>) -> Result<Input, Problem> {
    let stop = stop.cloned().unwrap_or_default();
    let interrupt = ffmpeg::util::interrupt::new(Box::new(move || stop.load(Ordering::Relaxed)));
    let mut options = ffmpeg::Dictionary::new();
    options.set("format_whitelist", CONTAINERS);
    options.set("protocol_whitelist", "file");
    options.set("probesize", "5000000");
    options.set("analyzeduration", "5000000");
    // SAFETY: the usual life of a demuxer. `avformat_open_input` frees the context itself when it fails; the
    // interrupt's closure lives in `guard`, which the input keeps as long as the context. The dictionaries are
    // one per stream that exists when probing starts, as `avformat_find_stream_info` asks, and are freed after it.
    unsafe {
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(Problem::Library(ffmpeg::Error::Other { errno: ffi::ENOMEM }));
        }
        (*context).interrupt_callback = interrupt.interrupt;
        let mut raw = options.disown();
        let opened = ffi::avformat_open_input(&raw mut context, name.as_ptr(), ptr::null_mut(), &raw mut raw);
        drop(ffmpeg::Dictionary::own(raw));
        if opened < 0 {
            return Err(Problem::Library(opened.into()));
        }
        let input = Input::wrap_with_interrupt(context, interrupt.guard);
        // Probing decodes a picture where the header does not tell enough: the limits must hold there too.
        let streams = (*context).nb_streams as usize;
        for i in 0..streams {
            // What the header says; probing would only find that it cannot decode it.
            within_limits(
                (*(**(*context).streams.add(i)).codecpar).width,
                (*(**(*context).streams.add(i)).codecpar).height,
            )?;
        }
        let mut decoding: Vec<*mut ffi::AVDictionary> = (0..streams).map(|_| decoder_options().disown()).collect();
        let list = if decoding.is_empty() { ptr::null_mut() } else { decoding.as_mut_ptr() };
        let found = ffi::avformat_find_stream_info(context, list);
        for options in decoding {
            drop(ffmpeg::Dictionary::own(options));
        }
        // Also what a picture that is larger than allowed comes to where only its own header tells its size.
        if found < 0 { Err(Problem::NoPicture) } else { Ok(input) }
    }
}

/// Options for every decoder: one thread, bounded pictures.
pub(crate) fn decoder_options() -> ffmpeg::Dictionary<'static> {
    let mut options = ffmpeg::Dictionary::new();
    options.set("threads", "1");
    options.set("max_pixels", &MAX_PIXELS.to_string());
    options
}

fn within_limits(width: c_int, height: c_int) -> Result<(), Problem> {
    let pixels = i64::from(width) * i64::from(height);
    if pixels > MAX_PIXELS as i64 { Err(Problem::TooLarge(width, height)) } else { Ok(()) }
}

fn describe(path: &Path, mut input: Input) -> Result<Opened, Problem> {
    let stream = input.streams().best(ffmpeg::media::Type::Video).ok_or(Problem::NoVideo)?;
    if stream.disposition().contains(ffmpeg::format::stream::Disposition::ATTACHED_PIC) {
        return Err(Problem::NoVideo);
    }
    let index = stream.index();
    let parameters = stream.parameters();
    // SAFETY: the parameters belong to the open input.
    let (width, height, format) =
        unsafe { ((*parameters.as_ptr()).width, (*parameters.as_ptr()).height, (*parameters.as_ptr()).format) };
    within_limits(width, height)?;
    let size = |v: c_int| u16::try_from(v).map_err(|_| Problem::TooLarge(width, height));
    if width <= 0 || height <= 0 {
        return Err(Problem::NoPicture);
    }
    let codec = parameters.id();
    if ffmpeg::decoder::find(codec).is_none() {
        return Err(Problem::NoDecoder(codec.name()));
    }
    let rates = [stream.avg_frame_rate(), stream.rate()];
    let fps =
        rates.iter().map(|r| f64::from(r.numerator()) / f64::from(r.denominator())).find(|f| *f > 0.0 && *f < 1e4);
    let time_base = stream.time_base();
    let time_base = (i64::from(time_base.numerator()), i64::from(time_base.denominator().max(1)));
    let container = input.format().name().to_owned();
    let created = created(&input.metadata()).or_else(|| created(&stream.metadata()));
    let start = stream.start_time();
    // SAFETY: a plain field of the open context.
    let (method, container_start) =
        unsafe { ((*input.as_ptr()).duration_estimation_method, (*input.as_ptr()).start_time) };
    let says = |method| method != ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_BITRATE && input.duration() > 0;
    let length = (stream.duration() > 0).then(|| to_micros(stream.duration(), time_base)).filter(|_| says(method));
    let length = length.or_else(|| says(method).then(|| input.duration()));
    let announced = (method == ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_STREAM && input.duration() > 0)
        .then(|| (input.duration(), if container_start == ffi::AV_NOPTS_VALUE { 0 } else { container_start }));
    let counted = stream.frames();
    let declared = container == "gif";
    let duration = length.unwrap_or_else(|| measure(&mut input, index, time_base));
    let estimate = fps.map_or(0, |f| (duration as f64 / 1e6 * f).round() as u64);
    Ok(Opened {
        index,
        info: ClipInfo {
            path: path.into(),
            container,
            codec: codec.name(),
            pixels: pixel_name(format),
            width: size(width)?,
            height: size(height)?,
            fps: fps.unwrap_or(0.0),
            duration: Micros(duration),
            frames: u64::try_from(counted).ok().filter(|n| *n > 0).unwrap_or(estimate),
            created,
        },
        time_base,
        first_pts: (start != ffi::AV_NOPTS_VALUE).then_some(start),
        nominal: Micros(fps.map_or(40_000, |f| (1e6 / f).round() as i64)),
        declared,
        announced,
        input,
    })
}

fn pixel_name(format: c_int) -> Option<&'static str> {
    // SAFETY: gives a static string or null for any integer; transmuting an unknown one into the enum would be
    // undefined, so the number goes in as FFmpeg stores it.
    unsafe {
        if !(0..ffi::AVPixelFormat::AV_PIX_FMT_NB as c_int).contains(&format) {
            return None;
        }
        let name = ffi::av_get_pix_fmt_name(std::mem::transmute::<c_int, ffi::AVPixelFormat>(format));
        (!name.is_null()).then(|| CStr::from_ptr(name).to_str().ok()).flatten()
    }
}

/// The recording's start as containers tell it. Clocks that were never set (1904, 1970) are not believed.
fn created(tags: &ffmpeg::DictionaryRef<'_>) -> Option<EventTime> {
    /// 2000-01-01T00:00:00Z.
    const PLAUSIBLE: i64 = 946_684_800_000_000;
    ["com.apple.quicktime.creationdate", "creation_time"]
        .iter()
        .filter_map(|key| tags.get(key)?.parse::<jiff::Timestamp>().ok())
        .map(|at| EventTime(at.as_microsecond()))
        .find(|at| at.0 >= PLAUSIBLE)
}

/// Units of a time base in µs, rounded down, saturating.
pub(super) fn to_micros(units: i64, (numerator, denominator): (i64, i64)) -> i64 {
    let micros = (i128::from(units) * i128::from(numerator) * 1_000_000).div_euclid(i128::from(denominator));
    micros.clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64
}

/// The length of a clip whose container does not say: from its packets' times. Only the container is read.
fn measure(input: &mut Input, index: usize, time_base: (i64, i64)) -> i64 {
    let (mut first, mut end) = (i64::MAX, i64::MIN);
    for (_, packet) in input.packets().filter(|(stream, _)| stream.index() == index) {
        if let Some(at) = packet.pts().or(packet.dts()) {
            first = first.min(at);
            end = end.max(at.saturating_add(packet.duration().max(0)));
        }
    }
    if end > first { to_micros(end.saturating_sub(first), time_base) } else { 0 }
}
