//! What a frame shows, for as little work as possible: codes read, and places that could not be read.
//!
//! In: the luma planes of one camera's sampled frames, in order. Out: for each, the codes in sight and the
//! misses. What a frame costs is kept small by looking only where it can matter:
//! * a part of the picture that has not changed since it was last scanned shows what it showed then;
//! * what changed is scanned as a rectangle of its own, and so are the places of codes in it;
//! * everything is scanned afresh every [`FULL_EVERY`] samples, so that noise cannot freeze a failure;
//! * a code that was located but not decoded is tried again in other ways, `retries` attempts a frame, going
//!   on in the next frame where this one stopped;
//! * the second library looks where something new came to rest unread, as fast as pixels are granted to it.
//!
//! All budgets are counted in samples, attempts and pixels, never in time, so a replay gives the same answer.
//! State: the reference of the picture, the places of codes and misses, what is still unread.

use super::Reading;
use super::attempt::{self, LADDER, Place, Try};
use super::change::{BLOCK, Changed, Reference, merged};
use super::quad::Corners;
use super::rqrr;
use super::zxing::{self, Look};
use crate::frame::{Plane, Rect};
use gemba_schemas::fact::{Attempt, Decoder};

/// Samples from one scan of everything to the next.
const FULL_EVERY: u64 = 12;
/// Tenths of the watched pixels from which a partial scan is not worth it.
const MOSTLY: usize = 6;
/// Blocks by which changed rectangles and areas are grown.
const MARGIN: usize = 2;
/// Samples for which the place of a vanished code is looked at on its own; a trigger's is for ever.
const REMEMBER: u64 = 18;
/// Scans of everything that an unchanged code may fail before it counts as gone.
const DOUBTS: u8 = 3;
/// Undecoded places followed at a time.
const MISSES: usize = 4;
/// Located places whose structure is examined in a frame.
const EXAMINED: usize = 8;
/// The second library may look at one in so many of the watched pixels.
const SECOND_SHARE: usize = 24;
/// Attempts at a code that is not found where it was.
const AGAIN: &[Try] = &[Try::Cropped, Try::Sampled(0), Try::Enlarged(0), Try::Blurred(1)];

/// A code that was read, and what became of it.
#[derive(Debug)]
struct Known {
    reading: Reading,
    /// How it was read last, if not at first sight.
    how: Option<Try>,
    /// Sample at which it was seen last.
    last: u64,
    /// Scans of everything in a row that did not find it although nothing changed there.
    doubts: u8,
}

/// A place that could not be decoded.
#[derive(Debug)]
struct Miss {
    place: Place,
    /// The next rung of the ladder.
    rung: usize,
}

/// The eye on one camera's picture.
#[derive(Debug)]
pub(crate) struct Watch {
    retries: u32,
    triggers: Vec<String>,
    reference: Reference,
    sample: u64,
    known: Vec<Known>,
    misses: Vec<Miss>,
    /// Where something new appeared that nobody has read yet.
    unread: Vec<Rect>,
    /// Pixels that the second library may look at.
    credit: usize,
}

/// What has been found so far in the frame at hand, and what is left to spend on it.
struct Glance<'a> {
    plane: &'a Plane<'a>,
    decoded: Vec<(Reading, Option<Try>)>,
    located: Vec<Corners>,
    budget: u32,
    panics: Vec<String>,
}

impl Glance<'_> {
    /// Scans a rectangle at first sight.
    fn scan(&mut self, rect: Rect) {
        let found = zxing::read(&self.plane.crop(rect), Look::FRAME);
        let back = |c: Corners| c.mapped(1.0, [rect.x0 as f32, rect.y0 as f32]);
        for code in found.decoded {
            self.add(Reading::new(code, Decoder::Zxing, Attempt::Plain, back), None);
        }
        self.located.extend(found.located.into_iter().map(back));
    }

    /// Keeps a reading unless it is there already.
    fn add(&mut self, reading: Reading, how: Option<Try>) {
        let place = reading.place();
        if !self.decoded.iter().any(|(r, _)| r.text == reading.text && r.place().meets(place)) {
            self.decoded.push((reading, how));
        }
    }

    /// Makes one attempt; `true` if it read something.
    fn attempt(&mut self, place: &Place, how: Try) -> bool {
        match attempt::attempt(self.plane, place, how) {
            Ok(Some(reading)) => {
                self.add(reading, Some(how));
                true
            }
            Ok(None) => false,
            Err(words) => {
                self.panics.push(words);
                false
            }
        }
    }

    /// Whether something was decoded at the place.
    fn is_read(&self, place: Corners) -> bool {
        self.decoded.iter().any(|(r, _)| r.place().meets(place))
    }
}

