//! The component for ESP-IDF, as far as it can be checked without ESP-IDF: its manifests and its Kconfig with Espressif's own tools, and its
//! example with a stand-in for the kernel and for the functions of ESP-IDF's build.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::linux::Host;
use super::python;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome};
use crate::tools;
use crate::tools::CMAKE;

const PACKAGES: [&str; 2] = ["idf-component-manager==3.1.2", "esp-idf-kconfig==3.14.0"];

/// Chips, and the released archive for each.
const CHIPS: [(&str, &str); 5] = [
    ("esp32c2", "riscv32imc-unknown-none-elf-unsafe-assume-single-core"),
    ("esp32c3", "riscv32imc-unknown-none-elf-unsafe-assume-single-core"),
    ("esp32c5", "riscv32imac-unknown-none-elf"),
    ("esp32c6", "riscv32imac-unknown-none-elf"),
    ("esp32h2", "riscv32imac-unknown-none-elf"),
];

/// The step of the gate.
pub fn step(project: &Project, log: &mut Log) -> Result<Outcome> {
    tools::need(&[&tools::GCC, &CMAKE])?;
    let programs = python::environment(project, log, "esp-idf", &PACKAGES)?;
    let scratch = project.scratch().join("esp-idf");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let component = Component { project, programs, packaging: project.root.join("packaging/esp-idf"), scratch };
    let mut counts = Counts::default();
    component.manifests(log)?;
    counts.passed += 1;
    let defaults = fs::read_to_string(component.packaging.join("example/sdkconfig.defaults"))?;
    for (chip, archive) in CHIPS {
        component.chip(log, &defaults, chip, archive)?;
        counts.passed += 1;
    }
    let archive = Host.build(project, log)?.archive;
    component.example(log, &defaults, &archive)?;
    counts.passed += 1;
    Ok(Outcome::Tests(counts))
}

struct Component<'a> {
    project: &'a Project,
    programs: PathBuf,
    packaging: PathBuf,
    scratch: PathBuf,
}

