//! Further attempts at a code that was located but not decoded: the same pixels, prepared in other ways.
//!
//! In: a plane, the corners, and which attempt. Out: a code whose error correction held, in coordinates of
//! the plane, or what the second decoder died of. Only the located region is touched, so an attempt costs a
//! fraction of a millisecond. The order of [`LADDER`] is that of yield per cost. No state.

use super::cells::{Cells, Equalise, Grid};
use super::grey::Grey;
use super::quad::Corners;
use super::structure::{self, Structure};
use super::zxing::{self, Look};
use super::{Reading, rqrr};
use crate::frame::{Plane, Rect};
use gemba_schemas::fact::{Attempt, Decoder};
use zxingcpp::Binarizer;

/// One way to prepare the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Try {
    /// Modules sampled one by one through the refined corners; threshold bias in sixteenths.
    Sampled(i32),
    /// The same through a grid that follows a crumpled or bent label.
    Warped,
    /// Blurred so many times, then one threshold for the whole region.
    BlurredGlobal(u8),
    /// The region alone, at its own size.
    Cropped,
    /// Drawn upright, so many samples a module.
    Upright(u8),
    /// Enlarged to about five samples a module; so many times blurred.
    Enlarged(u8),
    /// Enlarged and sharpened over so many passes.
    Sharpened(u8),
    /// Blurred so many times at its own size.
    Blurred(u8),
    /// Reduced to about three samples a module.
    Reduced,
    /// One threshold for the whole region.
    Global,
    /// Enlarged, black and white by local means; bias in tenths of the deviation.
    Binarised(i8),
    /// Local contrast equalised.
    Equalised,
    /// Light and dark exchanged.
    Inverted,
    /// By the second decoder.
    Second,
}

/// All attempts, in order.
pub(crate) const LADDER: &[Try] = &[
    Try::Sampled(0),
    Try::Enlarged(0),
    Try::Upright(6),
    Try::Blurred(1),
    Try::Sharpened(2),
    Try::Sampled(2),
    Try::Sampled(-2),
    Try::Binarised(0),
    Try::Warped,
    Try::Second,
    Try::Global,
    Try::BlurredGlobal(2),
    Try::Enlarged(2),
    Try::Equalised,
    Try::Sharpened(4),
    Try::Reduced,
    Try::Blurred(3),
    Try::Binarised(3),
    Try::Binarised(-3),
    Try::Sampled(4),
    Try::Sampled(-4),
    Try::Inverted,
];

impl Try {
    /// The word for it in a row.
    pub fn label(self) -> Attempt {
        match self {
            Self::Cropped | Self::Second => Attempt::Plain,
            Self::Sampled(_) | Self::Warped | Self::Upright(_) => Attempt::Rectified,
            Self::Enlarged(_) => Attempt::Upscaled,
            Self::Sharpened(_) => Attempt::Sharpened,
            Self::Blurred(_) => Attempt::Blurred,
            Self::Reduced => Attempt::Downscaled,
            Self::Global | Self::BlurredGlobal(_) | Self::Binarised(_) => Attempt::Binarised,
            Self::Equalised => Attempt::Equalised,
            Self::Inverted => Attempt::Inverted,
        }
    }
}

/// A place to try at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Where it was located.
    pub corners: Corners,
    /// What was made out of its structure, if anything.
    pub structure: Option<Structure>,
}

impl Place {
    /// Looks at the structure of what was located.
    pub fn new(plane: &Plane, corners: Corners) -> Self {
        Self { corners, structure: structure::examine(plane, corners) }
    }

    /// The best knowledge of the corners.
    pub fn best(&self) -> Corners {
        self.structure.map_or(self.corners, |s| s.corners)
    }
}

/// The pixels around `corners`, with a margin for the quiet zone.
pub(crate) fn region(plane: &Plane, corners: Corners) -> Rect {
    let bounds = corners.bounds();
    let margin = corners.side() * 0.2 + 6.0;
    let low = |v: f32, n: usize| ((v - margin).floor().max(0.0) as usize).min(n);
    let high = |v: f32, n: usize| ((v + margin).ceil().max(0.0) as usize).min(n);
    Rect {
        x0: low(bounds.x0, plane.width),
        y0: low(bounds.y0, plane.height),
        x1: high(bounds.x1, plane.width),
        y1: high(bounds.y1, plane.height),
    }
}

