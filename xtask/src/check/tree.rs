//! The text files of the project.

use std::path::Path;

use anyhow::{Context, Result};
use ignore::WalkBuilder;

use super::rust::Source;

/// One text file.
pub struct TextFile {
    /// Path from the workspace's root, with `/`.
    pub path: String,
    /// Contents.
    pub text: String,
}

/// All text files that git does not ignore.
pub struct Tree {
    /// In the order of their paths.
    pub files: Vec<TextFile>,
}

impl Tree {
    /// Reads the files under `root`.
    pub fn read(root: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let walk = WalkBuilder::new(root)
            .hidden(false)
            .require_git(false)
            .filter_entry(|e| e.file_name() != ".git")
            .sort_by_file_path(Path::cmp)
            .build();
        for entry in walk {
            let entry = entry?;
            if !entry.file_type().is_some_and(|t| t.is_file()) {
                continue;
            }
            let path = entry.path().strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            // A file that is not UTF-8 is a picture or the like.
            if let Ok(text) = String::from_utf8(std::fs::read(entry.path())?) {
                files.push(TextFile { path, text });
            }
        }
        Ok(Self { files })
    }

    /// The Rust files whose path starts with one of `prefixes`, taken apart.
    pub fn rust(&self, prefixes: &[&str]) -> Result<Vec<(&TextFile, Source)>> {
        self.files
            .iter()
            .filter(|f| f.path.ends_with(".rs") && prefixes.iter().any(|p| f.path.starts_with(p)))
            .map(|f| {
                let source =
                    Source::parse(&f.text, is_test_file(&f.path)).with_context(|| format!("cannot read {}", f.path))?;
                Ok((f, source))
            })
            .collect()
    }
}

/// Files that only a test build compiles.
fn is_test_file(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs")
}

#[cfg(test)]
pub fn sample(path: &str, text: &str) -> Tree {
    Tree { files: vec![TextFile { path: path.to_owned(), text: text.to_owned() }] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_files_are_known_by_their_place() {
        assert!(is_test_file("core/src/call/tests.rs"));
        assert!(is_test_file("core/tests/port.rs"));
        assert!(!is_test_file("core/src/call.rs"));
    }

    #[test]
    fn this_project_is_found() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let tree = Tree::read(root).unwrap();
        let has = |path: &str| tree.files.iter().any(|f| f.path == path);
        assert!(has("xtask/src/check/tree.rs"));
        assert!(has(".ci/run"));
        assert!(!tree.files.iter().any(|f| f.path.starts_with("target/")));
    }
}
