//! FreeRTOS: the firmware of examples/freertos and the port-conformance suite, built by a C compiler from the released library and run in the
//! emulator; and the suite on the host.

pub mod map;
mod planted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cargo_metadata::MetadataCommand;
use similar::TextDiff;

use crate::c::Library;
use crate::cross::Cross;
use crate::exec::Cmd;
use crate::log::Log;
use crate::project::Project;
use crate::report::{Counts, Outcome, Step};
use crate::tools::{self, CLANG, GCC, Tool};

const MAKE: Tool = Tool { name: "make", package: "make" };
const BUILDING: [&Tool; 4] = [&tools::ARM_GCC, &tools::NEWLIB, &tools::CMAKE, &MAKE];

const TARGET: &str = "thumbv7m-none-eabi";
const BOARDS: [&str; 2] = ["stm32vldiscovery", "mps2-an385"];
/// A program is over within a few seconds; one that hangs is not waited for longer than this.
const LIMIT: Duration = Duration::from_secs(60);

/// The steps of the gate.
pub fn steps() -> impl Iterator<Item = Step> {
    let boards = BOARDS.into_iter().map(|board| {
        Step::new(format!("freertos {board}"), move |project, log| {
            Ok(Outcome::Tests(Firmware::build(project, log, board)?.run(project, log, false)?))
        })
        .minutes(20)
    });
    boards.chain([Step::new("port conformance", on_pthreads), Step::new("port conformance planted", planted::step)])
}

