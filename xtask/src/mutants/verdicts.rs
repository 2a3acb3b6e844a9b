//! What has become of each mutant so far, also after an interruption.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::explained::{Place, Seen};

/// What became of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A test failed.
    Caught,
    /// The tests did not come to an end.
    Timeout,
    /// It does not compile.
    Unviable,
    /// All tests passed, up to those of this round.
    Missed(usize),
}

impl Kind {
    fn name(self) -> String {
        match self {
            Kind::Caught => "caught".into(),
            Kind::Timeout => "timeout".into(),
            Kind::Unviable => "unviable".into(),
            Kind::Missed(round) => format!("missed-{round}"),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let missed = |name: &str| Some(Kind::Missed(name.strip_prefix("missed-")?.parse().ok()?));
        [Kind::Caught, Kind::Timeout, Kind::Unviable]
            .into_iter()
            .find(|kind| kind.name() == name)
            .or_else(|| missed(name))
    }
}

/// The mutants by the names that cargo-mutants gives them: `file:line:column: change`.
pub struct Verdicts {
    file: PathBuf,
    all: BTreeMap<String, Kind>,
}

impl Verdicts {
    /// None, or those of the run that was interrupted.
    pub fn new(file: PathBuf, resume: bool) -> Result<Self> {
        let mut all = BTreeMap::new();
        if resume {
            let text =
                fs::read_to_string(&file).with_context(|| format!("nothing to go on with: {}", file.display()))?;
            all.extend(text.lines().filter_map(|line| {
                let (kind, name) = line.split_once(' ')?;
                Some((name.to_owned(), Kind::parse(kind)?))
            }));
        } else if let Some(folder) = file.parent() {
            // the lists of the run before
            let _ = fs::remove_dir_all(folder.join("out"));
        }
        Ok(Self { file, all })
    }

    /// Adds what cargo-mutants has listed in a round.
    pub fn add(&mut self, lists: &Path, round: usize) -> Result<()> {
        for kind in [Kind::Caught, Kind::Timeout, Kind::Unviable, Kind::Missed(round)] {
            let list = lists.join(if kind == Kind::Missed(round) { "missed.txt".into() } else { kind.name() + ".txt" });
            let text = fs::read_to_string(list).unwrap_or_default();
            self.all.extend(text.lines().map(|name| (name.to_owned(), kind)));
        }
        let lines: Vec<_> = self.all.iter().map(|(name, kind)| format!("{} {name}\n", kind.name())).collect();
        fs::write(&self.file, lines.concat()).with_context(|| self.file.display().to_string())
    }

    /// Those that this round need not try, one a line.
    pub fn decided(&self, round: usize) -> String {
        let is_open = |kind: &Kind| matches!(kind, Kind::Missed(missed) if *missed < round);
        self.all.iter().filter(|(_, kind)| !is_open(kind)).map(|(name, _)| format!("{name}\n")).collect()
    }

    /// Those with this verdict.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.all.iter().filter(move |(_, found)| **found == kind).map(|(name, _)| name.as_str())
    }

    /// All of them, with the text of their lines.
    pub fn seen(&self, tree: &Path) -> Result<Vec<Seen>> {
        let mut texts = BTreeMap::new();
        let mut seen = Vec::new();
        for (name, kind) in &self.all {
            let parts: Vec<&str> = name.splitn(4, ':').collect();
            let &[file, line, _, what] = parts.as_slice() else { bail!("no mutant's name: {name}") };
            let line: usize = line.parse()?;
            if !texts.contains_key(file) {
                texts.insert(file, fs::read_to_string(tree.join(file)).with_context(|| file.to_owned())?);
            }
            let code = texts[file].lines().nth(line - 1).unwrap_or_default().trim();
            let place = Place { file: file.into(), code: code.into(), what: what.trim().into() };
            seen.push(Seen { place, line, missed: matches!(kind, Kind::Missed(_)) });
        }
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_round_decides_and_an_interrupted_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (lists, file) = (folder.path().join("lists"), folder.path().join("verdicts"));
        fs::create_dir_all(&lists).unwrap();
        fs::write(folder.path().join("a.rs"), "fn f() {\n    1 + 1\n}\n").unwrap();
        let write = |list: &str, names: &str| fs::write(lists.join(list), names).unwrap();
        let mut verdicts = Verdicts::new(file.clone(), false).unwrap();
        write("caught.txt", "a.rs:1:1: replace f with ()\n");
        write("missed.txt", "a.rs:2:7: replace + with - in f\na.rs:2:7: replace + with * in f\n");
        verdicts.add(&lists, 1).unwrap();
        assert_eq!(verdicts.decided(1).lines().count(), 3);
        assert_eq!(verdicts.decided(2).lines().count(), 1);

        write("caught.txt", "");
        write("timeout.txt", "a.rs:2:7: replace + with - in f\n");
        write("missed.txt", "a.rs:2:7: replace + with * in f\n");
        Verdicts::new(file.clone(), true).unwrap().add(&lists, 2).unwrap();
        let verdicts = Verdicts::new(file, true).unwrap();
        assert_eq!(verdicts.decided(2).lines().count(), 3);
        let missed: Vec<_> = verdicts.seen(folder.path()).unwrap().into_iter().filter(|seen| seen.missed).collect();
        assert_eq!(missed.len(), 1);
        assert_eq!((missed[0].place.code.as_str(), missed[0].place.what.as_str()), ("1 + 1", "replace + with * in f"));
    }
}
