//! The models of tests/spin, checked exhaustively with spin.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Outcome, Step};
use crate::tools::{self, GCC, SPIN};

/// Bound on the verifier's memory, in MiB.
const MEMORY: u32 = 8000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Models {
    model: Vec<Model>,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Model {
    file: String,
    #[serde(default)]
    pan_flags: Vec<String>,
    #[serde(default)]
    c_flags: Vec<String>,
    pass: Vec<Vec<String>>,
    fail: Vec<Vec<String>>,
}

/// What a search showed.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// The whole state space has no error.
    NoError,
    /// There is a counterexample.
    Counterexample,
    /// The search was not completed.
    None,
}

/// A step for each model.
pub fn steps(project: &Project) -> Result<Vec<Step>> {
    let path = project.root.join("tests/spin/models.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let models: Models = toml::from_str(&text).context("tests/spin/models.toml")?;
    let step = |model: Model| {
        let name = format!("spin {}", model.file.trim_end_matches(".pml"));
        Step::new(name, move |project, log| check(project, log, &model))
    };
    Ok(models.model.into_iter().map(step).collect())
}

fn check(project: &Project, log: &mut Log, model: &Model) -> Result<Outcome> {
    tools::need(&[&SPIN, &GCC])?;
    let source = project.root.join("tests/spin").join(&model.file);
    ensure!(!model.pass.is_empty() && !model.fail.is_empty(), "a model without both kinds of invocation shows nothing");
    let passing = model.pass.iter().map(|d| (d, Verdict::NoError));
    let failing = model.fail.iter().map(|d| (d, Verdict::Counterexample));
    for (definitions, wanted) in passing.chain(failing) {
        let dir = project
            .scratch()
            .join("spin")
            .join(model.file.trim_end_matches(".pml"))
            .join(format!("variant-{}", definitions.join("-")));
        let verdict = search(log, model, &source, &dir, definitions)?;
        log.line(format!("{} {definitions:?}: {verdict:?}", model.file))?;
        if verdict != wanted {
            bail!("{} {definitions:?}: {verdict:?}, not {wanted:?}", model.file);
        }
    }
    Ok(Outcome::Passed)
}

fn search(log: &mut Log, model: &Model, source: &Path, dir: &Path, definitions: &[String]) -> Result<Verdict> {
    fs::create_dir_all(dir)?;
    let define = definitions.iter().map(|d| format!("-D{d}"));
    log.check(&Cmd::new("spin").args(define).arg("-a").arg(source).dir(dir))?;
    let compile = Cmd::new("gcc")
        .args(["-w", "-O2", "-DSAFETY"])
        .arg(format!("-DMEMLIM={MEMORY}"))
        .args(&model.c_flags)
        .args(["-o", "pan", "pan.c"])
        .dir(dir);
    log.check(&compile)?;
    let pan = Cmd::new(dir.join("pan")).args(&model.pan_flags).arg("-m400000").dir(dir);
    let done = log.run(&pan)?;
    Ok(verdict(done.success(), &done.output))
}

/// Reads the verifier's report. Its exit status alone does not tell a completed search.
fn verdict(success: bool, report: &str) -> Verdict {
    let incomplete = ["Search not completed", "too small", "reached -DMEMLIM", "out of memory"];
    let errors = report.lines().find_map(|line| {
        let (_, count) = line.split_once("errors: ")?;
        count.trim().parse::<u32>().ok()
    });
    match errors {
        Some(1..) => Verdict::Counterexample,
        Some(0) if success && !incomplete.iter().any(|text| report.contains(text)) => Verdict::NoError,
        _ => Verdict::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "State-vector 52 byte, depth reached 112, errors: 0\n  93516 states, stored";

    #[test]
    fn reports_are_read() {
        assert_eq!(verdict(true, CLEAN), Verdict::NoError);
        let found = "State-vector 52 byte, depth reached 7, errors: 1\nSearch not completed";
        assert_eq!(verdict(true, found), Verdict::Counterexample);
    }

    #[test]
    fn a_search_that_was_cut_short_shows_nothing() {
        assert_eq!(verdict(false, CLEAN), Verdict::None);
        let cut = format!("error: max search depth too small\n{CLEAN}");
        assert_eq!(verdict(true, &cut), Verdict::None);
        assert_eq!(verdict(true, ""), Verdict::None);
    }
}
