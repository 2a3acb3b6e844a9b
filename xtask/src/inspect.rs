//! `cocancel-inspect`: what it shows of a process, of its core file and of a dump is what the process itself shows. The table that a host in C
//! prints by itself is the same.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde_json::Value;

use crate::c::{COMPILERS, Library, SYSTEM};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools::{self, GCC, Tool};

const GDB: Tool = Tool { name: "gdb", package: "gdb" };
const OBJCOPY: Tool = Tool { name: "objcopy", package: "binutils" };

/// What the stuck program's table has to have: else the comparisons would show little.
const KINDS: [&str; 7] = ["pending", "canceling", "orphan", "completed", "failed", "disabled", "server(serving)"];

/// A program that ends with this.
struct Stuck {
    child: Child,
    output: BufReader<ChildStderr>,
}

impl Drop for Stuck {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stuck {
    fn start(program: &Path) -> Result<Self> {
        let mut child = Command::new(program).stderr(Stdio::piped()).spawn()?;
        let output = BufReader::new(child.stderr.take().context("it has a standard error")?);
        Ok(Self { child, output })
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// The next table that it prints.
    fn table(&mut self) -> Result<String> {
        let mut table = String::new();
        loop {
            let start = table.len();
            ensure!(self.output.read_line(&mut table)? > 0, "it ended after:\n{table}");
            if table[start..].trim_end().ends_with("in use") {
                return Ok(table);
            }
        }
    }
}

/// The tick in a table's first line.
pub fn tick(table: &str) -> Result<&str> {
    table.lines().next().and_then(|line| line.rsplit(' ').next()).context("no tick")
}

/// The part of gdb's output that is a table.
pub fn shown(output: &str) -> &str {
    output.find("cocancel: ").map_or("", |start| &output[start..])
}

/// The step.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&GDB, &GCC, &OBJCOPY])?;
    log.check(&project.cargo(["build", "-p", "cocancel-inspect", "--bins", "--examples"]))?;
    log.check(&project.cargo(["build", "-p", "cocancel-ffi"]))?;
    let built = project.target.join("debug");
    let folder = project.scratch().join("inspect");
    fs::create_dir_all(&folder)?;
    layout(project, log, &built.join("libcocancel.so"))?;

    let program = built.join("examples/stuck");
    let mut stuck = Stuck::start(&program)?;
    let table = stuck.table()?;
    log.line(&table)?;
    let absent: Vec<_> = KINDS.into_iter().filter(|kind| !table.contains(kind)).collect();
    ensure!(absent.is_empty(), "the table has nothing that is {absent:?}");
    let readme = fs::read_to_string(project.root.join("examples/inspect/README.md"))?;
    let sample = readme.split("```").nth(1).and_then(|block| block.strip_prefix("text\n")).unwrap_or_default();
    ensure!(shape(sample)? == shape(&table)?, "README.md shows another table");
    let calls = format!("cocancel calls --now {}", tick(&table)?);

    // the signal's handler prints the same calls
    log.check(&Cmd::new("kill").args(["-USR1", &stuck.pid()]))?;
    let lines = |table: &str| table.lines().skip(1).map(handle_and_holders).collect::<Vec<_>>();
    let again = stuck.table()?;
    ensure!(lines(&again) == lines(&table), "after the signal:\n{again}");

    // the living process, its core file, the same without debug information, and a dump
    let (core, dump) = (folder.join("core"), folder.join("dump"));
    let (core_name, dump_name) = (core.display(), dump.display());
    let gdb = |commands: &[&str]| gdb(project, GDB.name, &built, commands);
    let save = [calls.as_str(), &format!("gcore {core_name}")];
    let alive = log.check(&gdb(&save).args(["-p", &stuck.pid()]))?;
    drop(stuck);
    let alive = shown(&alive).split_inclusive('\n').take(table.lines().count()).collect::<String>();
    // the process itself reads its clock for each row, the others are told the time
    ensure!(lines(&alive) == lines(&table), "gdb shows of the process:\n{alive}");
    let write = format!("cocancel dump {dump_name} --now {}", tick(&table)?);
    let of_core = log.check(&gdb(&[&calls, &write]).arg(&program).arg(&core))?;
    ensure!(shown(&of_core) == alive, "gdb shows of the core file:\n{of_core}");
    let stripped = folder.join("stuck");
    log.check(&Cmd::new("objcopy").arg("--strip-debug").arg(&program).arg(&stripped))?;
    let of_stripped = log.check(&gdb(&[&calls]).arg(&stripped).arg(&core))?;
    ensure!(shown(&of_stripped) == alive, "without debug information gdb shows:\n{of_stripped}");
    let of_dump = log.check(&Cmd::new(built.join("cocancel-inspect")).arg(&dump))?;
    ensure!(of_dump == alive, "the dump shows:\n{of_dump}");