impl Watch {
    /// Nothing seen yet. `retries` is the number of extra attempts a frame.
    pub fn new(retries: u32, triggers: Vec<String>) -> Self {
        Self {
            retries,
            triggers,
            reference: Reference::default(),
            sample: 0,
            known: Vec::new(),
            misses: Vec::new(),
            unread: Vec::new(),
            credit: 0,
        }
    }

    /// The codes that the last frame showed.
    pub fn reads(&self) -> impl Iterator<Item = &Reading> {
        self.known.iter().filter(|k| k.last == self.sample).map(|k| &k.reading)
    }

    /// The places that the last frame showed and that could not be decoded.
    pub fn misses(&self) -> impl Iterator<Item = Corners> {
        self.misses.iter().map(|m| m.place.best())
    }

    /// Takes a frame. Gives out the words of panics that were survived.
    pub fn look(&mut self, plane: &Plane, areas: &[Rect]) -> Vec<String> {
        if !self.reference.fits(plane) {
            self.reference = Reference::new(plane.width, plane.height);
            self.known.clear();
            self.misses.clear();
            self.unread.clear();
        }
        self.sample += 1;
        let watched = merged(areas.iter().filter(|r| r.x0 < r.x1 && r.y0 < r.y1).map(|r| grown(*r, plane)).collect());
        let changed = self.reference.compare(plane, &watched);
        let partial = merged(self.rects(plane, &changed));
        let full = self.sample % FULL_EVERY == 1 || pixels(&partial) * 10 >= pixels(&watched) * MOSTLY;
        let rects = if full { &watched } else { &partial };

        let mut look =
            Glance { plane, decoded: Vec::new(), located: Vec::new(), budget: self.retries, panics: Vec::new() };
        rects.iter().for_each(|&rect| look.scan(rect));
        let kept = self.search_again(&mut look, &changed, full);
        self.second_library(&mut look, &changed, &watched, rects);
        self.retry(&mut look, &changed, full);
        rects.iter().for_each(|&rect| self.reference.scanned(plane, rect));
        self.remember(look.decoded, &kept);
        look.panics
    }

    /// Where to look if not everywhere: what changed, codes and misses in it, and places of vanished codes.
    fn rects(&self, plane: &Plane, changed: &Changed) -> Vec<Rect> {
        let mut rects = changed.rects(MARGIN);
        for known in &self.known {
            let place = known.reading.place();
            let gone = known.last + 1 < self.sample;
            if gone || changed.touches(place.bounds()) {
                rects.push(attempt::region(plane, place));
            }
        }
        let touched = self.misses.iter().map(|m| m.place.corners).filter(|c| changed.touches(c.bounds()));
        rects.extend(touched.map(|c| attempt::region(plane, c)));
        rects.iter_mut().for_each(|r| *r = Rect { x1: r.x1.min(plane.width), y1: r.y1.min(plane.height), ..*r });
        rects.retain(|r| r.x0 < r.x1 && r.y0 < r.y1);
        rects
    }

    /// Codes of the last frame that were not found in this one: unchanged ones are still there, others get
    /// another chance. Gives out which are still there unseen.
    fn search_again(&mut self, look: &mut Glance, changed: &Changed, full: bool) -> Vec<usize> {
        let mut kept = Vec::new();
        for (i, known) in self.known.iter_mut().enumerate() {
            if known.last + 1 != self.sample || look.decoded.iter().any(|(r, _)| r.text == known.reading.text) {
                continue;
            }
            let corners = known.reading.place();
            let touched = changed.touches(corners.bounds());
            if !touched && !full {
                kept.push(i);
                continue;
            }
            let place = Place::new(look.plane, corners);
            // Where something changed, another try only pays while it still looks like a code.
            let tries = if touched && place.structure.is_none() { 1 } else { AGAIN.len() };
            let mut found = false;
            for how in known.how.into_iter().chain(AGAIN.iter().copied()).take(tries) {
                found = look.attempt(&place, how);
                if found {
                    break;
                }
            }
            if !found && !touched {
                known.doubts += 1;
                if known.doubts < DOUBTS {
                    kept.push(i);
                }
            }
        }
        kept
    }

    /// Lets the second library look where something appeared, was not read, and now rests.
    fn second_library(&mut self, look: &mut Glance, changed: &Changed, watched: &[Rect], rects: &[Rect]) {
        self.credit = (self.credit + pixels(watched) / SECOND_SHARE).min(pixels(watched));
        let resting = |r: &Rect| !changed.touches(bounds(*r));
        let mut waiting: Vec<Rect> = self.unread.drain(..).filter(resting).collect();
        let affordable = waiting.iter().position(|r| pixels(&[*r]) <= self.credit);
        if let Some(rect) = affordable.map(|i| waiting.remove(i)) {
            self.credit -= pixels(&[rect]);
            let back = |c: Corners| c.mapped(1.0, [rect.x0 as f32, rect.y0 as f32]);
            match rqrr::read(&look.plane.crop(rect)) {
                Ok(found) => {
                    for code in found.decoded {
                        look.add(Reading::new(code, Decoder::Rqrr, Attempt::Plain, back), Some(Try::Second));
                    }
                    look.located.extend(found.located.into_iter().map(back));
                }
                Err(words) => look.panics.push(words),
            }
        }
        // Only where something changed is there something new.
        let fresh = |r: &Rect| changed.touches(bounds(*r));
        waiting.extend(rects.iter().copied().filter(fresh));
        let read = |r: &Rect| look.decoded.iter().any(|(d, _)| overlap(bounds(*r), d.place()));
        self.unread = waiting.into_iter().filter(|r| !read(r)).take(MISSES).collect();
    }

