//! The built-in detector `motion`: frames in, boxes of whole figures in front of the background out.
//!
//! Foreground ([`super::background`]) → connected components → boxes without cast shadow → figures.
//! - *Shadow*: a shadow darkens the background evenly, a thing mostly does not (T. Horprasert et al., *A statistical
//!   approach for real-time robust background subtraction*, 1999). Components are formed with shadows, because they
//!   hold a figure together, but a box is drawn around what cannot be a shadow.
//! - *Split*: when figures that were apart touch, their one component is shared out among them by what was known of
//!   each (after I. Haritaoglu et al., *W4*, IEEE PAMI 2000): position, velocity and size. A side of a share that borders another figure's is
//!   hidden, so it is placed by the figure's own size; a side that borders the background is taken as it is seen.
//! - *Ghosts*: where a thing lay from the beginning and was taken away, the contour of the component is an
//!   edge of the background and not of the picture; it becomes background within seconds.
//!
//! State: background, the figures of the last sample. Deterministic; times are event time.

use super::background::Background;
use super::components::{Component, components};
use super::shrink::{Shrinker, Small};
use crate::detect::Detection;
use crate::frame::{Frame, Rect};
use gemba_schemas::id::{Generation, Name};
use gemba_schemas::time::EventTime;

/// Least share of the picture that a figure covers.
const LEAST_SHARE: f32 = 0.001;
/// Least height of a figure, as a share of the picture's.
const LEAST_HEIGHT: f32 = 0.08;
/// A shadow leaves at least this share of the background's light.
const DARKEST_SHADOW: f32 = 0.5;
/// Mean difference from the background, in grey levels, from which a figure is certain to be more than
/// the flicker of a compressed picture.
const CLEAR_CONTRAST: f32 = 25.0;
/// Time after which a figure is known well enough to be told apart from another, s.
const KNOWN_AFTER: f32 = 1.0;
/// Share of its expected samples below which a figure inside a group is no longer seen.
const HIDDEN: f32 = 0.2;
/// A ghost becomes background within this time, s.
const GHOST: f32 = 3.0;

/// A figure in samples of the small picture.
#[derive(Clone, Copy, Debug)]
struct Figure {
    /// Left, top, right, bottom (exclusive).
    bounds: [f32; 4],
    /// Velocity of the centre, samples a second.
    velocity: [f32; 2],
    /// Foreground samples when it was last seen alone.
    area: f32,
    /// Width and height when it was last seen alone.
    size: [f32; 2],
    /// How long it has been known, s.
    age: f32,
    /// Mean difference from the background when last seen alone, grey levels.
    contrast: f32,
}

/// The detector for one camera.
pub struct Blobs {
    class: Name,
    area: [f64; 4],
    shrinker: Shrinker,
    small: Small,
    last: Small,
    background: Background,
    figures: Vec<Figure>,
    at: Option<(Generation, EventTime)>,
}

impl Blobs {
    /// A detector that looks in `area` (fractions left, top, right, bottom) and whose figures are of class `class`.
    pub fn new(class: Name, area: Option<[f64; 4]>) -> Self {
        Self {
            class,
            area: area.unwrap_or([0.0, 0.0, 1.0, 1.0]),
            shrinker: Shrinker::default(),
            small: Small::default(),
            last: Small::default(),
            background: Background::default(),
            figures: Vec::new(),
            at: None,
        }
    }

    /// The figures in the next sampled frame. A new generation begins with a new background.
    pub fn detect(&mut self, frame: &Frame) -> Vec<Detection> {
        let luma = frame.luma();
        let area = Rect::from_fractions(self.area, luma.width, luma.height);
        self.shrinker.shrink(luma.crop(area), &mut self.small);
        let dt = match self.at {
            Some((generation, ts)) if generation == frame.meta.generation => (frame.meta.ts - ts).as_secs_f64() as f32,
            _ => {
                self.background.reset();
                self.figures.clear();
                0.0
            }
        };
        self.at = Some((frame.meta.generation, frame.meta.ts));
        self.look(dt);
        let factor = self.small.factor as f32;
        self.figures
            .iter()
            .map(|f| {
                let (left, top) = (area.x0 as f32, area.y0 as f32);
                let [x0, y0, x1, y1] = f.bounds.map(|v| v * factor);
                let [x0, y0, x1, y1] = [x0 + left, y0 + top, x1 + left, y1 + top];
                let fill = f.area / (f.size[0] * f.size[1]).max(1.0);
                let score = (0.35 + fill).min(1.0) * (f.contrast / CLEAR_CONTRAST).min(1.0);
                Detection { class: self.class, score, x0, y0, x1, y1 }
            })
            .collect()
    }

