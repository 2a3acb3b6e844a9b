//! Every `cargo xtask …` that a page, a source or a script names is one that this program takes, and every filter finds a step of the gate.

use anyhow::Result;
use clap::Parser;
use regex::Regex;

use super::Finding;
use super::tree::Tree;
use crate::{Cli, Command};

/// A command in a sentence ends with its quotation, one in a block with its line or the remark behind it.
const COMMAND: &str = r"cargo xtask ((?:[^`\n#\s…]|[ \t][^`\n#\s…])+)";

/// `steps`: the names of the gate's steps.
pub fn check(tree: &Tree, steps: &[String]) -> Result<Vec<Finding>> {
    let pattern = Regex::new(COMMAND)?;
    let mut findings = Vec::new();
    // but for this file, whose tests name wrong ones
    for file in tree.files.iter().filter(|f| f.path != file!()) {
        for (i, line) in file.text.lines().enumerate() {
            for found in pattern.captures_iter(line) {
                if let Some(why) = fault(&found[1], steps) {
                    let what = format!("`cargo xtask {}`: {why}", &found[1]);
                    findings.push(Finding::error(&file.path, i + 1, what));
                }
            }
        }
    }
    Ok(findings)
}

fn fault(arguments: &str, steps: &[String]) -> Option<String> {
    let Some(mut words) = shlex::split(arguments) else { return Some("a quotation without an end".into()) };
    // A placeholder for a number.
    words.iter_mut().filter(|w| *w == "N").for_each(|w| *w = "1".into());
    match Cli::try_parse_from(["cargo xtask".to_owned()].into_iter().chain(words)) {
        Err(error) if error.use_stderr() => error.to_string().lines().next().map(str::to_owned),
        Ok(Cli { command: Command::Test { filter: Some(filter), .. } }) => {
            let placeholder = filter.chars().all(char::is_uppercase);
            let found = placeholder || steps.iter().any(|name| name.contains(&filter));
            (!found).then(|| "no step of the gate has this in its name".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn count(text: &str) -> usize {
        let steps = ["spin index".to_owned(), "doc".to_owned()];
        check(&sample("docs/a.md", text), &steps).unwrap().len()
    }

    #[test]
    fn unknown_commands_options_and_filters_are_found() {
        assert_eq!(count("`cargo xtask boil`"), 1);
        assert_eq!(count("`cargo xtask check --deep`"), 1);
        assert_eq!(count("cargo xtask test \"spin queue\"    a remark"), 1);
        assert_eq!(count("cargo xtask test \"spin"), 1);
        assert_eq!(count("`cargo xtask boil` and `cargo xtask fry`"), 2);
    }

    #[test]
    fn what_the_program_takes_passes() {
        assert_eq!(count("run `cargo xtask test \"spin i\"` and `cargo xtask check`"), 0);
        assert_eq!(count("cargo xtask test          # everything"), 0);
        assert_eq!(count("cargo xtask test FILTER\ncargo xtask fuzz --minutes N   N minutes each"), 0);
        assert_eq!(count("`cargo xtask help`; `cargo xtask …`"), 0);
    }
}
