//! No file of code is longer than one can read.

use super::Finding;
use super::tree::Tree;

const LIMIT: usize = 500;
const WARN: usize = 400;
const CODE: [&str; 10] = [".rs", ".c", ".h", ".cpp", ".s", ".pml", ".sh", ".py", ".ld", ".x"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.files
        .iter()
        .filter(|f| CODE.iter().any(|end| f.path.ends_with(end)))
        // Generated.
        .filter(|f| !f.path.starts_with("include/"))
        .filter_map(|f| {
            let lines = f.text.lines().count();
            (lines > WARN).then(|| Finding {
                file: f.path.clone(),
                line: lines,
                what: format!("{lines} lines; at most {LIMIT}, better {WARN}"),
                warning: lines <= LIMIT,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn verdict(path: &str, lines: usize) -> Option<bool> {
        let findings = check(&sample(path, &"x\n".repeat(lines)));
        findings.first().map(|f| f.warning)
    }

    #[test]
    fn long_files_are_found() {
        assert_eq!(verdict("core/src/a.rs", 501), Some(false));
        assert_eq!(verdict("core/src/a.rs", 500), Some(true));
        assert_eq!(verdict("core/src/a.rs", 400), None);
        assert_eq!(verdict("include/cocancel.h", 501), None);
        assert_eq!(verdict("docs/long.md", 501), None);
    }
}
