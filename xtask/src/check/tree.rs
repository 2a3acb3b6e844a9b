//! The files of the project, or of another folder.

use std::path::Path;

use anyhow::{Context, Result};
use ignore::WalkBuilder;

use super::rust::Source;

/// One file.
pub struct TextFile {
    /// Path from the root, with `/`.
    pub path: String,
    /// Contents; nothing where they are not UTF-8, as a picture's.
    pub text: String,
}

/// All files below a root.
pub struct Tree {
    /// In the order of their paths.
    pub files: Vec<TextFile>,
}

impl Tree {
    /// Reads those that git does not ignore.
    pub fn read(root: &Path) -> Result<Self> {
        let mut walk = WalkBuilder::new(root);
        walk.hidden(false).require_git(false).filter_entry(|e| e.file_name() != ".git");
        Self::walk(root, &mut walk)
    }

    /// Reads all.
    pub fn whole(root: &Path) -> Result<Self> {
        Self::walk(root, WalkBuilder::new(root).standard_filters(false))
    }

    fn walk(root: &Path, walk: &mut WalkBuilder) -> Result<Self> {
        let mut files = Vec::new();
        for entry in walk.sort_by_file_path(Path::cmp).build() {
            let entry = entry?;
            if !entry.file_type().is_some_and(|t| t.is_file()) {
                continue;
            }
            let path = entry.path().strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            let text = String::from_utf8(std::fs::read(entry.path())?).unwrap_or_default();
            files.push(TextFile { path, text });
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
