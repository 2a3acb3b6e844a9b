//! What has become of each mutant so far, also after an interruption.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

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
    folder: PathBuf,
    all: BTreeMap<String, Kind>,
}

impl Verdicts {
    /// None, or those of the run that was interrupted.
    pub fn new(folder: &Path, resume: bool) -> Result<Self> {
        let mut verdicts = Self { folder: folder.to_owned(), all: BTreeMap::new() };
        if resume {
            let file = verdicts.file();
            ensure!(file.exists(), "nothing to go on with: {}", file.display());
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            verdicts.all.extend(text.lines().filter_map(|line| {
                let (kind, name) = line.split_once(' ')?;
                Some((name.to_owned(), Kind::parse(kind)?))
            }));
            verdicts.end()?;
        } else {
            fs::create_dir_all(folder)?;
            verdicts.forget_round()?;
            verdicts.write()?;
        }
        Ok(verdicts)
    }

    fn file(&self) -> PathBuf {
        self.folder.join("verdicts")
    }

    fn output(&self) -> PathBuf {
        self.folder.join("out")
    }

    fn forget_round(&self) -> Result<PathBuf> {
        let output = self.output();
        if output.exists() {
            fs::remove_dir_all(&output)?;
        }
        Ok(output)
    }

    /// An empty folder for a round, whose number stands in it, with the list of what cargo-mutants need not try.
    pub fn begin(&self, round: usize) -> Result<PathBuf> {
        let output = self.forget_round()?;
        let lists = output.join("mutants.out");
        fs::create_dir_all(&lists)?;
        fs::write(lists.join("previously_caught.txt"), self.decided(round))?;
        fs::write(output.join("round"), round.to_string())?;
        Ok(output)
    }

    /// Adds what cargo-mutants has listed in the round that was begun, to its end or not.
    pub fn end(&mut self) -> Result<()> {
        let Ok(round) = fs::read_to_string(self.output().join("round")) else { return Ok(()) };
        let missed = Kind::Missed(round.parse()?);
        for kind in [Kind::Caught, Kind::Timeout, Kind::Unviable, missed] {
            let list = if kind == missed { "missed.txt".into() } else { kind.name() + ".txt" };
            let text = fs::read_to_string(self.output().join("mutants.out").join(list)).unwrap_or_default();
            self.all.extend(text.lines().map(|name| (name.to_owned(), kind)));
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let lines: Vec<_> = self.all.iter().map(|(name, kind)| format!("{} {name}\n", kind.name())).collect();
        fs::write(self.file(), lines.concat()).with_context(|| self.file().display().to_string())
    }

    /// Those that this round need not try, one a line.
    fn decided(&self, round: usize) -> String {
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
        let folder = folder.path();
        fs::write(folder.join("a.rs"), "fn f() {\n    1 + 1\n}\n").unwrap();
        let write = |list: &str, names: &str| fs::write(folder.join("out/mutants.out").join(list), names).unwrap();
        Verdicts::new(folder, false).unwrap().begin(1).unwrap();
        // interrupted before the end of the first round
        let mut verdicts = Verdicts::new(folder, true).unwrap();
        verdicts.begin(1).unwrap();
        write("caught.txt", "a.rs:1:1: replace f with ()\n");
        write("missed.txt", "a.rs:2:7: replace + with - in f\na.rs:2:7: replace + with * in f\n");
        verdicts.end().unwrap();
        assert_eq!(verdicts.decided(1).lines().count(), 3);
        assert_eq!(verdicts.decided(2).lines().count(), 1);

        verdicts.begin(2).unwrap();
        write("timeout.txt", "a.rs:2:7: replace + with - in f\n");
        // interrupted
        let verdicts = Verdicts::new(folder, true).unwrap();
        assert_eq!(verdicts.decided(2).lines().count(), 2);
        let missed: Vec<_> = verdicts.seen(folder).unwrap().into_iter().filter(|seen| seen.missed).collect();
        assert_eq!(missed.len(), 1);
        assert_eq!((missed[0].place.code.as_str(), missed[0].place.what.as_str()), ("1 + 1", "replace + with * in f"));
    }
}
