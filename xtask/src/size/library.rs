//! The static library, built small and linked whole or in part; what is in the image then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags};

use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::tools;

/// A target, and how the library does without compare-exchange there.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub triple: &'static str,
    pub feature: &'static str,
}

const fn target(name: &'static str, triple: &'static str, feature: &'static str) -> Target {
    Target { name, triple, feature }
}

/// All of them.
pub const TARGETS: [Target; 7] = [
    target("Cortex-M0, critical section", "thumbv6m-none-eabi", "critical-section"),
    target("Cortex-M0, single core", "thumbv6m-none-eabi", "unsafe-assume-single-core"),
    target("Cortex-M3", "thumbv7m-none-eabi", ""),
    target("Cortex-M4F", "thumbv7em-none-eabihf", ""),
    target("RV32IMC, critical section", "riscv32imc-unknown-none-elf", "critical-section"),
    target("RV32IMC, single core", "riscv32imc-unknown-none-elf", "unsafe-assume-single-core"),
    target("RV32IMAC", "riscv32imac-unknown-none-elf", ""),
];
pub const CRITICAL_SECTION: usize = 0;
pub const CORTEX_M3: usize = 2;

/// What a program with the simplest calls uses.
const ONE_CALL: [&str; 5] =
    ["cocancel_init", "cocancel_begin", "cocancel_complete", "cocancel_finish", "cocancel_cancel_thread"];
/// Whoever links the library with the feature `critical-section` brings these.
const BROUGHT: [&str; 2] = ["_critical_section_1_0_acquire", "_critical_section_1_0_release"];

/// How it is built: what is released for boards is what is measured.
pub const PROFILE: [(&str, &str); 3] = [("opt-level", "z"), ("lto", "fat"), ("codegen-units", "1")];
/// The archive says how much of the stack each function takes. RUSTFLAGS in the environment take its place.
pub const RUSTFLAGS: &str = "-Zemit-stack-sizes";

/// What of the library a program uses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Some functions of a library without COM.
    OneCall,
    /// All of a library without COM.
    Native,
    /// All, COM functions included.
    Com,
}

impl Use {
    pub const ALL: [Self; 3] = [Self::OneCall, Self::Native, Self::Com];

    /// In the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneCall => "one call",
            Self::Native => "native",
            Self::Com => "with COM",
        }
    }
}

/// An image's symbol that has bytes.
pub struct Symbol {
    pub name: String,
    pub is_code: bool,
    pub size: u64,
}

/// A linked image.
#[derive(Default)]
pub struct Image {
    pub path: PathBuf,
    pub code: u64,
    pub rodata: u64,
    /// Initialised and zeroed, without the host's storage.
    pub ram: u64,
    pub symbols: Vec<Symbol>,
    /// Bytes of stack of each function by its address, without what it calls.
    pub frames: BTreeMap<u64, u64>,
}

impl Target {
    /// The target, and the feature if it needs one: the name of what is released for it.
    pub fn title(&self) -> String {
        [self.triple, self.feature].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
    }

    /// Builds the static library. All that is optimised is size. It has the same name with COM as without.
    pub fn build(&self, project: &Project, log: &mut Log, com: bool) -> Result<PathBuf> {
        let features = [self.feature, if com { "com" } else { "" }].join(",");
        let build =
            build_small(project, self.triple)?.args(["-p", "cocancel-ffi", "--no-default-features", "--features"]);
        log.check(&build.arg(features))?;
        Ok(built(project, self.triple, "libcocancel.a"))
    }

    /// Links what a program that uses these functions has of the library.
    pub fn link(&self, project: &Project, log: &mut Log, archive: &Path, using: Use) -> Result<Image> {
        let is_arm = self.triple.starts_with("thumb");
        let linker = if is_arm { &tools::ARM_LD } else { &tools::RISCV_LD };
        tools::need(&[linker])?;
        let folder = project.scratch().join("size");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{}{}-{}.elf", self.triple, self.feature, using.name().replace(' ', "-")));
        let roots: Vec<String> = match using {
            Use::OneCall => ONE_CALL.iter().map(|name| (*name).to_owned()).collect(),
            Use::Native | Use::Com => exported(archive)?,
        };
        let mut link = Cmd::new(linker.name).args(["--gc-sections", "-e", "cocancel_init", "-o"]).arg(&path);
        if !is_arm {
            link = link.args(["-m", "elf32lriscv"]);
        }
        for brought in BROUGHT {
            link = link.arg(format!("--defsym={brought}=0"));
        }
        for root in &roots {
            link = link.args(["-u", root.as_str()]);
        }
        log.check(&link.arg(archive))?;
        Image::read(path)
    }
}

/// Builds as small as can be. With the same flags and in the same folder for all, so that `core` is compiled once for a target: that is
/// what takes the time.
pub fn build_small(project: &Project, triple: &str) -> Result<Cmd> {
    let variable = |name: &str| name.to_uppercase().replace('-', "_");
    let build = Cross::find(triple)?.cargo(project, "build").arg("--target-dir").arg(project.target.join("size"));
    let build = PROFILE
        .into_iter()
        .fold(build, |build, (key, value)| build.env(&format!("CARGO_PROFILE_RELEASE_{}", variable(key)), value));
    Ok(build.env("RUSTC_BOOTSTRAP", "1").env(&format!("CARGO_TARGET_{}_RUSTFLAGS", variable(triple)), RUSTFLAGS))
}

