//! Checks of the source text: what no compiler and no lint looks at.

mod atomics;
mod commands;
mod formats;
mod layers;
mod length;
mod links;
mod orderings;
mod progress;
mod rust;
mod storage;
mod tree;
mod words;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::suite;
use tree::Tree;

/// One thing that must not stand where it stands.
#[derive(Debug)]
struct Finding {
    file: String,
    line: usize,
    what: String,
    warning: bool,
}

impl Finding {
    fn error(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into(), warning: false }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {kind}{}", self.file, self.line, self.what)
    }
}

fn all(project: &Project) -> Result<Vec<Finding>> {
    let tree = Tree::read(&project.root)?;
    let mut findings = Vec::new();
    findings.extend(orderings::check(&tree)?);
    findings.extend(atomics::check(&tree)?);
    findings.extend(storage::check(&tree)?);
    findings.extend(formats::check(&tree)?);
    findings.extend(layers::check(&tree)?);
    findings.extend(words::check(&tree, &project.root)?);
    findings.extend(length::check(&tree));
    findings.extend(links::check(&tree));
    findings.extend(progress::check(&tree)?);
    let steps: Vec<_> = suite::steps(project)?.into_iter().map(|step| step.name).collect();
    findings.extend(commands::check(&tree, &steps)?);
    Ok(findings)
}

/// That no page in a folder links to what is not in that folder: for what leaves the project.
pub fn links(folder: &Path) -> Result<()> {
    let findings = links::check(&Tree::whole(folder)?);
    let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
    ensure!(lines.is_empty(), "in {}:\n{}", folder.display(), lines.join("\n"));
    Ok(())
}

/// `cargo xtask check`
pub fn command(project: &Project) -> Result<ExitCode> {
    let findings = all(project)?;
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|f| !f.warning).count();
    println!("{errors} errors, {} warnings", findings.len() - errors);
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same as a step of the gate.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    let findings = all(project)?;
    for finding in &findings {
        log.line(finding.to_string())?;
    }
    let errors = findings.iter().filter(|f| !f.warning).count();
    ensure!(errors == 0, "{errors} findings");
    Ok(Outcome::Passed)
}
