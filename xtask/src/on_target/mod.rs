//! The port-conformance suite in Rust: on the host, and as tests that run on boards; ports to asynchronous executors; defmt; a board under a debugger.

mod debugged;
mod elf;
mod emulator;
mod examples;
mod logged;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;

use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome, Step};
use crate::suite::harness;
use emulator::Machine;

const SUITE: &str = "tests/conformance-rs";
const TESTS: &str = "tests/on-target";

const TARGETS: [(&str, Machine); 5] = [
    ("thumbv6m-none-eabi", Machine("microbit")),
    ("thumbv7m-none-eabi", Machine("stm32vldiscovery")),
    ("thumbv7em-none-eabihf", Machine("netduinoplus2")),
    ("riscv32imac-unknown-none-elf", Machine("virt")),
    ("riscv32imc-unknown-none-elf", Machine("virt")),
];

/// The steps of the gate.
pub fn steps() -> impl Iterator<Item = Step> {
    let host = [Step::new("fmt on target", fmt), Step::new("conformance posix", on_posix)];
    let boards = TARGETS.into_iter().map(|(target, machine)| {
        Step::new(format!("conformance {target}"), move |project, log| {
            let elf = build_tests(project, log, target)?;
            Ok(Outcome::Tests(run_tests(log, machine, &elf, None)?))
        })
        .minutes(20)
    });
    host.into_iter().chain(boards).chain(examples::steps()).chain([logged::step(), debugged::step()])
}

/// `cargo xtask on-target MACHINE ELF`: the runner of `cargo test` in tests/on-target.
pub fn command(project: &Project, machine: String, elf: &Path, filter: Option<&str>) -> Result<ExitCode> {
    let machine = Machine::named(machine)?;
    let mut log = Log::create(&project.scratch().join("logs"), "on target", Duration::from_secs(20 * 60))?;
    let counts = run_tests(&mut log, machine, elf, filter)?;
    println!("{}", log.tail(1000)?);
    println!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped);
    Ok(if counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn fmt(project: &Project, log: &mut Log) -> Result<Outcome> {
    for folder in [SUITE, TESTS, "ports/tasks", "examples/embassy", "examples/rtic"] {
        log.check(&project.cargo(["fmt", "--check"]).dir(project.root.join(folder)))?;
    }
    Ok(Outcome::Passed)
}

fn on_posix(project: &Project, log: &mut Log) -> Result<Outcome> {
    let cargo = |args: [&'static str; 2]| {
        let cmd = project.cargo(args).dir(project.root.join(SUITE));
        cmd.arg("--target-dir").arg(project.target.join("conformance"))
    };
    log.check(&cargo(["clippy", "--all-targets"]).args(["--", "-Dwarnings"]))?;
    harness::run(log, &cargo(["test", "--no-fail-fast"]))
}

/// A cargo command in a workspace for boards.
fn cargo(project: &Project, cross: &Cross, command: &str, folder: &str) -> Result<Cmd> {
    let cmd = cross.cargo_linking(project, command)?.dir(project.root.join(folder)).unset("BOARD");
    Ok(cmd.arg("--target-dir").arg(project.target.join("on-target")))
}

/// Builds the tests and gives their ELF file.
fn build_tests(project: &Project, log: &mut Log, target: &str) -> Result<PathBuf> {
    let cross = Cross::find(target)?;
    let cmd = cargo(project, &cross, "test", TESTS)?;
    built(log, &cmd.args(["--no-run", "--test", "conformance", "--message-format", "json-render-diagnostics"]))
}

/// Runs a cargo command that prints messages and links one file: which one.
fn built(log: &mut Log, cmd: &Cmd) -> Result<PathBuf> {
    let output = log.check(cmd)?;
    let executable = |message| match message {
        Message::CompilerArtifact(artifact) => artifact.executable,
        _ => None,
    };
    let messages = Message::parse_stream(output.as_bytes()).filter_map(Result::ok);
    let path = messages.filter_map(executable).last().with_context(|| format!("`{cmd}` linked nothing"))?;
    Ok(path.into_std_path_buf())
}

/// Runs each test of an ELF file whose name contains `filter`, on a machine that was just switched on.
fn run_tests(log: &mut Log, machine: Machine, elf: &Path, filter: Option<&str>) -> Result<Counts> {
    machine.need()?;
    let mut counts = Counts::default();
    let file = std::fs::read(elf).with_context(|| elf.display().to_string())?;
    let tests = elf::tests(&file).with_context(|| elf.display().to_string())?;
    for test in tests.iter().filter(|test| filter.is_none_or(|filter| test.name.contains(filter))) {
        if test.ignored {
            counts.skipped += 1;
            continue;
        }
        let cmd = machine.run(elf, &["run_addr", &test.address.to_string()]);
        let done = log.run_within(&cmd, Duration::from_secs(test.timeout))?;
        let passed = match done.status {
            Some(status) => status.success() != test.should_panic,
            None => false,
        };
        if passed {
            counts.passed += 1;
            log.line(format!("test {} ... ok", test.name))?;
        } else {
            counts.failed += 1;
            log.failed(format!("test {}", test.name))?;
        }
    }
    ensure!(counts != Counts::default(), "no test ran; it would pass whatever the code does");
    Ok(counts)
}
