//! Chooses the board: the environment's BOARD, or else the one of the target. See README.md. defmt's programs have a linker script of defmt's.

use std::env;
use std::fs;
use std::path::Path;

const BOARDS: [(&str, &str); 5] = [
    ("thumbv6m-none-eabi", "microbit"),
    ("thumbv7m-none-eabi", "stm32vldiscovery"),
    ("thumbv7em-none-eabihf", "netduinoplus2"),
    ("riscv32imac-unknown-none-elf", "virt"),
    ("riscv32imc-unknown-none-elf", "virt"),
];

fn main() {
    let target = env::var("TARGET").expect("cargo sets it");
    let of_target = || BOARDS.iter().find(|(t, _)| *t == target).map(|(_, board)| (*board).to_owned());
    let board = env::var("BOARD").ok().or_else(of_target);
    let board = board.unwrap_or_else(|| panic!("no board has the target {target}: set BOARD"));
    let memory = Path::new("src/board").join(format!("{board}.x"));
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::copy(&memory, Path::new(&out).join("memory.x")).unwrap_or_else(|e| panic!("{}: {e}", memory.display()));
    println!("cargo::rustc-link-search={out}");
    println!("cargo::rustc-cfg=board=\"{board}\"");
    if env::var_os("CARGO_FEATURE_DEFMT").is_some() {
        println!("cargo::rustc-link-arg-bin=logged=-Tdefmt.x");
        println!("cargo::rustc-link-arg-bin=stuck=-Tdefmt.x");
    }
    println!("cargo::rerun-if-env-changed=BOARD");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", memory.display());
}
