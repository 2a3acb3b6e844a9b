//! The memory of the board that the target stands for: the smallest that the emulator has.

use std::env;
use std::fs;
use std::path::PathBuf;

fn main() {
    let target = env::var("TARGET").expect("cargo sets it");
    let (flash, ram) = match target.as_str() {
        // micro:bit: nRF51822, Cortex-M0
        "thumbv6m-none-eabi" => ("0x00000000, LENGTH = 256K", "16K"),
        // STM32VLDISCOVERY: STM32F100RB, Cortex-M3
        "thumbv7m-none-eabi" => ("0x08000000, LENGTH = 128K", "8K"),
        other => panic!("no board has the target {other}"),
    };
    let memory = format!(
        "MEMORY\n{{\n  FLASH : ORIGIN = {flash}\n  RAM : ORIGIN = 0x20000000, LENGTH = {ram}\n}}\n"
    );
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("memory.x"), memory).expect("OUT_DIR can be written");
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rerun-if-changed=build.rs");
}
