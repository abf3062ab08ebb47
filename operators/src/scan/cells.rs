//! A located symbol, sampled module by module and drawn afresh as a clean print.
//!
//! In: a plane and the [`Structure`] of a symbol in it. Out: pictures that a decoder can take as printed. This
//! reads what a finder cannot trace: modules of two pixels, blur across modules, crumpled labels. No state.
//!
//! Three steps, each optional: the grid is *warped* (a lattice of small displacements, moved to where modules
//! look most like modules; the known ones of ISO/IEC 18004 pull it into place); the samples are *equalised*
//! (a module's neighbours are subtracted, which undoes blur of about a module, in one direction for motion);
//! each is compared with its neighbourhood, since light falls off across a label.

use super::grey::{Grey, sample};
use super::quad::Projection;
use super::structure::{self, Structure};
use crate::frame::Plane;

/// Nodes a side of the lattice.
const NODES: usize = 7;
/// How strongly a node is held to the mean of its neighbours.
const STIFFNESS: f32 = 0.6;

/// Where the modules of a symbol lie.
pub(crate) struct Grid {
    modules: usize,
    projection: Projection,
    /// Displacements in pixels.
    nodes: [[f32; 2]; NODES * NODES],
}

/// The grey level of each module.
pub(crate) struct Cells {
    modules: usize,
    values: Vec<f32>,
}

/// Which neighbours' share is taken out of a module, and how much of it, in tenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Equalise {
    No,
    All(u8),
    Rows(u8),
    Columns(u8),
    Falling(u8),
    Rising(u8),
}

impl Grid {
    /// The flat grid of a structure.
    pub fn new(structure: &Structure) -> Option<Self> {
        let projection = Projection::onto(structure.corners)?;
        Some(Self { modules: structure.modules, projection, nodes: [[0.0; 2]; NODES * NODES] })
    }

    /// Where the point (u, v) of the unit square lies.
    fn at(&self, u: f32, v: f32) -> Option<[f32; 2]> {
        let [x, y] = self.projection.at(u, v)?;
        let place = |t: f32| {
            let t = t.clamp(0.0, 1.0) * (NODES - 1) as f32;
            let i = (t as usize).min(NODES - 2);
            (i, t - i as f32)
        };
        let ((i, fu), (j, fv)) = (place(u), place(v));
        let node = |i: usize, j: usize, axis: usize| self.nodes[j * NODES + i][axis];
        let mix = |axis: usize| {
            let top = node(i, j, axis) * (1.0 - fu) + node(i + 1, j, axis) * fu;
            let bottom = node(i, j + 1, axis) * (1.0 - fu) + node(i + 1, j + 1, axis) * fu;
            top * (1.0 - fv) + bottom * fv
        };
        Some([x + mix(0), y + mix(1)])
    }

    /// Samples each module around its centre.
    pub fn cells(&self, plane: &Plane) -> Option<Cells> {
        let n = self.modules as f32;
        let spots = [(0.5, 0.5, 2.0), (0.3, 0.5, 1.0), (0.7, 0.5, 1.0), (0.5, 0.3, 1.0), (0.5, 0.7, 1.0)];
        let mut values = Vec::with_capacity(self.modules * self.modules);
        for y in 0..self.modules {
            for x in 0..self.modules {
                let mut sum = 0.0;
                for (dx, dy, weight) in spots {
                    let [px, py] = self.at((x as f32 + dx) / n, (y as f32 + dy) / n)?;
                    sum += weight * sample(plane, px, py);
                }
                values.push(sum / 6.0);
            }
        }
        Some(Cells { modules: self.modules, values })
    }

