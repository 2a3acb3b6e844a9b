//! tests/soak: everything at once, for as long as one likes by hand, for so many epochs in the gate.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::demo;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Step;
use crate::suite::harness;

/// The step of the gate: so many epochs, however long they take.
pub fn step() -> Step {
    Step::new("soak", |project, log| {
        let soak = build(project, log)?;
        let printed = log.check(&soak.args(["--epochs", "20"]))?;
        ensure!(printed.contains(": nothing left"), "it did not come to its end");
        // and what it would not have accepted
        harness::run(log, &project.cargo(["test", "--release", "-p", "cocancel-soak"]))
    })
}

/// `cargo xtask soak`
pub fn command(project: &Project, minutes: u64, seed: Option<u64>) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "soak build", Duration::from_secs(600))?;
    let soak = match build(project, &mut log) {
        Ok(soak) => soak,
        Err(error) => {
            println!("{}", log.tail(200)?);
            return Err(error);
        }
    };
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    let status = soak.arg("--minutes").arg(minutes.to_string()).arg("--seed").arg(seed.to_string()).run_attached()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Builds it, and the server processes that it kills; gives the program with what it always needs.
fn build(project: &Project, log: &mut Log) -> Result<Cmd> {
    let server = demo::server(project, log)?;
    log.check(&project.cargo(["build", "--release", "-p", "cocancel-soak"]))?;
    let program: PathBuf = project.target.join("release/cocancel-soak");
    let out = project.target.join("soak");
    Ok(Cmd::new(program).arg("--server").arg(server).arg("--out").arg(out))
}
