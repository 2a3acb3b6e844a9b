//! Atomics are named in the core's `sync` module and nowhere else, so that loom can stand in for all of them.

use anyhow::Result;

use super::Finding;
use super::tree::Tree;

pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, source) in tree.rust(&["core/", "ffi/"])? {
        if file.path == "core/src/sync.rs" || file.path.starts_with("core/src/sync/") {
            continue;
        }
        for (i, token) in source.tokens.iter().enumerate() {
            let named = match token.text.as_str() {
                "atomic" => source.qualifier(i) == Some("sync") || source.leads(i),
                "portable_atomic" => true,
                _ => false,
            };
            if named && !token.in_test {
                let what = format!("`{}` outside core's sync module", token.text);
                findings.push(Finding::error(&file.path, token.line, what));
            }
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&sample(path, text)).unwrap().len()
    }

    #[test]
    fn atomics_are_found() {
        assert_eq!(count("core/src/call.rs", "use core::sync::atomic::AtomicU32;"), 1);
        assert_eq!(count("core/src/call.rs", "use core::sync::{atomic::AtomicU32};"), 1);
        assert_eq!(count("ffi/src/lib.rs", "use portable_atomic::AtomicU32;"), 1);
    }

    #[test]
    fn the_sync_module_and_tests_may() {
        let text = "use core::sync::atomic::AtomicU32;";
        assert_eq!(count("core/src/sync.rs", text), 0);
        assert_eq!(count("core/src/sync/loom.rs", text), 0);
        assert_eq!(count("core/tests/port.rs", text), 0);
        assert_eq!(count("core/src/call.rs", &format!("#[cfg(test)] mod t {{ {text} }}")), 0);
    }
}
