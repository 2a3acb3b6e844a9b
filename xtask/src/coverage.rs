//! `cargo xtask coverage`: which lines, regions and branches of the library the tests execute.
//!
//! Branches are counted here, one for each outcome of each condition: a generic function is compiled many times, and what one copy
//! reaches is reached.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde::Deserialize;

use crate::exec::Cmd;
use crate::explained::{self, Place, Seen};
use crate::log::Log;
use crate::project::Project;
use crate::suite::sanitizers::Toolchain;
use crate::tools::{self, GCC};

/// The outcomes that no test reaches, with the reasons.
pub const LIST: &str = "tests/coverage-unreached.toml";
/// What is measured.
const SOURCES: [&str; 2] = ["core/src", "ffi/src"];
/// What only tests are built with.
const TEST_ATOMICS: [&str; 2] = ["sync/counted.rs", "sync/stepped.rs"];

/// Tests that are built together.
struct Part {
    name: &'static str,
    packages: &'static [&'static str],
    features: &'static str,
    flags: &'static str,
}

/// The tests that are run for it.
const PARTS: [Part; 2] = [
    // those of the core, and the C programs for the C functions
    Part {
        name: "plain",
        packages: &["cocancel", "cocancel-host-tests", "cocancel-c-tests"],
        features: "cocancel/com,cocancel/posix,cocancel/bare-metal",
        flags: "",
    },
    // another thread between any two steps: the outcomes that no test with real threads reaches each time
    Part { name: "steps", packages: &["cocancel-kill-anywhere"], features: "", flags: " --cfg cocancel_steps" },
];
/// Branches, too. The third is for `%c` below. Atomic counters, because a condition's outcome is the difference of two, and lost counts
/// would make outcomes of nothing.
const FLAGS: &str = "-Cinstrument-coverage -Zcoverage-options=branch -Cllvm-args=-runtime-counter-relocation \
                     -Cllvm-args=-instrprof-atomic-counter-update-all";
/// `%c`: counted in the file itself, so that a process that ends by `_exit` has its counts there, too.
const PROFILE: &str = "%c%p-%m.profraw";

/// `cargo xtask coverage`
pub fn command(project: &Project) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "coverage", Duration::from_secs(3600))?;
    let files = match measure(project, &mut log) {
        Ok(files) => files,
        Err(error) => {
            println!("{}", log.tail(100)?);
            return Err(error);
        }
    };
    let known = explained::read(&project.root, LIST)?;
    println!("{:<40} {:>13} {:>13} {:>13}", "", "lines", "regions", "branches");
    for root in SOURCES {
        let below: Vec<_> = files.iter().filter(|f| f.name.starts_with(root)).collect();
        for file in &below {
            println!("{}", row(&file.name, file.lines, file.regions, file.branches()));
        }
        let sum = |part: fn(&File) -> Ratio| below.iter().map(|f| part(f)).fold(Ratio::default(), Ratio::plus);
        println!("{}\n", row(root, sum(|f| f.lines), sum(|f| f.regions), sum(File::branches)));
    }
    let outcomes: Vec<Seen> = files.into_iter().flat_map(|f| f.outcomes).collect();
    for Seen { place: Place { file, code, what }, line, .. } in outcomes.iter().filter(|o| o.missed) {
        println!("{file}:{line}: {what}: {code}");
    }
    let (explained, unexamined) = explained::count(&known, &outcomes);
    println!("{explained} outcomes that no test reaches are explained in {LIST}, {unexamined} listed but not examined");
    let complaints = explained::complaints(&known, &outcomes, true);
    complaints.iter().for_each(|complaint| println!("{complaint}"));
    Ok(if complaints.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(name: &str, lines: Ratio, regions: Ratio, branches: Ratio) -> String {
    format!("{name:<40} {:>13} {:>13} {:>13}", lines.show(), regions.show(), branches.show())
}

/// So many of so many.
#[derive(Clone, Copy, Default, Deserialize)]
struct Ratio {
    count: usize,
    covered: usize,
}

impl Ratio {
    fn plus(self, other: Self) -> Self {
        Self { count: self.count + other.count, covered: self.covered + other.covered }
    }

    fn show(self) -> String {
        if self.count == 0 {
            return "-".into();
        }
        // rounded down, so that 100 means all
        format!("{}/{} {}%", self.covered, self.count, self.covered * 100 / self.count)
    }
}

/// A source file.
struct File {
    name: String,
    lines: Ratio,
    regions: Ratio,
    outcomes: Vec<Seen>,
}

impl File {
    fn branches(&self) -> Ratio {
        Ratio { count: self.outcomes.len(), covered: self.outcomes.iter().filter(|o| !o.missed).count() }
    }
}

fn measure(project: &Project, log: &mut Log) -> Result<Vec<File>> {
    tools::need(&[&GCC])?;
    let toolchain = Toolchain::find("asan")?;
    let bin = toolchain.llvm_tools()?;
    let target = project.target.join("coverage");
    let profiles = target.join("profiles");
    // those of other code would be added up with ours
    if profiles.exists() {
        fs::remove_dir_all(&profiles)?;
    }
    let executable = Regex::new(r"(?m)^\s+Running .*\((.*)\)$").expect("a constant pattern");
    let mut objects = vec![target.join("plain/debug/libcocancel.so")];
    for part in &PARTS {
        let mut test = toolchain.program(project, Path::new("cargo")).args(["test", "--lib", "--tests"]);
        for package in part.packages {
            test = test.args(["-p", package]);
        }
        let test = test
            .args(["--features", part.features])
            .env("CARGO_TARGET_DIR", target.join(part.name))
            .env("RUSTFLAGS", FLAGS.to_owned() + part.flags)
            .env("LLVM_PROFILE_FILE", profiles.join(PROFILE))
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        let said = log.check(&test)?;
        objects.extend(executable.captures_iter(&said).map(|found| project.root.join(&found[1])));
    }
    let merged = target.join("merged.profdata");
    let raw = fs::read_dir(&profiles)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<PathBuf>>>()?;
    log.check(&Cmd::new(bin.join("llvm-profdata")).args(["merge", "-sparse", "-o"]).arg(&merged).args(raw))?;
    let mut export = Cmd::new(bin.join("llvm-cov")).args(["export", "-format=text", "-instr-profile"]).arg(&merged);
    export = export.arg(&objects[0]);
    for object in &objects[1..] {
        export = export.arg("-object").arg(object);
    }
    let json = export.arg("-sources").args(SOURCES.map(|source| project.root.join(source))).read()?;
    let files = files(&project.root, &json)?;
    ensure!(files.iter().any(|f| f.branches().covered > 0), "nothing was measured");
    Ok(files)
}

#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<Exported>,
}

