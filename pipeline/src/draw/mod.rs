//! Drawing on planar 4:2:0 pictures: what the demo's scenes and the overlays are made of.
//!
//! In: a [`Planes`] and shapes in pixels (floats, y downwards, pixel centres at .5). Out: the same planes,
//! blended. Everything is anti-aliased by coverage, clipped at the picture's edges, and never panics,
//! whatever the coordinates (NaN and infinity draw nothing or to the edge). No state is kept.

mod shape;
mod text;

pub use shape::Shape;
pub use text::{glyph, text, text_width};

use gemba_operators::encode::Planes;

/// A colour in video levels: luma 16–235, chroma around 128.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ink {
    /// Luma.
    pub y: f32,
    /// Blue difference.
    pub u: f32,
    /// Red difference.
    pub v: f32,
}

impl Ink {
    /// From sRGB, by BT.709 in limited range.
    pub const fn rgb(r: u8, g: u8, b: u8) -> Self {
        let (r, g, b) = (r as f32 / 255.0, g as f32 / 255.0, b as f32 / 255.0);
        let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        Self { y: 16.0 + 219.0 * luma, u: 128.0 + 224.0 * (b - luma) / 1.8556, v: 128.0 + 224.0 * (r - luma) / 1.5748 }
    }

    /// The same hue, lighter (`factor > 1`) or darker.
    pub fn lit(self, factor: f32) -> Self {
        Self {
            y: 16.0 + (self.y - 16.0) * factor,
            u: 128.0 + (self.u - 128.0) * factor,
            v: 128.0 + (self.v - 128.0) * factor,
        }
    }
}

/// A rectangle of float pixels: left, top, right, bottom.
pub type Bounds = [f32; 4];

/// Blends `ink(x, y)` over every sample inside `bounds` by the coverage that comes with it (0–1). Called
/// with pixel centres; chroma samples lie at the middle of their four pixels.
pub fn blend(planes: &mut Planes, bounds: Bounds, ink: impl Fn(f32, f32) -> (f32, Ink)) {
    let (w, h) = (planes.width, planes.height);
    // A float cast saturates: NaN becomes 0, infinities the edge.
    let (x0, y0) = (bounds[0].floor().max(0.0) as usize, bounds[1].floor().max(0.0) as usize);
    let (x1, y1) = ((bounds[2].ceil().max(0.0) as usize).min(w), (bounds[3].ceil().max(0.0) as usize).min(h));
    if x0 >= x1 || y0 >= y1 {
        return;
    }
    for row in y0..y1 {
        let fy = row as f32 + 0.5;
        for (x, sample) in planes.y[row * w..][x0..x1].iter_mut().enumerate() {
            let (cover, ink) = ink((x0 + x) as f32 + 0.5, fy);
            mix(sample, ink.y, cover);
        }
    }
    let cw = w / 2;
    for row in y0 / 2..y1.div_ceil(2).min(h / 2) {
        let fy = 2.0 * row as f32 + 1.0;
        for x in x0 / 2..x1.div_ceil(2).min(cw) {
            let (cover, ink) = ink(2.0 * x as f32 + 1.0, fy);
            mix(&mut planes.u[row * cw + x], ink.u, cover);
            mix(&mut planes.v[row * cw + x], ink.v, cover);
        }
    }
}

#[inline]
fn mix(sample: &mut u8, to: f32, cover: f32) {
    if cover > 0.0 {
        let from = f32::from(*sample);
        *sample = (from + (to - from) * cover.min(1.0) + 0.5) as u8;
    }
}

/// Side of the tiles in which a shape is painted; even, so that tiles share no chroma sample.
const TILE: usize = 16;

/// Paints a shape, its edge `soft` pixels wide, in the colour that `ink` gives each place, with an opacity
/// of 0–1. Tiles that lie wholly outside are skipped, and those wholly inside need no distances.
pub fn paint(planes: &mut Planes, shape: &Shape, soft: f32, opacity: f32, ink: impl Fn(f32, f32) -> Ink) {
    let soft = soft.max(0.5);
    let [x0, y0, x1, y1] = shape.bounds(soft);
    let first = |v: f32| (v.max(0.0) as usize) / TILE * TILE;
    let (right, bottom) = (x1.min(planes.width as f32), y1.min(planes.height as f32));
    // Half a tile's diagonal and half the edge.
    let reach = 0.71 * TILE as f32 + 0.5 * soft + 1.0;
    for ty in (first(y0)..bottom.max(0.0).ceil() as usize).step_by(TILE) {
        for tx in (first(x0)..right.max(0.0).ceil() as usize).step_by(TILE) {
            let (left, top, side) = (tx as f32, ty as f32, TILE as f32);
            let distance = shape.distance(left + side / 2.0, top + side / 2.0);
            if shape.is_metric() && distance > reach {
                continue;
            }
            let part = [left.max(x0), top.max(y0), (left + side).min(right), (top + side).min(bottom)];
            if shape.is_metric() && distance < -reach {
                blend(planes, part, |x, y| (opacity, ink(x, y)));
            } else {
                blend(planes, part, |x, y| (opacity * shape.cover(x, y, soft), ink(x, y)));
            }
        }
    }
}

