//! A program that knows nothing of this source tree, built against an installed one in each way, and run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::install::Tree;
use super::linux::Host;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools::{self, Tool};

/// What tells compilers' flags.
pub const PKG_CONFIG: Tool = Tool { name: "pkg-config", package: "pkg-config" };

/// Installs below a folder, moves what was installed, and builds against it: nothing in it may name where it was made.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&tools::GCC, &tools::GXX, &tools::CLANGXX, &PKG_CONFIG, &tools::CMAKE, &tools::READELF])?;
    let built = Host.build(project, log)?;
    let scratch = project.scratch().join("strangers");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    let mut counts = Counts::default();
    for libdir in ["lib", "lib/machine-system-libc"] {
        let place = scratch.join(libdir.replace('/', "-"));
        let destdir = place.join("gathered");
        let tree = Tree { prefix: Path::new("/opt/cocancel"), libdir: Path::new(libdir), destdir: Some(&destdir) };
        tree.write(project, log, &built)?;
        let prefix = place.join("moved");
        fs::rename(destdir.join("opt/cocancel"), &prefix)?;
        let stranger = Stranger { project, lib: prefix.join(libdir), prefix, place };
        stranger.pkg_config(log, &mut counts)?;
        stranger.cmake(log, &mut counts)?;
        stranger.guards(log, &mut counts)?;
    }
    Ok(Outcome::Tests(counts))
}

/// What pkg-config tells of a package in that folder of libraries, and of none elsewhere.
pub fn ask(lib: &Path, package: &str, args: &[&str]) -> Result<Vec<String>> {
    let answer =
        Cmd::new(PKG_CONFIG.name).args(args).arg(package).env("PKG_CONFIG_LIBDIR", lib.join("pkgconfig")).read()?;
    Ok(answer.split_whitespace().map(str::to_owned).collect())
}

struct Stranger<'a> {
    project: &'a Project,
    prefix: PathBuf,
    lib: PathBuf,
    place: PathBuf,
}

impl Stranger<'_> {
    fn version(&self) -> Result<String> {
        Ok(self.project.package("cocancel-ffi")?.version.to_string())
    }

    fn source(&self, name: &str) -> PathBuf {
        self.project.root.join("tests/package").join(name)
    }

    fn ask(&self, args: &[&str]) -> Result<Vec<String>> {
        ask(&self.lib, "cocancel", args)
    }

    /// With the flags that pkg-config tells.
    fn pkg_config(&self, log: &mut Log, counts: &mut Counts) -> Result<()> {
        let version = self.version()?;
        ensure!(self.ask(&["--modversion"])? == [version.as_str()], "pkg-config tells another version");
        let compile = |program: &Path| -> Result<Cmd> {
            Ok(Cmd::new("gcc")
                .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
                .arg(format!("-DEXPECTED_VERSION=\"{version}\""))
                .args(self.ask(&["--cflags"])?)
                .arg(self.source("uses.c"))
                .arg("-o")
                .arg(program))
        };
        let shared = self.place.join("pkg-config-shared");
        log.check(&compile(&shared)?.args(self.ask(&["--libs"])?))?;
        self.run(log, &shared, true, counts)?;
        let whole = self.place.join("pkg-config-static");
        log.check(&compile(&whole)?.arg("-static").args(self.ask(&["--static", "--libs"])?))?;
        self.run(log, &whole, false, counts)
    }

    /// The guards for C++, with and without exceptions.
    fn guards(&self, log: &mut Log, counts: &mut Counts) -> Result<()> {
        for compiler in [tools::GXX, tools::CLANGXX] {
            for exceptions in ["-fexceptions", "-fno-exceptions"] {
                let program = self.place.join(format!("guards-{}{exceptions}", compiler.name));
                let compile = Cmd::new(compiler.name)
                    .args(["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-pthread"])
                    .arg(exceptions)
                    .args(self.ask(&["--cflags"])?)
                    .arg(self.source("guards.cpp"))
                    .args(self.ask(&["--libs"])?)
                    .arg("-o")
                    .arg(&program);
                log.check(&compile)?;
                self.run(log, &program, true, counts)?;
            }
        }
        Ok(())
    }

    /// With CMake's targets.
    fn cmake(&self, log: &mut Log, counts: &mut Counts) -> Result<()> {
        for (folder, option, default_is_shared) in [("cmake", "OFF", true), ("cmake-static", "ON", false)] {
            let build = self.place.join(folder);
            let configure = Cmd::new(tools::CMAKE.name)
                .arg("-S")
                .arg(self.source(""))
                .arg("-B")
                .arg(&build)
                .arg(format!("-DCMAKE_PREFIX_PATH={}", self.prefix.display()))
                // CMake looks below lib/<the machine's own triplet> by itself; here the triplet is nobody's.
                .arg(format!("-Dcocancel_DIR={}", self.lib.join("cmake/cocancel").display()))
                .arg(format!("-DEXPECTED_VERSION={}", self.version()?))
                .arg("-DPROGRAM=uses.c")
                .arg(format!("-DCOCANCEL_USE_STATIC={option}"));
            log.check(&configure)?;
            log.check(&Cmd::new(tools::CMAKE.name).arg("--build").arg(&build))?;
            for (kind, is_shared) in [("cocancel", default_is_shared), ("shared", true), ("static", false)] {
                self.run(log, &build.join(format!("uses-{kind}")), is_shared, counts)?;
            }
        }
        Ok(())
    }

    /// It runs, and asks for the library by its SONAME if it is to.
    fn run(&self, log: &mut Log, program: &Path, is_shared: bool, counts: &mut Counts) -> Result<()> {
        log.check(&Cmd::new(program).env("LD_LIBRARY_PATH", &self.lib))?;
        let needed = Cmd::new(tools::READELF.name).args(["-d", "-W"]).arg(program).read()?;
        let asks = needed.lines().any(|l| l.contains("(NEEDED)") && l.contains("[libcocancel.so.0]"));
        let name = program.file_name().context("a program without a name")?.to_string_lossy();
        ensure!(asks == is_shared, "{name} asks for libcocancel.so.0: {asks}");
        counts.passed += 1;
        Ok(())
    }
}
