//! What is released: for each target a folder that is an installed tree with a manifest and checksums, and the same as one file.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::install::Tree;
use super::linux::{self, Built, Host};
use crate::boards::targets as boards;
use crate::check;
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
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
        done(release(project, log, &host, &built, how(Path::new("rustc"), "com,posix")?)?);
    }
    for target in linux::TARGETS.iter().filter(|t| is_meant(t.name) && t.name != host) {
        let built = target.build(project, log)?;
        done(release(project, log, target.name, &built, how(&target.cross()?.rustc(), "com,posix")?)?);
    }
    for target in boards::TARGETS.iter().filter(|t| is_meant(t.name)) {
        let cross = Cross::find(target.name)?;
        for way in target.ways() {
            let features = ["com", way].into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>();
            let name = [target.name, way].into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>().join("-");
            let built = board(project, log, &cross, target.name, &features.join(","))?;
            done(release(project, log, &name, &built, how(&cross.rustc(), &features.join(","))?)?);
        }
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
fn how(rustc: &Path, features: &str) -> Result<Value> {
    Ok(json!({
        "compiler": Cmd::new(rustc).arg("-Vv").read()?.lines().collect::<Vec<_>>(),
        "profile": "release, panic=abort",
        "rustflags": std::env::var("RUSTFLAGS").unwrap_or_default(),
        "features": features,
    }))
}

/// The archive for a board.
fn board(project: &Project, log: &mut Log, cross: &Cross, name: &str, features: &str) -> Result<Built> {
    let target = project.target.join("bare");
    let args = ["-p", "cocancel-ffi", "--no-default-features", "--features", features];
    log.check(&cross.cargo(project, "build").args(args).arg("--target-dir").arg(&target))?;
    Ok(Built { archive: target.join(name).join("release/libcocancel.a"), shared: None, system: &[] })
}

/// The folder and the file of one target.
fn release(project: &Project, log: &mut Log, name: &str, built: &Built, how: Value) -> Result<PathBuf> {
    let version = &project.package("cocancel-ffi")?.version;
    let dist = project.target.join("dist");
    let title = format!("cocancel-{version}-{name}");
    let folder = dist.join(&title);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let tree = Tree { prefix: Path::new("/"), libdir: Path::new("lib"), destdir: Some(&folder) };
    tree.write(project, log, built)?;
    fs::copy(project.root.join(PAGE), folder.join("README.md"))?;
    check::links(&folder)?;
    manifest::seal(project, name, how, &folder)?;
    manifest::check(&folder)?;
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
        .arg(&title)
        .dir(&dist);
    log.check(&pack)?;
    let sum = Cmd::new("sha256sum").arg(format!("{title}.tar.gz")).dir(&dist).read()?;
    fs::write(dist.join(format!("{title}.tar.gz.sha256")), sum)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_of_the_project() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::copy(root.join(PAGE), folder.path().join("README.md")).unwrap();
        check::links(folder.path()).unwrap();
    }
}
