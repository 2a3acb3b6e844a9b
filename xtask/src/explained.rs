//! Lists of what tools find and what is known to be so, with the reason: `tests/mutants-survivors.toml`, `tests/coverage-unreached.toml`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// The reason that stands beside what nobody has looked into so far.
pub const UNEXAMINED: &str = "not examined";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    known: Vec<Known>,
}

/// One entry of a list. Equal lines of a file share theirs.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct Known {
    #[serde(flatten)]
    pub place: Place,
    /// Why it is no gap in the tests, or [`UNEXAMINED`].
    pub why: String,
    /// Depends on how threads happen to run: no complaint where it is not found.
    #[serde(default)]
    pub sometimes: bool,
}

/// What a finding is about. By the text of its line, because line numbers change with every edit above.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, from the workspace's root.
    pub file: String,
    /// The line, without the white space around it.
    pub code: String,
    /// What is changed there, or never happens there.
    pub what: String,
}

/// Something that the tool looked at.
#[derive(Debug)]
pub struct Seen {
    /// What it is.
    pub place: Place,
    /// Where to look, for a message.
    pub line: usize,
    /// Whether the tests miss it.
    pub missed: bool,
}

/// Reads a list. A line that is in its file no more is an error, and so is a reason that is none.
pub fn read(root: &Path, list: &str) -> Result<Vec<Known>> {
    let path = root.join(list);
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let List { known } = toml::from_str(&text).with_context(|| list.to_owned())?;
    let mut places = BTreeSet::new();
    for entry in &known {
        let Place { file, code, what } = &entry.place;
        let source = fs::read_to_string(root.join(file)).with_context(|| format!("{list}: {file}"))?;
        ensure!(source.lines().any(|line| line.trim() == code), "{list}: {file} has no line `{code}`");
        ensure!(entry.why.len() >= UNEXAMINED.len(), "{list}: `{what}` at `{code}` has no reason");
        ensure!(places.insert(&entry.place), "{list}: `{what}` at `{code}` is listed twice");
    }
    Ok(known)
}

/// What the list does not explain, and what it explains although it is not so. `whole`: the tool has looked at all that there is, so
/// that an entry which it has not seen is of no use.
pub fn complaints(known: &[Known], seen: &[Seen], whole: bool) -> Vec<String> {
    let is_known = |seen: &&Seen| known.iter().any(|known| known.place == seen.place);
    let missed = seen.iter().filter(|seen| seen.missed && !is_known(seen));
    let mut found: Vec<String> = missed
        .map(|Seen { place: Place { file, code, what }, line, .. }| {
            format!("{file}:{line}: {what}\n    {code}\n    the tests miss it, and the list does not say why")
        })
        .collect();
    for Known { place, sometimes, .. } in known {
        let same: Vec<_> = seen.iter().filter(|seen| seen.place == *place).collect();
        let why = if same.is_empty() && whole {
            "there is no such thing any more"
        } else if !same.is_empty() && !sometimes && same.iter().all(|seen| !seen.missed) {
            "the tests notice it by now"
        } else {
            continue;
        };
        found.push(format!("{}: {}\n    {}\n    {why}: take it off the list", place.file, place.what, place.code));
    }
    found
}

/// How many of what the tests miss are explained, and how many are listed but not examined.
pub fn count(known: &[Known], seen: &[Seen]) -> (usize, usize) {
    let why = |seen: &Seen| known.iter().find(|known| known.place == seen.place).map(|known| known.why.as_str());
    let listed: Vec<_> = seen.iter().filter(|seen| seen.missed).filter_map(why).collect();
    let unexamined = listed.iter().filter(|why| **why == UNEXAMINED).count();
    (listed.len() - unexamined, unexamined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(what: &str) -> Place {
        Place { file: "f".into(), code: "c".into(), what: what.into() }
    }

    fn known(what: &str, sometimes: bool) -> Known {
        Known { place: place(what), why: "because".into(), sometimes }
    }

    fn seen(what: &str, missed: bool) -> Seen {
        Seen { place: place(what), line: 1, missed }
    }

    #[test]
    fn only_what_is_listed_may_be_missed() {
        let complain = |known: Known, seen: Seen| complaints(&[known], &[seen], false).len();
        assert_eq!(complain(known("a", false), seen("a", true)), 0);
        assert_eq!(complain(known("b", false), seen("a", true)), 1);
        assert_eq!(complain(known("a", false), seen("a", false)), 1, "noticed by now");
        assert_eq!(complain(known("a", true), seen("a", false)), 0);
        // one of two equal lines is enough
        assert_eq!(complaints(&[known("a", false)], &[seen("a", false), seen("a", true)], true).len(), 0);
    }

    #[test]
    fn an_entry_for_nothing_is_an_error_where_everything_was_looked_at() {
        assert_eq!(complaints(&[known("a", true)], &[], true).len(), 1);
        assert_eq!(complaints(&[known("a", true)], &[], false).len(), 0);
    }

    #[test]
    fn the_lists_of_the_workspace_are_of_its_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for list in [crate::mutants::LIST, crate::coverage::LIST] {
            read(root, list).unwrap();
        }
    }
}
