//! What of a distribution was built from what and how: `manifest.json`, and checksums that `sha256sum -c` reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use ignore::WalkBuilder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::archive::{self, PORTS};
use super::target::Target;
use crate::exec::Cmd;
use crate::project::Project;

/// The names of both files.
const MANIFEST: &str = "manifest.json";
const SUMS: &str = "SHA256SUMS";

/// The target's specification in a distribution.
pub const SPECIFICATION: &str = "target.json";

/// How the archives for Windows are built.
pub fn about(project: &Project, target: Target) -> Result<Value> {
    let cross = target.cross(project)?;
    let features = |port: archive::Port| (port.file(target.format).to_owned(), json!(port.features()));
    Ok(json!({
        "target_specification": SPECIFICATION,
        "compiler": Cmd::new(cross.rustc()).arg("-Vv").read()?.lines().collect::<Vec<_>>(),
        "profile": archive::PROFILE.map(|(key, value)| (key.to_owned(), json!(value))).into_iter().collect::<serde_json::Map<_, _>>(),
        "rustflags": archive::RUSTFLAGS,
        "features": PORTS.map(features).into_iter().collect::<serde_json::Map<_, _>>(),
    }))
}

/// Writes both, for all else that is in the folder: `about` says how it was built.
pub fn seal(project: &Project, target: &str, about: Value, folder: &Path) -> Result<()> {
    let files = files(folder)?.into_iter().map(|path| {
        let bytes = fs::read(folder.join(&path))?;
        Ok((path, json!({ "bytes": bytes.len(), "sha256": sha256(&bytes) })))
    });
    let mut manifest = json!({
        "package": "cocancel",
        "version": project.package("cocancel-ffi")?.version,
        "revision": revision(project),
        "target": target,
        "files": files.collect::<Result<serde_json::Map<_, _>>>()?,
    });
    let (Value::Object(whole), Value::Object(about)) = (&mut manifest, about) else { bail!("no object") };
    whole.extend(about);
    fs::write(folder.join(MANIFEST), serde_json::to_string_pretty(&manifest)? + "\n")?;
    let mut sums = String::new();
    for path in self::files(folder)?.iter().filter(|path| *path != SUMS) {
        sums += &format!("{}  {path}\n", sha256(&fs::read(folder.join(path))?));
    }
    fs::write(folder.join(SUMS), sums)?;
    Ok(())
}

/// That the checksums are those of the files, and none is left out.
pub fn check(folder: &Path) -> Result<usize> {
    let manifest: Value = serde_json::from_str(&fs::read_to_string(folder.join(MANIFEST))?)?;
    for key in ["version", "revision", "compiler", "rustflags", "features"] {
        ensure!(!manifest[key].is_null(), "{MANIFEST} has no {key}");
    }
    let sums = fs::read_to_string(folder.join(SUMS))?;
    let sums: Vec<_> = sums.lines().filter_map(|line| line.split_once("  ")).collect();
    let mut summed: Vec<_> = sums.iter().map(|(_, path)| (*path).to_owned()).chain([SUMS.to_owned()]).collect();
    summed.sort();
    ensure!(summed == files(folder)?, "{SUMS} is of other files");
    for (sum, path) in &sums {
        let seen = sha256(&fs::read(folder.join(path))?);
        ensure!(seen == *sum, "{path} is not what {SUMS} says");
        let listed = &manifest["files"][*path]["sha256"];
        ensure!(*path == MANIFEST || listed == *sum, "{path} is not what {MANIFEST} says");
    }
    Ok(sums.len())
}

/// All files below a folder, as paths from there, in order.
fn files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in WalkBuilder::new(folder).standard_filters(false).build() {
        let path: PathBuf = entry?.into_path();
        if path.is_file() {
            let path = path.strip_prefix(folder)?.to_str().context("a file whose name is no text")?;
            found.push(path.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Of the sources; "unknown" where they are no clone.
fn revision(project: &Project) -> String {
    let described = Cmd::new("git").args(["describe", "--always", "--dirty", "--abbrev=40"]).dir(&project.root).read();
    described.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_or_came_later_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write("a", "abc");
        // the first example of FIPS 180
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), sum);
        let manifest = json!({ "version": 1, "revision": 1, "compiler": 1, "rustflags": 1, "features": 1,
            "files": { "a": { "sha256": sum } } });
        write(MANIFEST, &manifest.to_string());
        let sums = format!("{sum}  a\n{}  {MANIFEST}\n", sha256(manifest.to_string().as_bytes()));
        write(SUMS, &sums);
        assert_eq!(check(folder).unwrap(), 2);
        write("a", "abd");
        assert!(check(folder).is_err());
        write("a", "abc");
        write("b", "");
        assert!(check(folder).is_err());
    }
}
