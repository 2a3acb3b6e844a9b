//! Every public type of the core can be logged with defmt.

use anyhow::Result;

use super::Finding;
use super::tree::Tree;

/// Where the implementations stand.
const FORMATS: &str = "core/src/defmt.rs";

pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let files = tree.rust(&["core/src/"])?;
    let formatted = |name: &str| {
        let tokens = files.iter().filter(|(file, _)| file.path == FORMATS).flat_map(|(_, source)| &source.tokens);
        tokens.into_iter().any(|token| token.text == name && !token.in_use)
    };
    let mut findings = Vec::new();
    for (file, source) in &files {
        for (i, token) in source.tokens.iter().enumerate().skip(1) {
            let is_type = matches!(token.text.as_str(), "struct" | "enum" | "union") && source.text(i - 1) == "pub";
            let name = source.text(i + 1);
            if is_type && !token.in_test && !formatted(name) {
                let what = format!("`{name}` is public, and defmt's `Format` for it is missing in {FORMATS}");
                findings.push(Finding::error(&file.path, token.line, what));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tree::TextFile;
    use super::*;

    fn count(types: &str, formats: &str) -> usize {
        let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
        let files = vec![file("core/src/call.rs", types), file(FORMATS, formats)];
        check(&Tree { files }).unwrap().len()
    }

    #[test]
    fn public_types_without_a_format_are_found() {
        assert_eq!(count("pub struct A(u8); pub enum B { C }", ""), 2);
        assert_eq!(count("pub struct A<T>(T);", "use crate::call::A;"), 1);
        assert_eq!(count("pub struct A(u8);", "impl Format for A {}"), 0);
        assert_eq!(count("pub enum A {}", "as_debug! { crate::call::A; }"), 0);
    }

    #[test]
    fn others_need_none() {
        assert_eq!(count("struct A; pub(crate) enum B {} pub(super) struct C; pub fn d() {}", ""), 0);
        assert_eq!(count("#[cfg(test)] mod tests { pub struct A; }", ""), 0);
    }
}