    in_c(project, log, &built, "stuck-in-c", &[built.join("libcocancel.a").into()])?;
    installed(project, log, &built)?;
    Ok(Outcome::Passed)
}

/// The same with the shared library as it is installed: what is not exported has symbols all the same. Without those the script says so.
fn installed(project: &Project, log: &mut Log, built: &Path) -> Result<()> {
    let archive = Library::build(project, log)?.archive;
    let folder = project.scratch().join("inspect");
    let library = folder.join("libcocancel.so.0");
    let mut script = OsString::from("-Wl,--version-script=");
    script.push(project.root.join("packaging/cocancel.map"));
    let link = Cmd::new(GCC.name)
        .args(["-shared", "-Wl,-soname,libcocancel.so.0", "-Wl,--gc-sections,-z,defs,-z,relro,-z,now"])
        .arg(script)
        .arg("-Wl,--whole-archive")
        .arg(archive)
        .arg("-Wl,--no-whole-archive");
    log.check(&link.args(SYSTEM).arg("-o").arg(&library))?;
    let mut rpath = OsString::from("-Wl,-rpath,");
    rpath.push(&folder);
    in_c(project, log, built, "stuck-in-c-shared", &[library.clone().into(), rpath])?;

    log.check(&Cmd::new(OBJCOPY.name).arg("--strip-all").arg(&library))?;
    let mut stuck = Stuck::start(&folder.join("stuck-in-c-shared"))?;
    stuck.table()?;
    let said = log.run(&gdb(project, GDB.name, built, &["cocancel calls"]).args(["-p", &stuck.pid()]))?.output;
    ensure!(said.contains("load one of the same build"), "of a library without symbols gdb says:\n{said}");
    let place = tempfile::tempdir()?;
    let dump = place.path().join("dump");
    let write = format!("cocancel dump {}", dump.display());
    log.run(&gdb(project, GDB.name, built, &[&write]).args(["-p", &stuck.pid()]))?;
    ensure!(!dump.exists(), "a dump that failed has left a file");
    Ok(())
}

/// A gdb with the script, which finds `cocancel-inspect` in the folder `built`.
pub fn gdb(project: &Project, gdb: &str, built: &Path, commands: &[&str]) -> Cmd {
    let script = format!("source {}", project.root.join("examples/inspect/cocancel.py").display());
    let all = ["set debuginfod enabled off", &script].into_iter().chain(commands.iter().copied());
    let cmd = Cmd::new(gdb).args(["-q", "-nx", "-batch"]).env("COCANCEL_INSPECT", built.join("cocancel-inspect"));
    cmd.args(all.flat_map(|command| ["-ex", command]))
}

/// A process in C, linked in that way: what its own printing shows is what gdb and the program in Rust show of it.
fn in_c(project: &Project, log: &mut Log, built: &Path, name: &str, library: &[OsString]) -> Result<()> {
    let folder = project.root.join("examples/inspect/c");
    let program = project.scratch().join("inspect").join(name);
    let compile = COMPILERS[0].compile(project, &folder.join("stuck.c")).arg(folder.join("inspect.c"));
    log.check(&compile.args(library).args(SYSTEM).arg("-o").arg(&program))?;
    let mut stuck = Stuck::start(&program)?;
    let own = stuck.table()?;
    log.line(&own)?;
    let absent: Vec<_> = KINDS.into_iter().chain(["custom"]).filter(|kind| !own.contains(kind)).collect();
    ensure!(absent.is_empty(), "the table in C has nothing that is {absent:?}");
    log.check(&Cmd::new("kill").args(["-USR1", &stuck.pid()]))?;
    let again = stuck.table()?;
    let timeless = |table: &str| -> Result<Vec<_>> { Ok(rows(table)?.into_iter().map(|row| row.rest).collect()) };
    ensure!(timeless(&again)? == timeless(&own)?, "after the signal the program in C prints:\n{again}");
    let calls = format!("cocancel calls --now {}", tick(&own)?);
    let seen = log.check(&gdb(project, GDB.name, built, &[&calls]).args(["-p", &stuck.pid()]))?;
    drop(stuck);
    let seen = shown(&seen).split_inclusive('\n').take(own.lines().count()).collect::<String>();
    compare(&own, &seen).with_context(|| format!("gdb shows of {name}:\n{seen}"))
}

/// That two tables show the same calls with the same ages. What is left to a call's deadline the process itself reads a little later than
/// the tick that it prints and the other one is told, so there may be less in its own.
fn compare(own: &str, seen: &str) -> Result<()> {
    let (own, seen) = (rows(own)?, rows(seen)?);
    ensure!(own.len() == seen.len(), "{} rows, not {}", seen.len(), own.len());
    for (own, seen) in own.iter().zip(&seen) {
        ensure!(own.rest == seen.rest && own.age == seen.age, "not the same: {own:?} and {seen:?}");
        let left = [own, seen].map(|row| row.left.parse::<f64>());
        match left {
            [Ok(own), Ok(seen)] => ensure!(own <= seen, "{own} s are left, later only {seen} s"),
            _ => ensure!(own.left == seen.left, "not the same: {own:?} and {seen:?}"),
        }
    }
    Ok(())
}

/// A line of a table, taken apart.
#[derive(PartialEq, Debug)]
pub struct Row {
    /// With the times in seconds, or as it stands.
    pub age: String,
    /// Likewise.
    pub left: String,
    /// The call with its thread; its phase with all that follows.
    pub rest: [String; 2],
}

/// The lines between the heading and the count, by the columns of the table.
pub fn rows(table: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for line in table.lines().skip(2).take_while(|line| !line.ends_with("in use")) {
        let part =
            |from: usize, to: usize| line.get(from..to).map(|part| part.trim().trim_end_matches(" s").to_owned());
        let row = part(0, 21)
            .zip(part(21, 37))
            .zip(part(37, 53))
            .zip(part(53, line.len()))
            .map(|(((who, age), left), how)| Row { age, left, rest: [who, how] });
        rows.push(row.with_context(|| format!("no row of a table: {line}"))?);
    }
    ensure!(!rows.is_empty(), "no rows in:\n{table}");
    Ok(rows)
}

/// A line without what changes with time.
fn handle_and_holders(line: &str) -> String {
    line.split_whitespace().filter(|word| !word.contains('.')).collect::<Vec<_>>().join(" ")
}

/// A table without what every run has its own of: the times, and the ids of threads.
fn shape(table: &str) -> Result<String> {
    let own = Regex::new(r"tick \d+| +\d+\.\d{3} s|(?m:^( *0x[0-9a-f]+) +\d+)")?;
    Ok(own.replace_all(table, "$1 #").into_owned())
}

/// layout.json says what the debug information of this build does.
fn layout(project: &Project, log: &mut Log, library: &Path) -> Result<()> {
    let script = project.root.join("examples/inspect/cocancel.py");
    let source = format!("source {}", script.display());
    let cmd = Cmd::new("gdb").args(["-q", "-nx", "-batch", "-ex", &source, "-ex", "cocancel layout"]).arg(library);
    let found: Value = serde_json::from_str(&cmd.read()?).context("gdb finds no layout")?;
    let path = script.with_file_name("layout.json");
    let stored: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
    log.line(format!("{found}"))?;
    ensure!(found == stored, "{} is stale; `cocancel layout` in gdb says\n{found:#}", project.short(&path));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str =
        "cocancel: tick 1\n      call     thread             age            left phase     cancel   held by\n";

    fn table(age: &str, left: &str, how: &str) -> String {
        format!("{HEADING}{:>10} {:>10} {age:>15} {left:>15} {how}\n1 in use\n", "0x1", 7)
    }

    #[test]
    fn tables_differ_in_what_they_say_and_not_in_later_times() {
        let own = table("0.001 s", "3.000 s", "pending   enabled  2: client server");
        assert!(compare(&own, &table("0.001 s", "3.001 s", "pending   enabled  2: client server")).is_ok());
        for other in [
            table("0.002 s", "3.001 s", "pending   enabled  2: client server"),
            table("0.001 s", "2.999 s", "pending   enabled  2: client server"),
            table("0.001 s", "no deadline", "pending   enabled  2: client server"),
            table("0.001 s", "3.001 s", "pending   disabled 2: client server"),
            table("0.001 s", "3.001 s", "pending   enabled  2: client"),
            HEADING.to_owned(),
        ] {
            assert!(compare(&own, &other).is_err(), "{other}");
        }
    }
}