/// `cargo xtask freertos`
pub fn command(project: &Project, bless: bool) -> Result<ExitCode> {
    let mut total = Counts::default();
    for board in BOARDS {
        let log = &mut Log::create(&project.scratch().join("logs"), &format!("freertos {board}"), LIMIT * 20)?;
        let counts = Firmware::build(project, log, board).and_then(|firmware| {
            println!("{board}\n{}", firmware.sizes()?);
            // All boards print the same: the first one's output is the new text, the other is held to it.
            firmware.run(project, log, bless && board == BOARDS[0])
        });
        let counts = counts.inspect_err(|_| println!("{}", log.tail(100).unwrap_or_default()))?;
        if counts.failed > 0 {
            println!("{}", log.tail(100)?);
        }
        total += counts;
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The programs for one board.
struct Firmware {
    board: &'static str,
    /// Where cmake built them.
    folder: PathBuf,
}

impl Firmware {
    fn build(project: &Project, log: &mut Log, board: &'static str) -> Result<Self> {
        tools::need(&BUILDING)?;
        tools::need(&[&tools::QEMU_ARM])?;
        let folder = project.scratch().join("freertos").join(board);
        let firmware = Self { board, folder };
        let library = library(project, log)?;
        configure(project, log, board, &firmware.folder, &library)?;
        log.check(&Cmd::new("cmake").arg("--build").arg(&firmware.folder))?;
        log.line(firmware.sizes()?)?;
        Ok(firmware)
    }

    fn sizes(&self) -> Result<String> {
        let path = self.folder.join("example.map");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        map::report(&text)
    }

    /// Runs the example, whose output is compared, and each build of the suite, whose exit status counts.
    fn run(&self, project: &Project, log: &mut Log, bless: bool) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut count = |passed: bool| if passed { counts.passed += 1 } else { counts.failed += 1 };
        let expected = project.root.join("examples/freertos/main.expected");
        let done = log.run_within(&self.emulate("example"), LIMIT)?;
        if bless && done.success() {
            fs::write(&expected, &done.output)?;
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        let diff = TextDiff::from_lines(&wanted, &done.output);
        log.line(diff.unified_diff().header("expected", "printed").to_string())?;
        count(done.success() && done.output == wanted && !wanted.is_empty());
        let suites = self.suites()?;
        ensure!(!suites.is_empty(), "cmake built no conformance suite");
        for suite in suites {
            count(log.run_within(&self.emulate(&suite), LIMIT)?.success());
        }
        Ok(counts)
    }

    fn suites(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(
                name.strip_suffix(".elf")
                    .filter(|n| n.starts_with("conformance") || *n == "deletion")
                    .map(str::to_owned),
            );
        }
        names.sort();
        Ok(names)
    }

    /// With a clock that counts instructions, so that a run repeats exactly and the machine's speed does not matter.
    fn emulate(&self, program: &str) -> Cmd {
        Cmd::new(tools::QEMU_ARM.name)
            .args(["-machine", self.board, "-icount", "shift=6", "-nographic", "-monitor", "none", "-serial", "none"])
            .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
            .arg(self.folder.join(format!("{program}.elf")))
    }
}

/// The example, linked for the smaller board with a library that was built for it: the image, and the linker's map of it.
pub fn example(project: &Project, log: &mut Log, library: &Path) -> Result<(PathBuf, String)> {
    tools::need(&BUILDING)?;
    let folder = project.scratch().join("freertos/measured");
    configure(project, log, BOARDS[0], &folder, library)?;
    // it depends on the library by its time, which is not newer when it was built before
    log.check(&Cmd::new("cmake").arg("--build").arg(&folder).args(["--clean-first", "--target", "example"]))?;
    Ok((folder.join("example.elf"), fs::read_to_string(folder.join("example.map"))?))
}

fn configure(project: &Project, log: &mut Log, board: &str, folder: &Path, library: &Path) -> Result<()> {
    let source = project.root.join("examples/freertos");
    let define = |name: &str, value: &Path| format!("-D{name}={}", value.display());
    let configure = Cmd::new("cmake")
        .args(["-G", "Unix Makefiles", "-S"])
        .arg(&source)
        .arg("-B")
        .arg(folder)
        .arg(define("CMAKE_TOOLCHAIN_FILE", &source.join("arm-none-eabi.cmake")))
        .arg(define("FREERTOS_KERNEL", &kernel(&source)?))
        .arg(define("COCANCEL_LIBRARY", library))
        .arg(format!("-DBOARD={board}"))
        .arg("-DCMAKE_C_FLAGS=-Werror");
    log.check(&configure)?;
    Ok(())
}

/// Where cargo has put the FreeRTOS kernel.
fn kernel(source: &Path) -> Result<PathBuf> {
    let metadata = MetadataCommand::new()
        .manifest_path(source.join("kernel/Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()?;
    let package = metadata.packages.iter().find(|p| p.name.as_str() == "freertos-next").context("no freertos-next")?;
    let folder = package.manifest_path.as_std_path().with_file_name("FreeRTOS-Kernel");
    ensure!(folder.join("tasks.c").exists(), "{} is no FreeRTOS kernel", folder.display());
    Ok(folder)
}

/// The library as a firmware wants it: small, without the COM functions.
fn library(project: &Project, log: &mut Log) -> Result<PathBuf> {
    let folder = project.target.join("freertos");
    let build = Cross::find(TARGET)?
        .cargo(project, "build")
        .args(["-p", "cocancel-ffi", "--no-default-features", "--target-dir"])
        .arg(&folder)
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z")
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    log.check(&build)?;
    Ok(folder.join(TARGET).join("release/libcocancel.a"))
}

/// The suite on the host's threads, with each C compiler.
fn on_pthreads(project: &Project, log: &mut Log) -> Result<Outcome> {
    let mut counts = Counts::default();
    for compiler in [&GCC, &CLANG] {
        let program = suite_on_pthreads(project, log, compiler)?;
        if log.run_within(&Cmd::new(&program), LIMIT)?.success() {
            counts.passed += 1;
        } else {
            counts.failed += 1;
        }
    }
    Ok(Outcome::Tests(counts))
}

/// Builds it.
fn suite_on_pthreads(project: &Project, log: &mut Log, compiler: &Tool) -> Result<PathBuf> {
    tools::need(&[compiler])?;
    let library = Library::build(project, log)?;
    let folder = project.scratch().join("conformance");
    fs::create_dir_all(&folder)?;
    let program = folder.join(compiler.name);
    let compile = Cmd::new(compiler.name)
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g", "-pthread"])
        .args(["-I", "../../include"])
        .args(["suite.c", "port_clauses.c", "runtime_clauses.c", "pthread_host.c", "planted.c"])
        .args(library.link_static())
        .arg("-Wl,--wrap=cocancel_storage_size")
        .arg("-o")
        .arg(&program)
        .dir(project.root.join("tests/conformance"));
    log.check(&compile)?;
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_about_porting_quotes_the_port() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let read = |path| fs::read_to_string(root.join(path)).unwrap();
        let port = read("ports/freertos/cocancel_freertos.c");
        let page = read("docs/porting.md");
        let quotes: Vec<_> = page.split("```c\n").skip(1).map(|text| text.split("```").next().unwrap()).collect();
        assert!(quotes.len() > 5);
        for quote in quotes {
            assert!(port.contains(quote), "no longer in the port:\n{quote}");
        }
    }

    #[test]
    fn a_folder_without_the_crate_has_no_kernel() {
        assert!(kernel(Path::new("/no/such/folder")).is_err());
    }
}
