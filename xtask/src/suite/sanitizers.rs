//! The tests on real threads under LLVM's sanitizers.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::harness;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools::Missing;

/// Data races.
pub fn thread(project: &Project, log: &mut Log) -> Result<Outcome> {
    let suppressions = project.root.join("tests/host/tsan.supp");
    ensure!(suppressions.exists(), "tests/host/tsan.supp is missing");
    let options = format!("suppressions={}", suppressions.display());
    // One test at a time, with its output let through: otherwise the tests' threads share the harness's buffers, under locks of std, which is
    // not instrumented.
    let cmd =
        test(project, "thread", "tsan")?.args(["--", "--test-threads=1", "--nocapture"]).env("TSAN_OPTIONS", options);
    harness::run(log, &cmd)
}

/// Memory errors and leaks.
pub fn address(project: &Project, log: &mut Log) -> Result<Outcome> {
    harness::run(log, &test(project, "address", "asan")?)
}

fn test(project: &Project, sanitizer: &str, runtime: &str) -> Result<Cmd> {
    let toolchain = Toolchain::find(runtime)?;
    let args = ["test", "--release", "-p", "cocancel-host-tests", "--tests", "--no-fail-fast"];
    Ok(instrumented(project, &toolchain, sanitizer, runtime, &args))
}

/// Builds the C library for ThreadSanitizer; gives the archive, and the sanitizer's runtime that it is to be linked with.
pub fn c_library(project: &Project, log: &mut Log) -> Result<(PathBuf, PathBuf)> {
    let toolchain = Toolchain::find("tsan")?;
    let args = ["build", "--release", "-p", "cocancel-ffi"];
    log.check(&instrumented(project, &toolchain, "thread", "tsan", &args))?;
    let archive: PathBuf = ["tsan", &toolchain.host, "release", "libcocancel.a"].iter().collect();
    Ok((project.target.join(archive), toolchain.runtime))
}

fn instrumented(project: &Project, toolchain: &Toolchain, sanitizer: &str, runtime: &str, args: &[&str]) -> Cmd {
    // With a target, build scripts and macros, which run here, are compiled without the sanitizer.
    toolchain
        .cargo(project)
        .args(args)
        .args(["--target", &toolchain.host])
        .arg("--target-dir")
        .arg(project.target.join(runtime))
        .env("RUSTFLAGS", format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer"))
}

/// A compiler that takes `-Z` flags and has a sanitizer's runtime.
pub struct Toolchain {
    nightly: bool,
    /// The machine that it compiles for.
    pub host: String,
    runtime: PathBuf,
}

impl Toolchain {
    /// A nightly when there is one, else the one in use with its unstable flags unlocked.
    pub fn find(runtime: &str) -> Result<Self> {
        for nightly in [true, false] {
            let rustc = |args: &[&str]| {
                let cmd =
                    if nightly { Cmd::new("rustup").args(["run", "nightly", "rustc"]) } else { Cmd::new("rustc") };
                cmd.args(args).read()
            };
            let Ok(sysroot) = rustc(&["--print", "sysroot"]) else {
                continue;
            };
            let host = host(&rustc(&["-vV"])?)?;
            let libraries: PathBuf = [sysroot.trim(), "lib/rustlib", &host, "lib"].iter().collect();
            let wanted = format!("_rt.{runtime}.a");
            let found = std::fs::read_dir(&libraries)
                .with_context(|| libraries.display().to_string())?
                .flatten()
                .find(|e| e.file_name().to_string_lossy().ends_with(&wanted));
            if let Some(found) = found {
                return Ok(Self { nightly, host, runtime: found.path() });
            }
        }
        let advice = "needs a toolchain with sanitizers: rustup toolchain install nightly".into();
        Err(Missing { advice }.into())
    }

    fn cargo(&self, project: &Project) -> Cmd {
        if self.nightly { self.program(project, Path::new("cargo")) } else { self.unlocked(project.cargo([])) }
    }

    /// The folder of the toolchain's own llvm-cov and llvm-profdata, which read what its compiler writes.
    pub fn llvm_tools(&self) -> Result<PathBuf> {
        let bin = self.runtime.ancestors().nth(2).context("a runtime outside a toolchain")?.join("bin");
        if bin.join("llvm-cov").exists() {
            return Ok(bin);
        }
        let advice = "needs: rustup component add llvm-tools --toolchain nightly".into();
        Err(Missing { advice }.into())
    }

    /// A program, in the workspace, whose cargo is this toolchain's.
    pub fn program(&self, project: &Project, program: &Path) -> Cmd {
        if self.nightly {
            Cmd::new("rustup")
                .args(["run", "nightly"])
                .arg(program)
                .dir(&project.root)
                // Set by the cargo that runs this program, and would win.
                .unset("RUSTC")
                .unset("RUSTDOC")
        } else {
            self.unlocked(Cmd::new(program).dir(&project.root))
        }
    }

    fn unlocked(&self, cmd: Cmd) -> Cmd {
        cmd.env("RUSTC_BOOTSTRAP", "1")
    }
}

/// The `host:` line of `rustc -vV`.
fn host(version: &str) -> Result<String> {
    let line = version.lines().find_map(|l| l.strip_prefix("host: "));
    Ok(line.context("`rustc -vV` names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read() {
        let version = "rustc 1.85.0\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.85.0";
        assert_eq!(host(version).unwrap(), "x86_64-unknown-linux-gnu");
        assert!(host("rustc 1.85.0").is_err());
    }
}
