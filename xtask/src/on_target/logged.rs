//! The programs of examples/boards that log with defmt: what `logged` logs, decoded, against the text beside it; and the table that
//! cocancel-inspect makes of the log of `stuck`.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use defmt_decoder::{DecodeError, Table};
use regex::Regex;
use similar::TextDiff;

use super::emulator::Machine;
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Outcome, Step};

pub const FOLDER: &str = "examples/boards";
pub const TARGET: &str = "thumbv7m-none-eabi";
pub const MACHINE: Machine = Machine("stm32vldiscovery");

/// The programs are over within a second.
pub const LIMIT: Duration = Duration::from_secs(60);

pub fn step() -> Step {
    Step::new("defmt", run).minutes(20)
}

fn run(project: &Project, log: &mut Log) -> Result<Outcome> {
    MACHINE.need()?;
    // Without timestamps: the tick depends on how long the superloop takes.
    let logged = emulate(project, log, "logged", false)?;
    compare(project, log, "logged", &logged)?;
    let decoded = emulate(project, log, "stuck", true)?;
    log.check(&project.cargo(["build", "-p", "cocancel-inspect", "--bins"]))?;
    let table = table(project, &decoded)?;
    log.line(&table)?;
    // Tenths of seconds: which of the first milliseconds a call begins in depends on the compiler.
    compare(project, log, "stuck", &Regex::new(r"(\.\d)\d\d s\b")?.replace_all(&table, "$1 s"))?;
    Ok(Outcome::Passed)
}

/// The table that cocancel-inspect, which is built, makes of a log.
pub fn table(project: &Project, decoded: &str) -> Result<String> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), decoded)?;
    Cmd::new(project.target.join("debug/cocancel-inspect")).arg("--log").arg(file.path()).read()
}

/// Runs a program in the emulator: its log as text.
fn emulate(project: &Project, log: &mut Log, name: &str, timestamps: bool) -> Result<String> {
    let build = super::cargo(project, &Cross::find(TARGET)?, "build", FOLDER)?;
    let build = build.args(["--features", "defmt", "--bin", name, "--message-format", "json-render-diagnostics"]);
    let elf = super::built(log, &build)?;
    let frames = project.scratch().join(format!("{name}.frames"));
    let done = log.run_within(&MACHINE.run(&elf, &[]).output(&frames), LIMIT)?;
    ensure!(done.success(), "{name} ended with {:?}", done.status);
    let printed = decode(&fs::read(&elf)?, &fs::read(&frames)?, timestamps)?;
    log.line(&printed)?;
    Ok(printed)
}

/// With the text beside the program.
fn compare(project: &Project, log: &mut Log, name: &str, shown: &str) -> Result<()> {
    let expected = Path::new(FOLDER).join(format!("src/{name}.expected"));
    let wanted = fs::read_to_string(project.root.join(&expected)).with_context(|| expected.display().to_string())?;
    ensure!(!wanted.is_empty(), "nothing is expected");
    if shown != wanted {
        let diff = TextDiff::from_lines(wanted.as_str(), shown);
        log.line(diff.unified_diff().header("expected", name).to_string())?;
        anyhow::bail!("it is not what stands in {}", expected.display());
    }
    Ok(())
}

/// A line for each frame: the level and the text, with the timestamp before. Frames that cannot be decoded are an error.
pub fn decode(elf: &[u8], frames: &[u8], timestamps: bool) -> Result<String> {
    let table = Table::parse(elf)?.context("the program has nothing of defmt")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(frames);
    let mut text = String::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map(|level| level.as_str()).unwrap_or_default();
                if let Some(time) = frame.display_timestamp().filter(|_| timestamps) {
                    write!(text, "{time} ")?;
                }
                writeln!(text, "{level:5} {}", frame.display_message())?;
            }
            Err(DecodeError::UnexpectedEof) => return Ok(text),
            Err(DecodeError::Malformed) => anyhow::bail!("malformed frames after:\n{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_logs_nothing_is_refused() {
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(decode(&own, b"", true).is_err());
    }
}