/// Where that puts a file.
pub fn built(project: &Project, triple: &str, file: &str) -> PathBuf {
    project.target.join("size").join(triple).join("release").join(file)
}

/// The C functions of a library.
fn exported(archive: &Path) -> Result<Vec<String>> {
    let bytes = fs::read(archive).with_context(|| archive.display().to_string())?;
    let archive = object::read::archive::ArchiveFile::parse(&*bytes)?;
    let mut names = BTreeSet::new();
    for member in archive.members() {
        let file = object::File::parse(member?.data(&*bytes)?)?;
        let functions = file.symbols().filter(|s| s.is_definition() && s.is_global());
        names.extend(functions.filter_map(|s| s.name().ok()).filter(|name| is_c(name)).map(str::to_owned));
    }
    ensure!(!names.is_empty(), "the library has no functions");
    Ok(names.into_iter().collect())
}

/// Whether it is a function of the library's headers.
pub fn is_c(name: &str) -> bool {
    name.starts_with("cocancel_") || is_com(name)
}

/// Whether it is one of the COM functions.
pub fn is_com(name: &str) -> bool {
    name.strip_prefix("Co").is_some_and(|rest| rest.starts_with(char::is_uppercase))
}

impl Image {
    /// Reads a linked image.
    pub fn read(path: PathBuf) -> Result<Self> {
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let file = object::File::parse(&*bytes)?;
        let mut image = Self { path, ..Self::default() };
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            let has = |flag: u32| sh_flags & u64::from(flag) != 0;
            if section.name() == Ok(".stack_sizes") {
                image.frames = frames(section.data()?);
            } else if has(object::elf::SHF_EXECINSTR) {
                image.code += section.size();
            } else if has(object::elf::SHF_WRITE) {
                image.ram += section.size();
            } else if has(object::elf::SHF_ALLOC) {
                image.rodata += section.size();
            }
        }
        for symbol in file.symbols().filter(|s| s.is_definition() && s.size() > 0) {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
            image.symbols.push(Symbol {
                name,
                is_code: symbol.kind() == object::SymbolKind::Text,
                size: symbol.size(),
            });
        }
        Ok(image)
    }

    /// What the linked image must not have, by name.
    pub fn check(&self, com_is_allowed: bool) -> Result<()> {
        let having = |is: &dyn Fn(&str) -> bool| -> Vec<&str> {
            self.symbols.iter().map(|s| s.name.as_str()).filter(|name| is(name)).collect()
        };
        let panics = having(&|name| name.contains("panic") || name.contains("unwind"));
        ensure!(panics.is_empty(), "code that panics is linked: {panics:?}");
        let division = having(&|name| {
            ["div", "mod"].iter().any(|op| name.contains(op) && (name.starts_with("__") || name.contains("builtins")))
        });
        ensure!(division.is_empty(), "division helpers are linked: {division:?}");
        let com = having(&|name| is_com(name) || name.contains("cocancel::com"));
        ensure!(com_is_allowed != com.is_empty(), "COM functions: {com:?}");
        Ok(())
    }

    /// Helpers of the compiler's that were linked, such as `memset`.
    pub fn helpers(&self) -> BTreeSet<String> {
        let is_helper = |name: &&str| ["mem", "__aeabi"].iter().any(|start| name.starts_with(start));
        self.symbols.iter().map(|s| s.name.as_str()).filter(is_helper).map(str::to_owned).collect()
    }
}

/// `.stack_sizes`: for each function its address and the bytes as ULEB128.
fn frames(mut data: &[u8]) -> BTreeMap<u64, u64> {
    let mut frames = BTreeMap::new();
    while let Some((address, rest)) = data.split_first_chunk::<4>() {
        data = rest;
        let mut size = 0;
        for shift in (0..).step_by(7) {
            let Some((byte, rest)) = data.split_first() else { break };
            data = rest;
            size |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        frames.insert(u64::from(u32::from_le_bytes(*address)) & !1, size);
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(names: &[&str]) -> Image {
        let symbols = names.iter().map(|name| Symbol { name: (*name).to_owned(), is_code: true, size: 4 }).collect();
        Image { symbols, ..Image::default() }
    }

    #[test]
    fn what_must_not_be_linked_is_found() {
        assert!(image(&["cocancel_begin", "memset"]).check(false).is_ok());
        assert!(image(&["core::panicking::panic_bounds_check"]).check(false).is_err());
        assert!(image(&["__aeabi_uidiv"]).check(false).is_err());
        assert!(image(&["__udivsi3"]).check(false).is_err());
        assert!(image(&["CoTestCancel"]).check(false).is_err());
        assert!(image(&["<cocancel::com::guid::Guid>::eq"]).check(false).is_err());
        assert!(image(&["CoTestCancel"]).check(true).is_ok());
        assert!(image(&["cocancel_begin"]).check(true).is_err());
        assert_eq!(image(&["memset", "__aeabi_memclr", "cocancel_x"]).helpers().len(), 2);
    }

    #[test]
    fn stack_sizes_are_read() {
        assert_eq!(frames(&[1, 0x80, 0, 0, 0x60, 4, 0, 0, 0, 0x80, 1]), [(0x8000, 0x60), (4, 128)].into());
    }
}