    /// Moves the lattice to where the samples are farthest from their thresholds, known modules on the right
    /// side of theirs. `module` is the side of a module in pixels.
    pub fn warp(&mut self, plane: &Plane, module: f32) -> Option<()> {
        let n = self.modules;
        let thresholds = self.cells(plane)?.thresholds(0);
        let mut colours = vec![None; n * n];
        structure::known(n, |_, x, y, dark| colours[y * n + x] = Some(dark));
        let spacing = 1.0 / (NODES - 1) as f32;
        for step in [0.6, 0.3, 0.3, 0.15] {
            for at in 0..NODES * NODES {
                let (u, v) = ((at % NODES) as f32 * spacing, (at / NODES) as f32 * spacing);
                let range = |t: f32| {
                    let edge = |t: f32| ((t * n as f32).round().max(0.0) as usize).min(n);
                    edge(t - spacing)..edge(t + spacing)
                };
                let score = |grid: &Self| -> Option<f32> {
                    let (mut sum, mut count) = (0.0, 0.0f32);
                    for y in range(v) {
                        for x in range(u) {
                            let [px, py] = grid.at((x as f32 + 0.5) / n as f32, (y as f32 + 0.5) / n as f32)?;
                            let over = sample(plane, px, py) - thresholds[y * n + x];
                            sum += match colours[y * n + x] {
                                Some(dark) => 2.0 * if dark { -over } else { over },
                                None => over.abs(),
                            };
                            count += 1.0;
                        }
                    }
                    Some(sum / count.max(1.0) - grid.strain(at, module))
                };
                let start = self.nodes[at];
                let mut best = (score(self)?, start);
                let mean = self.around(at);
                let moves = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)];
                let steps =
                    moves.map(|(dx, dy)| [start[0] + dx as f32 * step * module, start[1] + dy as f32 * step * module]);
                for to in steps.into_iter().chain([mean]) {
                    self.nodes[at] = to;
                    let s = score(self)?;
                    if s > best.0 {
                        best = (s, to);
                    }
                }
                self.nodes[at] = best.1;
            }
        }
        Some(())
    }

    /// Mean displacement of a node's neighbours.
    fn around(&self, at: usize) -> [f32; 2] {
        let (i, j) = (at % NODES, at / NODES);
        let sides = [
            (i > 0).then(|| at - 1),
            (i + 1 < NODES).then(|| at + 1),
            (j > 0).then(|| at - NODES),
            (j + 1 < NODES).then(|| at + NODES),
        ];
        let count = sides.iter().flatten().count() as f32;
        [0, 1].map(|axis| sides.iter().flatten().map(|&k| self.nodes[k][axis]).sum::<f32>() / count)
    }

    /// What it costs a node to be away from its neighbours, in grey levels.
    fn strain(&self, at: usize, module: f32) -> f32 {
        let (mean, node) = (self.around(at), self.nodes[at]);
        let off = (node[0] - mean[0]).hypot(node[1] - mean[1]) / module;
        STIFFNESS * 20.0 * off * off
    }
}

impl Cells {
    /// Midway between the darkest and lightest cells nearby (± 4 modules; both colours occur in any such window
    /// of a masked symbol), moved by `bias` sixteenths of the contrast.
    fn thresholds(&self, bias: i32) -> Vec<f32> {
        let n = self.modules;
        let mut out = Vec::with_capacity(n * n);
        for y in 0..n {
            for x in 0..n {
                let (mut low, mut high) = (f32::MAX, f32::MIN);
                for row in y.saturating_sub(4)..(y + 5).min(n) {
                    for &v in &self.values[row * n + x.saturating_sub(4)..row * n + (x + 5).min(n)] {
                        (low, high) = (low.min(v), high.max(v));
                    }
                }
                out.push((low + high) / 2.0 + (high - low) * bias as f32 / 16.0);
            }
        }
        out
    }

    /// Neighbours' shares taken out.
    pub fn equalised(&self, how: Equalise) -> Self {
        let n = self.modules as isize;
        let (offsets, tenths): (&[(isize, isize)], u8) = match how {
            Equalise::No => (&[], 0),
            Equalise::All(k) => (&[(1, 0), (-1, 0), (0, 1), (0, -1)], k),
            Equalise::Rows(k) => (&[(1, 0), (-1, 0)], k),
            Equalise::Columns(k) => (&[(0, 1), (0, -1)], k),
            Equalise::Falling(k) => (&[(1, 1), (-1, -1)], k),
            Equalise::Rising(k) => (&[(1, -1), (-1, 1)], k),
        };
        let mut values = self.values.clone();
        if !offsets.is_empty() {
            for y in 0..n {
                for x in 0..n {
                    let here = self.values[(y * n + x) as usize];
                    // Beyond the edge lies the quiet zone; the cell's own value stands in for it.
                    let around: f32 = offsets
                        .iter()
                        .map(|(dx, dy)| {
                            let (x, y) = (x + dx, y + dy);
                            if x < 0 || y < 0 || x >= n || y >= n { here } else { self.values[(y * n + x) as usize] }
                        })
                        .sum();
                    let mean = around / offsets.len() as f32;
                    values[(y * n + x) as usize] = here + (here - mean) * f32::from(tenths) / 10.0;
                }
            }
        }
        Self { modules: self.modules, values }
    }

    /// The symbol in black and white, with its quiet zone.
    pub fn drawn(&self, bias: i32) -> Grey {
        const SCALE: usize = 3;
        const QUIET: usize = 4;
        let n = self.modules;
        let thresholds = self.thresholds(bias);
        let side = (n + 2 * QUIET) * SCALE;
        let mut data = vec![255u8; side * side];
        for y in 0..n * SCALE {
            for x in 0..n * SCALE {
                let cell = (y / SCALE) * n + x / SCALE;
                if self.values[cell] < thresholds[cell] {
                    data[(y + QUIET * SCALE) * side + x + QUIET * SCALE] = 0;
                }
            }
        }
        Grey { data, width: side, height: side }
    }
}
