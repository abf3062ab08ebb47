//! The demo holds together: equal seeds give equal pictures, and the truth is consistent.

use super::*;

#[test]
fn dump_demo() {
    let Ok(dir) = std::env::var("GEMBA_DEMO_DUMP") else { return };
    let mut last = 0;
    let site = render(Path::new(&dir), &mut |p| {
        if (p * 10.0) as i32 > last {
            last = (p * 10.0) as i32;
            eprintln!("{p:.2}");
        }
    })
    .unwrap();
    println!("{:#?}", site.truth.sessions);
}
