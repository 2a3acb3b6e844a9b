//! Programs that a step needs and cargo does not bring: found, or installed, or missing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Result;

use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;

/// A program, or a file, with the Debian package that brings it.
pub struct Tool {
    /// A program's name, or the absolute path of a file.
    pub name: &'static str,
    /// Debian's package.
    pub package: &'static str,
}

/// The GNU C compiler.
pub const GCC: Tool = Tool { name: "gcc", package: "gcc" };
/// The GNU C++ compiler.
pub const GXX: Tool = Tool { name: "g++", package: "g++" };
/// LLVM's C compiler.
pub const CLANG: Tool = Tool { name: "clang", package: "clang" };
/// LLVM's C++ compiler.
pub const CLANGXX: Tool = Tool { name: "clang++", package: "clang" };
/// The GNU C compiler for Cortex-M.
pub const ARM_GCC: Tool = Tool { name: "arm-none-eabi-gcc", package: "gcc-arm-none-eabi" };
/// The GNU linker for Cortex-M.
pub const ARM_LD: Tool = Tool { name: "arm-none-eabi-ld", package: "binutils-arm-none-eabi" };
/// The GNU disassembler for Cortex-M.
pub const ARM_OBJDUMP: Tool = Tool { name: "arm-none-eabi-objdump", package: "binutils-arm-none-eabi" };
/// CMake.
pub const CMAKE: Tool = Tool { name: "cmake", package: "cmake" };
/// The C library for Cortex-M.
pub const NEWLIB: Tool = Tool { name: "/usr/lib/arm-none-eabi/newlib/libc_nano.a", package: "libnewlib-arm-none-eabi" };
/// The emulator of Cortex-M boards.
pub const QEMU_ARM: Tool = Tool { name: "qemu-system-arm", package: "qemu-system-arm" };
/// The emulator of 32-bit RISC-V boards.
pub const QEMU_RISCV: Tool = Tool { name: "qemu-system-riscv32", package: "qemu-system-misc" };
/// GNU readelf.
pub const READELF: Tool = Tool { name: "readelf", package: "binutils" };
/// The GNU linker for RISC-V.
pub const RISCV_LD: Tool = Tool { name: "riscv64-unknown-elf-ld", package: "binutils-riscv64-unknown-elf" };
/// The Windows headers.
pub const MINGW_HEADERS: Tool = Tool { name: "/usr/share/mingw-w64/include/objbase.h", package: "mingw-w64-common" };
/// The model checker.
pub const SPIN: Tool = Tool { name: "spin", package: "spin" };

impl Tool {
    fn is_here(&self) -> bool {
        if self.name.starts_with('/') { Path::new(self.name).exists() } else { which::which(self.name).is_ok() }
    }
}

/// The error of a step that lacks something: it is skipped, or under CI fails.
#[derive(Debug)]
pub struct Missing {
    /// What to install, in words.
    pub advice: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.advice)
    }
}

impl std::error::Error for Missing {}

/// Makes sure that the tools are here. Installs them where that needs no question: as root on Debian.
pub fn need(tools: &[&Tool]) -> Result<()> {
    let missing = |tools: &[&Tool]| -> Vec<&'static str> {
        let mut packages: Vec<_> = tools.iter().filter(|t| !t.is_here()).map(|t| t.package).collect();
        packages.sort_unstable();
        packages.dedup();
        packages
    };
    let packages = missing(tools);
    if packages.is_empty() {
        return Ok(());
    }
    if rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists() {
        apt_get(&packages);
    }
    let packages = missing(tools);
    if packages.is_empty() {
        return Ok(());
    }
    let advice = format!("needs: apt-get install {}", packages.join(" "));
    Err(Missing { advice }.into())
}

/// A command of cargo's that is a program by itself: the one on the search path, or one of our own under the target folder.
pub fn cargo_tool(project: &Project, log: &mut Log, name: &str) -> Result<PathBuf> {
    if let Ok(here) = which::which(name) {
        return Ok(here);
    }
    let root = project.target.join("tools");
    let program = root.join("bin").join(name);
    if !program.exists() {
        let install = project.cargo(["install", "--locked", name, "--root"]).arg(&root);
        if !log.run(&install)?.success() {
            return Err(Missing { advice: format!("needs: cargo install {name}") }.into());
        }
    }
    Ok(program)
}

/// Tries to install. Whether it worked is seen by looking for the tools, so errors are only shown.
fn apt_get(packages: &[&str]) {
    static UPDATED: OnceLock<()> = OnceLock::new();
    let apt = |args: &[&str]| Cmd::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").read();
    UPDATED.get_or_init(|| {
        if let Err(error) = apt(&["update"]) {
            eprintln!("{error:#}");
        }
    });
    let mut args = vec!["install", "-y"];
    args.extend(packages);
    if let Err(error) = apt(&args) {
        eprintln!("{error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_by_name_or_path() {
        let tool = |name| Tool { name, package: "x" };
        assert!(tool("sh").is_here());
        assert!(tool("/bin/sh").is_here());
        assert!(!tool("no-such-program").is_here());
        assert!(!tool("/no/such/file").is_here());
    }
}
