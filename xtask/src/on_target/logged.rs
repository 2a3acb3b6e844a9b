//! The program `logged` of examples/boards: what it logs with defmt, decoded, against the text beside it.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use defmt_decoder::{DecodeError, Table};
use similar::TextDiff;

use super::emulator::Machine;
use crate::cross::Cross;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Outcome, Step};

const FOLDER: &str = "examples/boards";
const TARGET: &str = "thumbv7m-none-eabi";
const MACHINE: Machine = Machine("stm32vldiscovery");

/// The program is over within a second.
const LIMIT: Duration = Duration::from_secs(60);

pub fn step() -> Step {
    Step::new("defmt", run).minutes(20)
}

fn run(project: &Project, log: &mut Log) -> Result<Outcome> {
    MACHINE.need()?;
    let build = super::cargo(project, &Cross::find(TARGET)?, "build", FOLDER)?;
    let build = build.args(["--features", "defmt", "--bin", "logged", "--message-format", "json-render-diagnostics"]);
    let elf = super::built(log, &build)?;
    let frames = project.scratch().join("logged.frames");
    let done = log.run_within(&MACHINE.run(&elf, &[]).output(&frames), LIMIT)?;
    ensure!(done.success(), "the program ended with {:?}", done.status);
    let printed = decode(&fs::read(&elf)?, &fs::read(&frames)?)?;
    log.line(&printed)?;
    let expected = Path::new(FOLDER).join("src/logged.expected");
    let wanted = fs::read_to_string(project.root.join(&expected)).with_context(|| expected.display().to_string())?;
    ensure!(!wanted.is_empty(), "nothing is expected");
    if printed != wanted {
        let diff = TextDiff::from_lines(&wanted, &printed);
        log.line(diff.unified_diff().header("expected", "logged").to_string())?;
        anyhow::bail!("it did not log what stands in {}", expected.display());
    }
    Ok(Outcome::Passed)
}

/// A line for each frame: the level, the text. Not the tick, which depends on how long the superloop takes. Frames that cannot be decoded are an
/// error.
fn decode(elf: &[u8], frames: &[u8]) -> Result<String> {
    let table = Table::parse(elf)?.context("the program has nothing of defmt")?;
    let mut decoder = table.new_stream_decoder();
    decoder.received(frames);
    let mut text = String::new();
    loop {
        match decoder.decode() {
            Ok(frame) => {
                let level = frame.level().map(|level| level.as_str()).unwrap_or_default();
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
        assert!(decode(&own, b"").is_err());
    }
}
