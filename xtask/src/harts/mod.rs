//! tests/harts: two RISC-V harts that really run in parallel, in the emulator.
//!
//! The image says what each operation answered, and in which order the operations were called and returned; here the histories are
//! held against the reference model. And the harts must have raced: every outcome that an order of whole operations has must
//! have been seen, and operations that overlapped.

// the checker of histories, as the tests on the host use it
#[path = "../../../tests/host/src"]
#[allow(dead_code, reason = "some of it is only for those")]
mod host {
    pub mod history;
}
mod judge;
mod orders;
#[path = "../../../tests/harts/src/scenarios.rs"]
mod scenarios;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome, Step};
use crate::tools::{self, Missing};
use scenarios::SCENARIOS;

const TARGET: &str = "riscv32imac-unknown-none-elf";

/// Rounds of each scenario in one run of the image.
const ROUNDS: u32 = 100;
/// Runs are repeated until everything that must be seen was, but not more often than this.
const RUNS: u32 = 20;
/// And not less often than this.
const RUNS_AT_LEAST: u32 = 3;
/// A run takes some seconds, more on a busy machine; one that hangs, because a wake was lost, is not waited for longer.
const LIMIT: Duration = Duration::from_secs(300);

/// The steps of the gate.
pub fn steps() -> impl Iterator<Item = Step> {
    let format = Step::new("fmt harts", |project, log| {
        log.check(&project.cargo(["fmt", "--check"]).dir(project.root.join("tests/harts")))?;
        Ok(Outcome::Passed)
    });
    [format, Step::new("two harts", |project, log| Ok(Outcome::Tests(run(project, log)?))).minutes(30)].into_iter()
}

/// `cargo xtask harts`
pub fn command(project: &Project) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "two harts", LIMIT * 6)?;
    let counts = run(project, &mut log).inspect_err(|_| println!("{}", log.tail(50).unwrap_or_default()))?;
    println!("{}", log.tail(400)?);
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One test for each scenario.
fn run(project: &Project, log: &mut Log) -> Result<Counts> {
    if available_parallelism()?.get() < 2 {
        return Err(Missing { advice: "needs: two processors, for two harts".to_owned() }.into());
    }
    let image = build(project, log)?;
    let mut seen = judge::nothing_seen();
    for seed in 1..=RUNS {
        let semihosting = format!("enable=on,target=native,arg=cocancel-harts,arg={ROUNDS},arg={seed}");
        let emulator = Cmd::new(tools::QEMU_RISCV.name)
            .args(["-machine", "virt", "-smp", "2", "-bios", "none", "-accel", "tcg,thread=multi"])
            .args(["-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", &semihosting, "-kernel"])
            .arg(&image);
        let done = log.run_within(&emulator, LIMIT)?;
        ensure!(done.success(), "the image ended with {:?}", done.status);
        let mut rounds = judge::rounds(&done.output)?;
        for (number, (scenario, seen)) in SCENARIOS.iter().zip(&mut seen).enumerate() {
            let rounds = rounds.remove(&number).unwrap_or_default();
            ensure!(rounds.len() == ROUNDS as usize, "{}: {} rounds were played", scenario.name, rounds.len());
            seen.add(scenario, rounds)?;
        }
        if seed >= RUNS_AT_LEAST && SCENARIOS.iter().zip(&seen).all(|(scenario, seen)| seen.is_settled(scenario)) {
            break;
        }
    }
    let mut counts = Counts::default();
    for (scenario, seen) in SCENARIOS.iter().zip(&seen) {
        log.line(seen.report(scenario))?;
        match seen.verdict(scenario) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                counts.failed += 1;
                log.failed(format!("{}: {error:#}", scenario.name))?;
            }
        }
    }
    Ok(counts)
}

fn build(project: &Project, log: &mut Log) -> Result<PathBuf> {
    tools::need(&[&tools::QEMU_RISCV])?;
    let folder = project.target.join("harts");
    let cargo = Cross::find(TARGET)?.cargo_linking(project, "build")?.dir(project.root.join("tests/harts"));
    log.check(&cargo.arg("--target-dir").arg(&folder))?;
    Ok(folder.join(TARGET).join("release/cocancel-harts"))
}
