//! The image: built, played, traced, and what it consists of.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Processor;
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools;

/// It takes seconds; one that hangs is not waited for longer than this.
const LIMIT: Duration = Duration::from_secs(300);

/// What came of a scenario.
#[derive(Debug)]
pub struct Played {
    /// Its name, as the image knows it.
    pub name: String,
    /// How often it was played.
    pub trials: usize,
    /// The different outcomes: all answers, then what was counted.
    pub outcomes: BTreeSet<Vec<u32>>,
    /// Before which instructions the interrupt came.
    pub visited: BTreeSet<u32>,
}

/// The instructions of a scenario's operation, when nothing interrupts it.
#[derive(Debug, Default)]
pub struct Traced {
    /// At which interrupts come.
    pub unmasked: BTreeSet<u32>,
    /// At which they are masked.
    pub masked: BTreeSet<u32>,
    /// How many were executed.
    pub executed: usize,
}

/// A function of the library.
pub struct Function {
    /// Its demangled name.
    pub name: String,
    /// Their addresses.
    pub instructions: Vec<u32>,
}

/// What the image consists of.
#[derive(Default)]
pub struct Listing {
    /// The library's functions that were not inlined.
    pub functions: Vec<Function>,
    begins: u32,
    ends: u32,
    /// Instructions that mask interrupts.
    mask: BTreeSet<u32>,
    /// Instructions that let them in again.
    unmask: BTreeSet<u32>,
}

/// An image for a processor.
pub struct Image {
    /// The file.
    pub elf: PathBuf,
    machine: &'static str,
    trace: PathBuf,
}

impl Image {
    /// Builds it.
    pub fn build(project: &Project, log: &mut Log, processor: Processor) -> Result<Self> {
        tools::need(&[&tools::QEMU_ARM, &tools::ARM_OBJDUMP])?;
        let folder = project.target.join("interrupts");
        let cross = Cross::find(processor.target)?;
        let mut cargo = cross.cargo_linking(project, "build")?.dir(project.root.join("tests/interrupts"));
        if let Some(feature) = processor.feature {
            cargo = cargo.args(["--features", feature]);
        }
        log.check(&cargo.arg("--target-dir").arg(&folder))?;
        let built = folder.join(processor.target).join("release/cocancel-interrupts");
        // one folder, so that nothing is compiled three times; the next processor's image may take this one's place there
        let name = format!("{}-{}", processor.target, processor.feature.unwrap_or("native"));
        let elf = folder.join(&name).with_extension("elf");
        fs::copy(&built, &elf).with_context(|| built.display().to_string())?;
        Ok(Self { elf, machine: processor.machine, trace: folder.join(name).with_extension("trace") })
    }

    fn emulator(&self, argument: &str) -> Cmd {
        let semihosting = format!("enable=on,target=native,arg=cocancel-interrupts,arg={argument}");
        Cmd::new(tools::QEMU_ARM.name)
            .args(["-machine", self.machine, "-icount", "shift=0,sleep=off", "-nographic", "-monitor", "none"])
            .args(["-serial", "none", "-semihosting-config", &semihosting, "-kernel"])
            .arg(&self.elf)
    }

    /// Plays all scenarios.
    pub fn play(&self, log: &mut Log) -> Result<Vec<Played>> {
        let done = log.run_within(&self.emulator("play"), LIMIT)?;
        ensure!(done.success(), "the image ended with {:?}", done.status);
        played(&done.output)
    }

    /// Plays each operation once, uninterrupted, and logs its instructions.
    pub fn trace(&self, log: &mut Log, listing: &Listing) -> Result<Vec<Traced>> {
        let version = Cmd::new(tools::QEMU_ARM.name).arg("--version").read()?;
        // before version 9 the emulator has no property for it
        let is_old = version
            .split("version ")
            .nth(1)
            .and_then(|v| v.split('.').next()?.parse().ok())
            .is_some_and(|v: u32| v < 9);
        let one_by_one: &[&str] = if is_old { &["-singlestep"] } else { &["-accel", "tcg,one-insn-per-tb=on"] };
        let done = log.run_within(
            &self.emulator("trace").args(one_by_one).args(["-d", "exec,nochain", "-D"]).arg(&self.trace),
            LIMIT,
        )?;
        ensure!(done.success(), "the image ended with {:?}", done.status);
        let text = fs::read_to_string(&self.trace).with_context(|| self.trace.display().to_string())?;
        fs::remove_file(&self.trace)?;
        traced(&text, listing)
    }

    /// Disassembles it.
    pub fn listing(&self) -> Result<Listing> {
        listing(&Cmd::new(tools::ARM_OBJDUMP.name).args(["-d", "--no-show-raw-insn"]).arg(&self.elf).read()?)
    }
}

fn hex(text: &str) -> Result<u32> {
    u32::from_str_radix(text, 16).with_context(|| format!("not a hexadecimal number: {text}"))
}

