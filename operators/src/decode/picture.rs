//! Pictures as the consumers expect them: 8-bit YUV or grey, planes upright.
//!
//! In: what a decoder wrote. Out: the same, untouched, if plane 0 is 8-bit luma ([`keeps`]); anything else (10 bit,
//! RGB, palettes) converted by swscale to planar 4:2:0, with its bit-exact, accurately rounding paths so that
//! every machine gives the same samples. State: the converter for the last size and format.

#![expect(unsafe_code, reason = "FFmpeg's C interface, where its Rust binding does not reach")]

use ffmpeg_next as ffmpeg;
use ffmpeg_next::color::{Range, Space};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::software::scaling::{Context, Flags};

/// Converts what needs it.
#[derive(Default)]
pub(super) struct Converter {
    context: Option<Context>,
}

/// Whether a picture is used as the decoder wrote it.
fn keeps(video: &Video) -> bool {
    use Pixel::{GRAY8, NV12, YUV420P, YUV422P, YUV444P, YUVJ420P, YUVJ422P, YUVJ444P};
    let planes = match video.format() {
        GRAY8 => 1,
        NV12 => 2,
        YUV420P | YUVJ420P | YUV422P | YUVJ422P | YUV444P | YUVJ444P => 3,
        _ => return false,
    };
    // Raw video in AVI may be stored bottom-up, which FFmpeg says with negative strides.
    // SAFETY: reads plain fields of the frame.
    unsafe { (0..planes).all(|i| (*video.as_ptr()).linesize[i] > 0 && !(*video.as_ptr()).data[i].is_null()) }
}

impl Converter {
    /// The picture, converted if need be.
    pub(super) fn convert(&mut self, video: Video) -> Result<Video, ffmpeg::Error> {
        if keeps(&video) {
            return Ok(video);
        }
        let (format, width, height) = (video.format(), video.width(), video.height());
        let fits = |c: &Context| {
            let input = c.input();
            (input.format, input.width, input.height) == (format, width, height)
        };
        if !self.context.as_ref().is_some_and(fits) {
            let flags = Flags::BILINEAR | Flags::ACCURATE_RND | Flags::BITEXACT | Flags::FULL_CHR_H_INP;
            self.context = Some(Context::get(format, width, height, Pixel::YUV420P, width, height, flags)?);
        }
        let Some(context) = &mut self.context else { return Err(ffmpeg::Error::Bug) };
        let mut converted = Video::empty();
        context.run(&video, &mut converted)?;
        // YUV keeps its range through swscale; RGB comes out in the limited range of BT.601.
        let rgb = matches!(video.color_space(), Space::RGB) || is_rgb(format);
        converted.set_color_range(if rgb { Range::MPEG } else { video.color_range() });
        converted.set_color_space(if rgb { Space::SMPTE170M } else { video.color_space() });
        Ok(converted)
    }
}

fn is_rgb(format: Pixel) -> bool {
    // SAFETY: gives a static description or null.
    unsafe {
        let descriptor = ffmpeg::ffi::av_pix_fmt_desc_get(format.into());
        !descriptor.is_null()
            && (*descriptor).flags
                & u64::from(ffmpeg::ffi::AV_PIX_FMT_FLAG_RGB as u32 | ffmpeg::ffi::AV_PIX_FMT_FLAG_PAL as u32)
                != 0
    }
}
