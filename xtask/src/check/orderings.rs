//! Every memory ordering has a comment that gives its reason; SeqCst and fences are refused.
//!
//! The comment stands on the same line, or on one of the three lines above the ordering or above the opening of its
//! call. A comment that says `Relaxed, all:` or `Relaxed, both:` holds for the following ones of that kind too, as long
//! as they are no farther than that from each other.
//!
//! SeqCst and fences are refused because the checkers are weak there: loom does not model SeqCst fully, and
//! ThreadSanitizer does not understand fences.

use std::collections::HashMap;

use anyhow::Result;

use super::Finding;
use super::rust::Source;
use super::tree::Tree;

const NAMES: [&str; 4] = ["Relaxed", "Acquire", "Release", "AcqRel"];
const LINES_ABOVE: usize = 3;

pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, source) in tree.rust(&["core/", "ffi/"])? {
        let lines: Vec<&str> = file.text.lines().collect();
        let mut shared = HashMap::new();
        let mut reported = 0;
        for (i, token) in source.tokens.iter().enumerate() {
            let name = token.text.as_str();
            let refused = name == "SeqCst" || (matches!(name, "fence" | "compiler_fence") && source.text(i + 1) == "(");
            if refused {
                let what = format!("{name} is refused: use a named pair on one word");
                findings.push(Finding::error(&file.path, token.line, what));
            }
            if !is_ordering(&source, i) {
                continue;
            }
            let first = token.open_line.saturating_sub(LINES_ABOVE + 1);
            let comments: Vec<&str> = lines[first..token.line]
                .iter()
                .filter_map(|l| l.split_once("//"))
                .map(|(_, comment)| comment)
                // documentation says what a function does, not why it orders as it does
                .filter(|comment| !comment.starts_with(['/', '!']))
                .collect();
            let shares = ["all", "both"].map(|word| format!("{name}, {word}"));
            let shared_here = comments.iter().any(|c| shares.iter().any(|s| c.contains(s.as_str())));
            let shared_above = shared.get(name).is_some_and(|line| token.line - line <= LINES_ABOVE);
            if shared_here || shared_above {
                shared.insert(name, token.line);
            } else if comments.is_empty() && reported != token.line {
                reported = token.line;
                let what = format!("{name} without a comment that gives its reason");
                findings.push(Finding::error(&file.path, token.line, what));
            }
        }
    }
    Ok(findings)
}

/// Whether token `i` is an ordering in use, and not, say, COM's Release.
fn is_ordering(source: &Source, i: usize) -> bool {
    let token = &source.tokens[i];
    if token.in_use || !NAMES.contains(&token.text.as_str()) {
        return false;
    }
    match source.qualifier(i) {
        Some(qualifier) => matches!(qualifier, "Ordering" | "sync"),
        None => is_imported(source, &token.text),
    }
}

fn is_imported(source: &Source, name: &str) -> bool {
    source.tokens.iter().enumerate().any(|(i, t)| {
        let glob = t.text == "*" && matches!(source.qualifier(i), Some("Ordering" | "sync"));
        t.in_use && (t.text == name || glob)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let findings = check(&sample("core/src/call.rs", text)).unwrap();
        findings.iter().map(|f| f.line).collect()
    }

    #[test]
    fn an_ordering_without_a_comment_is_found() {
        assert_eq!(lines("fn f() {\n\n x.load(Ordering::Acquire); }"), [3]);
        assert_eq!(lines("use o::Relaxed;\n\n\n\nfn f() { x.load(Relaxed) }"), [5]);
        assert_eq!(lines("use o::Ordering::*;\nfn f() { x.load(Relaxed) }"), [2]);
        assert_eq!(lines("fn f() { x.load(crate::sync::Acquire) }"), [1]);
        assert_eq!(lines("/// Gives it back.\nfn f() { x.store(0, Ordering::Release) }"), [2]);
        let far = "// Acquire: pairs with publish\n\n\n\nfn f() { x.load(Ordering::Acquire) }";
        assert_eq!(lines(far), [5]);
    }

    #[test]
    fn an_ordering_with_a_comment_passes() {
        assert_eq!(lines("x.load(Ordering::Acquire); // pairs with publish").len(), 0);
        assert_eq!(lines("// pairs with publish\n\n\nx.load(Ordering::Acquire);").len(), 0);
        let call = "// pairs with publish\nx.swap(\n 1,\n 2,\n 3,\n Ordering::Acquire,\n);";
        assert_eq!(lines(call).len(), 0);
    }

    #[test]
    fn a_comment_for_several_reaches_as_far_as_they_stand_together() {
        let load = "x.load(Ordering::Relaxed);\n";
        let together = format!("// Relaxed, all: only the number counts\n{}", load.repeat(9));
        assert_eq!(lines(&together).len(), 0);
        assert_eq!(lines(&together.replace(", all", "")), [5, 6, 7, 8, 9, 10]);
        assert_eq!(lines(&format!("{together}\n\n\n{load}")), [14]);
        assert_eq!(lines(&format!("{together}x.load(Ordering::Acquire);")), [11]);
    }

    #[test]
    fn other_things_of_the_same_name_pass() {
        assert_eq!(lines("fn f() { v.Release(); Step::Release; a.cmp(b) == Ordering::Less }").len(), 0);
        assert_eq!(lines("use o::Ordering::{self, Relaxed};").len(), 0);
    }

    #[test]
    fn seqcst_and_fences_are_refused_in_spite_of_a_comment() {
        assert_eq!(lines("x.load(Ordering::SeqCst); // because"), [1]);
        assert_eq!(lines("// because\nfence(Ordering::Acquire);"), [2]);
        assert_eq!(lines("compiler_fence(a); // because"), [1]);
    }

    #[test]
    fn other_folders_may() {
        let tree = sample("tests/host/src/lib.rs", "x.load(Ordering::SeqCst);");
        assert!(check(&tree).unwrap().is_empty());
    }
}
