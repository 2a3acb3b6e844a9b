//! What is released for boards, as a stranger gets it: unpacked, compared with its checksums, and linked with C from there alone.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use super::dist;
use super::strangers::{self, PKG_CONFIG};
use crate::check::links;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::size;
use crate::size::library::{CORTEX_M3, CRITICAL_SECTION, Image, TARGETS, Target, Use};
use crate::tools;
use crate::windows::manifest;

/// A program with a port of its own, from the beginning of a call to its end.
const PROGRAM: &str = "tests/package/board";
/// Stands before the code of the released page that a program brings for the archives with critical sections.
const MARK: &str = "<!-- test: critical section -->";

/// One with compare-exchange, and the one that needs the program's critical section; GCC's name of the processor for each.
const RELEASED: [(usize, &str); 2] = [(CORTEX_M3, "cortex-m3"), (CRITICAL_SECTION, "cortex-m0")];

/// After that of `size`, which has built the same.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&tools::ARM_GCC, &PKG_CONFIG, &tools::CMAKE])?;
    let mut counts = Counts::default();
    for (target, processor) in RELEASED {
        let target = &TARGETS[target];
        let folder = dist::board(project, log, target)?;
        let place = project.scratch().join("released").join(target.title());
        let stranger = Stranger { project, target, processor, tree: dist::unpack(log, &folder, &place)?, place };
        let files = manifest::check(&stranger.tree)?;
        log.line(format!("{files} files are as the checksums say"))?;
        links(&stranger.tree)?;
        for (archive, using) in [("cocancel", Use::Com), ("cocancel_native", Use::Native)] {
            stranger.is_as_small_as_the_page_says(log, archive, using)?;
            stranger.pkg_config(log, archive)?;
            counts.passed += 1;
        }
        stranger.cmake(log)?;
        counts.passed += 1;
    }
    Ok(Outcome::Tests(counts))
}

struct Stranger<'a> {
    project: &'a Project,
    target: &'a Target,
    processor: &'static str,
    tree: PathBuf,
    /// Where programs go, beside the tree.
    place: PathBuf,
}

impl Stranger<'_> {
    /// All of the archive, linked.
    fn is_as_small_as_the_page_says(&self, log: &mut Log, package: &str, using: Use) -> Result<()> {
        let archive = self.tree.join(format!("lib/lib{package}.a"));
        let image = self.target.link(self.project, log, &archive, using)?;
        image.check(using == Use::Com)?;
        log.line(format!("{package}: {} bytes of code", image.code))?;
        size::check_code(self.project, self.target, using, &image)
    }

    /// Programs that use nothing but the tree and GCC's own library, with the flags that pkg-config tells.
    fn pkg_config(&self, log: &mut Log, package: &str) -> Result<()> {
        let program = self.place.join(format!("{package}.elf"));
        let compile = Cmd::new(tools::ARM_GCC.name)
            .args(["-std=gnu99", "-Os", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-mthumb", "-ffreestanding"])
            .arg(format!("-mcpu={}", self.processor))
            .args(self.ask(package, "--cflags")?)
            .args(["-nostdlib", "-Wl,--gc-sections,-e,program"])
            .arg(self.project.root.join(PROGRAM).join("board.c"))
            .args(self.critical_section()?)
            .args(self.ask(package, "--libs")?)
            .arg("-lgcc")
            .arg("-o")
            .arg(&program);
        log.check(&compile)?;
        is_linked(program)
    }

    /// The same with CMake's targets.
    fn cmake(&self, log: &mut Log) -> Result<()> {
        let build = self.place.join("cmake");
        let source = self.critical_section()?.map(|path| path.display().to_string()).unwrap_or_default();
        let configure = Cmd::new(tools::CMAKE.name)
            .arg("-S")
            .arg(self.project.root.join(PROGRAM))
            .arg("-B")
            .arg(&build)
            .args(["-DCMAKE_SYSTEM_NAME=Generic", "-DCMAKE_TRY_COMPILE_TARGET_TYPE=STATIC_LIBRARY"])
            .arg(format!("-DCMAKE_C_COMPILER={}", tools::ARM_GCC.name))
            .arg(format!("-Dcocancel_DIR={}", self.tree.join("lib/cmake/cocancel").display()))
            .arg(format!("-DPROCESSOR={}", self.processor))
            .arg(format!("-DCRITICAL_SECTION={source}"));
        log.check(&configure)?;
        log.check(&Cmd::new(tools::CMAKE.name).arg("--build").arg(&build))?;
        ["cocancel.elf", "native.elf"].into_iter().try_for_each(|program| is_linked(build.join(program)))
    }

    /// The page's code in a file, where the archive needs it.
    fn critical_section(&self) -> Result<Option<PathBuf>> {
        if self.target.feature != "critical-section" {
            return Ok(None);
        }
        let source = self.place.join("critical_section.c");
        fs::write(&source, critical_section(&fs::read_to_string(self.tree.join("README.md"))?)?)?;
        Ok(Some(source))
    }

    fn ask(&self, package: &str, what: &str) -> Result<Vec<String>> {
        strangers::ask(&self.tree.join("lib"), package, &[what])
    }
}

/// The program has something of the library.
fn is_linked(program: PathBuf) -> Result<()> {
    let image = Image::read(program)?;
    let has = image.symbols.iter().any(|s| s.name == "cocancel_begin");
    ensure!(has, "{} has nothing of the library", image.path.display());
    Ok(())
}

/// The code of the page.
fn critical_section(page: &str) -> Result<&str> {
    let (_, rest) = page.split_once(MARK).with_context(|| format!("the page has no {MARK}"))?;
    let code = rest.trim_start().strip_prefix("```c\n").and_then(|rest| rest.split_once("```"));
    Ok(code.with_context(|| format!("no ```c block follows {MARK}"))?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marked_code_is_taken_out() {
        let page = format!("```c\nanother\n```\n{MARK}\n```c\nint x;\n```\n```c\nlast\n```\n");
        assert_eq!(critical_section(&page).unwrap(), "int x;\n");
        assert!(critical_section("```c\nanother\n```\n").is_err());
        assert!(critical_section(&format!("{MARK}\n```sh\nls\n```\n")).is_err());
    }
}
