//! What is released: for each target a folder that is an installed tree with a manifest and checksums, and the same as one file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::install::Tree;
use super::linux::{self, Built, Host};
use crate::check;
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::size::library as boards;
use crate::windows::manifest;

/// The README of an archive.
const PAGE: &str = "docs/packaging.md";

/// The targets by name, Linux first; `filter` as for steps.
pub fn command(project: &Project, log: &mut Log, filter: Option<&str>) -> Result<usize> {
    let is_meant = |name: &str| filter.is_none_or(|f| name.contains(f));
    let mut count = 0;
    let mut done = |folder: PathBuf| {
        println!("{}.tar.gz", project.short(&folder));
        count += 1;
    };
    let host = host()?;
    if is_meant(&host) {
        let built = Host.build(project, log)?;
        done(installed(project, log, &host, &built, &[], how(Path::new("rustc"), json!("com,posix"))?)?);
    }
    for target in linux::TARGETS.iter().filter(|t| is_meant(t.name) && t.name != host) {
        let built = target.build(project, log)?;
        done(installed(project, log, target.name, &built, &[], how(&target.cross()?.rustc(), json!("com,posix"))?)?);
    }
    for target in boards::TARGETS.iter().filter(|t| is_meant(&t.title())) {
        done(board(project, log, target)?);
    }
    Ok(count)
}

/// This machine's target.
fn host() -> Result<String> {
    let version = Cmd::new("rustc").arg("-vV").read()?;
    let name = version.lines().find_map(|l| l.strip_prefix("host: "));
    Ok(name.context("rustc does not say what it runs on")?.to_owned())
}

/// For the manifest.
fn how(rustc: &Path, features: Value) -> Result<Value> {
    Ok(json!({
        "compiler": Cmd::new(rustc).arg("-Vv").read()?.lines().collect::<Vec<_>>(),
        "profile": "release, panic=abort",
        "rustflags": std::env::var("RUSTFLAGS").unwrap_or_default(),
        "features": features,
    }))
}

/// What goes with the binaries of a board, as it stands in the project: links between these files stay good.
const TEXTS: [&str; 4] = ["docs/porting.md", "ports/freertos", "ports/zephyr", "tests/conformance"];

/// What is released for a board: the archive with COM and the one without, built as docs/footprint.md measures them.
pub fn board(project: &Project, log: &mut Log, target: &boards::Target) -> Result<PathBuf> {
    let folder = project.scratch().join("package").join(target.title());
    fs::create_dir_all(&folder)?;
    let native = folder.join("libcocancel_native.a");
    fs::copy(target.build(project, log, false)?, &native)?;
    let archive = target.build(project, log, true)?;
    let built = Built { archive, native: Some(native), shared: None, system: &[] };
    let features =
        |com: &str| [com, target.feature].into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>().join(",");
    let features = json!({ "libcocancel.a": features("com"), "libcocancel_native.a": features("") });
    let mut how = how(&Cross::find(target.triple)?.rustc(), features)?;
    let mut profile = Map::from_iter([("panic".to_owned(), json!("abort"))]);
    profile.extend(boards::PROFILE.map(|(key, value)| (key.to_owned(), json!(value))));
    how["profile"] = json!(profile);
    how["rustflags"] = json!(std::env::var("RUSTFLAGS").unwrap_or_else(|_| boards::RUSTFLAGS.to_owned()));
    installed(project, log, &target.title(), &built, &TEXTS, how)
}

/// What is released where programs are linked as with an installed tree.
fn installed(
    project: &Project,
    log: &mut Log,
    name: &str,
    built: &Built,
    texts: &[&str],
    how: Value,
) -> Result<PathBuf> {
    release(project, log, name, how, |log, folder| {
        let tree = Tree { prefix: Path::new("/"), libdir: Path::new("lib"), destdir: Some(folder) };
        tree.write(project, log, built)?;
        fs::copy(project.root.join(PAGE), folder.join("README.md"))?;
        add(&project.root, texts, folder)
    })
}

/// The folder and the file of one target. `how` says how that was built which `fill` puts into the folder.
pub fn release(
    project: &Project,
    log: &mut Log,
    name: &str,
    how: Value,
    fill: impl FnOnce(&mut Log, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let version = &project.package("cocancel-ffi")?.version;
    let folder = project.target.join("dist").join(format!("cocancel-{version}-{name}"));
    // nothing of an earlier one stays
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fill(log, &folder)?;
    check::links(&folder)?;
    manifest::seal(project, name, how, &folder)?;
    manifest::check(&folder)?;
    pack(log, &folder)?;
    Ok(folder)
}

/// Files and folders of the project, where they stand in it.
pub fn add(root: &Path, texts: &[&str], folder: &Path) -> Result<()> {
    for text in texts {
        for file in ignore::Walk::new(root.join(text)) {
            let file = file?.into_path();
            if file.is_file() {
                let to = folder.join(file.strip_prefix(root)?);
                fs::create_dir_all(to.parent().context("a file in no folder")?)?;
                fs::copy(&file, to)?;
            }
        }
    }
    Ok(())
}

/// The folder as one file beside it, with its checksum.
fn pack(log: &mut Log, folder: &Path) -> Result<()> {
    let (dist, title) = packed(folder)?;
    // Whoever packs the same files gets the same bytes.
    let pack = Cmd::new("tar")
        .args([
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mtime=@0",
            "--use-compress-program=gzip -n",
        ])
        .arg("-cf")
        .arg(format!("{title}.tar.gz"))
        .arg(title)
        .dir(dist);
    log.check(&pack)?;
    let sum = Cmd::new("sha256sum").arg(format!("{title}.tar.gz")).dir(dist).read()?;
    fs::write(dist.join(format!("{title}.tar.gz.sha256")), sum)?;
    Ok(())
}

/// What was packed, in another place; the folder is taken away, so that nothing can be found there. So is what was in the place: packed files
/// are as old as can be, and CMake would keep what it made of earlier ones.
pub fn unpack(log: &mut Log, folder: &Path, place: &Path) -> Result<PathBuf> {
    let (dist, title) = packed(folder)?;
    log.check(&Cmd::new("sha256sum").args(["--check", &format!("{title}.tar.gz.sha256")]).dir(dist))?;
    fs::remove_dir_all(folder)?;
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    fs::create_dir_all(place)?;
    log.check(&Cmd::new("tar").arg("-xzf").arg(dist.join(format!("{title}.tar.gz"))).arg("-C").arg(place))?;
    Ok(place.join(title))
}

/// Where a folder's file is, and both names without their ends.
fn packed(folder: &Path) -> Result<(&Path, &str)> {
    let dist = folder.parent().context("a folder in none")?;
    let title = folder.file_name().context("a folder without a name")?.to_str().context("a path that is not UTF-8")?;
    Ok((dist, title))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_need_nothing_of_the_project() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::copy(root.join(PAGE), folder.path().join("README.md")).unwrap();
        check::links(folder.path()).unwrap();
        add(root, &TEXTS, folder.path()).unwrap();
        check::links(folder.path()).unwrap();
        fs::remove_dir_all(folder.path().join("ports/freertos")).unwrap();
        assert!(check::links(folder.path()).is_err());
    }
}