/// The image's output.
fn played(output: &str) -> Result<Vec<Played>> {
    let mut all: Vec<Played> = Vec::new();
    for line in output.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let numbers = || rest.split_whitespace().map(hex);
        match (kind, all.last_mut()) {
            ("scenario", _) => {
                let mut words = rest.splitn(3, ' ');
                let trials = words.nth(1).and_then(|n| n.parse().ok()).context("a scenario without trials")?;
                let name = words.next().context("a scenario without a name")?.to_owned();
                all.push(Played { name, trials, outcomes: BTreeSet::new(), visited: BTreeSet::new() });
            }
            ("outcome", Some(scenario)) => {
                scenario.outcomes.insert(numbers().collect::<Result<_>>()?);
            }
            ("visited", Some(scenario)) => scenario.visited = numbers().collect::<Result<_>>()?,
            _ => {}
        }
    }
    Ok(all)
}

/// The emulator's log: `Trace 0: 0x7f... [00800400/080004d8/...]`, of which the second number in brackets is the address.
fn traced(log: &str, listing: &Listing) -> Result<Vec<Traced>> {
    let mut all = Vec::new();
    let mut current: Option<Traced> = None;
    let mut is_masked = false;
    for line in log.lines() {
        let Some(address) = line.split_once('[').and_then(|(_, rest)| rest.split('/').nth(1)) else { continue };
        let address = hex(address)?;
        if address == listing.begins {
            current = Some(Traced::default());
            continue;
        }
        if address == listing.ends {
            all.extend(current.take());
        }
        if let Some(traced) = &mut current {
            traced.executed += 1;
            if is_masked { &mut traced.masked } else { &mut traced.unmasked }.insert(address);
            is_masked = (is_masked || listing.mask.contains(&address)) && !listing.unmask.contains(&address);
        }
    }
    Ok(all)
}

/// What the disassembler prints.
fn listing(text: &str) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut function: Option<Function> = None;
    for line in text.lines() {
        if let Some((address, symbol)) = line.split_once(" <").filter(|_| line.ends_with(">:")) {
            listing.functions.extend(function.take());
            let symbol = symbol.trim_end_matches(">:");
            match symbol {
                "cocancel_operation_begins" => listing.begins = hex(address)?,
                "cocancel_operation_ends" => listing.ends = hex(address)?,
                _ => {}
            }
            let name = format!("{:#}", rustc_demangle::demangle(symbol));
            if name.contains("cocancel::") {
                function = Some(Function { name, instructions: Vec::new() });
            }
            continue;
        }
        let Some((address, instruction)) = line.split_once(":\t") else { continue };
        let address = hex(address.trim())?;
        let instruction = instruction.trim();
        if let Some(function) = &mut function
            && !instruction.starts_with('.')
        {
            function.instructions.push(address);
        }
        match instruction.split_whitespace().next() {
            Some("cpsid") => {
                listing.mask.insert(address);
            }
            Some("cpsie" | "msr") => {
                listing.unmask.insert(address);
            }
            _ => {}
        }
    }
    listing.functions.extend(function);
    ensure!(listing.begins != 0 && listing.ends != 0, "the marks are not in the image");
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_split_at_its_marks_and_masks() {
        let listing = listing(
            "00000100 <cocancel_operation_begins>:\n 100:\tbx\tlr\n00000102 <cocancel_operation_ends>:\n 102:\tbx\tlr\n\
             00000104 <f>:\n 104:\tnop\n 106:\tcpsid\ti\n 108:\tnop\n 10a:\tcpsie\ti\n 10c:\tbx\tlr\n",
        )
        .unwrap();
        let line = |at| format!("Trace 0: 0x7f00 [00800400/{at:08x}/00000110/ff000000] f\n");
        let log: String = [0x80, 0x100, 0x104, 0x106, 0x108, 0x10a, 0x10c, 0x102, 0x80].map(line).concat();
        let traced = traced(&log, &listing).unwrap();
        assert_eq!(traced.len(), 1);
        assert_eq!(traced[0].unmasked, BTreeSet::from([0x104, 0x106, 0x10c]));
        assert_eq!(traced[0].masked, BTreeSet::from([0x108, 0x10a]));
        assert_eq!(traced[0].executed, 5);
    }

    #[test]
    fn outcomes_belong_to_their_scenario() {
        let played =
            played("scenario 0 128 a, b\noutcome 0 80010115\noutcome 1\nvisited 100 102\nscenario 1 1 c\n").unwrap();
        assert_eq!((played[0].name.as_str(), played[0].trials, played[1].name.as_str()), ("a, b", 128, "c"));
        assert_eq!(played[0].outcomes, BTreeSet::from([vec![0, 0x8001_0115], vec![1]]));
        assert_eq!(played[0].visited, BTreeSet::from([0x100, 0x102]));
    }
}
