//! How boxes lie to one another and to the picture.

use super::kalman::Ltrb;

fn area(r: &Ltrb) -> f64 {
    (r[2] - r[0]) * (r[3] - r[1])
}

fn common(a: &Ltrb, b: &Ltrb) -> f64 {
    let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    w * h
}

/// Intersection over union.
pub fn iou(a: &Ltrb, b: &Ltrb) -> f64 {
    let both = common(a, b);
    both / (area(a) + area(b) - both).max(f64::MIN_POSITIVE)
}

/// Share of `a` that lies inside `b`.
pub fn inside(a: &Ltrb, b: &Ltrb) -> f64 {
    common(a, b) / area(a).max(f64::MIN_POSITIVE)
}

/// The area of the part that lies within a picture of `width` × `height`.
pub fn visible(b: &Ltrb, (width, height): (u16, u16)) -> f64 {
    common(b, &[0.0, 0.0, width.into(), height.into()])
}

/// Whether a box touches the picture's edge, give or take 1 % of its side.
pub fn touches_edge(b: &Ltrb, (width, height): (u16, u16)) -> bool {
    let (w, h) = (f64::from(width), f64::from(height));
    b[0] <= w * 0.01 || b[1] <= h * 0.01 || b[2] >= w * 0.99 || b[3] >= h * 0.99
}
