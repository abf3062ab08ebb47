//! The input of a network, pixel for pixel, against the same arithmetic done one pixel at a time.

use super::*;
use crate::detect::letterbox::Scratch;
use crate::detect::pixels::{Chroma, Colour, Planes};
use crate::frame::Plane;

const COLOUR: Colour = Colour { black: 16.0, gain: 1.164, red: 1.793, green_u: 0.213, green_v: 0.533, blue: 2.112 };

/// Where the pixel `i` of `count` lies among `length` samples: the sample, its neighbour, the neighbour's weight in 1/256.
fn tap(i: usize, count: usize, (from, to): (usize, usize), sub: usize, length: usize) -> (usize, usize, u32) {
    let source = (i as f64 + 0.5) / (count as f64 / (to - from) as f64) - 0.5 + from as f64;
    let here = ((source.clamp(from as f64, (to - 1) as f64) + 0.5) / sub as f64 - 0.5).clamp(0.0, (length - 1) as f64);
    let weight = (here.fract() * 256.0).round() as u32;
    (here as usize, (here as usize + 1).min(length - 1), weight)
}

fn blend(row: (usize, usize, u32), column: (usize, usize, u32), level: impl Fn(usize, usize) -> u8) -> f32 {
    let across = |y| u32::from(level(column.0, y)) * (256 - column.2) + u32::from(level(column.1, y)) * column.2;
    (across(row.0) * (256 - row.2) + across(row.1) * row.2) as f32 / 65536.0
}

#[test]
fn every_pixel_of_the_input_is_the_plain_formulas() {
    let noise: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 19) as u8).collect();
    let whole = |(w, h): (usize, usize)| Rect { x0: 0, y0: 0, x1: w, y1: h };
    for (size, sub, region, target) in [
        ((97, 61), (2, 2), whole((97, 61)), (44, 44)),
        ((97, 61), (2, 2), Rect { x0: 13, y0: 7, x1: 60, y1: 58 }, (44, 21)),
        ((40, 30), (2, 2), whole((40, 30)), (131, 97)),
        ((200, 150), (4, 1), whole((200, 150)), (32, 32)),
        ((33, 33), (1, 2), Rect { x0: 32, y0: 32, x1: 33, y1: 33 }, (17, 17)),
        ((2, 2), (2, 2), whole((2, 2)), (9, 9)),
        ((1, 1), (1, 1), whole((1, 1)), (5, 5)),
    ] {
        let small = (usize::div_ceil(size.0, sub.0), usize::div_ceil(size.1, sub.1));
        let plane = |at: usize, width, height, stride| Plane { data: &noise[at..], stride, width, height };
        let (y, u, v) = (
            plane(0, size.0, size.1, size.0 + 3),
            plane(50_000, small.0, small.1, small.0 + 1),
            plane(90_000, small.0, small.1, small.0 + 5),
        );
        let pairs = plane(120_000, small.0 * 2, small.1, small.0 * 2 + 2);
        for (chroma, channels) in [
            (Chroma::Grey, Channels::BGR_UNIT),
            (Chroma::Planar(u, v), Channels::BGR_UNIT),
            (Chroma::Pairs(pairs, false), Channels::RGB_IMAGENET),
            (Chroma::Pairs(pairs, true), Channels::BGR_LEVELS),
        ] {
            let planes = Planes { luma: y, chroma, subsampling: sub, colour: COLOUR };
            let geometry = Geometry::new(region, target, Fit::Stretch).unwrap();
            let mut input = vec![f32::NAN; 3 * target.0 * target.1];
            letterbox::fill(&planes, &geometry, &channels, target, &mut Scratch::default(), &mut input);
            for (j, i) in (0..target.1).flat_map(|j| (0..target.0).map(move |i| (j, i))) {
                let (across, down) = ((region.x0, region.x1), (region.y0, region.y1));
                let at = |sub: (usize, usize), length: (usize, usize)| {
                    (tap(j, target.1, down, sub.1, length.1), tap(i, target.0, across, sub.0, length.0))
                };
                let (row, column) = at((1, 1), size);
                let luma = blend(row, column, |x, y| planes.luma.row(y)[x]);
                let (row, column) = at(sub, small);
                let (blue, red) = match chroma {
                    Chroma::Grey => (128.0, 128.0),
                    Chroma::Planar(u, v) => {
                        (blend(row, column, |x, y| u.row(y)[x]), blend(row, column, |x, y| v.row(y)[x]))
                    }
                    Chroma::Pairs(p, swapped) => {
                        let one = |first: bool| blend(row, column, |x, y| p.row(y)[2 * x + usize::from(first)]);
                        (one(swapped), one(!swapped))
                    }
                };
                let (l, u, v) = ((luma - COLOUR.black) * COLOUR.gain, blue - 128.0, red - 128.0);
                let mut rgb = [l + COLOUR.red * v, l - COLOUR.green_u * u - COLOUR.green_v * v, l + COLOUR.blue * u];
                if channels.bgr {
                    rgb.reverse();
                }
                for (c, level) in rgb.into_iter().enumerate() {
                    let expected = level.clamp(0.0, 255.0) * channels.scale[c] + channels.offset[c];
                    let found = input[(c * target.1 + j) * target.0 + i];
                    assert_eq!(found, expected, "{size:?} {chroma:?} channel {c} at {i}, {j}");
                }
            }
        }
    }
}
