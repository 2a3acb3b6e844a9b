//! Words that do not belong into a project that strangers read: traces of the machine and of the work that made it.

use std::path::Path;

use anyhow::Result;
use regex::Regex;

use super::Finding;
use super::tree::Tree;

/// Registry hosts: a build file that names one works on one kind of machine only.
const HOSTS: &str = r"crates\.io|pypi\.org|deb\.debian\.org|registry\.npmjs\.org";

pub fn check(tree: &Tree, root: &Path) -> Result<Vec<Finding>> {
    let mut patterns = vec![
        (Regex::new(r"(?i)\bissue #?[0-9]+")?, "an issue's number: say what it was about"),
        (Regex::new(r"(?i)\bsessions?\b")?, "refers to how the text came about, not to the project"),
        (Regex::new(HOSTS)?, "a registry's host"),
    ];
    if let Some(folder) = checkout_folder(root) {
        let path = format!(r"(^|[^\w.]){}/", regex::escape(&folder));
        patterns.push((Regex::new(&path)?, "a path of this machine"));
    }
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|f| !f.path.ends_with("Cargo.lock")) {
        for (i, line) in file.text.lines().enumerate() {
            for (pattern, why) in &patterns {
                if let Some(found) = pattern.find(line) {
                    let what = format!("`{}`: {why}", found.as_str().trim());
                    findings.push(Finding::error(&file.path, i + 1, what));
                }
            }
        }
    }
    Ok(findings)
}

/// The folder that the checkout is in, unless it is one that every machine has.
fn checkout_folder(root: &Path) -> Option<String> {
    let folder = root.parent()?.to_str()?;
    let common = ["/", "/tmp", "/usr", "/opt", "/root", "/home", "/srv"];
    (!common.contains(&folder)).then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tree::sample;
    use super::*;

    fn count(text: &str) -> usize {
        let root = Path::new("/elsewhere/place/checkout");
        check(&sample("docs/a.md", text), root).unwrap().len()
    }

    // Planted words are put together here, or this file would be found itself.
    #[test]
    fn traces_are_found() {
        assert_eq!(count(concat!("see iss", "ue 12")), 1);
        assert_eq!(count(concat!("see Iss", "ue #12")), 1);
        assert_eq!(count(concat!("in this ses", "sion")), 1);
        assert_eq!(count(concat!("from crates", ".io")), 1);
        assert_eq!(count("run /elsewhere/place/checkout/x"), 1);
        assert_eq!(count("/elsewhere/place/"), 1);
    }

    #[test]
    fn other_words_pass() {
        assert_eq!(count("issues; obsession; target/elsewhere/place/x; /elsewhere/placement"), 0);
        assert_eq!(checkout_folder(Path::new("/tmp/checkout")), None);
        assert_eq!(checkout_folder(Path::new("/")), None);
    }
}
