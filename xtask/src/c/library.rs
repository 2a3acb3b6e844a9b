//! The C library, built for release, and how programs are linked with it.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::log::Log;
use crate::project::Project;

/// What the archive needs of the system.
pub const SYSTEM: [&str; 3] = ["-pthread", "-ldl", "-lm"];
/// A source file that says this is not linked with the library.
const LOADS: &str = "/* loads the library itself */";

/// The two forms of the library.
pub struct Library {
    /// libcocancel.a
    pub archive: PathBuf,
    /// libcocancel.so
    pub shared: PathBuf,
}

impl Library {
    /// Builds both.
    pub fn build(project: &Project, log: &mut Log) -> Result<Self> {
        log.check(&project.cargo(["build", "--release", "-p", "cocancel-ffi"]))?;
        let folder = project.target.join("release");
        let library = Self { archive: folder.join("libcocancel.a"), shared: folder.join("libcocancel.so") };
        for file in [&library.archive, &library.shared] {
            ensure!(file.exists(), "{} was not built", file.display());
        }
        Ok(library)
    }

    /// Builds the archive for hosts that bring their own port, in a target folder of its own because it has the same name.
    pub fn build_without_std(project: &Project, log: &mut Log) -> Result<PathBuf> {
        let folder = project.target.join("without-std");
        let args = ["build", "--release", "-p", "cocancel-ffi", "--no-default-features", "--features", "com"];
        log.check(&project.cargo(args).arg("--target-dir").arg(&folder))?;
        Ok(folder.join("release/libcocancel.a"))
    }

    /// Arguments that link the archive.
    pub fn link_static(&self) -> Vec<OsString> {
        let mut args = vec![self.archive.clone().into_os_string()];
        args.extend(SYSTEM.iter().map(OsString::from));
        args
    }

    /// Arguments that link the shared library as a stranger would, and let the program find it by itself.
    pub fn link_shared(&self) -> Vec<OsString> {
        let folder = self.shared.parent().unwrap_or(&self.shared);
        let option = |option: &str| {
            let mut arg = OsString::from(option);
            arg.push(folder);
            arg
        };
        vec![option("-L"), option("-Wl,-rpath,"), "-lcocancel".into()]
    }

    /// Whether a source file is to be linked with the library at all.
    pub fn is_linked(source: &str) -> bool {
        !source.contains(LOADS)
    }

    /// Arguments for a program that loads the shared library itself: which file that is.
    pub fn load_shared(&self) -> Vec<OsString> {
        let mut define = OsString::from("-DCOCANCEL_LIBRARY=\"");
        define.push(&self.shared);
        define.push("\"");
        vec![define, "-ldl".into()]
    }

    /// The arguments that a source file needs, with the archive unless it loads the library.
    pub fn arguments(&self, source: &str) -> Vec<OsString> {
        if Self::is_linked(source) { self.link_static() } else { self.load_shared() }
    }
}
