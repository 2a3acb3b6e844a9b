//! The linker script of the harness: it finds the tests in the ELF file.

fn main() {
    println!("cargo::rustc-link-arg-tests=-Tembedded-test.x");
    // the harness asks for it
    println!("cargo::rustc-check-cfg=cfg(rust_analyzer)");
    println!("cargo::rerun-if-changed=build.rs");
}
