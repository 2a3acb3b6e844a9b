//! What a registry gets: the packages build by themselves, with the oldest compiler that they name, from dependencies that may be used.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::check;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools::{self, GCC, Missing, Tool};

const CRATES: [&str; 2] = ["cocancel", "cocancel-ffi"];
/// What an old compiler is checked with: the features for hosts and boards of which none excludes another.
const FEATURES: &str = "cocancel/com,cocancel/posix,cocancel/bare-metal,cocancel/defmt";
const CARGO_DENY: &str = "cargo-deny";
const DPKG: Tool = Tool { name: "dpkg", package: "dpkg" };

/// `cargo publish --dry-run`: what is packed builds, links to nothing outside, and nothing is missing that the registry wants.
pub fn publish(project: &Project, log: &mut Log) -> Result<Outcome> {
    // Of its own: what is packed has another path, and would push out what the other steps have built.
    let target = project.target.join("publish");
    let mut cmd = project.cargo(["publish", "--dry-run", "--allow-dirty", "--target-dir"]).arg(&target);
    cmd = with_new_home(cmd, &target.join("home"))?;
    for name in CRATES {
        cmd = cmd.args(["-p", name]);
    }
    let said = log.check(&cmd)?;
    // Nothing is published so far, so there is no page to name.
    let expected = ["aborting upload due to dry run", "manifest has no documentation, homepage or repository"];
    let is_expected = |line: &str| expected.iter().any(|e| line.contains(e));
    let warnings: Vec<&str> = said.lines().filter(|l| l.starts_with("warning") && !is_expected(l)).collect();
    ensure!(warnings.is_empty(), "{warnings:?}");
    for name in CRATES {
        let list = project.cargo(["package", "--list", "--allow-dirty", "-p", name]).read()?;
        for file in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            ensure!(list.lines().any(|l| l == file), "{name} is packed without {file}");
        }
        // where cargo has unpacked it to build it
        let version = &project.package(name)?.version;
        check::links(&target.join(format!("package/{name}-{version}")))?;
    }
    Ok(Outcome::Tests(Counts { passed: CRATES.len(), ..Counts::default() }))
}

/// The crates for a registry compile with the `rust-version` that they state.
pub fn oldest(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&GCC])?;
    // not the one that this program needs, which is newer
    let [stated, of_c] = CRATES.map(|name| project.oldest_rustc(name));
    let stated = stated?;
    ensure!(stated == of_c?, "{CRATES:?} state different ones");
    let rustc = match rustup(&stated) {
        Some(rustc) => rustc,
        None => debian(project, log, &stated)?,
    };
    let version = Cmd::new(&rustc).arg("-V").read()?;
    ensure!(version.contains(&format!(" {stated}.")), "{} is {version}", rustc.display());
    let mut cmd = project.cargo(["check", "--features", FEATURES, "--target-dir"]).arg(project.target.join("oldest"));
    for name in CRATES {
        cmd = cmd.args(["-p", name]);
    }
    log.check(&cmd.env("RUSTC", &rustc))?;
    Ok(Outcome::Passed)
}

/// With an empty home of cargo's. In the usual one lies the `cocancel` that the last run in this folder unpacked, under the same name
/// and version; cargo takes that for the one it has just packed, and `cocancel-ffi` is built with a library that is no more.
fn with_new_home(mut cmd: Cmd, home: &Path) -> Result<Cmd> {
    if home.exists() {
        fs::remove_dir_all(home)?;
    }
    let usual = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let usual = usual.or_else(|| std::env::home_dir().map(|h| h.join(".cargo"))).context("no home directory")?;
    // which registry to ask, and by which proxy
    for config in ["config.toml", "config"].map(|name| usual.join(name)).iter().filter(|c| c.exists()).take(1) {
        cmd = cmd.arg("--config").arg(config);
    }
    Ok(cmd.env("CARGO_HOME", home))
}

/// The compiler of a toolchain that rustup has; none is fetched.
fn rustup(version: &str) -> Option<PathBuf> {
    let installed = Cmd::new("rustup").args(["toolchain", "list"]).read().ok()?;
    let name = installed.lines().map(|l| l.split(' ').next().unwrap_or(l)).find(|l| l.starts_with(version))?;
    let path = Cmd::new("rustup").args(["which", "--toolchain", name, "rustc"]).read().ok()?;
    Some(PathBuf::from(path.trim()))
}

/// Debian's compiler of that version, unpacked below the target folder: installed, it would push the newer one out.
fn debian(project: &Project, log: &mut Log, version: &str) -> Result<PathBuf> {
    let folder = project.scratch().join(format!("rustc-{version}"));
    let start = folder.join("rustc");
    if start.exists() {
        return Ok(start);
    }
    let missing =
        || Missing { advice: format!("needs: rustup toolchain install {version}; or Debian's rustc-web {version}") };
    let versions = Cmd::new("apt-cache").args(["madison", "rustc-web"]).read().map_err(|_| missing())?;
    let fields = versions.lines().filter_map(|l| l.split('|').nth(1)).map(str::trim);
    let full = fields.clone().find(|v| v.starts_with(&format!("{version}."))).ok_or_else(missing)?;
    tools::need(&[&DPKG])?;
    let debs = folder.join("debs");
    fs::create_dir_all(&debs)?;
    let packages = ["rustc-web", "libstd-rust-web-dev", &format!("libstd-rust-web-{version}")];
    fetch(log, &debs, &folder, packages.iter().map(|p| format!("{p}={full}")))?;
    // Which LLVM it was linked with is what its loader says.
    let compiler = folder.join("usr/bin/rustc");
    let libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib"].map(|l| folder.join(l).display().to_string()).join(":");
    let needs = Cmd::new("ldd").arg(&compiler).env("LD_LIBRARY_PATH", &libraries).read()?;
    let llvm = needs.lines().find_map(|l| l.trim().strip_prefix("libLLVM.so.")?.split('.').next());
    fetch(log, &debs, &folder, [format!("libllvm{}", llvm.context("no LLVM")?)])?;
    fs::remove_dir_all(&debs)?;
    // A wrapper, so that nothing but the compiler sees these libraries.
    let script = format!("#!/bin/sh\nLD_LIBRARY_PATH='{libraries}' exec '{}' \"$@\"\n", compiler.display());
    fs::write(&start, script)?;
    log.check(&Cmd::new("chmod").arg("+x").arg(&start))?;
    Ok(start)
}

/// Fetches Debian packages and unpacks them.
fn fetch(log: &mut Log, debs: &Path, folder: &Path, packages: impl IntoIterator<Item = String>) -> Result<()> {
    log.check(&Cmd::new("apt-get").args(["download", "-q"]).args(packages).dir(debs))?;
    for deb in fs::read_dir(debs)? {
        let deb = deb?.path();
        log.check(&Cmd::new(DPKG.name).arg("-x").arg(&deb).arg(folder))?;
        fs::remove_file(deb)?;
    }
    Ok(())
}

/// Licences, sources and bans of what the crates for a registry depend on, by deny.toml. Advisories are `cargo deny check advisories`, which
/// fetches a database that not every network lets through. Not in the gate: building cargo-deny takes longer than all its tests of the core.
pub fn deny(project: &Project, log: &mut Log) -> Result<()> {
    let program = tools::cargo_tool(project, log, CARGO_DENY)?;
    let deny = Cmd::new(program).args(["--all-features", "check", "licenses", "bans", "sources"]);
    println!("{}", log.check(&deny.dir(&project.root))?.trim_end());
    Ok(())
}
