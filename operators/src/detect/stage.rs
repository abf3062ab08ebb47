//! stub
use super::*;
use crate::{frame::Frame, motion::Blobs, stage::*, track::Detections};
/// s
pub enum DetectStage { /// m
 Model(Option<Box<Detector>>), /// b
 Blobs(Box<Blobs>) }
impl Stage for DetectStage { type In = Frame; type Out = Detections; fn step(&mut self, i: Seen<Frame>, o: &mut Outlet<Detections>) {
 match i { Seen::End(e) => o.items.push(Seen::End(e)), Seen::Item(f) => { let (boxes, model) = match self { Self::Model(Some(d)) => (d.detect(&f).unwrap_or_default(), d.digest()), Self::Model(None) => return, Self::Blobs(b) => (b.detect(&f), Name::new("motion")) };
 o.items.push(Seen::Item(Detections{meta:f.meta,width:f.width() as u16,height:f.height() as u16,boxes,model})) } }
} }
