//! What a camera asks of the vision dataflow, with defaults resolved: which consumers run, where they look and
//! how often. Zones (but for where the work at a station is seen), lines and thresholds play no part: they are rules.

use super::station::ZONE_AREA;
use super::{Camera, Detect, FRAME_AREA, MOTION_MODEL, Packing, Site, Zone};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What a camera needs; a consumer that is off is `None` and has rate 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Needs<'a> {
    /// Code reading.
    pub codes: Option<CodeNeeds>,
    /// Measuring of motion as facts.
    pub motion: Option<MotionNeeds>,
    /// Detection and tracking.
    pub detect: Option<&'a Detect>,
    /// Samples per second of code reading, 0 when off.
    pub codes_rate: f64,
    /// Samples per second of motion, 0 when off.
    pub motion_rate: f64,
    /// Samples per second of detection, 0 when off.
    pub detect_rate: f64,
}

/// Where and how hard to read codes.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeNeeds {
    /// Areas, sorted, without repeats; `frame` is the whole picture.
    pub areas: Vec<String>,
    /// Extra attempts a frame on codes that were located but not decoded.
    pub retries: u32,
}

/// Where to measure motion.
#[derive(Clone, Debug, PartialEq)]
pub struct MotionNeeds {
    /// Areas, sorted, without repeats; `frame` is the whole picture.
    pub areas: Vec<String>,
}

impl Camera {
    /// The rectangle `[left, top, right, bottom]` of an area in fractions; `frame` is the whole picture, `zone:x` what is
    /// around the zone `x` that stands for a station.
    pub fn area_rect(&self, name: &str) -> Option<[f64; 4]> {
        if name == FRAME_AREA {
            return Some([0.0, 0.0, 1.0, 1.0]);
        }
        if let Some(zone) = name.strip_prefix(ZONE_AREA) {
            return self.zones.iter().find(|z| z.name == zone && z.station.is_some()).map(Zone::bounds);
        }
        self.areas.iter().find(|a| a.name == name).map(|a| a.rect.map(|f| f.0))
    }

    /// What the camera needs.
    pub fn needs(&self) -> Needs<'_> {
        let codes = self.code_needs().filter(|_| self.sample.codes > 0.0);
        let motion = self.motion_needs().filter(|_| self.sample.motion > 0.0);
        let detect = self.detect.as_ref().filter(|_| self.sample.detect > 0.0);
        Needs {
            codes_rate: if codes.is_some() { self.sample.codes } else { 0.0 },
            motion_rate: if motion.is_some() { self.sample.motion } else { 0.0 },
            detect_rate: if detect.is_some() { self.sample.detect } else { 0.0 },
            codes,
            motion,
            detect,
        }
    }

    /// On when `[camera.codes]` is given, there is a packing profile (one that motion drives reads codes too:
    /// without any, each of its sessions would be `qr_failed`), or badges are read at a station. A profile that leaves an area open looks
    /// anywhere: in the areas that `[camera.codes]` names, or in the whole picture if it names none.
    fn code_needs(&self) -> Option<CodeNeeds> {
        let badges = self.zones.iter().filter(|z| z.badges == Some(true)).filter_map(Zone::station_area);
        let badges: Vec<String> = badges.collect();
        let anywhere = self.codes.is_some() || !self.packing.is_empty();
        if !anywhere && badges.is_empty() {
            return None;
        }
        let settings = self.codes.clone().unwrap_or_default();
        let mut areas: BTreeSet<&str> = settings.areas.iter().map(String::as_str).collect();
        let open = |p: &Packing| p.code_area.is_none() || (p.trigger.is_some() && p.trigger_area.is_none());
        if anywhere && areas.is_empty() && (self.packing.is_empty() || self.packing.iter().any(open)) {
            areas.insert(FRAME_AREA);
        }
        for profile in &self.packing {
            areas.extend(profile.trigger.as_ref().and(profile.trigger_area.as_deref()));
            areas.extend(profile.code_area.as_deref());
        }
        areas.extend(badges.iter().map(String::as_str));
        let areas = owned(areas);
        Some(CodeNeeds { areas, retries: settings.retries })
    }

    /// On when `[camera.motion]` is given, a packing profile has no trigger, or a zone stands for a station.
    fn motion_needs(&self) -> Option<MotionNeeds> {
        let driven: Vec<_> = self.packing.iter().filter(|p| p.trigger.is_none()).collect();
        let stations: Vec<String> = self.zones.iter().filter_map(Zone::station_area).collect();
        if self.motion.is_none() && driven.is_empty() && stations.is_empty() {
            return None;
        }
        let mut areas: BTreeSet<&str> = self.motion.iter().flat_map(|m| &m.areas).map(String::as_str).collect();
        areas.extend(driven.iter().map(|p| p.motion_area.as_deref().unwrap_or(FRAME_AREA)));
        if areas.is_empty() && self.motion.is_some() {
            areas.insert(FRAME_AREA);
        }
        areas.extend(stations.iter().map(String::as_str));
        Some(MotionNeeds { areas: owned(areas) })
    }

    /// Canonical text of all settings that decide which facts given pixels give: areas that are used, rates,
    /// code reading, motion, detection. Equal texts: equal facts from equal pixels, model file and build.
    /// Zones, lines, thresholds of profiles, names of models and the order of keys play no part.
    ///
    /// The caller adds the digest of the model's file; [`Site::vision_digest_text`] adds what `[[model]]` says.
    pub fn vision_digest_text(&self) -> String {
        let needs = self.needs();
        let mut text = String::new();
        let mut used: BTreeSet<&str> = BTreeSet::new();
        // Floats are written by their shortest exact form, so equal settings give equal text.
        if let Some(codes) = &needs.codes {
            let _ =
                writeln!(text, "codes rate={:?} retries={} areas={:?}", needs.codes_rate, codes.retries, codes.areas);
            used.extend(codes.areas.iter().map(String::as_str));
        }
        if let Some(motion) = &needs.motion {
            let _ = writeln!(text, "motion rate={:?} areas={:?}", needs.motion_rate, motion.areas);
            used.extend(motion.areas.iter().map(String::as_str));
        }
        if let Some(d) = needs.detect {
            let classes: BTreeSet<_> = d.classes.iter().collect();
            let thresholds: Vec<_> = d.thresholds.iter().map(|(class, t)| (class, t.0)).collect();
            let _ = writeln!(
                text,
                "detect rate={:?} with={} classes={classes:?} threshold={:?} thresholds={thresholds:?} area={:?} \
                 lost_after={}",
                needs.detect_rate,
                if d.model == MOTION_MODEL { MOTION_MODEL } else { "model" },
                d.threshold.0,
                d.area,
                d.lost_after.0.0,
            );
            if d.gate {
                let _ = writeln!(text, "gate heartbeat={}", d.heartbeat.0.0);
            }
            used.insert(&d.area);
        }
        for area in used {
            let _ = writeln!(text, "area {area:?} {:?}", self.area_rect(area));
        }
        text
    }
}

impl Site {
    /// [`Camera::vision_digest_text`] and what `[[model]]` says of the camera's model.
    pub fn vision_digest_text(&self, camera: &Camera) -> String {
        let mut text = camera.vision_digest_text();
        if let Some(model) = camera.needs().detect.and_then(|d| self.model(&d.model)) {
            let _ =
                writeln!(text, "model family={:?} classes={:?} sha256={:?}", model.family, model.classes, model.sha256);
        }
        text
    }
}

fn owned(areas: BTreeSet<&str>) -> Vec<String> {
    areas.into_iter().map(str::to_owned).collect()
}
