//! The programs of this folder as one Rust test: once each, with one compiler, on the shared library as cargo builds it with the tests. So
//! the tools that drive `cargo test` (cargo-mutants, coverage) reach the C functions. The gate's step `c programs` is the thorough form.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

const HERE: &str = env!("CARGO_MANIFEST_DIR");
/// What a program says that is not linked with the library.
const LOADS: &str = "/* loads the library itself */";

/// Cargo's target folder, which holds `debug/deps/THIS_TEST`.
fn target() -> PathBuf {
    let this = std::env::current_exe().expect("the test has a path");
    this.ancestors().nth(3).expect("it lies in the target folder").to_owned()
}

fn cargo_build(target: &Path) -> PathBuf {
    let build = ["build", "--quiet", "--package", "cocancel-ffi", "--target-dir"];
    let status = Command::new(env!("CARGO")).args(build).arg(target).current_dir(HERE).status();
    assert!(status.expect("cargo runs").success(), "the library does not compile");
    target.join("debug")
}

/// The program of `source`, compiled before or now.
fn compile(source: &Path, library: &Path, programs: &Path) -> PathBuf {
    let program = programs.join(source.file_stem().expect("a file"));
    let changed = |file: &Path| fs::metadata(file).and_then(|m| m.modified()).ok();
    let headers =
        ["check.h", "hand_calls.h", "hand_port.h", "../../include/cocancel.h", "../../include/cocancel_com.h"];
    let is_newer = |file: &Path| changed(file) > changed(&program);
    if is_newer(source) || headers.iter().any(|header| is_newer(&Path::new(HERE).join(header))) {
        let text = fs::read_to_string(source).expect("readable");
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-pthread", "-I"]).arg(Path::new(HERE).join("../../include")).arg(source);
        if text.contains(LOADS) {
            cc.arg(format!("-DCOCANCEL_LIBRARY=\"{}/libcocancel.so\"", library.display())).arg("-ldl");
        } else {
            cc.arg(format!("-Wl,-rpath,{}", library.display())).arg("-L").arg(library).arg("-lcocancel");
        }
        assert!(
            cc.arg("-o").arg(&program).status().expect("cc runs").success(),
            "{} does not compile",
            source.display()
        );
    }
    program
}

#[test]
fn programs() {
    let target = target();
    let library = cargo_build(&target);
    let programs = target.join("c-tests");
    fs::create_dir_all(&programs).expect("writable");
    let sources = fs::read_dir(HERE).expect("readable").map(|entry| entry.expect("readable").path());
    let sources: Vec<_> = sources.filter(|path| path.extension().is_some_and(|e| e == "c")).collect();
    assert!(!sources.is_empty());
    // Cargo's own library path would be searched before the path in the program.
    let start = |program: &PathBuf| Command::new(program).env_remove("LD_LIBRARY_PATH").spawn().expect("it starts");
    let compiled: Vec<_> = sources.iter().map(|source| compile(source, &library, &programs)).collect();
    let running: Vec<(&PathBuf, Child)> = compiled.iter().map(|program| (program, start(program))).collect();
    let failed: Vec<_> = running
        .into_iter()
        .filter_map(|(program, mut child)| (!child.wait().expect("it ends").success()).then_some(program))
        .collect();
    assert!(failed.is_empty(), "failed: {failed:?}");
}
