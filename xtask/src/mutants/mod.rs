//! `cargo xtask mutants`: cargo-mutants changes the library mechanically, one operator or function body at a time, and tests must notice.
//!
//! Not to be confused with `cargo xtask mutate`, which plants the errors of tests/mutations.toml, chosen by hand, each for one test.
//!
//! The tests run in rounds, the cheapest first: what one round notices is not tried in the next.

mod verdicts;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::exec::Cmd;
use crate::explained;
use crate::log::Log;
use crate::mutate::Copy;
use crate::project::Project;
use crate::tools;
use verdicts::{Kind, Verdicts};

/// The mutants that survive, with the reasons.
pub const LIST: &str = "tests/mutants-survivors.toml";
const TOOL: &str = "cargo-mutants";

/// Tests that every mutant goes through which the rounds before have not noticed.
struct Round {
    name: &'static str,
    /// The packages whose mutants it can notice.
    mutated: &'static [&'static str],
    /// The package with the tests, its features, and which of its tests.
    package: &'static str,
    features: &'static str,
    tests: &'static [&'static str],
    flags: &'static str,
    optimisation: &'static str,
    /// Seconds after which the tests count as hanging, many times what they take on the unchanged code.
    timeout: &'static str,
}

const ROUNDS: [Round; 4] = [
    Round {
        name: "unit tests",
        mutated: &["cocancel"],
        package: "cocancel",
        features: "com,posix,bare-metal",
        tests: &["--lib"],
        flags: "",
        optimisation: "0",
        timeout: "10",
    },
    Round {
        name: "against the model, and real threads",
        mutated: &["cocancel"],
        package: "cocancel-host-tests",
        features: "",
        tests: &["--test=against_the_model", "--test=sleepers", "--test=elsewhere", "--test=threads"],
        flags: "",
        optimisation: "1",
        timeout: "60",
    },
    Round {
        name: "threads that cut into one another, or stop, at each step",
        mutated: &["cocancel"],
        package: "cocancel-kill-anywhere",
        features: "",
        tests: &["--tests"],
        flags: "--cfg cocancel_steps",
        optimisation: "1",
        timeout: "60",
    },
    Round {
        name: "C programs",
        mutated: &["cocancel", "cocancel-ffi"],
        package: "cocancel-c-tests",
        features: "",
        tests: &[],
        flags: "",
        optimisation: "0",
        timeout: "60",
    },
];

/// Which mutants are tried: all, if nothing is said.
pub struct Choice {
    /// Those of these files.
    pub files: Vec<String>,
    /// Those in what this diff adds or changes.
    pub in_diff: Option<PathBuf>,
    /// Go on with a run that was interrupted; nothing may have changed since.
    pub resume: bool,
}

impl Choice {
    fn is_whole(&self) -> bool {
        self.files.is_empty() && self.in_diff.is_none()
    }

    fn args(&self) -> Result<Vec<String>> {
        let mut args: Vec<_> = self.files.iter().map(|file| format!("--file={file}")).collect();
        if let Some(diff) = &self.in_diff {
            args.push(format!(
                "--in-diff={}",
                diff.canonicalize().with_context(|| diff.display().to_string())?.display()
            ));
        }
        Ok(args)
    }
}

/// `cargo xtask mutants`
pub fn command(project: &Project, choice: &Choice) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "mutants", Duration::from_secs(3600))?;
    let program = tools::cargo_tool(project, &mut log, TOOL)?;
    let known = explained::read(&project.root, LIST)?;
    let folder = project.target.join("mutants");
    // Changed in place, in a copy: so cargo need not build everything anew for each.
    let tree = Copy::make(&project.root, &folder)?.root;
    let mut verdicts = Verdicts::new(&folder, choice.resume)?;
    let run = Run { program: &program, project, tree: &tree, folder: &folder, choice: choice.args()? };
    for (number, round) in (1..).zip(&ROUNDS) {
        println!("round {number}: {}", round.name);
        run.green(number, round, &mut log)?;
        run.round(number, round, &mut verdicts)?;
    }
    let seen = verdicts.seen(&tree)?;
    let (explained, unexamined) = explained::count(&known, &seen);
    let of = |kind| verdicts.of(kind).count();
    println!(
        "{} mutants: {} noticed, {} noticed because they hang, {} do not compile, {} survive ({explained} explained in {LIST}, {unexamined} listed \
         but not examined)",
        seen.len(),
        of(Kind::Caught),
        of(Kind::Timeout),
        of(Kind::Unviable),
        seen.iter().filter(|s| s.missed).count(),
    );
    let complaints = explained::complaints(&known, &seen, choice.is_whole());
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Run<'a> {
    program: &'a Path,
    project: &'a Project,
    tree: &'a Path,
    folder: &'a Path,
    choice: Vec<String>,
}

impl Run<'_> {
    /// The tests must pass on the code as it is, or their failing would mean nothing. cargo-mutants would run the tests of the packages
    /// that it changes.
    fn green(&self, number: usize, round: &Round, log: &mut Log) -> Result<()> {
        let test = self.project.cargo(["test", "--package", round.package]).dir(self.tree);
        let test = if round.features.is_empty() { test } else { test.args(["--features", round.features]) };
        log.check(&self.env(test.args(round.tests), number, round))?;
        Ok(())
    }

    fn round(&self, number: usize, round: &Round, verdicts: &mut Verdicts) -> Result<()> {
        let output = verdicts.begin(number)?;
        let packages = round.mutated.iter().flat_map(|package| ["--package", package]);
        let cmd = Cmd::new(self.program)
            .args(["mutants", "--in-place", "--iterate", "--baseline=skip", "--no-times", "--timeout", round.timeout])
            .args(packages)
            .args(["--test-package", round.package, "--features", round.features])
            .args(round.tests.iter().map(|test| format!("--cargo-test-arg={test}")))
            .args(&self.choice)
            .arg("--output")
            .arg(&output)
            .dir(self.tree);
        let status = self.env(cmd, number, round).run_attached()?;
        // 2 and 3: there are survivors, or some hang
        ensure!(matches!(status.code(), Some(0 | 2 | 3)), "{TOOL} failed ({status}): see {}", output.display());
        verdicts.end()
    }

    fn env(&self, cmd: Cmd, number: usize, round: &Round) -> Cmd {
        cmd.env("CARGO_TARGET_DIR", self.folder.join(format!("target-{number}")))
            .env("RUSTFLAGS", round.flags)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", round.optimisation)
    }
}
