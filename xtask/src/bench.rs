//! The benchmarks.

use std::process::ExitCode;

use anyhow::Result;

use crate::project::Project;

/// `cargo xtask bench`
pub fn command(project: &Project, args: &[String]) -> Result<ExitCode> {
    let status = project.cargo(["bench", "-p", "cocancel-bench"]).args(args).run_attached()?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