/// Makes one attempt. `Err` holds the words of a library that panicked.
pub(crate) fn attempt(plane: &Plane, place: &Place, how: Try) -> Result<Option<Reading>, String> {
    let corners = place.best();
    let rect = region(plane, corners);
    let crop = plane.crop(rect);
    if crop.width < 21 || crop.height < 21 {
        return Ok(None);
    }
    // Without known structure a small code is assumed: version 3.
    let module = corners.side() / place.structure.map_or(29, |s| s.modules) as f32;
    let look = Look { errors: false, ..Look::FRAME };
    let fixed = Look { binarizer: Binarizer::FixedThreshold, ..look };
    let back = |scale: f32| move |c: Corners| c.mapped(scale, [rect.x0 as f32, rect.y0 as f32]);
    let read = |grey: &Grey, look: Look| {
        let scale = crop.width as f32 / grey.width.max(1) as f32;
        first(zxing::read(&grey.plane(), look), Decoder::Zxing, how, back(scale))
    };
    let larger = (5.0 / module).clamp(1.5, 4.0);
    let enlarged = || Grey::of(&crop).scaled(larger);
    // About a module and a half around, on the enlarged picture.
    let window = ((module * larger * 3.0) as usize).clamp(6, 60);
    Ok(match how {
        Try::Sampled(bias) => {
            let cells = place.structure.and_then(|s| Grid::new(&s)?.cells(plane));
            cells.and_then(|cells| sampled(&cells, bias, how, corners))
        }
        Try::Warped => {
            let soft = Grey::of(&crop).blurred();
            let local = |s: Structure| Structure {
                corners: s.corners.mapped(1.0, [-(rect.x0 as f32), -(rect.y0 as f32)]),
                ..s
            };
            let cells = place.structure.and_then(|s| {
                let mut grid = Grid::new(&local(s))?;
                grid.warp(&soft.plane(), module)?;
                grid.cells(&crop)
            });
            cells.and_then(|cells| sampled(&cells, 0, how, corners))
        }
        Try::BlurredGlobal(times) => {
            let look = Look { binarizer: Binarizer::GlobalHistogram, ..look };
            read(&(0..times).fold(Grey::of(&crop), |g, _| g.blurred()), look)
        }
        Try::Upright(samples) => {
            let modules = place.structure.map_or(29, |s| s.modules);
            let side = modules * usize::from(samples) * 13 / 10;
            let Some(grey) = Grey::rectified(plane, corners, 0.15, side) else { return Ok(None) };
            first(zxing::read(&grey.plane(), look), Decoder::Zxing, how, |_| corners)
        }
        Try::Cropped => first(zxing::read(&crop, look), Decoder::Zxing, how, back(1.0)),
        Try::Global => first(
            zxing::read(&crop, Look { binarizer: Binarizer::GlobalHistogram, ..look }),
            Decoder::Zxing,
            how,
            back(1.0),
        ),
        Try::Enlarged(blurs) => read(&(0..blurs).fold(enlarged(), |g, _| g.blurred()), look),
        Try::Sharpened(radius) => read(&enlarged().sharpened(usize::from(radius), 8), look),
        Try::Blurred(times) => read(&(0..times).fold(Grey::of(&crop), |g, _| g.blurred()), look),
        Try::Reduced => {
            if module < 4.5 {
                return Ok(None);
            }
            read(&Grey::of(&crop).scaled(3.0 / module), look)
        }
        Try::Binarised(bias) => read(&enlarged().binarised(window, f32::from(bias)), fixed),
        Try::Equalised => read(&enlarged().equalised(2 * window), look),
        Try::Inverted => read(&Grey::of(&crop).inverted(), look),
        Try::Second => {
            let grey = enlarged();
            let scale = crop.width as f32 / grey.width.max(1) as f32;
            first(rqrr::read(&grey.plane())?, Decoder::Rqrr, how, back(scale))
        }
    })
}

/// Ways to undo blur across modules; each costs no more than drawing the symbol.
const EQUALISERS: &[Equalise] = &[
    Equalise::No,
    Equalise::All(5),
    Equalise::All(10),
    Equalise::Rows(8),
    Equalise::Columns(8),
    Equalise::Falling(8),
    Equalise::Rising(8),
];

/// Decodes sampled modules.
fn sampled(cells: &Cells, bias: i32, how: Try, corners: Corners) -> Option<Reading> {
    let look = Look { binarizer: Binarizer::FixedThreshold, errors: false, pure: true, ..Look::FRAME };
    EQUALISERS.iter().find_map(|&equalise| {
        let drawn = cells.equalised(equalise).drawn(bias);
        first(zxing::read(&drawn.plane(), look), Decoder::Zxing, how, |_| corners)
    })
}

/// The first code, if its error correction had something left: many attempts at one undecodable place are many
/// chances for a wrong codeword to look right, and nearly all of those use the correction up. The second
/// library does not say; it makes one attempt a round.
fn first(found: zxing::Found, decoder: Decoder, how: Try, place: impl Fn(Corners) -> Corners) -> Option<Reading> {
    let mut sure = found.decoded.into_iter().filter(|d| decoder == Decoder::Rqrr || d.spare > 0.0);
    sure.next().map(|d| Reading::new(d, decoder, how.label(), place))
}
