//! Compiles the peers in C and C++, and the program that measures cocancel's own C interface.

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=peers");
    println!("cargo::rustc-check-cfg=cfg(has_glib)");
    cc::Build::new().cpp(true).std("c++20").opt_level(2).warnings(true).file("peers/peers.cpp").compile("peers_cpp");
    glib();
    if let Some(program) = c_interface() {
        println!("cargo::rustc-env=COCANCEL_C_PROGRAM={}", program.display());
    }
}

/// GLib is optional: without it its rows say that they were not measured.
fn glib() {
    let Ok(gio) = pkg_config::Config::new().cargo_metadata(false).probe("gio-2.0") else {
        // looked for again each time, for what is not there always counts as changed
        println!("cargo::rerun-if-changed=peers/glib-is-not-installed");
        return;
    };
    println!("cargo::rustc-cfg=has_glib");
    cc::Build::new()
        .opt_level(2)
        .warnings(true)
        .includes(&gio.include_paths)
        .file("peers/glib.c")
        .compile("peers_glib");
    // after the objects that need them
    for path in &gio.link_paths {
        println!("cargo::rustc-link-search=native={}", path.display());
    }
    for lib in &gio.libs {
        println!("cargo::rustc-link-lib={lib}");
    }
}

/// Links a C program with the static library that `COCANCEL_LIB` names (`cargo xtask bench` sets it), as a host in C does.
fn c_interface() -> Option<PathBuf> {
    println!("cargo::rerun-if-env-changed=COCANCEL_LIB");
    println!("cargo::rerun-if-changed=../include");
    let library = PathBuf::from(env::var_os("COCANCEL_LIB")?);
    println!("cargo::rerun-if-changed={}", library.display());
    let program = Path::new(&env::var_os("OUT_DIR")?).join("c_interface");
    let linked = cc::Build::new()
        .opt_level(2)
        .pic(false)
        .get_compiler()
        .to_command()
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I../include"])
        .args(["peers/c_interface.c", "peers/c_load.c"])
        .arg(library)
        .args(["-o".as_ref(), program.as_os_str()])
        .args(["-lpthread", "-ldl", "-lm"])
        .status();
    if linked.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    println!("cargo::warning=the C program cannot be linked: its rows will say that they were not measured");
    None
}
