//! Build script of every crate that makes binaries or tests: writes into them where the native libraries lie
//! (DuckDB and ONNX Runtime; FFmpeg is the system's), so that they start without `LD_LIBRARY_PATH`.
//!
//! In this order: `../lib/gemba` beside an installed binary (`make install`), then the folder that the build
//! links against: `DUCKDB_LIB_DIR`, which `.cargo/config.toml` sets to `.native/lib` of this clone. The second
//! is absolute, so the build may lie anywhere (`CARGO_TARGET_DIR`).

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if std::env::var("CARGO_CFG_UNIX").is_err() {
        return;
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/gemba");
    if let Ok(folder) = std::env::var("DUCKDB_LIB_DIR") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
