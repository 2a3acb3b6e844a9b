//! The library for Linux: the archive as rustc makes it, and a shared library linked from that.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::c::{self, Library};
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools::{self, Tool};

/// What a program needs of the system besides the archive. One list for glibc and musl, where some of these are empty archives.
pub const SYSTEM: [&str; 3] = ["-pthread", "-ldl", "-lm"];

/// The number in the SONAME: it is raised when a program that was linked before would not run any more.
const SONAME: &str = "libcocancel.so.0";

/// Both forms of the library.
pub struct Built {
    /// libcocancel.a
    pub archive: PathBuf,
    /// For boards, the same without COM.
    pub native: Option<PathBuf>,
    /// The shared library; its file's name has the whole version.
    pub shared: Option<Shared>,
    /// What a program needs of the system besides the archive; nothing on a board.
    pub system: &'static [&'static str],
}

/// The shared library.
pub struct Shared {
    /// The file, `libcocancel.so.0.1.0`.
    pub path: PathBuf,
    /// What programs ask for at run time, `libcocancel.so.0`.
    pub soname: &'static str,
}

/// This machine.
pub struct Host;

impl Host {
    /// Builds both. As usual, `CC` names the compiler that links, and `LDFLAGS` has more options for it.
    pub fn build(&self, project: &Project, log: &mut Log) -> Result<Built> {
        let compiler = std::env::var("CC").unwrap_or_default();
        if compiler.is_empty() {
            tools::need(&[&tools::GCC])?;
        }
        let options = std::env::var("LDFLAGS").unwrap_or_default();
        let compiler = if compiler.is_empty() { tools::GCC.name } else { &compiler };
        let linker = words(compiler, &options).context("CC names no compiler")?;
        let library = Library::build(project, log)?;
        let folder = project.scratch().join("package");
        fs::create_dir_all(&folder)?;
        let shared = link(project, log, linker, &library.archive, &folder)?;
        Ok(Built { archive: library.archive, native: None, shared: Some(shared), system: &SYSTEM })
    }
}

/// Linux on another processor, or with another C library.
pub struct Target {
    /// Rustc's name for it.
    pub name: &'static str,
    compiler: Tool,
    /// What runs its programs here, with the option that names its libraries.
    runner: Option<(Tool, &'static [&'static str])>,
    /// Whether there is a shared library, too.
    is_shared: bool,
    /// What its programs are linked with besides, here.
    link: &'static [&'static str],
}

/// All of them. Musl's are linked whole, which is what it is mostly used for.
pub const TARGETS: [Target; 2] = [
    Target {
        name: "x86_64-unknown-linux-musl",
        compiler: Tool { name: "musl-gcc", package: "musl-tools" },
        runner: None,
        is_shared: false,
        link: &["-static", "tests/package/musl_unwinder.c"],
    },
    Target {
        name: "aarch64-unknown-linux-gnu",
        compiler: Tool { name: "aarch64-linux-gnu-gcc", package: "gcc-aarch64-linux-gnu" },
        runner: Some((Tool { name: "qemu-aarch64", package: "qemu-user" }, &["-L", "/usr/aarch64-linux-gnu"])),
        is_shared: true,
        link: &[],
    },
];

/// The C library of the machine for which that compiler builds; its headers come in a package of their own.
const AARCH64_LIBC: Tool = Tool { name: "/usr/aarch64-linux-gnu/include/stdio.h", package: "libc6-dev-arm64-cross" };

impl Target {
    /// Builds the library.
    pub fn build(&self, project: &Project, log: &mut Log) -> Result<Built> {
        tools::need(&[&self.compiler])?;
        if self.is_shared {
            tools::need(&[&AARCH64_LIBC])?;
        }
        let cross = self.cross()?;
        let target = project.target.join("linux");
        let cmd = cross.cargo_with_std(project, "rustc").args(["-p", "cocancel-ffi", "--crate-type", "staticlib"]);
        log.check(&cmd.arg("--target-dir").arg(&target))?;
        let folder = target.join(self.name).join("release");
        let archive = folder.join("libcocancel.a");
        let shared = match self.is_shared {
            true => Some(link(project, log, Cmd::new(self.compiler.name), &archive, &folder)?),
            false => None,
        };
        Ok(Built { archive, native: None, shared, system: &SYSTEM })
    }

