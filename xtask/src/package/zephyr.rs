//! The module for Zephyr, as far as it can be checked without Zephyr: its description, its Kconfig in each configuration, and its programs with
//! a stand-in for the kernel and for the functions of Zephyr's build.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use regex::Regex;

use super::linux::Host;
use super::python;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::size::library as boards;
use crate::tools;
use crate::tools::CMAKE;

const PACKAGES: [&str; 2] = ["kconfiglib==14.1.0", "pykwalify==1.8.0"];

/// Processors as Zephyr's symbols tell them, and the released archive for each; none where the user has to name one.
const PROCESSORS: [(&str, &str); 19] = [
    ("CPU_CORTEX_M0", THUMBV6M),
    ("CPU_CORTEX_M0PLUS", THUMBV6M),
    ("CPU_CORTEX_M0PLUS SMP", ""),
    ("CPU_CORTEX_M23", THUMBV6M),
    ("CPU_CORTEX_M3", "thumbv7m-none-eabi"),
    ("CPU_CORTEX_M4", "thumbv7m-none-eabi"),
    ("CPU_CORTEX_M4 FPU FP_HARDABI", "thumbv7em-none-eabihf"),
    ("CPU_CORTEX_M33", "thumbv7m-none-eabi"),
    ("CPU_CORTEX_M33 ARMV8_M_DSP FPU", "thumbv7m-none-eabi"),
    ("CPU_CORTEX_M33 ARMV8_M_DSP FPU FP_HARDABI", "thumbv7em-none-eabihf"),
    // an archive for a Cortex-M4 may have instructions of the DSP extension
    ("CPU_CORTEX_M33 FPU FP_HARDABI", ""),
    ("RISCV RISCV_ISA_EXT_M RISCV_ISA_EXT_C", RISCV32IMC),
    ("RISCV RISCV_ISA_EXT_M RISCV_ISA_EXT_A RISCV_ISA_EXT_C SMP", "riscv32imac-unknown-none-elf"),
    ("RISCV RISCV_ISA_EXT_M RISCV_ISA_EXT_C SMP", ""),
    ("RISCV RISCV_ISA_EXT_A RISCV_ISA_EXT_C", ""),
    ("RISCV RISCV_ISA_EXT_M RISCV_ISA_EXT_A", ""),
    ("RISCV RISCV_ISA_RV32E RISCV_ISA_EXT_M RISCV_ISA_EXT_C", ""),
    ("RISCV RISCV_ISA_EXT_M RISCV_ISA_EXT_C FPU", ""),
    ("RISCV 64BIT RISCV_ISA_EXT_M RISCV_ISA_EXT_A RISCV_ISA_EXT_C", ""),
];

const THUMBV6M: &str = "thumbv6m-none-eabi-unsafe-assume-single-core";
const RISCV32IMC: &str = "riscv32imc-unknown-none-elf-unsafe-assume-single-core";

/// The programs, and the line with which each says that all was right. The second clock wraps within the suite.
const PROGRAMS: [(&str, &str, &str); 3] = [
    ("sample", "0", "0 wrong"),
    ("conformance", "0", "0 clauses are broken"),
    ("conformance", "0xFFFFFE00u", "0 clauses are broken"),
];

/// The step of the gate.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&tools::GCC, &CMAKE])?;
    let programs = python::environment(project, log, "zephyr", &PACKAGES)?;
    let module = Module { project, programs, scratch: project.scratch().join("zephyr") };
    if module.scratch.exists() {
        fs::remove_dir_all(&module.scratch)?;
    }
    fs::create_dir_all(&module.scratch)?;
    let mut counts = Counts::default();
    module.description(log)?;
    counts.passed += 1;
    for (symbols, target) in PROCESSORS {
        module.processor(log, symbols, target)?;
        counts.passed += 1;
    }
    let archive = Host.build(project, log)?.archive;
    for (number, (name, uptime, last)) in PROGRAMS.into_iter().enumerate() {
        module.program(log, &module.scratch.join(format!("{name}-{number}")), name, uptime, last, &archive)?;
        counts.passed += 1;
    }
    Ok(Outcome::Tests(counts))
}

struct Module<'a> {
    project: &'a Project,
    programs: PathBuf,
    scratch: PathBuf,
}

