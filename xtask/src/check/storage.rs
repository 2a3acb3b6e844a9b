//! The core has no locks and no heap.

use anyhow::Result;

use super::Finding;
use super::rust::Source;
use super::tree::Tree;

pub fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, source) in tree.rust(&["core/src/"])? {
        // The port for POSIX systems is host code: it may use what such a host has.
        if file.path.starts_with("core/src/port/posix") {
            continue;
        }
        for (i, token) in source.tokens.iter().enumerate() {
            if is_refused(&source, i) && !token.in_test {
                let what = format!("`{}`: the core has no locks and no heap", token.text);
                findings.push(Finding::error(&file.path, token.line, what));
            }
        }
    }
    Ok(findings)
}

fn is_refused(source: &Source, i: usize) -> bool {
    let typed = source.text(i + 1) == "<" || source.leads(i);
    match source.text(i) {
        "Mutex" | "RwLock" => true,
        "Box" => typed,
        "Vec" => typed && source.qualifier(i) != Some("heapless") && !uses_heapless_vec(source),
        "alloc" => source.leads(i) || (source.text(i - 1) == "crate" && i > 0),
        _ => false,
    }
}

fn uses_heapless_vec(source: &Source) -> bool {
    source
        .tokens
        .iter()
        .enumerate()
        .any(|(i, t)| t.in_use && t.text == "Vec" && source.qualifier(i) == Some("heapless"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn count(text: &str) -> usize {
        check(&sample("core/src/call.rs", text)).unwrap().len()
    }

    #[test]
    fn locks_and_heap_are_found() {
        assert_eq!(count("static M: Mutex<u8> = m();"), 1);
        assert_eq!(count("static M: RwLock<u8> = m();"), 1);
        assert_eq!(count("fn f() -> Box<u8> { Box::new(1) }"), 2);
        assert_eq!(count("fn f() -> Vec<u8> { Vec::new() }"), 2);
        assert_eq!(count("extern crate alloc;"), 1);
        assert_eq!(count("fn f() -> alloc::rc::Rc<u8>;"), 1);
    }

    #[test]
    fn fixed_vectors_and_tests_may() {
        assert_eq!(count("fn f(v: heapless::Vec<u8, 4>) {}"), 0);
        assert_eq!(count("use heapless::Vec; fn f(v: Vec<u8, 4>) {}"), 0);
        assert_eq!(count("#[cfg(test)] mod tests { static M: Mutex<Vec<u8>> = m(); }"), 0);
        let port = sample("core/src/port/posix/wait.rs", "static M: Mutex<u8> = m();");
        assert!(check(&port).unwrap().is_empty());
        assert_eq!(count("// Mutex<u8>\nfn f() { table.alloc() }"), 0);
    }
}
