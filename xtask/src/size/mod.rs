//! `cargo xtask size`: how large the library is on boards, how deep its stacks are, how many instructions it takes; docs/footprint.md.

mod application;
mod compare;
mod instructions;
pub mod library;
mod listing;
mod page;
mod peers;
mod storage;

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use self::library::{Image, Target, Use};
use crate::log::Log;
use crate::project::Project;
use crate::report::{Outcome, Step};

const PAGE: &str = "docs/footprint.md";

/// The step of the gate. After that of `interrupts`, whose images it measures: building them twice would take a minute more.
pub fn step() -> Step {
    Step::new("size", |project, log| {
        let page = page::write(project, log)?;
        log.line(compare::compare(&fs::read_to_string(project.root.join(PAGE)).unwrap_or_default(), &page)?)?;
        Ok(Outcome::Passed)
    })
    .minutes(20)
}

/// A linked library has about as many bytes of code as the page says of that use of it.
pub fn check_code(project: &Project, target: &Target, using: Use, image: &Image) -> Result<()> {
    let page = fs::read_to_string(project.root.join(PAGE))?;
    compare::code(&page, &format!("{}: {}", target.name, using.name()), image.code)
}

/// `cargo xtask size`
pub fn command(project: &Project, check: bool) -> Result<ExitCode> {
    let mut log = Log::create(&project.scratch().join("logs"), "size", Duration::from_secs(40 * 60))?;
    let page = page::write(project, &mut log).inspect_err(|_| println!("{}", log.tail(50).unwrap_or_default()))?;
    let path = project.root.join(PAGE);
    if check {
        println!("{}", compare::compare(&fs::read_to_string(&path).unwrap_or_default(), &page)?);
    } else {
        fs::write(&path, &page)?;
        println!("{page}");
    }
    Ok(ExitCode::SUCCESS)
}
