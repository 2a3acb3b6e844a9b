//! `cargo xtask scale`: few and many calls, threads and cores: counted in a build with a hook before each atomic operation, measured and
//! simulated in another. The gate only counts, and less.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Outcome, Step};

/// So many threads end and begin in the gate.
const IN_GATE: u64 = 1_000_000;
/// What the counting run says for each of its promises.
const PROMISES: usize = 4;
/// How many kinds of ids it lets threads end and begin with.
const KINDS: usize = 3;

/// `cargo xtask scale`
pub fn command(project: &Project, churn: u64) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "scale", Duration::from_secs(3600))?;
    let counted = project.scratch().join("scale-counted.txt");
    let printed = log.check(&count(project, churn))?;
    print!("{printed}");
    fs::write(&counted, printed)?;
    let measure = bench(project).arg("measure").arg("--docs").arg(project.root.join("docs"));
    let status = measure.arg("--counted").arg(&counted).run_attached()?;
    ensure!(status.success(), "the measuring run failed");
    Ok(ExitCode::SUCCESS)
}

/// The step of the gate.
pub fn step() -> Step {
    Step::new("scale", |project, log| {
        let printed = log.check(&count(project, IN_GATE))?;
        let held = printed.lines().filter(|line| line.starts_with("held: ")).count();
        ensure!(held == PROMISES + KINDS, "{held} promises were held, not {}", PROMISES + KINDS);
        Ok(Outcome::Passed)
    })
}

fn bench(project: &Project) -> Cmd {
    project.cargo(["bench", "-q", "-p", "cocancel-bench", "--bench", "scale", "--"])
}

/// In the target folder of the other step whose library has the hook.
fn count(project: &Project, churn: u64) -> Cmd {
    bench(project)
        .args(["count", "--churn", &churn.to_string()])
        .env("CARGO_TARGET_DIR", project.target.join("steps"))
        .env("RUSTFLAGS", "--cfg cocancel_steps")
}
