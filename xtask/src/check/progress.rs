//! What the library's comments say of an operation's progress is what docs/progress.md says.

use anyhow::{Context, Result};

use super::Finding;
use super::tree::Tree;
use crate::progress::{Claims, PAGE};

pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let page = tree.files.iter().find(|f| f.path == PAGE).context(PAGE)?;
    let claims = Claims::of_page(&page.text);
    let places = ["core/src/", "ffi/src/", PAGE];
    let files = tree.files.iter().filter(|f| places.iter().any(|place| f.path.starts_with(place)));
    Ok(files
        .flat_map(|file| {
            let faults = claims.faults(&file.text);
            faults.into_iter().map(|(line, why)| Finding::error(&file.path, line, format!("Progress: {why}")))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::tree::TextFile;
    use super::*;

    #[test]
    fn a_comment_that_differs_from_the_page_is_found() {
        let count = |path: &str, text: &str| {
            let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
            let files = vec![file(path, text), file(PAGE, "| test | wait-free | loads only | 3 |\n")];
            check(&Tree { files }).unwrap().len()
        };
        assert_eq!(count("core/src/a.rs", "/// Progress: wait-free (test).\n"), 0);
        assert_eq!(count("core/src/a.rs", "/// Progress: lock-free (test).\n"), 1);
        assert_eq!(count("ffi/src/a.rs", "/// Progress: wait-free (tests).\n"), 1);
        assert_eq!(count("xtask/src/a.rs", "// Progress: slow\n"), 0);
    }
}