/// The pattern of a program's description for Zephyr's test runner accepts its last line, and none that counts more.
fn accepts_only(folder: &Path, last: &str) -> Result<()> {
    let file = ["sample.yaml", "testcase.yaml"].map(|name| folder.join(name)).into_iter().find(|f| f.exists());
    let text = fs::read_to_string(file.context("no description")?)?;
    let pattern = text.lines().find_map(|l| l.trim().strip_prefix("- \"")?.strip_suffix('"')).context("no pattern")?;
    let regex = Regex::new(pattern)?;
    ensure!(regex.is_match(last) && !regex.is_match(&format!("1{last}")), "{pattern} is not just {last:?}");
    Ok(())
}

impl Module<'_> {
    fn tests(&self, name: &str) -> PathBuf {
        self.project.root.join("tests/package/zephyr").join(name)
    }

    /// zephyr/module.yml has the keys that a module may have, and names what is there.
    fn description(&self, log: &mut Log) -> Result<()> {
        let file = self.project.root.join("zephyr/module.yml");
        let validate = Cmd::new(self.programs.join("pykwalify")).arg("-d").arg(&file).arg("-s");
        log.check(&validate.arg(self.tests("module-schema.yml")))?;
        let text = fs::read_to_string(&file)?;
        let values = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split(' ').next_back());
        let mut count = 0;
        for path in values.filter(|v| v.contains('/')) {
            ensure!(self.project.root.join(path).exists(), "zephyr/module.yml names {path}, which is not there");
            count += 1;
        }
        ensure!(count == 4, "zephyr/module.yml names {count} paths");
        Ok(())
    }

    /// Runs Kconfig with a file of settings; whatever it warns of is an error.
    fn configure(&self, log: &mut Log, folder: &Path, settings: &Path) -> Result<()> {
        let configure = Cmd::new(self.programs.join("python"))
            .arg(self.tests("configure.py"))
            .arg(self.tests("stand-in/Kconfig"))
            .arg(settings)
            .arg(folder)
            .env("MODULE_KCONFIG", self.project.root.join("packaging/zephyr/Kconfig"));
        log.check(&configure)?;
        Ok(())
    }

    /// For this processor the module takes that archive, which is one that `cargo xtask dist` makes.
    fn processor(&self, log: &mut Log, symbols: &str, target: &str) -> Result<()> {
        let folder = self.scratch.join(symbols.replace(' ', "-"));
        fs::create_dir_all(&folder)?;
        let settings = folder.join("prj.conf");
        let lines = symbols.split(' ').chain(["COCANCEL"]).map(|s| format!("CONFIG_{s}=y\n"));
        fs::write(&settings, lines.collect::<String>())?;
        self.configure(log, &folder, &settings)?;
        let config = fs::read_to_string(folder.join("dotconfig"))?;
        let got = config.lines().find_map(|l| l.strip_prefix("CONFIG_COCANCEL_TARGET=")).unwrap_or("\"\"");
        ensure!(got.trim_matches('"') == target, "for {symbols} the module takes the archive {got}, not {target}");
        let is_released = boards::TARGETS.iter().any(|t| t.title() == target);
        ensure!(is_released || target.is_empty(), "no archive is called {target}");
        Ok(())
    }

    /// Configures an application, builds it with the stand-in, and runs it.
    fn program(
        &self,
        log: &mut Log,
        folder: &Path,
        name: &str,
        uptime: &str,
        last: &str,
        archive: &Path,
    ) -> Result<()> {
        fs::create_dir_all(folder)?;
        let source = self.project.root.join("packaging/zephyr").join(name);
        accepts_only(&source, last)?;
        let settings = folder.join("prj.conf");
        let own = fs::read_to_string(source.join("prj.conf"))?;
        fs::write(&settings, format!("{own}CONFIG_COCANCEL_LIBRARY=\"{}\"\n", archive.display()))?;
        self.configure(log, folder, &settings)?;
        let build = folder.join("build");
        let set = |name: &str, value: &Path| format!("-D{name}={}", value.display());
        let configure = Cmd::new(CMAKE.name)
            .arg("-S")
            .arg(&source)
            .arg("-B")
            .arg(&build)
            .arg(set("Zephyr_DIR", &self.tests("stand-in")))
            .arg(set("MODULE", &self.project.root))
            .arg(set("DOTCONFIG", &folder.join("dotconfig")))
            .arg(set("AUTOCONF", &folder.join("autoconf.h")))
            .arg(format!("-DUPTIME={uptime}"));
        log.check(&configure)?;
        log.check(&Cmd::new(CMAKE.name).arg("--build").arg(&build))?;
        let said = log.check(&Cmd::new(build.join("app")))?;
        ensure!(said.lines().last() == Some(last), "{name} says at its end: {:?}", said.lines().last());
        Ok(())
    }
}