    fn look(&mut self, dt: f32) {
        self.background.step(&self.small, dt);
        let width = self.small.width;
        let least = (LEAST_SHARE * self.small.data.len() as f32).max(4.0);
        let least_height = LEAST_HEIGHT * self.small.height as f32;
        let mut found = Vec::new();
        for component in components(self.background.foreground(), width) {
            if (component.len() as f32) < least {
                continue;
            }
            if self.is_ghost(&component) {
                self.background.adopt(&component, dt / GHOST);
            }
            let Some(bounds) = self.outline(&component) else { continue };
            if bounds[3] - bounds[1] >= least_height {
                self.figures_in(&component, bounds, dt, &mut found);
            }
        }
        self.figures = found;
        self.last.clone_from(&self.small);
    }

    /// The box around what cannot be a shadow; around everything if hardly anything cannot.
    fn outline(&self, part: &[u32]) -> Option<[f32; 4]> {
        let solid: Vec<u32> = part
            .iter()
            .copied()
            .filter(|&i| {
                let (seen, expected) = (f32::from(self.small.data[i as usize]), self.background.expected(i as usize));
                seen > expected || seen < DARKEST_SHADOW * expected
            })
            .collect();
        let enough = solid.len() * 3 >= part.len();
        bounds(if enough { &solid } else { part }, self.small.width)
    }

    /// Turns a component into one figure, or into those that are known to be in it.
    fn figures_in(&self, component: &Component, outline: [f32; 4], dt: f32, found: &mut Vec<Figure>) {
        let expected = |f: &Figure| {
            let [dx, dy] = [f.velocity[0] * dt, f.velocity[1] * dt];
            [f.bounds[0] + dx, f.bounds[1] + dy, f.bounds[2] + dx, f.bounds[3] + dy]
        };
        let inside: Vec<(&Figure, [f32; 4])> = self
            .figures
            .iter()
            .map(|f| (f, expected(f)))
            .filter(|(_, e)| common(e, &outline) > 0.5 * area(e))
            .collect();
        let known: Vec<(&Figure, [f32; 4])> = inside.iter().copied().filter(|(f, _)| f.age >= KNOWN_AFTER).collect();
        let size = [outline[2] - outline[0], outline[3] - outline[1]];
        // Two pieces of one figure come together again: what they give is no larger than the larger of them.
        let one = known.iter().any(|(f, _)| size[0] <= 1.25 * f.size[0] && size[1] <= 1.25 * f.size[1]);
        if known.len() < 2 || one {
            let before = inside.iter().max_by(|a, b| a.0.age.total_cmp(&b.0.age));
            found.push(self.alone(component, outline, before.map(|b| b.0), dt));
            return;
        }
        let shares = self.share_out(component, &known);
        for (k, share) in shares.iter().enumerate() {
            let figure = known[k].0;
            if (share.len() as f32) < HIDDEN * figure.area {
                continue;
            }
            let Some(seen) = self.outline(share) else { continue };
            let bounds = complete(seen, &shares, k, figure.size, self.small.width);
            found.push(moved(figure, bounds, dt));
        }
    }

    fn alone(&self, component: &Component, bounds: [f32; 4], before: Option<&Figure>, dt: f32) -> Figure {
        let size = [bounds[2] - bounds[0], bounds[3] - bounds[1]];
        let difference =
            |i: &u32| (f32::from(self.small.data[*i as usize]) - self.background.expected(*i as usize)).abs();
        let area = component.len() as f32;
        let contrast = component.iter().map(difference).sum::<f32>() / area;
        match before {
            Some(b) => {
                // The size of a walking figure swings with its steps: remember a mean of the last second or so.
                let rate = (dt / 0.7).min(1.0);
                let mix = |old: f32, new: f32| old + rate * (new - old);
                let area = mix(b.area, area);
                let size = [mix(b.size[0], size[0]), mix(b.size[1], size[1])];
                Figure { area, size, contrast, ..moved(b, bounds, dt) }
            }
            None => Figure { bounds, velocity: [0.0; 2], area, size, age: 0.0, contrast },
        }
    }

