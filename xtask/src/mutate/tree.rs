//! The copy of the workspace in which things are broken.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ignore::WalkBuilder;

use super::mutation::Mutation;

/// A copy, beside the target folders of its builds.
pub struct Copy {
    /// The copied workspace.
    pub root: PathBuf,
    /// The folder that holds everything.
    pub folder: PathBuf,
}

impl Copy {
    /// Makes `folder/tree` equal to the workspace. Files that are equal already are left alone, so that cargo need not
    /// build them anew.
    pub fn make(workspace: &Path, folder: &Path) -> Result<Self> {
        let root = folder.join("tree");
        fs::create_dir_all(&root)?;
        let wanted = files(workspace)?;
        for gone in files(&root)?.difference(&wanted) {
            fs::remove_file(root.join(gone))?;
        }
        for file in &wanted {
            let (from, to) = (workspace.join(file), root.join(file));
            let bytes = fs::read(&from).with_context(|| from.display().to_string())?;
            if fs::read(&to).ok().as_ref() != Some(&bytes) {
                if let Some(parent) = to.parent() {
                    fs::create_dir_all(parent)?;
                }
                fs::write(&to, bytes)?;
            }
        }
        let folder = folder.to_owned();
        Ok(Self { root, folder })
    }

    /// Plants an error.
    pub fn break_file(&self, mutation: &Mutation) -> Result<Broken> {
        let path = self.root.join(&mutation.file);
        let text = fs::read_to_string(&path).with_context(|| mutation.file.clone())?;
        fs::write(&path, mutation.apply(&text)?)?;
        Ok(Broken { path, text })
    }
}

/// A file with an error in it.
#[must_use = "restore it before the next one is broken"]
pub struct Broken {
    path: PathBuf,
    text: String,
}

impl Broken {
    /// Takes the error out again.
    pub fn restore(self) -> Result<()> {
        fs::write(self.path, self.text)?;
        Ok(())
    }
}

fn files(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .require_git(false)
        // The copy lies in a folder that the workspace's git ignores.
        .parents(false)
        .filter_entry(|e| e.file_name() != ".git")
        .build();
    let mut found = BTreeSet::new();
    for entry in walk {
        let entry = entry?;
        if entry.file_type().is_some_and(|t| t.is_file()) {
            found.insert(entry.path().strip_prefix(root)?.to_owned());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_original_and_is_restored() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let original = folder.join("original");
        fs::create_dir_all(original.join("src")).unwrap();
        fs::create_dir_all(original.join("target")).unwrap();
        fs::write(original.join(".gitignore"), "/target\n").unwrap();
        fs::write(original.join("target/x"), "built").unwrap();
        fs::write(original.join("src/a.rs"), "one").unwrap();
        fs::write(original.join("src/b.rs"), "two").unwrap();
        let copy = Copy::make(&original, &folder.join("mutate")).unwrap();
        assert!(!copy.root.join("target/x").exists());

        fs::remove_file(original.join("src/b.rs")).unwrap();
        let copy = Copy::make(&original, &folder.join("mutate")).unwrap();
        assert!(!copy.root.join("src/b.rs").exists());

        let list = "name = \"m\"\nfile = \"src/a.rs\"\nfind = \"one\"\nreplace = \"three\"\n\
                    run = \"core\"\ntest = \"t\"\nwhy = \"w\"\n";
        let mutation: Mutation = toml::from_str(list).unwrap();
        let read = || fs::read_to_string(copy.root.join("src/a.rs")).unwrap();
        let broken = copy.break_file(&mutation).unwrap();
        assert_eq!(read(), "three");
        broken.restore().unwrap();
        assert_eq!(read(), "one");
    }
}
