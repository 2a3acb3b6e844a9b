//! The core and the C library, compiled for targets without an operating system.

use anyhow::{Result, ensure};

use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools;

/// A target.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Whether it has a compare-exchange. Without one the library is built both ways to do without.
    pub compare_exchange: bool,
}

/// The targets, each of another kind.
pub const TARGETS: [Target; 5] = [
    Target { name: "thumbv6m-none-eabi", compare_exchange: false },
    Target { name: "thumbv7m-none-eabi", compare_exchange: true },
    Target { name: "thumbv7em-none-eabihf", compare_exchange: true },
    Target { name: "riscv32imac-unknown-none-elf", compare_exchange: true },
    Target { name: "riscv32imc-unknown-none-elf", compare_exchange: false },
];

impl Target {
    /// The features of the library among which the target has to choose one.
    pub fn ways(&self) -> &'static [&'static str] {
        if self.compare_exchange { &[""] } else { &["critical-section", "unsafe-assume-single-core"] }
    }

    /// Compiles with and without the COM functions. Sizes of slots are asserted in the sources.
    pub fn step(&self, project: &Project, log: &mut Log) -> Result<Outcome> {
        let cross = Cross::find(self.name)?;
        let mut counts = Counts::default();
        for way in self.ways() {
            for com in ["", "com"] {
                let features = [*way, com].join(",");
                let cmd = self.build(&cross, project, &features);
                log.check(&cmd)?;
                let port = cross
                    .cargo(project, "build")
                    .args(["-p", "cocancel", "--no-default-features", "--features"])
                    .arg(format!("bare-metal,{features}"))
                    .arg("--target-dir")
                    .arg(folder(project));
                log.check(&port)?;
                counts.passed += 1;
            }
        }
        let archive = folder(project).join(self.name).join("release/libcocancel.a");
        ensure!(archive.exists(), "{} was not built", archive.display());
        if self.name.starts_with("thumb") {
            tools::need(&[&tools::READELF])?;
            check_attributes(
                &Cmd::new(tools::READELF.name).arg("-A").arg(&archive).read()?,
                self.name.ends_with("hf"),
            )?;
            counts.passed += 1;
        }
        if !self.compare_exchange {
            let refused = log.run(&self.build(&cross, project, ""))?;
            let says_why = refused.output.contains("this target has no compare-exchange: enable the feature");
            ensure!(!refused.success() && says_why, "without a feature it must not compile, and say what to do");
            counts.passed += 1;
        }
        Ok(Outcome::Tests(counts))
    }

    fn build(&self, cross: &Cross, project: &Project, features: &str) -> Cmd {
        cross
            .cargo(project, "build")
            .args(["-p", "cocancel-ffi", "--no-default-features", "--features", features, "--target-dir"])
            .arg(folder(project))
    }
}

/// What an ARM linker compares: floats go in their own registers or not, as the target's name says; and enums are of no size, because the
/// library has none in its interface, so that it goes with C of either kind.
fn check_attributes(listed: &str, hard_float: bool) -> Result<()> {
    let count = |what: &str| listed.lines().filter(|line| line.contains(what)).count();
    let (objects, hard) = (count("File Attributes"), count("Tag_ABI_VFP_args: VFP registers"));
    ensure!(objects > 0, "readelf lists no attributes");
    ensure!(count("Tag_ABI_enum_size") == 0, "an object says how large its enums are");
    ensure!(
        hard == if hard_float { objects } else { 0 },
        "{hard} of {objects} objects have floats in their own registers"
    );
    Ok(())
}

/// Apart from the host's, whose build scripts another compiler may have made.
pub fn folder(project: &Project) -> std::path::PathBuf {
    project.target.join("bare")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_another_abi_are_found() {
        let soft = "File Attributes\n  Tag_CPU_arch: v7\nFile Attributes\n";
        let hard = "File Attributes\n  Tag_ABI_VFP_args: VFP registers\n";
        assert!(check_attributes(soft, false).is_ok() && check_attributes(hard, true).is_ok());
        assert!(check_attributes(soft, true).is_err() && check_attributes(hard, false).is_err());
        assert!(check_attributes(&format!("{soft}{hard}"), true).is_err());
        assert!(check_attributes(&format!("{soft}  Tag_ABI_enum_size: small\n"), false).is_err());
        assert!(check_attributes("", false).is_err());
    }
}