    /// Tries again at every credible place that was located but not decoded, and keeps what stays undecoded.
    fn retry(&mut self, look: &mut Glance, changed: &Changed, full: bool) {
        let before = std::mem::take(&mut self.misses);
        let mut misses: Vec<Miss> = Vec::new();
        let mut located = std::mem::take(&mut look.located);
        located.sort_by(|a, b| b.side().total_cmp(&a.side()));
        let mut examined = 0;
        for corners in located {
            let known = |c: Corners| misses.iter().any(|m: &Miss| m.place.best().meets(c));
            if examined == EXAMINED || misses.len() == MISSES || look.is_read(corners) || known(corners) {
                continue;
            }
            examined += 1;
            let place = Place::new(look.plane, corners);
            if place.structure.is_some() {
                let rung = before.iter().find(|m| m.place.best().meets(corners)).map_or(0, |m| m.rung);
                misses.push(Miss { place, rung });
            }
        }
        // A miss in an unchanged part of the picture is still there, whether or not it was located again.
        for miss in before {
            let corners = miss.place.best();
            let seen = misses.iter().any(|m| m.place.best().meets(corners));
            if !seen && !changed.touches(corners.bounds()) && misses.len() < MISSES && !look.is_read(corners) {
                let place = if full { Place::new(look.plane, corners) } else { miss.place };
                if place.structure.is_some() {
                    misses.push(Miss { place, rung: miss.rung });
                }
            }
        }
        for miss in &mut misses {
            // What was read here a moment ago is read best in the same way.
            let habit = self
                .known
                .iter()
                .filter(|k| k.last + REMEMBER >= self.sample)
                .find_map(|k| k.how.filter(|_| k.reading.place().meets(miss.place.best())));
            let share = look.budget.min(self.retries.div_ceil(2).max(1));
            for turn in 0..share {
                look.budget -= 1;
                let how = match habit {
                    Some(how) if turn == 0 => how,
                    _ => {
                        miss.rung += 1;
                        LADDER[(miss.rung - 1) % LADDER.len()]
                    }
                };
                if look.attempt(&miss.place, how) {
                    break;
                }
            }
        }
        misses.retain(|m| !look.is_read(m.place.best()));
        self.misses = misses;
    }

    /// Takes over what was read and what is still there, and forgets what has been gone for long.
    fn remember(&mut self, decoded: Vec<(Reading, Option<Try>)>, kept: &[usize]) {
        for &i in kept {
            self.known[i].last = self.sample;
        }
        for (reading, how) in decoded {
            let place = reading.place();
            let same =
                |k: &Known| k.reading.text == reading.text && (k.last < self.sample || k.reading.place().meets(place));
            let new = Known { reading: reading.clone(), how, last: self.sample, doubts: 0 };
            match self.known.iter().position(same) {
                Some(i) => self.known[i] = new,
                None => self.known.push(new),
            }
        }
        let (sample, triggers) = (self.sample, &self.triggers);
        self.known.retain(|k| k.last + REMEMBER >= sample || triggers.contains(&k.reading.text));
    }
}

fn pixels(rects: &[Rect]) -> usize {
    rects.iter().map(|r| (r.x1 - r.x0) * (r.y1 - r.y0)).sum()
}

fn grown(rect: Rect, plane: &Plane) -> Rect {
    let by = MARGIN * BLOCK;
    Rect {
        x0: rect.x0.saturating_sub(by),
        y0: rect.y0.saturating_sub(by),
        x1: (rect.x1 + by).min(plane.width),
        y1: (rect.y1 + by).min(plane.height),
    }
}

fn bounds(rect: Rect) -> super::quad::Bounds {
    // One less, so that a rectangle does not touch the block beyond its edge.
    super::quad::Bounds { x0: rect.x0 as f32, y0: rect.y0 as f32, x1: rect.x1 as f32 - 1.0, y1: rect.y1 as f32 - 1.0 }
}

fn overlap(a: super::quad::Bounds, place: Corners) -> bool {
    let b = place.bounds();
    a.x0 <= b.x1 && b.x0 <= a.x1 && a.y0 <= b.y1 && b.y0 <= a.y1
}
