//! Codes in a still image, with the effort that a still image deserves.
//!
//! In: a plane. Out: what was read, and the places of codes that could not be read. The whole picture is
//! looked at through a series of [`PASSES`] until something is read and no credible place is left open;
//! every place that a pass locates goes through all attempts. No state; the work is bounded by the picture's
//! size alone, so the answer is a function of the pixels.

use super::attempt::{self, LADDER, Place};
use super::grey::Grey;
use super::quad::Corners;
use super::zxing::{self, Look};
use super::{Reading, rqrr};
use crate::frame::Plane;
use gemba_schemas::fact::{Attempt, Decoder};
use gemba_schemas::geometry::Quad;
use zxingcpp::Binarizer;

/// How much work an image is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// One look, and the attempts at what it locates.
    Quick,
    /// Everything.
    Full,
}

/// What an image shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Still {
    /// Codes that were read.
    pub readings: Vec<Reading>,
    /// Corners of codes that were located but could not be read, in pixels.
    pub located: Vec<Quad>,
    /// Words of a library that panicked and was isolated.
    pub panics: Vec<String>,
}

/// A way to prepare the whole picture.
#[derive(Clone, Copy, Debug)]
enum Pass {
    Plain,
    Second,
    /// One threshold for the whole picture.
    Global,
    /// Blurred so many times, then one threshold.
    BlurredGlobal(u8),
    /// Scaled by so many percent, then blurred so many times.
    Scaled(u16, u8),
    /// Scaled by so many percent, then sharpened over so many passes.
    Sharpened(u16, u8),
    /// Scaled by so many percent, then black and white by the mean of ± so many samples.
    Binarised(u16, u8),
    /// Local contrast equalised over ± so many samples.
    Equalised(u8),
}

/// In order of yield per cost.
const PASSES: &[Pass] = &[
    Pass::Plain,
    Pass::Scaled(100, 1),
    Pass::Scaled(200, 0),
    Pass::Scaled(50, 0),
    Pass::Global,
    Pass::BlurredGlobal(2),
    Pass::Sharpened(200, 2),
    Pass::Sharpened(300, 4),
    Pass::Binarised(200, 15),
    Pass::Binarised(100, 15),
    Pass::Second,
    Pass::Scaled(75, 0),
    Pass::Scaled(150, 0),
    Pass::Scaled(35, 0),
    Pass::Scaled(25, 0),
    Pass::Scaled(100, 3),
    Pass::Equalised(25),
];

/// Pixels beyond which a picture is not enlarged: nothing small is lost in one so large.
const LARGEST: usize = 16_000_000;

impl Pass {
    fn label(self) -> Attempt {
        match self {
            Self::Plain | Self::Second => Attempt::Plain,
            Self::Global | Self::BlurredGlobal(_) | Self::Binarised(..) => Attempt::Binarised,
            Self::Scaled(_, blurs) if blurs > 0 => Attempt::Blurred,
            Self::Scaled(percent, _) if percent < 100 => Attempt::Downscaled,
            Self::Scaled(..) => Attempt::Upscaled,
            Self::Sharpened(..) => Attempt::Sharpened,
            Self::Equalised(_) => Attempt::Equalised,
        }
    }
}

/// Reads the codes of an image.
pub fn read_still(plane: &Plane, effort: Effort) -> Vec<Reading> {
    look_still(plane, effort).readings
}

/// Reads the codes of an image, and says what else was seen.
pub fn look_still(plane: &Plane, effort: Effort) -> Still {
    let mut still = Still::default();
    let mut open: Vec<Corners> = Vec::new();
    for &pass in if effort == Effort::Full { PASSES } else { &PASSES[..1] } {
        let located = still.pass(plane, pass);
        for corners in located {
            if still.is_read(corners) || open.iter().any(|o| o.meets(corners) && near(o.side(), corners.side())) {
                continue;
            }
            let place = Place::new(plane, corners);
            let mut read = false;
            if place.structure.is_some() {
                for &how in LADDER {
                    match attempt::attempt(plane, &place, how) {
                        Ok(Some(reading)) => {
                            still.add(reading);
                            read = true;
                            break;
                        }
                        Ok(None) => {}
                        Err(words) => still.panics.push(words),
                    }
                }
                if !read {
                    open.push(place.best());
                }
            }
        }
        open.retain(|c| !still.is_read(*c));
        if !still.readings.is_empty() && open.is_empty() {
            break;
        }
    }
    still.located = open.into_iter().map(Corners::fixed).collect();
    still
}

fn near(a: f32, b: f32) -> bool {
    a < 1.15 * b && b < 1.15 * a
}

impl Still {
    fn is_read(&self, place: Corners) -> bool {
        self.readings.iter().any(|r| r.place().meets(place))
    }

    fn add(&mut self, reading: Reading) {
        let place = reading.place();
        if !self.readings.iter().any(|r| r.text == reading.text && r.place().meets(place)) {
            self.readings.push(reading);
        }
    }

    /// Looks at the whole picture in one way. Gives out what was located but not decoded.
    fn pass(&mut self, plane: &Plane, pass: Pass) -> Vec<Corners> {
        let look = Look { invert: true, downscale: true, ..Look::FRAME };
        let fixed = Look { binarizer: Binarizer::FixedThreshold, ..look };
        let enlarged = |percent: u16| {
            let pixels = plane.width * plane.height * usize::from(percent) / 100 * usize::from(percent) / 100;
            let grey = Grey::of(plane);
            match percent {
                100 => Some(grey),
                _ if percent > 100 && pixels > LARGEST => None,
                _ => Some(grey.scaled(f32::from(percent) / 100.0)),
            }
        };
        let (grey, look) = match pass {
            Pass::Plain => (None, Look { small: true, ..look }),
            Pass::Global => (None, Look { binarizer: Binarizer::GlobalHistogram, ..look }),
            Pass::Second => {
                return match rqrr::read(plane) {
                    Ok(found) => self.take(found, Decoder::Rqrr, pass, 1.0),
                    Err(words) => {
                        self.panics.push(words);
                        Vec::new()
                    }
                };
            }
            Pass::BlurredGlobal(blurs) => (
                enlarged(100).map(|g| (0..blurs).fold(g, |g, _| g.blurred())),
                Look { binarizer: Binarizer::GlobalHistogram, ..look },
            ),
            Pass::Scaled(percent, blurs) => (enlarged(percent).map(|g| (0..blurs).fold(g, |g, _| g.blurred())), look),
            Pass::Sharpened(percent, radius) => (enlarged(percent).map(|g| g.sharpened(usize::from(radius), 8)), look),
            Pass::Binarised(percent, radius) => {
                (enlarged(percent).map(|g| g.binarised(usize::from(radius), 0.0)), fixed)
            }
            Pass::Equalised(radius) => (enlarged(100).map(|g| g.equalised(usize::from(radius))), look),
        };
        match (grey, pass) {
            (Some(grey), _) => {
                let scale = plane.width as f32 / grey.width.max(1) as f32;
                self.take(zxing::read(&grey.plane(), look), Decoder::Zxing, pass, scale)
            }
            (None, Pass::Plain | Pass::Global) => self.take(zxing::read(plane, look), Decoder::Zxing, pass, 1.0),
            (None, _) => Vec::new(),
        }
    }

    fn take(&mut self, found: zxing::Found, decoder: Decoder, pass: Pass, scale: f32) -> Vec<Corners> {
        let back = |c: Corners| c.mapped(scale, [0.0, 0.0]);
        for code in found.decoded {
            self.add(Reading::new(code, decoder, pass.label(), back));
        }
        found.located.into_iter().map(back).collect()
    }
}
