//! The C examples of README.md do what the README says that they do.
//!
//! The line `<!-- test: NAME -->` stands before a fenced `c` block with a whole program and a fenced `text` block with
//! its output.

use std::fs;

use anyhow::{Context, Result, ensure};
use similar::TextDiff;

use super::Library;
use super::compiler::COMPILERS;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::Outcome;
use crate::tools;

/// One example.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    name: String,
    program: String,
    output: String,
}

/// Compiles, runs and compares each.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    let compiler = &COMPILERS[0];
    tools::need(&[compiler.tool])?;
    let text = fs::read_to_string(project.root.join("README.md")).context("README.md")?;
    let examples = examples(&text)?;
    ensure!(!examples.is_empty(), "README.md marks no example");
    let library = Library::build(project, log)?;
    let folder = project.scratch().join("readme");
    fs::create_dir_all(&folder)?;
    for example in examples {
        let source = folder.join(format!("{}.c", example.name));
        let program = folder.join(&example.name);
        fs::write(&source, &example.program)?;
        let compile = compiler.compile(project, &source).args(library.link_static()).arg("-o").arg(&program);
        log.check(&compile)?;
        let output = log.check(&Cmd::new(&program).unset("LD_LIBRARY_PATH"))?;
        ensure!(
            output == example.output,
            "the README's example {} prints something else:\n{}",
            example.name,
            TextDiff::from_lines(&example.output, &output).unified_diff().header("README.md", "program")
        );
    }
    Ok(Outcome::Passed)
}

fn examples(text: &str) -> Result<Vec<Example>> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.trim().strip_prefix("<!-- test: ").and_then(|l| l.strip_suffix(" -->")) else {
            continue;
        };
        let mut block = |language| {
            block(&mut lines, language).with_context(|| format!("README.md: no ```{language} block follows {line}"))
        };
        found.push(Example { name: name.to_owned(), program: block("c")?, output: block("text")? });
    }
    Ok(found)
}

/// The next fenced block, which must be of that language.
fn block<'a>(lines: &mut impl Iterator<Item = &'a str>, language: &str) -> Option<String> {
    let fence = lines.find(|l| l.starts_with("```"))?;
    if fence.trim_end() != format!("```{language}") {
        return None;
    }
    let mut text = String::new();
    for line in lines {
        if line.trim_end() == "```" {
            return Some(text);
        }
        text += line;
        text.push('\n');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_examples_are_taken_out() {
        let text = "```c\nnot marked\n```\n<!-- test: first -->\n```c\nint main;\n\nx\n```\n\
                    It prints\n```text\none\n```\nend\n";
        let example =
            Example { name: "first".to_owned(), program: "int main;\n\nx\n".to_owned(), output: "one\n".to_owned() };
        assert_eq!(examples(text).unwrap(), [example]);
    }

    #[test]
    fn a_marker_without_its_blocks_is_an_error() {
        assert!(examples("<!-- test: a -->\n```c\nx\n```\n").is_err());
        assert!(examples("<!-- test: a -->\n```rust\nx\n```\n```text\n```\n").is_err());
        assert!(examples("<!-- test: a -->\n```c\nx\n").is_err());
    }
}
