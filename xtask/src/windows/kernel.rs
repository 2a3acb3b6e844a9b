//! A freestanding image on the archive without a port, in the emulator, with the FPU off.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use object::{Object, ObjectSection};

use super::archive::{Archive, Port};
use super::image;
use super::target::{Arch, Format, Target};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools::{self, Tool};

const QEMU: Tool = Tool { name: "qemu-system-x86_64", package: "qemu-system-x86" };
/// Where the image is linked to and loaded.
const BASE: u64 = 0x10_0000;
/// For the stack and zeroed memory behind what is in the file.
const ROOM: u64 = 0x10_0000;
/// What the emulator ends with when the kernel says that all is good: 2 * 16 + 1.
const GOOD: i32 = 33;
const PRINTED: &str = "SSE and x87 trap\n50 calls cancelled from the timer's interrupt handler\ndone\n";

/// Links and runs it.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    image::need_mingw(Arch::X86_64)?;
    tools::need(&[&QEMU])?;
    let target = Target { arch: Arch::X86_64, format: Format::Gnu };
    let archive = Archive::build(project, log, target, Port::Host)?;
    let folder = project.scratch().join("windows").join("kernel");
    fs::create_dir_all(&folder)?;
    let source = project.root.join("tests/windows/kernel");
    let pe = folder.join("kernel.exe");
    let link = Cmd::new(target.arch.mingw("gcc"))
        .args([
            "-O1",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-ffreestanding",
            "-mgeneral-regs-only",
            "-mno-red-zone",
            "-nostdlib",
        ])
        .arg(format!("-Wl,--gc-sections,--entry=start,--image-base={BASE:#x},--defsym,image_end={:#x}", BASE + ROOM))
        .arg("-I")
        .arg(project.root.join("include"))
        // first: it starts with the loader's header
        .arg(source.join("boot.S"))
        .arg(source.join("kernel.c"))
        .arg(image::memory(log, target, &folder)?)
        .arg(&archive.path)
        .arg("-o")
        .arg(&pe);
    log.check(&link)?;
    let bytes = fs::read(&pe)?;
    let parsed = object::File::parse(&*bytes)?;
    let end = parsed.sections().map(|s| s.address() + s.size()).max().unwrap_or(0);
    ensure!(end > BASE && end <= BASE + ROOM, "the image ends at {end:#x}");
    let flat = folder.join("kernel.bin");
    log.check(&Cmd::new(target.arch.mingw("objcopy")).args(["-O", "binary"]).arg(&pe).arg(&flat))?;
    let run = Cmd::new(QEMU.name)
        .args(["-nographic", "-monitor", "none", "-serial", "stdio", "-no-reboot", "-m", "64"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel"])
        .arg(&flat);
    let done = log.run_within(&run, Duration::from_secs(120))?;
    let printed = done.output.replace('\r', "");
    ensure!(done.status.and_then(|s| s.code()) == Some(GOOD), "the kernel failed: {printed}");
    ensure!(printed.ends_with(PRINTED), "the kernel printed {printed}");
    Ok(Outcome::Passed)
}
