//! Puts the memory's description where the linker looks.

use std::env;
use std::fs;
use std::path::Path;

fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::copy("memory.x", Path::new(&out).join("memory.x")).expect("OUT_DIR can be written");
    println!("cargo::rustc-link-search={out}");
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-changed=build.rs");
}
