//! tests/fuzz under libFuzzer and AddressSanitizer: so many runs in the gate, as many minutes as one likes by hand.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use regex::Regex;

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome, Step};
use crate::suite::sanitizers::Toolchain;
use crate::tools;

/// The targets, and how many runs of each the gate makes.
const TARGETS: [(&str, u32); 3] = [("sequence", 20_000), ("script", 20_000), ("threads", 2_000)];
/// Inputs up to this many bytes, of any length from the first run on.
const LENGTH: [&str; 2] = ["-max_len=1000", "-len_control=0"];

/// The step of the gate: so many runs, each from the same seed.
pub fn step() -> Step {
    Step::new("fuzz", |project, log| {
        let fuzz = Fuzz::build(project, log)?;
        for (target, runs) in TARGETS {
            let done = log.check(&fuzz.run(target)?.args(["-seed=1".to_owned(), format!("-runs={runs}")]))?;
            ensure!(done.contains(&format!("Done {runs} runs")), "{target} did not make its {runs} runs");
        }
        Ok(Outcome::Tests(Counts { passed: TARGETS.len(), ..Counts::default() }))
    })
    .minutes(15)
}

/// `cargo xtask fuzz`
pub fn command(project: &Project, minutes: u32, only: Option<&str>, keep: bool) -> Result<ExitCode> {
    // for all targets, and building them
    let limit = Duration::from_secs(60 * u64::from(minutes) * TARGETS.len() as u64 + 3600);
    let mut log = Log::create(&project.scratch().join("logs"), "fuzz", limit)?;
    let fuzz = Fuzz::build(project, &mut log)?;
    let done = Regex::new(r"Done (\d+) runs in (\d+) second").expect("a constant pattern");
    let named: Vec<_> = TARGETS.iter().filter(|(target, _)| only.is_none_or(|only| *target == only)).collect();
    ensure!(!named.is_empty(), "there is no target of this name");
    for (target, _) in named {
        let time = format!("-max_total_time={}", minutes * 60);
        let said = match log.check(&fuzz.run(target)?.arg(time)) {
            Ok(said) => said,
            Err(error) => {
                println!("{}", log.tail(60)?);
                return Err(error.context(format!("{target}: the input is under {}", fuzz.found(target).display())));
            }
        };
        let [runs, seconds] = done.captures(&said).context("libFuzzer did not say what it has done")?.extract().1;
        println!("{target:<10}{runs:>10} runs in {seconds} s, no failure");
        if keep {
            let merge = ["-merge=1", "-use_counters=0"];
            let cmd = Cmd::new(fuzz.binary(target)).args(merge).arg(fuzz.corpus(target)).arg(fuzz.found(target));
            ensure!(cmd.run_attached()?.success(), "{target}: the corpora were not merged");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The built targets.
struct Fuzz {
    source: PathBuf,
    target: PathBuf,
    host: String,
}

impl Fuzz {
    fn build(project: &Project, log: &mut Log) -> Result<Self> {
        let toolchain = Toolchain::find("asan")?;
        let (source, target) = (project.root.join("tests/fuzz"), project.target.join("fuzz"));
        let program = tools::cargo_tool(project, log, "cargo-fuzz")?;
        log.check(&project.cargo(["fmt", "--check"]).dir(&source))?;
        let build = toolchain.program(project, &program).args(["build", "--fuzz-dir", "."]).dir(&source);
        log.check(&build.env("CARGO_TARGET_DIR", &target))?;
        Ok(Self { source, target, host: toolchain.host })
    }

    fn binary(&self, target: &str) -> PathBuf {
        self.target.join(&self.host).join("release").join(target)
    }

    /// What is kept with the sources.
    fn corpus(&self, target: &str) -> PathBuf {
        self.source.join("corpus").join(target)
    }

    /// What the runs here have found.
    fn found(&self, target: &str) -> PathBuf {
        self.target.join("found").join(target)
    }

    /// A run from both, which adds to the second only.
    fn run(&self, target: &str) -> Result<Cmd> {
        let (kept, found) = (self.corpus(target), self.found(target));
        fs::create_dir_all(&found).with_context(|| found.display().to_string())?;
        let kept_inputs = fs::read_dir(&kept).with_context(|| kept.display().to_string())?.count();
        ensure!(kept_inputs > 0, "{} is empty", kept.display());
        let artifacts = format!("-artifact_prefix={}/failed-", found.display());
        Ok(Cmd::new(self.binary(target)).arg(found).arg(kept).arg(artifacts).args(LENGTH))
    }
}
