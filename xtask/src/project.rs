//! Where things are, and what cargo knows about the workspace.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::exec::Cmd;

/// The workspace.
pub struct Project {
    /// The folder of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    metadata: Metadata,
}

impl Project {
    /// The workspace that this program was built from.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask is not in a workspace")?.to_owned();
        let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec()?;
        let target = metadata.target_directory.clone().into_std_path_buf();
        Ok(Self { root, target, metadata })
    }

    /// What this program writes: logs, compiled C programs.
    pub fn scratch(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// A cargo command in the workspace, with the toolchain that runs this program.
    pub fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Cmd {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        Cmd::new(cargo).args(args).dir(&self.root)
    }

    /// The workspace's packages.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.metadata.workspace_packages().into_iter()
    }

    /// One package of the workspace.
    pub fn package(&self, name: &str) -> Result<&Package> {
        self.packages()
            .find(|p| p.name.as_str() == name)
            .with_context(|| format!("the workspace has no package {name}"))
    }

    /// The oldest compiler that a package says it takes, such as `1.85`.
    pub fn oldest_rustc(&self, name: &str) -> Result<String> {
        let version = self.package(name)?.rust_version.as_ref().with_context(|| format!("{name} states none"))?;
        Ok(format!("{}.{}", version.major, version.minor))
    }

    /// A folder or file of the workspace as it is named in messages.
    pub fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
