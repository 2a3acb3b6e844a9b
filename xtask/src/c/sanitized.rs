//! The programs of tests/c under AddressSanitizer and UndefinedBehaviorSanitizer, and under ThreadSanitizer.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::compiler::{COMPILERS, Compiler};
use super::programs::{output, run};
use super::{Library, sources};
use crate::exec::Cmd;
use crate::log::Log;
use crate::no_panic::symbols;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::suite::sanitizers;
use crate::tools::{self, CLANG};

/// With the C compilers, against the archive.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    let library = Library::build(project, log)?;
    let files = sources(&project.root.join("tests/c"))?;
    ensure!(!files.is_empty(), "tests/c has no program");
    let mut counts = Counts::default();
    for compiler in COMPILERS.iter().filter(|c| c.takes("")) {
        tools::need(&[compiler.tool])?;
        for file in &files {
            let program = output(project, "c-sanitized", file, &compiler.name())?;
            let compile = compiler
                .compile(project, file)
                .args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
                .args(library.arguments(&fs::read_to_string(file)?));
            run(log, compile, &program, &mut counts)?;
            // A program that was built without it by mistake would pass too.
            ensure!(
                !program.exists() || symbols::of_file(&program)?.contains("__asan_init"),
                "{} has no sanitizer in it",
                program.display()
            );
        }
    }
    ensure!(counts.failed == 0, "{} programs failed", counts.failed);
    Ok(Outcome::Passed)
}

/// Data races. Linked with an archive in which the library is checked, too: the handing over of records is synchronised by the
/// library alone. Compiled by clang, linked with rustc's runtime: it is the newer one.
pub fn threads(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&CLANG])?;
    let (archive, runtime) = sanitizers::c_library(project, log)?;
    let is_clang = |c: &&Compiler| c.tool.name == CLANG.name && c.takes("");
    let compiler = COMPILERS.iter().find(is_clang).context("no compiler is clang")?;
    let mut counts = Counts::default();
    for file in sources(&project.root.join("tests/c"))? {
        let text = fs::read_to_string(&file)?;
        if !Library::is_linked(&text) {
            continue;
        }
        let object = output(project, "c-threads-sanitized", &file, "object")?;
        log.check(&compiler.compile(project, &file).args(["-fsanitize=thread", "-c", "-o"]).arg(&object))?;
        let program = output(project, "c-threads-sanitized", &file, "program")?;
        let link = Cmd::new(CLANG.name)
            .arg(&object)
            .arg(&archive)
            .arg("-Wl,--whole-archive")
            .arg(&runtime)
            .arg("-Wl,--no-whole-archive")
            // The runtime is also called from the C library.
            .args(["-rdynamic", "-pthread", "-ldl", "-lm", "-lrt"]);
        run(log, link, &program, &mut counts)?;
        ensure!(
            !program.exists() || symbols::of_file(&program)?.contains("__tsan_init"),
            "{} has no sanitizer in it",
            program.display()
        );
    }
    ensure!(counts.failed == 0, "{} programs failed", counts.failed);
    ensure!(counts.passed > 0, "tests/c has no program");
    Ok(Outcome::Passed)
}
