//! `cargo xtask dist`: what a host or an application on Windows links, one folder for each target, and the same as one file.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::archive::{Archive, COM, PORTS, Port, decorated, plain};
use super::image;
use super::manifest;
use super::target::{Arch, Format, TARGETS, Target};
use crate::exec::Cmd;
use crate::log::Log;
use crate::package::{self, Described, Files, Package, add, release};
use crate::project::Project;
use crate::report::Outcome;
use crate::tools;

/// The DLL's name.
pub const DLL: &str = "cocancel.dll";
/// Its entry point, with the bytes of the arguments; the one function that the DLL does not export.
const ENTRY: (&str, u32) = ("cocancel_dll_main", 12);

/// `cargo xtask dist`
pub fn command(project: &Project) -> Result<ExitCode> {
    let logs = project.scratch().join("logs");
    let mut log = Log::create(&logs, "dist", Duration::from_secs(3600))?;
    for target in TARGETS {
        match build(project, &mut log, target) {
            Ok(folder) => println!("{}.tar.gz", project.short(&folder)),
            Err(error) => {
                println!("{}", log.tail(100)?);
                return Err(error);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What goes with the binaries, as it stands in the project: links between these files stay good.
const TEXTS: [&str; 9] = [
    "docs/behaviour.md",
    "docs/integrating-in-a-com-runtime.md",
    "docs/porting.md",
    "examples/apartment",
    "examples/com-channel",
    "examples/ole32",
    "ports/freertos",
    "tests/conformance",
    "tests/windows",
];

/// The folder of one target, and its file.
pub fn build(project: &Project, log: &mut Log, target: Target) -> Result<PathBuf> {
    let how = manifest::about(project, target)?;
    release(project, log, &target.name(), how, |log, folder| fill(project, log, target, folder))
}

fn fill(project: &Project, log: &mut Log, target: Target, folder: &Path) -> Result<()> {
    let lib = folder.join("lib");
    let mut files = Files::default();
    files.headers(project, folder)?;
    files.licences(project, folder)?;
    for port in PORTS {
        let archive = Archive::build(project, log, target, port)?;
        files.copy(&archive.path, &lib.join(port.file(target.format)))?;
    }
    let dll = Dll::build(project, log, target.arch)?;
    files.copy(&dll.path, &folder.join("bin").join(DLL))?;
    files.copy(&project.root.join("ffi/cocancel.def"), &lib.join("cocancel.def"))?;
    files.copy(&target.specification_file(project), &folder.join(manifest::SPECIFICATION))?;
    let (archive, import) = match target.format {
        // not libcocancel.dll.a: that is what `-lcocancel` would take in place of the archive
        Format::Gnu => (("lib", ".a"), "libcocancel_dll.a"),
        Format::Msvc => (("", ".lib"), "cocancel_dll.lib"),
    };
    dll.import_library(log, target.format, &lib.join(import))?;
    let described = Described {
        libdir: Path::new("lib"),
        archive,
        system: &["kernel32"],
        shared: Some((Path::new("bin").join(DLL), format!("IMPORTED_IMPLIB \"${{_cocancel_libdir}}/{import}\""))),
        packages: vec![
            Package { libs: " -lkernel32", ..Package::new("cocancel", package::COM) },
            Package::new("cocancel_host", "cocancel for a host that brings its own port"),
            Package::new("cocancel_dll", "cocancel as a DLL"),
        ],
    };
    described.write(project, folder, &mut files)?;
    texts(&project.root, folder)
}

/// The page for users, and what it leads to.
fn texts(root: &Path, folder: &Path) -> Result<()> {
    // one folder nearer to what it links to
    let page = fs::read_to_string(root.join("ffi/WINDOWS.md"))?.replace("](../", "](");
    fs::write(folder.join("README.md"), page)?;
    add(root, &TEXTS, folder)
}

/// cocancel.dll for one processor.
pub struct Dll {
    arch: Arch,
    /// The file.
    pub path: PathBuf,
    /// The names it was made of, as a linker sees them.
    entries: BTreeSet<String>,
}

impl Dll {
    /// Links the archive with the Windows port. The names are those of ffi/cocancel.def, no more and no fewer.
    pub fn build(project: &Project, log: &mut Log, arch: Arch) -> Result<Self> {
        image::need_mingw(arch)?;
        let target = Target { arch, format: Format::Gnu };
        let archive = Archive::build(project, log, target, Port::Windows)?;
        let definitions = project.root.join("ffi/cocancel.def");
        let exported = exports(&definitions)?;
        let mut entries = archive.entry_points()?;
        let entry = decorated(arch, ENTRY);
        ensure!(entries.remove(&entry), "{entry} is not in the archive");
        let here: BTreeSet<String> = entries.iter().map(|e| plain(arch, e).to_owned()).collect();
        ensure!(
            here == exported,
            "ffi/cocancel.def and the archive differ in {:?}",
            here.symmetric_difference(&exported)
        );
        let folder = project.scratch().join("windows").join(target.name());
        let path = folder.join(DLL);
        let link = Cmd::new(arch.mingw("gcc"))
            // on 32-bit x86 the definition's CoCancelCall is the archive's _CoCancelCall@8
            .args([
                "-shared",
                "-nostdlib",
                "-s",
                "-Wl,--gc-sections,--enable-stdcall-fixup,--dynamicbase,--nxcompat,--no-insert-timestamp",
            ])
            .arg(format!("-Wl,--entry={entry}"))
            .arg(&definitions)
            .arg(image::memory(log, target, &folder)?)
            .arg(&archive.path)
            .arg("-lkernel32")
            .arg("-o")
            .arg(&path);
        log.check(&link)?;
        Ok(Self { arch, path, entries })
    }

    /// Writes the library that programs which use the DLL are linked with.
    pub fn import_library(&self, log: &mut Log, format: Format, library: &Path) -> Result<()> {
        let definitions = self.path.with_extension("decorated.def");
        let names: String = self.entries.iter().map(|e| format!("{}\n", undecorated(self.arch, e))).collect();
        fs::write(&definitions, format!("LIBRARY {DLL}\nEXPORTS\n{names}"))?;
        let (tool, machine) = match format {
            Format::Gnu => (self.arch.mingw("dlltool"), None),
            Format::Msvc => {
                tools::need(&[&image::LLVM_DLLTOOL])?;
                let machine = if self.arch == Arch::I686 { "i386" } else { "i386:x86-64" };
                (image::LLVM_DLLTOOL.name.to_owned(), Some(machine))
            }
        };
        let cmd = Cmd::new(tool).args(machine.map(|m| ["-m", m]).into_iter().flatten());
        // -k: the DLL's names have no @N, the callers' do
        log.check(&cmd.args(["-k", "-d"]).arg(&definitions).arg("-l").arg(library))?;
        Ok(())
    }
}

/// As it stands in a definition file: `CoCancelCall@8`, without the prefix.
pub fn undecorated(arch: Arch, entry: &str) -> &str {
    entry.strip_prefix(arch.prefix()).unwrap_or(entry)
}

/// The names of a definition file.
fn exports(file: &Path) -> Result<BTreeSet<String>> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let (_, names) = text.split_once("EXPORTS").context("no EXPORTS")?;
    Ok(names.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(';')).map(str::to_owned).collect())
}

/// The DLLs: their exports have COM's names, their imports are in NT 5.2.
pub fn step(project: &Project, log: &mut Log, arch: Arch) -> Result<Outcome> {
    let dll = Dll::build(project, log, arch)?;
    let count = image::check_imports(&dll.path)?;
    log.line(format!("{count} imports"))?;
    let exported = image::exports(&dll.path)?;
    ensure!(exported == exports(&project.root.join("ffi/cocancel.def"))?, "the DLL exports {exported:?}");
    ensure!(COM.iter().all(|(name, _)| exported.contains(*name)), "a COM function is missing");
    log.line(format!("{} exports, {} bytes", exported.len(), fs::metadata(&dll.path)?.len()))?;
    for format in [Format::Gnu, Format::Msvc] {
        let library = dll.path.with_extension(if format == Format::Gnu { "dll.a" } else { "lib" });
        dll.import_library(log, format, &library)?;
    }
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;

    #[test]
    fn the_texts_need_nothing_of_the_project() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let folder = tempfile::tempdir().unwrap();
        texts(root, folder.path()).unwrap();
        check::links(folder.path()).unwrap();
        fs::remove_file(folder.path().join("docs/porting.md")).unwrap();
        assert!(check::links(folder.path()).is_err());
    }
}
