//! A box that moves: one Kalman filter each for centre x, centre y, width and height.
//!
//! The filter of SORT and ByteTrack (8 states, constant velocity, diagonal noise) falls apart into four
//! independent filters of a position and its velocity; that is how it is written here. Two things differ:
//! - it is aware of time: noise grows with the seconds that passed, not with the number of frames;
//! - velocity is an Ornstein–Uhlenbeck process (the *integrated OU* model: L. Millefiori et al., *Modeling
//!   vessel kinematics using a stochastic mean-reverting process*, IEEE TAES 2016, with mean 0): it fades with
//!   a time constant, so a thing that is not seen coasts, slows down and its uncertainty grows
//!   gently instead of without bound. With an endless constant it is the plain constant-velocity model.

/// A box in pixels: left, top, right, bottom.
pub type Ltrb = [f64; 4];

/// Standard deviation of a measured centre, as a share of the box's side along that axis.
const CENTRE_NOISE: f64 = 0.03;
/// Standard deviation of a measured width or height, as a share of itself.
const SIZE_NOISE: f64 = 0.05;
/// Standard deviation of the velocity of a thing seen for the first time, in box scales (√area) a second.
const FIRST_SPEED: f64 = 1.0;
/// How unsteady velocities are: their stationary standard deviation, in box scales a second for a thing at
/// rest, and as a share of the speed for one that moves (who walks fast also turns and stops faster).
const UNSTEADY_AT_REST: f64 = 0.2;
const UNSTEADY_SHARE: f64 = 0.25;
/// How long they keep it: time constant of the velocity, s.
const MEMORY: f64 = 4.0;
/// The same for sizes, in shares of the scale per second; sizes change slowly and their trend is soon forgotten, so the
/// size tells one thing from another.
const GROWTH: f64 = 0.08;
/// The same at the picture's edge, which cuts off what goes over it: there sizes change as fast as things move.
const GROWTH_AT_EDGE: f64 = 0.5;
/// Time constant of a size's trend, s.
const GROWTH_MEMORY: f64 = 0.7;
/// Deviation (the first part of [`MovingBox::misfit`]) beyond which a box is another thing's, however uncertain the
/// estimate. Of a thing's own detections, one in a thousand deviates by more than 13, at six samples a second.
const WORST_DEVIATION: f64 = 17.0;

/// A position and its velocity, with their covariance.
#[derive(Clone, Copy, Debug)]
struct Axis {
    x: f64,
    v: f64,
    xx: f64,
    xv: f64,
    vv: f64,
}

impl Axis {
    fn new(x: f64, noise: f64, speed: f64) -> Self {
        Self { x, v: 0.0, xx: noise * noise, xv: 0.0, vv: speed * speed }
    }

    /// Lets `dt` seconds pass: exact discretisation of dv = −v/τ dt + √(2σ²/τ) dW, dx = v dt.
    fn predict(&mut self, dt: f64, speed: f64, tau: f64) {
        let keep = (-dt / tau).exp();
        let reach = tau * (1.0 - keep);
        self.x += reach * self.v;
        self.v *= keep;
        let s2 = speed * speed;
        let q_vv = s2 * (1.0 - keep * keep);
        let q_xv = s2 * tau * (1.0 - keep) * (1.0 - keep);
        let q_xx = s2 * tau * (2.0 * dt - tau * (3.0 - 4.0 * keep + keep * keep));
        self.xx += 2.0 * reach * self.xv + reach * reach * self.vv + q_xx;
        self.xv = keep * (self.xv + reach * self.vv) + q_xv;
        self.vv = keep * keep * self.vv + q_vv;
    }

    fn update(&mut self, z: f64, noise: f64) {
        let s = self.xx + noise * noise;
        let (kx, kv) = (self.xx / s, self.xv / s);
        let innovation = z - self.x;
        self.x += kx * innovation;
        self.v += kv * innovation;
        self.vv -= kv * self.xv;
        self.xv -= kx * self.xv;
        self.xx -= kx * self.xx;
    }
}

/// The filtered box of one thing.
#[derive(Clone, Copy, Debug)]
pub struct MovingBox {
    cx: Axis,
    cy: Axis,
    w: Axis,
    h: Axis,
}

