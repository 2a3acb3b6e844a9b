//! tests/mutations.toml: which errors are planted, and which test must notice each.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutations {
    mutation: Vec<Mutation>,
}

/// One planted error.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// What it is called.
    pub name: String,
    /// The file it is planted in, from the workspace's root.
    pub file: String,
    /// Text that stands in the file exactly once.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
    /// Which tests run.
    pub run: Target,
    /// Part of the name of the test that must fail.
    pub test: String,
    /// What goes wrong, for whoever reads that it was not noticed.
    pub why: String,
}

/// A kind of tests.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Interleavings under loom.
    Loom,
    /// Operations that are stopped, or cut into, at each step.
    Steps,
    /// Real threads.
    Host,
    /// The core's unit tests.
    Core,
}

/// Reads the list.
pub fn read(root: &Path) -> Result<Vec<Mutation>> {
    let path = root.join("tests/mutations.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    parse(&text).context("tests/mutations.toml")
}

fn parse(text: &str) -> Result<Vec<Mutation>> {
    let list: Mutations = toml::from_str(text)?;
    let mut names: Vec<&str> = list.mutation.iter().map(|m| m.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|w| w[0] == w[1]);
    ensure!(twice.is_none(), "two mutations are named {:?}", twice);
    Ok(list.mutation)
}

impl Mutation {
    /// The file's text with the error in it.
    pub fn apply(&self, text: &str) -> Result<String> {
        let count = text.matches(&self.find).count();
        ensure!(count == 1, "its text stands {count} times in {}", self.file);
        ensure!(self.find != self.replace, "it changes nothing");
        Ok(text.replacen(&self.find, &self.replace, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[[mutation]]\nname = \"a\"\nfile = \"core/src/a.rs\"\n\
        find = \"x + 1\"\nreplace = \"x + 2\"\nrun = \"loom\"\ntest = \"t\"\nwhy = \"w\"\n";

    #[test]
    fn the_list_is_read() {
        let list = parse(ENTRY).unwrap();
        assert_eq!(list[0].run, Target::Loom);
        assert!(parse(&ENTRY.repeat(2)).is_err());
        assert!(parse(&ENTRY.replace("loom", "moon")).is_err());
    }

    #[test]
    fn the_text_must_stand_there_once() {
        let mutation = parse(ENTRY).unwrap().remove(0);
        assert_eq!(mutation.apply("a = x + 1;").unwrap(), "a = x + 2;");
        assert!(mutation.apply("a = x + 3;").is_err());
        assert!(mutation.apply("x + 1; x + 1").is_err());
    }
}
