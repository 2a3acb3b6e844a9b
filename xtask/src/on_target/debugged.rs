//! A board under a debugger: what the script for gdb shows of one that is stuck is what the board itself logs then. It is an emulated
//! board; the debugger asks the emulator as it would ask the server of a debug probe.

use std::fs;

use anyhow::{Result, ensure};

use super::logged::{self, FOLDER, LIMIT, MACHINE, TARGET};
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::inspect::{Row, gdb, rows, shown, tick};
use crate::log::Log;
use crate::project::Project;
use crate::report::{Outcome, Step};
use crate::tools::{self, Tool};

const GDB: Tool = Tool { name: "gdb-multiarch", package: "gdb-multiarch" };
const OBJCOPY: Tool = Tool { name: "arm-none-eabi-objcopy", package: "binutils-arm-none-eabi" };

pub fn step() -> Step {
    Step::new("inspect board", run).minutes(20)
}

fn run(project: &Project, log: &mut Log) -> Result<Outcome> {
    MACHINE.need()?;
    tools::need(&[&GDB, &OBJCOPY])?;
    log.check(&project.cargo(["build", "-p", "cocancel-inspect", "--bins"]))?;
    let build = super::cargo(project, &Cross::find(TARGET)?, "build", FOLDER)?;
    let build = build.args(["--features", "defmt", "--bin", "stuck", "--message-format", "json-render-diagnostics"]);
    // with its types: layout.json is for hosts
    let elf = super::built(log, &build.env("CARGO_PROFILE_RELEASE_DEBUG", "2"))?;
    let folder = project.scratch().join("inspect-board");
    fs::create_dir_all(&folder)?;

    let frames = folder.join("frames");
    let done = log.run_within(&MACHINE.run(&elf, &[]).output(&frames), LIMIT)?;
    ensure!(done.success(), "it ended with {:?}", done.status);
    let own = logged::table(project, &logged::decode(&fs::read(&elf)?, &fs::read(&frames)?, true)?)?;
    log.line(&own)?;

    // once more, stopped before its first instruction, and with a socket for the debugger
    let place = tempfile::tempdir()?;
    let socket = place.path().join("gdb").display().to_string();
    let emulator = format!(
        "shell timeout --foreground {} {} -S -chardev socket,path={socket},server=on,wait=off,id=gdb -gdb chardev:gdb >{} & \
         for i in $(seq 100); do test -S {socket} && break; sleep 0.1; done",
        LIMIT.as_secs(),
        MACHINE.run(&elf, &[]),
        place.path().join("frames").display(),
    );
    let calls = format!("cocancel calls --now {} stuck::RUNTIME", tick(&own)?);
    let (target, until) = (format!("target remote {socket}"), "break semihosting::process::exit");
    let gdb = |commands: &[&str]| gdb(project, GDB.name, &project.target.join("debug"), commands);
    let look = [&emulator, &target, until, "continue", "cocancel calls stuck::RUNTIME", &calls, "kill"];
    let output = log.run(&gdb(&look).arg(&elf))?.output;
    ensure!(output.contains("which tick is it there?"), "without a tick it must ask for one");
    // the board's memory has no room for ages, its log has them
    let ageless = |table: &str| -> Result<Vec<_>> {
        Ok(rows(table)?.into_iter().map(|Row { left, rest, .. }| (left, rest)).collect())
    };
    ensure!(ageless(shown(&output))? == ageless(&own)?, "it is not what the board logs");

    let stripped = folder.join("stripped");
    log.check(&Cmd::new(OBJCOPY.name).arg("--strip-debug").arg(&elf).arg(&stripped))?;
    let output = log.run(&gdb(&["cocancel calls --now 1"]).arg(&stripped))?.output;
    ensure!(output.contains("layout.json is for 64-bit targets only"), "without types it must say so");
    Ok(Outcome::Passed)
}
