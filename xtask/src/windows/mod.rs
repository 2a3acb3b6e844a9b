//! The Windows ABI: archives and DLLs that a COM runtime or an application links, what their linkers demand, and programs under Wine.

mod archive;
mod demands;
mod dist;
mod image;
mod instructions;
mod kernel;
mod programs;
mod target;
mod wine;

pub use dist::command;

use crate::report::Step;
use target::{Arch, TARGETS};

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
    archives.chain(dlls).chain(programs).chain([Step::new("kernel x86_64", kernel::step).minutes(30)])
}
