use super::{grey::Grey, zxing::{self, Look}};
use crate::frame::Plane;
use zxingcpp::Binarizer;
use std::collections::BTreeMap;

fn rot(g: &Grey, q: usize) -> Grey {
    let mut g = g.clone();
    for _ in 0..q {
        let (w,h)=(g.width,g.height);
        let mut d = vec![0;w*h];
        for y in 0..h { for x in 0..w { d[x*h + (h-1-y)] = g.data[y*w+x]; } }
        g = Grey{data:d,width:h,height:w};
    }
    g
}
pub fn load(p:&std::path::Path)->Option<Grey>{
    let i=image::open(p).ok()?.to_luma8(); let (w,h)=i.dimensions();
    Some(Grey{data:i.into_raw(),width:w as usize,height:h as usize})
}
type T = (&'static str, Box<dyn Fn(&Grey)->Vec<String>+Sync>);
fn z(g:&Grey, l:Look)->Vec<String>{ let p:Plane=g.plane(); zxing::read(&p,l).decoded.into_iter().map(|d|d.text).collect() }
fn transforms()->Vec<T>{
    let base=Look{errors:false,invert:true,downscale:true,..Look::FRAME};
    let gh=Look{binarizer:Binarizer::GlobalHistogram,..base};
    let bc=Look{binarizer:Binarizer::FixedThreshold,..base};
    let mut v:Vec<T>=vec![
        ("plain",Box::new(move|g|z(g,base))),
        ("global",Box::new(move|g|z(g,gh))),
        ("fixed",Box::new(move|g|z(g,bc))),
        ("blur",Box::new(move|g|z(&g.blurred(),base))),
        ("blur2",Box::new(move|g|z(&g.blurred().blurred(),base))),
        ("blur4",Box::new(move|g|z(&g.blurred().blurred().blurred().blurred(),base))),
        ("blurglobal",Box::new(move|g|z(&g.blurred().blurred(),gh))),
        ("sharp",Box::new(move|g|z(&g.sharpened(1,6),base))),
        ("sharp2",Box::new(move|g|z(&g.sharpened(2,6),base))),
        ("sharp4",Box::new(move|g|z(&g.sharpened(4,8),base))),
        ("up2",Box::new(move|g|z(&g.scaled(2.0),base))),
        ("up2sharp",Box::new(move|g|z(&g.scaled(2.0).sharpened(2,6),base))),
        ("up2sharp4",Box::new(move|g|z(&g.scaled(2.0).sharpened(4,8),base))),
        ("up2blur",Box::new(move|g|z(&g.scaled(2.0).blurred(),base))),
        ("up3",Box::new(move|g|z(&g.scaled(3.0),base))),
        ("up3sharp4",Box::new(move|g|z(&g.scaled(3.0).sharpened(4,8),base))),
        ("up3sharp8",Box::new(move|g|z(&g.scaled(3.0).sharpened(8,12),base))),
        ("up1.5",Box::new(move|g|z(&g.scaled(1.5),base))),
        ("dn.75",Box::new(move|g|z(&g.scaled(0.75),base))),
        ("dn.5",Box::new(move|g|z(&g.scaled(0.5),base))),
        ("dn.35",Box::new(move|g|z(&g.scaled(0.35),base))),
        ("dn.25",Box::new(move|g|z(&g.scaled(0.25),base))),
        ("dn.5sharp",Box::new(move|g|z(&g.scaled(0.5).sharpened(2,6),base))),
        ("eq10",Box::new(move|g|z(&g.equalised(10),base))),
        ("eq25",Box::new(move|g|z(&g.equalised(25),base))),
        ("eq60",Box::new(move|g|z(&g.equalised(60),base))),
        ("rqrr",Box::new(move|g|super::rqrr::read(&g.plane()).map(|f|f.decoded.into_iter().map(|d|d.text).collect()).unwrap_or(vec!["PANIC".into()]))),
        ("rqrrup2",Box::new(move|g|super::rqrr::read(&g.scaled(2.0).plane()).map(|f|f.decoded.into_iter().map(|d|d.text).collect()).unwrap_or(vec!["PANIC".into()]))),
    ];
    for (n,r,b) in [("bin8",8,0.),("bin15",15,0.),("bin30",30,0.),("bin15-3",15,-3.),("bin15+3",15,3.),("bin30-3",30,-3.),("bin30+3",30,3.),("bin60",60,0.)] {
        v.push((n,Box::new(move|g|z(&g.binarised(r,b),bc))));
    }
    for (n,r,b) in [("up2bin15",15,0.),("up2bin30",30,0.),("up2bin15-3",15,-3.),("up2bin15+3",15,3.)] {
        v.push((n,Box::new(move|g|z(&g.scaled(2.).binarised(r,b),bc))));
    }
    for (n,r,b) in [("up3bin12",12,0.),("up3bin20",20,0.),("up3sbin20",20,0.)] {
        v.push((n,Box::new(move|g|{let u=g.scaled(3.); let u=if n.contains('s'){u.sharpened(4,8)}else{u}; z(&u.binarised(r,b),bc)})));
    }
    v
}
#[test]
fn matrix(){
    let root=std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"),"/../../shared/data"));
    let mut items:Vec<(String,Option<String>,Grey)>=vec![];
    for d in std::fs::read_dir(root.join("qr")).unwrap().flatten() { let d=d.path(); if !d.is_dir(){continue;}
        for f in std::fs::read_dir(&d).unwrap().flatten(){ let p=f.path(); let e=p.extension().unwrap().to_str().unwrap().to_string(); if e=="txt"{continue;}
            let t=std::fs::read_to_string(p.with_extension("txt")).ok();
            if t.is_none() && !d.to_string_lossy().contains("false") {continue;}
            let g=load(&p).unwrap_or_else(||panic!("{p:?}"));
            for q in 0..4 { items.push((format!("{}/{}@{}",d.file_name().unwrap().to_str().unwrap(),p.file_name().unwrap().to_str().unwrap(),q),t.clone(),rot(&g,q))); }
        }}
    for l in std::fs::read_to_string(root.join("qr-scenes/truth.json")).unwrap().split("{") {
        let get=|k:&str|l.lines().find(|x|x.contains(k)).and_then(|x|x.split("\": ").nth(1)).map(|x|x.trim_matches(|c|c=='"'||c==',').to_string());
        let Some(f)=get("\"file\"") else {continue};
        items.push((format!("scene/{}/{}",get("px_per").unwrap(),f),get("\"text\""),load(&root.join("qr-scenes").join(&f)).unwrap()));
    }
    items.sort_by(|a,b|a.0.cmp(&b.0));
    let ts=transforms();
    let next=std::sync::atomic::AtomicUsize::new(0);
    let out=std::sync::Mutex::new(BTreeMap::new());
    std::thread::scope(|s|{for _ in 0..3 {s.spawn(||loop{
        let i=next.fetch_add(1,std::sync::atomic::Ordering::SeqCst); if i>=items.len(){break;}
        let it=&items[i];
        let row:Vec<(u8,u32)>=ts.iter().map(|(_,f)|{ if it.2.width*it.2.height>3_000_000 && it.2.width>0 {}
            let t0=std::time::Instant::now(); let r=f(&it.2); let us=t0.elapsed().as_micros() as u32;
            let n=|s:&str|s.replace("\r\n","\n").trim_end().to_string();
            let ok=match &it.1{Some(t)=>if r.iter().any(|x|n(x)==n(t)){1}else if r.iter().any(|x|x=="PANIC"){3} else if r.is_empty(){0}else{2},None=>if r.is_empty(){0}else{2}};
            (ok,us)}).collect();
        out.lock().unwrap().insert(i,row);
    });}});
    let out=out.into_inner().unwrap();
    use std::io::Write;
    let mut f=std::fs::File::create("/tmp/scan-matrix.tsv").unwrap();
    writeln!(f,"name\t{}",ts.iter().map(|t|t.0).collect::<Vec<_>>().join("\t")).unwrap();
    for (i,r) in &out { writeln!(f,"{}\t{}x{}\t{}",items[*i].0,items[*i].2.width,items[*i].2.height,r.iter().map(|x|format!("{}:{}",x.0,x.1)).collect::<Vec<_>>().join("\t")).unwrap(); }
}
