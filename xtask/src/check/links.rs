//! Each relative link of a page leads to a file or folder that is there, and its fragment to a heading.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Finding;
use super::tree::Tree;

pub fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.files.iter().filter(|f| f.path.ends_with(".md"));
    let pages: HashMap<_, _> = files.clone().map(|f| (Path::new(&f.path), Page::read(&f.text))).collect();
    let there: HashSet<_> = tree.files.iter().flat_map(|f| Path::new(&f.path).ancestors()).collect();
    let fault = |page: &Path, link: &str| {
        let (target, fragment) = link.split_once('#').unwrap_or((link, ""));
        let path = if target.is_empty() { Some(page.to_owned()) } else { resolve(page, target) };
        let Some(path) = path.filter(|path| there.contains(path.as_path())) else { return Some("nothing is there") };
        let is_found = fragment.is_empty() || pages.get(path.as_path()).is_some_and(|p| p.headings.contains(fragment));
        (!is_found).then_some("no such heading is there")
    };
    let mut findings = Vec::new();
    for file in files {
        for (link, line) in &pages[Path::new(&file.path)].links {
            if let Some(why) = fault(Path::new(&file.path), link) {
                findings.push(Finding::error(&file.path, *line, format!("the link to `{link}`: {why}")));
            }
        }
    }
    findings
}

/// Where a link leads, from the root; `None`: out of the tree.
fn resolve(page: &Path, target: &str) -> Option<PathBuf> {
    let mut path = page.parent()?.to_owned();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => path.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// What one page links to, with lines from 1, and what others can link to in it.
#[derive(Default)]
struct Page {
    links: Vec<(String, usize)>,
    headings: HashSet<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut heading = None;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_GFM | Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::Link { dest_url: link, .. } | Tag::Image { dest_url: link, .. })
                    if !link.contains("://") =>
                {
                    let line = text[..range.start].matches('\n').count() + 1;
                    page.links.push((link.into_string(), line));
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(part) | Event::Code(part) => heading.iter_mut().for_each(|h| h.push_str(&part)),
                Event::End(TagEnd::Heading(_)) => page.add_heading(&heading.take().unwrap_or_default()),
                _ => {}
            }
        }
        page
    }

    /// By GitHub's rule: no punctuation, hyphens for spaces, and a number for each that was there before.
    fn add_heading(&mut self, text: &str) {
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let slug = kept.collect::<String>().to_lowercase().replace(' ', "-");
        let numbered = (1..).map(|n| format!("{slug}-{n}"));
        let free = [slug.clone()].into_iter().chain(numbered).find(|name| !self.headings.contains(name));
        self.headings.extend(free);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::TextFile;
    use super::*;

    /// What is found on docs/a.md, beside which there are others.
    fn found(text: &str) -> Vec<String> {
        let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
        let other = "# One\n## `two`, and *two*\n# One\n";
        let files = vec![file("README.md", ""), file("docs/a.md", text), file("docs/b.md", other), file("c/d.c", "")];
        check(&Tree { files }).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_to_what_is_there_pass() {
        assert!(
            found("[b](b.md) [b](./b.md) [r](../README.md) [c](../c) [c](../c/) ![d](../c/d.c) [all](..)").is_empty()
        );
        assert!(found("[o](b.md#one) [o](b.md#one-1) [t](b.md#two-and-two)\n\n# Here\n[h](#here)").is_empty());
        assert!(found("[elsewhere](https://example.org/none.md) <https://example.org/none>").is_empty());
        assert!(found("`[none](none.md)` and\n```\n[none](none.md)\n```\n").is_empty());
    }

    #[test]
    fn others_are_found_with_their_lines() {
        assert_eq!(found("one\n[two](c.md)"), ["docs/a.md:2: the link to `c.md`: nothing is there"]);
        assert_eq!(
            found("| a |\n|---|\n| [b][] |\n\n[b]: ../b.md"),
            ["docs/a.md:3: the link to `../b.md`: nothing is there"]
        );
        assert_eq!(found("[b](b.md#two)"), ["docs/a.md:1: the link to `b.md#two`: no such heading is there"]);
        assert_eq!(found("[out](../../README.md) [root](/README.md) ![p](p.svg) [h](#here) [c](../c/d.c#l1)").len(), 5);
    }
}