#[derive(Deserialize)]
struct Exported {
    filename: PathBuf,
    branches: Vec<Branch>,
    summary: Summary,
}

#[derive(Deserialize)]
struct Summary {
    lines: Ratio,
    regions: Ratio,
}

/// First line and column, last line and column, how often true, how often false; and numbers that are not needed.
#[derive(Deserialize)]
struct Branch(
    usize,
    usize,
    usize,
    usize,
    u64,
    u64,
    #[allow(dead_code)] u64,
    #[allow(dead_code)] u64,
    #[allow(dead_code)] u64,
);

fn files(root: &Path, json: &str) -> Result<Vec<File>> {
    let export: Export = serde_json::from_str(json).context("what llvm-cov exported")?;
    let mut files = Vec::new();
    for exported in export.data.into_iter().flat_map(|data| data.files) {
        let name = exported.filename.strip_prefix(root).unwrap_or(&exported.filename).display().to_string();
        if name.ends_with("/tests.rs") || name.contains("/tests/") || TEST_ATOMICS.iter().any(|end| name.ends_with(end))
        {
            continue;
        }
        let text = fs::read_to_string(&exported.filename).with_context(|| name.clone())?;
        let outcomes = outcomes(&name, &text, &exported.branches);
        let Summary { lines, regions } = exported.summary;
        files.push(File { name, lines, regions, outcomes });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Each condition's two outcomes, in the order of the text. Not those of unit tests in the same file.
fn outcomes(file: &str, text: &str, branches: &[Branch]) -> Vec<Seen> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|two| two[0] == "#[cfg(test)]" && two[1].starts_with("mod tests {"));
    let mut counts = BTreeMap::<_, [bool; 2]>::new();
    for Branch(line, column, last_line, last_column, yes, no, ..) in branches {
        let count = counts.entry((*line, *column, *last_line, *last_column)).or_default();
        *count = [count[0] | (*yes > 0), count[1] | (*no > 0)];
    }
    let mut outcomes = Vec::new();
    for ((line, column, last_line, last_column), count) in counts {
        let Some(code) = lines.get(line - 1).filter(|_| tests.is_none_or(|tests| line <= tests)) else { continue };
        // columns are in bytes
        let last = if last_line == line { last_column - 1 } else { code.len() };
        let condition = code.get(column - 1..last).unwrap_or(code).trim();
        for (outcome, reached) in ["true", "false"].into_iter().zip(count) {
            let what = format!("`{condition}` never {outcome}");
            let place = Place { file: file.into(), code: code.trim().into(), what };
            outcomes.push(Seen { place, line, missed: !reached });
        }
    }
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_function_add_up_and_unit_tests_do_not_count() {
        let text =
            "fn f(a: bool) {\n    if a { g() }\n}\n\n#[cfg(test)]\nmod tests {\n    fn t(b: bool) { if b {} }\n}\n";
        let branches =
            [Branch(2, 8, 2, 9, 0, 3, 0, 0, 4), Branch(2, 8, 2, 9, 0, 0, 0, 0, 4), Branch(7, 24, 7, 25, 0, 0, 0, 0, 4)];
        let seen = outcomes("f.rs", text, &branches);
        let missed: Vec<_> = seen.iter().map(|s| (s.place.what.as_str(), s.place.code.as_str(), s.missed)).collect();
        assert_eq!(missed, [("`a` never true", "if a { g() }", true), ("`a` never false", "if a { g() }", false)]);
    }
}
