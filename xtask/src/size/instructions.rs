//! Instructions of each operation, from the emulator's log of tests/interrupts.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::listing::Listing;

use crate::cross::Cross;
use crate::exec::Cmd;
use crate::interrupts::scenarios::SCENARIOS;
use crate::log::Log;
use crate::project::Project;
use crate::tools::{self, Tool};

const QEMU: Tool = Tool { name: "qemu-system-arm", package: "qemu-system-arm" };
const LIMIT: Duration = Duration::from_secs(300);

/// A processor, and how the library does without compare-exchange there.
#[derive(Clone, Copy)]
pub struct Processor {
    pub name: &'static str,
    triple: &'static str,
    machine: &'static str,
    feature: Option<&'static str>,
}

/// All of them.
pub const PROCESSORS: [Processor; 3] = [
    Processor {
        name: "Cortex-M0, critical section",
        triple: "thumbv6m-none-eabi",
        machine: "microbit",
        feature: Some("critical-section"),
    },
    Processor {
        name: "Cortex-M0, single core",
        triple: "thumbv6m-none-eabi",
        machine: "microbit",
        feature: Some("single-core"),
    },
    Processor { name: "Cortex-M3", triple: "thumbv7m-none-eabi", machine: "stm32vldiscovery", feature: None },
];

/// What was measured on a processor.
pub struct Measured {
    /// For each operation the least and the most instructions among the scenarios.
    pub operations: BTreeMap<String, (usize, usize)>,
    /// The most instructions executed with interrupts masked, and where. Nothing where nothing masks them.
    pub masked: (u32, String),
}

impl Processor {
    /// Plays each operation once, uninterrupted.
    pub fn measure(&self, project: &Project, log: &mut Log) -> Result<Measured> {
        tools::need(&[&QEMU])?;
        let folder = project.target.join("interrupts").join(self.feature.unwrap_or("native"));
        let source = project.root.join("tests/interrupts");
        let mut cargo = Cross::find(self.triple)?.cargo_linking(project, "build")?.dir(source);
        if let Some(feature) = self.feature {
            cargo = cargo.args(["--features", feature]);
        }
        log.check(&cargo.arg("--target-dir").arg(&folder))?;
        let elf = folder.join(self.triple).join("release/cocancel-interrupts");
        let listing = Listing::of(&elf)?;
        let mark = |name: &str| {
            let found = listing.functions.iter().find(|(_, n)| *n == name);
            found.map(|(address, _)| *address).with_context(|| format!("no {name}"))
        };
        let marks = [mark("cocancel_operation_begins")?, mark("cocancel_operation_ends")?];
        let counts = counted(&self.trace(log, &elf, &folder.join("instructions"))?, marks);
        ensure!(counts.len() == SCENARIOS.len(), "{} of {} scenarios", counts.len(), SCENARIOS.len());
        let mut operations: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (scenario, count) in SCENARIOS.iter().zip(counts) {
            let name = format!("{:?}", scenario.interrupted);
            let name = name.split('(').next().unwrap_or_default().to_owned();
            let (least, most) = operations.entry(name).or_insert((count, count));
            (*least, *most) = (count.min(*least), count.max(*most));
        }
        Ok(Measured { operations, masked: listing.longest_masked()? })
    }

    fn trace(&self, log: &mut Log, elf: &PathBuf, file: &PathBuf) -> Result<String> {
        let version = Cmd::new(QEMU.name).arg("--version").read()?;
        let major = version.split("version ").nth(1).and_then(|v| v.split('.').next()?.parse().ok());
        // before version 9 the emulator has no property for it
        let one_by_one: &[&str] =
            if major.is_some_and(|v: u32| v < 9) { &["-singlestep"] } else { &["-accel", "tcg,one-insn-per-tb=on"] };
        let semihosting = "enable=on,target=native,arg=cocancel-interrupts,arg=trace";
        let emulator = Cmd::new(QEMU.name)
            .args(["-machine", self.machine, "-icount", "shift=0,sleep=off", "-nographic", "-monitor", "none"])
            .args(["-serial", "none", "-semihosting-config", semihosting, "-kernel"])
            .arg(elf)
            .args(one_by_one)
            .args(["-d", "exec,nochain", "-D"])
            .arg(file);
        let done = log.run_within(&emulator, LIMIT)?;
        ensure!(done.success(), "the image ended with {:?}", done.status);
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        fs::remove_file(file)?;
        Ok(text)
    }
}

/// Instructions between the marks, each time.
fn counted(log: &str, [begins, ends]: [u64; 2]) -> Vec<usize> {
    let mut all = Vec::new();
    let mut current = None;
    for line in log.lines() {
        // Trace 0: 0x7f... [00800400/080004d8/...]: the second number in brackets is the address
        let Some(address) = line.split_once('[').and_then(|(_, rest)| rest.split('/').nth(1)) else { continue };
        let Ok(address) = u64::from_str_radix(address, 16) else { continue };
        if address == begins {
            current = Some(0);
        } else if address == ends {
            all.extend(current.take());
        } else if let Some(count) = &mut current {
            *count += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_between_the_marks_are_counted() {
        let line = |at: u64| format!("Trace 0: 0x7f00 [00800400/{at:08x}/00000110/ff000000] f\n");
        let log: String = [1, 0x100, 4, 5, 0x200, 6, 0x100, 7, 0x200].map(line).concat();
        assert_eq!(counted(&log, [0x100, 0x200]), [2, 1]);
    }
}