impl MovingBox {
    /// A box seen for the first time.
    pub fn new(seen: Ltrb) -> Self {
        let [cx, cy, w, h] = centre(seen);
        let scale = (w * h).sqrt();
        Self {
            cx: Axis::new(cx, CENTRE_NOISE * w, FIRST_SPEED * scale),
            cy: Axis::new(cy, CENTRE_NOISE * h, FIRST_SPEED * scale),
            w: Axis::new(w, SIZE_NOISE * w, GROWTH * scale),
            h: Axis::new(h, SIZE_NOISE * h, GROWTH * scale),
        }
    }

    /// Lets `dt` seconds pass; `clipped` when the picture's edge cuts the box, now or as last seen.
    pub fn predict(&mut self, dt: f64, clipped: bool) {
        if dt <= 0.0 {
            return;
        }
        let scale = self.scale();
        let unsteady = UNSTEADY_AT_REST * scale + UNSTEADY_SHARE * self.cx.v.hypot(self.cy.v);
        self.cx.predict(dt, unsteady, MEMORY);
        self.cy.predict(dt, unsteady, MEMORY);
        let growth = if clipped { GROWTH_AT_EDGE } else { GROWTH } * scale;
        self.w.predict(dt, growth, GROWTH_MEMORY);
        self.h.predict(dt, growth, GROWTH_MEMORY);
        self.w.x = self.w.x.max(1.0);
        self.h.x = self.h.x.max(1.0);
    }

    /// Takes in a measured box.
    pub fn update(&mut self, seen: Ltrb) {
        let [cx, cy, w, h] = centre(seen);
        let (nw, nh) = (self.w.x, self.h.x);
        self.cx.update(cx, CENTRE_NOISE * nw);
        self.cy.update(cy, CENTRE_NOISE * nh);
        self.w.update(w, SIZE_NOISE * nw);
        self.h.update(h, SIZE_NOISE * nh);
        self.w.x = self.w.x.max(1.0);
        self.h.x = self.h.x.max(1.0);
    }

    /// How badly a measured box fits: minus twice the logarithm of its likelihood, up to a constant, under a
    /// Student t distribution with 4 degrees of freedom for each of the four innovations (a normal one would
    /// not forgive the single wrong edge that half-hidden things have). 0 is a perfect fit to a certain box. The first
    /// part is by how much the box deviates in units of what was expected, the second how uncertain that is. Infinite
    /// for a box that deviates too much.
    pub fn misfit(&self, seen: Ltrb) -> f64 {
        let z = centre(seen);
        let terms = [
            (z[0] - self.cx.x, self.cx.xx, CENTRE_NOISE * self.w.x),
            (z[1] - self.cy.x, self.cy.xx, CENTRE_NOISE * self.h.x),
            (z[2] - self.w.x, self.w.xx, SIZE_NOISE * self.w.x),
            (z[3] - self.h.x, self.h.xx, SIZE_NOISE * self.h.x),
        ];
        // Logarithms of products, not sums of logarithms: this runs for every pair in every frame.
        let (mut fit, mut loose) = (1.0, 1.0);
        for (d, p, noise) in terms {
            let r = noise * noise;
            fit *= 1.0 + d * d / (4.0 * (p + r));
            loose *= (p + r) / r;
        }
        let deviation = 5.0 * fit.ln();
        if deviation > WORST_DEVIATION { f64::INFINITY } else { deviation + loose.ln() }
    }

    /// The estimated box.
    pub fn bounds(&self) -> Ltrb {
        let (hw, hh) = (self.w.x / 2.0, self.h.x / 2.0);
        [self.cx.x - hw, self.cy.x - hh, self.cx.x + hw, self.cy.x + hh]
    }

    /// The root of its area, px.
    pub fn scale(&self) -> f64 {
        (self.w.x * self.h.x).sqrt()
    }
}

/// Centre x, centre y, width, height.
fn centre([x0, y0, x1, y1]: Ltrb) -> [f64; 4] {
    [(x0 + x1) / 2.0, (y0 + y1) / 2.0, (x1 - x0).max(1.0), (y1 - y0).max(1.0)]
}
