//! The archives: built, and what symbols they have.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol, SymbolKind};

use super::image;
use super::target::{Arch, Format, Target, cargo_folder};
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools;

/// The eight COM functions, with the bytes of their arguments on 32-bit x86.
pub const COM: [(&str, u32); 8] = [
    ("CoCancelCall", 8),
    ("CoDisableCallCancellation", 4),
    ("CoEnableCallCancellation", 4),
    ("CoGetCallContext", 8),
    ("CoGetCancelObject", 12),
    ("CoSetCancelObject", 4),
    ("CoSwitchCallContext", 8),
    ("CoTestCancel", 0),
];

/// The archives' profile, besides what the workspace's release profile says. One object that has dropped what none of its functions
/// reaches: lld-link wants even that defined.
pub const PROFILE: [(&str, &str); 3] = [("debug", "false"), ("lto", "fat"), ("codegen-units", "1")];
/// On i686 jump tables would stand among the instructions.
pub const RUSTFLAGS: &str = "-Cjump-tables=no";

/// With which port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Port {
    /// None: the host brings its own.
    Host,
    /// The Windows port: a default runtime that needs no set-up.
    Windows,
}

/// Both.
pub const PORTS: [Port; 2] = [Port::Host, Port::Windows];

impl Port {
    /// For file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Windows => "windows",
        }
    }

    /// Of the crate.
    pub fn features(self) -> &'static str {
        match self {
            Self::Host => "com",
            Self::Windows => "com,windows",
        }
    }

    /// The name of the archive in a distribution.
    pub fn file(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Windows, Format::Gnu) => "libcocancel.a",
            (Self::Host, Format::Gnu) => "libcocancel_host.a",
            (Self::Windows, Format::Msvc) => "cocancel.lib",
            (Self::Host, Format::Msvc) => "cocancel_host.lib",
        }
    }
}

/// An archive.
pub struct Archive {
    /// What it was built for.
    pub target: Target,
    /// With which port.
    pub port: Port,
    /// The file.
    pub path: PathBuf,
}

impl Archive {
    /// Builds it.
    pub fn build(project: &Project, log: &mut Log, target: Target, port: Port) -> Result<Self> {
        let cross = target.cross(project)?;
        let cmd = cross
            .cargo(project, "rustc")
            .args(["-Zjson-target-spec", "-p", "cocancel-ffi", "--lib", "--crate-type", "staticlib"])
            .args(["--no-default-features", "--features", port.features(), "--target-dir"])
            .arg(cargo_folder(project))
            // a distribution does not depend on who builds it where
            .env("RUSTFLAGS", format!("--remap-path-prefix={}=. {RUSTFLAGS}", project.root.display()));
        let cmd = PROFILE.into_iter().fold(cmd, |cmd, (key, value)| {
            cmd.env(&format!("CARGO_PROFILE_RELEASE_{}", key.to_uppercase().replace('-', "_")), value)
        });
        log.check(&cmd)?;
        let built = cargo_folder(project).join(target.name()).join("release");
        let built = ["libcocancel.a", "cocancel.lib"].map(|name| built.join(name));
        let built = built.iter().find(|path| path.exists()).context("cargo built no archive")?;
        // both ports have the same name there
        let folder = project.scratch().join("windows").join(target.name());
        fs::create_dir_all(&folder)?;
        let path = folder.join(port.file(target.format));
        repack(log, target, built, &path)?;
        Ok(Self { target, port, path })
    }

    /// The functions it is there for, as a linker sees them.
    pub fn entry_points(&self) -> Result<BTreeSet<String>> {
        let names = defined(&self.path)?;
        let ours: BTreeSet<_> = names.into_iter().filter(|n| is_ours(plain(self.target.arch, n))).collect();
        ensure!(!ours.is_empty(), "{} has no entry points", self.path.display());
        Ok(ours)
    }
}

/// Makes an archive of the one object that is the library's. The other is the compiler's support library, which is not needed, and in a form
/// that only rustc's own linker reads.
fn repack(log: &mut Log, target: Target, built: &Path, path: &Path) -> Result<()> {
    let bytes = fs::read(built)?;
    let archive = ArchiveFile::parse(&*bytes)?;
    let mut ours = Vec::new();
    for member in archive.members() {
        let member = member?;
        if member.name().starts_with(b"cocancel-") {
            ours.push(member.data(&*bytes)?);
        }
    }
    let [object] = ours[..] else { bail!("{} objects in place of one in {}", ours.len(), built.display()) };
    let file = path.with_extension("o");
    fs::write(&file, object)?;
    let _ = fs::remove_file(path);
    let cmd = match target.format {
        Format::Gnu => {
            image::need_mingw(target.arch)?;
            Cmd::new(target.arch.mingw("ar")).arg("crsD").arg(path).arg(&file)
        }
        Format::Msvc => {
            tools::need(&[&image::LLD_LINK])?;
            Cmd::new(image::LLD_LINK.name).arg("/lib").arg(format!("/out:{}", path.display())).arg(&file)
        }
    };
    log.check(&cmd)?;
    Ok(())
}

/// The library's own functions.
pub fn is_ours(plain: &str) -> bool {
    plain.starts_with("cocancel_") || COM.iter().any(|(name, _)| *name == plain)
}

/// A C name as it stands in the source.
pub fn plain(arch: Arch, symbol: &str) -> &str {
    let symbol = symbol.strip_prefix(arch.prefix()).unwrap_or(symbol);
    let bytes = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    match symbol.rsplit_once('@') {
        Some((name, n)) if arch == Arch::I686 && bytes(n) => name,
        _ => symbol,
    }
}

/// The name of a COM function as a linker sees it.
pub fn decorated(arch: Arch, (name, bytes): (&str, u32)) -> String {
    match arch {
        Arch::I686 => format!("_{name}@{bytes}"),
        Arch::X86_64 => name.to_owned(),
    }
}

/// The global names that an archive's members define.
pub fn defined(archive: &Path) -> Result<BTreeSet<String>> {
    let bytes = fs::read(archive).with_context(|| archive.display().to_string())?;
    let mut names = BTreeSet::new();
    for member in ArchiveFile::parse(&*bytes)?.members() {
        // members that are no object files, such as an index, hold no symbols
        let Ok(file) = object::File::parse(member?.data(&*bytes)?) else { continue };
        let global = file.symbols().filter(|s| s.is_definition() && s.is_global() && s.kind() != SymbolKind::Section);
        names.extend(global.filter_map(|s| s.name().ok().map(str::to_owned)));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_undecorated_and_decorated() {
        assert_eq!(plain(Arch::I686, "_CoCancelCall@8"), "CoCancelCall");
        assert_eq!(plain(Arch::I686, "_cocancel_init"), "cocancel_init");
        assert_eq!(plain(Arch::X86_64, "CoTestCancel"), "CoTestCancel");
        assert_eq!(decorated(Arch::I686, COM[7]), "_CoTestCancel@0");
        assert_eq!(decorated(Arch::X86_64, COM[0]), "CoCancelCall");
    }

    #[test]
    fn only_ours_are_ours() {
        assert!(is_ours("CoCancelCall") && is_ours("cocancel_wait"));
        assert!(!is_ours("CoInitialize") && !is_ours("memcpy"));
    }
}
