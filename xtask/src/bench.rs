//! The benchmarks.

use std::fs;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::counts;
use crate::project::Project;

/// `cargo xtask bench`
pub fn command(project: &Project, report: bool, args: &[String]) -> Result<ExitCode> {
    // what the rows of the C interface are linked with
    let built = project.cargo(["build", "--release", "-p", "cocancel-ffi"]).run_attached()?;
    ensure!(built.success(), "the C library does not build");
    let library = project.target.join("release/libcocancel.a");
    let bench = project
        .cargo(["bench", "-p", "cocancel-bench", "--bench", "budgets", "--"])
        .args(args)
        .env("COCANCEL_LIB", library);
    let bench = if report {
        let counts = project.scratch().join("counts.txt");
        fs::write(&counts, counts::text(project)?)?;
        bench.env("COCANCEL_REPORT", project.root.join("docs")).env("COCANCEL_COUNTS", counts)
    } else {
        bench
    };
    let status = bench.run_attached()?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
