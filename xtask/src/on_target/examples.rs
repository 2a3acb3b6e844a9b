//! The programs of examples/embassy and examples/rtic: what they print is compared with the file beside each.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use similar::TextDiff;

use super::emulator::Machine;
use crate::cross::Cross;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome, Step};

/// An executor, with the machine that its programs are for.
const EXECUTORS: [(&str, Machine); 2] = [("embassy", Machine("stm32vldiscovery")), ("rtic", Machine("lm3s6965evb"))];
const TARGET: &str = "thumbv7m-none-eabi";
const PROGRAMS: [&str; 2] = ["cancel", "conformance"];

/// A program is over within a second; one that hangs, because a wake was lost, is not waited for longer than this.
const LIMIT: Duration = Duration::from_secs(60);

/// What the emulator says by itself.
const REMARKS: [&str; 2] = ["qemu-system-", "Timer with period zero"];

pub fn steps() -> impl Iterator<Item = Step> {
    EXECUTORS.into_iter().map(|(name, machine)| {
        Step::new(name, move |project, log| Ok(Outcome::Tests(run(project, log, name, machine)?))).minutes(20)
    })
}

fn run(project: &Project, log: &mut Log, name: &str, machine: Machine) -> Result<Counts> {
    machine.need()?;
    let folder = format!("examples/{name}");
    let cross = Cross::find(TARGET)?;
    log.check(&super::cargo(project, &cross, "build", &folder)?.arg("--bins"))?;
    let mut counts = Counts::default();
    for program in PROGRAMS {
        let elf = project.target.join("on-target").join(TARGET).join("release").join(program);
        // both executors' programs have these names, and are in one folder
        let own = elf.with_file_name(format!("{program}-{name}"));
        fs::copy(&elf, &own)?;
        let done = log.run_within(&machine.run(&own, &[]), LIMIT)?;
        let printed = without_remarks(&done.output);
        let wanted =
            fs::read_to_string(project.root.join(&folder).join("src/bin").join(format!("{program}.expected")))?;
        ensure!(!wanted.is_empty(), "nothing is expected of {program}");
        if done.success() && printed == wanted {
            counts.passed += 1;
            continue;
        }
        counts.failed += 1;
        let status = done.status.map_or("killed: it hung".to_owned(), |status| status.to_string());
        log.line(format!("{program} of {folder}: {status}"))?;
        let diff = TextDiff::from_lines(&wanted, &printed);
        log.line(diff.unified_diff().header("expected", "printed").to_string())?;
    }
    Ok(counts)
}

fn without_remarks(output: &str) -> String {
    let is_remark = |line: &&str| REMARKS.iter().any(|remark| line.starts_with(remark));
    output.split_inclusive('\n').filter(|line| !is_remark(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulators_remarks_are_no_output() {
        assert_eq!(without_remarks("Timer with period zero, disabling\na\nqemu-system-arm: x\nb"), "a\nb");
    }
}
