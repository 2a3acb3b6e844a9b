//! `cargo xtask counts`: what each operation of the C interface executes, counted under callgrind: instructions, and among them the
//! read-modify-writes. bench/counts.json holds what they may be. Counts are the same on a busy machine, times are not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use iced_x86::{Decoder, DecoderOptions};
use object::{Object, ObjectSection};
use serde::{Deserialize, Serialize};

use crate::c::Library;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools::{self, GCC, Tool};

const VALGRIND: Tool = Tool { name: "valgrind", package: "valgrind" };

/// How often an operation is done, and how often more: the difference is what counts.
const TIMES: [u64; 2] = [100, 1100];
/// Another compiler makes a few instructions more or fewer of the same source; more than this is the source's doing. Per cent.
const SLACK: u64 = 10;
/// The row that does nothing.
const LOOP: &str = "loop";

/// What one time of an operation executes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    instructions: u64,
    read_modify_writes: u64,
}

/// The file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    operations: BTreeMap<String, Cost>,
    /// Of slots and tables, on 64-bit hosts.
    bytes: BTreeMap<String, u64>,
}

fn file(project: &Project) -> PathBuf {
    project.root.join("bench/counts.json")
}

/// `cargo xtask counts`
pub fn command(project: &Project, bless: bool) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "counts", Duration::from_secs(600))?;
    let now = measure(project, &mut log)?;
    print!("{}", table(&now));
    if bless {
        fs::write(file(project), serde_json::to_string_pretty(&now)? + "\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    judge(&stored(project)?, &now)?;
    Ok(ExitCode::SUCCESS)
}

/// What is counted now, as a table.
pub fn text(project: &Project) -> Result<String> {
    let mut log = Log::create(&project.scratch().join("logs"), "counts", Duration::from_secs(600))?;
    Ok(table(&measure(project, &mut log)?))
}

/// The step.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    let now = measure(project, log)?;
    log.line(table(&now))?;
    judge(&stored(project)?, &now)?;
    Ok(Outcome::Passed)
}

fn stored(project: &Project) -> Result<Counts> {
    let path = file(project);
    let text = fs::read_to_string(&path).with_context(|| project.short(&path).to_string())?;
    serde_json::from_str(&text).with_context(|| project.short(&path).to_string())
}

fn table(counts: &Counts) -> String {
    let mut text = format!("{:<24} {:>12} {:>20}\n", "operation", "instructions", "read-modify-writes");
    for (name, cost) in &counts.operations {
        text += &format!("{name:<24} {:>12} {:>20}\n", cost.instructions, cost.read_modify_writes);
    }
    for (name, bytes) in &counts.bytes {
        text += &format!("{name:<24} {bytes:>12} bytes\n");
    }
    text
}

/// An error names everything that costs more than it may.
fn judge(stored: &Counts, now: &Counts) -> Result<()> {
    let names = |counts: &Counts| counts.operations.keys().chain(counts.bytes.keys()).cloned().collect::<Vec<_>>();
    ensure!(names(stored) == names(now), "other rows than in bench/counts.json: `cargo xtask counts --bless`");
    let mut errors = Vec::new();
    for (name, cost) in &now.operations {
        let may = stored.operations[name];
        if cost.read_modify_writes != may.read_modify_writes {
            errors.push(format!(
                "{name}: {} read-modify-writes, not {}",
                cost.read_modify_writes, may.read_modify_writes
            ));
        }
        if cost.instructions > may.instructions + may.instructions * SLACK / 100 {
            errors.push(format!("{name}: {} instructions, {} before", cost.instructions, may.instructions));
        }
    }
    for (name, bytes) in now.bytes.iter().filter(|(name, bytes)| stored.bytes[*name] != **bytes) {
        errors.push(format!("{name}: {bytes} bytes, not {}", stored.bytes[name]));
    }
    if errors.is_empty() { Ok(()) } else { bail!("{}; meant so? `cargo xtask counts --bless`", errors.join("; ")) }
}

fn measure(project: &Project, log: &mut Log) -> Result<Counts> {
    ensure!(cfg!(target_arch = "x86_64"), "read-modify-writes are recognised on x86-64 only");
    tools::need(&[&GCC, &VALGRIND])?;
    let library = Library::build(project, log)?;
    let folder = project.scratch().join("counts");
    fs::create_dir_all(&folder)?;
    let program = folder.join("counted");
    // at the addresses that it was linked for
    let gcc = Cmd::new("gcc").args(["-std=c11", "-O2", "-fno-pie", "-no-pie", "-Wall", "-Wextra", "-Werror", "-I"]);
    let gcc = gcc.arg(project.root.join("include")).arg(project.root.join("bench/peers/counted.c"));
    log.check(&gcc.args(library.link_static()).arg("-o").arg(&program))?;

    let locked = locked_at(&fs::read(&program)?)?;
    let mut counts = Counts { bytes: sizes(project)?, ..Counts::default() };
    for name in Cmd::new(&program).read()?.lines() {
        let mut runs = [Cost::default(); 2];
        for (run, times) in runs.iter_mut().zip(TIMES) {
            *run = run_once(log, &program, &folder.join("callgrind.out"), name, times, &locked)?;
        }
        let each = |cost: fn(&Cost) -> u64| (cost(&runs[1]) - cost(&runs[0])) / (TIMES[1] - TIMES[0]);
        let cost = Cost { instructions: each(|c| c.instructions), read_modify_writes: each(|c| c.read_modify_writes) };
        counts.operations.insert(name.to_owned(), cost);
    }
    // the loop's own instructions are nobody's
    let around = counts.operations.remove(LOOP).context("the program has no empty loop")?;
    for cost in counts.operations.values_mut() {
        cost.instructions -= around.instructions;
    }
    Ok(counts)
}

