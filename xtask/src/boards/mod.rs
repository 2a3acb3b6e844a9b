//! The programs of examples/boards, in the emulator: what they print is compared with the file beside each.

pub mod targets;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use similar::TextDiff;

use crate::cross::Cross;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome, Step};
use crate::tools;
use targets::{TARGETS, Target};

/// A program is over within a second; one that hangs is not waited for longer than this.
const LIMIT: Duration = Duration::from_secs(60);

/// The steps of the gate: each target, then each board.
pub fn steps() -> impl Iterator<Item = Step> {
    let format = Step::new("fmt boards", |project, log| {
        log.check(&project.cargo(["fmt", "--check"]).dir(project.root.join("examples/boards")))?;
        Ok(Outcome::Passed)
    });
    let targets = TARGETS
        .into_iter()
        .map(|t| Step::new(format!("target {}", t.name), move |project, log| t.step(project, log)).minutes(20));
    let boards = TARGETS.into_iter().map(|t| {
        Step::new(format!("board {}", t.name), move |project, log| Ok(Outcome::Tests(run(project, log, t, false)?)))
            .minutes(20)
    });
    std::iter::once(format).chain(targets).chain(boards)
}

/// `cargo xtask boards`
pub fn command(project: &Project, bless: bool) -> Result<ExitCode> {
    let logs = project.scratch().join("logs");
    let mut total = Counts::default();
    for (i, target) in TARGETS.into_iter().enumerate() {
        let mut log = Log::create(&logs, &format!("board {}", target.name), Duration::from_secs(20 * 60))?;
        // All boards print the same: the first one's output is the new text, the others are held to it.
        match run(project, &mut log, target, bless && i == 0) {
            Ok(counts) => {
                println!("{}: {} passed, {} failed", target.name, counts.passed, counts.failed);
                if counts.failed > 0 {
                    println!("{}", log.tail(100)?);
                }
                total += counts;
            }
            Err(error) => {
                println!("{}\n{}: {error:#}", log.tail(100)?, target.name);
                total.failed += 1;
            }
        }
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The programs: their names and where their expected output stands.
fn programs(project: &Project) -> Result<Vec<(String, PathBuf)>> {
    let folder = project.root.join("examples/boards/src/bin");
    let mut programs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|n| n.to_str()?.strip_suffix(".rs")) {
            programs.push((name.to_owned(), path.with_extension("expected")));
        }
    }
    programs.sort();
    ensure!(!programs.is_empty(), "no programs in {}", folder.display());
    Ok(programs)
}

/// Builds and runs every program on one board, in each way to do without compare-exchange that the board needs.
fn run(project: &Project, log: &mut Log, target: Target, bless: bool) -> Result<Counts> {
    tools::need(&[if target.name.starts_with("thumb") { &tools::QEMU_ARM } else { &tools::QEMU_RISCV }])?;
    let cross = Cross::find(target.name)?;
    let ways: &[&str] =
        if target.compare_exchange { &["critical-section"] } else { &["critical-section", "single-core"] };
    let mut counts = Counts::default();
    for way in ways {
        let cargo = |command| -> Result<_> {
            Ok(cross
                .cargo_linking(project, command)?
                .dir(project.root.join("examples/boards"))
                // chooses another board than the target's
                .unset("BOARD")
                .args(["--no-default-features", "--features", way, "--target-dir"])
                .arg(targets::folder(project)))
        };
        log.check(&cargo("build")?.arg("--bins"))?;
        for (name, expected) in programs(project)? {
            // through cargo, so that the documented runner is what runs it
            let done = log.run_within(&cargo("run")?.args(["--quiet", "--bin", &name]), LIMIT)?;
            let printed = without_notes(&done.output);
            if bless && done.success() {
                fs::write(&expected, &printed)?;
            }
            let wanted = fs::read_to_string(&expected).unwrap_or_default();
            if done.success() && printed == wanted && !wanted.is_empty() {
                counts.passed += 1;
                continue;
            }
            counts.failed += 1;
            log.line(format!("{name} on {} ({way}): {}", target.name, describe(done.status)))?;
            let diff = TextDiff::from_lines(&wanted, &printed);
            log.line(diff.unified_diff().header("expected", "printed").to_string())?;
        }
    }
    Ok(counts)
}

fn describe(status: Option<std::process::ExitStatus>) -> String {
    status.map_or_else(|| format!("killed after {} s", LIMIT.as_secs()), |status| status.to_string())
}

/// What the program printed, without the emulator's own remarks.
fn without_notes(output: &str) -> String {
    output.split_inclusive('\n').filter(|line| !line.starts_with("qemu-system-")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulators_remarks_are_no_output() {
        assert_eq!(without_notes("a\nqemu-system-arm: warning: x\nb"), "a\nb");
    }
}
