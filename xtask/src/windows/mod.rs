//! The Windows ABI: archives and DLLs that a COM runtime or an application links, what their linkers demand, and programs under Wine.

mod archive;
mod consumer;
mod demands;
mod dist;
mod example;
mod image;
mod instructions;
mod kernel;
pub mod manifest;
mod programs;
mod stranger;
mod target;
mod wine;

pub use archive::{Archive, Port};
pub use dist::command;
pub use image::need_mingw;
pub use programs::takes_nothing_of_ole32;

use crate::report::Step;
use target::TARGETS;
pub use target::{Arch, Format, Target};
pub use wine::Wine;

/// The steps of the gate.
pub fn steps() -> impl Iterator<Item = Step> {
    let archives = TARGETS.into_iter().map(|target| {
        Step::new(format!("archive {}", target.name()), move |project, log| demands::step(project, log, target))
            .minutes(30)
    });
    let widths = [Arch::X86_64, Arch::I686];
    let dlls = widths.into_iter().map(|arch| {
        Step::new(format!("dll {}", arch.name()), move |project, log| dist::step(project, log, arch)).minutes(30)
    });
    let programs = widths.into_iter().map(|arch| {
        Step::new(format!("wine {}", arch.name()), move |project, log| programs::step(project, log, arch)).minutes(40)
    });
    archives.chain(dlls).chain([Step::new("dist", consumer::step).minutes(30)]).chain(programs).chain([Step::new(
        "kernel x86_64",
        kernel::step,
    )
    .minutes(30)])
}
