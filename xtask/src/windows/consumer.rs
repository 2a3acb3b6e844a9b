//! What programs and COM runtimes make of a distribution: links that use nothing but its folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::archive::{COM, Port, decorated};
use super::dist::{self, DLL};
use super::image;
use super::manifest;
use super::stranger::{self, Stranger};
use super::target::{Arch, Format, TARGETS, Target};
use crate::exec::Cmd;
use crate::log::Log;
use crate::package::unpack;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools::{self, CLANG};

/// All folders, unpacked, and three links by hand with each: a program with the archive, one with the DLL, and an ole32.dll with the archive
/// for runtimes. Then programs on all three libraries, by pkg-config and by CMake.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    stranger::need()?;
    let mut counts = Counts::default();
    for target in TARGETS {
        image::need(target)?;
        let place = project.scratch().join("released").join(target.name());
        let built = dist::build(project, log, target)?;
        let folder = unpack(log, &built, &place)?;
        let files = manifest::check(&folder)?;
        log.line(format!("ok: {}: {files} files are as the checksums say", target.name()))?;
        let stranger = Stranger::new(project, log, target, &folder, &place)?;
        stranger.pkg_config(log, &mut counts)?;
        stranger.cmake(project, log, &mut counts)?;
        let consumer = Consumer { project, target, folder, out: project.scratch().join("windows").join(target.name()) };
        consumer.program_with_archive(log)?;
        consumer.program_with_dll(log)?;
        consumer.runtime(log)?;
        counts.passed += 4;
    }
    Ok(Outcome::Tests(counts))
}

struct Consumer<'a> {
    project: &'a Project,
    target: Target,
    folder: PathBuf,
    out: PathBuf,
}

impl Consumer<'_> {
    fn lib(&self) -> PathBuf {
        self.folder.join("lib")
    }

    /// The eight functions are called through the system's headers where there are some, else through ours.
    fn object(&self, log: &mut Log) -> Result<PathBuf> {
        let source = self.project.root.join("tests/windows/eight.c");
        let object = self.out.join("eight.o");
        let compiler = match self.target.format {
            Format::Gnu => Cmd::new(self.target.arch.mingw("gcc")),
            Format::Msvc => {
                tools::need(&[&CLANG])?;
                Cmd::new(CLANG.name).arg(format!("--target={}", self.target.stock())).arg("-ffreestanding")
            }
        };
        let compiler =
            compiler.args(["-O1", "-Wall", "-Wextra", "-Werror", "-c", "-I"]).arg(self.folder.join("include"));
        log.check(&compiler.arg(source).arg("-o").arg(&object))?;
        Ok(object)
    }

    /// A program on the libraries of those names, and the system's.
    fn program(&self, log: &mut Log, name: &str, gnu: &[&str], msvc: &str) -> Result<PathBuf> {
        let object = self.object(log)?;
        let program = self.out.join(name);
        let cmd = match self.target.format {
            // in the order that the page for users says
            Format::Gnu => Cmd::new(self.target.arch.mingw("gcc"))
                .arg(object)
                .arg("-L")
                .arg(self.lib())
                .args(gnu)
                .args(["-lole32", "-luuid", "-o"])
                .arg(&program),
            Format::Msvc => Cmd::new(image::LLD_LINK.name)
                .args(["/NOLOGO", "/NODEFAULTLIB", "/SUBSYSTEM:CONSOLE", "/ENTRY:start"])
                .arg(object)
                .arg(self.lib().join(msvc))
                .arg(image::memory(log, self.target, &self.out)?)
                .arg(image::kernel32(log, self.target.arch, &self.out)?)
                .arg(format!("/OUT:{}", program.display())),
        };
        log.check(&cmd)?;
        Ok(program)
    }

    /// Not one of the eight is imported, neither from ole32 nor from the DLL.
    fn program_with_archive(&self, log: &mut Log) -> Result<()> {
        let program = self.program(log, "with-archive.exe", &["-lcocancel"], "cocancel.lib")?;
        let listed = objdump(self.target.arch, &program)?;
        log.line(&listed)?;
        for (name, _) in COM {
            let imported = listed.lines().any(|line| line.split_whitespace().last() == Some(name));
            ensure!(!imported, "{} imports {name}", program.display());
        }
        ensure!(listed.contains("DLL Name: "), "objdump lists no imports of {}", program.display());
        log.line(format!("ok: {}: a program on the archive imports none of the eight", self.target.name()))
    }

    /// All eight are imported from the DLL, under their exact names.
    fn program_with_dll(&self, log: &mut Log) -> Result<()> {
        let program = self.program(log, "with-dll.exe", &["-lcocancel_dll"], "cocancel_dll.lib")?;
        let imports = image::imports(&program)?;
        for (name, _) in COM {
            let wanted = (DLL.to_owned(), name.to_owned());
            ensure!(imports.contains(&wanted), "{} does not import {name} from {DLL}", program.display());
        }
        log.line(format!("ok: {}: a program on the DLL imports the eight from it", self.target.name()))
    }

    /// An ole32.dll that exports the eight, made as ReactOS makes its own: no fixing up of names, decorations cut off the exports.
    fn runtime(&self, log: &mut Log) -> Result<()> {
        let Target { arch, format } = self.target;
        let definitions = self.out.join("ole32.def");
        let names: String = COM
            .map(|com| match format {
                Format::Gnu => format!("    {}\n", dist::undecorated(arch, &decorated(arch, com))),
                Format::Msvc => format!("    {}\n", com.0),
            })
            .concat();
        fs::write(&definitions, format!("LIBRARY ole32.dll\nEXPORTS\n{names}"))?;
        let archive = self.lib().join(Port::Host.file(format));
        let memory = image::memory(log, self.target, &self.out)?;
        let dll = self.out.join("ole32.dll");
        let cmd = match format {
            Format::Gnu => Cmd::new(arch.mingw("gcc"))
                .args(["-shared", "-nostdlib", "-Wl,--disable-stdcall-fixup,--kill-at,--gc-sections,--entry=0"])
                .args([&definitions, &memory, &archive])
                .arg("-o")
                .arg(&dll),
            Format::Msvc => Cmd::new(image::LLD_LINK.name)
                .args(["/NOLOGO", "/NODEFAULTLIB", "/DLL", "/NOENTRY"])
                .arg(format!("/DEF:{}", definitions.display()))
                .args([&memory, &archive])
                .arg(format!("/OUT:{}", dll.display())),
        };
        log.check(&cmd)?;
        let exported = image::exports(&dll)?;
        let wanted: BTreeSet<String> = COM.iter().map(|(name, _)| (*name).to_owned()).collect();
        ensure!(exported == wanted, "{} exports {exported:?}", dll.display());
        let imported = image::imports(&dll)?;
        ensure!(imported.is_empty(), "{} imports {imported:?}", dll.display());
        log.line(format!(
            "ok: {}: an ole32.dll on the archive exports the eight and imports nothing",
            self.target.name()
        ))
    }
}

fn objdump(arch: Arch, program: &Path) -> Result<String> {
    Cmd::new(arch.mingw("objdump")).arg("-p").arg(program).read()
}
