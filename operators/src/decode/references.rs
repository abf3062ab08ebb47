//! Which compressed pictures nobody refers to, read from the packets themselves.
//!
//! In: a codec with its parameter sets, and packets. Out: an [`Importance`] for each. Sources: ITU-T H.264 7.4.1
//! (a picture whose slices have `nal_ref_idc` 0 is not used for reference) and 7.4.1.2.4 (after an IDR picture
//! nothing refers back); H.265 7.4.2.2 (a sub-layer non-reference picture is not used by its own temporal
//! sub-layer, so only in the highest one does nobody refer to it; IDR as in H.264). A packet that also
//! carries parameter sets is never disposable. Whatever cannot be read counts as needed.
//!
//! State: the number of temporal sub-layers that the last H.265 sequence parameter set announced.

#![expect(unsafe_code, reason = "FFmpeg's C interface, where its Rust binding does not reach")]

use ffmpeg_next as ffmpeg;
use ffmpeg_next::codec::{Id, Parameters};
use ffmpeg_next::ffi;
use ffmpeg_next::packet::Ref;

/// What skipping a picture would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Importance {
    /// No other picture refers to it.
    Disposable,
    /// Others may refer to it.
    Reference,
    /// Others may refer to it, and neither it nor any later one refers to what came before it.
    Restart,
}

/// The rules of one clip's codec.
#[derive(Debug)]
pub(super) struct References {
    kind: Kind,
    /// Bytes of a NAL unit's length; 0: start codes (Annex B).
    prefix: usize,
    /// Highest temporal sub-layer of H.265; `None`: not known yet.
    top: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    H264,
    Hevc,
    /// Every picture stands alone.
    Intra,
    /// A key frame replaces all references.
    Vpx,
    Other,
}

impl References {
    /// The rules for a stream with these parameters.
    pub(super) fn new(parameters: &Parameters) -> Self {
        // SAFETY: the extradata lives as long as the parameters and is `extradata_size` long; the descriptor is a
        // static table entry or null.
        let (extra, intra) = unsafe {
            let raw = &*parameters.as_ptr();
            let length = usize::try_from(raw.extradata_size).unwrap_or(0);
            let extra =
                if raw.extradata.is_null() { &[][..] } else { std::slice::from_raw_parts(raw.extradata, length) };
            let descriptor = ffi::avcodec_descriptor_get(raw.codec_id);
            (extra, !descriptor.is_null() && (*descriptor).props & ffi::AV_CODEC_PROP_INTRA_ONLY != 0)
        };
        let kind = match parameters.id() {
            Id::H264 => Kind::H264,
            Id::HEVC => Kind::Hevc,
            Id::VP8 | Id::VP9 => Kind::Vpx,
            _ if intra => Kind::Intra,
            _ => Kind::Other,
        };
        let mut rules = Self { kind, prefix: 0, top: None };
        match kind {
            Kind::H264 if extra.first() == Some(&1) && extra.len() > 4 => rules.prefix = usize::from(extra[4] & 3) + 1,
            Kind::Hevc if extra.first() == Some(&1) && extra.len() > 22 => {
                rules.prefix = usize::from(extra[21] & 3) + 1;
                rules.read_hvcc(&extra[22..]);
            }
            Kind::Hevc => {
                rules.walk(extra);
            }
            _ => {}
        }
        rules
    }

    /// What skipping this packet would cost.
    pub(super) fn importance(&mut self, packet: &ffmpeg::Packet) -> Importance {
        match self.kind {
            Kind::Intra => return Importance::Disposable,
            Kind::Vpx if packet.is_key() => return Importance::Restart,
            Kind::Vpx | Kind::Other => {
                // SAFETY: reads a plain field of the packet.
                let flags = unsafe { (*packet.as_ptr()).flags };
                let disposable = flags & ffi::AV_PKT_FLAG_DISPOSABLE != 0;
                return if disposable { Importance::Disposable } else { Importance::Reference };
            }
            Kind::H264 | Kind::Hevc => {}
        }
        self.walk(packet.data().unwrap_or(&[])).unwrap_or(Importance::Reference)
    }

    /// Looks at every NAL unit; `None`: damaged, or no picture in it.
    fn walk(&mut self, data: &[u8]) -> Option<Importance> {
        let mut verdict: Option<Importance> = None;
        let mut rest = data;
        if self.prefix == 0 {
            rest = &rest[start_code(rest)?..];
        }
        while !rest.is_empty() {
            let unit;
            if self.prefix == 0 {
                let end = start_code(rest);
                unit = &rest[..end.map_or(rest.len(), |e| e - 3)];
                rest = end.map_or(&[][..], |e| &rest[e..]);
            } else {
                let length = rest.get(..self.prefix)?.iter().fold(0, |n, b| n << 8 | usize::from(*b));
                unit = rest.get(self.prefix..)?.get(..length)?;
                rest = &rest[self.prefix + length..];
            }
            let Some(found) = self.unit(unit) else { continue };
            verdict = Some(match (verdict, found) {
                (None, found) => found,
                (Some(a), b) if a == b => a,
                _ => Importance::Reference,
            });
        }
        verdict
    }

