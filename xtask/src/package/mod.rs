//! The library as a package: an installed tree, what is in the shared library, archives for each target.

mod abi;
mod board;
mod dist;
mod esp_idf;
mod install;
mod linux;
mod python;
mod release;
mod strangers;
mod zephyr;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

pub use self::dist::{add, release, unpack};
pub use self::install::{COM, Described, Files, Package};
pub use self::strangers::{PKG_CONFIG, ask};
use crate::log::Log;
use crate::project::Project;
use crate::report::Step;
use crate::windows;

/// The steps of the gate.
pub fn steps() -> Vec<Step> {
    vec![
        Step::new("package install", strangers::step),
        Step::new("package abi", abi::step),
        Step::new("package zephyr", zephyr::step),
        Step::new("package esp-idf", esp_idf::step),
        Step::new("package publish", release::publish),
        Step::new("package oldest rustc", release::oldest),
    ]
}

/// What is released for boards, once `size` has built it.
pub fn board() -> Step {
    Step::new("package board", board::step)
}

/// `cargo xtask install`
pub fn install(project: &Project, prefix: &Path, libdir: &Path, destdir: Option<&Path>) -> Result<ExitCode> {
    logged(project, "install", |log| {
        let built = linux::Host.build(project, log)?;
        let tree = install::Tree { prefix, libdir, destdir };
        for file in tree.write(project, log, &built)? {
            println!("{}", file.display());
        }
        Ok(())
    })
}

/// `cargo xtask deny`
pub fn deny(project: &Project) -> Result<ExitCode> {
    logged(project, "deny", |log| release::deny(project, log))
}

/// `cargo xtask abi`
pub fn abi(project: &Project, bless: bool, breaking: bool) -> Result<ExitCode> {
    logged(project, "abi", |log| abi::command(project, log, bless, breaking))
}

/// `cargo xtask dist`
pub fn dist(project: &Project, filter: Option<&str>) -> Result<ExitCode> {
    let windows = filter.is_none_or(|f| f.contains("windows"));
    if windows {
        windows::command(project)?;
    }
    logged(project, "dist-packages", |log| {
        let count = dist::command(project, log, filter)?;
        anyhow::ensure!(windows || count > 0, "no target has this name");
        Ok(())
    })
}

/// `cargo xtask linux`
pub fn linux(project: &Project, filter: Option<&str>) -> Result<ExitCode> {
    logged(project, "linux", |log| {
        for target in linux::TARGETS.iter().filter(|t| filter.is_none_or(|f| t.name.contains(f))) {
            println!("{}: {} programs passed", target.name, target.test(project, log)?);
        }
        Ok(())
    })
}

/// Runs a command with a log, whose end is shown when it fails.
fn logged(project: &Project, name: &str, action: impl FnOnce(&mut Log) -> Result<()>) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), name, Duration::from_secs(3600))?;
    match action(&mut log) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            println!("{}", log.tail(100)?);
            Err(error)
        }
    }
}
