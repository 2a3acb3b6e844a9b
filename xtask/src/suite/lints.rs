//! Steps that only compile: formatting, lints, documentation.

use anyhow::Result;

use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;

/// Features of the core that cannot be built on the host.
const NOT_ON_HOST: [&str; 1] = ["unsafe-assume-single-core"];
/// Up to this many features every combination is checked; above it each alone and all together.
const POWERSET: usize = 4;

/// Everything is formatted.
pub fn fmt(project: &Project, log: &mut Log) -> Result<Outcome> {
    log.check(&project.cargo(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

/// No lint says anything about the workspace.
pub fn clippy(project: &Project, log: &mut Log) -> Result<Outcome> {
    let args = ["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"];
    log.check(&project.cargo(args))?;
    Ok(Outcome::Passed)
}

/// Nor about the core with other features.
pub fn clippy_features(project: &Project, log: &mut Log) -> Result<Outcome> {
    let features: Vec<&str> = project
        .package("cocancel")?
        .features
        .keys()
        .map(String::as_str)
        .filter(|f| *f != "default" && !NOT_ON_HOST.contains(f))
        .collect();
    for set in feature_sets(&features) {
        let list = set.join(",");
        let args = ["clippy", "-p", "cocancel", "--lib", "--no-default-features"];
        let cmd = project.cargo(args).args(["--features", &list, "--", "-Dwarnings"]);
        log.check(&cmd)?;
    }
    Ok(Outcome::Passed)
}

fn feature_sets<'a>(features: &[&'a str]) -> Vec<Vec<&'a str>> {
    if features.len() > POWERSET {
        let mut sets = vec![vec![], features.to_vec()];
        sets.extend(features.iter().map(|f| vec![*f]));
        return sets;
    }
    (0..1_usize << features.len())
        .map(|bits| {
            let chosen = features.iter().enumerate();
            chosen.filter(|(i, _)| bits >> i & 1 == 1).map(|(_, f)| *f).collect()
        })
        .collect()
}

/// The documentation builds, and all its links lead somewhere.
pub fn doc(project: &Project, log: &mut Log) -> Result<Outcome> {
    for package in project.packages() {
        if !package.targets.iter().any(|t| t.doc) {
            continue;
        }
        let mut cmd =
            project.cargo(["doc", "--no-deps", "-p", package.name.as_str()]).env("RUSTDOCFLAGS", "-Dwarnings");
        if package.name.as_str() == "cocancel" {
            cmd = cmd.arg("--all-features");
        }
        log.check(&cmd)?;
    }
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_features_are_combined_and_many_are_not() {
        let two = feature_sets(&["com", "posix"]);
        let all: [&[&str]; 4] = [&[], &["com"], &["posix"], &["com", "posix"]];
        assert_eq!(two, all);
        assert_eq!(feature_sets(&["a", "b", "c", "d", "e"]).len(), 7);
    }
}
