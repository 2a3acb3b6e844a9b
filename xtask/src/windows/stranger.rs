//! Programs that know nothing of this source tree, built against an unpacked distribution in the ways that pkg-config and CMake are told there.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::archive::COM;
use super::dist::DLL;
use super::image;
use super::programs::takes_nothing_of_ole32;
use super::target::{Arch, Format, Target};
use super::wine::Wine;
use crate::exec::Cmd;
use crate::log::Log;
use crate::package::{PKG_CONFIG, ask};
use crate::project::Project;
use crate::report::Counts;
use crate::tools::{self, CLANG};

/// pkg-config's name of each library, and CMake's.
const LIBRARIES: [(&str, &str); 3] = [("cocancel", "static"), ("cocancel_host", "host"), ("cocancel_dll", "shared")];

/// Makes sure of what both ways need.
pub fn need() -> Result<()> {
    tools::need(&[&PKG_CONFIG, &tools::CMAKE, &image::LLVM_RC])
}

/// A stranger to one distribution.
pub struct Stranger<'a> {
    target: Target,
    tree: &'a Path,
    /// Where programs go, beside the tree.
    place: &'a Path,
    version: String,
    compiler: String,
    /// For the compiler, and for the linker.
    flags: [Vec<String>; 2],
    program: PathBuf,
    /// What goes with it where the library has no port.
    port: Option<PathBuf>,
    /// What is linked after the library.
    system: Vec<String>,
    /// What runs the programs, where something does.
    wine: Option<Wine>,
}

impl<'a> Stranger<'a> {
    /// Mingw's programs are run on 64 bits. Those for Microsoft's linker are linked without its libraries and cannot be.
    pub fn new(project: &Project, log: &mut Log, target: Target, tree: &'a Path, place: &'a Path) -> Result<Self> {
        let words = |flags: &str| flags.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let version = project.package("cocancel-ffi")?.version.to_string();
        let common = Self {
            target,
            tree,
            place,
            version,
            compiler: target.arch.mingw("gcc"),
            flags: [words("-std=gnu99 -Wall -Wextra -Werror -pthread"), words("-static")],
            program: project.root.join("tests/package/uses.c"),
            port: Some(tree.join("tests/windows/host_port.c")),
            system: words("-lole32 -luuid"),
            wine: None,
        };
        Ok(match target.format {
            Format::Gnu if target.arch == Arch::X86_64 => {
                Self { wine: Some(Wine::find(project, log, target.arch)?), ..common }
            }
            Format::Gnu => common,
            Format::Msvc => {
                let system = image::memory(log, target, place)?;
                // stands for the one of the SDK
                image::kernel32(log, target.arch, place)?;
                let link = "-nostdlib -fuse-ld=lld -Wl,/entry:start,/subsystem:console";
                Self {
                    compiler: CLANG.name.to_owned(),
                    flags: [
                        words(&format!("--target={} -ffreestanding -Wall -Wextra -Werror", target.stock())),
                        words(&format!("{link} -L{}", place.display())),
                    ],
                    program: tree.join("tests/windows/eight.c"),
                    port: None,
                    system: vec![system.display().to_string()],
                    ..common
                }
            }
        })
    }

    /// With the flags that pkg-config tells.
    pub fn pkg_config(&self, log: &mut Log, counts: &mut Counts) -> Result<()> {
        let lib = self.tree.join("lib");
        for (package, kind) in LIBRARIES {
            let version = ask(&lib, package, &["--modversion"])?;
            ensure!(version == [self.version.as_str()], "pkg-config tells another version of {package}");
            let program = self.place.join(format!("{package}.exe"));
            let compile = Cmd::new(&self.compiler)
                .args(self.flags.iter().flatten())
                .arg(format!("-DEXPECTED_VERSION=\"{}\"", self.version))
                .args(ask(&lib, package, &["--cflags"])?)
                .arg(&self.program)
                .args(self.port.iter().filter(|_| kind == "host"))
                .args(ask(&lib, package, &["--libs"])?)
                .args(&self.system)
                .arg("-o")
                .arg(&program);
            log.check(&compile)?;
            Self::takes(&program, kind)?;
            self.run(log, &program, &lib.with_file_name("bin").join(DLL))?;
            counts.passed += 1;
        }
        Ok(())
    }