/// Fills a shape with one colour.
pub fn fill(planes: &mut Planes, shape: &Shape, soft: f32, opacity: f32, ink: Ink) {
    paint(planes, shape, soft, opacity, |_, _| ink);
}

/// Darkens what lies under a shape: a shadow with an edge `soft` pixels wide; `strength` 1 is black.
pub fn shade(planes: &mut Planes, shape: &Shape, soft: f32, strength: f32) {
    fill(planes, shape, soft, strength, Ink { y: 16.0, u: 128.0, v: 128.0 });
}

/// A straight line of the given width.
pub fn line(planes: &mut Planes, from: [f32; 2], to: [f32; 2], width: f32, ink: Ink) {
    fill(planes, &Shape::capsule(from, to, width / 2.0, width / 2.0), 1.0, 1.0, ink);
}

/// The outline of a polygon of any form.
pub fn outline(planes: &mut Planes, corners: &[[f32; 2]], width: f32, ink: Ink) {
    for (i, &from) in corners.iter().enumerate() {
        line(planes, from, corners[(i + 1) % corners.len()], width, ink);
    }
}

/// A filled rectangle with an opacity of 0–1.
pub fn rect(planes: &mut Planes, bounds: Bounds, opacity: f32, ink: Ink) {
    let [x0, y0, x1, y1] = bounds;
    fill(planes, &Shape::polygon(&[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), 1.0, opacity, ink);
}

/// The frame of a rectangle.
pub fn frame(planes: &mut Planes, bounds: Bounds, width: f32, ink: Ink) {
    let [x0, y0, x1, y1] = bounds;
    outline(planes, &[[x0, y0], [x1, y0], [x1, y1], [x0, y1]], width, ink);
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Ink = Ink::rgb(255, 255, 255);

    #[test]
    fn colours_have_video_levels() {
        assert_eq!(Ink::rgb(0, 0, 0), Ink { y: 16.0, u: 128.0, v: 128.0 });
        assert!((WHITE.y - 235.0).abs() < 0.1 && (WHITE.u - 128.0).abs() < 0.1);
        assert!((Ink::rgb(255, 0, 0).v - 240.0).abs() < 0.5);
    }

    #[test]
    fn a_rectangle_covers_what_it_should() {
        let mut p = Planes::new(16, 8);
        rect(&mut p, [4.0, 2.0, 8.0, 6.0], 1.0, WHITE);
        for y in 0..8 {
            for x in 0..16 {
                let inside = (4..8).contains(&x) && (2..6).contains(&y);
                assert_eq!(p.y[y * 16 + x], if inside { 235 } else { 128 }, "{x},{y}");
            }
        }
    }

    #[test]
    fn half_a_pixel_is_half_a_shade() {
        let mut p = Planes::new(8, 8);
        rect(&mut p, [0.0, 0.0, 2.5, 8.0], 1.0, WHITE);
        assert!((i32::from(p.y[8 * 4 + 2]) - 181).abs() <= 2, "{}", p.y[8 * 4 + 2]);
    }

    #[test]
    fn nothing_panics_off_the_edges() {
        let wild = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e30, 1e30, -5.0, 0.0, 7.5, 20.0];
        let mut p = Planes::new(16, 10);
        for &a in &wild {
            for &b in &wild {
                rect(&mut p, [a, b, b, a], 0.5, WHITE);
                frame(&mut p, [a, -3.0, b, 4.0], 2.0, WHITE);
                line(&mut p, [a, b], [b, 3.0], 3.0, WHITE);
                fill(&mut p, &Shape::ellipse([a, b], [b, 2.0], a), 1.0, 1.0, WHITE);
                fill(&mut p, &Shape::capsule([a, 1.0], [2.0, b], a, b), 1.0, 1.0, WHITE);
                text(&mut p, a, b, 2, "Ag→é\u{1F600}", WHITE, Some(Ink::rgb(0, 0, 0)));
            }
        }
        outline(&mut p, &[], 1.0, WHITE);
        fill(&mut p, &Shape::polygon(&[]), 1.0, 1.0, WHITE);
        blend(&mut Planes::new(0, 0), [0.0, 0.0, 9.0, 9.0], |_, _| (1.0, WHITE));
    }
}