/// The sizes that the C header states.
fn sizes(project: &Project) -> Result<BTreeMap<String, u64>> {
    let layout = fs::read_to_string(project.root.join("ffi/src/layout.rs"))?;
    let mut sizes = BTreeMap::new();
    let mut on_hosts = false;
    for line in layout.lines() {
        let constant = line.strip_prefix("pub const COCANCEL_").and_then(|rest| rest.split_once("_SIZE: usize = "));
        if let Some((name, value)) = constant.filter(|_| on_hosts) {
            let bytes = value.trim_end_matches(';').parse().context("a size that is no number")?;
            sizes.insert(name.to_lowercase(), bytes);
        }
        on_hosts = line == "#[cfg(not(target_os = \"none\"))]";
    }
    ensure!(sizes.len() == 4, "ffi/src/layout.rs states other sizes: {sizes:?}");
    Ok(sizes)
}

/// The addresses of all read-modify-writes of a program.
fn locked_at(program: &[u8]) -> Result<Vec<u64>> {
    let elf = object::File::parse(program)?;
    let text = elf.section_by_name(".text").context("a program without code")?;
    let decoder = Decoder::with_ip(64, text.data()?, text.address(), DecoderOptions::NONE);
    let is_locked = |i: &iced_x86::Instruction| {
        // an exchange with memory locks without saying so
        i.has_lock_prefix()
            || (i.mnemonic() == iced_x86::Mnemonic::Xchg && i.op_kinds().any(|kind| kind == iced_x86::OpKind::Memory))
    };
    // in the order of their addresses
    Ok(decoder.into_iter().filter(is_locked).map(|i| i.ip()).collect())
}

fn run_once(log: &mut Log, program: &Path, out: &Path, name: &str, times: u64, locked: &[u64]) -> Result<Cost> {
    let mut option = std::ffi::OsString::from("--callgrind-out-file=");
    option.push(out);
    let valgrind = Cmd::new("valgrind").args(["-q", "--tool=callgrind", "--dump-instr=yes", "--dump-line=no"]);
    let valgrind = valgrind.args(["--compress-strings=no", "--compress-pos=no"]).arg(option);
    log.check(&valgrind.arg(program).arg(name).arg(times.to_string()))?;
    Ok(count(&fs::read_to_string(out)?, &program.to_string_lossy(), locked))
}

/// Adds up callgrind's lines `ADDRESS 0 INSTRUCTIONS` of one object; the line after `calls=` repeats what the callee's own lines say.
fn count(profile: &str, program: &str, locked: &[u64]) -> Cost {
    let (mut cost, mut is_ours, mut is_sum) = (Cost::default(), false, false);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_ours = object == program;
        } else if line.starts_with("calls=") {
            is_sum = true;
        } else if let Some(rest) = line.strip_prefix("0x") {
            let mut words = rest.split(' ');
            let address = words.next().and_then(|word| u64::from_str_radix(word, 16).ok());
            let times = words.next_back().and_then(|word| word.parse::<u64>().ok());
            if let (Some(address), Some(times), false, true) = (address, times, is_sum, is_ours) {
                cost.instructions += times;
                if locked.binary_search(&address).is_ok() {
                    cost.read_modify_writes += times;
                }
            }
            is_sum = false;
        }
    }
    cost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_programs_own_lines_count() {
        let profile =
            "ob=/p\nfn=main\n0x10 0 3\n0x14 0 2\ncalls=1 0x20 0\n0x18 0 900\nob=/lib\n0x10 0 50\nob=/p\n0x30 0 1\n";
        let cost = Cost { instructions: 6, read_modify_writes: 2 };
        assert_eq!(count(profile, "/p", &[0x14, 0x18]), cost);
    }

    #[test]
    fn what_costs_more_is_named() {
        let with = |instructions, read_modify_writes, bytes| Counts {
            operations: [("a".to_owned(), Cost { instructions, read_modify_writes })].into(),
            bytes: [("slot".to_owned(), bytes)].into(),
        };
        let stored = with(100, 2, 64);
        assert!(judge(&stored, &with(110, 2, 64)).is_ok());
        assert!(judge(&stored, &with(60, 2, 64)).is_ok());
        assert!(judge(&stored, &with(111, 2, 64)).is_err());
        assert!(judge(&stored, &with(100, 3, 64)).is_err());
        assert!(judge(&stored, &with(100, 1, 64)).is_err(), "fewer are to be written down, too");
        assert!(judge(&stored, &with(100, 2, 128)).is_err());
        assert!(judge(&stored, &Counts::default()).is_err());
    }
}