impl Component<'_> {
    fn stand_in(&self) -> PathBuf {
        self.project.root.join("tests/package/esp-idf/stand-in")
    }

    /// The manifests are valid; the component's has the library's version and just the chips that have an archive.
    fn manifests(&self, log: &mut Log) -> Result<()> {
        let manifest = self.packaging.join("cocancel/idf_component.yml");
        let lint = Cmd::new(self.programs.join("compote")).args(["-W", "manifest", "lint"]);
        log.check(&lint.arg(&manifest).arg(self.packaging.join("example/main/idf_component.yml")))?;
        let text = fs::read_to_string(&manifest)?;
        let version = text.lines().find_map(|l| l.strip_prefix("version: ")).context("the manifest has no version")?;
        let own = &self.project.package("cocancel-ffi")?.version;
        ensure!(
            version.trim_matches('"') == own.to_string(),
            "the manifest's version is {version}, the library's {own}"
        );
        let chips: Vec<_> = text.lines().filter_map(|l| l.strip_prefix("  - ")).collect();
        ensure!(chips == CHIPS.map(|(chip, _)| chip), "the manifest names the chips {chips:?}");
        // It writes what it suggests beside what it checks.
        let copy = self.scratch.join("Kconfig");
        fs::copy(self.kconfig(), &copy)?;
        log.check(&Cmd::new(self.programs.join("python")).args(["-m", "kconfcheck"]).arg(copy))?;
        Ok(())
    }

    fn kconfig(&self) -> PathBuf {
        self.packaging.join("cocancel/Kconfig")
    }

    /// Runs Kconfig, and configures the example for a chip.
    fn configure(&self, log: &mut Log, settings: &str, chip: &str, component: &Path) -> Result<(Cmd, PathBuf)> {
        let folder = self.scratch.join(chip);
        fs::create_dir_all(&folder)?;
        let defaults = folder.join("sdkconfig.defaults");
        fs::write(&defaults, settings)?;
        let (cmake, header) = (folder.join("sdkconfig.cmake"), folder.join("sdkconfig.h"));
        let generate = Cmd::new(self.programs.join("python"))
            .args(["-m", "kconfgen", "--kconfig"])
            .arg(self.stand_in().join("Kconfig"))
            .arg("--defaults")
            .arg(&defaults)
            .args(["--env".to_owned(), format!("COMPONENT_KCONFIG={}", self.kconfig().display())])
            .args([Path::new("--output"), Path::new("cmake"), &cmake])
            .args([Path::new("--output"), Path::new("header"), &header]);
        let said = log.check(&generate)?;
        ensure!(!said.to_lowercase().contains("warning"), "Kconfig warns");
        let build = folder.join("build");
        let set = |name: &str, value: &Path| format!("-D{name}={}", value.display());
        let configure = Cmd::new(CMAKE.name)
            .arg("-S")
            .arg(self.packaging.join("example"))
            .arg("-B")
            .arg(&build)
            .arg(set("COMPONENT", component))
            .arg(set("SDKCONFIG", &cmake))
            .arg(set("HEADER", &header))
            .arg(format!("-DIDF_TARGET={chip}"))
            .env("IDF_PATH", self.stand_in());
        Ok((configure, build))
    }

    /// The component takes the archive that `cargo xtask dist` made for the chip: here an empty file, beside all others, in a copy of the
    /// folders. Without it, it says how to make it.
    fn chip(&self, log: &mut Log, settings: &str, chip: &str, archive: &str) -> Result<()> {
        let root = self.scratch.join("copy").join(chip);
        let component = root.join("packaging/esp-idf/cocancel");
        fs::create_dir_all(&component)?;
        fs::copy(self.packaging.join("cocancel/CMakeLists.txt"), component.join("CMakeLists.txt"))?;
        let port = root.join("ports/freertos");
        fs::create_dir_all(&port)?;
        fs::write(port.join("cocancel_freertos.c"), "")?;
        let (configure, build) = self.configure(log, settings, chip, &component)?;
        let refused = log.run(&configure)?;
        let name = archive.split("-unknown").next().context("a target without a name")?;
        let says_how = refused.output.contains(&format!("cargo xtask dist {name}`"));
        ensure!(!refused.success() && says_how, "without an archive, {chip} must be refused, and the way to one told");
        let version = &self.project.package("cocancel-ffi")?.version;
        let others =
            CHIPS.into_iter().map(|(_, archive)| archive).chain(["riscv32imc-unknown-none-elf-critical-section"]);
        for other in others {
            let lib = root.join(format!("target/dist/cocancel-{version}-{other}/lib"));
            fs::create_dir_all(&lib)?;
            fs::write(lib.join("libcocancel.a"), "")?;
        }
        log.check(&configure)?;
        let link = fs::read_to_string(build.join("CMakeFiles/app.dir/link.txt"))?;
        let wanted = format!("cocancel-{version}-{archive}/lib/libcocancel.a");
        ensure!(link.contains(&wanted), "for {chip} the component does not take {wanted}");
        Ok(())
    }

    /// The example, built for this machine with the stand-in, and run.
    fn example(&self, log: &mut Log, settings: &str, archive: &Path) -> Result<()> {
        let settings = format!("{settings}CONFIG_COCANCEL_LIBRARY=\"{}\"\n", archive.display());
        let (configure, build) = self.configure(log, &settings, "host", &self.packaging.join("cocancel"))?;
        log.check(&configure)?;
        log.check(&Cmd::new(CMAKE.name).arg("--build").arg(&build))?;
        let said = log.check(&Cmd::new(build.join("app")))?;
        ensure!(said.lines().last() == Some("0 wrong"), "the example says at its end: {:?}", said.lines().last());
        Ok(())
    }
}
