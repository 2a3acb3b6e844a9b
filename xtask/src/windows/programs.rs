//! C programs for Windows: those of tests/c, those of tests/windows, and those of examples/ole32, compiled by mingw and run under Wine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::archive::{Archive, COM, Port};
use super::dist::Dll;
use super::example::Example;
use super::image;
use super::target::{Arch, Format, Target};
use super::wine::Wine;
use crate::c;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};

/// Linked with every program; the last line that it prints.
pub const ENDED: (&str, &str) = ("tests/windows/ended.c", "ended");
/// What only POSIX systems have: programs that include it are for those.
const POSIX_ONLY: [&str; 2] = ["<dlfcn.h>", "<sys/wait.h>"];
/// What the archive without a port has not.
const BUILT_IN_ONLY: [&str; 3] = ["cocancel_set_capacity", "cocancel_set_hooks", "cocancel_set_default(NULL)"];

/// How a program of tests/windows is linked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// With the archive, before ole32's import library.
    BeforeOle32,
    /// Not at all: it loads the DLL.
    LoadsDll,
    /// With each program of tests/c, and the archive without a port.
    IsPort,
}

/// The programs of tests/windows. Those for 32 bits only are named.
const PROGRAMS: [(&str, Link, bool); 8] = [
    ("events", Link::BeforeOle32, false),
    ("fibers", Link::BeforeOle32, false),
    ("hooks_taken_away", Link::BeforeOle32, false),
    ("host_port", Link::IsPort, false),
    ("odd_stack", Link::BeforeOle32, true),
    ("oracle", Link::BeforeOle32, false),
    ("prototypes", Link::BeforeOle32, false),
    ("unload", Link::LoadsDll, false),
];

struct Run<'a> {
    project: &'a Project,
    log: &'a mut Log,
    arch: Arch,
    wine: Wine,
    folder: PathBuf,
    counts: Counts,
}

/// All programs for one width.
pub fn step(project: &Project, log: &mut Log, arch: Arch) -> Result<Outcome> {
    image::need_mingw(arch)?;
    let target = Target { arch, format: Format::Gnu };
    let wine = Wine::find(project, log, arch)?;
    let archive = Archive::build(project, log, target, Port::Windows)?;
    let host = Archive::build(project, log, target, Port::Host)?;
    let dll = Dll::build(project, log, arch)?;
    let import = dll.path.with_extension("dll.a");
    dll.import_library(log, Format::Gnu, &import)?;
    let example = Example::build(project, log, &host)?;
    let its_programs = example.programs(log)?;
    let folder = project.scratch().join("windows").join(target.name()).join("programs");
    fs::create_dir_all(&folder)?;
    let mut run = Run { project, log, arch, wine, folder, counts: Counts::default() };

    let port = project.root.join("tests/windows/host_port.c");
    for source in c::sources(&project.root.join("tests/c"))? {
        let text = fs::read_to_string(&source)?;
        if POSIX_ONLY.iter().any(|header| text.contains(header)) {
            continue;
        }
        run.program(&source, "archive", &[&archive.path], &[])?;
        run.program(&source, "dll", &[&import], &[&dll.path])?;
        if !BUILT_IN_ONLY.iter().any(|function| text.contains(function)) {
            run.program(&source, "host-slot", &[&port, &host.path], &[])?;
        }
    }
    ensure!(run.counts.passed + run.counts.failed > 0, "tests/c has no program for Windows");
    for (name, link, only_32) in PROGRAMS {
        let source = project.root.join("tests/windows").join(format!("{name}.c"));
        match link {
            _ if only_32 && arch != Arch::I686 => {}
            Link::IsPort => {}
            Link::LoadsDll => run.program(&source, "dll", &[], &[&dll.path])?,
            Link::BeforeOle32 => {
                let program = run.compile(&source, "archive", &[&archive.path])?;
                if let Some(program) = program {
                    takes_nothing_of_ole32(&program)?;
                    run.execute(&program, &[])?;
                }
            }
        }
    }
    for program in its_programs {
        run.execute(&program, &[&example.dll])?;
    }
    Ok(Outcome::Tests(run.counts))
}

/// That a linked program calls this library's functions: not one of them is imported.
pub fn takes_nothing_of_ole32(program: &Path) -> Result<()> {
    for (library, name) in image::imports(program)? {
        let ours = COM.iter().any(|(com, _)| *com == name);
        ensure!(!ours, "{} imports {name} from {library}", program.display());
    }
    Ok(())
}

impl Run<'_> {
    /// Compiles and runs.
    fn program(&mut self, source: &Path, variant: &str, with: &[&Path], beside: &[&Path]) -> Result<()> {
        if let Some(program) = self.compile(source, variant, with)? {
            self.execute(&program, beside)?;
        }
        Ok(())
    }

    /// `None`: it does not compile, which is counted.
    fn compile(&mut self, source: &Path, variant: &str, with: &[&Path]) -> Result<Option<PathBuf>> {
        let stem = source.file_stem().context("a source without a name")?.to_string_lossy();
        let program = self.folder.join(format!("{stem}-{variant}.exe"));
        let cmd = Cmd::new(self.arch.mingw("gcc"))
            .args([
                "-std=gnu99",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-O1",
                "-g",
                "-pthread",
                "-static",
                "-D__USE_MINGW_ANSI_STDIO=1",
            ])
            .arg("-I")
            .arg(self.project.root.join("include"))
            .arg("-I")
            .arg(self.project.root.join("tests/c"))
            .arg(source)
            .arg(self.project.root.join(ENDED.0))
            .args(with)
            .args(["-lole32", "-o"])
            .arg(&program);
        if self.log.run(&cmd)?.success() {
            return Ok(Some(program));
        }
        self.counts.failed += 1;
        self.log.failed(format!("{stem} ({variant}) does not compile"))?;
        Ok(None)
    }

    fn execute(&mut self, program: &Path, beside: &[&Path]) -> Result<()> {
        let done = self.wine.run(self.log, program, beside)?;
        let has_ended = done.output.lines().any(|line| line.trim_end() == ENDED.1);
        if done.success() && has_ended {
            self.counts.passed += 1;
            return Ok(());
        }
        self.counts.failed += 1;
        let how = if has_ended { "" } else { ": did not come to its end" };
        self.log.failed(format!("{}{how}", program.display()))
    }
}