    /// The verdict of one NAL unit, if it has a say.
    fn unit(&mut self, unit: &[u8]) -> Option<Importance> {
        let &header = unit.first()?;
        if self.kind == Kind::H264 {
            return match header & 0x1f {
                5 => Some(Importance::Restart),
                // Slices and data partitions.
                1..=4 if header & 0x60 == 0 => Some(Importance::Disposable),
                1..=4 => Some(Importance::Reference),
                // Parameter sets.
                7 | 8 | 13 | 15 => Some(Importance::Reference),
                _ => None,
            };
        }
        let &second = unit.get(1)?;
        match (header >> 1) & 0x3f {
            // IDR_W_RADL and IDR_N_LP.
            19 | 20 => Some(Importance::Restart),
            // TRAIL_N, TSA_N, STSA_N, RADL_N, RASL_N and the reserved types like them.
            0 | 2 | 4 | 6 | 8 | 10 | 12 | 14 if self.top == Some((second & 7).wrapping_sub(1)) => {
                Some(Importance::Disposable)
            }
            33 => {
                self.top = unit.get(2).map(|b| (b >> 1) & 7);
                Some(Importance::Reference)
            }
            0..=31 | 32 | 34 => Some(Importance::Reference),
            _ => None,
        }
    }

    /// The arrays of parameter sets of an `hvcC` box (ISO/IEC 14496-15).
    fn read_hvcc(&mut self, arrays: &[u8]) -> Option<()> {
        let (&count, mut rest) = arrays.split_first()?;
        for _ in 0..count {
            let units = u16::from_be_bytes([*rest.get(1)?, *rest.get(2)?]);
            rest = &rest[3..];
            for _ in 0..units {
                let length = usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?]));
                self.unit(rest.get(2..)?.get(..length)?);
                rest = &rest[2 + length..];
            }
        }
        Some(())
    }
}

/// The position after the next start code `00 00 01`.
fn start_code(data: &[u8]) -> Option<usize> {
    let mut at = 2;
    while at < data.len() {
        match data[at] {
            // The byte after two zeros decides; a greater one rules out the two positions after it as well.
            1 if data[at - 1] == 0 && data[at - 2] == 0 => return Some(at + 1),
            0 => at += 1,
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(kind: Kind, prefix: usize) -> References {
        References { kind, prefix, top: None }
    }

    #[test]
    fn h264_by_start_codes_and_by_lengths() {
        let annex_b = [0, 0, 0, 1, 0x09, 0xf0, 0, 0, 1, 0x01, 0x88, 0, 0, 0, 1, 0x01, 0x99];
        assert_eq!(rules(Kind::H264, 0).walk(&annex_b), Some(Importance::Disposable));
        let lengths = [0, 0, 0, 2, 0x65, 0x88, 0, 0, 0, 2, 0x06, 0x05];
        assert_eq!(rules(Kind::H264, 4).walk(&lengths), Some(Importance::Restart));
        let mixed = [0, 2, 0x01, 0x88, 0, 2, 0x41, 0x88];
        assert_eq!(rules(Kind::H264, 2).walk(&mixed), Some(Importance::Reference));
        let with_parameters = [0, 2, 0x68, 0x88, 0, 2, 0x01, 0x88];
        assert_eq!(rules(Kind::H264, 2).walk(&with_parameters), Some(Importance::Reference));
        assert_eq!(rules(Kind::H264, 4).walk(&lengths[..9]), None, "cut off: needed");
    }

    #[test]
    fn hevc_only_in_the_highest_sub_layer() {
        let picture = [2, 0x00, 0x01];
        assert_eq!(rules(Kind::Hevc, 1).walk(&picture), Some(Importance::Reference), "sub-layers unknown");
        let mut known = rules(Kind::Hevc, 1);
        known.top = Some(0);
        assert_eq!(known.walk(&picture), Some(Importance::Disposable));
        known.walk(&[3, 33 << 1, 0x01, 0x02]);
        assert_eq!(known.top, Some(1));
        assert_eq!(known.walk(&picture), Some(Importance::Reference));
        assert_eq!(known.walk(&[2, 0x00, 0x02]), Some(Importance::Disposable));
    }

    #[test]
    fn start_codes() {
        assert_eq!(start_code(&[0, 0, 1, 5]), Some(3));
        assert_eq!(start_code(&[9, 0, 0, 0, 1]), Some(5));
        assert_eq!(start_code(&[1, 0, 1, 0, 0]), None);
        assert_eq!(start_code(&[7, 7, 0, 0, 1]), Some(5));
    }
}
