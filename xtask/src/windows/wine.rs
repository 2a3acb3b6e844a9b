//! Running Windows programs under Wine, in 64 and in 32 bits.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::target::Arch;
use crate::exec::Cmd;
use crate::log::{Done, Log};
use crate::project::Project;
use crate::tools::{self, Missing, Tool};

const WINE: Tool = Tool { name: "wine", package: "wine" };
const WINE64: Tool = Tool { name: "/usr/lib/wine/wine64", package: "wine64" };
const DEBOOTSTRAP: Tool = Tool { name: "debootstrap", package: "debootstrap" };
const UNSHARE: Tool = Tool { name: "unshare", package: "util-linux" };
/// Runs a program where the kernel puts it, not at random places. Wine needs one fixed address in each process, 0x7FFE0000, and where
/// the heap of its loader is put anywhere within a gigabyte one process of some thousands ends at once, with nothing but exit status 1:
/// "failed to map the shared user data".
const SETARCH: Tool = Tool { name: "setarch", package: "util-linux" };
const NOT_AT_RANDOM: &str = "--addr-no-randomize";

/// The release of Debian that the 32-bit folder holds.
const RELEASE: &str = "bookworm";
/// For one program. The first makes Wine's settings.
const LIMIT: Duration = Duration::from_secs(180);

/// A Wine that is ready to run programs.
pub struct Wine {
    arch: Arch,
    /// Some containers forbid it.
    not_at_random: bool,
    /// Where Wine keeps its settings, and for 32 bits the folder in which it lives.
    folder: PathBuf,
}

impl Wine {
    /// Finds or makes it.
    pub fn find(project: &Project, log: &mut Log, arch: Arch) -> Result<Self> {
        let folder = match arch {
            Arch::X86_64 => {
                tools::need(&[&WINE, &WINE64])?;
                project.scratch().join("wine64")
            }
            Arch::I686 => system_32(project, log)?,
        };
        fs::create_dir_all(&folder)?;
        tools::need(&[&SETARCH])?;
        let not_at_random = log.run(&Cmd::new(SETARCH.name).args([NOT_AT_RANDOM, "true"]))?.success();
        Ok(Self { arch, not_at_random, folder })
    }

    /// Runs a program, with DLLs beside it where they are found.
    pub fn run(&self, log: &mut Log, program: &Path, beside: &[&Path]) -> Result<Done> {
        log.run_within(&self.command(program, beside, &[])?, LIMIT)
    }

    /// How to run it, with arguments.
    pub fn command(&self, program: &Path, beside: &[&Path], arguments: &[&str]) -> Result<Cmd> {
        let name = program.file_name().context("a program without a name")?;
        let inside = Path::new("cocancel");
        let place = match self.arch {
            Arch::X86_64 => self.folder.join("programs"),
            Arch::I686 => self.folder.join(inside),
        };
        fs::create_dir_all(&place)?;
        for file in beside.iter().chain([&program]) {
            fs::copy(file, place.join(file.file_name().context("a file without a name")?))?;
        }
        let cmd = match self.arch {
            Arch::X86_64 => self
                .begin(WINE.name)
                .arg(place.join(name))
                .env("WINEPREFIX", self.folder.join("settings"))
                .env("WINEARCH", "win64"),
            // a mount of /proc that goes when the last process of it does
            Arch::I686 => self
                .begin(UNSHARE.name)
                .args(["--mount", "--", "sh", "-c", "mount -t proc proc \"$1/proc\" && exec chroot \"$@\"", "sh"])
                .arg(&self.folder)
                .arg(WINE.name)
                .arg(Path::new("/").join(inside).join(name))
                .env("WINEPREFIX", "/root/settings")
                .env("HOME", "/root"),
        };
        // Wine's own remarks are none of the program's output
        Ok(cmd.args(arguments).env("WINEDEBUG", "-all").env("DISPLAY", "").unset("LD_LIBRARY_PATH"))
    }

    fn begin(&self, program: &str) -> Cmd {
        if self.not_at_random { Cmd::new(SETARCH.name).arg(NOT_AT_RANDOM).arg(program) } else { Cmd::new(program) }
    }
}

/// A folder with a 32-bit system that has Wine: the libraries of both widths do not fit into every system at once. It is made once.
fn system_32(project: &Project, log: &mut Log) -> Result<PathBuf> {
    let folder = project.scratch().join("wine32");
    let ready = folder.join("usr/lib/wine/wine");
    if ready.exists() {
        return Ok(folder);
    }
    if !rustix::process::geteuid().is_root() {
        let advice = "needs root, for a folder with a 32-bit Wine".to_owned();
        return Err(Missing { advice }.into());
    }
    tools::need(&[&DEBOOTSTRAP, &UNSHARE])?;
    // made under another name, so that one that was interrupted is not taken for ready
    let fresh = folder.with_extension("new");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    let cmd = Cmd::new(DEBOOTSTRAP.name)
        .args(["--arch=i386", "--variant=minbase", "--include=wine,wine32", RELEASE])
        .arg(&fresh);
    log.check(&cmd)?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(&fresh, &folder)?;
    anyhow::ensure!(ready.exists(), "{} is missing", ready.display());
    Ok(folder)
}