    /// Gives each sample of the component to the figure whose expected box it is nearest to, in units of the box.
    fn share_out(&self, component: &Component, known: &[(&Figure, [f32; 4])]) -> Vec<Vec<u32>> {
        let mut shares = vec![Vec::new(); known.len()];
        for &i in component {
            let (x, y) = ((i as usize % self.small.width) as f32 + 0.5, (i as usize / self.small.width) as f32 + 0.5);
            let distance = |e: &[f32; 4]| {
                let dx = (x - (e[0] + e[2]) / 2.0) / (e[2] - e[0]).max(1.0);
                let dy = (y - (e[1] + e[3]) / 2.0) / (e[3] - e[1]).max(1.0);
                dx * dx + dy * dy
            };
            let nearest = (0..known.len()).min_by(|&a, &b| distance(&known[a].1).total_cmp(&distance(&known[b].1)));
            if let Some(k) = nearest {
                shares[k].push(i);
            }
        }
        shares
    }

    /// Whether the component's contour is an edge of the background that the picture does not have, and nothing in it moves.
    fn is_ghost(&self, component: &Component) -> bool {
        let (width, n) = (self.small.width, self.small.data.len());
        if self.last.data.len() != n {
            return false;
        }
        let foreground = self.background.foreground();
        let (mut picture, mut known, mut moving) = (0.0f32, 0.0f32, 0usize);
        for &i in component {
            let i = i as usize;
            moving += usize::from(self.small.data[i].abs_diff(self.last.data[i]) > 8);
            // Two samples outwards, because the contour itself is blurred.
            for (inward, outward) in [
                (i.wrapping_sub(2), i + 2),
                (i + 2, i.wrapping_sub(2)),
                (i.wrapping_sub(2 * width), i + 2 * width),
                (i + 2 * width, i.wrapping_sub(2 * width)),
            ] {
                if inward < n && outward < n && foreground[inward] && !foreground[outward] {
                    picture += f32::from(self.small.data[i].abs_diff(self.small.data[outward]));
                    known += (self.background.expected(i) - self.background.expected(outward)).abs();
                }
            }
        }
        moving * 50 < component.len() && picture < 0.4 * known
    }
}

/// The figure at its new place.
fn moved(before: &Figure, bounds: [f32; 4], dt: f32) -> Figure {
    let mut velocity = before.velocity;
    if dt > 0.0 {
        let rate = (dt / 0.4).min(1.0);
        for (axis, v) in velocity.iter_mut().enumerate() {
            let shift = (bounds[axis] + bounds[axis + 2] - before.bounds[axis] - before.bounds[axis + 2]) / 2.0;
            *v += rate * (shift / dt - *v);
        }
    }
    Figure { bounds, velocity, age: before.age + dt, ..*before }
}

/// The whole box of the figure to which share `k` belongs: hidden sides are placed by its size.
fn complete(seen: [f32; 4], shares: &[Vec<u32>], k: usize, size: [f32; 2], width: usize) -> [f32; 4] {
    let mut whole = seen;
    let others: Vec<[f32; 4]> =
        shares.iter().enumerate().filter(|(i, _)| *i != k).filter_map(|(_, s)| bounds(s, width)).collect();
    for axis in 0..2 {
        let missing = size[axis] - (seen[axis + 2] - seen[axis]);
        if missing <= 0.0 {
            continue;
        }
        let middle = (seen[axis] + seen[axis + 2]) / 2.0;
        // On which side the others lie.
        let before = others.iter().any(|o| (o[axis] + o[axis + 2]) / 2.0 < middle);
        let after = others.iter().any(|o| (o[axis] + o[axis + 2]) / 2.0 > middle);
        match (before, after) {
            (true, false) => whole[axis] -= missing,
            (false, true) => whole[axis + 2] += missing,
            _ => {
                whole[axis] -= missing / 2.0;
                whole[axis + 2] += missing / 2.0;
            }
        }
    }
    whole
}

/// The box around samples.
fn bounds(part: &[u32], width: usize) -> Option<[f32; 4]> {
    let (first, last) = (*part.first()? as usize, *part.last()? as usize);
    let (mut left, mut right) = (width, 0);
    for &i in part {
        let x = i as usize % width;
        left = left.min(x);
        right = right.max(x + 1);
    }
    Some([left as f32, (first / width) as f32, right as f32, (last / width + 1) as f32])
}

fn area(b: &[f32; 4]) -> f32 {
    (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0)
}

fn common(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    area(&[a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])])
}
