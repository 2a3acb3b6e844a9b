//! Building for targets without an operating system: which compiler, which linker.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::exec::Cmd;
use crate::project::Project;
use crate::tools::{self, Missing, Tool};

/// Debian's compiler and the sources of `core`.
const DEBIAN: [Tool; 2] = [
    Tool { name: "/usr/bin/rustc", package: "rustc-web" },
    Tool { name: "/usr/lib/rustlib/src/rust/library/core/src/lib.rs", package: "rust-web-src" },
];

/// A way to build for a target.
pub struct Cross {
    /// The target.
    pub target: String,
    /// `None`: its libraries are installed. Else `core` is compiled from the sources of this compiler.
    from_source: Option<PathBuf>,
    has_lld: bool,
}

impl Cross {
    /// The first that works: the libraries as installed by rustup; a compiler that has the sources of `core`, the one in use or
    /// Debian's; as root on Debian, Debian's, which is then installed.
    pub fn find(target: &str) -> Result<Self> {
        let here = PathBuf::from("rustc");
        let libraries = Cmd::new(&here).args(["--print", "target-libdir", "--target", target]).read()?;
        if Path::new(libraries.trim()).exists() {
            return Ok(Self { target: target.to_owned(), from_source: None, has_lld: true });
        }
        let installed = Self::from_source(target);
        installed.map_err(|error| match error.downcast::<Missing>() {
            Ok(missing) => {
                Missing { advice: format!("needs: rustup target add {target}; or {}", missing.advice) }.into()
            }
            Err(error) => error,
        })
    }

    /// The same without the libraries as installed, for a target that is described by a file: its path, in place of a name.
    pub fn from_source(target: &str) -> Result<Self> {
        let with_sources = || {
            let all = [PathBuf::from("rustc"), PathBuf::from("/usr/bin/rustc")];
            let new =
                |from_source, has_lld| Self { target: target.to_owned(), from_source: Some(from_source), has_lld };
            all.into_iter().find_map(|rustc| sources(&rustc).ok().map(|has_lld| new(rustc, has_lld)))
        };
        if let Some(found) = with_sources() {
            return Ok(found);
        }
        let installed = tools::need(&DEBIAN.each_ref());
        match (installed, with_sources()) {
            (Ok(()), Some(found)) => Ok(found),
            (installed, _) => {
                let debian = installed.err().map(|e| format!("; or, on Debian, {e}")).unwrap_or_default();
                Err(Missing { advice: format!("needs: rustup component add rust-src{debian}") }.into())
            }
        }
    }

    /// The compiler.
    pub fn rustc(&self) -> PathBuf {
        self.from_source.clone().unwrap_or_else(|| "rustc".into())
    }

    /// A cargo command for the target, in the workspace's folder.
    pub fn cargo(&self, project: &Project, command: &str) -> Cmd {
        let cmd = project.cargo([command, "--release", "--target", &self.target]);
        match &self.from_source {
            None => cmd,
            Some(rustc) => cmd.arg("-Zbuild-std=core").env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1"),
        }
    }

    /// The same for a target that has an operating system, and so std.
    pub fn cargo_with_std(&self, project: &Project, command: &str) -> Cmd {
        let cmd = project.cargo([command, "--release", "--target", &self.target]);
        match &self.from_source {
            None => cmd,
            Some(rustc) => cmd.arg("-Zbuild-std=std,panic_abort").env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1"),
        }
    }

    /// The same for what is linked: where the compiler brings no linker, with the GNU one.
    pub fn cargo_linking(&self, project: &Project, command: &str) -> Result<Cmd> {
        let cmd = self.cargo(project, command);
        if self.has_lld {
            return Ok(cmd);
        }
        let (linker, flags) = match self.target.as_str() {
            t if t.starts_with("thumb") => (&tools::ARM_LD, "-Clinker-flavor=ld"),
            t if t.starts_with("riscv32") => (&tools::RISCV_LD, "-Clinker-flavor=ld -Clink-arg=-melf32lriscv"),
            t => bail!("no linker is known for {t}"),
        };
        tools::need(&[linker])?;
        let variable = format!("CARGO_TARGET_{}", self.target.to_uppercase().replace('-', "_"));
        Ok(cmd.env(&format!("{variable}_LINKER"), linker.name).env(&format!("{variable}_RUSTFLAGS"), flags))
    }
}

/// Whether that compiler brings a linker; an error if it has not the sources of `core`, or is too old for this project.
fn sources(rustc: &Path) -> Result<bool> {
    let version = Cmd::new(rustc).arg("-vV").read()?;
    let line = |key| version.lines().find_map(|l| l.strip_prefix(key)).unwrap_or_default();
    let [release, needed] = [line("release: "), env!("CARGO_PKG_RUST_VERSION")].map(minor);
    anyhow::ensure!(release >= needed, "too old");
    let sysroot = PathBuf::from(Cmd::new(rustc).args(["--print", "sysroot"]).read()?.trim()).join("lib/rustlib");
    anyhow::ensure!(sysroot.join("src/rust/library/core").exists(), "no sources");
    Ok(sysroot.join(line("host: ")).join("bin/rust-lld").exists())
}

/// `1.85.0-nightly` is 85.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(minor("1.100.0") > minor(env!("CARGO_PKG_RUST_VERSION")));
        assert!(minor("1.85.0-nightly") > minor("1.63.0"));
        assert_eq!(minor(""), None);
    }

    #[test]
    fn a_compiler_without_sources_is_none() {
        assert!(sources(Path::new("/bin/false")).is_err());
        assert!(Cross::find("no-such-target").is_err());
    }
}
