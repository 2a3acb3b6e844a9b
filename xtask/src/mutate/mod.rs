//! Breaking the code on purpose: each mutation of tests/mutations.toml must turn its test red.

mod mutation;
mod tree;

use std::collections::HashMap;
use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::suite::harness;
use mutation::{Mutation, Target};
pub use tree::Copy;

/// How long each kind and name of test takes on the unbroken code.
type Times<'a> = HashMap<(Target, &'a str), Duration>;

/// What became of a mutation.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// Its test failed, as it should.
    Red,
    /// Its test never came to an end.
    Hung,
    /// Its test passed: the test does not see this error.
    Survived,
    /// It does not compile, or its text is not there once: it shows nothing.
    Broken(String),
}

/// `cargo xtask mutate`
pub fn command(project: &Project, name: Option<&str>) -> Result<ExitCode> {
    let logs = project.scratch().join("logs");
    let mut log = Log::create(&logs, "mutate", Duration::from_secs(3600))?;
    let counts = match run(project, &mut log, name, |line| println!("{line}")) {
        Ok(counts) => counts,
        Err(error) => {
            println!("{}", log.tail(100)?);
            return Err(error);
        }
    };
    println!("{} red, {} not", counts.passed, counts.failed);
    if counts.failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    println!("see {}", log.path().display());
    Ok(ExitCode::FAILURE)
}

/// All mutations as a step of the gate.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    let mut lines = Vec::new();
    let counts = run(project, log, None, |line| lines.push(line.to_owned()))?;
    for line in lines {
        log.line(line)?;
    }
    ensure!(counts.failed == 0, "{} mutations were not noticed", counts.failed);
    Ok(Outcome::Passed)
}

fn run(project: &Project, log: &mut Log, name: Option<&str>, mut say: impl FnMut(&str)) -> Result<Counts> {
    let mutations: Vec<Mutation> =
        mutation::read(&project.root)?.into_iter().filter(|m| name.is_none_or(|n| m.name.contains(n))).collect();
    ensure!(!mutations.is_empty(), "no mutation has this name");
    let copy = Copy::make(&project.root, &project.target.join("mutate"))?;
    let times = green(project, log, &copy, &mutations)?;
    say("unbroken: all named tests are green");
    let mut counts = Counts::default();
    for mutation in &mutations {
        let usual = times[&(mutation.run, mutation.test.as_str())];
        let verdict = try_one(project, log, &copy, mutation, usual)?;
        let word = match &verdict {
            Verdict::Red => "red".to_owned(),
            Verdict::Hung => "red (ran out of time)".to_owned(),
            Verdict::Survived => "NOT NOTICED".to_owned(),
            Verdict::Broken(why) => format!("BROKEN: {why}"),
        };
        say(&format!("{:<40} {word}", mutation.name));
        if matches!(verdict, Verdict::Red | Verdict::Hung) {
            counts.passed += 1;
        } else {
            say(&format!("    {}", mutation.why));
            counts.failed += 1;
        }
    }
    Ok(counts)
}

/// Every named test must exist and pass on the code as it is, or its being red would mean nothing. Gives how long each
/// took.
fn green<'a>(project: &Project, log: &mut Log, copy: &Copy, mutations: &'a [Mutation]) -> Result<Times<'a>> {
    let mut times = Times::new();
    for mutation in mutations {
        let key = (mutation.run, mutation.test.as_str());
        if times.contains_key(&key) {
            continue;
        }
        let cmd = test(project, copy, mutation)?;
        log.check(&cmd.clone().arg("--no-run"))?;
        let start = Instant::now();
        let done = log.run(&cmd.arg(&mutation.test))?;
        let counts = harness::count(&done.output);
        ensure!(
            done.success() && counts.passed > 0,
            "test {:?} is not green on the unbroken code: {} passed, {} failed",
            mutation.test,
            counts.passed,
            counts.failed
        );
        times.insert(key, start.elapsed());
    }
    Ok(times)
}

/// Plants one error, runs its test, and takes the error out again.
fn try_one(project: &Project, log: &mut Log, copy: &Copy, mutation: &Mutation, usual: Duration) -> Result<Verdict> {
    log.line(format!("=== {}: {}", mutation.name, mutation.why))?;
    let broken = match copy.break_file(mutation) {
        Ok(broken) => broken,
        Err(error) => return Ok(Verdict::Broken(error.to_string())),
    };
    // Compiled by itself first: what does not compile fails too, but shows nothing.
    let cmd = test(project, copy, mutation)?;
    let verdict = if log.run(&cmd.clone().arg("--no-run"))?.success() {
        match log.run_within(&cmd.arg(&mutation.test), hang(usual))?.status {
            None => Verdict::Hung,
            Some(status) if status.success() => Verdict::Survived,
            Some(_) => Verdict::Red,
        }
    } else {
        Verdict::Broken("it does not compile".to_owned())
    };
    broken.restore()?;
    Ok(verdict)
}

/// A run, in the copy, of the test binary that has the mutation's test; no other is compiled.
fn test(project: &Project, copy: &Copy, mutation: &Mutation) -> Result<Cmd> {
    let target = mutation.run;
    let (folder, args): (_, &[_]) = match target {
        Target::Loom => ("loom", &["-p", "cocancel-loom-tests", "--release"]),
        Target::Host => ("host", &["-p", "cocancel-host-tests", "--release"]),
        Target::Steps => ("kill-anywhere", &["-p", "cocancel-kill-anywhere", "--release"]),
        Target::Core => ("core", &["-p", "cocancel", "--all-features", "--lib"]),
    };
    let mut cmd = project.cargo(["test", "--target-dir"]).arg(copy.folder.join(folder)).args(args).dir(&copy.root);
    if target != Target::Core {
        let tests = copy.root.join("tests").join(folder).join("tests");
        let mut binaries = 0;
        for entry in fs::read_dir(&tests).with_context(|| tests.display().to_string())? {
            let path = entry?.path();
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if is_rust && fs::read_to_string(&path)?.contains(&format!("fn {}", mutation.test)) {
                binaries += 1;
                cmd = cmd.arg("--test").arg(path.file_stem().unwrap_or_default());
            }
        }
        ensure!(binaries > 0, "no file of {} has the test {}", tests.display(), mutation.test);
    }
    Ok(match target {
        Target::Loom => cmd.env("RUSTFLAGS", "--cfg loom"),
        Target::Steps => cmd.env("RUSTFLAGS", "--cfg cocancel_steps"),
        Target::Host | Target::Core => cmd,
    })
}

/// When a test that usually takes `usual` counts as hanging, which is red as well.
fn hang(usual: Duration) -> Duration {
    Duration::from_secs(30) + 5 * usual
}
