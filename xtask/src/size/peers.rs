//! What others need for the nearest job, on a Cortex-M3, optimised for size.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;

use super::library::{Image, build_small, built};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools;

const TARGET: &str = "thumbv7m-none-eabi";

/// A task waits for a binary semaphore; another gives it, also from an interrupt handler, or ends the wait.
const FREERTOS: [&str; 5] =
    ["xQueueGenericCreateStatic", "xQueueSemaphoreTake", "xQueueGenericSend", "xQueueGiveFromISR", "xTaskAbortDelay"];
const SIGNAL: [&str; 3] = ["signal_signal", "signal_poll", "signal_reset"];

/// The kernel's part: all that these functions draw in, and they alone.
pub fn freertos(project: &Project, log: &mut Log) -> Result<(Image, u64)> {
    tools::need(&[&tools::ARM_GCC, &tools::NEWLIB, &tools::ARM_LD])?;
    let source = project.root.join("examples/freertos");
    let metadata = MetadataCommand::new()
        .manifest_path(source.join("kernel/Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()?;
    let package = metadata.packages.iter().find(|p| p.name.as_str() == "freertos-next").context("no freertos-next")?;
    let kernel = package.manifest_path.as_std_path().with_file_name("FreeRTOS-Kernel");
    let folder = project.scratch().join("size/freertos");
    fs::create_dir_all(&folder)?;
    let compile = Cmd::new(tools::ARM_GCC.name)
        .args(["-mcpu=cortex-m3", "-mthumb", "-Os", "-ffunction-sections", "-fdata-sections", "-c"])
        .args(["-DBOARD_stm32vldiscovery", "-DINCLUDE_xTaskAbortDelay=1", "-I"])
        .arg(&source)
        .arg("-I")
        .arg(source.join("board"))
        .arg("-I")
        .arg(kernel.join("include"))
        .arg("-I")
        .arg(kernel.join("portable/GCC/ARM_CM3"))
        .args(["tasks.c", "list.c", "queue.c", "portable/GCC/ARM_CM3/port.c"].map(|file| kernel.join(file)))
        .dir(&folder);
    log.check(&compile)?;
    let objects = ["tasks.o", "list.o", "queue.o", "port.o"].map(|file| folder.join(file));
    let image = link(log, folder.join("freertos.elf"), &FREERTOS, &objects)?;
    let alone = image.symbols.iter().filter(|s| FREERTOS.contains(&s.name.as_str())).map(|s| s.size).sum();
    Ok((image, alone))
}

/// embassy-sync's.
pub fn signal(project: &Project, log: &mut Log) -> Result<Image> {
    tools::need(&[&tools::ARM_LD])?;
    let build = build_small(project, TARGET)?.dir(project.root.join("xtask/src/size/signal"));
    log.check(&build.arg("--locked"))?;
    let elf = project.scratch().join("size/signal.elf");
    link(log, elf, &SIGNAL, &[built(project, TARGET, "libsignal.a")])
}

/// With what the application would bring left open.
fn link(log: &mut Log, path: PathBuf, roots: &[&str], objects: &[PathBuf]) -> Result<Image> {
    let mut link = Cmd::new(tools::ARM_LD.name)
        .args(["--gc-sections", "--unresolved-symbols=ignore-all", "-e", roots[0], "-o"])
        .arg(&path);
    for root in roots {
        link = link.args(["-u", *root]);
    }
    log.check(&link.args(objects))?;
    Image::read(path)
}
