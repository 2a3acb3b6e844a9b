//! The targets of the Windows archives: rustc's own, held to what a COM runtime of the system's may use.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::cross::Cross;
use crate::exec::Cmd;
use crate::project::Project;

/// A processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arch {
    /// 32 bits, from the first Pentium on.
    I686,
    /// 64 bits.
    X86_64,
}

/// A format of object files, with the linkers that go with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// mingw's.
    Gnu,
    /// Microsoft's, and lld-link's.
    Msvc,
}

/// What an archive is built for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Target {
    /// The processor.
    pub arch: Arch,
    /// The object files.
    pub format: Format,
}

/// All of them.
pub const TARGETS: [Target; 4] = [
    Target { arch: Arch::I686, format: Format::Gnu },
    Target { arch: Arch::X86_64, format: Format::Gnu },
    Target { arch: Arch::I686, format: Format::Msvc },
    Target { arch: Arch::X86_64, format: Format::Msvc },
];

impl Arch {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::I686 => "i686",
            Self::X86_64 => "x86_64",
        }
    }

    /// One of mingw's programs.
    pub fn mingw(self, program: &str) -> String {
        format!("{}-w64-mingw32-{program}", self.name())
    }

    /// Before each name of C's.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::I686 => "_",
            Self::X86_64 => "",
        }
    }

    /// Bits of an address.
    pub fn bits(self) -> u32 {
        match self {
            Self::I686 => 32,
            Self::X86_64 => 64,
        }
    }
}

impl Target {
    /// Its name, which is that of the folder it is built in, too.
    pub fn name(self) -> String {
        format!("{}-windows-{}", self.arch.name(), self.format())
    }

    fn format(self) -> &'static str {
        match self.format {
            Format::Gnu => "gnu",
            Format::Msvc => "msvc",
        }
    }

    /// Rustc's own target.
    pub fn stock(self) -> String {
        format!("{}-pc-windows-{}", self.arch.name(), self.format())
    }

    /// How to build for it.
    pub fn cross(self, project: &Project) -> Result<Cross> {
        let path = self.specification_file(project);
        let cross = Cross::from_source(&path.to_string_lossy())?;
        let spec = self.specification(&cross)?;
        fs::create_dir_all(project.scratch().join("windows"))?;
        // written when it changes only, or everything would be built anew
        if fs::read_to_string(&path).unwrap_or_default() != spec {
            fs::write(&path, spec).with_context(|| path.display().to_string())?;
        }
        Ok(cross)
    }

    /// Where it stands once [`Target::cross`] has written it.
    pub fn specification_file(self, project: &Project) -> PathBuf {
        project.scratch().join("windows").join(format!("{}.json", self.name()))
    }

    fn specification(self, cross: &Cross) -> Result<String> {
        let stock = Cmd::new(cross.rustc())
            .args(["--print", "target-spec-json", "-Zunstable-options", "--target", &self.stock()])
            .env("RUSTC_BOOTSTRAP", "1")
            .read()?;
        let mut spec: serde_json::Map<String, Value> = serde_json::from_str(&stock)?;
        for (key, value) in self.changes() {
            spec.insert(key.to_owned(), value);
        }
        Ok(serde_json::to_string_pretty(&spec)?)
    }

    /// No registers that a kernel would have to save, no code below the stack pointer, a section for each function.
    fn changes(self) -> Vec<(&'static str, Value)> {
        let mut changes = vec![
            ("rustc-abi", json!("softfloat")),
            ("disable-redzone", json!(true)),
            ("function-sections", json!(true)),
            ("panic-strategy", json!("abort")),
        ];
        match self.arch {
            Arch::I686 => {
                changes.push(("cpu", json!("pentium")));
                changes.push(("features", json!("-mmx,-sse,-sse2,-x87,+soft-float")));
            }
            Arch::X86_64 => {
                let features = "-mmx,-sse,-sse2,-sse3,-ssse3,-sse4.1,-sse4.2,-avx,-avx2,+soft-float";
                changes.push(("features", json!(features)));
                changes.push(("max-atomic-width", json!(64)));
            }
        }
        if self.format == Format::Gnu {
            // GNU ld keeps every function that has an unwind table
            changes.push(("requires-uwtable", json!(false)));
        }
        changes
    }
}

/// The folder in which cargo builds.
pub fn cargo_folder(project: &Project) -> PathBuf {
    project.target.join("windows")
}
