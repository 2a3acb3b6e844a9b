//! The programs of tests/c, linked both ways and run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::compiler::COMPILERS;
use super::{Library, sources};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools;

/// Every program with every compiler that takes it, against the archive; and with the first compiler against the
/// shared library.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    for compiler in &COMPILERS {
        tools::need(&[compiler.tool])?;
    }
    let library = Library::build(project, log)?;
    let files = sources(&project.root.join("tests/c"))?;
    ensure!(!files.is_empty(), "tests/c has no program");
    let mut counts = Counts::default();
    for file in &files {
        let text = fs::read_to_string(file)?;
        for compiler in COMPILERS.iter().filter(|c| c.takes(&text)) {
            let program = output(project, "c", file, &compiler.name())?;
            let compile = compiler.compile(project, file);
            run(log, compile.args(library.arguments(&text)), &program, &mut counts)?;
        }
        if !Library::is_linked(&text) {
            continue;
        }
        let program = output(project, "c", file, "shared")?;
        let linked = COMPILERS[0].compile(project, file).args(library.link_shared());
        run(log, linked, &program, &mut counts)?;
    }
    ensure!(counts.failed == 0, "{} programs failed", counts.failed);
    Ok(Outcome::Passed)
}

/// Where a program goes.
pub fn output(project: &Project, folder: &str, source: &Path, variant: &str) -> Result<std::path::PathBuf> {
    let folder = project.scratch().join(folder);
    fs::create_dir_all(&folder)?;
    let stem = source.file_stem().context("a source without a name")?;
    Ok(folder.join(format!("{}-{variant}", stem.to_string_lossy())))
}

/// Compiles and runs; what goes wrong is counted, so that one failure does not hide the next.
pub fn run(log: &mut Log, compile: Cmd, program: &Path, counts: &mut Counts) -> Result<()> {
    let compiled = log.run(&compile.arg("-o").arg(program))?.success();
    // Cargo's own library path would be searched before the path in the program.
    let run = Cmd::new(program).unset("LD_LIBRARY_PATH");
    if compiled && log.run(&run)?.success() {
        counts.passed += 1;
    } else {
        counts.failed += 1;
        log.failed(program.display().to_string())?;
    }
    Ok(())
}
