//! What C programs see: the headers, the library, the programs of tests/c and the README's examples.

mod compiler;
mod headers;
mod library;
mod programs;
mod readme;
mod sanitized;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub use compiler::COMPILERS;
pub use library::{Library, SYSTEM};

use crate::report::Step;

/// The steps about C.
pub fn steps() -> Vec<Step> {
    vec![
        Step::new("c headers", headers::step),
        Step::new("c programs", programs::step),
        Step::new("c sanitized", sanitized::step),
        Step::new("c threads sanitized", sanitized::threads),
        Step::new("c readme", readme::step),
    ]
}

/// The .c files of a folder, in the order of their names.
pub fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "c") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
