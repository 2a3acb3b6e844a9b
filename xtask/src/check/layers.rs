//! The core's modules use only those below them; the table is xtask/layers.toml.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use super::rust::Source;
use super::tree::Tree;

#[derive(Deserialize)]
struct Layers {
    rows: Vec<Vec<String>>,
}

impl Layers {
    fn read() -> Result<Self> {
        toml::from_str(include_str!("../../layers.toml")).context("xtask/layers.toml")
    }

    fn by_module(&self) -> HashMap<&str, usize> {
        let rows = self.rows.iter().enumerate();
        rows.flat_map(|(row, modules)| modules.iter().map(move |m| (m.as_str(), row))).collect()
    }
}

pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    check_with(&Layers::read()?, tree)
}

fn check_with(layers: &Layers, tree: &Tree) -> Result<Vec<Finding>> {
    let rows = layers.by_module();
    let mut findings = Vec::new();
    for (file, source) in tree.rust(&["core/src/"])? {
        let module = file.path["core/src/".len()..].trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some((module, own)) = row_of(&rows, module) else {
            let what = format!("module {module} is not in xtask/layers.toml");
            findings.push(Finding::error(&file.path, 1, what));
            continue;
        };
        let depth = file.path["core/src/".len()..].split('/').count();
        for (used, line) in supers(&source, depth) {
            if let Some((used, _)) = row_of(&rows, &used).filter(|(_, row)| *row > own) {
                let what = format!("{module} uses {used}, which is above it in xtask/layers.toml");
                findings.push(Finding::error(&file.path, line, what));
            }
        }
        for (used, line) in uses(&source) {
            let what = match row_of(&rows, &used) {
                Some((_, row)) if row <= own => continue,
                Some((used, _)) => format!("{module} uses {used}, which is above it in xtask/layers.toml"),
                None => format!("`crate::{used}` is no module of xtask/layers.toml: name the one that defines it"),
            };
            findings.push(Finding::error(&file.path, line, what));
        }
    }
    Ok(findings)
}

/// The row of the longest entry that `path` is or is inside of.
fn row_of<'a>(rows: &HashMap<&str, usize>, path: &'a str) -> Option<(&'a str, usize)> {
    let mut prefix = path;
    loop {
        if let Some(&row) = rows.get(prefix) {
            return Some((prefix, row));
        }
        prefix = prefix.rsplit_once('/')?.0;
    }
}

/// What follows `crate::` outside tests, with `/` for `::`; of a `{}` group, the first names. Macros are left out,
/// because `#[macro_export]` puts them at the root.
fn uses(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (i, token) in source.tokens.iter().enumerate() {
        if token.text != "crate" || token.in_test || !source.leads(i) {
            continue;
        }
        if source.text(i + 3) != "{" {
            let mut path = source.text(i + 3).to_owned();
            let mut last = i + 3;
            while source.leads(last) {
                last += 3;
                path = format!("{path}/{}", source.text(last));
            }
            if source.text(last + 1) != "!" {
                found.push((path, source.tokens[i].line));
            }
            continue;
        }
        let mut depth = 0;
        for (j, t) in source.tokens.iter().enumerate().skip(i + 3) {
            match t.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                name => {
                    let first = matches!(source.text(j - 1), "{" | ",");
                    if depth == 1 && first && name != "," {
                        found.push((name.to_owned(), t.line));
                    }
                }
            }
            if depth == 0 {
                break;
            }
        }
    }
    found
}

/// What follows as many `super::` as lead from a file `depth` folders down to the root of the crate.
fn supers(source: &Source, depth: usize) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (i, token) in source.tokens.iter().enumerate() {
        let first = token.text == "super" && source.qualifier(i) != Some("super");
        if !first || token.in_test {
            continue;
        }
        let count = (0..).take_while(|n| source.text(i + 3 * n) == "super").count();
        let mut last = i + 3 * count;
        if count < depth {
            continue;
        }
        let mut path = source.text(last).to_owned();
        while source.leads(last) {
            last += 3;
            path = format!("{path}/{}", source.text(last));
        }
        found.push((path, token.line));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let layers = Layers {
            rows: [&["low"][..], &["mid", "beside"], &["high"], &["mid/top"]]
                .map(|row| row.iter().map(|m| (*m).to_owned()).collect())
                .to_vec(),
        };
        let findings = check_with(&layers, &sample(path, text)).unwrap();
        findings.into_iter().map(|f| f.what).collect()
    }

    #[test]
    fn using_a_layer_above_is_found() {
        assert_eq!(findings("core/src/mid.rs", "use crate::high::X;").len(), 1);
        assert_eq!(findings("core/src/mid/part.rs", "fn f(x: crate::high::X) {}").len(), 1);
        let group = "use crate::{beside::{self, A}, high::X, low};";
        assert_eq!(findings("core/src/mid.rs", group).len(), 1);
        assert_eq!(findings("core/src/mid.rs", "use crate::Reexported;").len(), 1);
        assert_eq!(findings("core/src/mid.rs", "use super::high::X;").len(), 1);
        assert_eq!(findings("core/src/mid/part.rs", "use super::super::high::X;").len(), 1);
        assert_eq!(findings("core/src/mid.rs", "use crate::mid::top::X;").len(), 1);
        assert_eq!(findings("core/src/unknown.rs", "").len(), 1);
    }

    #[test]
    fn using_the_own_row_and_those_below_passes() {
        let text = "use crate::low::{X, Y}; use crate::{beside, mid::Z}; crate::a_macro!();";
        assert!(findings("core/src/mid.rs", text).is_empty());
        assert!(findings("core/src/mid/top/part.rs", "use crate::high::X;").is_empty());
        assert!(findings("core/src/mid/part.rs", "use super::high::X; use super::super::low::Y;").is_empty());
        assert!(findings("core/src/lib.rs", "use crate::high::X;").is_empty());
        let test = "#[cfg(test)] mod tests { use crate::high::X; }";
        assert!(findings("core/src/mid.rs", test).is_empty());
    }

    #[test]
    fn the_table_can_be_read() {
        assert!(Layers::read().unwrap().by_module().contains_key("sync"));
    }
}