    /// With CMake's targets.
    pub fn cmake(&self, project: &Project, log: &mut Log, counts: &mut Counts) -> Result<()> {
        let build = self.place.join("cmake");
        let [compile, link] = self.flags.each_ref().map(|flags| flags.join(" "));
        let configure = Cmd::new(tools::CMAKE.name)
            .arg("-S")
            .arg(project.root.join("tests/package"))
            .arg("-B")
            .arg(&build)
            .arg("-DCMAKE_SYSTEM_NAME=Windows")
            .arg(format!("-DCMAKE_C_COMPILER={}", self.compiler))
            .arg(format!("-DCMAKE_C_FLAGS={compile}"))
            .arg(format!("-DCMAKE_EXE_LINKER_FLAGS={link}"))
            .arg(format!("-DCMAKE_PREFIX_PATH={}", self.tree.display()))
            .arg(format!("-DEXPECTED_VERSION={}", self.version))
            .arg(format!("-DPROGRAM={}", self.program.display()))
            .arg(format!("-DPORT={}", self.port.as_deref().unwrap_or(Path::new("")).display()))
            .arg(format!("-DSYSTEM={}", self.system.join(";")));
        let configure = match self.target.format {
            Format::Gnu => configure,
            // nothing of Microsoft's own is here
            Format::Msvc => configure
                .args(["-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY", "-DCMAKE_MSVC_RUNTIME_LIBRARY="])
                .args(["-DCMAKE_C_STANDARD_LIBRARIES=", &format!("-DCMAKE_RC_COMPILER={}", image::LLVM_RC.name)]),
        };
        log.check(&configure)?;
        let make = Cmd::new(tools::CMAKE.name).arg("--build").arg(&build);
        log.check(&make)?;
        let program = |kind: &str| build.join(format!("uses-{kind}.exe"));
        for (_, kind) in LIBRARIES {
            Self::takes(&program(kind), kind)?;
            self.run(log, &program(kind), &build.join(DLL))?;
            counts.passed += 1;
        }
        Self::takes(&program("cocancel"), "shared")?;
        log.check(&Cmd::new(tools::CMAKE.name).arg("-DCOCANCEL_USE_STATIC=ON").arg(&build))?;
        log.check(&make.args(["--target", "uses-cocancel"]))?;
        Self::takes(&program("cocancel"), "static")?;
        counts.passed += 1;
        Ok(())
    }

    /// The program's COM functions are those of that library: in it, with the built-in runtime or without, or in the DLL.
    fn takes(program: &Path, kind: &str) -> Result<()> {
        let imports = image::imports(program)?;
        if kind != "shared" {
            let has_runtime = imports.iter().any(|(_, name)| name == "FlsAlloc");
            ensure!(has_runtime == (kind == "static"), "{} has a built-in runtime: {has_runtime}", program.display());
            return takes_nothing_of_ole32(program);
        }
        let mut from = imports.iter().filter(|(_, name)| COM.iter().any(|(com, _)| com == name)).peekable();
        ensure!(from.peek().is_some(), "{} imports no COM function", program.display());
        let other = from.find(|(library, _)| library != DLL);
        ensure!(other.is_none(), "{} imports {other:?}", program.display());
        Ok(())
    }

    fn run(&self, log: &mut Log, program: &Path, dll: &Path) -> Result<()> {
        if let Some(wine) = &self.wine {
            let done = wine.run(log, program, &[dll])?;
            ensure!(done.success() && done.output.contains("all as expected"), "{} failed", program.display());
        }
        Ok(())
    }
}
