//! Steps that run Rust test harnesses, and counting what those ran.

use anyhow::{Result, ensure};
use regex::Regex;

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};

/// The tests on real threads.
pub fn host(project: &Project, log: &mut Log) -> Result<Outcome> {
    run(log, &test(project, ["-p", "cocancel-host-tests", "--release"]))
}

/// The reference model's own tests.
pub fn model(project: &Project, log: &mut Log) -> Result<Outcome> {
    run(log, &test(project, ["-p", "cocancel-model"]))
}

/// The core's unit tests and the examples in its documentation.
pub fn core(project: &Project, log: &mut Log) -> Result<Outcome> {
    run(log, &test(project, ["-p", "cocancel", "--all-features"]))
}

/// Calls as futures on tokio.
pub fn tokio(project: &Project, log: &mut Log) -> Result<Outcome> {
    run(log, &test(project, ["-p", "cocancel-tokio"]))
}

/// Reading the logs of boards.
pub fn inspect(project: &Project, log: &mut Log) -> Result<Outcome> {
    run(log, &test(project, ["-p", "cocancel-inspect"]))
}

/// The tests of this program.
pub fn xtask(project: &Project, log: &mut Log) -> Result<Outcome> {
    run(log, &test(project, ["-p", "xtask"]))
}

/// All interleavings. A target folder of its own, because RUSTFLAGS would rebuild everything back and forth.
pub fn loom(project: &Project, log: &mut Log) -> Result<Outcome> {
    let cmd = test(project, ["-p", "cocancel-loom-tests", "--release"])
        .arg("--target-dir")
        .arg(project.target.join("loom"))
        .env("RUSTFLAGS", "--cfg loom");
    run(log, &cmd)
}

/// A thread stopped for ever at every step of every operation; random interleavings.
pub fn kill_anywhere(project: &Project, log: &mut Log) -> Result<Outcome> {
    let cmd = test(project, ["-p", "cocancel-kill-anywhere", "--release"])
        .arg("--target-dir")
        .arg(project.target.join("steps"))
        .env("RUSTFLAGS", "--cfg cocancel_steps");
    run(log, &cmd)
}

fn test<'a>(project: &Project, args: impl IntoIterator<Item = &'a str>) -> Cmd {
    project.cargo(["test", "--no-fail-fast"]).args(args)
}

/// Runs a command that runs test harnesses. That none of its tests ran is an error: it would show nothing.
pub fn run(log: &mut Log, cmd: &Cmd) -> Result<Outcome> {
    let done = log.run(cmd)?;
    let mut counts = count(&done.output);
    if !done.success() && counts.failed == 0 {
        counts.failed = 1;
    }
    ensure!(counts != Counts::default(), "`{cmd}` ran no test; it would pass whatever the code does");
    Ok(Outcome::Tests(counts))
}

/// Adds up the results that test harnesses print.
pub fn count(output: &str) -> Counts {
    let result =
        Regex::new(r"(?m)^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored").expect("a constant pattern");
    let mut total = Counts::default();
    for found in result.captures_iter(output) {
        let number = |i: usize| found[i].parse().unwrap_or(0);
        total += Counts { passed: number(1), failed: number(2), skipped: number(3) };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_harnesses_add_up() {
        let output = "running 3 tests\n\
            test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            \x20    Running tests/b.rs\n\
            test result: FAILED. 4 passed; 5 failed; 0 ignored; 0 measured; 9 filtered out\n";
        let counts = Counts { passed: 6, failed: 5, skipped: 1 };
        assert_eq!(count(output), counts);
        assert_eq!(count("error: could not compile"), Counts::default());
    }
}
