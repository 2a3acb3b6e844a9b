//! `cargo xtask size`: how large the library is on boards, how deep its stacks are, how many instructions it takes; docs/footprint.md.

mod compare;
mod instructions;
mod library;
mod listing;
mod page;
mod peers;

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::log::Log;
use crate::project::Project;

/// `cargo xtask size`
pub fn command(project: &Project, check: bool) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "size", Duration::from_secs(40 * 60))?;
    let page = page::write(project, &mut log).inspect_err(|_| println!("{}", log.tail(50).unwrap_or_default()))?;
    let path = project.root.join("docs/footprint.md");
    if check {
        println!("{}", compare::compare(&fs::read_to_string(&path).unwrap_or_default(), &page)?);
    } else {
        fs::write(&path, &page)?;
        println!("{page}");
    }
    Ok(ExitCode::SUCCESS)
}
