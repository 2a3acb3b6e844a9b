//! The programs of tests/c under AddressSanitizer and UndefinedBehaviorSanitizer.

use anyhow::{Result, ensure};

use super::compiler::COMPILERS;
use super::programs::{output, run};
use super::{Library, sources};
use crate::log::Log;
use crate::no_panic::symbols;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools;

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
                .args(library.link_static());
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
