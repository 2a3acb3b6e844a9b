//! The demonstration of examples/rpc: C programs over the C library.

mod timeline;
mod trace;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};

use crate::c::{self, Library};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools::{self, GCC};

/// Files of examples/rpc that are programs. NAME_*.c belongs to the program NAME; every other file is linked into each of them.
const PROGRAMS: [&str; 4] = ["server", "demo", "client", "soak"];

fn folder(project: &Project) -> PathBuf {
    project.scratch().join("demo")
}

/// Builds the programs as target/xtask/demo/rpc-NAME; gives the demonstration itself.
fn build(project: &Project, log: &mut Log) -> Result<PathBuf> {
    tools::need(&[&GCC])?;
    let library = Library::build(project, log)?;
    let source = project.root.join("examples/rpc");
    let files = c::sources(&source)?;
    let stem = |p: &Path| p.file_stem().map(|s| s.to_string_lossy().into_owned());
    let (programs, common): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|p| stem(p).is_some_and(|s| PROGRAMS.contains(&s.as_str())));
    let dir = folder(project);
    fs::create_dir_all(&dir)?;
    for program in &programs {
        let name = stem(program).context("a file without a name")?;
        let owner = |p: &Path| {
            let stem = stem(p).unwrap_or_default();
            PROGRAMS.into_iter().find(|program| stem.strip_prefix(program).is_some_and(|rest| rest.starts_with('_')))
        };
        let linked = common.iter().filter(|p| owner(p).is_none_or(|owner| owner == name));
        let cmd = Cmd::new("gcc")
            .args(["-std=c11", "-pthread", "-O2", "-g", "-Wall", "-Wextra", "-Werror"])
            .arg("-I")
            .arg(project.root.join("include"))
            .arg("-I")
            .arg(&source)
            .arg(program)
            .args(linked)
            .args(library.link_static())
            .arg("-o")
            .arg(dir.join(format!("rpc-{name}")))
            .dir(&project.root);
        log.check(&cmd)?;
    }
    let demo = dir.join("rpc-demo");
    ensure!(programs.iter().any(|p| stem(p).as_deref() == Some("demo")), "examples/rpc/demo.c is missing");
    Ok(demo)
}

/// Builds the programs; gives the server.
pub fn server(project: &Project, log: &mut Log) -> Result<PathBuf> {
    Ok(build(project, log)?.with_file_name("rpc-server"))
}

/// `cargo xtask demo`
pub fn command(project: &Project, trace: Option<&Path>, list: bool, scene: Option<&str>) -> Result<ExitCode> {
    let logs = project.scratch().join("logs");
    let mut log = Log::create(&logs, "demo build", std::time::Duration::from_secs(600))?;
    let demo = match build(project, &mut log) {
        Ok(demo) => demo,
        Err(error) => {
            println!("{}", log.tail(200)?);
            return Err(error);
        }
    };
    let mut cmd = Cmd::new(demo).unset("LD_LIBRARY_PATH");
    if let Some(trace) = trace {
        cmd = cmd.arg("--trace").arg(trace);
    }
    if list {
        cmd = cmd.arg("--list");
    }
    if let Some(scene) = scene {
        cmd = cmd.args(["--scene", scene]);
    }
    let status = cmd.run_attached()?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}

/// `cargo xtask timeline`: plays one scene and draws its trace into docs/timeline.svg.
pub fn timeline(project: &Project, scene: &str) -> Result<ExitCode> {
    let file = folder(project).join("timeline.json");
    let played = command(project, Some(&file), false, Some(scene))?;
    if played == ExitCode::SUCCESS {
        let picture = project.root.join("docs/timeline.svg");
        svg::save(&picture, &timeline::draw(&fs::read_to_string(&file)?)?)?;
        println!("{}", project.short(&picture));
    }
    Ok(played)
}

/// The demonstration as a step of the gate: all is as expected, the trace is sound, and the list of scenes is complete.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    let demo = build(project, log)?;
    let file = folder(project).join("trace.json");
    log.check(&Cmd::new(&demo).arg("--trace").arg(&file).unset("LD_LIBRARY_PATH"))?;
    let json = fs::read_to_string(&file)?;
    let contents = trace::check(&json).with_context(|| format!("{}", file.display()))?;
    timeline::draw(&json).context("the trace cannot be drawn")?;
    log.line(format!("the trace is sound: {contents:?}"))?;
    ensure!(contents.slices > 0 && contents.instants > 0 && contents.arrows > 0, "the trace is empty: {contents:?}");
    let list = Cmd::new(&demo).arg("--list").unset("LD_LIBRARY_PATH").read()?;
    let played: BTreeSet<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let readme = fs::read_to_string(project.root.join("examples/rpc/README.md"))?;
    let listed = listed(&readme);
    let differing: Vec<_> = played.symmetric_difference(&listed).collect();
    ensure!(
        differing.is_empty(),
        "examples/rpc/README.md and `rpc-demo --list` do not both have these scenes: {differing:?}"
    );
    Ok(Outcome::Passed)
}

/// The scenes that the tables of rows name in their last column, `scenes`.
fn listed(readme: &str) -> BTreeSet<&str> {
    readme
        .lines()
        .filter_map(|line| line.strip_prefix('|')?.strip_suffix('|')?.rsplit('|').next())
        .flat_map(|scenes| scenes.split(','))
        .map(str::trim)
        .filter(|scene| scene.starts_with(|c: char| c.is_ascii_lowercase()) && *scene != "scenes")
        .filter(|scene| scene.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .collect()
}

/// A thousand servers killed at random moments: no client waits for ever, nothing is left behind.
pub fn soak(project: &Project, log: &mut Log) -> Result<Outcome> {
    let soak = build(project, log)?.with_file_name("rpc-soak");
    log.check(&Cmd::new(soak).args(["1000"]).unset("LD_LIBRARY_PATH"))?;
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_stand_in_the_last_column() {
        let readme = "text\n| row | scenes |\n|---|---|\n| a row | one, another-one |\n| a second | one |\n";
        assert_eq!(listed(readme), BTreeSet::from(["one", "another-one"]));
    }
}
