//! The library for Linux: the archive as rustc makes it, and a shared library linked from that.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::c::Library;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools;

/// What a program needs of the system besides the archive. One list for glibc and musl, where some of these are empty archives.
pub const SYSTEM: [&str; 3] = ["-pthread", "-ldl", "-lm"];

/// The number in the SONAME: it is raised when a program that was linked before would not run any more.
const SONAME: &str = "libcocancel.so.0";

/// Both forms of the library.
pub struct Built {
    /// libcocancel.a
    pub archive: PathBuf,
    /// The shared library; its file's name has the whole version.
    pub shared: Option<Shared>,
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
    /// Builds both.
    pub fn build(&self, project: &Project, log: &mut Log) -> Result<Built> {
        tools::need(&[&tools::GCC])?;
        let library = Library::build(project, log)?;
        let folder = project.scratch().join("package");
        fs::create_dir_all(&folder)?;
        let shared = link(project, log, "gcc", &library.archive, &folder)?;
        Ok(Built { archive: library.archive, shared: Some(shared) })
    }
}

/// Links the archive into a shared library with a SONAME, with versions for the public names, and without any other. Cargo cannot: rustc gives
/// the linker an anonymous version script of its own, which GNU ld does not take together with another.
pub fn link(project: &Project, log: &mut Log, compiler: &str, archive: &Path, folder: &Path) -> Result<Shared> {
    let version = &project.package("cocancel-ffi")?.version;
    let path = folder.join(format!("libcocancel.so.{version}"));
    let map = project.root.join("packaging/cocancel.map");
    let script = format!("-Wl,--version-script={}", map.to_str().context("a path that is not UTF-8")?);
    let link = Cmd::new(compiler)
        .arg("-shared")
        .arg(format!("-Wl,-soname,{SONAME}"))
        .arg(script)
        // A name in the script that the library lacks is an error; what nobody can reach is left out, as are local names.
        .args(["-Wl,--no-undefined-version,--gc-sections,-z,defs,-z,relro,-z,now", "-s", "-Wl,--whole-archive"])
        .arg(archive)
        .arg("-Wl,--no-whole-archive")
        .args(SYSTEM)
        .arg("-o")
        .arg(&path);
    log.check(&link)?;
    ensure!(path.exists(), "{} was not linked", path.display());
    Ok(Shared { path, soname: SONAME })
}