    /// Which compiler is used.
    pub fn cross(&self) -> Result<Cross> {
        Cross::find(self.name)
    }

    /// Builds the library and the programs of tests/c, and runs those.
    pub fn test(&self, project: &Project, log: &mut Log) -> Result<usize> {
        let built = self.build(project, log)?;
        let folder = project.scratch().join("linux").join(self.name);
        fs::create_dir_all(&folder)?;
        let mut passed = 0;
        for source in c::sources(&project.root.join("tests/c"))? {
            if !Library::is_linked(&fs::read_to_string(&source)?) {
                continue;
            }
            let program = folder.join(source.file_stem().context("a source without a name")?);
            let compile = Cmd::new(self.compiler.name)
                .args(["-std=c99", "-O1", "-g", "-pthread", "-Iinclude"])
                .arg(&source)
                .args(self.link)
                .arg(&built.archive)
                .args(SYSTEM)
                .arg("-o")
                .arg(&program)
                .dir(&project.root);
            log.check(&compile)?;
            let run = match &self.runner {
                None => Cmd::new(&program),
                Some((runner, args)) => {
                    tools::need(&[runner])?;
                    Cmd::new(runner.name).args(*args).arg(&program)
                }
            };
            log.check(&run)?;
            passed += 1;
        }
        ensure!(passed > 0, "no program ran");
        Ok(passed)
    }
}

/// A compiler with its own options, as in `ccache gcc`, and more of them.
fn words(compiler: &str, options: &str) -> Option<Cmd> {
    let mut compiler = compiler.split_whitespace();
    Some(Cmd::new(compiler.next()?).args(compiler).args(options.split_whitespace()))
}

/// Links the archive into a shared library with a SONAME, with versions for the public names, and without any other. Cargo cannot: rustc gives
/// the linker an anonymous version script of its own, which GNU ld does not take together with another.
pub fn link(project: &Project, log: &mut Log, compiler: Cmd, archive: &Path, folder: &Path) -> Result<Shared> {
    let version = &project.package("cocancel-ffi")?.version;
    let path = folder.join(format!("libcocancel.so.{version}"));
    log.check(&command(compiler, &project.root.join("packaging/cocancel.map"), archive, &path)?)?;
    ensure!(path.exists(), "{} was not linked", path.display());
    Ok(Shared { path, soname: SONAME })
}

/// The command, which the page on packaging has, too.
fn command(compiler: Cmd, map: &Path, archive: &Path, shared: &Path) -> Result<Cmd> {
    let script = format!("-Wl,--version-script={}", map.to_str().context("a path that is not UTF-8")?);
    Ok(compiler
        .arg("-shared")
        .arg(format!("-Wl,-soname,{SONAME}"))
        .arg(script)
        // A name in the script that the library lacks is an error; what nobody can reach is left out, as are local names.
        .args(["-Wl,--no-undefined-version,--gc-sections,-z,defs,-z,relro,-z,now", "-Wl,--whole-archive"])
        .arg(archive)
        .arg("-Wl,--no-whole-archive")
        .args(SYSTEM)
        .arg("-o")
        .arg(shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environments_compiler_may_have_options() {
        let words = |compiler, options| words(compiler, options).map(|cmd| cmd.to_string());
        assert_eq!(words("ccache gcc", " -Wl,-O1  -g ").as_deref(), Some("ccache gcc -Wl,-O1 -g"));
        assert_eq!(words("gcc", "").as_deref(), Some("gcc"));
        assert_eq!(words(" ", "-g"), None);
    }

    #[test]
    fn the_page_links_as_we_do() {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/packaging.md")).unwrap();
        let page = page.replace("\\\n", " ").split_whitespace().collect::<Vec<_>>().join(" ");
        let shared = concat!("libcocancel.so.", env!("CARGO_PKG_VERSION"));
        let [map, archive, shared] = ["packaging/cocancel.map", "target/release/libcocancel.a", shared].map(Path::new);
        let command = command(Cmd::new("cc").arg("$LDFLAGS"), map, archive, shared).unwrap().to_string();
        assert!(page.contains(&format!("{command} ```")), "docs/packaging.md has not: {command}");
    }
}
